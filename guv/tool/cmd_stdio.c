/*
 * cmd_stdio.c - guv --stdio: decides for whoever asks on standard input, and for nobody else.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/options.h"
#include "tool/commands.h"
#include "tool/config_source.h"
#include "tool/line_protocol.h"

struct options {
    const char *file, *config, *policy;
    bool stdio;
};

static const struct option_spec specs[] = {
    {.name = "stdio",
     .kind = OPTION_FLAG,
     .offset = offsetof(struct options, stdio),
     .help = "reads an observation a line, answers each with a decision"},
    CONFIG_SOURCE_OPTIONS(struct options, file, config),
    {.name = "policy",
     .kind = OPTION_TEXT,
     .value = "tube|guv",
     .offset = offsetof(struct options, policy),
     .help = "how to decide, whatever the settings say; guv is the original's way"}};

static const struct option_table table = {specs, sizeof specs / sizeof *specs};

static int complain(const char *text)
{
    fprintf(stderr, "guv --stdio: %s\n", text);
    return GUV_REFUSED;
}

static int print_usage(void)
{
    AUTO(buf_release) struct buf help = BUF_INIT;

    buf_text(&help, "usage: guv --stdio [OPTION]...\n\n");
    options_help(&table, &help);
    fputs(help.data, stdout);
    return GUV_DONE;
}

/* The next line, without its end. Of one that is too long only so much is kept as shows that.
 * Returns false at the end of the input. */
static bool read_line(char line[LINE_MAX_BYTES + 1], size_t *ret_len)
{
    size_t len = 0;
    int c;

    while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
        if (len <= LINE_MAX_BYTES)
            line[len++] = (char)c;
    if (c == EOF && len == 0)
        return false;
    while (len > 0 && len <= LINE_MAX_BYTES && line[len - 1] == '\r')
        len--;
    *ret_len = len;
    return true;
}

/* Until the end of the input. */
static int serve(struct line_protocol *p)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    AUTO(text_freep) char *line = malloc(LINE_MAX_BYTES + 1);
    size_t len;

    if (!line)
        return complain("no memory");
    while (read_line(line, &len)) {
        buf_clear(&out);
        if (line_protocol_answer(p, line, len, &out))
            return complain("no memory");
        if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout))
            return complain("the answer cannot be written");
    }
    return ferror(stdin) ? complain("the input cannot be read") : GUV_DONE;
}

int guv_stdio(int argc, char **argv)
{
    AUTO(config_source_release) struct config_source source = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct options options = {0};
    struct option_texts rest = {.n = 0};
    struct guv_settings settings;
    struct line_protocol *p = NULL;
    struct err e = ERR_INIT;
    int status;

    switch (options_parse(&table, argc, argv, &options, &rest, &e)) {
    case OPTIONS_HELP:
        return print_usage();
    case OPTIONS_WRONG:
        complain(e.text);
        return GUV_USAGE;
    case OPTIONS_OK:
        break;
    }
    if (rest.n > 0) {
        complain("takes no arguments");
        return GUV_USAGE;
    }
    if (config_source_read(options.file, options.config, &source, &e))
        return complain(e.text);
    if (settings_parse(source.text.data ? source.text.data : "", source.text.len, &settings,
                       &problems)) {
        fprintf(stderr, "%s: %s", source.name, problems.data);
        return GUV_REFUSED;
    }
    if (line_protocol_new(&settings, options.policy, &p, &e))
        status = complain(e.text);
    else
        status = serve(p);
    line_protocol_free(p);
    settings_release(&settings);
    return status;
}
