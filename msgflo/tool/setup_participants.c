/*
 * setup_participants.c - starts the participants of a graph: --participants of msgflo setup.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tool/library_files.h"
#include "tool/setup.h"

static void on_started(void *user, const char *name)
{
    (void)name;
    ((struct setup *)user)->n_started++;
}

static void on_output(void *user, const char *name, enum child_stream stream, const char *line)
{
    const struct setup *s = user;

    (void)name;
    if (stream == CHILD_STDOUT && option_texts_have(&s->options.forward, "stdout"))
        puts(line);
    if (stream == CHILD_STDERR && option_texts_have(&s->options.forward, "stderr"))
        fprintf(stderr, "%s\n", line);
    fflush(stdout);
}

/* The last line of several, without its end. */
static void put_last_line(struct buf *out, const char *lines)
{
    size_t len = strlen(lines), from;

    while (len && lines[len - 1] == '\n')
        len--;
    for (from = len; from && lines[from - 1] != '\n'; from--)
        ;
    buf_append(out, lines + from, len - from);
}

static void on_ended(void *user, const char *name, const char *text, const char *last_stderr,
                     int restart_ms)
{
    struct setup *s = user;
    AUTO(buf_release) struct buf why = BUF_INIT;

    buf_printf(&why, "participant '%s' ended: %s", name, text);
    if (*last_stderr) {
        buf_text(&why, ": ");
        put_last_line(&why, last_stderr);
    }
    if (!s->keeps_running)
        err_set(&s->failure, ERR_INPUT, "%s", why.failed ? name : why.data);
    else
        fprintf(stderr, "msgflo %s: %s; started again in %d s\n", s->self->name,
                why.failed ? name : why.data, restart_ms / 1000);
}

/* Whether --only and --ignore leave the node. */
static bool is_wanted(const struct setup *s, const struct graph_node *node)
{
    return !component_is_routing(node->component) &&
           (!s->options.only.n || option_texts_have(&s->options.only, node->name)) &&
           !option_texts_have(&s->options.ignore, node->name);
}

static int check_only(const struct setup *s, struct err *e)
{
    for (size_t i = 0; i < s->options.only.n; i++)
        if (!graph_node(s->graph, s->options.only.items[i]))
            return err_set(e, ERR_INPUT, "--only: the graph has no role '%s'",
                           s->options.only.items[i]);
    return 0;
}

static int start(struct setup *s, const struct library *library, const struct graph_node *node,
                 struct err *e)
{
    AUTO(buf_release) struct buf command = BUF_INIT;
    struct err cause = ERR_INIT;

    if (library_command(library, s->graph, node, &command, e))
        return -1;
    if (children_start(s->children, node->name, command.data, &cause))
        return err_set(e, cause.code, "participant '%s': %s", node->name, cause.text);
    return name_list_add(&s->participants, node->name, e);
}

static int start_all(struct setup *s, struct err *e)
{
    AUTO(library_freep) struct library *library = NULL;

    if (check_only(s, e) || library_load(s->options.library, s->options.components, &library, e))
        return -1;
    for (size_t i = 0; i < s->graph->n_nodes; i++)
        if (is_wanted(s, &s->graph->nodes[i]) && start(s, library, &s->graph->nodes[i], e))
            return -1;
    return 0;
}

int setup_participants(struct setup *s, struct err *e)
{
    static const struct children_events events = {on_started, on_output, on_ended};
    const struct children_options options = {s->options.shell, s->options.broker,
                                             s->options.forever};
    int64_t deadline_mono_ms = clock_mono_ms() + s->options.timeout_s * 1000;

    if (children_new(&options, &events, s, &s->children, e))
        return -1;
    s->loop.children = s->children;
    if (start_all(s, e))
        return -1;
    while (s->n_started < s->participants.n) {
        struct err cause = ERR_INIT;

        if (setup_wait(s, deadline_mono_ms, &cause))
            return cause.code == ERR_TIMEOUT
                       ? err_set(e, ERR_TIMEOUT, "%zu of %zu participants started in %lld s",
                                 s->n_started, s->participants.n, (long long)s->options.timeout_s)
                       : err_set(e, cause.code, "%s", cause.text);
    }
    return 0;
}
