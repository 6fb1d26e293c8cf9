/*
 * setup_discover.c - who is there, and by which queues: --discover of msgflo setup.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tool/setup.h"

static void take_announcement(void *user, const struct broker_delivery *d)
{
    struct setup *s = user;
    struct participant *p;
    enum seen_change change;
    struct err e = ERR_INIT;

    if (d->source != BROKER_FROM_DISCOVERY)
        return;
    if (participant_parse(d->body, d->size, &p, &e) ||
        seen_heard(s->seen, p, clock_mono_ms(), &change, &e))
        fprintf(stderr, "msgflo %s: warning: an announcement: %s\n", s->self->name, e.text);
}

int setup_follow_discovery(struct setup *s, struct err *e)
{
    s->seen = seen_new();
    if (!s->seen)
        return err_set(e, ERR_NOMEM, "no memory for participants");
    s->loop.delivered = take_announcement;
    s->loop.user = s;
    return broker_follow_discovery(s->broker, e);
}

/* The roles of the graph that nobody has announced. */
static size_t missing(const struct setup *s, struct buf *names)
{
    size_t n = 0;

    for (size_t i = 0; i < s->topology.roles.n; i++)
        if (!seen_role(s->seen, s->topology.roles.names[i], clock_mono_ms()))
            buf_printf(names, "%s'%s'", n++ ? ", " : "", s->topology.roles.names[i]);
    return n;
}

static const char *announced_queue(void *user, bool is_inport, const char *role, const char *port,
                                   struct err *e)
{
    const struct setup *s = user;
    const struct participant *p = seen_role(s->seen, role, clock_mono_ms());
    const char *queue = p ? participant_queue(p, is_inport, port) : NULL;

    if (!queue)
        err_set(e, ERR_INPUT, "'%s' has announced no %s '%s'", role,
                is_inport ? "inport" : "outport", port);
    return queue;
}

int setup_discover(struct setup *s, struct err *e)
{
    const struct topology_queues queues = {announced_queue, s};
    int64_t deadline_mono_ms = clock_mono_ms() + s->options.timeout_s * 1000;
    struct topology found;

    for (;;) {
        AUTO(buf_release) struct buf names = BUF_INIT;
        struct err cause = ERR_INIT;

        if (!missing(s, &names))
            break;
        if (setup_wait(s, deadline_mono_ms, &cause))
            return cause.code == ERR_TIMEOUT
                       ? err_set(e, ERR_TIMEOUT, "not announced in %lld s: %s",
                                 (long long)s->options.timeout_s, names.failed ? "?" : names.data)
                       : err_set(e, cause.code, "%s", cause.text);
    }
    if (topology_with_queues(s->graph, &queues, &found, e))
        return -1;
    topology_release(&s->topology);
    s->topology = found;
    return 0;
}
