/*
 * cmd_validate.c - guv validate: checks settings and says what they come to. Takes what the
 * original's guv-validate takes.
 */
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "config/settings.h"
#include "tool/commands.h"
#include "tool/config_source.h"
#include "tool/validate_report.h"

struct validate_options {
    const char *file, *config;
    struct option_texts allowed;
    bool json;
};

#define AT(member) .offset = offsetof(struct validate_options, member)
static const struct option_spec specs[] = {
    CONFIG_SOURCE_OPTIONS(struct validate_options, file, config),
    {"allow-key", NULL, 0, OPTION_TEXTS, "KEY", AT(allowed),
     .help = "a key that is not guv's and may be there"},
    {"json", NULL, 0, OPTION_FLAG, NULL, AT(json), .help = "prints the result as JSON"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

static int say_usage(const char *why)
{
    fprintf(stderr, "guv validate: %s; see guv validate --help\n", why);
    return GUV_USAGE;
}

static int say_failed(const char *why)
{
    fprintf(stderr, "guv validate: %s\n", why);
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
             "usage: guv validate [OPTION]...\n\n"
             "Checks the settings and prints what they come to: times in seconds, the jobs that\n"
             "the workers of each role can do, and their cost. Exit status: 0 they can be used,\n"
             "maybe with warnings; 1 they cannot; 2 wrong usage.\n\n");
    options_help(&table, &text);
    return print(&text);
}

static void say_problems(const char *source, const struct buf *problems)
{
    const char *from = problems->data;

    for (size_t n; from && *from; from += n + (from[n] == '\n')) {
        n = strcspn(from, "\n");
        fprintf(stderr, "%s: %.*s\n", source, (int)n, from);
    }
}

static int report(const struct validate_options *options, const struct guv_settings *settings)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    if (options->json ? validate_report_json(settings, &out) : validate_report_text(settings, &out))
        return say_failed("no memory for a report");
    return print(&out);
}

static int refuse(const struct validate_options *options, const char *source,
                  const struct buf *problems)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    say_problems(source, problems);
    if (!options->json)
        return GUV_REFUSED;
    if (validate_report_problems_json(problems, &out))
        return say_failed("no memory for a report");
    print(&out);
    return GUV_REFUSED;
}

static int validate(const struct validate_options *options)
{
    AUTO(config_source_release) struct config_source source = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings settings;
    struct err e = ERR_INIT;
    int status;

    if (config_source_read(options->file, options->config, &source, &e))
        return say_failed(e.text);
    if (settings_parse_strictly(source.text.data ? source.text.data : "", source.text.len,
                                options->allowed.items, options->allowed.n, &settings, &problems))
        return refuse(options, source.name, &problems);
    status = report(options, &settings);
    settings_release(&settings);
    return status;
}

int guv_validate(int argc, char **argv)
{
    struct validate_options options = {0};
    struct option_texts rest;
    struct err e = ERR_INIT;

    switch (options_parse(&table, argc, argv, &options, &rest, &e)) {
    case OPTIONS_HELP:
        return print_help();
    case OPTIONS_WRONG:
        return say_usage(e.text);
    case OPTIONS_OK:
        break;
    }
    if (rest.n)
        return say_usage("it takes options only");
    if (options.file && options.config)
        return say_usage("--file and --config exclude each other");
    return validate(&options);
}
