#include "tool/settings_file.h"

#include <stdio.h>
#include <string.h>

#include "tool/commands.h"
#include "tool/config_source.h"

/* "guv: " where there is a command to name. */
static void say_command(const char *command)
{
    if (command)
        fprintf(stderr, "%s: ", command);
}

/* Each line with the command and the source in front of it. */
static void say_lines(const char *command, const char *source, const struct buf *lines)
{
    const char *line = lines->data ? lines->data : "no memory\n";

    while (*line) {
        int len = (int)strcspn(line, "\n");

        say_command(command);
        fprintf(stderr, "%s%s%.*s\n", source ? source : "", source ? ": " : "", len, line);
        line += len + (line[len] == '\n');
    }
}

int settings_file_load(const char *command, const char *file, const char *text,
                       struct settings_file *ret)
{
    AUTO(config_source_release) struct config_source source = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct settings_file f = {.settings = {.n_roles = 0}};
    struct err e = ERR_INIT;

    if (config_source_read(file, text, &source, &e)) {
        say_command(command);
        fprintf(stderr, "%s\n", e.text);
        return GUV_REFUSED;
    }
    if (settings_parse(source.text.data ? source.text.data : "", source.text.len, &f.settings,
                       &problems)) {
        say_lines(command, source.name, &problems);
        return GUV_REFUSED;
    }
    if (environment_load(&f.settings, &f.environment, &problems)) {
        say_lines(command, NULL, &problems);
        settings_file_release(&f);
        return GUV_REFUSED;
    }
    *ret = f;
    return GUV_DONE;
}

void settings_file_release(struct settings_file *f)
{
    settings_release(&f->settings);
}
