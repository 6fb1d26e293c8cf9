/*
 * library.c - see the header.
 */
#include "graph/library.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph_json.h"

struct library {
    json_t *components; /* name to template: texts */
    json_t *variables;  /* name to text */
    char *namespace;    /* or NULL */
};

void library_free(struct library *lib)
{
    if (!lib)
        return;
    json_decref(lib->components);
    json_decref(lib->variables);
    free(lib->namespace);
    free(lib);
}

/* A copy of the object of texts under key; an empty one if it is absent. */
static json_t *copy_texts(const json_t *config, const char *key, struct err *e)
{
    json_t *object = json_object_get(config, key);
    const char *name;
    json_t *value, *copy;

    if (object && !json_is_object(object)) {
        err_set(e, ERR_INPUT, "%s: must be an object", key);
        return NULL;
    }
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value)) {
            err_set(e, ERR_INPUT, "%s.%s: must be a text", key, name);
            return NULL;
        }
    }
    copy = object ? json_deep_copy(object) : json_object();
    if (!copy)
        err_set(e, ERR_NOMEM, "no memory for a component library");
    return copy;
}

int library_from_json(const json_t *json, struct library **ret, struct err *e)
{
    const json_t *config = json_object_get(json, "msgflo"), *name;
    struct library *lib;

    if (!json_is_object(json) || (config && !json_is_object(config)))
        return err_set(e, ERR_INPUT, "a component library must be an object");
    if (!config)
        config = json;
    name = json_object_get(config, "namespace");
    if (!json_is_string(name))
        name = json_object_get(json, "name");
    lib = calloc(1, sizeof(*lib));
    if (!lib)
        return err_set(e, ERR_NOMEM, "no memory for a component library");
    lib->components = copy_texts(config, "components", e);
    lib->variables = copy_texts(config, "variables", e);
    lib->namespace = json_is_string(name) ? strdup(json_string_value(name)) : NULL;
    if (!lib->components || !lib->variables) {
        library_free(lib);
        return -1;
    }
    *ret = lib;
    return 0;
}

/* By its name, its name without namespace, or its name with the library's: the first there is. */
static const char *find_template(const struct library *lib, const char *component,
                                 const char **ret_name)
{
    AUTO(buf_release) struct buf full = BUF_INIT;
    const char *slash = strrchr(component, '/');
    const char *names[3] = {component, slash ? slash + 1 : component, NULL};

    if (lib->namespace) {
        buf_printf(&full, "%s/%s", lib->namespace, component);
        names[2] = full.failed ? NULL : full.data;
    }
    for (size_t i = 0; i < 3 && names[i]; i++) {
        const char *key;
        json_t *value;

        json_object_foreach(lib->components, key, value)
        {
            if (strcmp(key, names[i]) == 0) {
                *ret_name = key;
                return json_string_value(value);
            }
        }
    }
    return NULL;
}

/* Every #NAME in text, NAME in upper case, becomes value: new, or NULL without memory. */
static char *put_in(char *text_take, const char *name, const char *value)
{
    AUTO(text_freep) char *text = text_take;
    AUTO(buf_release) struct buf marker = BUF_INIT;
    AUTO(buf_release) struct buf out = BUF_INIT;
    const char *from = text, *hit;

    buf_printf(&marker, "#%s", name);
    if (!text || marker.failed)
        return NULL;
    for (size_t i = 0; i < marker.len; i++)
        marker.data[i] = (char)toupper((unsigned char)marker.data[i]);
    for (; (hit = strstr(from, marker.data)); from = hit + marker.len) {
        buf_append(&out, from, (size_t)(hit - from));
        buf_text(&out, value);
    }
    buf_text(&out, from);
    return buf_detach(&out);
}

/* The node's initial packets as one quoted argument of a shell: new, or NULL without memory. (npm
 * leaves a quote within them as it is, and so ends the argument there.) */
static char *iips_argument(const struct graph *g, const char *role)
{
    json_t *iips = json_object();
    AUTO(text_freep) char *json = NULL;
    AUTO(buf_release) struct buf out = BUF_INIT;

    for (size_t i = 0; i < g->n_edges; i++)
        if (g->edges[i].data && strcmp(g->edges[i].tgt.node, role) == 0)
            json_object_set(iips, g->edges[i].tgt.port, g->edges[i].data);
    json = graph_value_text(iips, JSON_COMPACT);
    json_decref(iips);
    if (!json)
        return NULL;
    buf_text(&out, "'");
    for (const char *c = json; *c; c++)
        if (*c == '\'')
            buf_text(&out, "'\\''");
        else
            buf_append(&out, c, 1);
    buf_text(&out, "'");
    return buf_detach(&out);
}

int library_command(const struct library *lib, const struct graph *g, const struct graph_node *node,
                    struct buf *out, struct err *e)
{
    const char *name, *slash, *variable;
    const char *template = find_template(lib, node->component, &name);
    AUTO(text_freep) char *command = NULL;
    AUTO(text_freep) char *iips = NULL;
    json_t *value;

    if (!template)
        return err_set(e, ERR_INPUT, "No component %s defined for role %s", node->component,
                       node->name);
    command = strdup(template);
    iips = iips_argument(g, node->name);
    json_object_foreach(lib->variables, variable, value)
    {
        command = put_in(command, variable, json_string_value(value));
    }
    slash = strchr(name, '/');
    command = put_in(command, "COMPONENTNAME", slash && slash[1] ? slash + 1 : name);
    command = put_in(command, "COMPONENT", name);
    command = put_in(command, "ROLE", node->name);
    command = put_in(command, "IIPS", iips ? iips : "");
    if (!command || !iips || buf_text(out, command))
        return err_set(e, ERR_NOMEM, "no memory for a command");
    return 0;
}
