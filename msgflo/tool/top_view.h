/*
 * top_view.h - what `msgflo top` shows: the queues of the roles that are alive, and the other
 * queues of the broker. No I/O: who was seen and what the queues hold comes in.
 */
#ifndef MSGFLO_TOOL_TOP_VIEW_H
#define MSGFLO_TOOL_TOP_VIEW_H

#include <jansson.h>

#include "base/buf.h"
#include "broker/management.h"
#include "graph/bindings.h"
#include "network/seen.h"

/* Texts are lent from what the view was made of. */
struct top_row {
    const char *role, *component;    /* NULL: nobody has announced the queue */
    size_t instances, stale;         /* announced; of which so many have fallen silent */
    const char *queue;               /* NULL: the role has no inport */
    const struct queue_stats *stats; /* or NULL */
};

struct top_view {
    struct top_row *rows; /* by role as seen, then by the order of its inports; the others last */
    size_t n;
    size_t n_roles;
    uint64_t ready; /* messages in all queues shown */
    bool rates_are_known;
};

/* The queues of roles that a view made now will show: those of one process of each role. ret, {0},
 * is the caller's to release. Returns 0, or -1 with ERR_NOMEM. */
int top_view_queues(const struct seen *seen, int64_t now_ms, struct name_list *ret,
                    struct err *e) MUST_CHECK;

/* queues may be NULL. Returns 0, or -1 with ERR_NOMEM. */
int top_view_make(const struct seen *seen, const struct queue_stats_list *queues,
                  bool rates_are_known, int64_t now_ms, struct top_view *ret,
                  struct err *e) MUST_CHECK;
void top_view_release(struct top_view *v);

/* Appends a table of lines; max_width in characters, 0: no limit. */
void top_view_print(const struct top_view *v, size_t max_width, struct buf *out);

/* New, or NULL without memory. */
json_t *top_view_json(const struct top_view *v);

#endif
