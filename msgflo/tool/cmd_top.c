/*
 * cmd_top.c - msgflo top: the roles and their queues, live. Who is there comes from discovery; what
 * the queues hold from RabbitMQ's management API or, where that does not answer, from the broker
 * itself, which tells less.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "tool/command.h"
#include "tool/loop.h"
#include "tool/settings.h"
#include "tool/terminal.h"
#include "tool/top_view.h"

#define CONNECT_S 30
#define API_AGAIN_MS 30000 /* an API that did not answer is asked again after so long */

struct top_options {
    const char *broker, *management;
    int64_t interval_s, wait_s;
    bool once, json;
};

#define AT(member) .offset = offsetof(struct top_options, member)
static const struct option_spec options_table[] = {
    COMMAND_BROKER(struct top_options, broker),
    {.name = "management",
     .kind = OPTION_TEXT,
     .value = "URL",
     AT(management),
     .help = "of RabbitMQ's management API (MSGFLO_MANAGEMENT_URL, else http://HOST:15672 or "
             "https://HOST); without it there are no rates, and only announced queues"},
    {.name = "interval",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(interval_s),
     .value_default = "2",
     .min = 1,
     .max = 3600,
     .unit = "seconds",
     .help = "between two looks"},
    {.name = "once", .kind = OPTION_FLAG, AT(once), .help = "prints one table and ends"},
    {.name = "wait",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(wait_s),
     .value_default = "2",
     .max = 3600,
     .unit = "seconds",
     .help = "with --once, how long to listen for announcements before; participants announce "
             "themselves every 27 s by default"},
    {.name = "json", .kind = OPTION_FLAG, AT(json), .help = "prints a line of JSON for each look"},
};

struct top {
    const struct command *self;
    struct top_options options;
    struct tool_settings settings;
    struct loop loop;
    struct broker *broker;
    struct management *management; /* NULL: the broker has no such thing */
    int64_t api_again_mono_ms;     /* until then it is not asked */
    struct seen *seen;
    struct terminal terminal;
};

static void top_release(struct top *t)
{
    terminal_close(&t->terminal);
    loop_release(&t->loop);
    management_close(t->management);
    broker_close(t->broker);
    seen_free(t->seen);
}

/* Announcements that cannot be read are passed over: there is no place to say so. */
static void take_announcement(void *user, const struct broker_delivery *d)
{
    struct top *t = user;
    struct participant *p;
    enum seen_change change;
    struct err e = ERR_INIT;

    if (participant_parse(d->body, d->size, &p, &e) == 0 &&
        seen_heard(t->seen, p, clock_mono_ms() - d->age_ms, &change, &e))
        err_clear(&e);
}

static void forget_gone(struct top *t)
{
    struct participant *gone;

    while ((gone = seen_take_gone(t->seen, clock_mono_ms())))
        participant_free(gone);
}

/* --- queues ------------------------------------------------------------------------------ */

static int add_stats(struct queue_stats_list *list, const char *name,
                     const struct broker_queue_state *state, struct err *e)
{
    struct queue_stats *grown = reallocarray(list->queues, list->n + 1, sizeof(*grown));

    if (!grown)
        return err_set(e, ERR_NOMEM, "no memory for a table");
    list->queues = grown;
    grown[list->n] = (struct queue_stats){
        .name = strdup(name), .ready = state->messages, .consumers = state->consumers};
    return grown[list->n++].name ? 0 : err_set(e, ERR_NOMEM, "no memory for a table");
}

/* Asks the broker for each queue that will be shown; one that is not there is passed over. */
static int ask_broker(struct top *t, struct queue_stats_list *ret, struct err *e)
{
    AUTO(name_list_release) struct name_list names = {0};

    if (!(broker_abilities(t->broker) & BROKER_BINDS))
        return 0;
    if (top_view_queues(t->seen, clock_mono_ms(), &names, e))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        struct broker_queue_state state;
        struct err cause = ERR_INIT;

        if (broker_queue_state(t->broker, names.names[i], &state, &cause) == 0) {
            if (add_stats(ret, names.names[i], &state, e))
                return -1;
        } else if (cause.code != ERR_INPUT) {
            return err_set(e, cause.code, "%s", cause.text);
        }
    }
    return 0;
}

/* *ret_has_rates: it was the API that answered. */
static int ask_queues(struct top *t, struct queue_stats_list *ret, bool *ret_has_rates,
                      struct err *e)
{
    struct err cause = ERR_INIT;

    *ret_has_rates = false;
    if (t->management && clock_until_ms(t->api_again_mono_ms) == 0) {
        if (management_queues(t->management, ret, &cause) == 0) {
            *ret_has_rates = true;
            return 0;
        }
        t->api_again_mono_ms = clock_mono_ms() + API_AGAIN_MS;
    }
    return ask_broker(t, ret, e);
}

/* --- one look ---------------------------------------------------------------------------- */

static void put_head(const struct top *t, const struct top_view *v, struct buf *out)
{
    char now[TIMESTAMP_SIZE];

    clock_timestamp(clock_wall_ms(), now);
    buf_printf(out, "msgflo top  %.8s UTC  %zu role%s  %llu message%s ready%s%s\n", now + 11,
               v->n_roles, v->n_roles == 1 ? "" : "s", (unsigned long long)v->ready,
               v->ready == 1 ? "" : "s",
               v->rates_are_known ? "" : "  (no management API: no rates)",
               t->terminal.is_open ? "  q quits" : "");
}

static void put_view(const struct top *t, const struct top_view *v, struct buf *out)
{
    size_t columns = 0, lines;

    if (t->terminal.is_open)
        terminal_size(&columns, &lines);
    put_head(t, v, out);
    buf_text(out, t->terminal.is_open ? "\n" : "");
    top_view_print(v, columns, out);
    if (!v->n_roles) /* npm's readers, and those on MQTT, keep nothing for others */
        buf_text(out, "Nobody has announced itself so far; participants do so every 27 s.\n");
    buf_text(out, t->terminal.is_open || t->options.once ? "" : "\n");
}

static void put_json(const struct top_view *v, struct buf *out)
{
    char now[TIMESTAMP_SIZE];
    json_t *json = top_view_json(v);
    AUTO(text_freep) char *text = NULL;

    clock_timestamp(clock_wall_ms(), now);
    json_object_set_new(json, "at", json_string(now));
    text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(6)) : NULL;
    json_decref(json);
    out->failed |= !text;
    if (text)
        buf_printf(out, "%s\n", text);
}

/* Returns an exit status, or -1 with *e. */
static int show(struct top *t, struct err *e)
{
    AUTO(queue_stats_list_release) struct queue_stats_list queues = {0};
    AUTO(top_view_release) struct top_view view = {0};
    AUTO(buf_release) struct buf out = BUF_INIT;
    bool has_rates;

    forget_gone(t);
    if (ask_queues(t, &queues, &has_rates, e) ||
        top_view_make(t->seen, &queues, has_rates, clock_mono_ms(), &view, e))
        return -1;
    if (t->options.json)
        put_json(&view, &out);
    else
        put_view(t, &view, &out);
    if (!t->terminal.is_open || out.failed)
        return command_print(t->self, &out);
    terminal_draw(out.data);
    return EXIT_DONE;
}

/* Also while there is no broker. A terminal that has gone away ends it, too. */
static void take_key(void *user)
{
    struct top *t = user;
    int key = terminal_key();

    if (key == 'q' || key < 0)
        t->loop.stopped = true;
}

/* --- the loop ---------------------------------------------------------------------------- */

/* Until the time, or until somebody wants to see or leave. */
static int wait_until(struct top *t, int64_t mono_ms, struct err *e)
{
    size_t columns, lines, new_columns, new_lines;

    terminal_size(&columns, &lines);
    while (!t->loop.stopped && clock_until_ms(mono_ms) > 0) {
        if (loop_step(&t->loop, clock_until_ms(mono_ms), e))
            return -1;
        if (!t->terminal.is_open)
            continue;
        terminal_size(&new_columns, &new_lines);
        if (new_columns != columns || new_lines != lines)
            break;
    }
    return 0;
}

static int follow(struct top *t, struct err *e)
{
    t->loop.broker = t->broker;
    t->loop.delivered = take_announcement;
    t->loop.user = t;
    return broker_recall_discovery(t->broker, e) || broker_follow_discovery(t->broker, e) ||
                   loop_catch_up(&t->loop, e)
               ? -1
               : 0;
}

/* Looks until it is stopped. Returns an exit status. */
static int look_on(struct top *t)
{
    struct err e = ERR_INIT;
    int64_t next_ms = t->options.once ? t->options.wait_s * 1000 : 0;

    while (!t->loop.stopped) {
        struct err cause = ERR_INIT;
        int status = -1;

        if (wait_until(t, clock_mono_ms() + next_ms, &cause) == 0 &&
            (!t->loop.stopped || t->options.once))
            status = show(t, &cause);
        next_ms = t->options.interval_s * 1000;
        if (cause.code == ERR_NONE && (status > EXIT_DONE || t->options.once))
            return status;
        if (cause.code != ERR_NONE &&
            (command_reconnect(t->self, t->options.broker, &cause, &t->loop, &t->broker, &e) ||
             (t->broker && follow(t, &e) && e.code == ERR_INPUT))) {
            terminal_close(&t->terminal);
            return command_failed(t->self, &e);
        }
        err_clear(&e); /* lost again meanwhile: the next round tells */
    }
    return EXIT_DONE;
}

static int start(struct top *t, struct err *e)
{
    const char *broker;
    struct err ignored = ERR_INIT;

    if (tool_settings_load(&t->settings, e))
        return -1;
    broker = t->options.broker ? t->options.broker : t->settings.broker;
    t->seen = seen_new();
    if (!t->seen)
        return err_set(e, ERR_NOMEM, "no memory for participants");
    if (command_connect(t->self, t->options.broker, CONNECT_S, &t->broker, e) ||
        loop_open(&t->loop, e) || follow(t, e))
        return -1;
    if (management_open(broker,
                        t->options.management ? t->options.management : t->settings.management,
                        t->settings.ca_file, &t->management, &ignored))
        t->management = NULL; /* not AMQP */
    if (t->options.once || t->options.json || !terminal_is_there())
        return 0;
    t->loop.input_fd = 0;
    t->loop.input = take_key;
    return terminal_open(&t->terminal, e);
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(top_release) struct top t = {.self = self, .loop = {.stop_fd = -1}};
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &t.options, &rest);

    if (status != EXIT_DONE)
        return status;
    if (rest.n)
        return command_usage(self, "takes nothing but options");
    return start(&t, &e) ? command_failed(self, &e) : look_on(&t);
}

const struct command command_top = {
    .name = "top",
    .summary = "a live table of roles and queues",
    .arguments = "",
    .about = "Shows each role with its processes and what waits in its queues. Without a\n"
             "terminal, one table is printed for each look. q or Ctrl-C ends it.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
