/*
 * cmd_run.c - guv without a subcommand: governs, until it is told to stop.
 *
 * SIGTERM and SIGINT end the process where it stands, with status 0, from the signal handler: there
 * is nothing to finish. What the platform was asked for stays, a request is an absolute number, and
 * the lock goes with the connection.
 */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/options.h"
#include "live/governor.h"
#include "tool/commands.h"
#include "tool/config_source.h"
#include "tool/run_check.h"
#include "tool/settings_file.h"

struct run_options {
    const char *file, *config, *policy, *decisions;
    int64_t metrics_port; /* -1: as the environment says */
    bool dry_run, oneshot, single, check;
};

#define AT(member) .offset = offsetof(struct run_options, member)
static const struct option_spec specs[] = {
    CONFIG_SOURCE_OPTIONS(struct run_options, file, config),
    {.name = "dry-run",
     .kind = OPTION_FLAG,
     AT(dry_run),
     .help = "changes nothing, says what it would do; needs no lock"},
    {.name = "oneshot", .kind = OPTION_FLAG, AT(oneshot), .help = "one poll, then the end"},
    {.name = "single",
     .kind = OPTION_FLAG,
     AT(single),
     .help = "no other guv can be there: no lock in DATABASE_URL is taken"},
    {.name = "check",
     .kind = OPTION_FLAG,
     AT(check),
     .help = "says what in the settings would keep it from starting, and connects to nothing"},
    {.name = "policy",
     .kind = OPTION_TEXT,
     .value = "tube|guv",
     AT(policy),
     .help = "how all roles are decided on, whatever the settings say; guv is the original's way"},
    {.name = "decisions",
     .kind = OPTION_TEXT,
     .value = "FILE",
     AT(decisions),
     .help = "a line of JSON for each decision is added to it; - is standard output"},
    {.name = "metrics",
     .kind = OPTION_NUMBER,
     .value = "PORT",
     AT(metrics_port),
     .max = 65535,
     .help = "answers GET /metrics (Prometheus) and GET /status (JSON) on 127.0.0.1; 0 is any free "
             "port (GUV_METRICS)"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

static const char about[] =
    "usage: guv [OPTION]...\n\n"
    "Keeps as many workers of each role as its queue needs to meet its deadline: reads the queues\n"
    "of a RabbitMQ, and scales by Heroku's Platform API, or by `formation` on one machine. Logs "
    "to\n"
    "standard output. Several may run: the one that holds the lock in DATABASE_URL acts. Exit\n"
    "status: 0 stopped, or --oneshot done, or --check found nothing; 1 the settings do not do; 2\n"
    "wrong usage, or --check found something; 3 --oneshot could not read the broker or an app.\n\n";

static int say_usage(const char *why)
{
    fprintf(stderr, "guv: %s; see guv --help\n", why);
    return GUV_USAGE;
}

static int print_help(void)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_text(&text, about);
    options_help(&table, &text);
    fputs(text.failed ? about : text.data, stdout);
    return GUV_DONE;
}

/* ---- signals ---- */

static void stop(int signal_number)
{
    static const char line[] = "level=info event=stopped status=0\n";

    (void)signal_number;
    if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0) {
        /* nobody reads the log any more */
    }
    _exit(0);
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = stop};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* ---- start ---- */

static int set_policy(struct guv_settings *settings, const char *name)
{
    enum policy_kind kind;

    if (policy_kind_find(name, &kind))
        return -1;
    for (size_t i = 0; i < settings->n_roles; i++)
        settings->roles[i].policy = kind;
    return 0;
}

static void say_start(const struct settings_file *f, const struct governor *g,
                      const struct run_options *o)
{
    const char *line = f->settings.warnings.data ? f->settings.warnings.data : "";
    char text[400];

    while (*line) {
        size_t len = strcspn(line, "\n");

        snprintf(text, sizeof(text), "%.*s", (int)len, line);
        log_warn("settings", "message=%s", log_quote(text));
        line += len + (line[len] == '\n');
    }
    for (size_t i = 0; !f->environment.database_url && i < f->settings.n_roles; i++)
        if (f->settings.roles[i].jobs_query || f->settings.roles[i].boots_query)
            log_warn("settings", "role=%s message=%s", log_quote(f->settings.roles[i].name),
                     log_quote("its `jobs` and `boots` are not asked: DATABASE_URL is not set"));
    log_info("started", "version=%s roles=%zu poll_s=%g broker=%s platform=%s lock=%s dry_run=%s",
             PROJECT_VERSION, f->settings.n_roles, f->settings.poll_s,
             log_quote(log_url(f->environment.broker)),
             log_quote(log_url(f->environment.heroku_url)),
             o->single || o->dry_run ? "none" : "postgres", o->dry_run ? "yes" : "no");
    if (governor_metrics_port(g))
        log_info("listening", "port=%u", governor_metrics_port(g));
}

static int run(struct settings_file *f, const struct run_options *o)
{
    struct governor_options options = {.settings = &f->settings,
                                       .environment = &f->environment,
                                       .dry_run = o->dry_run,
                                       .is_single = o->single,
                                       .decisions = o->decisions,
                                       .metrics_port = -1};
    struct governor *g;
    struct err e = ERR_INIT;
    int status;

    if (o->metrics_port >= 0)
        options.metrics_port = (int)o->metrics_port;
    else if (f->environment.metrics_port > 0 && !o->oneshot)
        options.metrics_port = (int)f->environment.metrics_port;
    if (governor_new(&options, &g, &e)) {
        fprintf(stderr, "guv: %s\n", e.text);
        return GUV_REFUSED;
    }
    catch_signals();
    say_start(f, g, o);
    if (!o->oneshot)
        governor_run(g);
    governor_round(g);
    status = governor_has_seen_all(g) ? GUV_DONE : GUV_AWAY;
    governor_free(g);
    return status;
}

/* A file that cannot be read keeps nothing from starting where guv is not used. */
static int check(const struct run_options *o, struct settings_file *f)
{
    bool is_used = run_check_is_used();

    if (settings_file_load(NULL, o->file, o->config, f) != GUV_DONE)
        return is_used ? GUV_USAGE : run_check_unused();
    return is_used || f->settings.apikey ? run_check(f, o->single) : run_check_unused();
}

int guv_run(int argc, char **argv)
{
    AUTO(settings_file_release) struct settings_file f = {.settings = {.n_roles = 0}};
    struct run_options o = {.metrics_port = -1};
    struct option_texts rest = {.n = 0};
    struct err e = ERR_INIT;
    int status;

    /* The names of broker and database are looked up within a poll, for which glibc's own 10 s
     * would be long. */
    setenv("RES_OPTIONS", "timeout:1 attempts:2", 0);
    mallopt(M_ARENA_MAX, 1); /* libcurl looks names up in threads; each would get megabytes */
    log_init("", LOG_INFO);
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
    if (o.check)
        return check(&o, &f);
    status = settings_file_load("guv", o.file, o.config, &f);
    if (status != GUV_DONE)
        return status;
    if (o.policy && set_policy(&f.settings, o.policy))
        return say_usage("--policy: tube or guv");
    return run(&f, &o);
}
