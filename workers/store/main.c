/*
 * imageresize-store: writes what becomes of images to Postgres, and ends jobs.
 *     imageresize-store [--role NAME] [--version]
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "store.h"

static int usage(FILE *to)
{
    fprintf(to, "usage: imageresize-store [--role NAME] [--version]\n"
                "Settings come from the environment; the README lists them.\n");
    return to == stdout ? 0 : 2;
}

static enum log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    int level = LOG_DEBUG;

    while (level < LOG_ERROR && strcmp(names[level], name) != 0)
        level++;
    return (enum log_level)level;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"role", required_argument, NULL, 'r'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *role = "store";
    struct err e = ERR_INIT;
    struct settings settings;
    char prefix[80];
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'v')
            return puts("imageresize-store " IMAGERESIZE_VERSION) < 0;
        if (option == 'h')
            return usage(stdout);
        if (option != 'r')
            return usage(stderr);
        role = optarg;
    }
    if (optind < argc)
        return usage(stderr);
    snprintf(prefix, sizeof prefix, "role=%s", role);
    log_init(prefix, LOG_INFO);
    if (settings_load(PROGRAM_STORE, &settings))
        return 2;
    if (!settings.database_url) {
        log_error("bad_setting", "message=%s", log_quote("DATABASE_URL: must be set"));
        return 2;
    }
    log_init(prefix, level_of(settings.log_level));
    if (store_run(&settings, role, &e)) {
        log_error("cannot_start", "message=%s", log_quote(e.text));
        return e.code == ERR_INPUT ? 2 : 1;
    }
    log_info("stopped", "status=0");
    return 0;
}
