#include "architecture.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "graph/bindings.h"
#include "graph/fbp.h"
#include "graph/graph.h"
#include "web/outbox_item.h"

/* ---- names on the broker ---- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for the graph");
}

/* The index of ROLE.PORT (docs/protocol.md) in a list, which has room for it; NONE: no memory. */
static size_t index_of_port(char **names, size_t *n, const char *role, const char *port)
{
    size_t len = strlen(role) + strlen(port) + 2;
    char *name = malloc(len);

    if (!name)
        return ARCHITECTURE_NONE;
    snprintf(name, len, "%s.%s", role, port);
    for (char *c = name + strlen(role); *c; c++)
        *c = (char)toupper((unsigned char)*c);
    for (size_t i = 0; i < *n; i++) {
        if (strcmp(names[i], name) == 0) {
            free(name);
            return i;
        }
    }
    names[*n] = name;
    return (*n)++;
}

/* ---- nodes and edges ---- */

static size_t node_of(const struct architecture *a, const char *name)
{
    size_t i = 0;

    while (strcmp(a->nodes[i].name, name) != 0) /* graph_check() has seen that it is there */
        i++;
    return i;
}

static int add_edge(struct architecture *a, const struct graph_edge *from_graph, struct err *e)
{
    struct architecture_edge *edge = &a->edges[a->n_edges++];
    const struct architecture_node *source;
    struct architecture_node *target;

    *edge = (struct architecture_edge){
        .from = from_graph->src.node,
        .from_port = from_graph->src.port,
        .to = from_graph->tgt.node,
        .to_port = from_graph->tgt.port,
        .source = node_of(a, from_graph->src.node),
        .target = node_of(a, from_graph->tgt.node),
        .queue = ARCHITECTURE_NONE,
        .exchange = ARCHITECTURE_NONE,
    };
    source = &a->nodes[edge->source];
    target = &a->nodes[edge->target];
    if (source->is_role) {
        edge->exchange = index_of_port(a->exchanges, &a->n_exchanges, edge->from, edge->from_port);
        if (edge->exchange == ARCHITECTURE_NONE)
            return no_memory(e);
    }
    if (!target->is_role)
        return 0;
    edge->queue = index_of_port(a->queues, &a->n_queues, edge->to, edge->to_port);
    if (edge->queue == ARCHITECTURE_NONE)
        return no_memory(e);
    if (target->queue == ARCHITECTURE_NONE || strcasecmp(edge->to_port, "in") == 0)
        target->queue = edge->queue;
    return 0;
}

/* Who gets what web sends by that outport: the node itself, or those behind a routing one. A role
 * that gets both is held to the deadline of those who wait. */
static void mark_priority(struct architecture *a, const char *outport, const char *priority)
{
    for (size_t i = 0; i < a->n_edges; i++) {
        const struct architecture_edge *sent = &a->edges[i];

        if (strcasecmp(sent->from_port, outport) != 0 || !a->nodes[sent->source].is_role)
            continue;
        if (a->nodes[sent->target].is_role)
            a->nodes[sent->target].priority = priority;
        for (size_t k = 0; k < a->n_edges; k++)
            if (a->edges[k].source == sent->target && a->nodes[a->edges[k].target].is_role &&
                !a->nodes[sent->target].is_role && strcasecmp(a->edges[k].from_port, "out") == 0)
                a->nodes[a->edges[k].target].priority = priority;
    }
}

static int fill(struct architecture *a, struct err *e)
{
    const struct graph *g = a->graph;

    a->nodes = calloc(g->n_nodes + 1, sizeof *a->nodes);
    a->edges = calloc(g->n_edges + 1, sizeof *a->edges);
    a->queues = calloc(g->n_edges + 1, sizeof *a->queues);
    a->exchanges = calloc(g->n_edges + 1, sizeof *a->exchanges);
    if (!a->nodes || !a->edges || !a->queues || !a->exchanges)
        return no_memory(e);
    for (size_t i = 0; i < g->n_nodes; i++)
        a->nodes[a->n_nodes++] = (struct architecture_node){
            .name = g->nodes[i].name,
            .component = g->nodes[i].component,
            .is_role = !component_is_routing(g->nodes[i].component),
            .queue = ARCHITECTURE_NONE,
        };
    for (size_t i = 0; i < g->n_edges; i++)
        if (!g->edges[i].data && add_edge(a, &g->edges[i], e))
            return -1;
    mark_priority(a, OUTPORT_BULK, "bulk");
    mark_priority(a, OUTPORT_INTERACTIVE, "interactive");
    return 0;
}

/* What `msgflo setup` would refuse is refused here too, in its words. */
static int check(const struct graph *g, struct err *e)
{
    struct topology topology;
    size_t at;

    if (g->n_nodes > ARCHITECTURE_MAX_NODES || g->n_edges > ARCHITECTURE_MAX_EDGES)
        return err_set(e, ERR_LIMIT, "more than %d nodes or %d edges", ARCHITECTURE_MAX_NODES,
                       ARCHITECTURE_MAX_EDGES);
    if (graph_check(g, &at, e) || topology_from_graph(g, &topology, e))
        return -1;
    topology_release(&topology);
    return 0;
}

int architecture_parse(const char *text, size_t len, struct architecture *ret, struct err *e)
{
    static const struct fbp_options as_written = {.case_sensitive = true};
    struct architecture a = {.graph = NULL};

    if (fbp_parse(text, len, &as_written, &a.graph, NULL, NULL, e) || check(a.graph, e) ||
        fill(&a, e)) {
        architecture_release(&a);
        return -1;
    }
    *ret = a;
    return 0;
}

void architecture_release(struct architecture *a)
{
    for (size_t i = 0; i < a->n_queues; i++)
        free(a->queues[i]);
    for (size_t i = 0; i < a->n_exchanges; i++)
        free(a->exchanges[i]);
    free(a->queues);
    free(a->exchanges);
    free(a->nodes);
    free(a->edges);
    graph_free(a->graph);
    *a = (struct architecture){.graph = NULL};
}

/* ---- the file ---- */

static int read_file(const char *path, struct buf *ret, struct err *e)
{
    FILE *file = fopen(path, "re");
    char block[4096];
    size_t n;

    if (!file)
        return err_set(e, ERR_INPUT, "%s", strerror(errno));
    ret->max_bytes = ARCHITECTURE_MAX_BYTES;
    while (!ret->failed && (n = fread(block, 1, sizeof block, file)) > 0)
        buf_append(ret, block, n);
    if (ferror(file)) /* a folder, say */
        err_set(e, ERR_INPUT, "%s", strerror(errno));
    else if (ret->failed)
        err_set(e, ERR_LIMIT, "more than %zu bytes", ARCHITECTURE_MAX_BYTES);
    fclose(file);
    return e->code == ERR_NONE ? 0 : -1;
}

int architecture_load(const char *path, struct architecture *ret, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct err why = ERR_INIT;

    if (read_file(path, &text, &why) == 0 &&
        architecture_parse(text.data ? text.data : "", text.len, ret, &why) == 0)
        return 0;
    return err_set(e, why.code, "the graph '%.150s': %.200s", path, why.text);
}
