/*
 * cmd_status.c - guv status: how the roles stand. Asks the guv that runs here, by its metrics'
 * port; where none answers, takes a look of its own at broker and platform, which tells no
 * estimates.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/options.h"
#include "live/governor.h"
#include "live/report.h"
#include "tool/commands.h"
#include "tool/config_source.h"
#include "tool/settings_file.h"

#define ASK_MS 3000
#define ANSWER_MAX_BYTES ((size_t)4 * 1024 * 1024)

struct status_options {
    const char *file, *config;
    int64_t metrics_port;
    bool json;
};

#define AT(member) .offset = offsetof(struct status_options, member)
static const struct option_spec specs[] = {
    CONFIG_SOURCE_OPTIONS(struct status_options, file, config),
    {.name = "metrics",
     .kind = OPTION_NUMBER,
     .value = "PORT",
     AT(metrics_port),
     .max = 65535,
     .help = "port of the guv that runs here (GUV_METRICS); 0: asks none"},
    {.name = "json", .kind = OPTION_FLAG, AT(json), .help = "prints the result as JSON"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

static const char about[] =
    "usage: guv status [OPTION]...\n\n"
    "Shows how each role stands: by the guv that runs here if it has metrics, else by a look at\n"
    "broker and platform. Exit status: 0 shown; 1 the settings do not do; 2 wrong usage; 3 broker\n"
    "or platform could not be read.\n\n";

static int say_usage(const char *why)
{
    fprintf(stderr, "guv status: %s; see guv status --help\n", why);
    return GUV_USAGE;
}

static int print(const struct buf *text)
{
    if (text->failed || (text->len && fwrite(text->data, 1, text->len, stdout) != text->len) ||
        fflush(stdout)) {
        fputs("guv status: standard output takes no more\n", stderr);
        return GUV_REFUSED;
    }
    return GUV_DONE;
}

static int print_help(void)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_text(&text, about);
    options_help(&table, &text);
    return print(&text);
}

/* Columns of the terminal; 0: it is none. */
static size_t terminal_width(void)
{
    struct winsize size;

    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static int show(const json_t *status, bool as_json)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(text_freep) char *json = as_json ? json_dumps(status, JSON_INDENT(2)) : NULL;

    if (!as_json)
        report_table(status, terminal_width(), &text);
    else if (json)
        buf_printf(&text, "%s\n", json);
    else
        text.failed = true;
    return print(&text);
}

/* ---- the guv that runs ---- */

/* What it tells, new; NULL: none answers there. */
static json_t *ask(int port)
{
    static const struct http_client_options none = {.meanwhile_fd = -1};
    struct http_call call = {.method = "GET", .max_bytes = ANSWER_MAX_BYTES}, *calls = &call;
    struct http_client *http;
    struct err e = ERR_INIT;
    json_t *status = NULL;
    char url[60];

    if (http_client_new(&none, &http, &e))
        return NULL;
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/status", port);
    call.url = url;
    http_client_run(http, &calls, 1, clock_mono_ms() + ASK_MS);
    if (call.status == 200 && call.answer.data)
        status = json_loadb(call.answer.data, call.answer.len, 0, NULL);
    if (!json_is_array(json_object_get(status, "roles"))) { /* somebody else's port */
        json_decref(status);
        status = NULL;
    }
    http_call_release(&call);
    http_client_free(http);
    return status;
}

/* ---- a look of our own ---- */

static int look(const struct settings_file *f, bool as_json)
{
    struct governor_options options = {.settings = &f->settings,
                                       .environment = &f->environment,
                                       .dry_run = true,
                                       .metrics_port = -1};
    struct governor *g;
    struct err e = ERR_INIT;
    json_auto_t *status = NULL;
    bool has_all;
    int rc;

    if (governor_new(&options, &g, &e)) {
        fprintf(stderr, "guv status: %s\n", e.text);
        return GUV_REFUSED;
    }
    governor_look(g);
    status = report_status(governor_view(g));
    has_all = governor_has_seen_all(g);
    governor_free(g);
    rc = show(status, as_json);
    return rc == GUV_DONE && !has_all ? GUV_AWAY : rc;
}

int guv_status(int argc, char **argv)
{
    AUTO(settings_file_release) struct settings_file f = {.settings = {.n_roles = 0}};
    struct status_options o = {.metrics_port = -1};
    struct option_texts rest = {.n = 0};
    struct err e = ERR_INIT;
    const char *port = config_env("GUV_METRICS");
    json_auto_t *status = NULL;
    int rc;

    switch (options_parse(&table, argc, argv, &o, &rest, &e)) {
    case OPTIONS_HELP:
        return print_help();
    case OPTIONS_WRONG:
        return say_usage(e.text);
    case OPTIONS_OK:
        break;
    }
    if (rest.n > 0)
        return say_usage("it takes no arguments");
    if (o.metrics_port < 0 && (!port || config_parse_number(port, &o.metrics_port)))
        o.metrics_port = 0;
    if (o.metrics_port > 0 && o.metrics_port <= 65535 && (status = ask((int)o.metrics_port)))
        return show(status, o.json);
    rc = settings_file_load("guv status", o.file, o.config, &f);
    return rc == GUV_DONE ? look(&f, o.json) : rc;
}
