/*
 * original.h - the original guv's algorithm, decision for decision, for comparison and for those
 * who want it back. Its faults are kept where they change a number, and left out where they only
 * made it stop (guv 0.3.2: a queue that was missing once, a role that the platform does not know).
 */
#ifndef GUV_POLICY_ORIGINAL_H
#define GUV_POLICY_ORIGINAL_H

#include "policy.h"

struct original; /* opaque */

/* As policy_new(); history_s is how far back it looks before it scales down. */
int original_new(const struct role_settings *settings, double poll_s, double history_s,
                 struct original **ret, struct err *e) MUST_CHECK;
void original_free(struct original *g);
void original_decide(struct original *g, const struct observation *o, struct decision *ret);

#endif
