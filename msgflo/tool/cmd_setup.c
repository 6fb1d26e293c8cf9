/*
 * cmd_setup.c - msgflo setup: makes the broker look like the graph, as npm's msgflo-setup, and
 * starts its participants if asked to. First everything is declared and bound; what is there too
 * much is removed after that, so that no message finds a gap.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "graph/bindings.h"
#include "tool/setup.h"

#define STOP_MS 25000 /* that participants have to finish */

#define AT(member) .offset = offsetof(struct setup_options, member)
static const struct option_spec options_table[] = {
    COMMAND_BROKER(struct setup_options, broker),
    {.name = "discover",
     .kind = OPTION_FLAG,
     AT(discover),
     .help = "waits until every participant of GRAPH has announced itself, and binds the queues "
             "they have; else ROLE.PORT"},
    {.name = "participants",
     .kind = OPTION_FLAG,
     AT(participants),
     .help = "also starts the participants; they end with this command"},
    {.name = "only",
     .kind = OPTION_ITEMS,
     .value = "ROLE,...",
     AT(only),
     .help = "starts only these"},
    {.name = "ignore",
     .kind = OPTION_ITEMS,
     .value = "ROLE,...",
     AT(ignore),
     .help = "does not start these"},
    {.name = "library",
     .kind = OPTION_TEXT,
     .value = "FILE",
     AT(library),
     .help = "the component library, with their commands (package.json, if it is there)"},
    {.name = "componentdir",
     .alias = "components",
     .kind = OPTION_TEXT,
     .value = "DIR",
     AT(components),
     .value_default = "participants",
     .help = "each of its files that the library has a handler for is a component"},
    {.name = "shell",
     .kind = OPTION_TEXT,
     .value = "SHELL",
     AT(shell),
     .help = "runs their commands in a shell, such as /bin/sh"},
    {.name = "forward",
     .kind = OPTION_ITEMS,
     .value = "STREAM,...",
     AT(forward),
     .help = "passes on what they print: stdout, stderr or both"},
    {.name = "forever",
     .kind = OPTION_FLAG,
     AT(forever),
     .help = "runs until it is stopped: on MQTT the bindings live as long, and participants are "
             "started again when they end"},
    {.name = "timeout",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(timeout_s),
     .value_default = "30",
     .max = 3600,
     .unit = "seconds",
     .help = "how long to try to connect, to wait for starts, and for announcements"},
    {.name = "prune",
     .kind = OPTION_FLAG,
     AT(prune),
     .help = "removes the bindings between roles of GRAPH that it no longer has; never a queue, "
             "and nothing of roles it does not name"},
    {.name = "management",
     .kind = OPTION_TEXT,
     .value = "URL",
     AT(management),
     .help = "of RabbitMQ's management API, which --prune asks what there is "
             "(MSGFLO_MANAGEMENT_URL, else http://HOST:15672 or https://HOST); without it, only "
             "ports that GRAPH names are looked at"},
    COMMAND_JSON(struct setup_options, json),
};

/* --- steps ------------------------------------------------------------------------------- */

int setup_wait(struct setup *s, int64_t deadline_mono_ms, struct err *e)
{
    if (clock_until_ms(deadline_mono_ms) == 0)
        return err_set(e, ERR_TIMEOUT, "not done in time");
    if (loop_step(&s->loop, clock_until_ms(deadline_mono_ms), e))
        return -1;
    if (s->failure.code != ERR_NONE)
        return err_set(e, s->failure.code, "%s", s->failure.text);
    return s->loop.stopped ? err_set(e, ERR_INPUT, "stopped by a signal") : 0;
}

static int declare_and_bind(struct setup *s, struct err *e)
{
    const struct topology *t = &s->topology;

    for (size_t i = 0; i < t->inports.n; i++)
        if (broker_declare_inport(s->broker, t->inports.names[i], &s->warnings, e))
            return -1;
    for (size_t i = 0; i < t->outports.n; i++)
        if (broker_declare_outport(s->broker, t->outports.names[i], &s->warnings, e))
            return -1;
    for (size_t i = 0; i < t->n_bindings; i++)
        if (broker_bind(s->broker, &t->bindings[i], &s->warnings, e))
            return -1;
    return 0;
}

static int set_up(struct setup *s, struct err *e)
{
    if (command_connect(s->self, s->options.broker, (int)s->options.timeout_s, &s->broker, e) ||
        loop_open(&s->loop, e))
        return -1;
    s->loop.broker = s->broker;
    if ((s->options.discover && setup_follow_discovery(s, e)) ||
        (s->options.participants && setup_participants(s, e)) ||
        (s->options.discover && setup_discover(s, e)) || declare_and_bind(s, e))
        return -1;
    return s->options.prune ? setup_prune(s, e) : 0;
}

/* With --forever. A lost broker gets its bindings again: those of MQTT went with the connection. */
static int stay(struct setup *s, struct err *e)
{
    s->keeps_running = true;
    while (!s->loop.stopped) {
        struct err cause = ERR_INIT;

        if (loop_step(&s->loop, -1, &cause) == 0)
            continue;
        if (command_reconnect(s->self, s->options.broker, &cause, &s->loop, &s->broker, e))
            return -1;
        if (s->broker && declare_and_bind(s, &cause) && cause.code == ERR_INPUT)
            return err_set(e, cause.code, "%s", cause.text);
    }
    return 0;
}

/* --- output ------------------------------------------------------------------------------ */

static const char *const kind_names[] = {
    [BINDING_PUBSUB] = "pubsub",
    [BINDING_ROUNDROBIN] = "roundrobin",
    [BINDING_DEADLETTER] = "deadletter",
};

/* Whoever may announce himself has chosen it. */
static void put_name(struct buf *out, const char *name)
{
    size_t from = out->len;

    if (buf_text(out, name) == 0)
        utf8_tame(out->data + from, out->len - from);
}

static void print_link(const char *head, const char *source, const char *target, struct buf *out)
{
    buf_printf(out, "%s ", head);
    put_name(out, source);
    buf_text(out, " -> ");
    put_name(out, target);
}

static void print_participants(const struct name_list *names, struct buf *out)
{
    buf_text(out, "Set up participants [");
    for (size_t i = 0; i < names->n; i++) {
        buf_text(out, i ? ", '" : " '");
        put_name(out, names->names[i]);
        buf_text(out, "'");
    }
    buf_text(out, names->n ? " ]\n" : "]\n");
}

static void print_pruned(const struct pruned *p, struct buf *out)
{
    if (p->removed_is_known && p->removed.n)
        buf_text(out, "Removed bindings:\n");
    for (size_t i = 0; p->removed_is_known && i < p->removed.n; i++) {
        print_link("REMOVED:\t", p->removed.links[i].source, p->removed.links[i].destination, out);
        buf_text(out, "\n");
    }
    buf_printf(out, "%s\n", p->checked.data);
}

/* The lines of npm's msgflo-setup, the odd blanks too: also of participants if none was asked for,
 * and one blank before the first binding. */
static void print_lines(const struct setup *s, struct buf *out)
{
    static const char *const heads[] = {
        [BINDING_PUBSUB] = "PUBSUB: \t",
        [BINDING_ROUNDROBIN] = "ROUNDROBIN:\t",
        [BINDING_DEADLETTER] = "DEADLETTER:\t",
    };
    const struct topology *t = &s->topology;

    print_participants(&s->participants, out);
    buf_text(out, "Set up bindings:\n ");
    for (size_t i = 0; i < t->n_bindings; i++) {
        buf_text(out, i ? "\n" : "");
        print_link(heads[t->bindings[i].kind], t->bindings[i].src, t->bindings[i].tgt, out);
    }
    buf_text(out, "\n");
    if (s->pruned.checked.len)
        print_pruned(&s->pruned, out);
    if (s->options.forever)
        buf_text(out, "--forever enabled, keeping alive\n");
}

static json_t *names_json(const struct name_list *names)
{
    json_t *list = json_array();

    for (size_t i = 0; i < names->n; i++)
        json_array_append_new(list, json_string(names->names[i]));
    return list;
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

static json_t *removed_json(const struct pruned *p)
{
    json_t *list = json_array();

    for (size_t i = 0; p->removed_is_known && i < p->removed.n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "source", p->removed.links[i].source,
                                              "destination", p->removed.links[i].destination));
    return list;
}

static void print_json(const struct setup *s, struct buf *out)
{
    json_t *json = json_object();
    AUTO(text_freep) char *text = NULL;

    if (s->options.participants)
        json_object_set_new(json, "participants", names_json(&s->participants));
    json_object_set_new(json, "bindings", bindings_json(&s->topology));
    if (s->pruned.checked.len) {
        json_object_set_new(json, "removed", removed_json(&s->pruned));
        json_object_set_new(json, "checked", json_string(s->pruned.checked.data));
    }
    text = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    out->failed |= !text;
    if (text)
        buf_printf(out, "%s\n", text);
}

/* --- the command ------------------------------------------------------------------------- */

static void setup_release(struct setup *s)
{
    if (s->children)
        children_stop_all(s->children, STOP_MS);
    children_free(s->children);
    loop_release(&s->loop);
    broker_close(s->broker);
    seen_free(s->seen);
    graph_free(s->graph);
    topology_release(&s->topology);
    name_list_release(&s->participants);
    link_list_release(&s->pruned.removed);
    buf_release(&s->pruned.checked);
    buf_release(&s->warnings);
}

/* What can be wrong without a broker. */
static int load(struct setup *s, struct err *e)
{
    struct err cause = ERR_INIT;

    if (tool_settings_load(&s->settings, e) ||
        command_read_graph(s->self, s->options.graph, &s->graph, e))
        return -1;
    if (topology_from_graph(s->graph, &s->topology, &cause))
        return err_set(e, cause.code, "%s: %s", s->options.graph, cause.text);
    if (!s->options.broker)
        s->options.broker = s->settings.broker;
    if (!s->options.management)
        s->options.management = s->settings.management;
    return 0;
}

static int tell(const struct setup *s)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    if (!s->options.forever && !(broker_abilities(s->broker) & BROKER_BINDS))
        fprintf(stderr,
                "msgflo %s: this broker keeps no bindings: they end with this command, unless it "
                "is run with --forever\n",
                s->self->name);
    if (s->options.json)
        print_json(s, &out);
    else
        print_lines(s, &out);
    return command_print(s->self, &out);
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(setup_release) struct setup s = {.self = self, .loop = {.stop_fd = -1}};
    struct err e = ERR_INIT;
    int status = command_graph_options(self, argc, argv, &s.options, &s.options.graph);
    int failed;

    if (status != EXIT_DONE)
        return status;
    for (size_t i = 0; i < s.options.forward.n; i++)
        if (strcmp(s.options.forward.items[i], "stdout") != 0 &&
            strcmp(s.options.forward.items[i], "stderr") != 0)
            return command_usage(self, "--forward: stdout and stderr, not '%s'",
                                 s.options.forward.items[i]);
    if (load(&s, &e))
        return command_failed(self, &e);
    failed = set_up(&s, &e);
    command_warn(self, &s.warnings);
    if (failed)
        return command_failed(self, &e);
    status = tell(&s);
    if (status == EXIT_DONE && s.options.forever && stay(&s, &e))
        return command_failed(self, &e);
    return status;
}

const struct command command_setup = {
    .name = "setup",
    .summary = "make the broker look like a graph",
    .arguments = "GRAPH",
    .about = "Declares the queues and exchanges of GRAPH (.fbp or .json) as its participants\n"
             "do, and binds them. May be run before any of them, and any number of times.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
