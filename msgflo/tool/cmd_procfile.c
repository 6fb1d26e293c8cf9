/*
 * cmd_procfile.c - msgflo procfile: the Heroku Procfile of a graph. Its output is, byte for byte,
 * that of npm's msgflo-procfile, but that routing nodes are left out rather than an error, and that
 * a quote in an IIP does not end its argument.
 */
#include <getopt.h>
#include <string.h>

#include "graph/bindings.h"
#include "graph/library.h"
#include "tool/command.h"
#include "tool/files.h"

#define MAX_REPEATS 100 /* of --ignore, and of --include */

struct procfile_options {
    const char *library, *graph;
    const char *ignores[MAX_REPEATS], *includes[MAX_REPEATS];
    size_t n_ignores, n_includes;
};

static const struct option long_options[] = {
    {"library", required_argument, NULL, 'l'},
    {"ignore", required_argument, NULL, 'i'},
    {"include", required_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int parse_options(const struct command *self, int argc, char **argv,
                         struct procfile_options *ret)
{
    int option;

    *ret = (struct procfile_options){.library = "package.json"};
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (ret->n_ignores == MAX_REPEATS || ret->n_includes == MAX_REPEATS)
            return command_usage(self, "too many options");
        switch (option) {
        case 'l':
            ret->library = optarg;
            break;
        case 'i':
            ret->ignores[ret->n_ignores++] = optarg;
            break;
        case 'c':
            ret->includes[ret->n_includes++] = optarg;
            break;
        case 'h':
            return COMMAND_HELP;
        default:
            return command_usage(self, "wrong option");
        }
    }
    ret->graph = command_argument(argc - optind, argv + optind);
    return ret->graph ? EXIT_DONE : command_usage(self, "one graph file is needed");
}

static bool is_ignored(const struct procfile_options *options, const char *role)
{
    for (size_t i = 0; i < options->n_ignores; i++)
        if (strcmp(options->ignores[i], role) == 0)
            return true;
    return false;
}

static int write_roles(const struct procfile_options *options, const struct graph *g,
                       const struct library *lib, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct graph_node *node = &g->nodes[i];

        if (is_ignored(options, node->name) || component_is_routing(node->component))
            continue;
        buf_printf(out, "%s%s: ", out->len ? "\n" : "", node->name);
        if (library_command(lib, g, node, out, e))
            return -1;
    }
    return 0;
}

static int make(const struct command *self, const struct procfile_options *options, struct buf *out,
                struct err *e)
{
    AUTO(graph_freep) struct graph *g = NULL;
    AUTO(library_freep) struct library *lib = NULL;
    json_t *json;
    int rc;

    if (command_read_graph(self, options->graph, &g, e))
        return -1;
    json = file_read_json(options->library, e);
    rc = json ? library_from_json(json, &lib, e) : -1;
    json_decref(json);
    if (rc || write_roles(options, g, lib, out, e))
        return -1;
    buf_text(out, "\n");
    for (size_t i = 0; i < options->n_includes; i++)
        buf_printf(out, "%s%s", i ? "\n" : "", options->includes[i]);
    buf_text(out, "\n"); /* npm's output has this line even if nothing is included */
    return 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct procfile_options options;
    struct err e = ERR_INIT;
    int status = parse_options(self, argc, argv, &options);

    if (status != EXIT_DONE)
        return status;
    if (make(self, &options, &out, &e))
        return command_failed(self, &e);
    return command_print(self, &out);
}

const struct command command_procfile = {
    .name = "procfile",
    .summary = "the Heroku Procfile of a graph",
    .usage =
        "usage: msgflo procfile GRAPH [--library FILE] [--ignore ROLE]... [--include LINE]...\n\n"
        "Prints one line \"role: command\" for each participant of GRAPH (.fbp or .json), in the\n"
        "order of the graph.\n\n"
        "  --library FILE   the component library (package.json)\n"
        "  --ignore ROLE    leaves the role out; may be repeated\n"
        "  --include LINE   adds the line at the end; may be repeated\n",
    .run = run,
};
