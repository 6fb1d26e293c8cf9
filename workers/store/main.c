/*
 * imageresize-store: writes what becomes of images to Postgres, and ends jobs.
 *     imageresize-store [--role NAME] | --check | --version
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "start/start.h"
#include "store.h"

static int usage(FILE *to)
{
    fprintf(to, "usage: imageresize-store [--role NAME] | --check | --version\n"
                "Settings come from the environment; the README lists them.\n");
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"role", required_argument, NULL, 'r'},
        {"check", no_argument, NULL, 'c'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *role = "store";
    struct err e = ERR_INIT;
    struct settings settings;
    char prefix[120];
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'v')
            return puts("imageresize-store " IMAGERESIZE_VERSION) < 0;
        if (option == 'c')
            return start_check(PROGRAM_STORE, NULL);
        if (option == 'h')
            return usage(stdout);
        if (option != 'r')
            return usage(stderr);
        role = optarg;
    }
    if (optind < argc)
        return usage(stderr);
    snprintf(prefix, sizeof prefix, "role=%.100s", role);
    log_init(prefix, LOG_INFO);
    if (start_load(PROGRAM_STORE, NULL, &settings))
        return START_REFUSED;
    log_init(prefix, start_log_level(&settings));
    if (store_run(&settings, role, &e)) {
        log_error("cannot_start", "message=%s", log_quote(e.text));
        return e.code == ERR_INPUT ? 2 : 1;
    }
    log_info("stopped", "status=0");
    return 0;
}
