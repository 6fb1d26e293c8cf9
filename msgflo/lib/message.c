#include "message.h"

#include <string.h>

static int check_limits(const struct msgflo_message *m, struct msgflo_error *e)
{
    size_t total = 0;

    for (size_t i = 0; i < m->header_count; i++) {
        size_t name_len = strlen(m->headers[i][0]);

        if (name_len > HEADER_NAME_MAX)
            return fail(e, MSGFLO_INVALID, "a header's name is longer than %d bytes",
                        HEADER_NAME_MAX);
        total += name_len + strlen(m->headers[i][1]);
        if (total > HEADERS_MAX_BYTES)
            return fail(e, MSGFLO_INVALID, "the headers hold more than %d bytes",
                        HEADERS_MAX_BYTES);
    }
    if (m->content_type && strlen(m->content_type) > HEADER_NAME_MAX)
        return fail(e, MSGFLO_INVALID, "the content type is longer than %d bytes", HEADER_NAME_MAX);
    return 0;
}

static bool has_header(const struct msgflo_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (strcmp(m->headers[i][0], name) == 0)
            return true;
    return false;
}

/* The delivery's headers that m does not have, then m's own. */
static int merge_headers(const struct msgflo_message *m, struct outgoing *o, struct msgflo_error *e)
{
    const struct msgflo_delivery *d = m->passes_on;
    size_t n = 0;

    if (d->header_count == 0)
        return 0;
    o->headers = calloc(d->header_count + m->header_count, sizeof *o->headers);
    if (!o->headers)
        return fail(e, MSGFLO_NOMEM, "no memory for %zu headers", d->header_count);
    for (size_t i = 0; i < d->header_count; i++) {
        if (has_header(m, d->headers[2 * i]))
            continue;
        o->headers[n][0] = d->headers[2 * i];
        o->headers[n++][1] = d->headers[2 * i + 1];
    }
    for (size_t i = 0; i < m->header_count; i++) {
        o->headers[n][0] = m->headers[i][0];
        o->headers[n++][1] = m->headers[i][1];
    }
    o->m.headers = (const char *const(*)[2])o->headers;
    o->m.header_count = n;
    return 0;
}

int outgoing_prepare(const struct msgflo_message *m, struct outgoing *ret, struct msgflo_error *e)
{
    struct outgoing o = {.m = *m};

    if (m->passes_on && merge_headers(m, &o, e))
        return -1;
    if (m->passes_on && !m->content_type)
        o.m.content_type = m->passes_on->content_type;
    o.m.passes_on = NULL;
    if (check_limits(&o.m, e)) {
        outgoing_release(&o);
        return -1;
    }
    *ret = o;
    return 0;
}

void outgoing_release(struct outgoing *o)
{
    free(o->headers);
    o->headers = NULL;
}
