/*
 * commands.h - the subcommands of guv. argv[0] is the command's name.
 */
#ifndef GUV_TOOL_COMMANDS_H
#define GUV_TOOL_COMMANDS_H

enum guv_exit {
    GUV_DONE = 0,
    GUV_REFUSED = 1, /* the file is wrong: trying again is no use */
    GUV_USAGE = 2,
    GUV_AWAY = 3 /* broker or platform could not be read */
};

/* Governs; what guv does without a subcommand. */
int guv_run(int argc, char **argv);

/* Shows how the roles stand. */
int guv_status(int argc, char **argv);

/* Says what a file comes to, and what is wrong with it. Returns an enum guv_exit. */
int guv_validate(int argc, char **argv);

/* Decides for whoever asks on standard input: --stdio. Returns an enum guv_exit. */
int guv_stdio(int argc, char **argv);

/* Replays arrivals against settings and compares policies. Returns an enum guv_exit. */
int guv_simulate(int argc, char **argv);

/* Draws series of a CSV file. Returns an enum guv_exit. */
int guv_plot(int argc, char **argv);

#endif
