/*
 * library.c - see the header.
 */
#include "graph/library.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "graph/graph_json.h"

struct library {
    struct library_component *components;
    size_t n;
    json_t *variables;            /* name to text */
    json_t *handlers;             /* ".ending" to template: texts */
    char *namespace, *repository; /* or NULL */
};

/* What runs a file unless the library says otherwise: npm's, but that YAML files are registered by
 * this same program. */
static const struct {
    const char *ending, *template;
} default_handlers[] = {
    {".yml", "msgflo register --role #ROLE:#FILENAME"},
    {".js", "msgflo-nodejs --name #ROLE #FILENAME"},
    {".coffee", "msgflo-nodejs --name #ROLE #FILENAME"},
    {".py", "msgflo-python #FILENAME #ROLE"},
    {".json", "noflo-runtime-msgflo --name #ROLE --graph #COMPONENT --iips #IIPS"},
    {".fbp", "noflo-runtime-msgflo --name #ROLE --graph #COMPONENT --iips #IIPS"},
};

static const struct {
    const char *ending, *language;
} languages[] = {
    {".py", "python"},     {".coffee", "coffeescript"},
    {".js", "javascript"}, {".cpp", "c++"},
    {".rs", "rust"},       {".yml", "yaml"},
    {".json", "json"},     {".fbp", "fbp"},
};

static void component_release(struct library_component *c)
{
    free(c->name);
    free(c->command);
    free(c->file);
}

void library_free(struct library *lib)
{
    if (!lib)
        return;
    for (size_t i = 0; i < lib->n; i++)
        component_release(&lib->components[i]);
    free(lib->components);
    json_decref(lib->variables);
    json_decref(lib->handlers);
    free(lib->namespace);
    free(lib->repository);
    free(lib);
}

size_t library_count(const struct library *lib)
{
    return lib->n;
}

const struct library_component *library_component(const struct library *lib, size_t i)
{
    return &lib->components[i];
}

const char *library_namespace(const struct library *lib)
{
    return lib->namespace;
}

const char *library_repository(const struct library *lib)
{
    return lib->repository;
}

/* --- templates --------------------------------------------------------------------------- */

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

/* The template with all in it that does not depend on the role: new, or NULL without memory. */
static char *base_command(const struct library *lib, const char *template, const char *component,
                          const char *file)
{
    const char *slash = strchr(component, '/'), *variable;
    char *command = strdup(template);
    json_t *value;

    json_object_foreach(lib->variables, variable, value)
    {
        command = put_in(command, variable, json_string_value(value));
    }
    if (file)
        command = put_in(command, "FILENAME", file);
    command = put_in(command, "COMPONENTNAME", slash && slash[1] ? slash + 1 : component);
    return put_in(command, "COMPONENT", component);
}

/* --- components -------------------------------------------------------------------------- */

static struct library_component *find_exactly(const struct library *lib, const char *name)
{
    for (size_t i = 0; i < lib->n; i++)
        if (strcmp(lib->components[i].name, name) == 0)
            return &lib->components[i];
    return NULL;
}

/* New, or NULL without memory. */
static char *in_namespace(const struct library *lib, const char *name)
{
    AUTO(buf_release) struct buf full = BUF_INIT;

    buf_printf(&full, "%s%s%s", lib->namespace ? lib->namespace : "", lib->namespace ? "/" : "",
               name);
    return buf_detach(&full);
}

const struct library_component *library_find(const struct library *lib, const char *name)
{
    const char *slash = strrchr(name, '/');
    AUTO(text_freep) char *full = in_namespace(lib, name);
    const struct library_component *found = find_exactly(lib, name);

    if (!found && slash)
        found = find_exactly(lib, slash + 1);
    if (!found && full)
        found = find_exactly(lib, full);
    return found;
}

/* The members of *c become the library's, even on failure. */
static int put_component(struct library *lib, struct library_component *c_take, struct err *e)
{
    struct library_component *grown, *old = c_take->name ? find_exactly(lib, c_take->name) : NULL;

    if (!c_take->name || !c_take->command) {
        component_release(c_take);
        return err_set(e, ERR_NOMEM, "no memory for a component library");
    }
    if (old) {
        component_release(old);
        *old = *c_take;
        return 0;
    }
    grown = lib->n < LIBRARY_MAX_COMPONENTS
                ? realloc(lib->components, (lib->n + 1) * sizeof(*grown))
                : NULL;
    if (!grown) {
        component_release(c_take);
        return lib->n < LIBRARY_MAX_COMPONENTS
                   ? err_set(e, ERR_NOMEM, "no memory for a component library")
                   : err_set(e, ERR_LIMIT, "more than %d components", LIBRARY_MAX_COMPONENTS);
    }
    lib->components = grown;
    lib->components[lib->n++] = *c_take;
    return 0;
}

/* ".js" of "a.b.js"; "" if there is none, as of ".js", which is a hidden file. Lent. */
static const char *ending_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && dot != name ? dot : "";
}

/* The path as npm's path.join() would write it, as far as people give one: without "./" at the
 * start and slashes too many at the end. New, or NULL without memory. */
static char *join_path(const char *folder, const char *name)
{
    AUTO(buf_release) struct buf path = BUF_INIT;
    size_t n;

    while (strncmp(folder, "./", 2) == 0)
        folder += 2;
    n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    if (n && strcmp(folder, ".") != 0) {
        buf_append(&path, folder, n);
        buf_text(&path, folder[n - 1] == '/' ? "" : "/");
    }
    buf_text(&path, name);
    return buf_detach(&path);
}

int library_add_file(struct library *lib, const char *folder, const char *name, struct err *e)
{
    const char *ending = ending_of(name);
    const char *template = json_string_value(json_object_get(lib->handlers, ending));
    AUTO(text_freep) char *component = strndup(name, strlen(name) - strlen(ending));
    struct library_component c = {0};

    if (!template)
        return err_set(e, ERR_INPUT, "%s: no handler for files of this ending", name);
    c.file = join_path(folder, name);
    if (component && c.file) {
        c.name = in_namespace(lib, component);
        c.command = base_command(lib, template, component, c.file);
    }
    for (size_t i = 0; i < sizeof(languages) / sizeof(*languages); i++)
        if (strcmp(languages[i].ending, ending) == 0)
            c.language = languages[i].language;
    return put_component(lib, &c, e);
}

static int add_folder(struct library *lib, const struct library_folder *folder, struct err *e)
{
    for (size_t i = 0; i < folder->n; i++)
        if (json_object_get(lib->handlers, ending_of(folder->names[i])) &&
            library_add_file(lib, folder->path, folder->names[i], e))
            return -1;
    return 0;
}

static int add_listed(struct library *lib, json_t *components, struct err *e)
{
    struct library files = *lib; /* what the folder has, which goes before these */
    const char *name;
    json_t *value;

    json_object_foreach(components, name, value)
    {
        struct library_component c = {0};

        files.components = lib->components;
        if (library_find(&files, name))
            continue;
        c.name = strdup(name);
        c.command = base_command(lib, json_string_value(value), name, NULL);
        if (put_component(lib, &c, e))
            return -1;
    }
    return 0;
}

/* --- the document ------------------------------------------------------------------------ */

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

static json_t *copy_handlers(const json_t *config, struct err *e)
{
    json_t *handlers = copy_texts(config, "handlers", e);

    for (size_t i = 0; handlers && i < sizeof(default_handlers) / sizeof(*default_handlers); i++)
        if (!json_object_get(handlers, default_handlers[i].ending))
            json_object_set_new(handlers, default_handlers[i].ending,
                                json_string(default_handlers[i].template));
    return handlers;
}

/* A copy of the first that is a text, or NULL. */
static char *copy_first_text(const json_t *a, const json_t *b)
{
    const char *text = json_string_value(json_is_string(a) ? a : b);

    return text ? strdup(text) : NULL;
}

int library_from_json(const json_t *json, const struct library_folder *folder, struct library **ret,
                      struct err *e)
{
    const json_t *config = json_object_get(json, "msgflo"), *repository;
    struct library *lib;
    json_t *listed;
    int rc = -1;

    if (json && (!json_is_object(json) || (config && !json_is_object(config))))
        return err_set(e, ERR_INPUT, "a component library must be an object");
    if (!config)
        config = json;
    lib = calloc(1, sizeof(*lib));
    if (!lib)
        return err_set(e, ERR_NOMEM, "no memory for a component library");
    repository = json_object_get(json, "repository");
    lib->namespace =
        copy_first_text(json_object_get(config, "namespace"), json_object_get(json, "name"));
    lib->repository = copy_first_text(
        json_object_get(config, "repository"),
        json_is_object(repository) ? json_object_get(repository, "url") : repository);
    lib->variables = copy_texts(config, "variables", e);
    lib->handlers = copy_handlers(config, e);
    listed = copy_texts(config, "components", e);
    if (lib->variables && lib->handlers && listed && (!folder || !add_folder(lib, folder, e)))
        rc = add_listed(lib, listed, e);
    json_decref(listed);
    if (rc)
        library_free(lib);
    else
        *ret = lib;
    return rc;
}

/* --- commands ---------------------------------------------------------------------------- */

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
    const struct library_component *c = library_find(lib, node->component);
    AUTO(text_freep) char *command = NULL;
    AUTO(text_freep) char *iips = NULL;

    if (!c)
        return err_set(e, ERR_INPUT, "No component %s defined for role %s", node->component,
                       node->name);
    iips = iips_argument(g, node->name);
    command = put_in(strdup(c->command), "ROLE", node->name);
    command = put_in(command, "IIPS", iips ? iips : "");
    if (!command || !iips || buf_text(out, command))
        return err_set(e, ERR_NOMEM, "no memory for a command");
    return 0;
}
