/*
 * main.c - the msgflo tool: finds the subcommand and hands over.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/command.h"

static const struct command *const commands[] = {
    &command_setup, &command_procfile, &command_register, &command_list, &command_top,
    &command_graph, &command_send,     &command_dump,     &command_run};
#define N_COMMANDS (sizeof(commands) / sizeof(*commands))

/* A standard stream that we were started without fails when it is used. Left closed, its number
 * would go to the next file: results printed into the connection to the broker. */
static int keep_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd < 0 ? -1 : close(fd);
}

static void print_help(FILE *to)
{
    fputs("usage: msgflo COMMAND [OPTION]...\n\n", to);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nmsgflo COMMAND --help tells a command's options. Exit status: 0 done, 1 refused (the\n"
          "graph, a file or the broker says no), 2 wrong usage, 3 no broker in time.\n",
          to);
}

static int printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_DONE;
    fputs("msgflo: standard output takes no more\n", stderr);
    return EXIT_REFUSED;
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

    if (keep_standard_streams())
        return EXIT_REFUSED;
    signal(SIGPIPE, SIG_IGN); /* a closed socket is an error to tell, not to die of */
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_help(stdout);
        return printed();
    }
    if (strcmp(name, "--version") == 0) {
        puts("msgflo " MSGFLO_VERSION);
        return printed();
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, commands[i]->name) == 0)
            return run(commands[i], argc - 1, argv + 1);
    if (*name)
        fprintf(stderr, "msgflo: there is no command '%s'\n\n", name);
    print_help(stderr);
    return EXIT_USAGE;
}
