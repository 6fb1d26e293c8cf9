/*
 * fbp_write.c - a graph as .fbp text. Each process is given its component where it is first
 * named, and processes are first named in the order the graph has them, so that reading the text
 * again gives the same order.
 */
#include "graph/fbp.h"

#include <string.h>

#include "graph/fbp_scan.h"
#include "graph/graph_json.h"

struct fbp_writer {
    const struct graph *graph;
    struct buf *out;
    size_t declared; /* nodes that have been given their component: the first so many */
    struct err *e;
};

static bool all_are(const char *text, bool (*is)(char))
{
    for (; *text; text++)
        if (!is(*text))
            return false;
    return true;
}

static bool is_spelled(const char *name, bool (*is)(char))
{
    return (scan_is_letter(name[0]) || name[0] == '_') && all_are(name, is);
}

static int write_port(struct fbp_writer *w, const char *port)
{
    if (!is_spelled(port, scan_is_port_char))
        return err_set(w->e, ERR_INPUT, "port '%s' cannot be spelled in .fbp", port);
    for (; *port; port++) {
        char c = *port;

        if (!w->graph->case_sensitive && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        buf_append(w->out, &c, 1);
    }
    return 0;
}

/* "x=1" or "key=word", as far as the language has characters for it. Returns whether it wrote. */
static bool write_meta_item(struct fbp_writer *w, const char *lead, const char *key,
                            const json_t *value)
{
    bool is_place = strcmp(key, "x") == 0 || strcmp(key, "y") == 0;

    if (!all_are(key, scan_is_meta_char) || strpbrk(key, ",="))
        return false;
    if (is_place && json_is_null(value)) { /* how the parser reads a place that is no number */
        buf_printf(w->out, "%s%s=", lead, key);
        return true;
    }
    if (is_place && json_is_integer(value) && json_integer_value(value) >= 0) {
        buf_printf(w->out, "%s%s=%" JSON_INTEGER_FORMAT, lead, key, json_integer_value(value));
        return true;
    }
    if (is_place || !json_is_string(value) ||
        !all_are(json_string_value(value), scan_is_meta_char) ||
        strpbrk(json_string_value(value), ",="))
        return false;
    buf_printf(w->out, "%s%s=%s", lead, key, json_string_value(value));
    return true;
}

static int write_node(struct fbp_writer *w, size_t i, bool declare)
{
    const struct graph_node *node = &w->graph->nodes[i];
    const char *key, *lead = ":";
    json_t *value;

    if (!is_spelled(node->name, scan_is_node_char) ||
        !all_are(node->component, scan_is_component_char))
        return err_set(w->e, ERR_INPUT, "process '%s' (%s) cannot be spelled in .fbp", node->name,
                       node->component);
    buf_text(w->out, node->name);
    if (!declare)
        return 0;
    buf_printf(w->out, "(%s", node->component);
    json_object_foreach(node->metadata, key, value)
    {
        if (write_meta_item(w, lead, key, value))
            lead = ",";
    }
    buf_text(w->out, ")");
    return 0;
}

/* A line for each process before the one given that has not been named yet. */
static int declare_until(struct fbp_writer *w, size_t node)
{
    for (; w->declared < node; w->declared++) {
        if (write_node(w, w->declared, true))
            return -1;
        buf_text(w->out, "\n");
    }
    return 0;
}

static size_t node_index(const struct graph *g, const char *name)
{
    return (size_t)(graph_node(g, name) - g->nodes);
}

static int write_mention(struct fbp_writer *w, size_t node)
{
    bool declare = node == w->declared;

    w->declared += declare;
    return write_node(w, node, declare);
}

static void write_index(struct fbp_writer *w, long index)
{
    if (index != GRAPH_NO_INDEX)
        buf_printf(w->out, "[%ld]", index);
}

/* A text in quotes where they can hold it, else JSON. */
static int write_value(struct fbp_writer *w, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    AUTO(text_freep) char *json = NULL;

    if (json_is_boolean(value) || json_is_null(value))
        return err_set(w->e, ERR_INPUT,
                       "an IIP that is true, false or null cannot be spelled in "
                       ".fbp, which would read the name of a process");
    if (text && strlen(text) == len && (len == 0 || text[len - 1] != '\\') &&
        !strpbrk(text, "\r\n\t")) {
        buf_text(w->out, "'");
        for (; *text; text++)
            buf_printf(w->out, *text == '\'' ? "\\%c" : "%c", *text);
        buf_text(w->out, "'");
        return 0;
    }
    json = graph_value_text(value, JSON_COMPACT);
    return json ? buf_text(w->out, json) : err_set(w->e, ERR_NOMEM, "no memory for a graph");
}

static int write_edge(struct fbp_writer *w, const struct graph_edge *edge)
{
    size_t tgt = node_index(w->graph, edge->tgt.node);
    size_t src = edge->data ? tgt : node_index(w->graph, edge->src.node);

    /* Both may be declared in this line if nothing is due before or between them. */
    if (src >= w->declared && declare_until(w, src))
        return -1;
    if (tgt > w->declared && !(src == w->declared && tgt == src + 1) && declare_until(w, tgt))
        return -1;
    if (edge->data) {
        if (write_value(w, edge->data))
            return -1;
    } else {
        if (write_mention(w, src))
            return -1;
        buf_text(w->out, " ");
        if (write_port(w, edge->src.port))
            return -1;
        write_index(w, edge->src.index);
    }
    buf_text(w->out, " -> ");
    if (write_port(w, edge->tgt.port))
        return -1;
    write_index(w, edge->tgt.index);
    buf_text(w->out, " ");
    if (write_mention(w, tgt))
        return -1;
    buf_text(w->out, "\n");
    return 0;
}

static int write_exports(struct fbp_writer *w, const char *keyword,
                         const struct graph_exports *list)
{
    for (size_t i = 0; i < list->n; i++) {
        buf_printf(w->out, "%s=%s.", keyword, list->items[i].node);
        if (write_port(w, list->items[i].port))
            return -1;
        buf_text(w->out, ":");
        if (write_port(w, list->items[i].name))
            return -1;
        buf_text(w->out, "\n");
    }
    return 0;
}

static void write_properties(struct fbp_writer *w)
{
    const json_t *type =
        json_object_get(json_object_get(w->graph->properties, "environment"), "type");
    const char *key;
    json_t *value;

    if (json_is_string(type) && json_string_length(type) &&
        all_are(json_string_value(type), scan_is_annotation_char))
        buf_printf(w->out, "# @runtime %s\n", json_string_value(type));
    json_object_foreach(w->graph->properties, key, value)
    {
        const char *text = json_string_value(value);

        if (text && *text && *text != ' ' && all_are(text, scan_is_annotation_char) && *key &&
            all_are(key, scan_is_node_char) && strcmp(key, "runtime") != 0)
            buf_printf(w->out, "# @%s %s\n", key, text);
    }
}

int fbp_write(const struct graph *g, struct buf *out, struct err *e)
{
    struct fbp_writer w = {.graph = g, .out = out, .e = e};

    write_properties(&w);
    if (write_exports(&w, "INPORT", &g->inports) || write_exports(&w, "OUTPORT", &g->outports))
        return -1;
    for (size_t i = 0; i < g->n_edges; i++)
        if (write_edge(&w, &g->edges[i]))
            return -1;
    if (declare_until(&w, g->n_nodes))
        return -1;
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a graph") : 0;
}
