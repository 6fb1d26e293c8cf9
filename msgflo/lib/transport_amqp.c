/*
 * transport_amqp.c - AMQP 0-9-1 with RabbitMQ, through rabbitmq-c.
 *
 * Design notes
 * - One connection. Channel 1 only declares, channel 2 only publishes (publisher.h), and each
 *   inport has one of its own from 3 on: a channel closes at the first mistake, and the acks of
 *   one port must never mean another's deliveries.
 * - rabbitmq-c's own waiting calls serve declares only. All else is read frame by frame without
 *   blocking, because returns, confirms and cancels come between deliveries.
 * - A channel that the broker closed, or a consumer that it cancelled (its queue was deleted), is
 *   mended in place: declared, opened and consumed again at once, then with growing delay while it
 *   keeps failing. Only what concerns that channel is voided or lost.
 * - An alarm at the broker (memory, disk): it stops reading this connection and says
 *   connection.blocked. From then on sends are refused at once rather than written into a pipe that
 *   nobody empties. Acks wait in that pipe too, so deliveries dry up until the alarm is over.
 *   What was written before the broker could say so waits at most WRITE_STALL_MS (broker_link.c);
 *   after that the connection is given up, and its messages are MSGFLO_LOST.
 * - Heartbeats are sent, and missed ones noticed (two in a row), by rabbitmq-c whenever it reads:
 *   timeout_ms() asks for a service often enough for that.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "content.h"
#include "discovery.h"
#include "publisher.h"
#include "topology.h"

enum { CHANNEL_DECLARE = 1, CHANNEL_PUBLISH = 2, CHANNEL_INPORTS = 3 };

#define INPORTS_MAX 1000       /* RabbitMQ allows 2047 channels a connection by default */
#define FRAMES_PER_SERVICE 512 /* so that a flood does not keep the caller's loop from turning */
#define WRITE_WAIT_MS 2000     /* a send waits so long for the socket to take anything at all */
#define MEND_FIRST_MS 500
#define MEND_MAX_MS 30000
#define MEND_CALM_MS 60000 /* what held so long starts again with no delay */
#define NEVER INT64_MAX
#define TAG_SIZE 256 /* a consumer tag is a short string */

struct mending {
    int64_t at_mono_ms; /* NEVER: nothing is broken */
    int64_t mended_at_mono_ms;
    int64_t delay_ms;
};

/* CONSUMER_STARTING until consume-ok, CONSUMER_STOPPING until cancel-ok: a cancel that overtakes
 * its consumer's consume-ok crashes the channel's process in RabbitMQ 3.10, and with it the
 * connection (measured). */
enum consumer_state { CONSUMER_NONE, CONSUMER_STARTING, CONSUMER_RUNNING, CONSUMER_STOPPING };

struct inchannel {
    amqp_channel_t number;
    const struct port *port;
    bool wanted; /* the participant wants to consume */
    bool open;   /* the channel is */
    enum consumer_state consumer;
    unsigned consumer_no; /* of the latest consumer: part of its tag */
    struct mending mending;
    struct content content;
};

struct bus {
    struct transport base; /* first: a bus is a transport */
    struct transport_config config;
    const struct transport_events *events;
    void *user;
    struct broker_url url;
    struct broker_link link;
    struct topology_channel topology;
    struct publisher publisher;
    struct mending publisher_mending;
    struct content returned; /* on the publishing channel */
    struct inchannel *inchannels;
    size_t inchannel_count;
    bool broken; /* the connection is of no use; why says why */
    struct msgflo_error why;
    bool blocked;
    char blocked_reason[100];
};

static struct bus *bus_of(struct transport *t)
{
    return (struct bus *)(void *)t;
}

static const struct bus *const_bus_of(const struct transport *t)
{
    return (const struct bus *)(const void *)t;
}

/* Notes that the connection is gone; the next service() says so. */
static void break_off(struct bus *b, const struct msgflo_error *why)
{
    if (b->broken)
        return;
    b->broken = true;
    b->why = *why;
}

static void check_write(struct bus *b, int status)
{
    struct msgflo_error e;

    if (broker_link_status(status, "connection to the broker", &e))
        break_off(b, &e);
}

/* ---- mending ---- */

static void mending_reset(struct mending *m)
{
    *m = (struct mending){NEVER, 0, 0};
}

static void mending_plan(struct mending *m)
{
    int64_t now = clock_mono_ms();

    if (m->mended_at_mono_ms && now - m->mended_at_mono_ms > MEND_CALM_MS)
        m->delay_ms = 0;
    m->at_mono_ms = now + m->delay_ms;
    m->delay_ms = m->delay_ms ? 2 * m->delay_ms : MEND_FIRST_MS;
    if (m->delay_ms > MEND_MAX_MS)
        m->delay_ms = MEND_MAX_MS;
}

static void mending_done(struct mending *m)
{
    m->at_mono_ms = NEVER;
    m->mended_at_mono_ms = clock_mono_ms();
}

/* ---- consuming ---- */

static void consumer_tag(const struct inchannel *c, char ret[TAG_SIZE])
{
    snprintf(ret, TAG_SIZE, "%u-%s", c->consumer_no, c->port->id);
}

/* Neither waits for the answer here, and a refusal comes as channel.close. */
static void start_consuming(struct bus *b, struct inchannel *c)
{
    char tag[TAG_SIZE];
    amqp_basic_consume_t m = {.queue = bytes_of(c->port->queue)};

    c->consumer_no++; /* a late cancel of the one before must not mean this one */
    consumer_tag(c, tag);
    m.consumer_tag = bytes_of(tag);
    c->consumer = CONSUMER_STARTING;
    check_write(b, amqp_send_method(b->link.conn, c->number, AMQP_BASIC_CONSUME_METHOD, &m));
}

static void stop_consuming(struct bus *b, struct inchannel *c)
{
    char tag[TAG_SIZE];
    amqp_basic_cancel_t m = {0};

    consumer_tag(c, tag);
    m.consumer_tag = bytes_of(tag);
    c->consumer = CONSUMER_STOPPING;
    check_write(b, amqp_send_method(b->link.conn, c->number, AMQP_BASIC_CANCEL_METHOD, &m));
}

/* Does what the participant wants, once the consumer is in a state to do it. */
static void steer_consumer(struct bus *b, struct inchannel *c)
{
    if (!c->open || b->broken || c->mending.at_mono_ms != NEVER)
        return; /* mending comes back here */
    if (c->wanted && c->consumer == CONSUMER_NONE)
        start_consuming(b, c);
    else if (!c->wanted && c->consumer == CONSUMER_RUNNING)
        stop_consuming(b, c);
}

static int open_inchannel(struct bus *b, struct inchannel *c, struct msgflo_error *e)
{
    struct broker_link *l = &b->link;

    if (broker_link_begin(l, e))
        return -1;
    amqp_channel_open(l->conn, c->number);
    if (broker_link_answer(l, c->number, amqp_get_rpc_reply(l->conn), "channel", e) ||
        broker_link_begin(l, e))
        return -1;
    amqp_basic_qos(l->conn, c->number, 0, (uint16_t)b->config.prefetch, 0);
    if (broker_link_answer(l, c->number, amqp_get_rpc_reply(l->conn), "prefetch", e))
        return -1;
    c->open = true;
    return 0;
}

static int mend_inchannel(struct bus *b, struct inchannel *c, struct msgflo_error *e)
{
    if (topology_inport(&b->topology, c->port->queue, c->port->transient, e) ||
        (!c->open && open_inchannel(b, c, e)))
        return -1;
    mending_done(&c->mending);
    steer_consumer(b, c);
    return 0;
}

static int mend_publisher(struct bus *b, struct msgflo_error *e)
{
    const struct definition *d = b->config.definition;

    if (topology_discovery(&b->topology, e))
        return -1;
    for (size_t i = 0; i < d->outport_count; i++) {
        const struct port *port = &d->outports[i];

        if (port->queue && topology_outport(&b->topology, port->queue, port->transient, e))
            return -1;
    }
    if (!b->publisher.open && publisher_open(&b->publisher, &b->link, e))
        return -1;
    mending_done(&b->publisher_mending);
    return 0;
}

/* A refused mending is tried again later; any other failure is the connection's. */
static int mend_later(struct bus *b, struct mending *m, struct msgflo_error *e)
{
    if (e->code != MSGFLO_REFUSED)
        return -1;
    mending_plan(m);
    b->events->warning(b->user, e->text);
    return 0;
}

static int mend_due(struct bus *b, struct msgflo_error *e)
{
    int64_t now = clock_mono_ms();

    broker_link_set_deadline(&b->link, b->config.connect_timeout_ms);
    if (b->publisher_mending.at_mono_ms <= now && mend_publisher(b, e) &&
        mend_later(b, &b->publisher_mending, e))
        return -1;
    for (size_t i = 0; i < b->inchannel_count; i++) {
        struct inchannel *c = &b->inchannels[i];

        if (c->mending.at_mono_ms <= now && mend_inchannel(b, c, e) &&
            mend_later(b, &c->mending, e))
            return -1;
    }
    return 0;
}

/* ---- frames ---- */

/* The port whose channel it is, or NULL; ret_inport is then untouched. */
static struct inchannel *inchannel_of(struct bus *b, amqp_channel_t channel, size_t *ret_inport)
{
    size_t i;

    if (channel < CHANNEL_INPORTS)
        return NULL;
    i = (size_t)channel - CHANNEL_INPORTS;
    if (i >= b->inchannel_count)
        return NULL;
    *ret_inport = i;
    return &b->inchannels[i];
}

static int take_channel_close(struct bus *b, const amqp_frame_t *f, struct msgflo_error *e)
{
    const amqp_channel_close_t *m = f->payload.method.decoded;
    size_t inport = 0;
    struct inchannel *c = inchannel_of(b, f->channel, &inport);
    const char *what = c ? c->port->queue : "publishing";

    if (broker_link_channel_closed(&b->link, f->channel, m, what, e))
        return -1;
    if (c) {
        c->open = false;
        c->consumer = CONSUMER_NONE;
        content_release(&c->content);
        mending_plan(&c->mending);
        b->events->inport_voided(b->user, inport);
    } else if (f->channel == CHANNEL_PUBLISH) {
        b->publisher.open = false;
        content_release(&b->returned);
        mending_plan(&b->publisher_mending);
        b->events->unconfirmed_lost(b->user);
    } else {
        b->topology.channel_open = false;
    }
    b->events->warning(b->user, e->text);
    return 0;
}

/* The broker ended a consumer: its queue was deleted, or moved with its node. */
static void take_cancel(struct bus *b, const amqp_frame_t *f)
{
    const amqp_basic_cancel_t *m = f->payload.method.decoded;
    size_t inport;
    struct inchannel *c = inchannel_of(b, f->channel, &inport);
    char tag[TAG_SIZE], text[QUEUE_NAME_MAX + 80];

    if (!c || c->consumer == CONSUMER_NONE)
        return;
    consumer_tag(c, tag);
    if (m->consumer_tag.len != strlen(tag) ||
        memcmp(m->consumer_tag.bytes, tag, m->consumer_tag.len) != 0)
        return;
    c->consumer = CONSUMER_NONE;
    mending_plan(&c->mending);
    snprintf(text, sizeof text, "the broker stopped the consumer of queue '%s'", c->port->queue);
    b->events->warning(b->user, text);
}

/* There is one consumer a channel and its methods are answered in order: no tag to compare. */
static void take_consumer_ok(struct bus *b, struct inchannel *c, amqp_method_number_t id)
{
    if (id == AMQP_BASIC_CONSUME_OK_METHOD && c->consumer == CONSUMER_STARTING)
        c->consumer = CONSUMER_RUNNING;
    else if (id == AMQP_BASIC_CANCEL_OK_METHOD && c->consumer == CONSUMER_STOPPING)
        c->consumer = CONSUMER_NONE;
    steer_consumer(b, c);
}

static void take_confirm(struct bus *b, uint64_t tag, bool multiple, bool kept)
{
    uint64_t seq = publisher_seq(&b->publisher, tag, multiple);

    if (seq)
        b->events->confirmed(b->user, seq, multiple, kept);
}

static void take_blocked(struct bus *b, const amqp_connection_blocked_t *m)
{
    char text[200];

    b->blocked = true;
    snprintf(b->blocked_reason, sizeof b->blocked_reason, "%.*s",
             m->reason.len > 90 ? 90 : (int)m->reason.len, (const char *)m->reason.bytes);
    snprintf(text, sizeof text, "the broker takes no messages for now: %s", b->blocked_reason);
    b->events->warning(b->user, text);
}

static int take_method(struct bus *b, const amqp_frame_t *f, struct msgflo_error *e)
{
    const void *m = f->payload.method.decoded;
    amqp_channel_flow_ok_t flow_ok = {1};
    size_t inport;
    struct inchannel *c = inchannel_of(b, f->channel, &inport);

    switch (f->payload.method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        return c ? content_deliver(&c->content, m) : 0;
    case AMQP_BASIC_RETURN_METHOD:
        return content_return(&b->returned);
    case AMQP_BASIC_ACK_METHOD:
        take_confirm(b, ((const amqp_basic_ack_t *)m)->delivery_tag,
                     ((const amqp_basic_ack_t *)m)->multiple != 0, true);
        return 0;
    case AMQP_BASIC_NACK_METHOD:
        take_confirm(b, ((const amqp_basic_nack_t *)m)->delivery_tag,
                     ((const amqp_basic_nack_t *)m)->multiple != 0, false);
        return 0;
    case AMQP_BASIC_CANCEL_METHOD:
        take_cancel(b, f);
        return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
        return take_channel_close(b, f, e);
    case AMQP_CHANNEL_FLOW_METHOD:
        flow_ok.active = ((const amqp_channel_flow_t *)m)->active;
        check_write(
            b, amqp_send_method(b->link.conn, f->channel, AMQP_CHANNEL_FLOW_OK_METHOD, &flow_ok));
        return 0;
    case AMQP_CONNECTION_CLOSE_METHOD:
        return broker_link_closed(&b->link, m, e);
    case AMQP_CONNECTION_BLOCKED_METHOD:
        take_blocked(b, m);
        return 0;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        b->blocked = false;
        return 0;
    case AMQP_BASIC_CONSUME_OK_METHOD:
    case AMQP_BASIC_CANCEL_OK_METHOD:
        if (c)
            take_consumer_ok(b, c, f->payload.method.id);
        return 0;
    default:
        return 0;
    }
}

static void reject_oversized(struct bus *b, const struct inchannel *c)
{
    char text[QUEUE_NAME_MAX + 120];

    check_write(b, amqp_basic_reject(b->link.conn, c->number, c->content.tag, 0));
    snprintf(text, sizeof text, "a message of %llu bytes in queue '%s' is above %zu: rejected",
             (unsigned long long)c->content.body_size, c->port->queue, b->config.max_message_bytes);
    b->events->warning(b->user, text);
}

static void take_whole_delivery(struct bus *b, struct inchannel *c, size_t inport)
{
    struct msgflo_delivery *d = c->content.delivery;

    if (!d)
        reject_oversized(b, c);
    c->content.delivery = NULL;
    content_release(&c->content);
    if (d)
        b->events->delivered(b->user, inport, d); /* last: it may do anything to us */
}

static void take_whole_return(struct bus *b)
{
    uint64_t seq = b->returned.publish_seq;

    content_release(&b->returned);
    if (seq)
        b->events->returned(b->user, seq);
}

/* A part of a message's content: header or body. */
static int take_content(struct bus *b, const amqp_frame_t *f, struct msgflo_error *e)
{
    size_t inport = 0;
    struct inchannel *c = inchannel_of(b, f->channel, &inport);
    struct content *content = c ? &c->content : &b->returned;
    int whole;

    if (f->frame_type == AMQP_FRAME_HEADER)
        whole = content_header(content, f, b->config.max_message_bytes, b->config.id, e);
    else
        whole = content_body(content, f->payload.body_fragment, e);
    if (whole <= 0)
        return whole;
    if (c)
        take_whole_delivery(b, c, inport);
    else
        take_whole_return(b);
    return 0;
}

static int bus_service(struct transport *t, struct msgflo_error *e)
{
    struct bus *b = bus_of(t);

    if (!b->broken && mend_due(b, e))
        return -1;
    for (int i = 0; i < FRAMES_PER_SERVICE && !b->broken; i++) {
        struct timeval at_once = {0, 0};
        amqp_frame_t f;
        int status = amqp_simple_wait_frame_noblock(b->link.conn, &f, &at_once);

        if (status == AMQP_STATUS_TIMEOUT)
            break;
        if (broker_link_status(status, "connection to the broker", e))
            return -1;
        if (f.frame_type == AMQP_FRAME_METHOD ? take_method(b, &f, e) : take_content(b, &f, e))
            return -1;
        amqp_maybe_release_buffers_on_channel(b->link.conn, f.channel);
    }
    if (b->broken)
        *e = b->why;
    return b->broken ? -1 : 0;
}

/* ---- connection ---- */

static void reset_channels(struct bus *b)
{
    b->topology.channel_open = false;
    b->publisher.open = false;
    mending_reset(&b->publisher_mending);
    content_release(&b->returned);
    for (size_t i = 0; i < b->inchannel_count; i++) {
        struct inchannel *c = &b->inchannels[i];

        c->open = false;
        c->consumer = CONSUMER_NONE;
        mending_reset(&c->mending);
        content_release(&c->content);
    }
    b->broken = b->blocked = false;
}

static void bus_close(struct transport *t)
{
    struct bus *b = bus_of(t);

    broker_link_close(&b->link, !b->broken);
    reset_channels(b);
}

static int bus_open(struct transport *t, struct msgflo_error *e)
{
    struct bus *b = bus_of(t);

    reset_channels(b);
    if (broker_link_open(&b->link, &b->url, &b->config, e))
        return -1;
    if (mend_publisher(b, e))
        goto failed;
    for (size_t i = 0; i < b->inchannel_count; i++)
        if (b->inchannels[i].port->queue && mend_inchannel(b, &b->inchannels[i], e))
            goto failed;
    return 0;
failed:
    bus_close(t);
    return -1;
}

static int bus_fd(const struct transport *t)
{
    return amqp_get_sockfd(const_bus_of(t)->link.conn);
}

static int bus_timeout_ms(const struct transport *t)
{
    const struct bus *b = const_bus_of(t);
    int heartbeat_ms = amqp_get_heartbeat(b->link.conn) * 1000;
    int64_t mend_at = b->publisher_mending.at_mono_ms;
    int timeout_ms = heartbeat_ms ? heartbeat_ms / 4 : -1;

    if (b->broken || amqp_frames_enqueued(b->link.conn) || amqp_data_in_buffer(b->link.conn))
        return 0;
    for (size_t i = 0; i < b->inchannel_count; i++)
        if (b->inchannels[i].mending.at_mono_ms < mend_at)
            mend_at = b->inchannels[i].mending.at_mono_ms;
    if (mend_at != NEVER && (timeout_ms < 0 || clock_until_ms(mend_at) < timeout_ms))
        timeout_ms = clock_until_ms(mend_at);
    return timeout_ms;
}

/* ---- what the participant asks for ---- */

static int publish(struct bus *b, const char *exchange, const char *key,
                   const struct transport_message *tm, unsigned ttl_ms, struct msgflo_error *e)
{
    if (b->broken) {
        *e = b->why;
        return -1;
    }
    if (b->blocked)
        return fail(e, MSGFLO_UNAVAILABLE, "the broker takes no messages for now: %s",
                    b->blocked_reason);
    if (!b->publisher.open)
        return fail(e, MSGFLO_UNAVAILABLE, "the outports are being declared again");
    if (!broker_link_writable(&b->link, WRITE_WAIT_MS))
        return fail(e, MSGFLO_UNAVAILABLE, "the broker takes nothing for %d ms", WRITE_WAIT_MS);
    if (publisher_publish(&b->publisher, &b->link, exchange, key, tm, b->config.definition->role,
                          ttl_ms, e) == 0)
        return 0;
    if (e->code != MSGFLO_NOMEM)
        break_off(b, e);
    return -1;
}

static int bus_send(struct transport *t, size_t outport, const struct transport_message *tm,
                    struct msgflo_error *e)
{
    struct bus *b = bus_of(t);

    return publish(b, b->config.definition->outports[outport].queue, "", tm, 0, e);
}

static int bus_announce(struct transport *t, const struct transport_message *tm, unsigned ttl_ms,
                        struct msgflo_error *e)
{
    return publish(bus_of(t), "", DISCOVERY_QUEUE, tm, ttl_ms, e);
}

static void bus_consume(struct transport *t, size_t inport, enum transport_flow flow)
{
    struct bus *b = bus_of(t);
    struct inchannel *c = &b->inchannels[inport];

    c->wanted = flow == TRANSPORT_RUN;
    steer_consumer(b, c);
}

static void bus_ack(struct transport *t, size_t inport, const uint64_t *tags, size_t n,
                    uint64_t lowest_open)
{
    struct bus *b = bus_of(t);
    struct inchannel *c = &b->inchannels[inport];
    uint64_t upto = 0; /* the highest of them below which nothing is open */

    if (!c->open || b->broken)
        return;
    for (size_t i = 0; i < n; i++)
        if (tags[i] < lowest_open && tags[i] > upto)
            upto = tags[i];
    if (upto)
        check_write(b, amqp_basic_ack(b->link.conn, c->number, upto, 1));
    for (size_t i = 0; i < n && !b->broken; i++)
        if (tags[i] > lowest_open)
            check_write(b, amqp_basic_ack(b->link.conn, c->number, tags[i], 0));
}

static void bus_end(struct transport *t, size_t inport, const struct msgflo_delivery *d,
                    enum transport_end how)
{
    struct bus *b = bus_of(t);
    struct inchannel *c = &b->inchannels[inport];

    if (c->open && !b->broken)
        check_write(b,
                    amqp_basic_reject(b->link.conn, c->number, d->tag, how == TRANSPORT_REQUEUE));
}

/* ---- making one ---- */

static void bus_free(struct transport *t)
{
    struct bus *b = bus_of(t);

    if (!b)
        return;
    bus_close(t);
    broker_url_release(&b->url);
    free(b->inchannels);
    free(b);
}

static int make_inchannels(struct bus *b, struct msgflo_error *e)
{
    const struct definition *d = b->config.definition;

    if (d->inport_count > INPORTS_MAX)
        return fail(e, MSGFLO_INVALID, "more than %d inports", INPORTS_MAX);
    if (d->inport_count == 0)
        return 0;
    b->inchannels = calloc(d->inport_count, sizeof *b->inchannels);
    if (!b->inchannels)
        return fail(e, MSGFLO_NOMEM, "no memory for %zu channels", d->inport_count);
    b->inchannel_count = d->inport_count;
    for (size_t i = 0; i < d->inport_count; i++) {
        b->inchannels[i].number = (amqp_channel_t)(CHANNEL_INPORTS + i);
        b->inchannels[i].port = &d->inports[i];
    }
    return 0;
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
    b->base.table = &transport_amqp;
    b->config = *config;
    b->events = events;
    b->user = user;
    b->topology =
        (struct topology_channel){&b->link, CHANNEL_DECLARE, false, events->warning, user};
    b->publisher.channel = CHANNEL_PUBLISH;
    if (broker_url_parse(config->url, strlen(config->url), &b->url, e) ||
        broker_link_check_tls(&b->url, config->ca_file, e) || make_inchannels(b, e)) {
        bus_free(&b->base);
        return NULL;
    }
    return &b->base;
}

const struct transport_table transport_amqp = {.new = bus_new,
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
                                               .end = bus_end};
