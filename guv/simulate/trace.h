/*
 * trace.h - what a simulation replays: the jobs, when each arrives and how long it takes, and what
 * goes wrong meanwhile.
 */
#ifndef GUV_SIMULATE_TRACE_H
#define GUV_SIMULATE_TRACE_H

#include <math.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"

#define TRACE_MAX_JOBS ((size_t)20 * 1000 * 1000)

struct trace_job {
    double arrives_s; /* from the trace's beginning; never before the job before it */
    double takes_s;   /* in a worker */
};

struct trace {
    struct trace_job *jobs;
    size_t n, size;
    double duration_s;                /* jobs arrive in it */
    double deaf_from_s, deaf_until_s; /* neither broker nor platform can be reached */
    double crash_at_s;                /* every second worker crashes; INFINITY: never */
};

/* No jobs, and nothing goes wrong. */
#define TRACE_INIT                                                                                 \
    {                                                                                              \
        .deaf_from_s = INFINITY, .crash_at_s = INFINITY                                            \
    }

void trace_release(struct trace *t);

/* Adds a job; they come in the order of time. Returns 0, or -1 (ERR_NOMEM, ERR_LIMIT). */
int trace_add(struct trace *t, double arrives_s, double takes_s, struct err *e) MUST_CHECK;

/*
 * A built-in pattern for a role: `load` is the number of workers its base rate keeps busy. Returns
 * 0 and fills *ret, for the caller to trace_release(); or -1 (ERR_INPUT: there is no such pattern).
 */
int trace_pattern(const char *pattern, const struct role_settings *role, double load,
                  double duration_s, uint64_t seed, struct trace *ret, struct err *e) MUST_CHECK;

/* The patterns' names and what they are, in order; NULL after the last. */
const char *trace_pattern_name(size_t i);
const char *trace_pattern_about(size_t i);

/* Whether it is one of those whose work comes in bursts, or hardly at all: starts cost more there
 * than on the smooth ones. */
bool trace_pattern_is_bursty(const char *name);

#endif
