/*
 * graph.h - an FBP graph in memory: nodes, edges, initial packets (IIPs) and exported ports, each
 * kept in the order it was written. The parsers fill it; everything else reads it. Not thread-safe.
 */
#ifndef MSGFLO_GRAPH_H
#define MSGFLO_GRAPH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define GRAPH_MAX_NODES 2000
#define GRAPH_MAX_EDGES 10000  /* edges and IIPs together */
#define GRAPH_MAX_EXPORTS 1000 /* each way */
#define GRAPH_NO_INDEX (-1)

struct graph_node {
    char *name;
    char *component;  /* NULL until it is known */
    json_t *metadata; /* an object, or NULL */
    size_t at;        /* byte of the text it was read from; 0 if it was not text */
};

/* One side of an edge. */
struct graph_end {
    char *node;
    char *port;
    long index; /* of an array port, or GRAPH_NO_INDEX */
    size_t at;
};

struct graph_edge {
    struct graph_end src; /* all NULL for an IIP */
    struct graph_end tgt;
    json_t *data; /* the IIP's value, JSON null too; NULL for an edge between nodes */
    json_t *metadata;
};

/* A port of a node under a name of the graph's own. */
struct graph_export {
    char *name;
    char *node;
    char *port;
    json_t *metadata;
    size_t at;
};

struct graph_exports {
    struct graph_export *items;
    size_t n;
};

struct graph {
    struct graph_node *nodes;
    size_t n_nodes;
    struct graph_edge *edges;
    size_t n_edges;
    struct graph_exports inports, outports;
    json_t *properties; /* an object, or NULL */
    json_t *groups;     /* a list, or NULL: carried, not interpreted */
    bool case_sensitive;
};

/* A piece of somebody else's text, lent. */
struct span {
    const char *at;
    size_t len;
};

/* An end as a parser knows it: the texts are lent and get copied. */
struct graph_end_ref {
    struct span node, port;
    long index;
    size_t at;
};

/* New, or NULL without memory. */
struct graph *graph_new(void);
void graph_free(struct graph *g);

/* For AUTO. */
static inline void graph_freep(struct graph **g)
{
    graph_free(*g);
}

/* The node of that name, made if there is none. Lent until the next node is added; NULL with *e set
 * (ERR_LIMIT, ERR_NOMEM). */
struct graph_node *graph_add_node(struct graph *g, struct span name, struct err *e);

/* Exactly one of src and data_take is NULL. metadata_take may be NULL. Returns 0, or -1 with *e set
 * (ERR_LIMIT, ERR_NOMEM). */
int graph_add_edge(struct graph *g, const struct graph_end_ref *src,
                   const struct graph_end_ref *tgt, json_t *data_take, json_t *metadata_take,
                   struct err *e) MUST_CHECK;

/* A name that is there already gets the new port. metadata_take may be NULL. */
int graph_export_port(struct graph_exports *list, struct span name, const struct graph_end_ref *end,
                      json_t *metadata_take, struct err *e) MUST_CHECK;

/* NULL if there is none. Lent. */
const struct graph_node *graph_node(const struct graph *g, const char *name);

/*
 * Whether every node has a component and every edge and exported port ends at a node.
 * Returns 0, or -1 with ERR_INPUT naming the first thing that is wrong and its byte in *ret_at.
 */
int graph_check(const struct graph *g, size_t *ret_at, struct err *e) MUST_CHECK;

#endif
