/*
 * fuzz_discovery.c - any bytes as announcements of participants, one a line, heard 20 s apart: what
 * is read is complete, and who is there is kept in order.
 */
#include <string.h>

#include "fuzz.h"
#include "network/seen.h"

#define SPACING_MS 20000

static void check_participant(const struct participant *p)
{
    MUST(p->id && p->role && p->component);
    MUST(p->n_inports <= SEEN_MAX_PORTS && p->n_outports <= SEEN_MAX_PORTS);
    for (size_t i = 0; i < p->n_inports; i++)
        MUST(p->inports[i].id);
    for (size_t i = 0; i < p->n_outports; i++)
        MUST(p->outports[i].id);
    participant_queue(p, true, "in");
    participant_queue(p, false, "out");
}

static void hear(struct seen *s, const char *text, size_t len, int64_t now_ms)
{
    struct participant *p = NULL;
    enum seen_change change;
    struct err e = ERR_INIT;

    if (participant_parse(text, len, &p, &e)) {
        MUST(!p && e.text[0]);
        return;
    }
    check_participant(p);
    MUST(seen_heard(s, p, now_ms, &change, &e) == 0);
}

static void check_order(const struct seen *s, int64_t now_ms)
{
    for (size_t i = 0; i < seen_count(s); i++) {
        const struct participant *p = seen_at(s, i), *before = i ? seen_at(s, i - 1) : NULL;
        int order = before ? strcmp(before->role, p->role) : -1;

        MUST(order < 0 || (order == 0 && strcmp(before->id, p->id) < 0));
        MUST(seen_role(s, p->role, now_ms));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *at = (const char *)data, *end = at + size;
    struct seen *s = seen_new();
    struct participant *gone;
    int64_t now_ms = 1;

    MUST(s);
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline ? newline : end) - at);

        hear(s, at, len, now_ms);
        check_order(s, now_ms);
        now_ms += SPACING_MS;
        while ((gone = seen_take_gone(s, now_ms)))
            participant_free(gone);
        at += len + 1;
    }
    seen_free(s);
    return 0;
}
