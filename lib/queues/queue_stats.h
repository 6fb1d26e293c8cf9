/*
 * queue_stats.h - what RabbitMQ's management API says of queues, of exchanges and of consumers.
 * Bytes in, numbers out; no I/O. (RabbitMQ 3.10's api/index.html: GET /api/queues/vhost and its
 * like, "columns", "message_stats")
 */
#ifndef QUEUES_QUEUE_STATS_H
#define QUEUES_QUEUE_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* The largest number that is believed; what is larger is not known. Sums of larger ones would
 * swallow single messages. */
#define QUEUE_STATS_MAX 1e15

/* One queue. NAN: not said, which is never the same as 0. Right after it starts, the broker tells
 * only names: the numbers come with its first statistics, about 5 s later. */
struct queue_stats {
    bool is_there;
    double messages, ready, unacked, consumers;
    double published, acked;                     /* counters */
    double publish_rate, ack_rate, deliver_rate; /* messages a second */
    double max_messages; /* ready ones it takes, by its arguments or its policy; NAN: no limit */
    bool is_full;        /* of messages or of their bytes: what comes now is dropped or refused */
};

/* All unknown, of a queue that is not there. */
struct queue_stats queue_stats_unknown(void);

/* What is asked for after BASE: "/api/queues/VHOST?columns=...", new; NULL: no memory. */
char *queue_stats_path(const char *vhost);
char *exchange_stats_path(const char *vhost);
char *consumer_stats_path(const char *vhost);

/* Fills ret[i] for the queue names[i]. Returns 0, or -1 with *e (ERR_UNAVAILABLE: the answer is no
 * list of queues); what was in ret is then gone. */
int queue_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                      struct queue_stats *ret, struct err *e) MUST_CHECK;

/* ret[i]: how many messages were published to the exchange names[i], a counter that may start again
 * at 0; NAN: there is no such exchange. Returns as queue_stats_parse(). */
int exchange_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                         double *ret, struct err *e) MUST_CHECK;

/* ret[i]: how many messages the consumers of the queue names[i] take at a time, by their prefetch
 * counts; NAN: one of them has no limit. Returns as queue_stats_parse(). */
int consumer_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                         double *ret, struct err *e) MUST_CHECK;

/*
 * Whether statistics stand still: a rate says that messages move while its counter, looked at in
 * each poll, has stayed for longer than limit_ms. Zeroed at first.
 */
struct staleness {
    double published, acked;
    int64_t since_mono_ms; /* the contradiction; 0: there is none */
};

bool staleness_look(struct staleness *s, const struct queue_stats *q, int64_t now_mono_ms,
                    int64_t limit_ms);

#endif
