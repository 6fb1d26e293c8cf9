/*
 * graph_edit.c - see the header. The order of what stays is kept, so that a saved graph changes
 * only where it was changed.
 */
#include "network/graph_edit.h"

#include <string.h>

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for a graph");
}

static struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static struct graph_node *find_node(struct graph *g, const char *name, struct err *e)
{
    for (size_t i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].name, name) == 0)
            return &g->nodes[i];
    err_set(e, ERR_INPUT, "node '%.100s' is not in the graph", name);
    return NULL;
}

static bool has_node(struct graph *g, const struct graph_end_ref *end, struct err *e)
{
    return find_node(g, end->node.at, e) != NULL;
}

/* A copy without the members that are null, which ask to remove; NULL stays NULL. */
static int copy_metadata(const json_t *metadata, json_t **ret, struct err *e)
{
    const char *key;
    json_t *value;
    void *next;

    *ret = metadata ? json_deep_copy(metadata) : NULL;
    json_object_foreach_safe(*ret, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(*ret, key);
    }
    return *ret || !metadata ? 0 : no_memory(e);
}

static int merge_metadata(json_t **metadata, const json_t *changes, struct err *e)
{
    const char *key;
    json_t *value, *copy = json_deep_copy(changes);
    int rc = 0;

    if (!*metadata)
        *metadata = json_object();
    json_object_foreach(copy, key, value)
    {
        if (json_is_null(value))
            json_object_del(*metadata, key);
        else
            rc |= json_object_set(*metadata, key, value);
    }
    json_decref(copy);
    return copy && *metadata && !rc ? 0 : no_memory(e);
}

static int replace_text(char **text, const char *with, struct err *e)
{
    char *copy = strdup(with);

    if (!copy)
        return no_memory(e);
    free(*text);
    *text = copy;
    return 0;
}

/* --- nodes ------------------------------------------------------------------------------- */

int graph_edit_add_node(struct graph *g, const char *name, const char *component,
                        const json_t *metadata, struct err *e)
{
    AUTO(text_freep) char *component_copy = NULL;
    struct graph_node *node;
    json_t *copy;

    if (graph_node(g, name))
        return err_set(e, ERR_INPUT, "node '%.100s' is in the graph already", name);
    component_copy = strdup(component);
    if (!component_copy)
        return no_memory(e);
    if (copy_metadata(metadata, &copy, e))
        return -1;
    node = graph_add_node(g, span_of(name), e);
    if (!node) {
        json_decref(copy);
        return -1;
    }
    node->component = component_copy;
    node->metadata = copy;
    component_copy = NULL;
    return 0;
}

static void drop_export(struct graph_exports *list, size_t i)
{
    free(list->items[i].name);
    free(list->items[i].node);
    free(list->items[i].port);
    json_decref(list->items[i].metadata);
    list->n--;
    memmove(&list->items[i], &list->items[i + 1], (list->n - i) * sizeof(*list->items));
}

static void drop_exports_of(struct graph_exports *list, const char *node)
{
    for (size_t i = list->n; i-- > 0;)
        if (strcmp(list->items[i].node, node) == 0)
            drop_export(list, i);
}

int graph_edit_remove_node(struct graph *g, const char *name, struct err *e)
{
    struct graph_node *node = find_node(g, name, e);
    struct graph_node gone;
    size_t at;

    if (!node)
        return -1;
    gone = *node;
    at = (size_t)(node - g->nodes);
    g->n_nodes--;
    memmove(node, node + 1, (g->n_nodes - at) * sizeof(*node));
    drop_exports_of(&g->inports, gone.name);
    drop_exports_of(&g->outports, gone.name);
    free(gone.name);
    free(gone.component);
    json_decref(gone.metadata);
    return 0;
}

static int rename_exports(struct graph_exports *list, const char *from, const char *to,
                          struct err *e)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].node, from) == 0 && replace_text(&list->items[i].node, to, e))
            return -1;
    return 0;
}

static void rename_in_groups(json_t *groups, const char *from, const char *to)
{
    json_t *group, *name;
    size_t i, j;

    json_array_foreach(groups, i, group)
    {
        json_t *nodes = json_object_get(group, "nodes");

        json_array_foreach(nodes, j, name)
        {
            if (json_is_string(name) && strcmp(json_string_value(name), from) == 0)
                json_array_set_new(nodes, j, json_string(to));
        }
    }
}

int graph_edit_rename_node(struct graph *g, const char *from, const char *to, struct err *e)
{
    struct graph_node *node = find_node(g, from, e);

    if (!node)
        return -1;
    if (strcmp(from, to) == 0)
        return 0;
    if (graph_node(g, to))
        return err_set(e, ERR_INPUT, "node '%.100s' is in the graph already", to);
    for (size_t i = 0; i < g->n_edges; i++) {
        struct graph_edge *edge = &g->edges[i];

        if (!edge->data && strcmp(edge->src.node, from) == 0 &&
            replace_text(&edge->src.node, to, e))
            return -1;
        if (strcmp(edge->tgt.node, from) == 0 && replace_text(&edge->tgt.node, to, e))
            return -1;
    }
    if (rename_exports(&g->inports, from, to, e) || rename_exports(&g->outports, from, to, e))
        return -1;
    rename_in_groups(g->groups, from, to);
    return replace_text(&node->name, to, e);
}

int graph_edit_change_node(struct graph *g, const char *name, const json_t *metadata, struct err *e)
{
    struct graph_node *node = find_node(g, name, e);

    return node ? merge_metadata(&node->metadata, metadata, e) : -1;
}

/* --- edges ------------------------------------------------------------------------------- */

struct graph_end_ref graph_end_from_json(const json_t *json)
{
    const json_t *index = json_object_get(json, "index");

    return (struct graph_end_ref){
        .node = span_of(json_string_value(json_object_get(json, "node"))),
        .port = span_of(json_string_value(json_object_get(json, "port"))),
        .index = index ? (long)json_integer_value(index) : GRAPH_NO_INDEX,
    };
}

json_t *graph_end_to_json(const struct graph_end *end)
{
    json_t *json = json_pack("{s:s, s:s}", "node", end->node, "port", end->port);

    if (end->index != GRAPH_NO_INDEX)
        json_object_set_new(json, "index", json_integer(end->index));
    return json;
}

bool graph_end_is(const struct graph_end *end, const struct graph_end_ref *ref)
{
    return end->index == ref->index && strcmp(end->node, ref->node.at) == 0 &&
           strcmp(end->port, ref->port.at) == 0;
}

static struct graph_edge *find_edge(struct graph *g, const struct graph_end_ref *src,
                                    const struct graph_end_ref *tgt)
{
    for (size_t i = 0; i < g->n_edges; i++) {
        struct graph_edge *edge = &g->edges[i];

        if (!edge->data && graph_end_is(&edge->src, src) && graph_end_is(&edge->tgt, tgt))
            return edge;
    }
    return NULL;
}

static int no_edge(const struct graph_end_ref *src, const struct graph_end_ref *tgt, struct err *e)
{
    return err_set(e, ERR_INPUT, "there is no edge from '%.80s' %.40s to '%.80s' %.40s",
                   src->node.at, src->port.at, tgt->node.at, tgt->port.at);
}

int graph_edit_add_edge(struct graph *g, const struct graph_end_ref *src,
                        const struct graph_end_ref *tgt, const json_t *metadata, struct err *e)
{
    struct graph_edge *edge = find_edge(g, src, tgt);
    json_t *copy;

    if (!has_node(g, src, e) || !has_node(g, tgt, e) || copy_metadata(metadata, &copy, e))
        return -1;
    if (!edge)
        return graph_add_edge(g, src, tgt, NULL, copy, e);
    if (copy) {
        json_decref(edge->metadata);
        edge->metadata = copy;
    }
    return 0;
}

int graph_edit_change_edge(struct graph *g, const struct graph_end_ref *src,
                           const struct graph_end_ref *tgt, const json_t *metadata, struct err *e)
{
    struct graph_edge *edge = find_edge(g, src, tgt);

    if (!edge)
        return no_edge(src, tgt, e);
    return metadata ? merge_metadata(&edge->metadata, metadata, e) : 0;
}

void graph_edit_drop_edge(struct graph *g, size_t i)
{
    struct graph_edge gone = g->edges[i];

    g->n_edges--;
    memmove(&g->edges[i], &g->edges[i + 1], (g->n_edges - i) * sizeof(*g->edges));
    free(gone.src.node);
    free(gone.src.port);
    free(gone.tgt.node);
    free(gone.tgt.port);
    json_decref(gone.data);
    json_decref(gone.metadata);
}

int graph_edit_remove_edge(struct graph *g, const struct graph_end_ref *src,
                           const struct graph_end_ref *tgt, struct err *e)
{
    struct graph_edge *edge = find_edge(g, src, tgt);

    if (!edge)
        return no_edge(src, tgt, e);
    graph_edit_drop_edge(g, (size_t)(edge - g->edges));
    return 0;
}

int graph_edit_add_initial(struct graph *g, const json_t *data, const struct graph_end_ref *tgt,
                           const json_t *metadata, struct err *e)
{
    json_t *value, *copy;

    if (!has_node(g, tgt, e) || copy_metadata(metadata, &copy, e))
        return -1;
    value = json_deep_copy(data);
    if (!value) {
        json_decref(copy);
        return no_memory(e);
    }
    return graph_add_edge(g, NULL, tgt, value, copy, e);
}

int graph_edit_remove_initial(struct graph *g, const struct graph_end_ref *tgt, json_t **ret_data,
                              struct err *e)
{
    for (size_t i = 0; i < g->n_edges; i++) {
        if (!g->edges[i].data || !graph_end_is(&g->edges[i].tgt, tgt))
            continue;
        *ret_data = json_incref(g->edges[i].data);
        graph_edit_drop_edge(g, i);
        return 0;
    }
    return err_set(e, ERR_INPUT, "there is no initial packet at '%.80s' %.40s", tgt->node.at,
                   tgt->port.at);
}

/* --- exported ports ---------------------------------------------------------------------- */

static struct graph_export *find_export(struct graph_exports *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

int graph_edit_add_export(struct graph *g, struct graph_exports *list, const char *name,
                          const char *node, const char *port, const json_t *metadata, struct err *e)
{
    struct graph_end_ref end = {span_of(node), span_of(port), GRAPH_NO_INDEX, 0};
    json_t *copy;

    if (!has_node(g, &end, e) || copy_metadata(metadata, &copy, e))
        return -1;
    return graph_export_port(list, span_of(name), &end, copy, e);
}

int graph_edit_remove_export(struct graph_exports *list, const char *name, struct err *e)
{
    struct graph_export *item = find_export(list, name);

    if (!item)
        return err_set(e, ERR_INPUT, "no port is exported as '%.100s'", name);
    drop_export(list, (size_t)(item - list->items));
    return 0;
}

int graph_edit_rename_export(struct graph_exports *list, const char *from, const char *to,
                             struct err *e)
{
    struct graph_export *item = find_export(list, from);

    if (!item)
        return err_set(e, ERR_INPUT, "no port is exported as '%.100s'", from);
    if (strcmp(from, to) != 0 && find_export(list, to))
        return err_set(e, ERR_INPUT, "a port is exported as '%.100s' already", to);
    return replace_text(&item->name, to, e);
}

/* --- groups: a list of {name, nodes[, metadata]} ------------------------------------------- */

static json_t *find_group(const struct graph *g, const char *name, size_t *ret_at)
{
    json_t *group;
    size_t i;

    json_array_foreach(g->groups, i, group)
    {
        const char *text = json_string_value(json_object_get(group, "name"));

        if (text && strcmp(text, name) == 0) {
            *ret_at = i;
            return group;
        }
    }
    return NULL;
}

static int no_group(const char *name, struct err *e)
{
    return err_set(e, ERR_INPUT, "there is no group '%.100s'", name);
}

int graph_edit_add_group(struct graph *g, const char *name, const json_t *nodes,
                         const json_t *metadata, struct err *e)
{
    json_t *group, *copy;
    size_t at;

    if (find_group(g, name, &at))
        return err_set(e, ERR_INPUT, "there is a group '%.100s' already", name);
    if (json_array_size(g->groups) >= GRAPH_MAX_GROUPS)
        return err_set(e, ERR_LIMIT, "more than %d groups", GRAPH_MAX_GROUPS);
    if (copy_metadata(metadata, &copy, e))
        return -1;
    if (!g->groups)
        g->groups = json_array();
    group = json_pack("{s:s, s:o}", "name", name, "nodes", json_deep_copy(nodes));
    if (copy)
        json_object_set_new(group, "metadata", copy);
    return json_array_append_new(g->groups, group) ? no_memory(e) : 0;
}

int graph_edit_remove_group(struct graph *g, const char *name, struct err *e)
{
    size_t at;

    if (!find_group(g, name, &at))
        return no_group(name, e);
    json_array_remove(g->groups, at);
    return 0;
}

int graph_edit_rename_group(struct graph *g, const char *from, const char *to, struct err *e)
{
    size_t at;
    json_t *group = find_group(g, from, &at);

    if (!group)
        return no_group(from, e);
    if (strcmp(from, to) != 0 && find_group(g, to, &at))
        return err_set(e, ERR_INPUT, "there is a group '%.100s' already", to);
    return json_object_set_new(group, "name", json_string(to)) ? no_memory(e) : 0;
}

int graph_edit_change_group(struct graph *g, const char *name, const json_t *metadata,
                            struct err *e)
{
    size_t at;
    json_t *group = find_group(g, name, &at), *own;

    if (!group)
        return no_group(name, e);
    own = json_object_get(group, "metadata");
    if (!json_is_object(own)) {
        own = json_object();
        json_object_set_new(group, "metadata", own);
    }
    return merge_metadata(&own, metadata, e);
}
