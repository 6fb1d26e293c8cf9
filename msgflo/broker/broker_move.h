/*
 * broker_move.h - moves an edge from one target to another while messages flow.
 *
 * Design notes
 * - Overlapping: the new binding is made before the old one goes. None is lost, and what is sent
 *   between the two reaches both, with one message id.
 * - Exact: between unbinding and binding, the source's exchange has an alternate exchange, which
 *   gets what no binding takes and whose queue holds it. A policy sets that, because a declaration
 *   with it would differ from those of participants. Once the new binding is there the policy goes,
 *   and what was held is sent on. It takes a source with one binding: a second one, be it only an
 *   observer's, would take the messages of the gap, and none would be held.
 * - Whatever fails half way, what is held is in a durable queue, msgflo-held-UUID-TARGET, until it
 *   is sent on: by the next try, or by broker_sweep_held(). The UUID tells its age (RFC 9562, 5.7).
 */
#ifndef MSGFLO_BROKER_BROKER_MOVE_H
#define MSGFLO_BROKER_BROKER_MOVE_H

#include "broker/broker.h"
#include "broker/management.h"

/* One move, over all its tries. Zeroed at first. */
struct broker_move {
    char held[TOPOLOGY_MAX_NAME + 1]; /* the name of what holds; empty: nothing was begun */
};

enum broker_move_end {
    BROKER_MOVED,
    BROKER_MOVE_NOT_EXACT, /* it cannot be: nothing has changed, and *e says why */
    BROKER_MOVE_FAILED /* *e as of a step of broker.h; after ERR_UNAVAILABLE or ERR_TIMEOUT it may
                          be tried again with the same struct, on a new connection */
};

/* `from` and `to` are pubsub bindings of one source. What it does not finish it tells as lines of
 * warnings. */
enum broker_move_end broker_move_exactly(struct broker *b, struct management *m,
                                         const struct binding *from, const struct binding *to,
                                         struct broker_move *move, struct buf *warnings,
                                         struct err *e) MUST_CHECK;

int broker_move_overlapping(struct broker *b, const struct binding *from, const struct binding *to,
                            struct buf *warnings, struct err *e) MUST_CHECK;

/*
 * Sends on what moves have left behind that began at least min_age_ms ago; where the source is
 * bound to nothing since, it goes on holding. *ret_more: another sweep is needed, since some are
 * younger, not done yet or could not be looked at. Returns 0, or -1 with *e as of a step of
 * broker.h; what cannot be sent on is told as lines of warnings.
 */
int broker_sweep_held(struct broker *b, struct management *m, int64_t min_age_ms, bool *ret_more,
                      struct buf *warnings, struct err *e) MUST_CHECK;

#endif
