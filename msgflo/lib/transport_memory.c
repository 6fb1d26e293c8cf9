/*
 * transport_memory.c - connections to a broker in memory: direct://NAME, for tests.
 * Exchanges, queues, prefetch, confirms, returns and dead letters behave as AMQP's do. All
 * participants of one thread meet at the brokers of that thread, by name; no descriptor is needed.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "memory_broker.h"
#include "transport.h"

struct unacked {
    struct unacked *next; /* by tag, the latest first: so putting all back keeps their order */
    size_t inport;
    uint64_t tag;
    struct stored *stored;
};

struct fate {
    struct fate *next;
    uint64_t publish_seq;
    bool returned;
};

struct memory_inport {
    struct memory_queue *queue; /* from the first open on */
    bool consuming;
};

struct memory_link {
    struct transport base; /* first: a link is a transport */
    struct transport_config config;
    const struct transport_events *events;
    void *user;
    struct memory_broker *broker;
    bool open;
    unsigned epoch;
    struct memory_inport *inports;
    uint64_t last_tag;
    struct unacked *unacked;
    struct fate *fates; /* to be told, oldest first */
};

static struct memory_link *link_of(struct transport *t)
{
    return (struct memory_link *)(void *)t;
}

static const struct memory_link *const_link_of(const struct transport *t)
{
    return (const struct memory_link *)(const void *)t;
}

static bool is_gone(const struct memory_link *l)
{
    return l->broker->away || l->epoch != l->broker->epoch;
}

static void link_close(struct transport *t)
{
    struct memory_link *l = link_of(t);

    while (l->unacked) {
        struct unacked *u = l->unacked;

        l->unacked = u->next;
        memory_queue_put_back(l->inports[u->inport].queue, u->stored);
        free(u);
    }
    while (l->fates) {
        struct fate *f = l->fates;

        l->fates = f->next;
        free(f);
    }
    l->open = false;
}

static int link_open(struct transport *t, struct msgflo_error *e)
{
    struct memory_link *l = link_of(t);
    const struct definition *d = l->config.definition;

    l->broker->tries++;
    if (l->broker->away)
        return fail(e, MSGFLO_UNAVAILABLE, "broker '%s' is away", l->broker->name);
    for (size_t i = 0; i < d->inport_count; i++) {
        const char *queue = d->inports[i].queue;

        if (queue && memory_broker_bind(l->broker, queue, queue))
            return fail(e, MSGFLO_NOMEM, "no memory for queue '%s'", queue);
        if (queue)
            l->inports[i].queue = memory_broker_queue(l->broker, queue);
    }
    l->epoch = l->broker->epoch;
    l->open = true;
    return 0;
}

static unsigned count_unacked(const struct memory_link *l, size_t inport)
{
    unsigned n = 0;

    for (const struct unacked *u = l->unacked; u; u = u->next)
        n += u->inport == inport;
    return n;
}

static const char *put_text(char **at, const char *from)
{
    char *text = *at;

    if (!from)
        return NULL;
    *at = stpcpy(text, from) + 1;
    return text;
}

static struct msgflo_delivery *make_delivery(const struct stored *s, uint64_t tag)
{
    size_t text_size = (s->content_type ? strlen(s->content_type) + 1 : 0) +
                       (s->message_id ? strlen(s->message_id) + 1 : 0);
    struct msgflo_delivery *d;
    char *text;

    for (size_t i = 0; i < 2 * s->header_count; i++)
        text_size += strlen(s->headers[i]) + 1;
    d = delivery_new(s->size, s->header_count, text_size);
    if (!d)
        return NULL;
    text = d->texts;
    for (size_t i = 0; i < 2 * s->header_count; i++)
        d->headers[i] = put_text(&text, s->headers[i]);
    d->content_type = put_text(&text, s->content_type);
    d->message_id = put_text(&text, s->message_id);
    if (s->size)
        memcpy(d->body, s->body, s->size);
    d->tag = tag;
    d->redelivered = s->redelivered;
    return d;
}

static void dead_letter(struct memory_link *l, size_t inport, struct stored *s_take)
{
    char exchange[QUEUE_NAME_MAX + 6];

    snprintf(exchange, sizeof exchange, "dead-%s", l->config.definition->inports[inport].queue);
    (void)memory_broker_publish(l->broker, exchange, s_take);
    stored_free(s_take);
}

/* Hands the next message of the port over. 1 if there was one, 0 if not, -1 without memory. */
static int deliver_next(struct memory_link *l, size_t inport, struct msgflo_error *e)
{
    struct stored *s = memory_queue_pop(l->inports[inport].queue);
    struct msgflo_delivery *d;
    struct unacked *u;

    if (!s)
        return 0;
    if (s->size > l->config.max_message_bytes) {
        dead_letter(l, inport, s);
        return 1;
    }
    u = calloc(1, sizeof *u);
    d = make_delivery(s, l->last_tag + 1);
    if (!u || !d) {
        free(u);
        free(d);
        memory_queue_put_back(l->inports[inport].queue, s);
        return fail(e, MSGFLO_NOMEM, "no memory for a message of %zu bytes", s->size);
    }
    *u = (struct unacked){l->unacked, inport, ++l->last_tag, s};
    l->unacked = u;
    l->events->delivered(l->user, inport, d);
    return 1;
}

static bool may_deliver(const struct memory_link *l, size_t inport)
{
    return l->inports[inport].consuming && count_unacked(l, inport) < l->config.prefetch;
}

static void tell_fates(struct memory_link *l)
{
    while (l->fates && !l->broker->confirms_held) {
        struct fate *f = l->fates, told = *f;

        l->fates = f->next;
        free(f);
        if (told.returned)
            l->events->returned(l->user, told.publish_seq);
        l->events->confirmed(l->user, told.publish_seq, false, true);
    }
}

static int link_service(struct transport *t, struct msgflo_error *e)
{
    struct memory_link *l = link_of(t);

    if (is_gone(l))
        return fail(e, MSGFLO_UNAVAILABLE, "broker '%s' went away", l->broker->name);
    tell_fates(l);
    for (size_t i = 0; i < l->config.definition->inport_count; i++)
        while (may_deliver(l, i)) {
            int rc = deliver_next(l, i, e);

            if (rc < 0)
                return -1;
            if (rc == 0)
                break;
        }
    return 0;
}

static int link_fd(const struct transport *t)
{
    (void)t;
    return -1;
}

static int link_timeout_ms(const struct transport *t)
{
    const struct memory_link *l = const_link_of(t);

    if (is_gone(l) || (l->fates && !l->broker->confirms_held))
        return 0;
    for (size_t i = 0; i < l->config.definition->inport_count; i++)
        if (may_deliver(l, i) && l->inports[i].queue->first)
            return 0;
    return -1;
}

static int add_fate(struct memory_link *l, uint64_t publish_seq, bool returned)
{
    struct fate **end = &l->fates, *f = calloc(1, sizeof *f);

    if (!f)
        return -1;
    f->publish_seq = publish_seq;
    f->returned = returned;
    while (*end)
        end = &(*end)->next;
    *end = f;
    return 0;
}

static struct stored *store_message(const struct transport_message *tm)
{
    const struct msgflo_message *m = tm->m;
    const char **headers = calloc(2 * m->header_count + 1, sizeof *headers);
    struct stored *s = NULL;

    for (size_t i = 0; headers && i < m->header_count; i++) {
        headers[2 * i] = m->headers[i][0];
        headers[2 * i + 1] = m->headers[i][1];
    }
    if (headers)
        s = stored_new(m->body, m->size, headers, m->header_count);
    free((void *)headers);
    return stored_identify(s, m->content_type ? m->content_type : "application/json",
                           tm->message_id);
}

static int link_send(struct transport *t, size_t outport, const struct transport_message *tm,
                     struct msgflo_error *e)
{
    struct memory_link *l = link_of(t);
    struct stored *s;
    int count;

    if (is_gone(l))
        return fail(e, MSGFLO_UNAVAILABLE, "broker '%s' went away", l->broker->name);
    s = store_message(tm);
    count =
        s ? memory_broker_publish(l->broker, l->config.definition->outports[outport].queue, s) : -1;
    stored_free(s);
    if (count < 0 || add_fate(l, tm->publish_seq, tm->m->mandatory && count == 0))
        return fail(e, MSGFLO_NOMEM, "no memory for a message of %zu bytes", tm->m->size);
    return 0;
}

static int link_announce(struct transport *t, const struct transport_message *tm, unsigned ttl_ms,
                         struct msgflo_error *e)
{
    struct memory_link *l = link_of(t);

    (void)ttl_ms; /* nothing grows old here */
    if (is_gone(l))
        return fail(e, MSGFLO_UNAVAILABLE, "broker '%s' went away", l->broker->name);
    if (memory_broker_put(l->broker, "fbp", tm->m->body, tm->m->size) ||
        add_fate(l, tm->publish_seq, false))
        return fail(e, MSGFLO_NOMEM, "no memory for an announcement");
    return 0;
}

static void link_consume(struct transport *t, size_t inport, enum transport_flow flow)
{
    link_of(t)->inports[inport].consuming = flow == TRANSPORT_RUN;
}

/* Takes the delivery out of those that have not ended; NULL if it is not among them. */
static struct stored *end_unacked(struct memory_link *l, size_t inport, uint64_t tag)
{
    for (struct unacked **at = &l->unacked; *at; at = &(*at)->next) {
        struct unacked *u = *at;
        struct stored *s = u->stored;

        if (u->inport != inport || u->tag != tag)
            continue;
        *at = u->next;
        free(u);
        return s;
    }
    return NULL;
}

static void link_ack(struct transport *t, size_t inport, const uint64_t *tags, size_t n,
                     uint64_t lowest_open)
{
    (void)lowest_open;
    for (size_t i = 0; i < n; i++)
        stored_free(end_unacked(link_of(t), inport, tags[i]));
}

static void link_end(struct transport *t, size_t inport, const struct msgflo_delivery *d,
                     enum transport_end how)
{
    struct memory_link *l = link_of(t);
    struct stored *s = end_unacked(l, inport, d->tag);

    if (s && how == TRANSPORT_REQUEUE)
        memory_queue_put_back(l->inports[inport].queue, s);
    else if (s)
        dead_letter(l, inport, s);
}

static void link_free(struct transport *t)
{
    struct memory_link *l = link_of(t);

    if (!l)
        return;
    link_close(t);
    free(l->inports);
    free(l);
}

static struct transport *link_new(const struct transport_config *config,
                                  const struct transport_events *events, void *user,
                                  struct msgflo_error *e)
{
    struct memory_link *l = calloc(1, sizeof *l);

    if (l) {
        l->base.table = &transport_memory;
        l->config = *config;
        l->events = events;
        l->user = user;
        l->broker = memory_broker_named(config->url + strlen("direct://"));
        l->inports = calloc(config->definition->inport_count + 1, sizeof *l->inports);
    }
    if (!l || !l->broker || !l->inports) {
        if (l)
            free(l->inports);
        free(l);
        fail(e, MSGFLO_NOMEM, "no memory for a connection");
        return NULL;
    }
    return &l->base;
}

const struct transport_table transport_memory = {.new = link_new,
                                                 .free = link_free,
                                                 .open = link_open,
                                                 .close = link_close,
                                                 .service = link_service,
                                                 .fd = link_fd,
                                                 .timeout_ms = link_timeout_ms,
                                                 .send = link_send,
                                                 .announce = link_announce,
                                                 .consume = link_consume,
                                                 .ack = link_ack,
                                                 .end = link_end};
