/*
 * architecture.h - the graph file as GET /graph shows it: who is there, who talks to whom, and
 * which queue and which exchange of the broker tells of each. Constant once it is made.
 */
#ifndef WEB_ARCHITECTURE_H
#define WEB_ARCHITECTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ARCHITECTURE_MAX_BYTES ((size_t)256 * 1024)
#define ARCHITECTURE_MAX_NODES 100
#define ARCHITECTURE_MAX_EDGES 400
#define ARCHITECTURE_NONE SIZE_MAX /* in the place of an index */

struct graph;

/* Texts are lent by the graph. */
struct architecture_node {
    const char *name, *component;
    bool is_role;         /* a participant; else it says only how queues are bound */
    size_t queue;         /* of its port IN, else of its first inport; NONE: it has none */
    const char *priority; /* of the jobs that web sends it; NULL: none */
};

struct architecture_edge {
    const char *from, *from_port, *to, *to_port;
    size_t source, target; /* nodes */
    size_t queue;          /* where its messages wait; NONE: nowhere before the next edge */
    size_t exchange;       /* where they are published; NONE: nowhere but before this edge */
};

struct architecture {
    struct architecture_node *nodes;
    size_t n_nodes;
    struct architecture_edge *edges;
    size_t n_edges;
    char **queues, **exchanges; /* by their names on the broker; no name twice */
    size_t n_queues, n_exchanges;
    struct graph *graph;
};

/* Returns 0, or -1 with *e (ERR_INPUT, ERR_LIMIT: the text is no such graph; ERR_NOMEM). */
int architecture_parse(const char *text, size_t len, struct architecture *ret,
                       struct err *e) MUST_CHECK;

/* The same for a file, which *e names. */
int architecture_load(const char *path, struct architecture *ret, struct err *e) MUST_CHECK;

void architecture_release(struct architecture *a);

#endif
