/*
 * peers.h - those that guv is compared with, and guv itself, as deciders for a world. Each decides
 * by its published rules, at its own pace, and knows what it would know:
 *
 * - guv: policy.h, as in production, POLICY_TUBE.
 * - fixed: the same number all the time, the fewest with which this trace meets its deadline. It is
 *   found by trying, so it knows the future; a real one would be larger.
 * - original: the original guv, POLICY_ORIGINAL of policy.h, each 30 s unless the file says else.
 * - keda: KEDA's rabbitmq scaler, mode QueueLength, of the messages ready and unacknowledged. The
 *   target for each worker is what it ends in half the deadline. Between 0 and 1 KEDA decides
 *   (polled each 30 s, cooldown of 300 s), above that an HPA with AverageValue.
 * - hpa: an HPA at 50 % CPU. A worker's CPU is taken to be the share of its places in use, over
 *   15 s. Never 0.
 */
#ifndef GUV_SIMULATE_PEERS_H
#define GUV_SIMULATE_PEERS_H

#include "world.h"

enum peer_kind { PEER_GUV, PEER_FIXED, PEER_ORIGINAL, PEER_KEDA, PEER_HPA, PEER_KINDS };

/* "guv", "fixed", ..., and what a table calls it. Lent for ever. */
const char *peer_name(enum peer_kind kind);
const char *peer_title(enum peer_kind kind);

/* The kind of that name. Returns 0, or -1 (ERR_INPUT). */
int peer_find(const char *name, enum peer_kind *ret, struct err *e) MUST_CHECK;

struct peer_options {
    const struct role_settings *role; /* its texts are lent until peer_free() */
    double poll_s;                    /* guv's */
    double original_poll_s;           /* the original's */
    double history_s;                 /* the original's */
    int fixed;                        /* workers of the fixed crew */
};

struct peer; /* opaque */

/* Returns 0 and a new one, or -1 (ERR_NOMEM). All but the fixed crew begin at the role's minimum.
 */
int peer_new(enum peer_kind kind, const struct peer_options *options, struct peer **ret,
             struct err *e) MUST_CHECK;
void peer_free(struct peer *p); /* NULL is fine */

/* Lent until peer_free(). */
const struct decider *peer_decider(const struct peer *p);

/* The fewest workers with which a fixed crew is in time, or the role's maximum if none is. Returns
 * 0, or -1 (ERR_NOMEM). */
int peer_fewest(const struct trace *trace, const struct world_options *options, int *ret,
                struct err *e) MUST_CHECK;

#endif
