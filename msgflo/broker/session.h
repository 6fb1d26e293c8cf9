/*
 * session.h - the tool's connection to an AMQP broker, under broker_amqp.c: steps that are waited
 * for, streams of deliveries that come meanwhile, and messages whose confirms are awaited.
 *
 * Design notes
 * - Channel 1 is for steps: a refused one closes its channel, and the next step opens it again.
 *   Channel 2 publishes in confirm mode, channel 3 takes held messages, and each stream has a
 *   channel of its own from 4 on, so that a refusal ends nothing but what it refuses.
 * - rabbitmq-c keeps the frames of other channels while it waits for an answer; all are then read
 *   here, one by one, because confirms and cancels come between deliveries.
 * - What waits in memory is bounded by the prefetch of each stream.
 */
#ifndef MSGFLO_BROKER_SESSION_H
#define MSGFLO_BROKER_SESSION_H

#include "broker/arrival.h"
#include "broker/broker_kind.h"
#include "lib/publisher.h"
#include "lib/topology.h"

#define UNCONFIRMED_MAX 512

enum { CHANNEL_STEPS = 1, CHANNEL_PUBLISH = 2, CHANNEL_HELD = 3, CHANNEL_STREAMS = 4 };

enum stream_kind {
    STREAM_QUEUE,    /* acked by the caller */
    STREAM_OBSERVED, /* of a private queue: acked when it is handed out, as the next kind */
    STREAM_DISCOVERY,
    STREAM_ANNOUNCEMENTS, /* the queue fbp: passed on, acked once that is confirmed */
    STREAM_RECALLED       /* looked at and left there: handed out as of discovery, with tag 0 */
};

struct stream {
    struct stream *next;
    enum stream_kind kind;
    amqp_channel_t channel;
    char *queue, *from;
    uint64_t handed_tag; /* the last one handed out and unacked; 0: none */
    struct arrival *partial;
};

/* A message that the broker has not confirmed. */
struct unconfirmed {
    uint64_t publish_seq;
    struct stream *stream; /* of the announcement that it passes on; NULL: awaited */
    uint64_t tag; /* of what it passes on: of that stream, else of CHANNEL_HELD; 0: of nothing */
};

struct session {
    struct broker base; /* first: a session is a broker */
    struct broker_link link;
    struct topology_channel steps;
    struct publisher publisher;
    struct stream *streams;
    struct arrival *inbox, **inbox_end; /* whole ones */
    struct arrival *handed_out;         /* lent to the caller */
    struct unconfirmed unconfirmed[UNCONFIRMED_MAX];
    size_t unconfirmed_count;
    uint64_t publish_seq; /* of the message published last */
    size_t awaited, nacked, returned;
    size_t recalled;      /* deliveries, so far, of the session_recall() under way */
    bool blocked;         /* by an alarm at the broker */
    struct buf *warnings; /* of the step under way; NULL: nobody wants them */
    struct err broken;    /* why the connection is of no use; ERR_NONE while it is */
};

/* Returns 0 and a new one, or -1 as broker_open(). */
int session_open(const struct broker_options *options, int timeout_ms, struct session **ret,
                 struct err *e) MUST_CHECK;
void session_close(struct session *s);

/* Begins each call of broker.h: what was lent is gone, and steps have their time from now on. */
int session_begin(struct session *s, struct err *e) MUST_CHECK;

/* Tells *why as *e. All but a refusal means that the connection is of no use. Returns -1. */
int session_fail(struct session *s, const struct msgflo_error *why, struct err *e);

/* ---- streams ---- */

/* Begins to take from the queue. `from` is what deliveries say they come from. Names are copied. */
int session_stream_open(struct session *s, enum stream_kind kind, const char *queue,
                        const char *from, unsigned prefetch, struct err *e) MUST_CHECK;
/* What came by it and was not handed out is dropped here, and goes back to its queue. */
int session_stream_close(struct session *s, struct stream *stream, struct err *e) MUST_CHECK;
/* NULL: there is none. */
struct stream *session_stream(const struct session *s, enum stream_kind kind, const char *from);

/* Looks at the first n messages of the queue, which come as deliveries of the discovery stream that
 * is `from`, and leaves them there. Waits for them no longer than timeout_ms: some may expire. */
int session_recall(struct session *s, const char *queue, const char *from, unsigned n,
                   int timeout_ms, struct err *e) MUST_CHECK;

/* The next arrival for the caller: lent until session_begin(). ERR_TIMEOUT: none came. */
int session_next(struct session *s, int timeout_ms, struct arrival **ret, struct err *e) MUST_CHECK;

/* ---- messages out ---- */

/* Counts the message published last as one that session_await() waits for. held_tag: the delivery
 * on CHANNEL_HELD that is acked once the broker has taken that message; 0: none. */
void session_expect(struct session *s, uint64_t held_tag);

/* Waits until all of those are confirmed. 0, or -1 with *e: ERR_INPUT, one was returned since
 * there is no such queue; any other code: it is not known which of them the broker has. */
int session_await(struct session *s, const char *queue, struct err *e) MUST_CHECK;

#endif
