/*
 * cmd_graph.c - msgflo graph: checks a graph, converts it, draws it.
 */
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

struct graph_options {
    const char *format; /* NULL: only check */
    const char *output; /* NULL: standard output */
    const char *graph;
    bool json;
};

#define AT(member) .offset = offsetof(struct graph_options, member)
static const struct option_spec options_table[] = {
    {"format", NULL, 'f', OPTION_TEXT, "F", AT(format),
     .help = "writes the graph as json or fbp, or draws it as svg or mermaid"},
    {"output", NULL, 'o', OPTION_TEXT, "FILE", AT(output),
     .help = "writes there, not to standard output"},
    COMMAND_JSON(struct graph_options, json),
};

static const struct format *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* What the graph holds, in a line; that it can be bound is part of its being right. */
static int check(const struct graph *g, bool json, struct buf *out, struct err *e)
{
    struct topology t;

    if (topology_from_graph(g, &t, e))
        return -1;
    buf_printf(out,
               json ? "{\"roles\": %zu, \"inports\": %zu, \"outports\": %zu, \"bindings\": %zu}\n"
                    : "%zu roles, %zu inports, %zu outports, %zu bindings\n",
               t.roles.n, t.inports.n, t.outports.n, t.n_bindings);
    topology_release(&t);
    return 0;
}

static int make(const struct command *self, const struct graph_options *options, struct buf *out,
                struct err *e)
{
    const struct format *format = options->format ? find_format(options->format) : NULL;
    AUTO(graph_freep) struct graph *g = NULL;
    struct err cause = ERR_INIT;

    if (command_read_graph(self, options->graph, &g, e))
        return -1;
    if (format ? format->write(g, out, &cause) : check(g, options->json, out, &cause))
        return err_set(e, cause.code, "%s: %s", options->graph, cause.text);
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a graph") : 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct graph_options options = {0};
    struct err e = ERR_INIT;
    int status = command_graph_options(self, argc, argv, &options, &options.graph);

    if (status != EXIT_DONE)
        return status;
    if (options.format && !find_format(options.format))
        return command_usage(self, "--format: json, fbp, svg or mermaid, not '%s'", options.format);
    if (make(self, &options, &out, &e))
        return command_failed(self, &e);
    if (!options.output)
        return command_print(self, &out);
    return file_write(options.output, &out, &e) ? command_failed(self, &e) : EXIT_DONE;
}

const struct command command_graph = {
    .name = "graph",
    .summary = "check a graph, convert it or draw it",
    .arguments = "GRAPH",
    .about = "Without --format, checks GRAPH (.fbp or .json) and says what is in it.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
