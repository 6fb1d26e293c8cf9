#include "transport_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct stored {
    struct stored *next;
    bool redelivered;
    size_t size;
    size_t header_count;
    char **headers;                  /* name, value, ... */
    char *content_type, *message_id; /* or NULL */
    char *body;                      /* a NUL after it */
};

struct queue {
    struct queue *next;
    char *name;
    struct stored *first;
};

struct binding {
    struct binding *next;
    char *exchange;
    struct queue *queue;
};

struct memory_broker {
    struct memory_broker *next;
    char *name;
    struct queue *queues;
    struct binding *bindings;
    bool away, confirms_held;
    unsigned epoch; /* of connections: one more each time it went away */
    unsigned tries;
};

static _Thread_local struct memory_broker *brokers;

/* ---- stored messages ---- */

static void stored_free(struct stored *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->headers && i < 2 * s->header_count; i++)
        free(s->headers[i]);
    free(s->headers);
    free(s->content_type);
    free(s->message_id);
    free(s->body);
    free(s);
}

static struct stored *stored_new(const void *body, size_t size, const char *const *headers,
                                 size_t header_count)
{
    struct stored *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->size = size;
    s->header_count = header_count;
    s->body = calloc(1, size + 1);
    s->headers = calloc(2 * header_count + 1, sizeof *s->headers);
    if (!s->body || !s->headers)
        goto failed;
    if (size)
        memcpy(s->body, body, size);
    for (size_t i = 0; i < 2 * header_count; i++) {
        s->headers[i] = strdup(headers[i]);
        if (!s->headers[i])
            goto failed;
    }
    return s;
failed:
    stored_free(s);
    return NULL;
}

/* Returns s itself, or NULL without memory, and then s is freed. NULL texts are fine. */
static struct stored *stored_identify(struct stored *s_take, const char *content_type,
                                      const char *message_id)
{
    if (!s_take)
        return NULL;
    s_take->content_type = content_type ? strdup(content_type) : NULL;
    s_take->message_id = message_id ? strdup(message_id) : NULL;
    if ((!content_type || s_take->content_type) && (!message_id || s_take->message_id))
        return s_take;
    stored_free(s_take);
    return NULL;
}

static struct stored *stored_copy(const struct stored *s)
{
    struct stored *copy =
        stored_new(s->body, s->size, (const char *const *)s->headers, s->header_count);

    return stored_identify(copy, s->content_type, s->message_id);
}

static void queue_append(struct queue *q, struct stored *s_take)
{
    struct stored **end = &q->first;

    while (*end)
        end = &(*end)->next;
    s_take->next = NULL;
    *end = s_take;
}

static void queue_put_back(struct queue *q, struct stored *s_take)
{
    s_take->redelivered = true;
    s_take->next = q->first;
    q->first = s_take;
}

static struct stored *queue_pop(struct queue *q)
{
    struct stored *s = q->first;

    if (s)
        q->first = s->next;
    return s;
}

/* ---- the broker ---- */

static struct queue *find_queue(const struct memory_broker *b, const char *name)
{
    struct queue *q = b->queues;

    while (q && strcmp(q->name, name) != 0)
        q = q->next;
    return q;
}

static struct queue *declare_queue(struct memory_broker *b, const char *name)
{
    struct queue *q = find_queue(b, name);

    if (q)
        return q;
    q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->name = strdup(name);
    if (!q->name) {
        free(q);
        return NULL;
    }
    q->next = b->queues;
    b->queues = q;
    return q;
}

int memory_broker_bind(struct memory_broker *b, const char *exchange, const char *queue)
{
    struct queue *q = declare_queue(b, queue);
    struct binding *bound;

    for (bound = b->bindings; bound; bound = bound->next)
        if (bound->queue == q && strcmp(bound->exchange, exchange) == 0)
            return 0;
    bound = calloc(1, sizeof *bound);
    if (!bound || !q || !(bound->exchange = strdup(exchange))) {
        free(bound);
        return -1;
    }
    bound->queue = q;
    bound->next = b->bindings;
    b->bindings = bound;
    return 0;
}

/* The number of queues that got a copy, or -1 without memory. */
static int publish_to_exchange(struct memory_broker *b, const char *exchange,
                               const struct stored *s)
{
    int count = 0;

    for (struct binding *bound = b->bindings; bound; bound = bound->next) {
        struct stored *copy;

        if (strcmp(bound->exchange, exchange) != 0)
            continue;
        copy = stored_copy(s);
        if (!copy)
            return -1;
        queue_append(bound->queue, copy);
        count++;
    }
    return count;
}

int memory_broker_put(struct memory_broker *b, const char *queue, const void *body, size_t size)
{
    struct queue *q = declare_queue(b, queue);
    struct stored *s = q ? stored_new(body, size, NULL, 0) : NULL;

    if (!s)
        return -1;
    queue_append(q, s);
    return 0;
}

char *memory_broker_take(struct memory_broker *b, const char *queue)
{
    struct queue *q = find_queue(b, queue);
    struct stored *s = q ? queue_pop(q) : NULL;
    char *body;

    if (!s)
        return NULL;
    body = s->body;
    s->body = NULL;
    stored_free(s);
    return body;
}

size_t memory_broker_depth(const struct memory_broker *b, const char *queue)
{
    const struct queue *q = find_queue(b, queue);
    size_t n = 0;

    for (const struct stored *s = q ? q->first : NULL; s; s = s->next)
        n++;
    return n;
}

void memory_broker_set_away(struct memory_broker *b, bool away)
{
    if (away && !b->away)
        b->epoch++;
    b->away = away;
}

void memory_broker_hold_confirms(struct memory_broker *b, bool hold)
{
    b->confirms_held = hold;
}

unsigned memory_broker_tries(const struct memory_broker *b)
{
    return b->tries;
}

struct memory_broker *memory_broker_named(const char *name)
{
    struct memory_broker *b = brokers;

    while (b && strcmp(b->name, name) != 0)
        b = b->next;
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b || !(b->name = strdup(name))) {
        free(b);
        return NULL;
    }
    b->next = brokers;
    brokers = b;
    return b;
}

static void broker_free(struct memory_broker *b)
{
    while (b->bindings) {
        struct binding *bound = b->bindings;

        b->bindings = bound->next;
        free(bound->exchange);
        free(bound);
    }
    while (b->queues) {
        struct queue *q = b->queues;
        struct stored *s;

        b->queues = q->next;
        while ((s = queue_pop(q)))
            stored_free(s);
        free(q->name);
        free(q);
    }
    free(b->name);
    free(b);
}

void memory_broker_free_all(void)
{
    while (brokers) {
        struct memory_broker *b = brokers;

        brokers = b->next;
        broker_free(b);
    }
}

/* ---- a connection to it ---- */

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
    struct queue *queue; /* from the first open on */
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
        queue_put_back(l->inports[u->inport].queue, u->stored);
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
            l->inports[i].queue = find_queue(l->broker, queue);
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
    (void)publish_to_exchange(l->broker, exchange, s_take);
    stored_free(s_take);
}

/* Hands the next message of the port over. 1 if there was one, 0 if not, -1 without memory. */
static int deliver_next(struct memory_link *l, size_t inport, struct msgflo_error *e)
{
    struct stored *s = queue_pop(l->inports[inport].queue);
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
        queue_put_back(l->inports[inport].queue, s);
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
        s ? publish_to_exchange(l->broker, l->config.definition->outports[outport].queue, s) : -1;
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
        queue_put_back(l->inports[inport].queue, s);
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
