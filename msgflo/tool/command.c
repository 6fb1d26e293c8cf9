#include "tool/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/utf8.h"
#include "graph/fbp.h"
#include "graph/graph_json.h"
#include "tool/files.h"
#include "tool/loop.h"
#include "tool/settings.h"

#define RECONNECT_S 1

int command_usage(const struct command *self, const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "msgflo %s: ", self->name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "; see msgflo %s --help\n", self->name);
    return EXIT_USAGE;
}

int command_options(const struct command *self, int argc, char **argv, void *values,
                    struct option_texts *ret_rest)
{
    struct err e = ERR_INIT;

    switch (options_parse(&self->options, argc, argv, values, ret_rest, &e)) {
    case OPTIONS_OK:
        return EXIT_DONE;
    case OPTIONS_HELP:
        return COMMAND_HELP;
    case OPTIONS_WRONG:
        break;
    }
    return command_usage(self, "%s", e.text);
}

int command_graph_options(const struct command *self, int argc, char **argv, void *values,
                          const char **ret_graph)
{
    struct option_texts rest;
    int status = command_options(self, argc, argv, values, &rest);

    if (status == EXIT_DONE && rest.n != 1)
        return command_usage(self, "one graph file is needed");
    *ret_graph = rest.items[0];
    return status;
}

void command_help(const struct command *self, struct buf *out)
{
    buf_printf(out, "usage: msgflo %s %s%s[OPTION]...\n\n%s\n", self->name, self->arguments,
               *self->arguments ? " " : "", self->about);
    options_help(&self->options, out);
}

int command_failed(const struct command *self, const struct err *e)
{
    fprintf(stderr, "msgflo %s: %s\n", self->name, e->text);
    return e->code == ERR_UNAVAILABLE || e->code == ERR_TIMEOUT ? EXIT_AWAY : EXIT_REFUSED;
}

void command_warn(const struct command *self, const struct buf *lines)
{
    const char *from = lines->data, *end;

    for (; from && (end = strchr(from, '\n')); from = end + 1) {
        AUTO(buf_release) struct buf line = BUF_INIT;

        if (buf_append(&line, from, (size_t)(end - from)) == 0)
            utf8_tame(line.data, line.len);
        fprintf(stderr, "msgflo %s: warning: %s\n", self->name, line.failed ? "?" : line.data);
    }
}

int command_number(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    return config_parse_number(text, ret) || *ret < min || *ret > max ? -1 : 0;
}

const char *command_argument(int argc, char **argv)
{
    return argc == 1 ? argv[0] : NULL;
}

int command_print(const struct command *self, const struct buf *text)
{
    if (text->failed || (text->len && fwrite(text->data, 1, text->len, stdout) != text->len) ||
        fflush(stdout)) {
        fprintf(stderr, "msgflo %s: standard output takes no more\n", self->name);
        return EXIT_REFUSED;
    }
    return EXIT_DONE;
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);

    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

static int read_fbp(const struct command *self, const char *path, struct graph **ret, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err cause = ERR_INIT;

    if (file_read(path, &text, e))
        return -1;
    if (fbp_parse(text.data, text.len, NULL, ret, &warnings, NULL, &cause))
        return err_set(e, cause.code, "%s: %s", path, cause.text);
    command_warn(self, &warnings);
    return 0;
}

static int read_json(const char *path, struct graph **ret, struct err *e)
{
    json_t *json = file_read_json(path, e);
    struct err cause = ERR_INIT;
    int rc;

    if (!json)
        return -1;
    rc = graph_from_json(json, ret, &cause);
    json_decref(json);
    return rc ? err_set(e, cause.code, "%s: %s", path, cause.text) : 0;
}

int command_read_graph(const struct command *self, const char *path, struct graph **ret,
                       struct err *e)
{
    if (ends_in(path, ".fbp"))
        return read_fbp(self, path, ret, e);
    if (ends_in(path, ".json"))
        return read_json(path, ret, e);
    return err_set(e, ERR_INPUT, "%s: a graph's name ends in .fbp or .json", path);
}

int command_connect(const struct command *self, const char *broker, int timeout_s,
                    struct broker **ret, struct err *e)
{
    struct tool_settings settings;
    struct broker_options to = {.timeout_ms = timeout_s * 1000};
    char name[40];

    if (tool_settings_load(&settings, e))
        return -1;
    snprintf(name, sizeof(name), "msgflo %s", self->name);
    to.url = broker ? broker : settings.broker;
    to.ca_file = settings.ca_file;
    to.name = name;
    return broker_open(&to, ret, e);
}

static int pause_s(struct loop *loop, int seconds, struct err *e)
{
    int64_t until_mono_ms = clock_mono_ms() + seconds * 1000;

    while (!loop->stopped && clock_until_ms(until_mono_ms) > 0)
        if (loop_step(loop, clock_until_ms(until_mono_ms), e))
            return -1;
    return 0;
}

int command_reconnect(const struct command *self, const char *broker, const struct err *why,
                      struct loop *loop, struct broker **b, struct err *e)
{
    if (why->code != ERR_UNAVAILABLE && why->code != ERR_TIMEOUT)
        return err_set(e, why->code, "%s", why->text);
    fprintf(stderr, "msgflo %s: warning: %s; connecting again\n", self->name, why->text);
    broker_close(*b);
    loop->broker = *b = NULL;
    while (!loop->stopped) {
        struct err cause = ERR_INIT;

        if (command_connect(self, broker, 0, b, &cause) == 0) {
            fprintf(stderr, "msgflo %s: connected again\n", self->name);
            loop->broker = *b;
            return 0;
        }
        if (cause.code != ERR_UNAVAILABLE)
            return err_set(e, cause.code, "%s", cause.text);
        if (pause_s(loop, RECONNECT_S, e))
            return -1;
    }
    return 0;
}
