/*
 * command.h - what the subcommands of msgflo share: their table, their exit codes and how they
 * speak. Results go to standard output, everything else to standard error.
 */
#ifndef MSGFLO_TOOL_COMMAND_H
#define MSGFLO_TOOL_COMMAND_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/options.h"
#include "broker/broker.h"
#include "graph/graph.h"

enum command_exit {
    EXIT_DONE = 0,
    EXIT_REFUSED =
        1, /* the graph, a file or the broker's answer is wrong: trying again is no use */
    EXIT_USAGE = 2,
    EXIT_AWAY = 3 /* no broker in time */
};

/* A result of a command that is no exit status: --help was asked for. */
#define COMMAND_HELP (-1)

struct command {
    const char *name;
    const char *summary;   /* one line */
    const char *usage;     /* what --help prints; NULL: it is made of the three that follow */
    const char *arguments; /* "GRAPH", or "" */
    const char *about;     /* lines, each ended by \n */
    struct option_table options;
    /* argv[0] is the command's name. Returns an enum command_exit, or COMMAND_HELP. */
    int (*run)(const struct command *self, int argc, char **argv);
};

extern const struct command command_setup, command_procfile, command_register, command_list,
    command_top, command_graph, command_send, command_dump, command_run;

/* For the table of a command that connects: the member of its struct that gets the URL. */
#define COMMAND_BROKER(type, member)                                                               \
    {                                                                                              \
        .name = "broker", .kind = OPTION_TEXT, .value = "URL", .offset = offsetof(type, member),   \
        .help = "amqp://, amqps://, mqtt:// or mqtts:// (MSGFLO_BROKER, else CLOUDAMQP_URL, else " \
                "amqp://localhost)"                                                                \
    }

/* For every command that prints a result. */
#define COMMAND_JSON(type, member)                                                                 \
    {                                                                                              \
        .name = "json", .kind = OPTION_FLAG, .offset = offsetof(type, member),                     \
        .help = "prints the result as JSON"                                                        \
    }

/* Parses by the command's table into the zeroed struct at values. Returns EXIT_DONE, EXIT_USAGE
 * with the fault said, or COMMAND_HELP. */
int command_options(const struct command *self, int argc, char **argv, void *values,
                    struct option_texts *ret_rest) MUST_CHECK;

/* What --help prints. */
void command_help(const struct command *self, struct buf *out);

/* Says "msgflo NAME: text" and that --help knows more. Returns EXIT_USAGE. */
int command_usage(const struct command *self, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Says the error. Returns the exit code it asks for. */
int command_failed(const struct command *self, const struct err *e);

/* Each line of text (ended by \n) as a warning of the command. */
void command_warn(const struct command *self, const struct buf *lines);

/* An option's whole number from min to max. Returns 0, or -1: the caller says which one it is. */
int command_number(const char *text, int64_t min, int64_t max, int64_t *ret) MUST_CHECK;

/* The one argument that is left, or NULL if there is another number of them. Lent from argv. */
const char *command_argument(int argc, char **argv);

/* command_options() of a command whose one argument is a graph file. */
int command_graph_options(const struct command *self, int argc, char **argv, void *values,
                          const char **ret_graph) MUST_CHECK;

/* Writes all to standard output. Returns EXIT_DONE, or EXIT_REFUSED and says so. */
int command_print(const struct command *self, const struct buf *text);

/*
 * Reads a graph by its ending, .fbp or .json, and says what it warns of. The result is new:
 * graph_free(). Returns 0, or -1 with *e naming the file.
 */
int command_read_graph(const struct command *self, const char *path, struct graph **ret,
                       struct err *e) MUST_CHECK;

/*
 * Connects to the broker that an option names (NULL: the one of the environment). ret is new:
 * broker_close(). Returns as broker_open().
 */
int command_connect(const struct command *self, const char *broker, int timeout_s,
                    struct broker **ret, struct err *e) MUST_CHECK;

struct loop;

/*
 * After *b was lost for the reason given: says so, closes it, and connects again for as long as it
 * takes, while the loop goes on. Returns 0 with *b (NULL: the loop was stopped), also as the loop's
 * broker; or -1 with *e: the broker refuses us, or why was another fault than a loss.
 */
int command_reconnect(const struct command *self, const char *broker, const struct err *why,
                      struct loop *loop, struct broker **b, struct err *e) MUST_CHECK;

#endif
