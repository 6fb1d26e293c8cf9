/*
 * starts.h - the workers that were asked for and do not take jobs yet: when each is expected, from
 * how long earlier ones took. No I/O, no clock.
 */
#ifndef GUV_POLICY_STARTS_H
#define GUV_POLICY_STARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct starts {
    double mean_s, deviation_s; /* of a start: smoothed mean, and mean absolute deviation */
    double *asked_at_s;         /* of those under way, oldest first */
    size_t n, size;
    double came_s; /* of those that have come, when the last one was asked for */
};

/* size: most that can be under way. Returns 0, or -1 (ERR_NOMEM) with *s safe to release. */
int starts_init(struct starts *s, double mean_s, size_t size, struct err *e) MUST_CHECK;
void starts_release(struct starts *s);

/* n more were asked for. */
void starts_ask(struct starts *s, double t_s, size_t n);
/* n that took jobs do so no more: the platform starts them again. */
void starts_again(struct starts *s, double t_s, size_t n);
/* n now take jobs: the oldest that are not lost, then the lost ones. How long they took is learnt.
 */
void starts_arrived(struct starts *s, double t_s, size_t n);
/* The oldest n do, too, and nothing is learnt of them. */
void starts_drop_oldest(struct starts *s, size_t n);
/* Those that are expected by now are taken to have arrived, unseen. Returns how many. */
size_t starts_take_due(struct starts *s, double t_s);
/* The newest n are not wanted any more. */
void starts_cancel(struct starts *s, size_t n);
/* Starts measured by the application itself: n of them, in the mean. */
void starts_learn(struct starts *s, size_t n, double mean_s);

/* How many are lost, having taken so long that nobody waits for them, in a row: of those asked for
 * after the last that has come. */
size_t starts_lost(const struct starts *s, double t_s);
/* How long a start takes at the most; the more are asked for at once, the surer their sum is. */
double starts_plan_s(const struct starts *s, double at_once);

/*
 * Writes when those under way are expected, oldest first, and without the lost ones, to ret, which
 * has room for `size`. Returns how many.
 */
size_t starts_due(const struct starts *s, double t_s, double *ret);

#endif
