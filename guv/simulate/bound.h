/*
 * bound.h - what the cheapest crew would have cost that knows every arrival in advance and is late
 * with no job: the measure for policies, which know nothing in advance. Workers come in whole
 * numbers and are changed on a grid of two seconds, a start costs its mean time, and work flows
 * evenly: no policy can do with less on the average.
 */
#ifndef GUV_SIMULATE_BOUND_H
#define GUV_SIMULATE_BOUND_H

#include "trace.h"

struct bound {
    double paid_s; /* worker-seconds; NAN: the trace is too long for it */
    double step_s; /* of the grid: 2 s, or coarser for a long trace */
};

/* Returns 0, or -1 (ERR_NOMEM). The role's maximum bounds the crew: where even that is too small
 * for the deadline, the bound is of serving as early as it can. */
int bound_of(const struct trace *trace, const struct role_settings *role, double boot_s,
             struct bound *ret, struct err *e) MUST_CHECK;

#endif
