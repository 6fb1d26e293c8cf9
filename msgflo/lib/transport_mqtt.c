/*
 * transport_mqtt.c - MQTT, with what a queue is made of there: a shared subscription.
 *
 * Design notes
 * - A topic is named as the queue would be, and nothing is declared. The processes of a role
 *   consume from `$share/ROLE/TOPIC`: each message goes to one of them. All is sent with QoS 1,
 *   whose PUBACK is the confirm. MQTT 5 tells in it whether anybody subscribes: MSGFLO_RETURNED.
 * - One connection sends, and each inport has one of its own, so that a port which is full can be
 *   left unread while confirms still come.
 * - libmosquitto queues a PUBACK for each message it has read. On an inport's connection writing is
 *   held while a delivery is open, so no message is acked before its work is done, and the broker
 *   sends no more than the prefetch ahead (MQTT 5: Receive Maximum; else we stop reading). They are
 *   written when all in hand have ended: a PUBACK may not overtake an older one anyway
 *   (MQTT-4.6.0-2), and libmosquitto writes all or none. A stopped port of a clean session holds
 *   nothing: what comes still is given back, and its session ends with the connection in any case.
 * - Unsubscribed, it still gets what the broker has set aside for it, and nothing says which is the
 *   last. But an UNSUBACK comes behind all that the PUBACKs before its UNSUBSCRIBE let go: so it
 *   unsubscribes again until no message comes in between.
 * - A message that is rejected is published to `dead-TOPIC`, one given back to its topic again; it
 *   counts as open until the broker has confirmed that.
 * - An inport's connection has no keep-alive: its PINGREQ would wait behind the PUBACKs. That the
 *   broker is there is known from the sending connection; TCP's own keep-alive watches the rest.
 * - Session. By default a clean one, named by the participant's id: that is new in each process, so
 *   a lasting session would stay behind in the broker for ever, with its share of the messages. The
 *   price: what the broker had for this process, in hand or not, goes with the connection. Whoever
 *   gives a clientId of its own to each process and cleanSession=false in the URL gets at least
 *   once: the same client id finds them again.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "discovery.h"
#include "mqtt_delivery.h"
#include "transport.h"

#define ROUNDS_PER_SERVICE 256 /* so that a flood does not keep the caller's loop from turning */
#define EVENTS_PER_ROUND 16
#define UNCONFIRMED_MAX 10000 /* MQTT has 65535 packet identifiers for them */
#define NAME_SIZE 600         /* a filter or client id: two names and some */

struct bus;

struct consumer {
    struct mqtt_link link;
    struct bus *bus;
    size_t inport;
    const struct port *port;
    char client_id[NAME_SIZE], filter[NAME_SIZE];
    enum transport_flow flow;
    size_t open;  /* deliveries not ended, and those whose forwarding is not confirmed */
    bool has_got; /* a message since it unsubscribed */
    uint64_t last_tag;
};

/* A message of ours that waits for its PUBACK. */
struct sent {
    struct sent *next;
    int mid;
    bool mandatory;
    uint64_t publish_seq;
    struct consumer *forwarded_for; /* a delivery of its that ends with this, or NULL */
};

struct bus {
    struct transport base; /* first: a bus is a transport */
    struct transport_config config;
    const struct transport_events *events;
    void *user;
    struct broker_url url;
    char client_id[NAME_SIZE];
    int epoll_fd;
    struct mqtt_link sender;
    struct consumer *consumers; /* one for each inport */
    size_t consumer_count;
    struct sent *first_sent, **sent_end;
    size_t sent_count;
};

static struct bus *bus_of(struct transport *t)
{
    return (struct bus *)(void *)t;
}

static const struct bus *const_bus_of(const struct transport *t)
{
    return (const struct bus *)(const void *)t;
}

/* ---- what each connection is polled for ---- */

enum { ID_SENDER, ID_CONSUMERS };

static bool is_held(const struct consumer *c)
{
    return c->open > 0 && c->flow != TRANSPORT_STOP;
}

static bool may_read(const struct consumer *c)
{
    if (!is_held(c) && mqtt_link_wants_write(&c->link))
        return false; /* or PUBACKs of what comes would be written with the rest of those */
    if (c->flow == TRANSPORT_STOP)
        return c->bus->url.clean_session; /* to give it back; else it waits for the next process */
    return c->flow == TRANSPORT_RUN && c->open < c->bus->config.prefetch;
}

/* Writes what may be written, and asks to be told when there is more to do. An error shows in the
 * next service(). */
static void settle_consumer(struct consumer *c)
{
    struct mqtt_link *l = &c->link;
    struct msgflo_error e;
    uint32_t interest = 0;

    if (!l->mosq || l->why.code != MSGFLO_OK)
        return;
    if (!is_held(c) && mqtt_link_wants_write(l) && mqtt_link_write(l, &e))
        return;
    if (may_read(c))
        interest |= EPOLLIN;
    if (!is_held(c) && mqtt_link_wants_write(l))
        interest |= EPOLLOUT;
    mqtt_link_watch(l, c->bus->epoll_fd, ID_CONSUMERS + (uint32_t)c->inport, interest);
}

/* Its writing happens at once but for what was sent from within a callback, or did not fit. */
static void settle_sender(struct bus *b)
{
    struct mqtt_link *l = &b->sender;
    struct msgflo_error e;

    if (!l->mosq || l->why.code != MSGFLO_OK ||
        (mqtt_link_wants_write(l) && mqtt_link_write(l, &e)))
        return;
    mqtt_link_watch(l, b->epoll_fd, ID_SENDER,
                    mqtt_link_wants_write(l) ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* ---- messages out ---- */

static int publish(struct bus *b, const struct mqtt_message *m, const struct sent *what,
                   struct msgflo_error *e)
{
    struct sent *s;

    /* What is passed elsewhere is bounded by the prefetch, and would be lost. */
    if (b->sent_count >= UNCONFIRMED_MAX && !what->forwarded_for)
        return fail(e, MSGFLO_UNAVAILABLE, "%d messages wait for the broker's confirm already",
                    UNCONFIRMED_MAX);
    s = malloc(sizeof *s);
    if (!s)
        return fail(e, MSGFLO_NOMEM, "no memory for a message under way");
    *s = *what;
    if (mqtt_link_publish(&b->sender, m, &s->mid, e)) {
        free(s);
        return -1;
    }
    *b->sent_end = s;
    b->sent_end = &s->next;
    b->sent_count++;
    return 0;
}

/* Takes it out of the list, for the caller to free(); NULL: none is known. */
static struct sent *take_sent(struct bus *b, int mid)
{
    for (struct sent **at = &b->first_sent; *at; at = &(*at)->next) {
        struct sent *s = *at;

        if (s->mid != mid)
            continue;
        *at = s->next;
        if (b->sent_end == &s->next)
            b->sent_end = at;
        b->sent_count--;
        return s;
    }
    return NULL;
}

static void forget_all_sent(struct bus *b)
{
    while (b->first_sent) {
        struct sent *s = b->first_sent;

        b->first_sent = s->next;
        free(s);
    }
    b->sent_end = &b->first_sent;
    b->sent_count = 0;
}

static void forwarded(struct bus *b, struct consumer *c, int reason)
{
    char text[QUEUE_NAME_MAX + 120];

    if (reason >= MQTT_RC_UNSPECIFIED) {
        snprintf(text, sizeof text,
                 "a message of '%s' is lost: the broker did not take it back: %s", c->port->queue,
                 mosquitto_reason_string(reason));
        b->events->warning(b->user, text);
    }
    c->open--;
    settle_consumer(c);
}

static void on_published(void *user, int mid, int reason)
{
    struct bus *b = user;
    struct sent *s = take_sent(b, mid), was;

    if (!s)
        return;
    was = *s;
    free(s);
    if (was.forwarded_for) {
        forwarded(b, was.forwarded_for, reason);
        return;
    }
    if (was.mandatory && reason == MQTT_RC_NO_MATCHING_SUBSCRIBERS)
        b->events->returned(b->user, was.publish_seq);
    b->events->confirmed(b->user, was.publish_seq, false, reason < MQTT_RC_UNSPECIFIED);
}

/* ---- messages in ---- */

/* Publishes it elsewhere, which then ends it. */
static void forward(struct consumer *c, const struct msgflo_delivery *d, enum transport_end how)
{
    struct bus *b = c->bus;
    char topic[QUEUE_NAME_MAX + 6], text[QUEUE_NAME_MAX + 300];
    struct sent what = {.forwarded_for = c};
    struct mqtt_message m = {.topic = topic,
                             .body = d->body,
                             .size = d->size,
                             .content_type = d->content_type,
                             .message_id = d->message_id,
                             .headers = (const char *const(*)[2])(void *)d->headers,
                             .header_count = d->header_count};
    struct msgflo_error e;

    snprintf(topic, sizeof topic, "%s%s", how == TRANSPORT_REJECT ? "dead-" : "", c->port->queue);
    if (publish(b, &m, &what, &e) == 0 || b->sender.why.code != MSGFLO_OK)
        return; /* under way, or open for ever: the connection is lost */
    snprintf(text, sizeof text, "a message of '%s' is lost: %s", c->port->queue, e.text);
    b->events->warning(b->user, text);
    c->open--;
    settle_consumer(c);
}

static void reject_oversized(struct consumer *c, struct msgflo_delivery *d)
{
    char text[QUEUE_NAME_MAX + 120];

    snprintf(text, sizeof text, "a message of %zu bytes in queue '%s' is above %zu: rejected",
             d->size, c->port->queue, c->bus->config.max_message_bytes);
    c->bus->events->warning(c->bus->user, text);
    forward(c, d, TRANSPORT_REJECT);
    free(d);
}

static void on_message(void *user, const struct mosquitto_message *m,
                       const mosquitto_property *props)
{
    struct consumer *c = user;
    struct bus *b = c->bus;
    struct msgflo_delivery *d = mqtt_delivery(m, props);

    if (!d) { /* the connection is given up; what is not acked may come again */
        fail(&c->link.why, MSGFLO_NOMEM, "no memory for a message of %d bytes", m->payloadlen);
        return;
    }
    c->open++;
    c->has_got = true;
    d->tag = ++c->last_tag;
    if (d->size > b->config.max_message_bytes)
        reject_oversized(c, d);
    else
        b->events->delivered(b->user, c->inport, d);
}

static const struct mqtt_link_events sender_events = {.message = NULL, .published = on_published};
static const struct mqtt_link_events consumer_events = {.message = on_message, .published = NULL};

/* ---- reading ---- */

static int handle_event(struct bus *b, const struct epoll_event *event, struct msgflo_error *e)
{
    struct mqtt_link *l = event->data.u32 == ID_SENDER
                              ? &b->sender
                              : &b->consumers[event->data.u32 - ID_CONSUMERS].link;
    bool ended = (event->events & (EPOLLERR | EPOLLHUP)) != 0;

    if (ended && !(l->watched_for & EPOLLIN))
        return fail(e, MSGFLO_UNAVAILABLE, "the broker closed the connection");
    return event->events & EPOLLIN || ended ? mqtt_link_read(l, e) : 0; /* EPOLLOUT: settled next */
}

static int check_link(const struct mqtt_link *l, struct msgflo_error *e)
{
    if (l->why.code == MSGFLO_OK)
        return 0;
    return fail(e, l->why.code, "connection to the broker: %s", l->why.text);
}

static int check_links(const struct bus *b, struct msgflo_error *e)
{
    if (check_link(&b->sender, e))
        return -1;
    for (size_t i = 0; i < b->consumer_count; i++)
        if (check_link(&b->consumers[i].link, e))
            return -1;
    return 0;
}

static void unsubscribe(struct consumer *c)
{
    struct msgflo_error e;

    if (mqtt_link_unsubscribe(&c->link, c->filter, &e) == 0)
        c->has_got = false; /* else the connection is lost, and service() says so */
}

static bool gives_back(const struct consumer *c)
{
    return c->link.mosq && c->flow == TRANSPORT_STOP && c->bus->url.clean_session &&
           (c->open > 0 || c->has_got || c->link.open_unsubscriptions > 0);
}

static void settle_all(struct bus *b)
{
    settle_sender(b);
    for (size_t i = 0; i < b->consumer_count; i++) {
        struct consumer *c = &b->consumers[i];

        if (gives_back(c) && c->open == 0 && c->link.open_unsubscriptions == 0)
            unsubscribe(c);
        settle_consumer(c);
    }
}

static int bus_service(struct transport *t, struct msgflo_error *e)
{
    struct bus *b = bus_of(t);

    if (check_links(b, e) || mqtt_link_tick(&b->sender, e))
        return -1;
    for (int i = 0; i < ROUNDS_PER_SERVICE; i++) {
        struct epoll_event events[EVENTS_PER_ROUND];
        int n;

        settle_all(b);
        n = epoll_wait(b->epoll_fd, events, EVENTS_PER_ROUND, 0);
        if (n <= 0)
            break;
        for (int j = 0; j < n; j++)
            if (handle_event(b, &events[j], e))
                return -1;
    }
    settle_all(b);
    return check_links(b, e);
}

/* ---- connection ---- */

static void close_consumer(struct consumer *c)
{
    mqtt_link_close(&c->link, c->open == 0); /* or goodbye would ack what is open */
    c->open = 0;
    c->has_got = false;
    c->last_tag = 0;
}

static void bus_close(struct transport *t)
{
    struct bus *b = bus_of(t);

    for (size_t i = 0; i < b->consumer_count; i++)
        close_consumer(&b->consumers[i]);
    mqtt_link_close(&b->sender, true);
    forget_all_sent(b);
}

static int open_consumer(struct bus *b, struct consumer *c, int64_t deadline_mono_ms,
                         struct msgflo_error *e)
{
    struct mqtt_link_options options = {.to = &b->url,
                                        .client_id = c->client_id,
                                        .clean_session = b->url.clean_session,
                                        .receive_max = b->config.prefetch,
                                        .writes_held = true,
                                        .ca_file = b->config.ca_file};

    if (mqtt_link_open(&c->link, &options, &consumer_events, c, deadline_mono_ms, e))
        return -1;
    if (c->flow != TRANSPORT_STOP && mqtt_link_subscribe(&c->link, c->filter, e))
        return -1;
    settle_consumer(c);
    return 0;
}

/* What is sent once we are announced must find the subscription there. A lasting session's messages
 * may come before that. */
static int await_subscription(struct consumer *c, int64_t deadline_mono_ms, struct msgflo_error *e)
{
    struct mqtt_link *l = &c->link;

    while (l->open_subscriptions > 0) {
        struct pollfd pfd = {mqtt_link_fd(l), POLLIN, 0};
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (left_ms == 0)
            return fail(e, MSGFLO_UNAVAILABLE,
                        "the broker does not answer the subscription '%.250s'", c->filter);
        if (mqtt_link_wants_write(l) && !is_held(c))
            pfd.events |= POLLOUT;
        if (poll(&pfd, 1, left_ms) > 0 && (pfd.revents & ~POLLOUT) && mqtt_link_read(l, e))
            return -1;
        settle_consumer(c);
    }
    return l->subscription_refused
               ? fail(e, MSGFLO_REFUSED, "the broker refuses the subscription '%.250s'", c->filter)
               : 0;
}

static int open_sender(struct bus *b, int64_t deadline_mono_ms, struct msgflo_error *e)
{
    struct mqtt_link_options options = {.to = &b->url,
                                        .client_id = b->client_id,
                                        .clean_session = true,
                                        .keep_alive_s = b->url.keep_alive_s >= 0
                                                            ? (unsigned)b->url.keep_alive_s
                                                            : b->config.heartbeat_s,
                                        .ca_file = b->config.ca_file};

    return mqtt_link_open(&b->sender, &options, &sender_events, b, deadline_mono_ms, e);
}

static int bus_open(struct transport *t, struct msgflo_error *e)
{
    struct bus *b = bus_of(t);
    int64_t deadline = clock_mono_ms() + b->config.connect_timeout_ms;

    if (open_sender(b, deadline, e))
        goto failed;
    for (size_t i = 0; i < b->consumer_count; i++)
        if (b->consumers[i].port->queue && open_consumer(b, &b->consumers[i], deadline, e))
            goto failed;
    for (size_t i = 0; i < b->consumer_count; i++)
        if (b->consumers[i].port->queue && await_subscription(&b->consumers[i], deadline, e))
            goto failed;
    return 0;
failed:
    bus_close(t);
    return -1;
}

static int bus_fd(const struct transport *t)
{
    return const_bus_of(t)->epoll_fd;
}

static int bus_timeout_ms(const struct transport *t)
{
    const struct bus *b = const_bus_of(t);
    struct msgflo_error e;
    int keep_alive_s = b->url.keep_alive_s >= 0 ? b->url.keep_alive_s : (int)b->config.heartbeat_s;

    if (check_links(b, &e))
        return 0;
    return keep_alive_s ? keep_alive_s * 1000 / 4 : -1;
}

/* ---- what the participant asks for ---- */

static int bus_send(struct transport *t, size_t outport, const struct transport_message *tm,
                    struct msgflo_error *e)
{
    struct bus *b = bus_of(t);
    const struct msgflo_message *from = tm->m;
    struct sent what = {.publish_seq = tm->publish_seq, .mandatory = from->mandatory};
    struct mqtt_message m = {.topic = b->config.definition->outports[outport].queue,
                             .body = from->body,
                             .size = from->size,
                             .content_type =
                                 from->content_type ? from->content_type : "application/json",
                             .message_id = tm->message_id,
                             .headers = from->headers,
                             .header_count = from->header_count};

    return publish(b, &m, &what, e);
}

static int bus_announce(struct transport *t, const struct transport_message *tm, unsigned ttl_ms,
                        struct msgflo_error *e)
{
    struct sent what = {.publish_seq = tm->publish_seq};
    struct mqtt_message m = {.topic = DISCOVERY_QUEUE,
                             .body = tm->m->body,
                             .size = tm->m->size,
                             .content_type = "application/json",
                             .message_id = tm->message_id,
                             .expiry_s = (ttl_ms + 999) / 1000};

    return publish(bus_of(t), &m, &what, e);
}

/* Stopped for good, a clean session's share goes to the others at once. A lasting one keeps it. */
static void bus_consume(struct transport *t, size_t inport, enum transport_flow flow)
{
    struct bus *b = bus_of(t);
    struct consumer *c = &b->consumers[inport];

    c->flow = flow;
    if (!c->link.mosq)
        return;
    if (flow == TRANSPORT_STOP && b->url.clean_session)
        unsubscribe(c);
    settle_consumer(c);
}

static void bus_ack(struct transport *t, size_t inport, const uint64_t *tags, size_t n,
                    uint64_t lowest_open)
{
    struct consumer *c = &bus_of(t)->consumers[inport];

    (void)tags;
    (void)lowest_open;
    c->open -= n;
    settle_consumer(c);
}

static void bus_end(struct transport *t, size_t inport, const struct msgflo_delivery *d,
                    enum transport_end how)
{
    forward(&bus_of(t)->consumers[inport], d, how);
}

static bool bus_gives_back(const struct transport *t)
{
    const struct bus *b = const_bus_of(t);

    for (size_t i = 0; i < b->consumer_count; i++)
        if (gives_back(&b->consumers[i]))
            return true;
    return false;
}

/* ---- making one ---- */

static void bus_free(struct transport *t)
{
    struct bus *b = bus_of(t);

    if (!b)
        return;
    bus_close(t);
    if (b->epoll_fd >= 0)
        close(b->epoll_fd);
    broker_url_release(&b->url);
    free(b->consumers);
    free(b);
}

static int name_consumer(struct bus *b, struct consumer *c, struct msgflo_error *e)
{
    const char *role = b->config.definition->role;

    if (!c->port->queue)
        return 0;
    if (strpbrk(role, "/+#"))
        return fail(e, MSGFLO_INVALID,
                    "the role '%.200s' holds a / + or #, which no MQTT share may", role);
    if ((size_t)snprintf(c->client_id, NAME_SIZE, "%s-%s", b->client_id, c->port->id) >= NAME_SIZE)
        return fail(e, MSGFLO_INVALID, "the client id is too long");
    snprintf(c->filter, NAME_SIZE, "$share/%s/%s", role, c->port->queue);
    if (mosquitto_pub_topic_check(c->port->queue))
        return fail(e, MSGFLO_INVALID, "'%.250s' is not fit to be a topic of MQTT", c->port->queue);
    return 0;
}

static int make_consumers(struct bus *b, struct msgflo_error *e)
{
    const struct definition *d = b->config.definition;

    if (d->inport_count == 0)
        return 0;
    b->consumers = calloc(d->inport_count, sizeof *b->consumers);
    if (!b->consumers)
        return fail(e, MSGFLO_NOMEM, "no memory for %zu connections", d->inport_count);
    b->consumer_count = d->inport_count;
    for (size_t i = 0; i < d->inport_count; i++) {
        struct consumer *c = &b->consumers[i];

        c->bus = b;
        c->inport = i;
        c->port = &d->inports[i];
        if (name_consumer(b, c, e))
            return -1;
    }
    return 0;
}

static int prepare(struct bus *b, struct msgflo_error *e)
{
    const char *url = b->config.url, *id;

    if (broker_url_parse(url, strlen(url), &b->url, e) ||
        mqtt_link_check_tls(&b->url, b->config.ca_file, e))
        return -1;
    id = b->url.client_id ? b->url.client_id : b->config.id;
    if ((size_t)snprintf(b->client_id, NAME_SIZE, "%s", id) >= NAME_SIZE)
        return fail(e, MSGFLO_INVALID, "the clientId in the broker's URL is too long");
    b->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b->epoll_fd < 0)
        return fail(e, MSGFLO_NOMEM, "epoll: %s", strerror(errno));
    return make_consumers(b, e);
}

static struct transport *bus_new(const struct transport_config *config,
                                 const struct transport_events *events, void *user,
                                 struct msgflo_error *e)
{
    struct bus *b = calloc(1, sizeof *b);

    if (!b) {
        fail(e, MSGFLO_NOMEM, "no memory for a connection");
        return NULL;
    }
    b->base.table = &transport_mqtt;
    b->config = *config;
    b->events = events;
    b->user = user;
    b->epoll_fd = -1;
    b->sent_end = &b->first_sent;
    if (prepare(b, e)) {
        bus_free(&b->base);
        return NULL;
    }
    return &b->base;
}

const struct transport_table transport_mqtt = {.new = bus_new,
                                               .free = bus_free,
                                               .open = bus_open,
                                               .close = bus_close,
                                               .service = bus_service,
                                               .fd = bus_fd,
                                               .timeout_ms = bus_timeout_ms,
                                               .send = bus_send,
                                               .announce = bus_announce,
                                               .consume = bus_consume,
                                               .ack = bus_ack,
                                               .end = bus_end,
                                               .gives_back = bus_gives_back};
