/*
 * cmd_graph.c - msgflo graph: checks a graph, converts it, draws it.
 */
#include <getopt.h>
#include <string.h>

#include "graph/bindings.h"
#include "graph/draw.h"
#include "graph/fbp.h"
#include "graph/graph_json.h"
#include "tool/command.h"
#include "tool/files.h"

static int write_json(const struct graph *g, struct buf *out, struct err *e)
{
    json_t *json = graph_to_json(g);
    AUTO(text_freep) char *text = json ? graph_value_text(json, JSON_INDENT(2)) : NULL;

    json_decref(json);
    if (!text)
        return err_set(e, ERR_NOMEM, "no memory for a graph");
    buf_text(out, text);
    return buf_text(out, "\n");
}

static const struct format {
    const char *name;
    int (*write)(const struct graph *g, struct buf *out, struct err *e);
} formats[] = {
    {"json", write_json}, {"fbp", fbp_write}, {"svg", draw_svg}, {"mermaid", draw_mermaid}};

static const struct option long_options[] = {
    {"format", required_argument, NULL, 'f'},
    {"output", required_argument, NULL, 'o'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct graph_options {
    const struct format *format; /* NULL: only check */
    const char *output;          /* NULL: standard output */
    const char *graph;
};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static int parse_options(const struct command *self, int argc, char **argv,
                         struct graph_options *ret)
{
    int option;

    *ret = (struct graph_options){NULL, NULL, NULL};
    while ((option = getopt_long(argc, argv, "o:h", long_options, NULL)) != -1)
        switch (option) {
        case 'f':
            ret->format = find_format(optarg);
            if (!ret->format)
                return command_usage(self, "there is no format '%s'", optarg);
            break;
        case 'o':
            ret->output = optarg;
            break;
        case 'h':
            return COMMAND_HELP;
        default:
            return command_usage(self, "wrong option");
        }
    ret->graph = command_argument(argc - optind, argv + optind);
    return ret->graph ? EXIT_DONE : command_usage(self, "one graph file is needed");
}

/* What the graph holds, in a line; that it can be bound is part of its being right. */
static int check(const struct graph *g, struct buf *out, struct err *e)
{
    struct topology t;

    if (topology_from_graph(g, &t, e))
        return -1;
    buf_printf(out, "%zu roles, %zu inports, %zu outports, %zu bindings\n", t.roles.n, t.inports.n,
               t.outports.n, t.n_bindings);
    topology_release(&t);
    return 0;
}

static int make(const struct command *self, const struct graph_options *options, struct buf *out,
                struct err *e)
{
    AUTO(graph_freep) struct graph *g = NULL;
    struct err cause = ERR_INIT;

    if (command_read_graph(self, options->graph, &g, e))
        return -1;
    if (options->format ? options->format->write(g, out, &cause) : check(g, out, &cause))
        return err_set(e, cause.code, "%s: %s", options->graph, cause.text);
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a graph") : 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct graph_options options;
    struct err e = ERR_INIT;
    int status = parse_options(self, argc, argv, &options);

    if (status != EXIT_DONE)
        return status;
    if (make(self, &options, &out, &e))
        return command_failed(self, &e);
    if (!options.output)
        return command_print(self, &out);
    return file_write(options.output, &out, &e) ? command_failed(self, &e) : EXIT_DONE;
}

const struct command command_graph = {
    .name = "graph",
    .summary = "check a graph, convert it or draw it",
    .usage = "usage: msgflo graph GRAPH [--format json|fbp|svg|mermaid] [-o FILE]\n\n"
             "Without --format, checks GRAPH (.fbp or .json) and says what is in it.\n\n"
             "  --format F           writes the graph as JSON or .fbp, or draws it as SVG or\n"
             "                       Mermaid\n"
             "  -o, --output FILE    writes there, not to standard output\n",
    .run = run,
};
