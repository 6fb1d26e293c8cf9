/*
 * main.c - the msgflo tool: finds the subcommand and hands over.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tool/command.h"

static const struct command *const commands[] = {
    &command_setup, &command_procfile, &command_register, &command_list, &command_top,
    &command_graph, &command_send,     &command_dump,     &command_run};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_help(FILE *to)
{
    fputs("usage: msgflo COMMAND [OPTION]...\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nmsgflo COMMAND --help tells a command's options. Exit status: 0 done, 1 refused (the\n"
          "graph, a file or the broker says no), 2 wrong usage, 3 no broker in time.\n",
          to);
}

static int run(const struct command *command, int argc, char **argv)
{
    int status = command->run(command, argc, argv);
    AUTO(buf_release) struct buf help = BUF_INIT;

    if (status != COMMAND_HELP)
        return status;
    command_help(command, &help);
    return command_print(command, &help);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    signal(SIGPIPE, SIG_IGN); /* a closed socket is an error to tell, not to die of */
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(name, "--version") == 0) {
        puts("msgflo " MSGFLO_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return run(commands[i], argc - 1, argv + 1);
    if (*name)
        fprintf(stderr, "msgflo: there is no command '%s'\n\n", name);
    print_help(stderr);
    return EXIT_USAGE;
}
