/*
 * cmd_simulate.c - guv simulate: replays arrivals against settings, with the code that decides in
 * production, beside other policies.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/options.h"
#include "base/utf8.h"
#include "config/normal.h"
#include "simulate/csv.h"
#include "simulate/history.h"
#include "simulate/trace_csv.h"
#include "tool/commands.h"
#include "tool/config_source.h"
#include "tool/file.h"
#include "tool/simulate_picture.h"
#include "tool/simulate_report.h"

#define MAX_SEEDS 100
#define MAX_LOAD 1000.0
#define MAX_CSV_BYTES ((size_t)1 << 30)
#define LOAD 6.0            /* workers, where neither the option nor the maximum says else */
#define LOAD_OF_MAXIMUM 0.4 /* most of it: the highest pattern is two and a half times the load */
#define TARGET_ABOVE_S 0.01 /* the original's, where a target would be below the service time */

/* For trying it without a file. */
static const char example[] =
    "example: {processing: 0.8, concurrency: 10, deadline: 180, minimum: 0, maximum: 100}\n";

struct simulate_options {
    const char *file, *config, *role;
    struct option_texts patterns, policies;
    const char *csv, *since, *until;
    bool from_database, json;
    const char *load, *duration, *deadline, *slack, *boot, *poll;
    int64_t seeds, seed, maximum;
    const char *svg, *timeline;
};

#define AT(member) .offset = offsetof(struct simulate_options, member)
static const struct option_spec specs[] = {
    CONFIG_SOURCE_OPTIONS(struct simulate_options, file, config),
    {"role", NULL, 0, OPTION_TEXT, "NAME", AT(role), .help = "one role of the file (all, in turn)"},
    {"pattern", NULL, 'p', OPTION_ITEMS, "NAME", AT(patterns),
     .help = "a built-in pattern of arrivals, or all (all)"},
    {"csv", NULL, 0, OPTION_TEXT, "FILE", AT(csv),
     .help = "arrivals: columns at, jobs, seconds by their header, or at,seconds; - is standard "
             "input"},
    {"from-database", NULL, 0, OPTION_FLAG, NULL, AT(from_database),
     .help = "what came in truth: each role's jobs query on DATABASE_URL"},
    {"since", NULL, 0, OPTION_TEXT, "WHEN", AT(since),
     .help = "from then on: 7d, 12h, a date or an RFC 3339 time (7d)"},
    {"until", NULL, 0, OPTION_TEXT, "WHEN", AT(until), .help = "until then (now)"},
    {"load", NULL, 0, OPTION_TEXT, "WORKERS", AT(load),
     .help = "that a pattern's base rate keeps busy (6, or two fifths of the maximum if less)"},
    {"duration", NULL, 0, OPTION_TEXT, "TIME", AT(duration), .value_default = "2h",
     .help = "of a pattern: seconds, or with m, h or d behind"},
    {"seeds", NULL, 0, OPTION_NUMBER, "N", AT(seeds), .value_default = "1", .min = 1,
     .max = MAX_SEEDS, .help = "runs of each trace, with other random numbers"},
    {"seed", NULL, 0, OPTION_NUMBER, "N", AT(seed), .value_default = "1", .min = 0,
     .max = INT32_MAX, .help = "the first: the same one gives the same figures"},
    {"policy", NULL, 0, OPTION_ITEMS, "NAME", AT(policies),
     .help = "guv, fixed, original, keda or hpa (all)"},
    {"deadline", NULL, 'd', OPTION_TEXT, "TIME", AT(deadline), .help = "instead of the file's"},
    {"maximum", NULL, 0, OPTION_NUMBER, "WORKERS", AT(maximum), .min = 1,
     .max = SETTINGS_MAX_WORKERS, .help = "instead of the file's"},
    {"slack", NULL, 0, OPTION_TEXT, "PART", AT(slack), .help = "instead of the file's"},
    {"poll", NULL, 0, OPTION_TEXT, "TIME", AT(poll),
     .help = "between two decisions of guv, instead of the file's pollinterval"},
    {"boot", NULL, 0, OPTION_TEXT, "MEAN[,SD]", AT(boot),
     .help = "how long starts take in truth (as the file says, and 4/15 of it)"},
    {"svg", NULL, 0, OPTION_TEXT, "FILE", AT(svg), .help = "draws it; one trace only"},
    {"timeline", NULL, 0, OPTION_TEXT, "FILE", AT(timeline),
     .help = "writes each poll as CSV; one trace only"},
    {"json", NULL, 0, OPTION_FLAG, NULL, AT(json), .help = "prints the figures as JSON"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

static int say_usage(const char *why)
{
    fprintf(stderr, "guv simulate: %s; see guv simulate --help\n", why);
    return GUV_USAGE;
}

static int say_failed(const char *why)
{
    fprintf(stderr, "guv simulate: %s\n", why);
    return GUV_REFUSED;
}

static int print(const struct buf *text)
{
    if (text->failed || (text->len && fwrite(text->data, 1, text->len, stdout) != text->len) ||
        fflush(stdout))
        return say_failed("standard output takes no more");
    return GUV_DONE;
}

static int print_help(void)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_text(&text,
             "usage: guv simulate [OPTION]...\n\n"
             "Replays arrivals against settings, with the code that decides in production, and\n"
             "prints what it comes to beside other policies: `fixed` is the smallest constant\n"
             "crew that is in time (it knows the future), `original` the original guv, `keda`\n"
             "KEDA's queue length, `hpa` Kubernetes' autoscaler at 50 % CPU. The bound is the\n"
             "cheapest crew that knows every arrival. Exit status: 0 done, whatever came of it;\n"
             "1 it could not; 2 wrong usage. Patterns:\n\n");
    for (size_t i = 0; trace_pattern_name(i); i++)
        buf_printf(&text, "  %-14s %s\n", trace_pattern_name(i), trace_pattern_about(i));
    buf_text(&text, "\n");
    options_help(&table, &text);
    return print(&text);
}

/* --- the options' values ----------------------------------------------------------------- */

/* A number in words of the command line, within bounds. */
static int read_number(const char *option, const char *text, double least, double most, double *ret,
                       struct err *e)
{
    if (csv_number(text, ret) == 0 && *ret >= least && *ret <= most)
        return 0;
    return err_set(e, ERR_INPUT, "--%s: a number from %g to %g, not '%.40s'", option, least, most,
                   text);
}

/* Seconds, or with m, h or d behind. */
static int read_time(const char *option, const char *text, double least_s, double *ret,
                     struct err *e)
{
    static const char letters[] = "smhd";
    static const double units[] = {1, 60, 3600, 86400};
    char number[40];
    size_t len = strlen(text);
    const char *letter = len ? strchr(letters, text[len - 1]) : NULL;

    snprintf(number, sizeof(number), "%.*s", (int)(letter ? len - 1 : len), text);
    if (csv_number(number, ret) == 0) {
        *ret *= letter ? units[letter - letters] : 1;
        if (*ret >= least_s && *ret <= SETTINGS_MAX_S)
            return 0;
    }
    return err_set(e, ERR_INPUT, "--%s: seconds, or a time as 90s, 5m, 2h or 7d, not '%.40s'",
                   option, text);
}

static int set_deadline(const char *text, struct guv_settings *s, struct err *e)
{
    double deadline_s;

    if (read_time("deadline", text, 0.001, &deadline_s, e))
        return -1;
    for (size_t i = 0; i < s->n_roles; i++) {
        struct role_settings *role = &s->roles[i];

        role->deadline_s = deadline_s;
        role->target_s = fmax(deadline_s - normal_quantile(role->percentile / 100) * role->stddev_s,
                              role->processing_s + TARGET_ABOVE_S);
    }
    if (!s->poll_is_set)
        s->poll_s = settings_default_poll_s(s);
    return 0;
}

/* What the command line says instead of the file. */
static int override(const struct simulate_options *o, struct guv_settings *s, struct err *e)
{
    double slack;

    if (o->deadline && set_deadline(o->deadline, s, e))
        return -1;
    if (o->slack && read_number("slack", o->slack, 0.01, 1, &slack, e))
        return -1;
    for (size_t i = 0; i < s->n_roles; i++) {
        struct role_settings *role = &s->roles[i];

        if (o->slack)
            role->slack = slack;
        if (o->maximum)
            role->maximum = (int)o->maximum;
        if (role->minimum > role->maximum)
            role->minimum = role->maximum;
    }
    return 0;
}

static int set_boot(const char *text, struct world_options *world, struct err *e)
{
    char mean[40];
    const char *comma = strchr(text, ',');
    double mean_s, sd_s;

    snprintf(mean, sizeof(mean), "%.*s", (int)(comma ? comma - text : 39), text);
    if (read_time("boot", mean, 0, &mean_s, e) ||
        (comma && read_time("boot", comma + 1, 0, &sd_s, e)))
        return -1;
    world_set_boot(world, mean_s, comma ? sd_s : mean_s * WORLD_BOOT_SD_PART);
    return 0;
}

static int set_policies(const struct option_texts *names, struct contest *c, struct err *e)
{
    for (int i = 0; i < PEER_KINDS; i++)
        c->takes_part[i] = names->n == 0;
    for (size_t i = 0; i < names->n; i++) {
        enum peer_kind kind;

        if (peer_find(names->items[i], &kind, e))
            return -1;
        c->takes_part[kind] = true;
    }
    return 0;
}

static int set_up(const struct simulate_options *o, struct contest *c, struct err *e)
{
    if (set_policies(&o->policies, c, e) || (o->boot && set_boot(o->boot, &c->world, e)) ||
        (o->poll && read_time("poll", o->poll, 0.1, &c->poll_s, e)))
        return -1;
    return 0;
}

/* --- runs -------------------------------------------------------------------------------- */

struct simulation {
    const struct simulate_options *options;
    struct guv_settings *settings;
    struct contest contest; /* of the role at hand */
    int64_t now_ms;
    struct buf csv;     /* the file's bytes */
    char csv_name[200]; /* as it can be printed */
    struct buf timeline;
    struct buf out;
    json_t *json; /* of the roles */
};

static int count_roles(const struct simulation *s)
{
    return s->options->role ? 1 : (int)s->settings->n_roles;
}

/* Tries one trace, and draws it if that is asked for. */
static int try_trace(struct simulation *s, const char *name, const struct trace *trace,
                     uint64_t seed, struct err *e)
{
    struct contest *c = &s->contest;
    AUTO(buf_release) struct buf svg = BUF_INIT;
    struct picture *picture = NULL;
    int rc = s->options->svg ? picture_new(trace, &picture, e) : 0;

    if (rc == 0) {
        c->watch = picture ? picture_watch(picture) : NULL;
        rc = contest_try(c, name, trace, seed, e);
        c->watch = NULL;
    }
    if (rc == 0 && picture)
        rc = picture_svg(picture, c, &c->runs[c->n - 1], &svg, e);
    if (rc == 0 && picture)
        rc = file_write(s->options->svg, &svg, e);
    picture_free(picture);
    return rc;
}

/* A trace's seeds: its world's, and its own where it is made up. */
static int try_seeds(struct simulation *s, const char *name, struct trace *trace, struct err *e)
{
    for (int64_t i = 0; i < s->options->seeds; i++)
        if (try_trace(s, name, trace, (uint64_t)(s->options->seed + i), e))
            return -1;
    return 0;
}

static int run_pattern(struct simulation *s, const char *name, double load, double duration_s,
                       struct err *e)
{
    for (int64_t i = 0; i < s->options->seeds; i++) {
        uint64_t seed = (uint64_t)(s->options->seed + i);
        struct trace trace;
        int rc;

        if (trace_pattern(name, &s->contest.role, load, duration_s, seed, &trace, e))
            return -1;
        rc = try_trace(s, name, &trace, seed, e);
        trace_release(&trace);
        if (rc)
            return -1;
    }
    return 0;
}

static int run_patterns(struct simulation *s, struct err *e)
{
    const struct option_texts *asked = &s->options->patterns;
    bool all = asked->n == 0 || option_texts_have(asked, "all");
    double load = fmin(LOAD, LOAD_OF_MAXIMUM * s->contest.role.maximum), duration_s;

    if ((s->options->load && read_number("load", s->options->load, 0.001, MAX_LOAD, &load, e)) ||
        read_time("duration", s->options->duration, 1, &duration_s, e))
        return -1;
    for (size_t i = 0; all && trace_pattern_name(i); i++)
        if (run_pattern(s, trace_pattern_name(i), load, duration_s, e))
            return -1;
    for (size_t i = 0; !all && i < asked->n; i++)
        if (run_pattern(s, asked->items[i], load, duration_s, e))
            return -1;
    return 0;
}

static int run_csv(struct simulation *s, struct err *e)
{
    struct trace trace;
    struct err cause = ERR_INIT;
    int rc;

    if (trace_from_csv(s->csv.data ? s->csv.data : "", s->csv.len, &s->contest.role,
                       (uint64_t)s->options->seed, &trace, &cause))
        return err_set(e, cause.code, "%s: %s", s->csv_name, cause.text);
    rc = try_seeds(s, s->csv_name, &trace, e);
    trace_release(&trace);
    return rc;
}

static void note_history(const struct history *h)
{
    if (h->earlier)
        fprintf(stderr, "guv simulate: %zu jobs had come before and are left out\n", h->earlier);
    if (h->unknown)
        fprintf(stderr, "guv simulate: %zu jobs say not when they came and are left out\n",
                h->unknown);
    if (h->drawn)
        fprintf(stderr,
                "guv simulate: %zu jobs say not how long they took: drawn as the settings say\n",
                h->drawn);
}

/* One role without jobs keeps no other from being tried. */
static int note_no_jobs(const struct simulation *s, struct err *e)
{
    struct err none = ERR_INIT;

    err_set(&none, ERR_INPUT, "role '%s': no jobs came and ended in that time",
            s->contest.role.name);
    if (count_roles(s) == 1)
        return err_set(e, none.code, "%s", none.text);
    fprintf(stderr, "guv simulate: %s\n", none.text);
    return 0;
}

static int run_history(struct simulation *s, struct err *e)
{
    struct history h = {.url = config_env("DATABASE_URL"), .until_ms = s->now_ms};
    struct trace trace;
    int rc;

    if (!h.url)
        return err_set(e, ERR_INPUT, "DATABASE_URL is not set: --from-database reads there");
    if (history_time(s->options->since ? s->options->since : "7d", s->now_ms, &h.since_ms, e) ||
        (s->options->until && history_time(s->options->until, s->now_ms, &h.until_ms, e)))
        return -1;
    if (h.since_ms >= h.until_ms)
        return err_set(e, ERR_INPUT, "--since is not before --until");
    if (history_read(&h, &s->contest.role, (uint64_t)s->options->seed, &trace, e))
        return -1;
    note_history(&h);
    if (trace.n == 0)
        return note_no_jobs(s, e);
    rc = try_seeds(s, "what came", &trace, e);
    trace_release(&trace);
    return rc;
}

/* --- a role ------------------------------------------------------------------------------ */

static int report(struct simulation *s, struct err *e)
{
    if (s->contest.n == 0)
        return 0;
    if (s->options->json)
        return json_array_append_new(s->json, report_json(&s->contest))
                   ? err_set(e, ERR_NOMEM, "no memory for a report")
                   : 0;
    if (s->out.len)
        buf_text(&s->out, "\n");
    if (report_text(&s->contest, &s->out))
        return err_set(e, ERR_NOMEM, "no memory for a report");
    if (s->options->from_database) {
        buf_text(&s->out, "\n");
        report_history_verdict(&s->contest, &s->out);
    }
    return 0;
}

static int run_role(struct simulation *s, const struct role_settings *role, struct err *e)
{
    int rc;

    contest_init(&s->contest, role, s->settings);
    s->contest.timeline = s->options->timeline ? &s->timeline : NULL;
    rc = set_up(s->options, &s->contest, e);
    if (rc == 0)
        rc = s->options->from_database ? run_history(s, e)
             : s->options->csv         ? run_csv(s, e)
                                       : run_patterns(s, e);
    if (rc == 0)
        rc = report(s, e);
    contest_release(&s->contest);
    return rc;
}

/* Whether there is something to try. With several roles, those are left out that cannot be. */
static bool is_tried(const struct simulation *s, const struct role_settings *role)
{
    if (s->options->role)
        return strcmp(s->options->role, role->name) == 0;
    if (role->maximum == 0) {
        fprintf(stderr, "guv simulate: role '%s' is at rest, its maximum is 0\n", role->name);
        return false;
    }
    if (s->options->from_database && !role->jobs_query && s->settings->n_roles > 1) {
        fprintf(stderr, "guv simulate: role '%s' has no jobs query and is left out\n", role->name);
        return false;
    }
    return true;
}

/* A picture and a timeline are of one trace. */
static bool is_one_trace(const struct simulation *s)
{
    const struct option_texts *patterns = &s->options->patterns;
    bool is_one_pattern = patterns->n == 1 && !option_texts_have(patterns, "all");

    return count_roles(s) == 1 && s->options->seeds == 1 &&
           (s->options->csv || s->options->from_database || is_one_pattern);
}

static int run_roles(struct simulation *s, struct err *e)
{
    size_t n = 0;

    if (s->options->timeline)
        buf_text(&s->timeline, CONTEST_TIMELINE_COLUMNS "\n");
    for (size_t i = 0; i < s->settings->n_roles; i++) {
        if (!is_tried(s, &s->settings->roles[i]))
            continue;
        n++;
        if (run_role(s, &s->settings->roles[i], e))
            return -1;
    }
    if (n == 0)
        return err_set(e, ERR_INPUT, "no role of the settings can be tried");
    if (s->options->timeline && s->timeline.failed)
        return err_set(e, ERR_NOMEM, "no memory for the timeline");
    return s->options->timeline ? file_write(s->options->timeline, &s->timeline, e) : 0;
}

static int print_all(struct simulation *s)
{
    char *text;

    if (!s->options->json)
        return print(&s->out);
    text = json_dumps(s->json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    if (!text)
        return say_failed("no memory for a report");
    buf_printf(&s->out, "%s\n", text);
    free(text);
    return print(&s->out);
}

static int simulate(const struct simulate_options *o, struct guv_settings *settings)
{
    struct simulation s = {.options = o, .settings = settings, .now_ms = clock_wall_ms()};
    struct err e = ERR_INIT;
    int status;

    if (o->role && !settings_role(settings, o->role)) {
        fprintf(stderr, "guv simulate: the settings have no role '%s'\n", o->role);
        return GUV_REFUSED;
    }
    if ((o->svg || o->timeline) && !is_one_trace(&s))
        return say_usage("--svg and --timeline take one trace: name one --role and one --pattern, "
                         "and no --seeds");
    if (o->csv) {
        snprintf(s.csv_name, sizeof(s.csv_name), "%s", o->csv);
        utf8_repair(s.csv_name, strlen(s.csv_name));
    }
    s.json = json_array();
    if (override(o, settings, &e) || (o->csv && file_read(o->csv, MAX_CSV_BYTES, &s.csv, &e)) ||
        run_roles(&s, &e))
        status = say_failed(e.text);
    else
        status = print_all(&s);
    json_decref(s.json);
    buf_release(&s.csv);
    buf_release(&s.timeline);
    buf_release(&s.out);
    return status;
}

/* --- the settings ------------------------------------------------------------------------ */

static bool has_settings(const struct simulate_options *o)
{
    return o->file || o->config || config_env("GUV_CONFIG") ||
           access(CONFIG_SOURCE_DEFAULT, R_OK) == 0;
}

static int read_settings(const struct simulate_options *o, struct guv_settings *ret)
{
    AUTO(config_source_release) struct config_source source = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct err e = ERR_INIT;
    const char *text = example;

    if (has_settings(o)) {
        if (config_source_read(o->file, o->config, &source, &e))
            return say_failed(e.text);
        text = source.text.data ? source.text.data : "";
    }
    if (settings_parse(text, strlen(text), ret, &problems) == 0)
        return GUV_DONE;
    fprintf(stderr, "guv simulate: %s cannot be used:\n%s", source.name ? source.name : "example",
            problems.data ? problems.data : "");
    return GUV_REFUSED;
}

static const char *what_excludes(const struct simulate_options *o)
{
    if (o->file && o->config)
        return "--file and --config exclude each other";
    if ((o->patterns.n > 0) + (o->csv != NULL) + o->from_database > 1)
        return "--pattern, --csv and --from-database exclude each other";
    if ((o->since || o->until) && !o->from_database)
        return "--since and --until are for --from-database";
    if (o->csv && o->file && strcmp(o->csv, "-") == 0 && strcmp(o->file, "-") == 0)
        return "standard input is one file";
    return NULL;
}

int guv_simulate(int argc, char **argv)
{
    struct simulate_options options = {0};
    struct guv_settings settings;
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status;

    switch (options_parse(&table, argc, argv, &options, &rest, &e)) {
    case OPTIONS_HELP:
        return print_help();
    case OPTIONS_WRONG:
        return say_usage(e.text);
    case OPTIONS_OK:
        break;
    }
    if (rest.n || what_excludes(&options))
        return say_usage(rest.n ? "it takes options only" : what_excludes(&options));
    status = read_settings(&options, &settings);
    if (status != GUV_DONE)
        return status;
    status = simulate(&options, &settings);
    settings_release(&settings);
    return status;
}
