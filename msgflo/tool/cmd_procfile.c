/*
 * cmd_procfile.c - msgflo procfile: the Heroku Procfile of a graph. Its output is, byte for byte,
 * that of npm's msgflo-procfile, but that routing nodes are left out rather than an error, and that
 * a quote in an IIP does not end its argument.
 */
#include "graph/bindings.h"
#include "graph/library.h"
#include "tool/command.h"
#include "tool/library_files.h"

struct procfile_options {
    const char *library, *components, *graph;
    struct option_texts ignore, include;
    bool json;
};

#define AT(member) .offset = offsetof(struct procfile_options, member)
static const struct option_spec options_table[] = {
    {"library", NULL, 0, OPTION_TEXT, "FILE", AT(library),
     .help = "the component library (package.json, if it is there)"},
    {"components", "componentdir", 0, OPTION_TEXT, "DIR", AT(components),
     .value_default = "participants",
     .help = "each of its files that the library has a handler for is a component"},
    {"ignore", NULL, 0, OPTION_TEXTS, "ROLE", AT(ignore), .help = "leaves the role out"},
    {"include", NULL, 0, OPTION_TEXTS, "LINE", AT(include), .help = "adds the line at the end"},
    COMMAND_JSON(struct procfile_options, json),
};

static bool has_line(const struct procfile_options *options, const struct graph_node *node)
{
    return !option_texts_have(&options->ignore, node->name) &&
           !component_is_routing(node->component);
}

static int write_roles(const struct procfile_options *options, const struct graph *g,
                       const struct library *lib, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct graph_node *node = &g->nodes[i];

        if (!has_line(options, node))
            continue;
        buf_printf(out, "%s%s: ", out->len ? "\n" : "", node->name);
        if (library_command(lib, g, node, out, e))
            return -1;
    }
    buf_text(out, "\n");
    for (size_t i = 0; i < options->include.n; i++)
        buf_printf(out, "%s%s", i ? "\n" : "", options->include.items[i]);
    buf_text(out, "\n"); /* npm's output has this line even if nothing is included */
    return 0;
}

/* {"roles": {role: command}, "include": [line]} */
static int write_json(const struct procfile_options *options, const struct graph *g,
                      const struct library *lib, struct buf *out, struct err *e)
{
    json_t *roles = json_object(), *include = json_array();
    json_t *json = json_pack("{s:o, s:o}", "roles", roles, "include", include);
    AUTO(text_freep) char *text = NULL;
    int rc = json ? 0 : err_set(e, ERR_NOMEM, "no memory for a Procfile");

    for (size_t i = 0; rc == 0 && i < g->n_nodes; i++) {
        AUTO(buf_release) struct buf command = BUF_INIT;

        if (!has_line(options, &g->nodes[i]))
            continue;
        rc = library_command(lib, g, &g->nodes[i], &command, e);
        if (rc == 0)
            json_object_set_new(roles, g->nodes[i].name, json_string(command.data));
    }
    for (size_t i = 0; rc == 0 && i < options->include.n; i++)
        json_array_append_new(include, json_string(options->include.items[i]));
    text = rc ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    if (text)
        buf_printf(out, "%s\n", text);
    return rc || text ? rc : err_set(e, ERR_NOMEM, "no memory for a Procfile");
}

static int make(const struct command *self, const struct procfile_options *options, struct buf *out,
                struct err *e)
{
    AUTO(graph_freep) struct graph *g = NULL;
    AUTO(library_freep) struct library *lib = NULL;

    if (command_read_graph(self, options->graph, &g, e) ||
        library_load(options->library, options->components, &lib, e) ||
        (options->json ? write_json : write_roles)(options, g, lib, out, e))
        return -1;
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a Procfile") : 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct procfile_options options = {0};
    struct err e = ERR_INIT;
    int status = command_graph_options(self, argc, argv, &options, &options.graph);

    if (status != EXIT_DONE)
        return status;
    if (make(self, &options, &out, &e))
        return command_failed(self, &e);
    return command_print(self, &out);
}

const struct command command_procfile = {
    .name = "procfile",
    .summary = "the Heroku Procfile of a graph",
    .arguments = "GRAPH",
    .about = "Prints one line \"role: command\" for each participant of GRAPH (.fbp or .json),\n"
             "in the order of the graph.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
