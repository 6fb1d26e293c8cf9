#include "broker/session.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define ANSWER_MS 15000
#define HEARTBEAT_S 30
#define QUEUE_MAX_BYTES (128 * 1024 * 1024) /* what RabbitMQ takes by default */
#define PRIVATE_MAX_BYTES (8 * 1024 * 1024) /* of a message that is only looked at */
#define QUIET_MS 500     /* after which no more is to come of what was recalled */
#define MAX_CHANNEL 2047 /* RabbitMQ's default limit a connection */

/* ---- beginning and end ---- */

static void take_warning(void *user, const char *text)
{
    struct session *s = user;

    if (s->warnings)
        buf_printf(s->warnings, "%s; used as it is\n", text);
}

static enum err_code code_of(enum msgflo_code code)
{
    switch (code) {
    case MSGFLO_REFUSED:
    case MSGFLO_INVALID:
        return ERR_INPUT;
    case MSGFLO_NOMEM:
        return ERR_NOMEM;
    default:
        return ERR_UNAVAILABLE;
    }
}

int session_fail(struct session *s, const struct msgflo_error *why, struct err *e)
{
    if (code_of(why->code) != ERR_INPUT)
        err_set(&s->broken, code_of(why->code), "%s", why->text);
    return err_set(e, code_of(why->code), "%s", why->text);
}

int session_open(const struct broker_options *options, int timeout_ms, struct session **ret,
                 struct err *e)
{
    struct transport_config config = {.url = options->url,
                                      .id = options->name,
                                      .connect_timeout_ms = (unsigned)timeout_ms,
                                      .heartbeat_s = HEARTBEAT_S,
                                      .ca_file = options->ca_file};
    struct broker_url url = {0};
    struct session *s = calloc(1, sizeof(*s));
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    s->inbox_end = &s->inbox;
    s->steps = (struct topology_channel){&s->link, CHANNEL_STEPS, false, take_warning, s};
    s->publisher.channel = CHANNEL_PUBLISH;
    if (broker_url_parse(options->url, strlen(options->url), &url, &why) ||
        broker_link_open(&s->link, &url, &config, &why) ||
        publisher_open(&s->publisher, &s->link, &why)) {
        broker_url_release(&url);
        session_close(s);
        return err_set(e, code_of(why.code), "%s", why.text);
    }
    broker_url_release(&url);
    *ret = s;
    return 0;
}

static void stream_free(struct stream *stream)
{
    arrival_free(stream->partial);
    free(stream->queue);
    free(stream->from);
    free(stream);
}

/* Drops what waits for the caller of one stream, or of all (NULL). */
static void clear_inbox(struct session *s, const struct stream *stream)
{
    struct arrival **at = &s->inbox;

    while (*at) {
        struct arrival *a = *at;

        if (stream && a->stream != stream) {
            at = &a->next;
            continue;
        }
        *at = a->next;
        arrival_free(a);
    }
    s->inbox_end = at;
}

void session_close(struct session *s)
{
    if (!s)
        return;
    broker_link_close(&s->link, s->broken.code == ERR_NONE);
    clear_inbox(s, NULL);
    arrival_free(s->handed_out);
    while (s->streams) {
        struct stream *stream = s->streams;

        s->streams = stream->next;
        stream_free(stream);
    }
    free(s);
}

int session_begin(struct session *s, struct err *e)
{
    arrival_free(s->handed_out);
    s->handed_out = NULL;
    s->warnings = NULL;
    if (s->broken.code != ERR_NONE)
        return err_set(e, s->broken.code, "%s", s->broken.text);
    broker_link_set_deadline(&s->link, ANSWER_MS);
    return 0;
}

/* ---- messages out ---- */

static int ack(struct session *s, const struct stream *stream, uint64_t tag, struct msgflo_error *e)
{
    return broker_link_status(amqp_basic_ack(s->link.conn, stream->channel, tag, 0), "ack", e);
}

/* The broker has the message, or will not have it. An announcement that could not be passed on is
 * done too: there will be others. */
static int settle(struct session *s, const struct unconfirmed *u, bool kept, struct msgflo_error *e)
{
    if (u->stream)
        return ack(s, u->stream, u->tag, e);
    s->awaited--;
    s->nacked += !kept;
    /* One that was returned is confirmed after that; which one it was, a return does not say. */
    if (!u->tag || !kept || s->returned)
        return 0;
    return broker_link_status(amqp_basic_ack(s->link.conn, CHANNEL_HELD, u->tag, 0), "ack", e);
}

static int take_confirm(struct session *s, uint64_t tag, bool multiple, bool kept,
                        struct msgflo_error *e)
{
    uint64_t seq = publisher_seq(&s->publisher, tag, multiple);
    size_t left = 0;

    for (size_t i = 0; i < s->unconfirmed_count; i++) {
        struct unconfirmed u = s->unconfirmed[i];

        if (u.publish_seq != seq && !(multiple && u.publish_seq < seq))
            s->unconfirmed[left++] = u;
        else if (settle(s, &u, kept, e))
            return -1;
    }
    s->unconfirmed_count = left;
    return 0;
}

static int note_unconfirmed(struct session *s, struct stream *stream, uint64_t tag,
                            struct msgflo_error *e)
{
    if (s->unconfirmed_count == UNCONFIRMED_MAX)
        return fail(e, MSGFLO_UNAVAILABLE, "the broker confirms nothing");
    s->unconfirmed[s->unconfirmed_count++] = (struct unconfirmed){s->publish_seq, stream, tag};
    return 0;
}

void session_expect(struct session *s, uint64_t held_tag)
{
    /* Room is sure: those awaited and the prefetch of announcements are together below the limit */
    s->unconfirmed[s->unconfirmed_count++] = (struct unconfirmed){s->publish_seq, NULL, held_tag};
    s->awaited++;
}

/* Announcements go to all who follow, as they were, but that they tell when that was. */
static int pass_on(struct session *s, const struct arrival *a, struct msgflo_error *e)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
                                                    AMQP_BASIC_TIMESTAMP_FLAG,
                                          .content_type = bytes_of(a->content_type),
                                          .timestamp = (uint64_t)clock_wall_ms() / 1000};

    if (!a->body)
        return ack(s, a->stream, a->tag, e);
    if (a->expiration[0])
        properties._flags |= AMQP_BASIC_EXPIRATION_FLAG;
    if (a->message_id[0])
        properties._flags |= AMQP_BASIC_MESSAGE_ID_FLAG;
    properties.expiration = bytes_of(a->expiration);
    properties.message_id = bytes_of(a->message_id);
    if (publisher_pass_on(&s->publisher, &s->link, a->stream->from, "", false, &properties,
                          (amqp_bytes_t){(size_t)a->size, a->body}, ++s->publish_seq, e))
        return -1;
    return note_unconfirmed(s, a->stream, a->tag, e);
}

/* ---- frames ---- */

static struct stream *stream_of(const struct session *s, amqp_channel_t channel)
{
    struct stream *stream = s->streams;

    while (stream && stream->channel != channel)
        stream = stream->next;
    return stream;
}

static int take_deliver(struct session *s, const amqp_frame_t *f, struct msgflo_error *e)
{
    const amqp_basic_deliver_t *m = f->payload.method.decoded;
    struct stream *stream = stream_of(s, f->channel);

    if (!stream)
        return 0;
    arrival_free(stream->partial);
    stream->partial = arrival_new(stream, m->delivery_tag);
    return stream->partial ? 0 : fail(e, MSGFLO_NOMEM, "no memory for a delivery");
}

/* A stream that the broker ends is missed by whoever reads it: only a new session mends that. */
static int take_cancel(const struct session *s, const amqp_frame_t *f, struct msgflo_error *e)
{
    const struct stream *stream = stream_of(s, f->channel);

    return stream ? fail(e, MSGFLO_UNAVAILABLE, "the broker gives no more messages of queue '%s'",
                         stream->queue)
                  : 0;
}

static int take_channel_close(struct session *s, const amqp_frame_t *f, struct msgflo_error *e)
{
    const struct stream *stream = stream_of(s, f->channel);

    if (broker_link_channel_closed(&s->link, f->channel, f->payload.method.decoded,
                                   stream ? stream->queue : "publishing", e))
        return -1;
    if (f->channel == CHANNEL_STEPS) {
        s->steps.channel_open = false;
        return 0;
    }
    e->code = MSGFLO_UNAVAILABLE; /* what the channel was for is gone, not one step */
    return -1;
}

static int take_method(struct session *s, const amqp_frame_t *f, struct msgflo_error *e)
{
    const void *m = f->payload.method.decoded;
    amqp_channel_flow_ok_t flow_ok = {1};

    switch (f->payload.method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        return take_deliver(s, f, e);
    case AMQP_BASIC_RETURN_METHOD:
        s->returned++;
        return 0;
    case AMQP_BASIC_ACK_METHOD:
        return take_confirm(s, ((const amqp_basic_ack_t *)m)->delivery_tag,
                            ((const amqp_basic_ack_t *)m)->multiple != 0, true, e);
    case AMQP_BASIC_NACK_METHOD:
        return take_confirm(s, ((const amqp_basic_nack_t *)m)->delivery_tag,
                            ((const amqp_basic_nack_t *)m)->multiple != 0, false, e);
    case AMQP_BASIC_CANCEL_METHOD:
        return take_cancel(s, f, e);
    case AMQP_CHANNEL_CLOSE_METHOD:
        return take_channel_close(s, f, e);
    case AMQP_CHANNEL_FLOW_METHOD:
        flow_ok.active = ((const amqp_channel_flow_t *)m)->active;
        return broker_link_status(
            amqp_send_method(s->link.conn, f->channel, AMQP_CHANNEL_FLOW_OK_METHOD, &flow_ok),
            "flow", e);
    case AMQP_CONNECTION_CLOSE_METHOD:
        broker_link_closed(&s->link, m, e);
        e->code = MSGFLO_UNAVAILABLE;
        return -1;
    case AMQP_CONNECTION_BLOCKED_METHOD:
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        s->blocked = f->payload.method.id == AMQP_CONNECTION_BLOCKED_METHOD;
        return 0;
    default:
        return 0;
    }
}

static int take_whole(struct session *s, struct stream *stream, struct msgflo_error *e)
{
    struct arrival *a = stream->partial;
    int rc = 0;

    stream->partial = NULL;
    if (stream->kind == STREAM_ANNOUNCEMENTS) {
        rc = pass_on(s, a, e);
        arrival_free(a);
    } else {
        if (stream->kind == STREAM_RECALLED) {
            s->recalled++;
            a->stream = session_stream(s, STREAM_DISCOVERY, stream->from);
            a->tag = 0;
        }
        *s->inbox_end = a;
        s->inbox_end = &a->next;
    }
    return rc;
}

/* A part of a message's content; that of a returned message is passed over. */
static int take_content(struct session *s, const amqp_frame_t *f, struct msgflo_error *e)
{
    struct stream *stream = stream_of(s, f->channel);
    int whole;

    if (!stream || !stream->partial)
        return 0;
    if (f->frame_type == AMQP_FRAME_HEADER)
        whole =
            arrival_header(stream->partial, f,
                           stream->kind == STREAM_QUEUE ? QUEUE_MAX_BYTES : PRIVATE_MAX_BYTES, e);
    else
        whole = arrival_body(stream->partial, f->payload.body_fragment, e);
    return whole > 0 ? take_whole(s, stream, e) : whole;
}

/* Waits for a frame and takes it: 1; 0: none came in time; -1 with *e. timeout_ms < 0: for ever. */
static int take_frame(struct session *s, int timeout_ms, struct msgflo_error *e)
{
    const struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    amqp_frame_t f;
    int status = amqp_simple_wait_frame_noblock(s->link.conn, &f, timeout_ms < 0 ? NULL : &wait);

    if (status == AMQP_STATUS_TIMEOUT)
        return 0;
    if (broker_link_status(status, "connection to the broker", e) ||
        (f.frame_type == AMQP_FRAME_METHOD ? take_method(s, &f, e) : take_content(s, &f, e)))
        return -1;
    amqp_maybe_release_buffers_on_channel(s->link.conn, f.channel);
    return 1;
}

static int confirms_are_late(struct session *s, struct err *e)
{
    err_set(&s->broken, ERR_TIMEOUT, "%s",
            s->blocked ? "the broker takes no messages for now"
                       : "the broker does not confirm in time");
    return err_set(e, s->broken.code, "%s", s->broken.text);
}

int session_await(struct session *s, const char *queue, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};

    while (s->awaited) {
        int left_ms = clock_until_ms(s->link.deadline_mono_ms), taken;

        taken = left_ms ? take_frame(s, left_ms, &why) : 0;
        if (taken < 0)
            return session_fail(s, &why, e);
        if (!taken)
            return confirms_are_late(s, e);
    }
    if (s->returned)
        err_set(e, ERR_INPUT, "queue '%s': there is no such queue", queue);
    else if (s->nacked)
        err_set(e, ERR_INPUT, "queue '%s': takes no more messages", queue);
    else
        return 0;
    s->returned = s->nacked = 0;
    return -1;
}

/* ---- streams ---- */

struct stream *session_stream(const struct session *s, enum stream_kind kind, const char *from)
{
    struct stream *stream = s->streams;

    while (stream && (stream->kind != kind || strcmp(stream->from, from) != 0))
        stream = stream->next;
    return stream;
}

static struct stream *stream_new(const struct session *s, enum stream_kind kind, const char *queue,
                                 const char *from)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (!stream)
        return NULL;
    stream->kind = kind;
    stream->channel = CHANNEL_STREAMS;
    while (stream_of(s, stream->channel))
        stream->channel++;
    stream->queue = strdup(queue);
    stream->from = strdup(from);
    if (stream->queue && stream->from)
        return stream;
    stream_free(stream);
    return NULL;
}

static int open_channel(struct session *s, const struct stream *stream, unsigned prefetch,
                        struct msgflo_error *e)
{
    amqp_connection_state_t conn = s->link.conn;
    char what[SHORT_TEXT_SIZE + 20];

    snprintf(what, sizeof(what), "queue '%s'", stream->queue);
    if (broker_link_begin(&s->link, e))
        return -1;
    amqp_channel_open(conn, stream->channel);
    if (broker_link_answer(&s->link, stream->channel, amqp_get_rpc_reply(conn), what, e) ||
        broker_link_begin(&s->link, e))
        return -1;
    amqp_basic_qos(conn, stream->channel, 0,
                   prefetch > UINT16_MAX ? UINT16_MAX : (uint16_t)prefetch, 0);
    if (broker_link_answer(&s->link, stream->channel, amqp_get_rpc_reply(conn), what, e) ||
        broker_link_begin(&s->link, e))
        return -1;
    amqp_basic_consume(conn, stream->channel, bytes_of(stream->queue), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    return broker_link_answer(&s->link, stream->channel, amqp_get_rpc_reply(conn), what, e);
}

int session_stream_open(struct session *s, enum stream_kind kind, const char *queue,
                        const char *from, unsigned prefetch, struct err *e)
{
    struct stream *stream = stream_new(s, kind, queue, from);
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (!stream)
        return err_set(e, ERR_NOMEM, "no memory for a consumer");
    if (stream->channel > MAX_CHANNEL) {
        stream_free(stream);
        return err_set(e, ERR_LIMIT, "more than %d queues at once", MAX_CHANNEL - CHANNEL_STREAMS);
    }
    if (open_channel(s, stream, prefetch, &why)) {
        stream_free(stream);
        return session_fail(s, &why, e);
    }
    stream->next = s->streams;
    s->streams = stream;
    return 0;
}

static void forget_stream(struct session *s, struct stream *stream)
{
    struct stream **at = &s->streams;

    clear_inbox(s, stream);
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    stream_free(stream);
}

int session_stream_close(struct session *s, struct stream *stream, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};
    amqp_channel_t channel = stream->channel;
    int rc = broker_link_begin(&s->link, &why);

    if (rc == 0)
        rc = broker_link_answer(&s->link, channel,
                                amqp_channel_close(s->link.conn, channel, AMQP_REPLY_SUCCESS),
                                stream->queue, &why);
    /* What came before the answer is read now: the channel's number may have another use next. */
    while (rc == 0 && amqp_frames_enqueued(s->link.conn))
        if (take_frame(s, 0, &why) < 0)
            rc = -1;
    forget_stream(s, stream);
    return rc ? session_fail(s, &why, e) : 0;
}

int session_recall(struct session *s, const char *queue, const char *from, unsigned n,
                   int timeout_ms, struct err *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + timeout_ms;
    struct msgflo_error why = {MSGFLO_OK, ""};
    int taken = 1;

    if (session_stream_open(s, STREAM_RECALLED, queue, from, n, e))
        return -1;
    s->recalled = 0;
    while (taken > 0 && s->recalled < n && clock_until_ms(deadline_mono_ms) > 0) {
        taken = take_frame(s, QUIET_MS, &why);
        if (taken < 0)
            return session_fail(s, &why, e);
    }
    return session_stream_close(s, session_stream(s, STREAM_RECALLED, from), e);
}

static int handle_out(struct session *s, struct arrival *a, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};

    s->handed_out = a;
    if (a->stream->kind == STREAM_QUEUE)
        a->stream->handed_tag = a->tag;
    else if (a->tag && ack(s, a->stream, a->tag, &why))
        return session_fail(s, &why, e);
    return 0;
}

/* The first of the inbox that is to be handed out, or NULL. Too large a message of a private queue
 * is passed over. */
static int take_from_inbox(struct session *s, struct arrival **ret, struct err *e)
{
    *ret = NULL;
    while (s->inbox && !*ret) {
        struct arrival *a = s->inbox;

        s->inbox = a->next;
        if (!s->inbox)
            s->inbox_end = &s->inbox;
        arrival_free(s->handed_out);
        if (handle_out(s, a, e))
            return -1;
        if (a->body)
            *ret = a;
        else if (a->stream->kind == STREAM_QUEUE)
            return err_set(e, ERR_LIMIT, "a message of %llu bytes in queue '%s': above %d",
                           (unsigned long long)a->size, a->stream->queue, QUEUE_MAX_BYTES);
    }
    return 0;
}

int session_next(struct session *s, int timeout_ms, struct arrival **ret, struct err *e)
{
    int64_t deadline_mono_ms = clock_mono_ms() + timeout_ms;
    struct msgflo_error why = {MSGFLO_OK, ""};

    for (;;) {
        int taken;

        if (take_from_inbox(s, ret, e))
            return -1;
        if (*ret)
            return 0;
        taken = take_frame(s, timeout_ms < 0 ? -1 : clock_until_ms(deadline_mono_ms), &why);
        if (taken < 0)
            return session_fail(s, &why, e);
        if (!taken)
            return err_set(e, ERR_TIMEOUT, "no message came in time");
    }
}
