/*
 * graph_edit.h - changes of a graph that is live: what the FBP protocol's graph commands do to it.
 * Each leaves the graph as it was when it fails: -1 with *e (ERR_INPUT names what is not there or
 * there already; ERR_LIMIT, ERR_NOMEM). Texts are copied, JSON values are only read.
 */
#ifndef MSGFLO_NETWORK_GRAPH_EDIT_H
#define MSGFLO_NETWORK_GRAPH_EDIT_H

#include "graph/graph.h"

int graph_edit_add_node(struct graph *g, const char *name, const char *component,
                        const json_t *metadata, struct err *e) MUST_CHECK;
/* With its exported ports; its edges and initial packets must have gone. */
int graph_edit_remove_node(struct graph *g, const char *name, struct err *e) MUST_CHECK;
/* Everywhere: edges, exported ports and groups, too. */
int graph_edit_rename_node(struct graph *g, const char *from, const char *to,
                           struct err *e) MUST_CHECK;
/* Members of metadata replace the node's; null removes one. */
int graph_edit_change_node(struct graph *g, const char *name, const json_t *metadata,
                           struct err *e) MUST_CHECK;

/* An end as the protocol has it, {node, port[, index]}; its texts are lent from json. */
struct graph_end_ref graph_end_from_json(const json_t *json);
/* The reverse, new. */
json_t *graph_end_to_json(const struct graph_end *end);
bool graph_end_is(const struct graph_end *end, const struct graph_end_ref *ref);

/* An edge that is there already gets the metadata, if any is given. */
int graph_edit_add_edge(struct graph *g, const struct graph_end_ref *src,
                        const struct graph_end_ref *tgt, const json_t *metadata,
                        struct err *e) MUST_CHECK;
/* As for a node. */
int graph_edit_change_edge(struct graph *g, const struct graph_end_ref *src,
                           const struct graph_end_ref *tgt, const json_t *metadata,
                           struct err *e) MUST_CHECK;
int graph_edit_remove_edge(struct graph *g, const struct graph_end_ref *src,
                           const struct graph_end_ref *tgt, struct err *e) MUST_CHECK;

int graph_edit_add_initial(struct graph *g, const json_t *data, const struct graph_end_ref *tgt,
                           const json_t *metadata, struct err *e) MUST_CHECK;
/* The first one of that port; *ret_data is new. */
int graph_edit_remove_initial(struct graph *g, const struct graph_end_ref *tgt, json_t **ret_data,
                              struct err *e) MUST_CHECK;
/* The i-th of g->edges, an initial packet or not. */
void graph_edit_drop_edge(struct graph *g, size_t i);

/* list is g's inports or outports. */
int graph_edit_add_export(struct graph *g, struct graph_exports *list, const char *name,
                          const char *node, const char *port, const json_t *metadata,
                          struct err *e) MUST_CHECK;
int graph_edit_remove_export(struct graph_exports *list, const char *name,
                             struct err *e) MUST_CHECK;
int graph_edit_rename_export(struct graph_exports *list, const char *from, const char *to,
                             struct err *e) MUST_CHECK;

#define GRAPH_MAX_GROUPS 1000
int graph_edit_add_group(struct graph *g, const char *name, const json_t *nodes,
                         const json_t *metadata, struct err *e) MUST_CHECK;
int graph_edit_remove_group(struct graph *g, const char *name, struct err *e) MUST_CHECK;
int graph_edit_rename_group(struct graph *g, const char *from, const char *to,
                            struct err *e) MUST_CHECK;
int graph_edit_change_group(struct graph *g, const char *name, const json_t *metadata,
                            struct err *e) MUST_CHECK;

#endif
