#include "start.h"

#include <stdio.h>
#include <string.h>

#include "db/db.h"
#include "job/output_target.h"
#include "msgflo/msgflo.h"
#include "start/loopback.h"

/* Of two variables for one setting, the one that its value is from; the first if neither is set. */
static const char *name_of(const char *name, const char *fallback)
{
    return !config_env(name) && config_env(fallback) ? fallback : name;
}

static void check_database(enum settings_program program, const struct settings *s,
                           const struct output_target *output, struct buf *problems)
{
    struct err e = ERR_INIT;
    bool needed = program != PROGRAM_RESIZE || output->kind == OUTPUT_POSTGRES;

    if (needed && !config_env("DATABASE_URL"))
        buf_text(problems, "DATABASE_URL: must be set\n");
    else if (s->database_url && db_check_url(s->database_url, &e))
        buf_printf(problems, "DATABASE_URL: %s\n", e.text);
}

/* By a participant that never connects: nobody else can say what it takes. */
static void check_broker(const struct settings *s, struct buf *problems)
{
    static const struct msgflo_definition nobody = {.component = "imageresize/Check"};
    const struct msgflo_options options = {
        .broker = s->broker, .ca_file = s->ca_file, .role = "check"};
    struct msgflo_error e;
    struct msgflo_participant *p;

    /* A dyno has no broker at localhost: the default is for one's own machine. */
    if (config_env("DYNO") && !config_env("MSGFLO_BROKER") && !config_env("CLOUDAMQP_URL")) {
        buf_text(problems, "MSGFLO_BROKER: must be set on a dyno, or CLOUDAMQP_URL, as the add-on "
                           "CloudAMQP does\n");
        return;
    }
    p = s->broker ? msgflo_new(&nobody, &options, &e) : NULL;
    if (s->broker && !p)
        buf_printf(problems, "%s: %s\n", name_of("MSGFLO_BROKER", "CLOUDAMQP_URL"), e.text);
    msgflo_free(p);
}

static void check_bucket(const struct settings *s, struct buf *problems)
{
    if (!s->s3_key)
        buf_text(problems, "IMAGERESIZE_S3_KEY: must be set when outputs go to s3://\n");
    if (!s->s3_secret)
        buf_text(problems, "IMAGERESIZE_S3_SECRET: must be set when outputs go to s3://\n");
}

/* Of IMAGERESIZE_OUTPUT, which the store does not read; it needs nothing more where it is wrong. */
static void check_output(enum settings_program program, const struct settings *s,
                         struct output_target *ret, struct buf *problems)
{
    struct err e = ERR_INIT;

    *ret = (struct output_target){.kind = OUTPUT_FILE};
    if (program == PROGRAM_STORE || (!s->output && config_env("IMAGERESIZE_OUTPUT")))
        return;
    if (output_target_parse(s->output, s->s3_bucketeer_bucket, ret, &e)) {
        buf_printf(problems, "%s\n", e.text); /* which names the setting */
        ret->kind = OUTPUT_FILE;
        return;
    }
    /* Each dyno has a disk of its own, which ends with it: web would never see the outputs. */
    if (ret->kind == OUTPUT_FILE && config_env("DYNO"))
        buf_text(problems,
                 "IMAGERESIZE_OUTPUT: file:// does not work on a dyno, whose disk web does "
                 "not see; use postgres: or s3://\n");
    if (ret->kind == OUTPUT_S3 && program == PROGRAM_RESIZE)
        check_bucket(s, problems);
}

/* Whoever opens the page may then kill processes: of this machine, through formation, and no
 * others. */
static void check_demo(const struct settings *s, struct buf *problems)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

    if (config_env("DYNO"))
        buf_text(problems,
                 "IMAGERESIZE_DEMO: must not be 1 on a dyno: whoever opens the page could "
                 "kill its processes\n");
    if (!s->heroku_url || !loopback_is_http(s->heroku_url))
        buf_text(problems,
                 "GUV_HEROKU_URL: must be http://127.0.0.1:PORT, where `formation` answers, when "
                 "IMAGERESIZE_DEMO is 1\n");
    if (!s->heroku_app || s->heroku_app[strspn(s->heroku_app, plain)])
        buf_text(problems, "GUV_APP: must be the name of formation's app when IMAGERESIZE_DEMO is "
                           "1\n");
}

/* What the table cannot check - what settings mean together, and what a library makes of them - is
 * checked for those that the table takes, so that all is told at once and nothing twice. */
static int read_all(enum settings_program program, start_check_fn *more, struct settings *ret,
                    struct buf *problems)
{
    struct output_target output;

    memset(ret, 0, sizeof *ret);
    if (config_load(settings_table, settings_count, program, ret, problems) && problems->failed)
        return -1;
    check_output(program, ret, &output, problems);
    check_database(program, ret, &output, problems);
    check_broker(ret, problems);
    if (ret->demo)
        check_demo(ret, problems);
    if (more)
        more(ret, problems);
    return problems->len > 0 || problems->failed ? -1 : 0;
}

int start_load(enum settings_program program, start_check_fn *more, struct settings *ret)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    char *line, *rest;

    if (read_all(program, more, ret, &problems) == 0)
        return 0;
    rest = problems.data;
    while (rest && (line = strsep(&rest, "\n")) && *line)
        log_error("bad_setting", "message=%s", log_quote(line));
    return -1;
}

int start_check(enum settings_program program, start_check_fn *more)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct settings settings;

    if (read_all(program, more, &settings, &problems) == 0)
        return 0;
    fputs(problems.data ? problems.data : "no memory to check the settings\n", stderr);
    return START_REFUSED;
}

enum log_level start_log_level(const struct settings *settings)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int level = LOG_DEBUG;

    while (level < LOG_ERROR && strcmp(names[level], settings->log_level) != 0)
        level++;
    return (enum log_level)level;
}
