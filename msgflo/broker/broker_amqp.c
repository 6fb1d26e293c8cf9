/*
 * broker_amqp.c - broker.h on AMQP 0-9-1 with RabbitMQ: which steps each call takes.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "broker/session.h"
#include "lib/discovery.h"

#define APP_ID "msgflo"
#define DISCOVERY_EXCHANGE "fbp.discovery"
#define DISCOVERY_PREFETCH 50
#define DISCOVERY_MAX_WAITING 10000
#define RECENT_QUEUE "fbp.recent"
#define RECENT_MS 60000 /* MsgFlo's discovery period: who is there has announced himself since */
#define RECENT_MAX 1000
#define RECENT_MAX_BYTES (8 * 1024 * 1024)
#define RECALL_MS 2000
#define PRIVATE_PREFETCH 50
#define PRIVATE_MAX_BYTES (64 * 1024 * 1024) /* of one private queue */
#define HELD_BATCH 100                       /* messages in hand at once */
#define WHAT_SIZE (2 * TOPOLOGY_MAX_NAME + 60)

static struct session *session_of(struct broker *b)
{
    return (struct session *)(void *)b;
}

static const struct session *const_session_of(const struct broker *b)
{
    return (const struct session *)(const void *)b;
}

static int rabbit_open(const struct broker_options *options, int timeout_ms, struct broker **ret,
                       struct err *e)
{
    struct session *s;

    if (session_open(options, timeout_ms, &s, e))
        return -1;
    s->base.kind = &broker_amqp;
    *ret = &s->base;
    return 0;
}

static void rabbit_close(struct broker *b)
{
    session_close(session_of(b));
}

/* ---- steps ---- */

/* Every step: step_begin(), rabbitmq-c's call, step_end() on its answer. */
static int step_begin(struct session *s, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};

    return topology_begin(&s->steps, &why) ? session_fail(s, &why, e) : 0;
}

static int step_end(struct session *s, const char *kind, const char *name, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};
    char what[WHAT_SIZE];

    snprintf(what, sizeof(what), "%s '%s'", kind, name);
    return topology_answer(&s->steps, what, &why) ? session_fail(s, &why, e) : 0;
}

static int bind_link(struct session *s, const struct link *link, struct err *e)
{
    amqp_bytes_t source = bytes_of(link->source), destination = bytes_of(link->destination);

    if (step_begin(s, e))
        return -1;
    if (link->to_exchange)
        amqp_exchange_bind(s->link.conn, CHANNEL_STEPS, destination, source, amqp_empty_bytes,
                           amqp_empty_table);
    else
        amqp_queue_bind(s->link.conn, CHANNEL_STEPS, destination, source, amqp_empty_bytes,
                        amqp_empty_table);
    return step_end(s, "binding to", link->destination, e);
}

static int unbind_link(struct session *s, const struct link *link, struct err *e)
{
    amqp_bytes_t source = bytes_of(link->source), destination = bytes_of(link->destination);

    if (step_begin(s, e))
        return -1;
    if (link->to_exchange)
        amqp_exchange_unbind(s->link.conn, CHANNEL_STEPS, destination, source, amqp_empty_bytes,
                             amqp_empty_table);
    else
        amqp_queue_unbind(s->link.conn, CHANNEL_STEPS, destination, source, amqp_empty_bytes,
                          amqp_empty_table);
    return step_end(s, "binding to", link->destination, e);
}

static int declare_exchange(struct session *s, const char *name, const char *type, bool passive,
                            struct err *e)
{
    if (step_begin(s, e))
        return -1;
    amqp_exchange_declare(s->link.conn, CHANNEL_STEPS, bytes_of(name), bytes_of(type), passive, 1,
                          0, 0, amqp_empty_table);
    return step_end(s, "exchange", name, e);
}

static int delete_exchange(struct session *s, const char *name, struct err *e)
{
    if (step_begin(s, e))
        return -1;
    amqp_exchange_delete(s->link.conn, CHANNEL_STEPS, bytes_of(name), 0);
    return step_end(s, "exchange", name, e);
}

static int delete_queue(struct session *s, const char *name, bool if_empty, struct err *e)
{
    if (step_begin(s, e))
        return -1;
    amqp_queue_delete(s->link.conn, CHANNEL_STEPS, bytes_of(name), 0, if_empty);
    return step_end(s, "queue", name, e);
}

static int queue_state(struct session *s, const char *name, struct broker_queue_state *ret,
                       struct err *e)
{
    const amqp_queue_declare_ok_t *there;
    struct broker_queue_state state = {0};

    if (step_begin(s, e))
        return -1;
    there = amqp_queue_declare(s->link.conn, CHANNEL_STEPS, bytes_of(name), 1, 0, 0, 0,
                               amqp_empty_table);
    if (there)
        state = (struct broker_queue_state){there->message_count, there->consumer_count};
    if (step_end(s, "queue", name, e))
        return -1;
    *ret = state;
    return 0;
}

/* Even where quorum queues are the default. */
static amqp_table_entry_t classic_argument(void)
{
    amqp_table_entry_t entry = {.key = bytes_of("x-queue-type")};

    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = bytes_of("classic");
    return entry;
}

static amqp_table_entry_t number_argument(const char *key, int64_t value)
{
    amqp_table_entry_t entry = {.key = bytes_of(key)};

    entry.value.kind = AMQP_FIELD_KIND_I64;
    entry.value.value.i64 = value;
    return entry;
}

/* Ours alone and gone with its consumer; the oldest messages give way to new ones. */
static int declare_private_queue(struct session *s, const char *name, unsigned max_waiting,
                                 struct err *e)
{
    amqp_table_entry_t entries[] = {number_argument("x-max-length", max_waiting),
                                    number_argument("x-max-length-bytes", PRIVATE_MAX_BYTES)};
    const amqp_table_t arguments = {2, entries};

    if (step_begin(s, e))
        return -1;
    amqp_queue_declare(s->link.conn, CHANNEL_STEPS, bytes_of(name), 0, 0, 1, 1, arguments);
    return step_end(s, "queue", name, e);
}

/* A stream of copies of what goes to the exchange. Of those that may wait, some are in our hands.
 */
static int open_private_stream(struct session *s, enum stream_kind kind, const char *exchange,
                               unsigned max_waiting, struct err *e)
{
    char name[64], id[UUID_SIZE], source[TOPOLOGY_MAX_NAME + 6];
    struct link link = {source, name, false};
    unsigned prefetch = max_waiting / 2 < PRIVATE_PREFETCH ? max_waiting / 2 : PRIVATE_PREFETCH;
    struct err ignored = ERR_INIT;

    if (prefetch == 0)
        prefetch = 1;
    uuid_make(id);
    snprintf(name, sizeof(name), BROKER_WATCH_PREFIX "%s", id);
    snprintf(source, sizeof(source), "%s", exchange);
    if (declare_private_queue(s, name, max_waiting > prefetch ? max_waiting - prefetch : 1, e))
        return -1;
    if (bind_link(s, &link, e) == 0 &&
        session_stream_open(s, kind, name, exchange, prefetch, e) == 0)
        return 0;
    if (s->broken.code == ERR_NONE)
        (void)delete_queue(s, name, false, &ignored);
    return -1;
}

/* ---- ports and edges ---- */

static int rabbit_declare_inport(struct broker *b, const char *queue, struct buf *warnings,
                                 struct err *e)
{
    struct session *s = session_of(b);
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (session_begin(s, e))
        return -1;
    s->warnings = warnings;
    return topology_inport(&s->steps, queue, false, &why) ? session_fail(s, &why, e) : 0;
}

static int rabbit_declare_outport(struct broker *b, const char *exchange, struct buf *warnings,
                                  struct err *e)
{
    struct session *s = session_of(b);
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (session_begin(s, e))
        return -1;
    s->warnings = warnings;
    return topology_outport(&s->steps, exchange, false, &why) ? session_fail(s, &why, e) : 0;
}

/* The exchange between two ports that a binding of this kind goes by (msgflo-nodejs
 * src/amqp.coffee, addBinding). */
static void name_between(const struct binding *binding, char ret[TOPOLOGY_MAX_NAME + 6])
{
    static const char *const prefixes[] = {
        [BINDING_PUBSUB] = "", [BINDING_ROUNDROBIN] = "out-", [BINDING_DEADLETTER] = "dead-"};

    snprintf(ret, TOPOLOGY_MAX_NAME + 6, "%s%s", prefixes[binding->kind], binding->src);
}

static int rabbit_bind(struct broker *b, const struct binding *binding, struct buf *warnings,
                       struct err *e)
{
    struct session *s = session_of(b);
    char between[TOPOLOGY_MAX_NAME + 6];
    const struct link from = {binding->src, between, true}, to = {between, binding->tgt, false};
    bool round_robin = binding->kind == BINDING_ROUNDROBIN;
    struct msgflo_error why = {MSGFLO_OK, ""};

    name_between(binding, between);
    if (session_begin(s, e))
        return -1;
    s->warnings = warnings;
    if (binding->kind != BINDING_PUBSUB &&
        topology_exchange(&s->steps, between, round_robin ? "direct" : "fanout", &why))
        return session_fail(s, &why, e);
    if (round_robin && bind_link(s, &from, e))
        return -1;
    return bind_link(s, &to, e);
}

/* Of a round robin only the target is unbound: others may share the exchange between. */
static int rabbit_unbind(struct broker *b, const struct binding *binding, struct err *e)
{
    struct session *s = session_of(b);
    char between[TOPOLOGY_MAX_NAME + 6];
    const struct link to = {between, binding->tgt, false};

    name_between(binding, between);
    return session_begin(s, e) || unbind_link(s, &to, e) ? -1 : 0;
}

static int rabbit_unbind_link(struct broker *b, const struct link *link, struct err *e)
{
    struct session *s = session_of(b);

    return session_begin(s, e) || unbind_link(s, link, e) ? -1 : 0;
}

/* ---- messages ---- */

/* Waits until the broker has it. ttl_ms of 0: it stays until it is taken. */
static int publish_to(struct session *s, const char *queue, const struct broker_message *m,
                      unsigned ttl_ms, struct err *e)
{
    const struct msgflo_message message = {
        .body = m->body, .size = m->size, .content_type = m->content_type, .mandatory = true};
    struct transport_message tm = {&message, 0, NULL};
    struct msgflo_error why = {MSGFLO_OK, ""};
    char id[UUID_SIZE];

    uuid_make(id);
    tm.publish_seq = ++s->publish_seq;
    tm.message_id = id;
    if (publisher_publish(&s->publisher, &s->link, "", queue, &tm, APP_ID, ttl_ms, &why))
        return session_fail(s, &why, e);
    session_expect(s, 0);
    return session_await(s, queue, e);
}

static int rabbit_send(struct broker *b, const char *queue, const struct broker_message *m,
                       struct err *e)
{
    struct session *s = session_of(b);

    return session_begin(s, e) || publish_to(s, queue, m, 0, e) ? -1 : 0;
}

static int rabbit_announce(struct broker *b, const char *body, unsigned expiration_ms,
                           struct err *e)
{
    struct session *s = session_of(b);
    const struct broker_message m = {body, strlen(body), NULL};
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (session_begin(s, e))
        return -1;
    if (topology_discovery(&s->steps, &why))
        return session_fail(s, &why, e);
    return publish_to(s, DISCOVERY_QUEUE, &m, expiration_ms, e);
}

static int rabbit_consume(struct broker *b, const char *queue, unsigned n, struct err *e)
{
    struct session *s = session_of(b);

    if (session_begin(s, e))
        return -1;
    if (session_stream(s, STREAM_QUEUE, queue))
        return 0;
    return session_stream_open(s, STREAM_QUEUE, queue, queue, n, e);
}

static int rabbit_ack(struct broker *b, struct err *e)
{
    struct session *s = session_of(b);
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (session_begin(s, e))
        return -1;
    for (struct stream *stream = s->streams; stream; stream = stream->next) {
        if (!stream->handed_tag)
            continue;
        if (broker_link_status(amqp_basic_ack(s->link.conn, stream->channel, stream->handed_tag, 1),
                               "ack", &why))
            return session_fail(s, &why, e);
        stream->handed_tag = 0;
    }
    return 0;
}

static int rabbit_observe(struct broker *b, const char *outport, unsigned max_waiting,
                          struct err *e)
{
    struct session *s = session_of(b);

    if (session_begin(s, e))
        return -1;
    if (session_stream(s, STREAM_OBSERVED, outport))
        return 0;
    return open_private_stream(s, STREAM_OBSERVED, outport, max_waiting, e);
}

/* Deletes the queue, rather than leave that to the broker: once this returns, nothing is bound. */
static int rabbit_unobserve(struct broker *b, const char *outport, struct err *e)
{
    struct session *s = session_of(b);
    struct stream *stream;
    char name[64];

    if (session_begin(s, e))
        return -1;
    stream = session_stream(s, STREAM_OBSERVED, outport);
    if (!stream)
        return 0;
    snprintf(name, sizeof(name), "%s", stream->queue);
    return session_stream_close(s, stream, e) || delete_queue(s, name, false, e) ? -1 : 0;
}

/* Classic: quorum queues drop what has been looked at a number of times. */
static int declare_recent_queue(struct session *s, struct err *e)
{
    amqp_table_entry_t entries[] = {classic_argument(), number_argument("x-message-ttl", RECENT_MS),
                                    number_argument("x-max-length", RECENT_MAX),
                                    number_argument("x-max-length-bytes", RECENT_MAX_BYTES)};
    const amqp_table_t arguments = {4, entries};

    if (step_begin(s, e))
        return -1;
    amqp_queue_declare(s->link.conn, CHANNEL_STEPS, bytes_of(RECENT_QUEUE), 0, 1, 0, 0, arguments);
    return step_end(s, "queue", RECENT_QUEUE, e);
}

/* What readers pass on is kept for those who come after it. One who may not do so goes without. */
static int keep_recent(struct session *s, struct err *e)
{
    char source[] = DISCOVERY_EXCHANGE, destination[] = RECENT_QUEUE;
    const struct link link = {source, destination, false};
    struct err cause = ERR_INIT;

    if ((declare_recent_queue(s, &cause) || bind_link(s, &link, &cause)) && cause.code != ERR_INPUT)
        return err_set(e, cause.code, "%s", cause.text);
    return 0;
}

/* What any reader, we among them, takes from the queue fbp. */
static int listen_to_readers(struct session *s, struct err *e)
{
    if (session_stream(s, STREAM_DISCOVERY, DISCOVERY_EXCHANGE))
        return 0;
    return declare_exchange(s, DISCOVERY_EXCHANGE, "fanout", false, e) || keep_recent(s, e) ||
                   open_private_stream(s, STREAM_DISCOVERY, DISCOVERY_EXCHANGE,
                                       DISCOVERY_MAX_WAITING, e)
               ? -1
               : 0;
}

static int rabbit_recall_discovery(struct broker *b, struct err *e)
{
    struct session *s = session_of(b);
    struct broker_queue_state state = {0};
    struct err cause = ERR_INIT;

    if (session_begin(s, e) || listen_to_readers(s, e))
        return -1;
    if (queue_state(s, RECENT_QUEUE, &state, &cause) ||
        (state.messages &&
         session_recall(s, RECENT_QUEUE, DISCOVERY_EXCHANGE,
                        state.messages < RECENT_MAX ? (unsigned)state.messages : RECENT_MAX,
                        RECALL_MS, &cause)))
        return cause.code == ERR_INPUT ? 0 : err_set(e, cause.code, "%s", cause.text);
    return 0;
}

static int rabbit_follow_discovery(struct broker *b, struct err *e)
{
    struct session *s = session_of(b);
    struct msgflo_error why = {MSGFLO_OK, ""};

    if (session_begin(s, e))
        return -1;
    if (session_stream(s, STREAM_ANNOUNCEMENTS, DISCOVERY_EXCHANGE))
        return 0;
    if (topology_discovery(&s->steps, &why))
        return session_fail(s, &why, e);
    if (listen_to_readers(s, e))
        return -1;
    return session_stream_open(s, STREAM_ANNOUNCEMENTS, DISCOVERY_QUEUE, DISCOVERY_EXCHANGE,
                               DISCOVERY_PREFETCH, e);
}

/* Of one that was recalled, since a reader took it; by two clocks, and thus within bounds. */
static int64_t age_of(const struct arrival *a)
{
    int64_t age_ms;

    if (a->tag || !a->timestamp_s || a->timestamp_s > INT64_MAX / 1000)
        return 0;
    age_ms = clock_wall_ms() - (int64_t)a->timestamp_s * 1000;
    return age_ms < 0 ? 0 : age_ms > RECENT_MS ? RECENT_MS : age_ms;
}

static int rabbit_next(struct broker *b, int timeout_ms, struct broker_delivery *ret, struct err *e)
{
    static const enum broker_source sources[] = {[STREAM_QUEUE] = BROKER_FROM_QUEUE,
                                                 [STREAM_OBSERVED] = BROKER_FROM_OBSERVED,
                                                 [STREAM_DISCOVERY] = BROKER_FROM_DISCOVERY};
    struct session *s = session_of(b);
    struct arrival *a;

    if (session_begin(s, e) || session_next(s, timeout_ms, &a, e))
        return -1;
    *ret = (struct broker_delivery){.source = sources[a->stream->kind],
                                    .from = a->stream->from,
                                    .body = a->body,
                                    .size = (size_t)a->size,
                                    .message_id = a->message_id[0] ? a->message_id : NULL,
                                    .age_ms = age_of(a)};
    return 0;
}

static int rabbit_fd(const struct broker *b)
{
    return amqp_get_sockfd(const_session_of(b)->link.conn);
}

static int rabbit_queue_state(struct broker *b, const char *queue, struct broker_queue_state *ret,
                              struct err *e)
{
    struct session *s = session_of(b);

    return session_begin(s, e) || queue_state(s, queue, ret, e) ? -1 : 0;
}

/* ---- held messages ---- */

/* A classic queue even where quorum queues are the default: only that can be deleted if it is empty
 * (RabbitMQ answers NOT_IMPLEMENTED for a quorum queue), so that no late message is lost. */
static int declare_holding_queue(struct session *s, const char *name, struct err *e)
{
    amqp_table_entry_t entry = classic_argument();
    amqp_table_t arguments = {1, &entry};

    if (step_begin(s, e))
        return -1;
    amqp_queue_declare(s->link.conn, CHANNEL_STEPS, bytes_of(name), 0, 1, 0, 0, arguments);
    return step_end(s, "queue", name, e);
}

/* The queue comes first and goes last: by its name a sweep finds the rest of what a move that was
 * cut off has made. */
static int rabbit_hold(struct broker *b, const char *name, struct err *e)
{
    struct session *s = session_of(b);
    char source[TOPOLOGY_MAX_NAME + 6], destination[TOPOLOGY_MAX_NAME + 6];
    const struct link link = {source, destination, false};

    snprintf(source, sizeof(source), "%s", name);
    snprintf(destination, sizeof(destination), "%s", name);
    return session_begin(s, e) || declare_holding_queue(s, name, e) ||
                   declare_exchange(s, name, "fanout", false, e) || bind_link(s, &link, e)
               ? -1
               : 0;
}

static int send_on(struct session *s, amqp_message_t *message, uint64_t tag, const char *queue,
                   struct msgflo_error *e)
{
    /* The broker would refuse a name that is not ours. */
    message->properties._flags &= ~(amqp_flags_t)AMQP_BASIC_USER_ID_FLAG;
    if (publisher_pass_on(&s->publisher, &s->link, "", queue, true, &message->properties,
                          message->body, ++s->publish_seq, e))
        return -1;
    session_expect(s, tag);
    return 0;
}

/* Takes one of the held messages and sends it on: 1; 0: there is none left; -1 with *e. */
static int move_one(struct session *s, const char *name, const char *queue, struct msgflo_error *e)
{
    amqp_connection_state_t conn = s->link.conn;
    amqp_message_t message;
    amqp_rpc_reply_t reply;
    uint64_t tag;
    int rc;

    if (broker_link_begin(&s->link, e))
        return -1;
    reply = amqp_basic_get(conn, CHANNEL_HELD, bytes_of(name), 0);
    if (broker_link_answer(&s->link, CHANNEL_HELD, reply, name, e))
        return -1;
    if (reply.reply.id != AMQP_BASIC_GET_OK_METHOD)
        return 0;
    tag = ((const amqp_basic_get_ok_t *)reply.reply.decoded)->delivery_tag;
    reply = amqp_read_message(conn, CHANNEL_HELD, &message, 0);
    if (broker_link_answer(&s->link, CHANNEL_HELD, reply, name, e))
        return -1;
    rc = send_on(s, &message, tag, queue, e);
    amqp_destroy_message(&message);
    amqp_maybe_release_buffers_on_channel(conn, CHANNEL_HELD);
    return rc ? -1 : 1;
}

/* Moves up to a batch. *ret_empty: nothing was left. Of a batch that the queue did not take as a
 * whole, the rest stays. */
static int move_batch(struct session *s, const char *name, const char *queue, bool *ret_empty,
                      struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};
    int moved = 1;

    for (int i = 0; i < HELD_BATCH && moved; i++) {
        moved = move_one(s, name, queue, &why);
        if (moved < 0)
            return session_fail(s, &why, e);
    }
    if (session_await(s, queue, e))
        return -1;
    *ret_empty = !moved;
    return 0;
}

static int move_all(struct session *s, const char *name, const char *queue, struct err *e)
{
    struct msgflo_error why = {MSGFLO_OK, ""};
    amqp_rpc_reply_t reply;
    bool empty = false;
    int rc = 0;

    if (broker_link_begin(&s->link, &why))
        return session_fail(s, &why, e);
    amqp_channel_open(s->link.conn, CHANNEL_HELD);
    if (broker_link_answer(&s->link, CHANNEL_HELD, amqp_get_rpc_reply(s->link.conn), "channel",
                           &why))
        return session_fail(s, &why, e);
    while (!rc && !empty)
        rc = session_begin(s, e) || move_batch(s, name, queue, &empty, e);
    if (s->broken.code != ERR_NONE)
        return -1;
    /* What was not acked goes back to the holding queue with this. */
    reply = amqp_channel_close(s->link.conn, CHANNEL_HELD, AMQP_REPLY_SUCCESS);
    if (broker_link_answer(&s->link, CHANNEL_HELD, reply, name, &why))
        return session_fail(s, &why, e);
    return rc ? -1 : 0;
}

static int rabbit_release_held(struct broker *b, const char *name, const char *queue, struct err *e)
{
    struct session *s = session_of(b);
    struct broker_queue_state state;
    struct err cause = ERR_INIT;

    if (session_begin(s, e) || delete_exchange(s, name, e))
        return -1;
    for (;;) {
        err_clear(&cause);
        if (queue_state(s, name, &state, &cause)) /* gone already */
            return cause.code == ERR_INPUT ? 0 : err_set(e, cause.code, "%s", cause.text);
        if (move_all(s, name, queue, e))
            return -1;
        if (delete_queue(s, name, true, &cause) == 0)
            return 0;
        if (cause.code != ERR_INPUT) /* else one came late */
            return err_set(e, cause.code, "%s", cause.text);
    }
}

const struct broker_kind broker_amqp = {.abilities =
                                            BROKER_BINDS | BROKER_ROUND_ROBIN | BROKER_DEAD_LETTERS,
                                        .open = rabbit_open,
                                        .close = rabbit_close,
                                        .declare_inport = rabbit_declare_inport,
                                        .declare_outport = rabbit_declare_outport,
                                        .bind = rabbit_bind,
                                        .unbind = rabbit_unbind,
                                        .send = rabbit_send,
                                        .announce = rabbit_announce,
                                        .consume = rabbit_consume,
                                        .ack = rabbit_ack,
                                        .observe = rabbit_observe,
                                        .unobserve = rabbit_unobserve,
                                        .follow_discovery = rabbit_follow_discovery,
                                        .recall_discovery = rabbit_recall_discovery,
                                        .next = rabbit_next,
                                        .fd = rabbit_fd,
                                        .unbind_link = rabbit_unbind_link,
                                        .queue_state = rabbit_queue_state,
                                        .hold = rabbit_hold,
                                        .release_held = rabbit_release_held};
