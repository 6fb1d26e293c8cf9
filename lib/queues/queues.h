/*
 * queues.h - how queues stand, and what is published to exchanges: by RabbitMQ's management API
 * where it answers, else over AMQP, which tells less. Says what could not be read, never a 0 in its
 * place.
 * Belongs to one thread.
 */
#ifndef QUEUES_QUEUES_H
#define QUEUES_QUEUES_H

#include "http/http_client.h"
#include "queues/queue_stats.h"

struct queues; /* opaque */

struct queues_options {
    const char *broker_url;     /* amqp:// or amqps://; copied */
    const char *management_url; /* base URL; NULL: http://HOST:15672 or https://HOST; copied */
    const char *ca_file;        /* lent; NULL: the libraries' own */
    const char *const *names;   /* of the queues; lent */
    size_t n;
    const char *const *exchanges; /* whose counters are wanted too; lent */
    size_t n_exchanges;
    bool with_places;        /* and how many messages the queues' consumers take at a time */
    double poll_s;           /* between two readings */
    size_t answer_max_bytes; /* of the management API, each; a queue is some 400 */
    int64_t patience_ms;     /* with an API that has answered before: see queues.c */
};

#define QUEUES_CALLS_MAX 3

enum queues_source {
    QUEUES_NONE,       /* the broker could not be read */
    QUEUES_MANAGEMENT, /* everything */
    QUEUES_AMQP        /* ready and consumers only: unacked is NAN and not in `messages` */
};

/* Connects to nothing yet. Returns 0 and a new one, or -1 (ERR_INPUT, ERR_NOMEM). */
int queues_new(const struct queues_options *options, struct queues **ret, struct err *e) MUST_CHECK;
void queues_free(struct queues *q); /* NULL is fine */

/* Gives the calls to run first, and returns how many: 0 when the management API is not asked this
 * time. */
size_t queues_calls(struct queues *q, struct http_call *ret[QUEUES_CALLS_MAX], int64_t now_mono_ms);

/* Takes in what the calls have brought, and asks over AMQP if need be, which may take some seconds.
 */
void queues_take(struct queues *q, int64_t now_mono_ms);

/* Whether AMQP may be asked, for which it takes a connection to the broker and keeps it; it may at
 * first. When it may not, that connection is closed. */
void queues_let_amqp(struct queues *q, bool may);

enum queues_source queues_source(const struct queues *q);

/* The queue names[i]. Lent until the next queues_take(). */
const struct queue_stats *queues_at(const struct queues *q, size_t i);

/* Messages published so far to the exchange exchanges[i]; NAN: not known. */
double queues_published_to(const struct queues *q, size_t i);

/* Messages that the consumers of the queue names[i] take at a time; NAN: not known, or no limit. */
double queues_places(const struct queues *q, size_t i);

/* Its statistics have stood still, so that they are not given. */
bool queues_is_stale(const struct queues *q, size_t i);

/* Why the broker, or its management API, is not read; "" when all is well. Lent until the next
 * queues_take(). */
const char *queues_trouble(const struct queues *q);

#endif
