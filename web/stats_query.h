/*
 * stats_query.h - what GET /stats is asked for: a range of time and how long its buckets are. No
 * I/O.
 */
#ifndef WEB_STATS_QUERY_H
#define WEB_STATS_QUERY_H

#include <stdint.h>

#include "web/parameters.h"

#define STATS_BUCKETS_MAX 1000
#define STATS_KEY_SIZE 160

struct stats_query {
    int64_t since_ms, until_ms; /* from the one on, and before the other */
    int64_t bucket_ms;          /* whole seconds; buckets begin at multiples of it since 1970 */
    char key[STATS_KEY_SIZE];   /* the question as it was put: equal ones have equal answers */
};

/* For parameters_init(). */
extern const char *const stats_query_names[];

/* Returns 0, or -1 with the faults in p. */
int stats_query_parse(struct parameters *p, int64_t now_ms, struct stats_query *ret) MUST_CHECK;

/* Buckets that the range touches, at most STATS_BUCKETS_MAX + 1: it may begin within one. */
int stats_query_buckets(const struct stats_query *q);

#endif
