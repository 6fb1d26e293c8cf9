/*
 * graph_json.h - JSON graphs, as npm's fbp and NoFlo write them, in and out. No I/O.
 */
#ifndef MSGFLO_GRAPH_JSON_H
#define MSGFLO_GRAPH_JSON_H

#include <jansson.h>

#include "graph/graph.h"

/*
 * json is only read. An IIP is a connection with the member "data", whatever its value. Members
 * this program has no use for are ignored. The result is new: graph_free(). Returns 0, or -1 with
 * *e naming the member that is wrong ("connections[3].tgt.port: must be a text").
 */
int graph_from_json(const json_t *json, struct graph **ret, struct err *e) MUST_CHECK;

/* New, with members always in the same order: that of npm's parser, then that of the graph. NULL
 * without memory. */
json_t *graph_to_json(const struct graph *g);

/*
 * Any value as JSON text, new, or NULL without memory. Reals have as few digits as give the same
 * value again (0.1, not 0.10000000000000001). flags are those of json_dumps().
 */
char *graph_value_text(const json_t *value, size_t flags);

#endif
