/*
 * commands.h - the subcommands of guv. argv[0] is the command's name.
 */
#ifndef GUV_TOOL_COMMANDS_H
#define GUV_TOOL_COMMANDS_H

enum guv_exit {
    GUV_DONE = 0,
    GUV_REFUSED = 1, /* the file is wrong, or what is needed is away: nothing was done */
    GUV_USAGE = 2
};

/* Says what a file comes to, and what is wrong with it. Returns an enum guv_exit. */
int guv_validate(int argc, char **argv);

/* Replays arrivals against settings and compares policies. Returns an enum guv_exit. */
int guv_simulate(int argc, char **argv);

/* Draws series of a CSV file. Returns an enum guv_exit. */
int guv_plot(int argc, char **argv);

#endif
