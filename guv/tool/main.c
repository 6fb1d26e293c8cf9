/*
 * main.c - guv: finds the subcommand and hands over.
 */
#include <stdio.h>
#include <string.h>

#include "tool/commands.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"validate", "check settings and say what they come to", guv_validate},
    {"simulate", "replay arrivals: what would they have cost, in time or not?", guv_simulate},
    {"plot", "draw time series of a CSV file", guv_plot}};

#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *to)
{
    fputs("usage: guv COMMAND [OPTION]...\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\nguv COMMAND --help tells a command's options.\n", to);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return GUV_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("guv " PROJECT_VERSION);
        return GUV_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (*name)
        fprintf(stderr, "guv: there is no command '%s'\n\n", name);
    print_help(stderr);
    return GUV_USAGE;
}
