/*
 * broker_mqtt.c - broker.h on MQTT, whose brokers bind nothing: a binding is a subscription of ours
 * to its source and a message published again to its target, for as long as we are connected.
 *
 * Design notes
 * - Two connections: one reads what is subscribed to, the other publishes. So reading can wait
 * while the broker has many messages of ours to confirm, without the confirms waiting, too.
 * - A topic is subscribed to once, whatever for, and unsubscribed when nothing needs it any more.
 * - What is passed on is acked to the broker before it is confirmed at its target: the edge is as
 *   durable as this process, which is all there is of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "broker/broker_kind.h"
#include "lib/discovery.h"
#include "lib/mqtt_link.h"

#define UNCONFIRMED_MAX 500 /* passed on; more are not read until some are confirmed */
#define WAITING_MAX 1000    /* read, and not handed out yet; the oldest give way */
#define STEP_MS 10000       /* for an answer of the broker */
#define TICK_MS 1000        /* keep-alive is looked after so often */
#define KEEP_ALIVE_S 20
#define ROUNDS_PER_NEXT 256 /* so that a flood of what is passed on does not hold the caller */
#define TOPIC_SIZE (TOPOLOGY_MAX_NAME + 6)
#define KEPT_MAX_BYTES ((size_t)64 << 20) /* of one message that is handed out */

enum { ID_READER, ID_WRITER };

struct edge {
    struct edge *next;
    enum binding_kind kind;
    char tgt[TOPIC_SIZE];
};

/* A topic we subscribe to, and what for. */
struct topic {
    struct topic *next;
    char name[TOPIC_SIZE];
    struct edge *edges;                     /* in the order of binding */
    size_t turn;                            /* of its round robin */
    bool wanted[BROKER_FROM_DISCOVERY + 1]; /* as enum broker_source */
};

/* A message that waits to be handed out. */
struct arrived {
    struct arrived *next;
    enum broker_source source;
    char from[TOPIC_SIZE];
    char *message_id; /* or NULL */
    size_t size;
    char body[]; /* and a NUL */
};

struct post {
    struct broker base; /* first: a post is a broker */
    struct broker_url url;
    struct mqtt_link reader, writer;
    int epoll_fd;
    struct topic *topics;
    struct arrived *first, **end, *handed; /* handed: lent to the caller */
    size_t waiting;
    size_t unconfirmed;
    int awaited_mid, awaited_reason; /* reason: -1 until its PUBACK has come */
    struct err broken;               /* it is of no use any more */
};

static struct post *post_of(struct broker *b)
{
    return (struct post *)(void *)b;
}

/* ---- errors ---- */

static enum err_code code_of(enum msgflo_code code)
{
    switch (code) {
    case MSGFLO_INVALID:
    case MSGFLO_REFUSED:
        return ERR_INPUT;
    case MSGFLO_NOMEM:
        return ERR_NOMEM;
    case MSGFLO_OK:
    case MSGFLO_UNAVAILABLE:
        break;
    }
    return ERR_UNAVAILABLE;
}

static int refuse(const struct msgflo_error *why, struct err *e)
{
    return err_set(e, code_of(why->code), "%s", why->text);
}

/* The connection is of no use any more. */
static int broken(struct post *p, enum err_code code, const char *text, struct err *e)
{
    err_set(&p->broken, code, "%s", text);
    return err_set(e, p->broken.code, "%s", p->broken.text);
}

static int lost(struct post *p, const struct msgflo_error *why, struct err *e)
{
    return broken(p, ERR_UNAVAILABLE, why->text, e);
}

/* ---- topics ---- */

static struct topic *find_topic(struct post *p, const char *name)
{
    for (struct topic *t = p->topics; t; t = t->next)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}

static void free_topic(struct topic *t)
{
    while (t->edges) {
        struct edge *edge = t->edges;

        t->edges = edge->next;
        free(edge);
    }
    free(t);
}

static bool is_needed(const struct topic *t)
{
    bool needed = t->edges != NULL;

    for (size_t i = 0; i < sizeof t->wanted / sizeof *t->wanted; i++)
        needed = needed || t->wanted[i];
    return needed;
}

/* Forgets the topic, and tells the broker so, unless it is needed for something. */
static int drop_topic(struct post *p, struct topic *t, struct err *e)
{
    struct msgflo_error why;

    if (is_needed(t))
        return 0;
    for (struct topic **at = &p->topics; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            break;
        }
    if (mqtt_link_unsubscribe(&p->reader, t->name, &why)) {
        free_topic(t);
        return lost(p, &why, e);
    }
    free_topic(t);
    return 0;
}

/* ---- messages in ---- */

static void drop_oldest(struct post *p)
{
    struct arrived *a = p->first;

    p->first = a->next;
    if (!p->first)
        p->end = &p->first;
    p->waiting--;
    free(a->message_id);
    free(a);
}

static char *read_message_id(const mosquitto_property *props)
{
    char *name, *value;

    for (const mosquitto_property *at = mosquitto_property_read_string_pair(
             props, MQTT_PROP_USER_PROPERTY, &name, &value, false);
         at; at = mosquitto_property_read_string_pair(at, MQTT_PROP_USER_PROPERTY, &name, &value,
                                                      true)) {
        bool is_it = strcmp(name, MQTT_MESSAGE_ID) == 0;

        free(name);
        if (is_it)
            return value;
        free(value);
    }
    return NULL;
}

static void keep(struct post *p, const struct topic *t, enum broker_source source,
                 const struct mosquitto_message *m, const mosquitto_property *props)
{
    size_t size = (size_t)m->payloadlen;
    struct arrived *a;

    if (size > KEPT_MAX_BYTES)
        return;
    a = malloc(sizeof *a + size + 1);
    if (!a) {
        err_set(&p->broken, ERR_NOMEM, "no memory for a message of %zu bytes", size);
        return;
    }
    *a = (struct arrived){.source = source, .size = size, .message_id = read_message_id(props)};
    snprintf(a->from, sizeof a->from, "%s", t->name);
    if (size)
        memcpy(a->body, m->payload, size);
    a->body[size] = '\0';
    *p->end = a;
    p->end = &a->next;
    p->waiting++;
    if (p->waiting > WAITING_MAX)
        drop_oldest(p);
}

static void pass_on(struct post *p, const char *topic, const struct mosquitto_message *from,
                    const mosquitto_property *props)
{
    struct mqtt_message m = {.topic = topic,
                             .body = from->payload,
                             .size = (size_t)from->payloadlen,
                             .passed_on = props};
    struct msgflo_error why;
    int mid;

    if (mqtt_link_publish(&p->writer, &m, &mid, &why) == 0)
        p->unconfirmed++;
    else if (why.code != MSGFLO_INVALID) /* larger than the broker takes, say: it is left out */
        err_set(&p->broken, code_of(why.code), "%s", why.text);
}

/* To every target; but of a round robin's, to the one whose turn it is. */
static void pass_on_to_all(struct post *p, struct topic *t, const struct mosquitto_message *m,
                           const mosquitto_property *props)
{
    size_t n = 0, i = 0;

    for (const struct edge *edge = t->edges; edge; edge = edge->next)
        n += edge->kind == BINDING_ROUNDROBIN;
    for (const struct edge *edge = t->edges; edge; edge = edge->next)
        if (edge->kind != BINDING_ROUNDROBIN || i++ == t->turn % n)
            pass_on(p, edge->tgt, m, props);
    t->turn++;
}

static void on_message(void *user, const struct mosquitto_message *m,
                       const mosquitto_property *props)
{
    struct post *p = user;
    struct topic *t = find_topic(p, m->topic);

    if (!t)
        return;
    pass_on_to_all(p, t, m, props);
    for (int i = 0; i <= BROKER_FROM_DISCOVERY; i++)
        if (t->wanted[i])
            keep(p, t, (enum broker_source)i, m, props);
}

static void on_published(void *user, int mid, int reason)
{
    struct post *p = user;

    if (p->awaited_reason < 0 && mid == p->awaited_mid)
        p->awaited_reason = reason;
    else if (p->unconfirmed)
        p->unconfirmed--;
}

static const struct mqtt_link_events reader_events = {.message = on_message};
static const struct mqtt_link_events writer_events = {.published = on_published};

/* ---- reading and writing ---- */

static int settle(struct post *p, struct mqtt_link *l, uint32_t id, bool read, struct err *e)
{
    struct msgflo_error why;

    if (mqtt_link_wants_write(l) && mqtt_link_write(l, &why))
        return lost(p, &why, e);
    mqtt_link_watch(l, p->epoll_fd, id,
                    (read ? EPOLLIN : 0) | (mqtt_link_wants_write(l) ? EPOLLOUT : 0));
    return 0;
}

static int settle_both(struct post *p, struct err *e)
{
    if (settle(p, &p->writer, ID_WRITER, true, e) ||
        settle(p, &p->reader, ID_READER, p->unconfirmed < UNCONFIRMED_MAX, e))
        return -1;
    return p->broken.code ? err_set(e, p->broken.code, "%s", p->broken.text) : 0;
}

/* One round: waits for something to happen for at most timeout_ms. Returns how much did, or -1. */
static int go_round(struct post *p, int timeout_ms, struct err *e)
{
    struct epoll_event events[2];
    struct msgflo_error why;
    int n;

    if (settle_both(p, e))
        return -1;
    n = epoll_wait(p->epoll_fd, events, 2, timeout_ms);
    for (int i = 0; i < n; i++) {
        struct mqtt_link *l = events[i].data.u32 == ID_WRITER ? &p->writer : &p->reader;

        if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && mqtt_link_read(l, &why))
            return lost(p, &why, e);
    }
    if (mqtt_link_tick(&p->writer, &why) || mqtt_link_tick(&p->reader, &why))
        return lost(p, &why, e);
    if (settle_both(p, e))
        return -1;
    return n < 0 ? 0 : n;
}

/* And waits for the broker's answer. */
static int subscribe(struct post *p, const char *topic, struct err *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + STEP_MS;
    struct msgflo_error why;

    if (mqtt_link_subscribe(&p->reader, topic, &why))
        return why.code == MSGFLO_INVALID ? refuse(&why, e) : lost(p, &why, e);
    while (p->reader.open_subscriptions > 0) {
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (left_ms == 0)
            return broken(p, ERR_TIMEOUT, "the broker does not answer a subscription", e);
        if (go_round(p, left_ms < TICK_MS ? left_ms : TICK_MS, e) < 0)
            return -1;
    }
    if (!p->reader.subscription_refused)
        return 0;
    p->reader.subscription_refused = false;
    return err_set(e, ERR_INPUT, "the broker refuses a subscription to '%s'", topic);
}

/* The topic of that name, subscribed to if it was not. NULL with *e. */
static struct topic *need_topic(struct post *p, const char *name, struct err *e)
{
    struct topic *t = find_topic(p, name);

    if (p->broken.code) {
        err_set(e, p->broken.code, "%s", p->broken.text);
        return NULL;
    }
    if (t)
        return t;
    if (mosquitto_pub_topic_check(name)) { /* a pattern would take what is not named */
        err_set(e, ERR_INPUT, "'%s' is not fit to be a topic of MQTT", name);
        return NULL;
    }
    t = calloc(1, sizeof *t);
    if (!t) {
        err_set(e, ERR_NOMEM, "no memory for topic '%s'", name);
        return NULL;
    }
    snprintf(t->name, sizeof t->name, "%s", name);
    t->next = p->topics;
    p->topics = t;
    if (subscribe(p, name, e) == 0)
        return t;
    p->topics = t->next; /* the first still: nothing adds one meanwhile */
    free_topic(t);
    return NULL;
}

/* ---- opening ---- */

static void free_post(struct post *p)
{
    mqtt_link_close(&p->reader, true);
    mqtt_link_close(&p->writer, true);
    while (p->topics) {
        struct topic *t = p->topics;

        p->topics = t->next;
        free_topic(t);
    }
    while (p->first)
        drop_oldest(p);
    if (p->handed)
        free(p->handed->message_id);
    free(p->handed);
    if (p->epoll_fd >= 0)
        close(p->epoll_fd);
    broker_url_release(&p->url);
    free(p);
}

static int connect_both(struct post *p, const struct broker_options *options, int timeout_ms,
                        struct msgflo_error *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + timeout_ms;
    char uuid[UUID_SIZE], id[100 + UUID_SIZE];
    /* A clientId in the URL is a participant's: two connections of one id end each other. */
    struct mqtt_link_options o = {.to = &p->url,
                                  .client_id = id,
                                  .clean_session = true,
                                  .keep_alive_s = KEEP_ALIVE_S,
                                  .ca_file = options->ca_file};

    if (mqtt_link_check_tls(&p->url, options->ca_file, e))
        return -1;
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->epoll_fd < 0)
        return fail(e, MSGFLO_NOMEM, "no descriptor for a connection");
    uuid_make(uuid);
    snprintf(id, sizeof id, "%.80s-%s", options->name, uuid);
    if (mqtt_link_open(&p->writer, &o, &writer_events, p, deadline_mono_ms, e))
        return -1;
    snprintf(id, sizeof id, "%.80s-%s-in", options->name, uuid);
    return mqtt_link_open(&p->reader, &o, &reader_events, p, deadline_mono_ms, e);
}

static int post_open(const struct broker_options *options, int timeout_ms, struct broker **ret,
                     struct err *e)
{
    struct post *p = calloc(1, sizeof *p);
    struct msgflo_error why;

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    p->base.kind = &broker_mqtt;
    p->epoll_fd = -1;
    p->end = &p->first;
    if (broker_url_parse(options->url, strlen(options->url), &p->url, &why) ||
        connect_both(p, options, timeout_ms, &why)) {
        free_post(p);
        return refuse(&why, e);
    }
    *ret = &p->base;
    return 0;
}

static void post_close(struct broker *b)
{
    free_post(post_of(b));
}

/* ---- steps ---- */

static int post_declare(struct broker *b, const char *name, struct buf *warnings, struct err *e)
{
    (void)b;
    (void)warnings;
    if (mosquitto_pub_topic_check(name))
        return err_set(e, ERR_INPUT, "'%s' is not fit to be a topic of MQTT", name);
    return 0;
}

/* The topic that a binding reads: dead letters are published there by the participants. */
static void source_topic(const struct binding *binding, char ret[TOPIC_SIZE])
{
    snprintf(ret, TOPIC_SIZE, "%s%s", binding->kind == BINDING_DEADLETTER ? "dead-" : "",
             binding->src);
}

static struct edge **find_edge(struct topic *t, const struct binding *binding)
{
    struct edge **at = &t->edges;

    while (*at && ((*at)->kind != binding->kind || strcmp((*at)->tgt, binding->tgt) != 0))
        at = &(*at)->next;
    return at;
}

static int post_bind(struct broker *b, const struct binding *binding, struct buf *warnings,
                     struct err *e)
{
    struct post *p = post_of(b);
    char name[TOPIC_SIZE];
    struct topic *t;
    struct edge **at;

    source_topic(binding, name);
    if (strcmp(name, binding->tgt) == 0)
        return 0; /* what is published there is there */
    if (post_declare(b, binding->tgt, warnings, e))
        return -1;
    t = need_topic(p, name, e);
    if (!t)
        return -1;
    at = find_edge(t, binding);
    if (*at)
        return 0;
    *at = calloc(1, sizeof **at);
    if (!*at)
        return err_set(e, ERR_NOMEM, "no memory for a binding of '%s'", name);
    (*at)->kind = binding->kind;
    snprintf((*at)->tgt, TOPIC_SIZE, "%s", binding->tgt);
    return 0;
}

static int post_unbind(struct broker *b, const struct binding *binding, struct err *e)
{
    struct post *p = post_of(b);
    char name[TOPIC_SIZE];
    struct topic *t;
    struct edge **at, *edge;

    source_topic(binding, name);
    t = find_topic(p, name);
    if (!t)
        return 0;
    at = find_edge(t, binding);
    edge = *at;
    if (edge) {
        *at = edge->next;
        free(edge);
    }
    return drop_topic(p, t, e);
}

/* Publishes and waits for the PUBACK, whose reason goes to *ret. */
static int publish_awaited(struct post *p, const struct mqtt_message *m, int *ret, struct err *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + STEP_MS;
    struct msgflo_error why;

    if (p->broken.code)
        return err_set(e, p->broken.code, "%s", p->broken.text);
    if (mqtt_link_publish(&p->writer, m, &p->awaited_mid, &why))
        return why.code == MSGFLO_INVALID ? refuse(&why, e) : lost(p, &why, e);
    p->awaited_reason = -1;
    while (p->awaited_reason < 0) {
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (left_ms == 0)
            return broken(p, ERR_TIMEOUT, "the broker does not confirm a message", e);
        if (go_round(p, left_ms < TICK_MS ? left_ms : TICK_MS, e) < 0)
            return -1;
    }
    *ret = p->awaited_reason;
    if (*ret >= MQTT_RC_UNSPECIFIED)
        return err_set(e, ERR_INPUT, "the broker takes no message for '%s': %s", m->topic,
                       mosquitto_reason_string(*ret));
    return 0;
}

static int post_send(struct broker *b, const char *queue, const struct broker_message *from,
                     struct err *e)
{
    struct mqtt_message m = {.topic = queue,
                             .body = from->body,
                             .size = from->size,
                             .content_type =
                                 from->content_type ? from->content_type : "application/json"};
    int reason;

    if (publish_awaited(post_of(b), &m, &reason, e))
        return -1;
    if (reason == MQTT_RC_NO_MATCHING_SUBSCRIBERS)
        return err_set(e, ERR_INPUT, "nobody subscribes to '%s'", queue);
    return 0;
}

static int post_announce(struct broker *b, const char *body, unsigned expiration_ms, struct err *e)
{
    struct mqtt_message m = {.topic = DISCOVERY_QUEUE,
                             .body = body,
                             .size = strlen(body),
                             .content_type = "application/json",
                             .expiry_s = (expiration_ms + 999) / 1000};
    int reason;

    return publish_awaited(post_of(b), &m, &reason, e);
}

static int want(struct post *p, const char *name, enum broker_source source, struct err *e)
{
    struct topic *t = need_topic(p, name, e);

    if (!t)
        return -1;
    t->wanted[source] = true;
    return 0;
}

/* A copy of what comes from now on: nothing waits in a topic, and nothing is taken from others. */
static int post_consume(struct broker *b, const char *queue, unsigned n, struct err *e)
{
    (void)n;
    return want(post_of(b), queue, BROKER_FROM_QUEUE, e);
}

static int post_ack(struct broker *b, struct err *e)
{
    (void)b;
    (void)e;
    return 0;
}

/* Copies are handed out as they are read, so few ever wait. */
static int post_observe(struct broker *b, const char *outport, unsigned max_waiting, struct err *e)
{
    (void)max_waiting;
    return want(post_of(b), outport, BROKER_FROM_OBSERVED, e);
}

static int post_unobserve(struct broker *b, const char *outport, struct err *e)
{
    struct topic *t = find_topic(post_of(b), outport);

    if (!t)
        return 0;
    t->wanted[BROKER_FROM_OBSERVED] = false;
    return drop_topic(post_of(b), t, e);
}

static int post_follow_discovery(struct broker *b, struct err *e)
{
    return want(post_of(b), DISCOVERY_QUEUE, BROKER_FROM_DISCOVERY, e);
}

static void hand_out(struct post *p, struct broker_delivery *ret)
{
    struct arrived *a = p->first;

    p->first = a->next;
    if (!p->first)
        p->end = &p->first;
    p->waiting--;
    p->handed = a;
    *ret = (struct broker_delivery){.source = a->source,
                                    .from = a->from,
                                    .body = a->body,
                                    .size = a->size,
                                    .message_id = a->message_id};
}

static int post_next(struct broker *b, int timeout_ms, struct broker_delivery *ret, struct err *e)
{
    struct post *p = post_of(b);
    int64_t deadline_mono_ms = clock_mono_ms() + timeout_ms;

    if (p->handed) {
        free(p->handed->message_id);
        free(p->handed);
        p->handed = NULL;
    }
    for (int rounds = 0; !p->first; rounds++) {
        int left_ms = timeout_ms < 0 ? TICK_MS : clock_until_ms(deadline_mono_ms);
        int n = go_round(p, left_ms < TICK_MS ? left_ms : TICK_MS, e);

        if (n < 0)
            return -1;
        if (!p->first && left_ms == 0 && (n == 0 || rounds >= ROUNDS_PER_NEXT))
            return err_set(e, ERR_TIMEOUT, "no message came in time");
    }
    hand_out(p, ret);
    return 0;
}

static int post_fd(const struct broker *b)
{
    return ((const struct post *)(const void *)b)->epoll_fd;
}

const struct broker_kind broker_mqtt = {
    .abilities = BROKER_ROUND_ROBIN | BROKER_DEAD_LETTERS,
    .open = post_open,
    .close = post_close,
    .declare_inport = post_declare,
    .declare_outport = post_declare,
    .bind = post_bind,
    .unbind = post_unbind,
    .send = post_send,
    .announce = post_announce,
    .consume = post_consume,
    .ack = post_ack,
    .observe = post_observe,
    .unobserve = post_unobserve,
    .follow_discovery = post_follow_discovery,
    .next = post_next,
    .fd = post_fd,
};
