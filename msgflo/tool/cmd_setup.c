/*
 * cmd_setup.c - msgflo setup: makes the broker look like the graph. First everything is declared
 * and bound; what is there too much is removed after that, so that no message finds a gap.
 */
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "broker/broker.h"
#include "broker/management.h"
#include "graph/bindings.h"
#include "tool/command.h"
#include "tool/settings.h"

#define TIMEOUT_DEFAULT_S 30
#define TIMEOUT_MAX_S 3600

struct setup_options {
    const char *graph, *broker, *management;
    int timeout_s;
    bool prune, json;
};

/* What was done, for the user. */
struct setup_result {
    struct link_list removed;
    bool removed_is_known; /* else those are what could have been there */
    struct buf checked;    /* a line on what --prune looked at; empty without it */
    struct buf warnings;   /* lines */
};

static const struct option long_options[] = {
    {"broker", required_argument, NULL, 'b'},
    {"management", required_argument, NULL, 'm'},
    {"timeout", required_argument, NULL, 't'},
    {"prune", no_argument, NULL, 'p'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int parse_options(const struct command *self, int argc, char **argv,
                         struct setup_options *ret)
{
    int64_t seconds;
    int option;

    *ret = (struct setup_options){.timeout_s = TIMEOUT_DEFAULT_S};
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        switch (option) {
        case 'b':
            ret->broker = optarg;
            break;
        case 'm':
            ret->management = optarg;
            break;
        case 't':
            if (command_number(optarg, 0, TIMEOUT_MAX_S, &seconds))
                return command_usage(self, "--timeout: 0 to %d seconds, not '%s'", TIMEOUT_MAX_S,
                                     optarg);
            ret->timeout_s = (int)seconds;
            break;
        case 'p':
            ret->prune = true;
            break;
        case 'j':
            ret->json = true;
            break;
        case 'h':
            return COMMAND_HELP;
        default:
            return command_usage(self, "wrong option");
        }
    ret->graph = command_argument(argc - optind, argv + optind);
    return ret->graph ? EXIT_DONE : command_usage(self, "one graph file is needed");
}

/* --- declare and bind -------------------------------------------------------------------- */

static int declare_and_bind(struct broker *b, const struct topology *t, struct buf *warnings,
                            struct err *e)
{
    for (size_t i = 0; i < t->inports.n; i++)
        if (broker_declare_inport(b, t->inports.names[i], warnings, e))
            return -1;
    for (size_t i = 0; i < t->outports.n; i++)
        if (broker_declare_outport(b, t->outports.names[i], warnings, e))
            return -1;
    for (size_t i = 0; i < t->n_bindings; i++)
        if (broker_bind(b, &t->bindings[i], warnings, e))
            return -1;
    return 0;
}

/* --- prune ------------------------------------------------------------------------------- */

/* What the management API knows of and the graph does not want. */
static int find_by_management(const struct setup_options *options, const char *ca_file,
                              const struct topology *t, const struct link_list *wanted,
                              struct setup_result *result, struct err *e)
{
    AUTO(link_list_release) struct link_list there = {0};
    AUTO(management_closep) struct management *m = NULL;

    if (management_open(options->broker, options->management, ca_file, &m, e) ||
        management_bindings(m, &there, e))
        return -1;
    for (size_t i = 0; i < there.n; i++) {
        const struct link *link = &there.links[i];

        if (topology_is_unwanted(t, wanted, link) &&
            link_list_add(&result->removed, link->source, link->destination, link->to_exchange, e))
            return -1;
    }
    result->removed_is_known = true;
    buf_printf(
        &result->checked,
        "Checked the %zu plain bindings of virtual host '%s' that the management API at %s lists",
        there.n, management_vhost(m), log_url(management_url(m)));
    return 0;
}

/* Without the API: each binding that could be there between the ports the graph names. */
static int find_by_name(const struct topology *t, const struct err *why,
                        struct setup_result *result, struct err *e)
{
    if (topology_unwanted_candidates(t, &result->removed, e))
        return -1;
    buf_printf(&result->checked,
               "No management API (%s): checked the %zu bindings possible between the ports the "
               "graph names; those of ports it no longer names were not looked for",
               why->text, result->removed.n);
    return 0;
}

static int prune(const struct setup_options *options, struct broker *b, const char *ca_file,
                 const struct topology *t, struct setup_result *result, struct err *e)
{
    AUTO(link_list_release) struct link_list wanted = {0};
    struct err why = ERR_INIT;

    if (topology_links(t, &wanted, e))
        return -1;
    if (find_by_management(options, ca_file, t, &wanted, result, &why)) {
        if (why.code == ERR_NOMEM)
            return err_set(e, ERR_NOMEM, "%s", why.text);
        if (find_by_name(t, &why, result, e))
            return -1;
    }
    for (size_t i = 0; i < result->removed.n; i++)
        if (broker_unbind_link(b, &result->removed.links[i], e))
            return -1;
    return 0;
}

/* --- output ------------------------------------------------------------------------------ */

static const char *const kind_names[] = {
    [BINDING_PUBSUB] = "pubsub",
    [BINDING_ROUNDROBIN] = "roundrobin",
    [BINDING_DEADLETTER] = "deadletter",
};

/* The lines of npm's msgflo-setup, the odd blanks too. */
static void print_lines(const struct topology *t, const struct setup_result *result,
                        struct buf *out)
{
    static const char *const heads[] = {
        [BINDING_PUBSUB] = "PUBSUB: \t",
        [BINDING_ROUNDROBIN] = "ROUNDROBIN:\t",
        [BINDING_DEADLETTER] = "DEADLETTER:\t",
    };

    buf_text(out, "Set up bindings:\n");
    for (size_t i = 0; i < t->n_bindings; i++)
        buf_printf(out, "%s %s -> %s\n", heads[t->bindings[i].kind], t->bindings[i].src,
                   t->bindings[i].tgt);
    if (!result->checked.len)
        return;
    if (result->removed_is_known && result->removed.n)
        buf_text(out, "Removed bindings:\n");
    for (size_t i = 0; result->removed_is_known && i < result->removed.n; i++)
        buf_printf(out, "REMOVED:\t %s -> %s\n", result->removed.links[i].source,
                   result->removed.links[i].destination);
    buf_printf(out, "%s\n", result->checked.data);
}

static json_t *bindings_json(const struct topology *t)
{
    json_t *list = json_array();

    for (size_t i = 0; i < t->n_bindings; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "type", kind_names[t->bindings[i].kind],
                                        "src", t->bindings[i].src, "tgt", t->bindings[i].tgt));
    return list;
}

static json_t *removed_json(const struct setup_result *result)
{
    json_t *list = json_array();

    for (size_t i = 0; result->removed_is_known && i < result->removed.n; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s}", "source", result->removed.links[i].source,
                                        "destination", result->removed.links[i].destination));
    return list;
}

static void print_json(const struct topology *t, const struct setup_result *result, struct buf *out)
{
    json_t *json = json_pack("{s:o}", "bindings", bindings_json(t));
    AUTO(text_freep) char *text = NULL;

    if (result->checked.len) {
        json_object_set_new(json, "removed", removed_json(result));
        json_object_set_new(json, "checked", json_string(result->checked.data));
    }
    text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    out->failed |= !text;
    if (text)
        buf_printf(out, "%s\n", text);
}

/* --- the command ------------------------------------------------------------------------- */

static int set_up(const struct setup_options *options, const struct tool_settings *settings,
                  const struct topology *t, struct setup_result *result, struct err *e)
{
    AUTO(broker_closep) struct broker *b = NULL;
    const struct broker_options to = {.url = options->broker,
                                      .ca_file = settings->ca_file,
                                      .name = "msgflo setup",
                                      .timeout_ms = options->timeout_s * 1000};

    if (broker_open(&to, &b, e) || declare_and_bind(b, t, &result->warnings, e))
        return -1;
    return options->prune ? prune(options, b, settings->ca_file, t, result, e) : 0;
}

static void setup_result_release(struct setup_result *r)
{
    link_list_release(&r->removed);
    buf_release(&r->checked);
    buf_release(&r->warnings);
}

static int load_topology(const struct command *self, const char *path, struct topology *ret,
                         struct err *e)
{
    AUTO(graph_freep) struct graph *g = NULL;
    struct err cause = ERR_INIT;

    if (command_read_graph(self, path, &g, e))
        return -1;
    if (topology_from_graph(g, ret, &cause))
        return err_set(e, cause.code, "%s: %s", path, cause.text);
    return 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(setup_result_release) struct setup_result result = {0};
    AUTO(topology_release) struct topology topology = {0};
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct setup_options options;
    struct tool_settings settings;
    struct err e = ERR_INIT;
    int status = parse_options(self, argc, argv, &options), failed;

    if (status != EXIT_DONE)
        return status;
    if (tool_settings_load(&settings, &e) || load_topology(self, options.graph, &topology, &e))
        return command_failed(self, &e);
    if (!options.broker)
        options.broker = settings.broker;
    if (!options.management)
        options.management = settings.management;
    failed = set_up(&options, &settings, &topology, &result, &e);
    command_warn(self, &result.warnings);
    if (failed)
        return command_failed(self, &e);
    if (options.json)
        print_json(&topology, &result, &out);
    else
        print_lines(&topology, &result, &out);
    return command_print(self, &out);
}

const struct command command_setup = {
    .name = "setup",
    .summary = "make the broker look like a graph",
    .usage =
        "usage: msgflo setup GRAPH [--broker URL] [--prune] [--management URL] [--timeout S]\n"
        "                    [--json]\n\n"
        "Declares the queues and exchanges of GRAPH (.fbp or .json) as its participants do, and\n"
        "binds them. May be run before any of them, and any number of times.\n\n"
        "  --broker URL       amqp:// or amqps:// (MSGFLO_BROKER, CLOUDAMQP_URL,\n"
        "                     amqp://localhost)\n"
        "  --prune            removes the bindings between roles of GRAPH that it no longer has;\n"
        "                     never a queue, and nothing of roles it does not name\n"
        "  --management URL   of RabbitMQ's management API, which --prune asks what there is\n"
        "                     (MSGFLO_MANAGEMENT_URL, else http://HOST:15672 or https://HOST);\n"
        "                     without it, only ports that GRAPH names are looked at\n"
        "  --timeout S        how long to try to connect (30)\n"
        "  --json             prints what was done as JSON\n",
    .run = run,
};
