/*
 * arrivals.h - how many jobs have arrived by when, and how fast they arrive now.
 * The curve of arrivals is what a first-in first-out queue's deadline is judged on: it says when
 * the n-th waiting job came. Hides the two windows it remembers. No I/O, no clock.
 */
#ifndef GUV_POLICY_ARRIVALS_H
#define GUV_POLICY_ARRIVALS_H

#include <stddef.h>

#include "base/err.h"

/* By t_s, total jobs have arrived since the beginning. */
struct arrivals_point {
    double t_s, total;
};

/* Jobs that came within one poll. */
struct arrivals_count {
    double dt_s, jobs;
};

/* Both are rings of `size` places; the oldest of `n` is at `start`. */
struct arrivals {
    struct arrivals_point *curve;
    size_t curve_start, curve_n, curve_size;
    struct arrivals_count *counts;
    size_t counts_start, counts_n, counts_size;
    double counts_s; /* sum of their dt_s */
    double total;
    double guessed;  /* part of total: the curve's last point is no more than a guess */
    double memory_s; /* how far back the curve goes */
};

/* Arrivals a second. */
struct arrivals_rate {
    double per_s, error_per_s; /* best estimate, and its standard error */
    double lasting_per_s;      /* what has lasted for a minute: a burst may be over at any moment */
};

/* memory_s: how far back the curve must tell; poll_s: the usual time between two additions.
 * Returns 0, or -1 (ERR_NOMEM) with *a safe to release. */
int arrivals_init(struct arrivals *a, double memory_s, double poll_s, struct err *e) MUST_CHECK;
void arrivals_release(struct arrivals *a);

/* jobs arrived in the dt_s seconds up to t_s. dt_s 0 begins the curve. */
void arrivals_add(struct arrivals *a, double t_s, double dt_s, double jobs);

/* While nobody can tell: takes it that jobs have arrived since the last addition. The next guess or
 * addition takes the place of this one. */
void arrivals_guess(struct arrivals *a, double t_s, double jobs);

/* The i-th oldest point of the curve; i < curve_n. */
struct arrivals_point arrivals_at(const struct arrivals *a, size_t i);

/*
 * The present rate: the mean over the longest recent window that agrees with all shorter ones, so
 * that a steady load is averaged long and a change is followed at once. A spike of one or two polls
 * does not count: what it brought waits in the queue already, and no more of it is to be expected.
 * dispersion: variance over mean of the counts (1: Poisson).
 */
struct arrivals_rate arrivals_rate(const struct arrivals *a, double dispersion);

#endif
