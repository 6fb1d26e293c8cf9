/*
 * stats.h - statistics of a range of time: counts, rates and percentiles by bucket and priority,
 * made of jobs and images that are added one by one. No I/O. Every time is kept until the end (16
 * bytes an image), because percentiles of a range do not follow from those of its parts.
 */
#ifndef WEB_STATS_H
#define WEB_STATS_H

#include "base/err.h"
#include "web/stats_query.h"

struct stats;

/* An image that has ended. Texts are lent; times are in seconds, NaN where there is none. */
struct stats_image {
    int64_t at_ms; /* when it ended */
    const char *priority, *status;
    const char *code; /* of a failed one; NULL: none */
    double waiting_s, processing_s, completion_s;
};

/* New, for stats_free(); or NULL at no memory. */
struct stats *stats_new(const struct stats_query *query);
void stats_free(struct stats *s); /* NULL is fine */

/* Images of a job that was made at at_ms. Times outside of the range are passed over. */
void stats_add_arrivals(struct stats *s, int64_t at_ms, const char *priority, int images);
/* Returns 0, or -1 at no memory. */
int stats_add_image(struct stats *s, const struct stats_image *image) MUST_CHECK;

/* What the API answers. now_ms: until when it can be complete. New, or NULL at no memory. */
char *stats_json(struct stats *s, int64_t now_ms);

#endif
