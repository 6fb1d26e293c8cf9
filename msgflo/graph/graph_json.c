/*
 * graph_json.c - see the header. Errors name the member by its path.
 */
#include "graph/graph_json.h"

#include <stdio.h>
#include <string.h>

#define PATH_SIZE 160

/* Where we are in the document, for messages. */
struct path {
    char text[PATH_SIZE];
};

static struct path path_of(const char *list, const char *name, size_t i)
{
    struct path path;

    if (name)
        snprintf(path.text, sizeof(path.text), "%.100s.%.50s", list, name);
    else
        snprintf(path.text, sizeof(path.text), "%.100s[%zu]", list, i);
    return path;
}

/* A text of at least one character and without NUL. */
static int get_text(const json_t *object, const char *key, const struct path *path,
                    struct span *ret, struct err *e)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value))
        return err_set(e, ERR_INPUT, "%s.%s: must be a text", path->text, key);
    *ret = (struct span){json_string_value(value), json_string_length(value)};
    if (ret->len == 0 || strlen(ret->at) != ret->len)
        return err_set(e, ERR_INPUT, "%s.%s: must not be empty or hold a NUL", path->text, key);
    return 0;
}

/* An object's member that must be an object itself, if it is there. New, or NULL. */
static int get_metadata(const json_t *object, const struct path *path, json_t **ret, struct err *e)
{
    const json_t *value = json_object_get(object, "metadata");

    *ret = NULL;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_object(value))
        return err_set(e, ERR_INPUT, "%s.metadata: must be an object", path->text);
    *ret = json_deep_copy(value);
    return *ret ? 0 : err_set(e, ERR_NOMEM, "no memory for a graph");
}

static int get_end(const json_t *object, const struct path *path, struct graph_end_ref *ret,
                   struct err *e)
{
    const json_t *index = json_object_get(object, "index");

    if (!json_is_object(object))
        return err_set(e, ERR_INPUT, "%s: must be an object", path->text);
    *ret = (struct graph_end_ref){.index = GRAPH_NO_INDEX};
    if (get_text(object, "process", path, &ret->node, e) ||
        get_text(object, "port", path, &ret->port, e))
        return -1;
    if (index && !json_is_null(index)) {
        if (!json_is_integer(index) || json_integer_value(index) < 0 ||
            json_integer_value(index) > 999999)
            return err_set(e, ERR_INPUT, "%s.index: must be a whole number", path->text);
        ret->index = (long)json_integer_value(index);
    }
    return 0;
}

static int read_process(struct graph *g, const char *name, const json_t *object, struct err *e)
{
    struct path path = path_of("processes", name, 0);
    struct span component;
    struct graph_node *node;

    if (name[0] == '\0' || !json_is_object(object))
        return err_set(e, ERR_INPUT, "%s: must be an object with a name", path.text);
    if (get_text(object, "component", &path, &component, e))
        return -1;
    node = graph_add_node(g, (struct span){name, strlen(name)}, e);
    if (!node || get_metadata(object, &path, &node->metadata, e))
        return -1;
    node->component = strndup(component.at, component.len);
    return node->component ? 0 : err_set(e, ERR_NOMEM, "no memory for a graph");
}

static int read_connection(struct graph *g, size_t i, const json_t *object, struct err *e)
{
    struct path path = path_of("connections", NULL, i);
    struct path src_path = path_of(path.text, "src", 0), tgt_path = path_of(path.text, "tgt", 0);
    struct graph_end_ref src, tgt;
    json_t *data, *metadata;

    if (!json_is_object(object))
        return err_set(e, ERR_INPUT, "%s: must be an object", path.text);
    data = json_object_get(object, "data");
    if ((!data && get_end(json_object_get(object, "src"), &src_path, &src, e)) ||
        get_end(json_object_get(object, "tgt"), &tgt_path, &tgt, e) ||
        get_metadata(object, &path, &metadata, e))
        return -1;
    return graph_add_edge(g, data ? NULL : &src, &tgt, json_incref(data), metadata, e);
}

static int read_export(struct graph_exports *list, const char *kind, const char *name,
                       const json_t *object, struct err *e)
{
    struct path path = path_of(kind, name, 0);
    struct graph_end_ref end;
    json_t *metadata;

    if (get_end(object, &path, &end, e) || get_metadata(object, &path, &metadata, e))
        return -1;
    return graph_export_port(list, (struct span){name, strlen(name)}, &end, metadata, e);
}

/* The member of that kind, or NULL if it is absent or null. -1 if it is of another kind. */
static int get_member(const json_t *json, const char *key, json_type type, json_t **ret,
                      struct err *e)
{
    *ret = json_object_get(json, key);
    if (json_is_null(*ret))
        *ret = NULL;
    if (*ret && json_typeof(*ret) != type)
        return err_set(e, ERR_INPUT, "%s: must be %s", key,
                       type == JSON_ARRAY ? "a list" : "an object");
    return 0;
}

static int read_graph(struct graph *g, const json_t *json, struct err *e)
{
    json_t *processes, *connections, *inports, *outports, *properties, *groups, *item;
    const char *name;
    size_t i, at;

    if (get_member(json, "processes", JSON_OBJECT, &processes, e) ||
        get_member(json, "connections", JSON_ARRAY, &connections, e) ||
        get_member(json, "inports", JSON_OBJECT, &inports, e) ||
        get_member(json, "outports", JSON_OBJECT, &outports, e) ||
        get_member(json, "properties", JSON_OBJECT, &properties, e) ||
        get_member(json, "groups", JSON_ARRAY, &groups, e))
        return -1;
    if (!processes || !connections)
        return err_set(e, ERR_INPUT, "a graph needs the members processes and connections");
    json_object_foreach(processes, name, item)
    {
        if (read_process(g, name, item, e))
            return -1;
    }
    json_array_foreach(connections, i, item)
    {
        if (read_connection(g, i, item, e))
            return -1;
    }
    json_object_foreach(inports, name, item)
    {
        if (read_export(&g->inports, "inports", name, item, e))
            return -1;
    }
    json_object_foreach(outports, name, item)
    {
        if (read_export(&g->outports, "outports", name, item, e))
            return -1;
    }
    g->properties = properties ? json_deep_copy(properties) : NULL;
    g->groups = groups ? json_deep_copy(groups) : NULL;
    g->case_sensitive = json_is_true(json_object_get(json, "caseSensitive"));
    return graph_check(g, &at, e);
}

int graph_from_json(const json_t *json, struct graph **ret, struct err *e)
{
    struct graph *g;

    if (!json_is_object(json))
        return err_set(e, ERR_INPUT, "a graph must be an object");
    g = graph_new();
    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for a graph");
    if (read_graph(g, json, e)) {
        graph_free(g);
        return -1;
    }
    *ret = g;
    return 0;
}

/* --- out ----------------------------------------------------------------------------------
 * Failures of json_*_new() are told by a NULL in the chain: json_object_set_new() of NULL fails,
 * and so the failed flag below ends up set. */

struct writer {
    bool failed;
};

static void put(struct writer *w, json_t *object, const char *key, json_t *value_take)
{
    w->failed |= json_object_set_new(object, key, value_take) != 0;
}

static void put_copy(struct writer *w, json_t *object, const char *key, json_t *value)
{
    if (value)
        put(w, object, key, json_deep_copy(value));
}

static json_t *end_to_json(struct writer *w, const char *node, const char *port, long index)
{
    json_t *end = json_object();

    put(w, end, "process", json_string(node));
    put(w, end, "port", json_string(port));
    if (index != GRAPH_NO_INDEX)
        put(w, end, "index", json_integer(index));
    return end;
}

static json_t *exports_to_json(struct writer *w, const struct graph_exports *list)
{
    json_t *all = json_object();

    for (size_t i = 0; i < list->n; i++) {
        const struct graph_export *item = &list->items[i];
        json_t *end = end_to_json(w, item->node, item->port, GRAPH_NO_INDEX);

        put_copy(w, end, "metadata", item->metadata);
        put(w, all, item->name, end);
    }
    return all;
}

static json_t *processes_to_json(struct writer *w, const struct graph *g)
{
    json_t *all = json_object();

    for (size_t i = 0; i < g->n_nodes; i++) {
        json_t *node = json_object();

        put(w, node, "component", json_string(g->nodes[i].component));
        put_copy(w, node, "metadata", g->nodes[i].metadata);
        put(w, all, g->nodes[i].name, node);
    }
    return all;
}

static json_t *connections_to_json(struct writer *w, const struct graph *g)
{
    json_t *all = json_array();

    for (size_t i = 0; i < g->n_edges; i++) {
        const struct graph_edge *edge = &g->edges[i];
        json_t *item = json_object();

        if (edge->data)
            put_copy(w, item, "data", edge->data);
        else
            put(w, item, "src", end_to_json(w, edge->src.node, edge->src.port, edge->src.index));
        put(w, item, "tgt", end_to_json(w, edge->tgt.node, edge->tgt.port, edge->tgt.index));
        put_copy(w, item, "metadata", edge->metadata);
        w->failed |= json_array_append_new(all, item) != 0;
    }
    return all;
}

json_t *graph_to_json(const struct graph *g)
{
    struct writer w = {false};
    json_t *json = json_object();

    put(&w, json, "inports", exports_to_json(&w, &g->inports));
    put(&w, json, "outports", exports_to_json(&w, &g->outports));
    put(&w, json, "groups", g->groups ? json_deep_copy(g->groups) : json_array());
    put(&w, json, "processes", processes_to_json(&w, g));
    put(&w, json, "connections", connections_to_json(&w, g));
    put_copy(&w, json, "properties", g->properties);
    put(&w, json, "caseSensitive", json_boolean(g->case_sensitive));
    if (!w.failed)
        return json;
    json_decref(json);
    return NULL;
}

char *graph_value_text(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    json_t *again = text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    bool same = json_equal(again, value);

    json_decref(again);
    if (same)
        return text;
    free(text);
    return json_dumps(value, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
}
