/*
 * broker.h - what the tool does on a message broker, one step at a time, each waited for: declare,
 * bind, send, take, watch. AMQP or MQTT, chosen by the URL's scheme; hides both client libraries.
 *
 * A step that is refused (ERR_INPUT) leaves the rest usable. After ERR_UNAVAILABLE or ERR_TIMEOUT
 * of a step (broker_next() apart) the connection is of no use: close it and open another. Belongs
 * to one thread.
 */
#ifndef MSGFLO_BROKER_BROKER_H
#define MSGFLO_BROKER_BROKER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "graph/bindings.h"

struct broker; /* opaque */

struct broker_options {
    const char *url;     /* amqp:// amqps:// mqtt:// mqtts:// */
    const char *ca_file; /* PEM, for amqps and mqtts; NULL: the system's bundle */
    const char *name;    /* of the connection, for whoever operates the broker */
    int timeout_ms;      /* how long to try to connect, again and again */
};

enum broker_ability {
    /* The broker keeps bindings. Else they live as long as this connection, and messages are passed
     * on by broker_next(). */
    BROKER_BINDS = 1,
    BROKER_ROUND_ROBIN = 2,
    BROKER_DEAD_LETTERS = 4
};

/* Returns 0 and a new one for broker_close(), or -1 (ERR_INPUT: a bad URL or certificate file, or
 * the broker refuses us; ERR_UNAVAILABLE: no broker in time). options are lent for the call. */
int broker_open(const struct broker_options *options, struct broker **ret,
                struct err *e) MUST_CHECK;
/* NULL is fine. What was not acked goes back. */
void broker_close(struct broker *b);

static inline void broker_closep(struct broker **b)
{
    broker_close(*b);
}

unsigned broker_abilities(const struct broker *b); /* of enum broker_ability */

/* ---- ports ---- */

/*
 * Declares a port exactly as participants do (docs/protocol.md), so that neither is refused after
 * the other; nothing on MQTT. What is there with other properties is used as it is, and a line
 * about it appended to warnings.
 */
int broker_declare_inport(struct broker *b, const char *queue, struct buf *warnings,
                          struct err *e) MUST_CHECK;
int broker_declare_outport(struct broker *b, const char *exchange, struct buf *warnings,
                           struct err *e) MUST_CHECK;

/* ---- edges ---- */

/*
 * Makes or removes a binding of enum binding_kind with the exchanges in between that it needs.
 * Doing either again changes nothing. The ports must have been declared (by us or by their
 * participants): ERR_INPUT names what is missing, or what this kind of broker cannot do.
 */
int broker_bind(struct broker *b, const struct binding *binding, struct buf *warnings,
                struct err *e) MUST_CHECK;
int broker_unbind(struct broker *b, const struct binding *binding, struct err *e) MUST_CHECK;

/* Removes one binding as the broker has it (--prune). AMQP only, else ERR_INPUT. */
int broker_unbind_link(struct broker *b, const struct link *link, struct err *e) MUST_CHECK;

/* ---- messages out ---- */

struct broker_message {
    const void *body;
    size_t size;              /* bytes */
    const char *content_type; /* NULL: application/json */
};

/* Puts a persistent message into an inport's queue and waits until the broker has it. ERR_INPUT:
 * there is no such queue. */
int broker_send(struct broker *b, const char *queue, const struct broker_message *m,
                struct err *e) MUST_CHECK;

/* Announces a participant: body is a discovery message, which nobody needs after expiration_ms. */
int broker_announce(struct broker *b, const char *body, unsigned expiration_ms,
                    struct err *e) MUST_CHECK;

/* ---- messages in ---- */

enum broker_source { BROKER_FROM_QUEUE, BROKER_FROM_OBSERVED, BROKER_FROM_DISCOVERY };

/* Lent until the next call on the same broker. */
struct broker_delivery {
    enum broker_source source;
    const char *from; /* the queue, or the outport that is observed */
    const char *body; /* always ends in a NUL that size does not count */
    size_t size;
    const char *message_id; /* or NULL */
    int64_t age_ms;         /* of an announcement that was recalled; else 0 */
};

/* Starts taking messages from the queue, up to n unacked at once: BROKER_FROM_QUEUE. */
int broker_consume(struct broker *b, const char *queue, unsigned n, struct err *e) MUST_CHECK;
/* Of all messages taken from queues so far. */
int broker_ack(struct broker *b, struct err *e) MUST_CHECK;

#define BROKER_WATCH_PREFIX "msgflo-watch-" /* of the names of such queues, on AMQP */

/*
 * Copies of what is sent on an outport, from now on: BROKER_FROM_OBSERVED. The copies wait in a
 * private queue of at most max_waiting messages, where the oldest give way: a slow reader never
 * slows the flow. observing it again is nothing new.
 */
int broker_observe(struct broker *b, const char *outport, unsigned max_waiting,
                   struct err *e) MUST_CHECK;
int broker_unobserve(struct broker *b, const char *outport, struct err *e) MUST_CHECK;

/*
 * From now on all announcements of participants: BROKER_FROM_DISCOVERY. On AMQP these come by one
 * queue, `fbp`, which readers would take from each other: so what any reader of ours takes there it
 * passes on to the fanout exchange `fbp.discovery`, and each of them reads a private queue bound to
 * that one.
 */
int broker_follow_discovery(struct broker *b, struct err *e) MUST_CHECK;

/*
 * Before following: the announcements of the last minute that readers have taken already, so that
 * who is there need not be waited for. On AMQP these readers keep them in the queue `fbp.recent`,
 * where they stay; two that look at the very same moment may each see a part. Nothing on MQTT, nor
 * where that queue is not allowed.
 */
int broker_recall_discovery(struct broker *b, struct err *e) MUST_CHECK;

/* The next of any of these, within timeout_ms (< 0: for ever). ERR_TIMEOUT: none came, and all is
 * well. ERR_UNAVAILABLE: the connection, or a queue that was consumed, is gone. */
int broker_next(struct broker *b, int timeout_ms, struct broker_delivery *ret,
                struct err *e) MUST_CHECK;
/* To poll for reading before broker_next(b, 0, ...), which must be called until ERR_TIMEOUT before
 * the next poll, and at least once a second (heartbeats). */
int broker_fd(const struct broker *b);

/* ---- what there is ---- */

struct broker_queue_state {
    uint64_t messages; /* ready */
    uint32_t consumers;
};

/* AMQP only. ERR_INPUT: there is no such queue. */
int broker_queue_state(struct broker *b, const char *queue, struct broker_queue_state *ret,
                       struct err *e) MUST_CHECK;

/* ---- messages between two bindings ---- */

/*
 * AMQP only. Makes a durable fanout exchange and a durable queue, both of that name, that keep what
 * the exchange is given; broker_move.h says what for. Doing it again changes nothing.
 */
int broker_hold(struct broker *b, const char *name, struct err *e) MUST_CHECK;

/*
 * Deletes that exchange, sends what was kept on to the queue as it was (properties, headers,
 * message id), and deletes the emptied holding queue. A message is acked only once the broker has
 * it in the queue: on failure it still waits in one of them. One that is gone already is done.
 */
int broker_release_held(struct broker *b, const char *name, const char *queue,
                        struct err *e) MUST_CHECK;

#endif
