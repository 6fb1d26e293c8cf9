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

/* By who was heard last of those that have the port: one that is gone may have been another
 * component under the same role. */
static const char *announced_queue(void *user, bool is_inport, const char *role, const char *port,
                                   struct err *e)
{
    const struct setup *s = user;
    const struct participant *latest = NULL;

    for (size_t i = 0; i < seen_count(s->seen); i++) {
        const struct participant *p = seen_at(s->seen, i);

        if (strcmp(p->role, role) == 0 && participant_queue(p, is_inport, port) &&
            (!latest || p->last_seen_ms >= latest->last_seen_ms))
            latest = p;
    }
    if (latest)
        return participant_queue(latest, is_inport, port);
    err_set(e, ERR_INPUT, "'%s' has announced no %s '%s'", role, is_inport ? "inport" : "outport",
            port);
    return NULL;
}

enum found { FOUND_ALL, FOUND_NOT_THE_ROLES, FOUND_NOT_THE_PORTS, FOUND_FAILED };

/* FOUND_ALL with the topology, or what is missing in lacks; FOUND_FAILED with *e. */
static enum found find_all(struct setup *s, struct topology *ret, struct buf *lacks, struct err *e)
{
    const struct topology_queues queues = {announced_queue, s};
    struct err cause = ERR_INIT;

    if (missing(s, lacks))
        return FOUND_NOT_THE_ROLES;
    if (topology_with_queues(s->graph, &queues, ret, &cause) == 0)
        return FOUND_ALL;
    if (cause.code == ERR_INPUT) {
        buf_text(lacks, cause.text);
        return FOUND_NOT_THE_PORTS;
    }
    err_set(e, cause.code, "%s", cause.text);
    return FOUND_FAILED;
}

/* Waits for another announcement. A port that is missing is told at once: it may be a slip in the
 * graph, and the wait be in vain. */
static int wait_for_more(struct setup *s, enum found found, const struct buf *lacks, bool *has_told,
                         int64_t deadline_mono_ms, struct err *e)
{
    const char *what = lacks->failed ? "?" : lacks->data;
    struct err cause = ERR_INIT;

    if (found == FOUND_NOT_THE_PORTS && !*has_told)
        fprintf(stderr, "msgflo %s: %s so far: waiting for another announcement\n", s->self->name,
                what);
    *has_told |= found == FOUND_NOT_THE_PORTS;
    if (setup_wait(s, deadline_mono_ms, &cause) == 0)
        return 0;
    if (cause.code != ERR_TIMEOUT)
        return err_set(e, cause.code, "%s", cause.text);
    return err_set(e, ERR_TIMEOUT, "%s%.300s in %lld s",
                   found == FOUND_NOT_THE_PORTS ? "" : "no announcement of ", what,
                   (long long)s->options.timeout_s);
}

int setup_discover(struct setup *s, struct err *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + s->options.timeout_s * 1000;
    struct topology topology;
    bool has_told = false;

    for (;;) {
        AUTO(buf_release) struct buf lacks = BUF_INIT;
        enum found found = find_all(s, &topology, &lacks, e);

        if (found == FOUND_ALL)
            break;
        if (found == FOUND_FAILED ||
            wait_for_more(s, found, &lacks, &has_told, deadline_mono_ms, e))
            return -1;
    }
    topology_release(&s->topology);
    s->topology = topology;
    return 0;
}
