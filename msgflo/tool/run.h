/*
 * run.h - what the two halves of `msgflo run` share: cmd_run.c reads options and files, run_loop.c
 * lets the network live.
 */
#ifndef MSGFLO_TOOL_RUN_H
#define MSGFLO_TOOL_RUN_H

#include "graph/library.h"
#include "tool/command.h"

#define RUN_MAX_CLIENTS 100

/* All lent for run_live(). */
struct run_options {
    const char *host, *graph, *broker, *ca_file, *management, *ide, *library, *componentdir;
    const char *runtime_id, *secret, *secret_read_only;
    int64_t port, wait_timeout_s;
    struct option_texts ignore, forward, origins;
    bool auto_save;
};

/*
 * Lets the network live until SIGINT or SIGTERM; g is taken and may be NULL. Returns 0, or -1 with
 * *e if it could not start. Neither a participant nor the broker that is missing is an error.
 */
int run_live(const struct command *self, const struct run_options *options, struct graph *g_take,
             const struct library *library, struct err *e) MUST_CHECK;

#endif
