/*
 * draw_mermaid.c - a graph as a Mermaid flowchart. Nodes are called n0, n1, ... inside, because
 * Mermaid takes some words ("end") badly as names; values v0, ..., exported ports i0, ... and
 * o0, ....
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

/* IN of an edge's end, or the export's name. */
static void put_port(const struct graph *g, const char *port, struct buf *out)
{
    AUTO(buf_release) struct buf capitals = BUF_INIT;

    put_text(out, draw_port_name(g, port, &capitals));
}

static void put_edge(const struct graph *g, const struct graph_edge *edge, struct buf *out)
{
    buf_printf(out, "    n%zu -- \"", index_of(g, edge->src.node));
    put_port(g, edge->src.port, out);
    buf_text(out, " → ");
    put_port(g, edge->tgt.port, out);
    buf_printf(out, "\" --> n%zu\n", index_of(g, edge->tgt.node));
}

static void put_value(const struct graph *g, const struct graph_edge *edge, size_t i,
                      struct buf *out)
{
    AUTO(text_freep) char *text = draw_value_text(edge->data);

    out->failed |= !text;
    buf_printf(out, "    v%zu(\"", i);
    put_text(out, text ? text : "");
    buf_printf(out, "\") -- \"");
    put_port(g, edge->tgt.port, out);
    buf_printf(out, "\" --> n%zu\n", index_of(g, edge->tgt.node));
}

static void put_inport(const struct graph *g, size_t i, struct buf *out)
{
    const struct graph_export *item = &g->inports.items[i];

    buf_printf(out, "    i%zu{{\"", i);
    put_port(g, item->name, out);
    buf_text(out, "\"}} -- \"");
    put_port(g, item->port, out);
    buf_printf(out, "\" --> n%zu\n", index_of(g, item->node));
}

static void put_outport(const struct graph *g, size_t i, struct buf *out)
{
    const struct graph_export *item = &g->outports.items[i];

    buf_printf(out, "    n%zu -- \"", index_of(g, item->node));
    put_port(g, item->port, out);
    buf_printf(out, "\" --> o%zu{{\"", i);
    put_port(g, item->name, out);
    buf_text(out, "\"}}\n");
}

int draw_mermaid(const struct graph *g, struct buf *out, struct err *e)
{
    if (g->n_nodes > DRAW_MAX_NODES)
        return err_set(e, ERR_LIMIT, "more than %d processes to draw", DRAW_MAX_NODES);
    buf_text(out, "flowchart LR\n");
    for (size_t i = 0; i < g->n_nodes; i++)
        put_node(out, &g->nodes[i], i);
    for (size_t i = 0; i < g->n_edges; i++)
        if (g->edges[i].data)
            put_value(g, &g->edges[i], i, out);
        else
            put_edge(g, &g->edges[i], out);
    for (size_t i = 0; i < g->inports.n; i++)
        put_inport(g, i, out);
    for (size_t i = 0; i < g->outports.n; i++)
        put_outport(g, i, out);
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a picture") : 0;
}
