/*
 * main.c - guv: finds the subcommand and hands over; without one, it governs.
 */
#include <stdio.h>
#include <string.h>

#include "tool/commands.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "governs; what guv does without a command", guv_run},
    {"validate", "checks settings and says what they come to", guv_validate},
    {"status", "shows how the roles stand", guv_status},
    {"simulate", "replays arrivals: what would they have cost, and in time?", guv_simulate},
    {"plot", "draws time series of CSV files", guv_plot},
};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *to)
{
    fputs("usage: guv [COMMAND] [OPTION]...\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nguv COMMAND --help tells a command's options.\n", to);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "run";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return GUV_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("guv " PROJECT_VERSION);
        return GUV_DONE;
    }
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--stdio") == 0)
            return guv_stdio(argc, argv);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (name[0] == '-')
        return guv_run(argc, argv);
    fprintf(stderr, "guv: there is no command '%s'\n\n", name);
    print_help(stderr);
    return GUV_USAGE;
}
