/*
 * fbp_write.c - a graph as .fbp text. Each process is given its component where it is first
 * named, and processes are first named in the order the graph has them, so that reading the text
 * again gives the same order.
 *
 * A process that was anonymous can have a name with a '/' in it, such as _a_b/c_1. That is written
 * as it was: (a/b/c), which names it again if its turn is the same. So it can be mentioned once
 * only: between two arrows, or in one exported port.
 */
#include "graph/fbp.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "graph/fbp_scan.h"
#include "graph/graph_json.h"

struct fbp_writer {
    const struct graph *graph;
    struct buf *out;
    size_t declared; /* nodes that have been given their component: the first so many */
    size_t exported; /* ports that have been written */
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
    char digits[DBL_MAX_10_EXP + 3]; /* the language has neither signs nor points for a number */
    bool is_place = strcmp(key, "x") == 0 || strcmp(key, "y") == 0;

    if (!all_are(key, scan_is_meta_char) || strpbrk(key, ",="))
        return false;
    if (is_place && json_is_null(value)) { /* how the parser reads a place that is no number */
        buf_printf(w->out, "%s%s=", lead, key);
        return true;
    }
    if (is_place && json_is_number(value)) {
        snprintf(digits, sizeof(digits), "%.0f", json_number_value(value));
        if (digits[0] == '-' || strtod(digits, NULL) != json_number_value(value))
            return false;
        buf_printf(w->out, "%s%s=%s", lead, key, digits);
        return true;
    }
    if (is_place || !json_is_string(value) ||
        !all_are(json_string_value(value), scan_is_meta_char) ||
        strpbrk(json_string_value(value), ",="))
        return false;
    buf_printf(w->out, "%s%s=%s", lead, key, json_string_value(value));
    return true;
}

static bool is_named(const struct graph_node *node)
{
    return is_spelled(node->name, scan_is_node_char);
}

/* Whether the name is the stem and a number. */
static bool is_numbered(const char *name, const struct buf *stem)
{
    return strncmp(name, stem->data, stem->len) == 0 && all_are(name + stem->len, scan_is_digit);
}

/* Whether a reader will call the node as it is called, when it finds "(component)" for it. */
static bool is_anonymous(const struct graph *g, size_t i)
{
    AUTO(buf_release) struct buf stem = BUF_INIT;
    const struct graph_node *node = &g->nodes[i];
    unsigned long number = 1;

    scan_anonymous_stem((struct span){node->component, strlen(node->component)}, &stem);
    for (size_t k = 0; !stem.failed && k < i; k++)
        number += is_numbered(g->nodes[k].name, &stem);
    buf_printf(&stem, "%lu", number);
    return !stem.failed && strcmp(stem.data, node->name) == 0;
}

static int write_node(struct fbp_writer *w, size_t i, bool declare)
{
    const struct graph_node *node = &w->graph->nodes[i];
    const char *key, *lead = ":";
    json_t *value;

    if ((!is_named(node) && !(declare && is_anonymous(w->graph, i))) ||
        !all_are(node->component, scan_is_component_char))
        return err_set(w->e, ERR_INPUT, "process '%s' (%s) cannot be spelled in .fbp", node->name,
                       node->component);
    if (is_named(node))
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

static int write_port_of_node(struct fbp_writer *w, const struct graph_export *item)
{
    buf_text(w->out, ".");
    if (write_port(w, item->port))
        return -1;
    buf_text(w->out, ":");
    return write_port(w, item->name);
}

/* The port of the list that belongs to the node, or NULL. */
static const struct graph_export *export_of(const struct graph_exports *list, const char *node)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].node, node) == 0)
            return &list->items[i];
    return NULL;
}

/* A line that gives the process its component; its exported port, if it cannot be named later. */
static int write_declaration(struct fbp_writer *w, size_t i)
{
    const struct graph *g = w->graph;
    const struct graph_export *in = NULL, *out = NULL;

    if (!is_named(&g->nodes[i])) {
        in = export_of(&g->inports, g->nodes[i].name);
        out = in ? NULL : export_of(&g->outports, g->nodes[i].name);
    }
    w->exported += in || out;
    buf_text(w->out, in ? "INPORT=" : out ? "OUTPORT=" : "");
    if (write_node(w, i, true) || (in && write_port_of_node(w, in)) ||
        (out && write_port_of_node(w, out)))
        return -1;
    buf_text(w->out, "\n");
    return 0;
}

/* Declares each process before the one given that has not been named yet. */
static int declare_until(struct fbp_writer *w, size_t node)
{
    for (; w->declared < node; w->declared++)
        if (write_declaration(w, w->declared))
            return -1;
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

/* Whether the edge goes on from where the one before it ends, at a process named only once. */
static bool is_chained(const struct graph *g, size_t i)
{
    const struct graph_edge *edge = &g->edges[i];

    return i > 0 && !edge->data && strcmp(edge->src.node, g->edges[i - 1].tgt.node) == 0 &&
           !is_named(graph_node(g, edge->src.node));
}

/* Declares up to the process or, if that comes first, one that must be declared by its own edge. */
static int declare_named_until(struct fbp_writer *w, size_t node)
{
    for (size_t i = w->declared; i < node; i++)
        if (!is_named(&w->graph->nodes[i]))
            node = i;
    return declare_until(w, node);
}

/* What can be declared in the line of this edge is left to it, all before that is declared. */
static int declare_for_edge(struct fbp_writer *w, size_t src, size_t tgt)
{
    const struct graph_node *nodes = w->graph->nodes;

    if (!is_named(&nodes[src]))
        return declare_until(w, src);
    if (!is_named(&nodes[tgt]))
        return declare_until(w, tgt);
    if (declare_named_until(w, src))
        return -1;
    return src == w->declared && tgt == src + 1 ? 0 : declare_named_until(w, tgt);
}

static int write_edge(struct fbp_writer *w, size_t i)
{
    const struct graph_edge *edge = &w->graph->edges[i];
    size_t tgt = node_index(w->graph, edge->tgt.node);
    size_t src = edge->data ? tgt : node_index(w->graph, edge->src.node);

    if (!is_chained(w->graph, i)) {
        buf_text(w->out, i > 0 ? "\n" : "");
        if (declare_for_edge(w, src, tgt) ||
            (edge->data ? write_value(w, edge->data) : write_mention(w, src)))
            return -1;
    }
    if (!edge->data) {
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
    return write_mention(w, tgt);
}

static int write_edges(struct fbp_writer *w)
{
    for (size_t i = 0; i < w->graph->n_edges; i++)
        if (write_edge(w, i))
            return -1;
    return buf_text(w->out, w->graph->n_edges ? "\n" : "");
}

static int write_exports(struct fbp_writer *w, const char *keyword,
                         const struct graph_exports *list)
{
    for (size_t i = 0; i < list->n; i++) {
        if (!is_named(graph_node(w->graph, list->items[i].node)))
            continue; /* written where the process is declared */
        w->exported++;
        buf_printf(w->out, "%s=%s", keyword, list->items[i].node);
        if (write_port_of_node(w, &list->items[i]))
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
    if (write_exports(&w, "INPORT", &g->inports) || write_exports(&w, "OUTPORT", &g->outports) ||
        write_edges(&w) || declare_until(&w, g->n_nodes))
        return -1;
    if (w.exported != g->inports.n + g->outports.n)
        return err_set(e, ERR_INPUT,
                       "an exported port of a process whose name has a '/' cannot be "
                       "spelled in .fbp");
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a graph") : 0;
}
