/*
 * graph.c - keeps what the parsers find, under the limits of graph.h.
 */
#include "graph/graph.h"

#include <string.h>

struct graph *graph_new(void)
{
    return calloc(1, sizeof(struct graph));
}

static void end_release(struct graph_end *end)
{
    free(end->node);
    free(end->port);
}

static void exports_release(struct graph_exports *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->items[i].name);
        free(list->items[i].node);
        free(list->items[i].port);
        json_decref(list->items[i].metadata);
    }
    free(list->items);
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; i < g->n_nodes; i++) {
        free(g->nodes[i].name);
        free(g->nodes[i].component);
        json_decref(g->nodes[i].metadata);
    }
    for (size_t i = 0; i < g->n_edges; i++) {
        end_release(&g->edges[i].src);
        end_release(&g->edges[i].tgt);
        json_decref(g->edges[i].data);
        json_decref(g->edges[i].metadata);
    }
    free(g->nodes);
    free(g->edges);
    exports_release(&g->inports);
    exports_release(&g->outports);
    json_decref(g->properties);
    json_decref(g->groups);
    free(g);
}

/* Room for one more of `size` bytes after the n that are there, zeroed. Doubles at powers of two,
 * so that no capacity need be kept. */
static void *grow(void *items, size_t n, size_t size)
{
    if (n & (n - 1))
        return items;
    return reallocarray(items, n ? n * 2 : 1, size);
}

static bool span_is(struct span s, const char *text)
{
    return strlen(text) == s.len && memcmp(text, s.at, s.len) == 0;
}

struct graph_node *graph_add_node(struct graph *g, struct span name, struct err *e)
{
    struct graph_node *grown, node = {0};

    for (size_t i = 0; i < g->n_nodes; i++)
        if (span_is(name, g->nodes[i].name))
            return &g->nodes[i];
    if (g->n_nodes == GRAPH_MAX_NODES) {
        err_set(e, ERR_LIMIT, "more than %d processes", GRAPH_MAX_NODES);
        return NULL;
    }
    grown = grow(g->nodes, g->n_nodes, sizeof(*grown));
    if (grown)
        g->nodes = grown;
    node.name = strndup(name.at, name.len);
    if (!grown || !node.name) {
        free(node.name);
        err_set(e, ERR_NOMEM, "no memory for a graph");
        return NULL;
    }
    g->nodes[g->n_nodes] = node;
    return &g->nodes[g->n_nodes++];
}

static int end_copy(struct graph_end *end, const struct graph_end_ref *ref)
{
    end->node = strndup(ref->node.at, ref->node.len);
    end->port = strndup(ref->port.at, ref->port.len);
    end->index = ref->index;
    end->at = ref->at;
    return end->node && end->port ? 0 : -1;
}

int graph_add_edge(struct graph *g, const struct graph_end_ref *src,
                   const struct graph_end_ref *tgt, json_t *data_take, json_t *metadata_take,
                   struct err *e)
{
    struct graph_edge edge = {
        .src = {NULL, NULL, GRAPH_NO_INDEX, 0}, .data = data_take, .metadata = metadata_take};
    struct graph_edge *grown;

    if (g->n_edges == GRAPH_MAX_EDGES) {
        err_set(e, ERR_LIMIT, "more than %d edges", GRAPH_MAX_EDGES);
        goto fail;
    }
    grown = grow(g->edges, g->n_edges, sizeof(*grown));
    if (grown)
        g->edges = grown;
    if (!grown || end_copy(&edge.tgt, tgt) || (src && end_copy(&edge.src, src))) {
        err_set(e, ERR_NOMEM, "no memory for a graph");
        goto fail;
    }
    g->edges[g->n_edges++] = edge;
    return 0;
fail:
    end_release(&edge.src);
    end_release(&edge.tgt);
    json_decref(data_take);
    json_decref(metadata_take);
    return -1;
}

static struct graph_export *export_slot(struct graph_exports *list, struct span name, struct err *e)
{
    struct graph_export *grown, item = {0};

    for (size_t i = 0; i < list->n; i++)
        if (span_is(name, list->items[i].name))
            return &list->items[i];
    if (list->n == GRAPH_MAX_EXPORTS) {
        err_set(e, ERR_LIMIT, "more than %d exported ports", GRAPH_MAX_EXPORTS);
        return NULL;
    }
    grown = grow(list->items, list->n, sizeof(*grown));
    if (grown)
        list->items = grown;
    item.name = strndup(name.at, name.len);
    if (!grown || !item.name) {
        free(item.name);
        err_set(e, ERR_NOMEM, "no memory for a graph");
        return NULL;
    }
    list->items[list->n] = item;
    return &list->items[list->n++];
}

int graph_export_port(struct graph_exports *list, struct span name, const struct graph_end_ref *end,
                      json_t *metadata_take, struct err *e)
{
    struct graph_export *item = export_slot(list, name, e);

    if (!item) {
        json_decref(metadata_take);
        return -1;
    }
    free(item->node);
    free(item->port);
    json_decref(item->metadata);
    item->metadata = metadata_take;
    item->at = end->at;
    item->node = strndup(end->node.at, end->node.len);
    item->port = strndup(end->port.at, end->port.len);
    if (!item->node || !item->port)
        return err_set(e, ERR_NOMEM, "no memory for a graph");
    return 0;
}

const struct graph_node *graph_node(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].name, name) == 0)
            return &g->nodes[i];
    return NULL;
}

static int check_exports(const struct graph *g, const struct graph_exports *list, const char *kind,
                         size_t *ret_at, struct err *e)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct graph_export *item = &list->items[i];

        *ret_at = item->at;
        if (!graph_node(g, item->node))
            return err_set(e, ERR_INPUT, "%s '%s' is a port of '%s', which has no component", kind,
                           item->name, item->node);
    }
    return 0;
}

static int check_end(const struct graph *g, const struct graph_end *end, size_t *ret_at,
                     struct err *e)
{
    *ret_at = end->at;
    if (!graph_node(g, end->node))
        return err_set(e, ERR_INPUT, "process '%s' has no component: write %s(Component) once",
                       end->node, end->node);
    return 0;
}

int graph_check(const struct graph *g, size_t *ret_at, struct err *e)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        *ret_at = g->nodes[i].at;
        if (!g->nodes[i].component)
            return err_set(e, ERR_INPUT, "process '%s' has no component", g->nodes[i].name);
    }
    if (check_exports(g, &g->inports, "inport", ret_at, e) ||
        check_exports(g, &g->outports, "outport", ret_at, e))
        return -1;
    for (size_t i = 0; i < g->n_edges; i++) {
        const struct graph_edge *edge = &g->edges[i];

        if ((!edge->data && check_end(g, &edge->src, ret_at, e)) ||
            check_end(g, &edge->tgt, ret_at, e))
            return -1;
    }
    return 0;
}
