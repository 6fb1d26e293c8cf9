/*
 * samples.h - what GET /graph tells, of readings of the broker: how the queues stand now, what
 * their counters say of rates, and the last 15 minutes. Its memory is as large at the start as ever
 * after. No I/O and no clock. Belongs to one thread.
 */
#ifndef WEB_SAMPLES_H
#define WEB_SAMPLES_H

#include <jansson.h>

#include "queues/queues.h"
#include "web/architecture.h"

#define SAMPLES_LAST_MS (15 * 60 * 1000)
#define SAMPLES_EACH_MS 4000 /* from one that is kept to the next; the broker counts each 5 s */
#define SAMPLES_MAX (SAMPLES_LAST_MS / SAMPLES_EACH_MS + 1)

/* Rates are counted over this time, which is two of the intervals in which RabbitMQ refreshes its
 * counters (collect_statistics_interval): over one they would jump between none and twice as much.
 */
#define RATE_OVER_MS 10000
#define RATE_OVER_LEAST_MS 4500 /* a shorter one may hold no refresh */
#define RATE_OVER_MOST_MS 30000 /* a longer one is no rate of now */
#define SAMPLES_COUNTERS_MAX 16 /* readings whose counters are kept: one each 2 s for that long */

/* One reading. Lent for the call. */
struct reading {
    int64_t wall_ms, mono_ms;
    bool broker_is_up;
    enum queues_source source;
    const struct queue_stats *queues; /* of the architecture's, in its order */
    const double *places;             /* the same; NAN: not known */
    const double *published;          /* of the architecture's exchanges; NAN: not known */
};

struct samples; /* opaque */

struct samples_options {
    const struct architecture *architecture; /* lent */
    int64_t deadline_s, deadline_bulk_s;
};

/* New, for samples_free(); or NULL with *e (ERR_NOMEM). Nothing is known yet. */
struct samples *samples_new(const struct samples_options *options, struct err *e) MUST_CHECK;
void samples_free(struct samples *s); /* NULL is fine */

void samples_add(struct samples *s, const struct reading *r);

/* An answer of GET /graph, without what is not of the broker; new, NULL at no memory. now_wall_ms
 * is for a process that has no reading yet. */
json_t *samples_json(const struct samples *s, int64_t now_wall_ms);

#endif
