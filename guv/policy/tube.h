/*
 * tube.h - the policy that keeps the queue standing inside its deadline.
 * Hides all estimates and every rule; policy.h is the way in.
 */
#ifndef GUV_POLICY_TUBE_H
#define GUV_POLICY_TUBE_H

#include "policy.h"

struct tube; /* opaque */

/* As policy_new(). */
int tube_new(const struct role_settings *settings, double poll_s, struct tube **ret,
             struct err *e) MUST_CHECK;
void tube_free(struct tube *t);
void tube_decide(struct tube *t, const struct observation *o, struct decision *ret);

#endif
