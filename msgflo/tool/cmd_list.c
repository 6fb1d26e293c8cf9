/*
 * cmd_list.c - msgflo list: who is alive, by the announcements that come while it listens.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "network/seen.h"
#include "tool/command.h"
#include "tool/loop.h"

#define CONNECT_S 30

struct list_options {
    const char *broker;
    struct option_texts roles;
    int64_t wait_s, number;
    bool json;
};

#define AT(member) .offset = offsetof(struct list_options, member)
static const struct option_spec options_table[] = {
    COMMAND_BROKER(struct list_options, broker),
    {.name = "role",
     .kind = OPTION_ITEMS,
     .value = "ROLE,...",
     AT(roles),
     .help = "lists only these, and ends as soon as each was heard"},
    {.name = "number",
     .letter = 'n',
     .kind = OPTION_NUMBER,
     .value = "N",
     AT(number),
     .min = 1,
     .max = SEEN_MAX_PARTICIPANTS,
     .help = "ends as soon as so many were heard"},
    {.name = "wait",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(wait_s),
     .value_default = "30",
     .max = 3600,
     .unit = "seconds",
     .help = "how long to listen; participants announce themselves every 27 s by default"},
    COMMAND_JSON(struct list_options, json),
};

struct listing {
    const struct command *self;
    const struct list_options *options;
    struct seen *seen;
};

static void listing_release(struct listing *l)
{
    seen_free(l->seen);
}

static void take_announcement(void *user, const struct broker_delivery *d)
{
    struct listing *l = user;
    struct participant *p;
    enum seen_change change;
    struct err e = ERR_INIT;

    if (participant_parse(d->body, d->size, &p, &e) ||
        seen_heard(l->seen, p, clock_mono_ms() - d->age_ms, &change, &e))
        fprintf(stderr, "msgflo %s: warning: an announcement: %s\n", l->self->name, e.text);
}

static bool is_asked_for(const struct list_options *options, const char *role)
{
    return !options->roles.n || option_texts_have(&options->roles, role);
}

/* Whether all that was asked for has been heard. */
static bool has_enough(const struct listing *l)
{
    int64_t now_ms = clock_mono_ms(), n = 0;
    bool all = l->options->roles.n > 0;

    for (size_t i = 0; i < l->options->roles.n; i++)
        all &= seen_role(l->seen, l->options->roles.items[i], now_ms) != NULL;
    for (size_t i = 0; i < seen_count(l->seen); i++)
        n += is_asked_for(l->options, seen_at(l->seen, i)->role);
    return all || (l->options->number && n >= l->options->number);
}

static int listen_to(struct listing *l, struct broker *b, struct err *e)
{
    AUTO(loop_release) struct loop loop = {.stop_fd = -1};
    int64_t deadline_mono_ms = clock_mono_ms() + l->options->wait_s * 1000;

    if (loop_open(&loop, e) || broker_recall_discovery(b, e) || broker_follow_discovery(b, e))
        return -1;
    loop.broker = b;
    loop.delivered = take_announcement;
    loop.user = l;
    fprintf(stderr, "msgflo %s: listening for announcements for %lld s; Ctrl-C ends it earlier\n",
            l->self->name, (long long)l->options->wait_s);
    if (loop_catch_up(&loop, e))
        return -1;
    while (!loop.stopped && !has_enough(l) && clock_until_ms(deadline_mono_ms) > 0)
        if (loop_step(&loop, clock_until_ms(deadline_mono_ms), e))
            return -1;
    return 0;
}

/* --- groups ------------------------------------------------------------------------------ */

/* The processes of one role and component. */
struct group {
    const struct participant *latest;
    size_t n;
};

/* That which the i-th participant is the first of; n of 0: it is not the first. */
static struct group group_at(const struct seen *s, size_t i)
{
    const struct participant *first = seen_at(s, i);
    struct group g = {first, 0};

    for (size_t j = 0; j < seen_count(s); j++) {
        const struct participant *p = seen_at(s, j);

        if (strcmp(p->role, first->role) != 0 || strcmp(p->component, first->component) != 0)
            continue;
        if (j < i)
            return (struct group){NULL, 0};
        g.n++;
        if (p->last_seen_ms > g.latest->last_seen_ms)
            g.latest = p;
    }
    return g;
}

/* --- output ------------------------------------------------------------------------------ */

static void put_port(struct table *t, bool *is_first, const char *arrow,
                     const struct seen_port *port)
{
    for (int i = 0; !*is_first && i < 4; i++)
        table_cell(t, "%s", "");
    table_cell(t, "%s %s %s", port->id, arrow, port->queue ? port->queue : "?");
    *is_first = false;
}

static void put_group(struct table *t, const struct group *g)
{
    const struct participant *p = g->latest;
    bool is_first = true;

    table_cell(t, "%s", p->role);
    table_cell(t, "%s", p->component);
    table_cell(t, "%zu", g->n);
    table_cell(t, "%lld s ago", (long long)(clock_mono_ms() - p->last_seen_ms) / 1000);
    for (size_t i = 0; i < p->n_inports; i++)
        put_port(t, &is_first, "<-", &p->inports[i]);
    for (size_t i = 0; i < p->n_outports; i++)
        put_port(t, &is_first, "->", &p->outports[i]);
    if (is_first)
        table_cell(t, "%s", "");
}

static void print_table(const struct listing *l, struct buf *out)
{
    static const struct table_column columns[] = {{"ROLE", false},
                                                  {"COMPONENT", false},
                                                  {"INSTANCES", true},
                                                  {"HEARD", true},
                                                  {"PORTS", false}};
    AUTO(table_release) struct table t = TABLE_INIT(columns);

    for (size_t i = 0; i < seen_count(l->seen); i++) {
        struct group g = group_at(l->seen, i);

        if (g.n && is_asked_for(l->options, g.latest->role))
            put_group(&t, &g);
    }
    if (table_print(&t, 0, out))
        out->failed = true;
}

static json_t *ports_json(const struct seen_port *ports, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s?, s:s?}", "id", ports[i].id, "type",
                                              ports[i].type, "queue", ports[i].queue));
    return list;
}

static json_t *group_json(const struct seen *s, const struct group *g)
{
    const struct participant *p = g->latest;
    json_t *ids = json_array();

    for (size_t i = 0; i < seen_count(s); i++)
        if (strcmp(seen_at(s, i)->role, p->role) == 0 &&
            strcmp(seen_at(s, i)->component, p->component) == 0)
            json_array_append_new(ids, json_string(seen_at(s, i)->id));
    return json_pack("{s:s, s:s, s:s?, s:i, s:f, s:o, s:o, s:o}", "role", p->role, "component",
                     p->component, "label", p->label, "instances", (int)g->n, "heard_s_ago",
                     (double)(clock_mono_ms() - p->last_seen_ms) / 1000, "ids", ids, "inports",
                     ports_json(p->inports, p->n_inports), "outports",
                     ports_json(p->outports, p->n_outports));
}

static void print_json(const struct listing *l, struct buf *out)
{
    json_t *list = json_array();
    AUTO(text_freep) char *text = NULL;

    for (size_t i = 0; i < seen_count(l->seen); i++) {
        struct group g = group_at(l->seen, i);

        if (g.n && is_asked_for(l->options, g.latest->role))
            json_array_append_new(list, group_json(l->seen, &g));
    }
    text = json_dumps(list, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    json_decref(list);
    out->failed |= !text;
    if (text)
        buf_printf(out, "%s\n", text);
}

/* --- the command ------------------------------------------------------------------------- */

static int run(const struct command *self, int argc, char **argv)
{
    struct list_options options = {0};
    AUTO(listing_release) struct listing l = {self, &options, NULL};
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &options, &rest);

    if (status != EXIT_DONE)
        return status;
    if (rest.n)
        return command_usage(self, "takes nothing but options");
    l.seen = seen_new();
    if (!l.seen)
        err_set(&e, ERR_NOMEM, "no memory for participants");
    if (!l.seen || command_connect(self, options.broker, CONNECT_S, &b, &e) || listen_to(&l, b, &e))
        return command_failed(self, &e);
    if (options.json)
        print_json(&l, &out);
    else
        print_table(&l, &out);
    status = command_print(self, &out);
    return status == EXIT_DONE && options.roles.n && !has_enough(&l) ? EXIT_REFUSED : status;
}

const struct command command_list = {
    .name = "list",
    .summary = "who is alive",
    .arguments = "",
    .about = "Listens for the announcements of participants and prints who was heard, by\n"
             "role; at once those whom another msgflo has heard in the last minute. With\n"
             "--role, exit status 1 says that one of them was not.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
