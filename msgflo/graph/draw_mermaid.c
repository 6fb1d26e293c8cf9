/*
 * draw_mermaid.c - a graph as a Mermaid flowchart. Nodes are called n0, n1, ... inside, because
 * Mermaid takes some words ("end") badly as names.
 */
#include <string.h>

#include "graph/bindings.h"
#include "graph/draw.h"

/* Text inside "...": Mermaid's own escapes, by character number. */
static void put_text(struct buf *out, const char *text)
{
    for (; *text; text++)
        if (strchr("\"#<>&`\\", *text) || (unsigned char)*text < 0x20)
            buf_printf(out, "#%d;", *text);
        else
            buf_append(out, text, 1);
}

const char *draw_port_name(const struct graph *g, const char *port, struct buf *capitals)
{
    buf_text(capitals, port);
    for (size_t i = 0; i < capitals->len; i++)
        if (capitals->data[i] >= 'a' && capitals->data[i] <= 'z')
            capitals->data[i] = (char)(capitals->data[i] - 'a' + 'A');
    return g->case_sensitive || capitals->failed ? port : capitals->data;
}

static size_t index_of(const struct graph *g, const char *name)
{
    return (size_t)(graph_node(g, name) - g->nodes);
}

static void put_node(struct buf *out, const struct graph_node *node, size_t i)
{
    bool routing = component_is_routing(node->component);

    buf_printf(out, "    n%zu%s\"", i, routing ? "([" : "[");
    put_text(out, node->name);
    buf_text(out, "<br>");
    put_text(out, node->component);
    buf_text(out, routing ? "\"])\n" : "\"]\n");
}

static void put_edge(const struct graph *g, const struct graph_edge *edge, struct buf *out)
{
    AUTO(buf_release) struct buf from = BUF_INIT;
    AUTO(buf_release) struct buf to = BUF_INIT;

    buf_printf(out, "    n%zu -- \"", index_of(g, edge->src.node));
    put_text(out, draw_port_name(g, edge->src.port, &from));
    buf_text(out, " → ");
    put_text(out, draw_port_name(g, edge->tgt.port, &to));
    buf_printf(out, "\" --> n%zu\n", index_of(g, edge->tgt.node));
}

int draw_mermaid(const struct graph *g, struct buf *out, struct err *e)
{
    if (g->n_nodes > DRAW_MAX_NODES)
        return err_set(e, ERR_LIMIT, "more than %d processes to draw", DRAW_MAX_NODES);
    buf_text(out, "flowchart LR\n");
    for (size_t i = 0; i < g->n_nodes; i++)
        put_node(out, &g->nodes[i], i);
    for (size_t i = 0; i < g->n_edges; i++)
        if (!g->edges[i].data)
            put_edge(g, &g->edges[i], out);
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a picture") : 0;
}
