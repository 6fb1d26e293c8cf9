/*
 * cmd_register.c - msgflo register: announces participants that cannot do so themselves, such as
 * devices, as npm's msgflo-register and msgflo-register-foreign. It declares nothing.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tool/command.h"
#include "tool/files.h"
#include "tool/foreign.h"
#include "tool/loop.h"

#define CONNECT_S 30
#define ANNOUNCEMENTS_A_PERIOD 2.2 /* npm msgflo src/utils/register-foreign.coffee */

struct register_options {
    const char *broker;
    struct option_texts roles;
    int64_t interval_s;
    bool forever, once, json;
};

#define AT(member) .offset = offsetof(struct register_options, member)
static const struct option_spec options_table[] = {
    COMMAND_BROKER(struct register_options, broker),
    {.name = "role",
     .kind = OPTION_TEXTS,
     .value = "ROLE:FILE",
     AT(roles),
     .help = "announces the definition in FILE under ROLE"},
    {.name = "interval",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(interval_s),
     .value_default = "60",
     .min = 1,
     .max = 3600,
     .unit = "seconds",
     .help = "the discovery period: announces every S / 2.2 seconds"},
    {.name = "forever",
     .kind = OPTION_FLAG,
     AT(forever),
     .help = "runs on with --role ROLE FILE, too"},
    {.name = "once", .kind = OPTION_FLAG, AT(once), .help = "announces once and ends"},
    {.name = "json",
     .kind = OPTION_FLAG,
     AT(json),
     .help = "prints each announcement, one a line, when it is first sent"},
};

struct foreigners {
    struct foreign list[OPTIONS_MAX_REPEATS];
    size_t n;
};

static void foreigners_release(struct foreigners *all)
{
    for (size_t i = 0; i < all->n; i++)
        foreign_release(&all->list[i]);
}

/* role NULL: the definition's own. */
static int add_file(struct foreigners *all, const char *role, const char *path, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct err cause = ERR_INIT;

    if (file_read(path, &text, e))
        return -1;
    if (foreign_parse(text.data, text.len, role, &all->list[all->n], &cause))
        return err_set(e, cause.code, "%s: %s", path, cause.text);
    all->n++;
    return 0;
}

/* "ROLE:FILE", whose file may have a colon itself. */
static int add_pair(struct foreigners *all, const char *pair, struct err *e)
{
    const char *colon = strchr(pair, ':');
    AUTO(text_freep) char *role = colon ? strndup(pair, (size_t)(colon - pair)) : NULL;

    if (!colon || colon == pair || !colon[1])
        return err_set(e, ERR_INPUT, "--role: ROLE:FILE, not '%s'", pair);
    if (!role)
        return err_set(e, ERR_NOMEM, "no memory for a role");
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->list[i].role, role) == 0)
            return err_set(e, ERR_INPUT, "--role: '%s' is given twice", role);
    return add_file(all, role, colon + 1, e);
}

/* --- sending ----------------------------------------------------------------------------- */

static int announce_all(const struct register_options *options, const struct foreigners *all,
                        struct broker *b, struct err *e)
{
    for (size_t i = 0; i < all->n; i++)
        if (broker_announce(b, all->list[i].announcement, (unsigned)options->interval_s * 1000, e))
            return -1;
    return 0;
}

static int tell(const struct command *self, const struct register_options *options,
                const struct foreigners *all)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    for (size_t i = 0; i < all->n; i++)
        if (options->json)
            buf_printf(&out, "%s\n", all->list[i].announcement);
        else
            buf_printf(&out, "Sent discovery message for %s\n", all->list[i].id);
    return command_print(self, &out);
}

/* Until it is time for the next announcement, a signal comes or the broker is lost. */
static int wait_until(struct loop *loop, int64_t mono_ms, struct err *e)
{
    while (!loop->stopped && clock_until_ms(mono_ms) > 0)
        if (loop_step(loop, clock_until_ms(mono_ms), e))
            return -1;
    return 0;
}

/* Returns 0 when a signal has come, or -1 with *e. */
static int keep_announcing(const struct command *self, const struct register_options *options,
                           const struct foreigners *all, struct broker **b, struct loop *loop,
                           struct err *e)
{
    int64_t every_ms = (int64_t)((double)options->interval_s * 1000 / ANNOUNCEMENTS_A_PERIOD);
    int64_t next_mono_ms = clock_mono_ms() + every_ms;

    while (!loop->stopped) {
        struct err cause = ERR_INIT;

        if (wait_until(loop, next_mono_ms, &cause) == 0 && loop->stopped)
            break;
        if (cause.code == ERR_NONE && announce_all(options, all, *b, &cause) == 0) {
            next_mono_ms += every_ms;
            continue;
        }
        if (command_reconnect(self, options->broker, &cause, loop, b, e))
            return -1;
        next_mono_ms = clock_mono_ms(); /* who follows may have lost what it knew */
    }
    return 0;
}

/* --- the command ------------------------------------------------------------------------- */

/* The definitions that are asked for. *ret_is_old: in the form of npm's msgflo-register-foreign. */
static int load(const struct register_options *options, const struct option_texts *rest,
                struct foreigners *all, bool *ret_is_old, struct err *e)
{
    *ret_is_old = rest->n == 1;
    if (*ret_is_old)
        return add_file(all, options->roles.n ? options->roles.items[0] : NULL, rest->items[0], e);
    for (size_t i = 0; i < options->roles.n; i++)
        if (add_pair(all, options->roles.items[i], e))
            return -1;
    return 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(foreigners_release) struct foreigners all = {.n = 0};
    AUTO(loop_release) struct loop loop = {.stop_fd = -1};
    AUTO(broker_closep) struct broker *b = NULL;
    struct register_options options = {0};
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &options, &rest);
    bool is_old;

    if (status != EXIT_DONE)
        return status;
    if (rest.n > 1 || (rest.n ? options.roles.n > 1 : !options.roles.n))
        return command_usage(self, "--role ROLE:FILE is needed, or one FILE");
    if (load(&options, &rest, &all, &is_old, &e) ||
        command_connect(self, options.broker, CONNECT_S, &b, &e) || loop_open(&loop, &e))
        return command_failed(self, &e);
    loop.broker = b;
    if (announce_all(&options, &all, b, &e))
        return command_failed(self, &e);
    status = tell(self, &options, &all);
    if (status == EXIT_DONE && !options.once && (!is_old || options.forever) &&
        keep_announcing(self, &options, &all, &b, &loop, &e))
        return command_failed(self, &e);
    return status;
}

const struct command command_register = {
    .name = "register",
    .summary = "announce participants described in YAML",
    .arguments = "[FILE]",
    .about = "Announces participants that cannot do so themselves, and goes on until it is\n"
             "stopped. FILE has component, and optionally label, icon, id, role, inports and\n"
             "outports: maps of a port's id to its queue, type and description. #ROLE in a\n"
             "queue stands for the role. With FILE as an argument, --role is just its role,\n"
             "and it is announced once.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
