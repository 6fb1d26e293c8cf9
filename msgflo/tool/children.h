/*
 * children.h - the participants we start: each in a process group of its own, started again with
 * growing delay when it ends by itself, and ended with us. One thread.
 */
#ifndef MSGFLO_TOOL_CHILDREN_H
#define MSGFLO_TOOL_CHILDREN_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define CHILDREN_MAX 200
#define CHILD_LINE_MAX_BYTES 4096 /* of output; longer lines are told in pieces */

struct children;

enum child_stream { CHILD_STDOUT = 1, CHILD_STDERR = 2 };

/* Each may be NULL. From them everything may be called but children_stop_all() and _free(); name is
 * lent until it is stopped. */
struct children_events {
    /* The first byte on its standard output: MsgFlo's sign of "started". */
    void (*started)(void *user, const char *name);
    void (*output)(void *user, const char *name, enum child_stream stream, const char *line);
    /* It ended by itself. text: "exit status 1" or "signal 9 (Killed)"; restart_ms < 0: it is not
     * started again. last_stderr: its last lines there. */
    void (*ended)(void *user, const char *name, const char *text, const char *last_stderr,
                  int restart_ms);
};

struct children_options {
    const char
        *shell; /* runs `SHELL -c COMMAND`; NULL: split at blanks, quotes as a shell has them */
    const char *broker; /* MSGFLO_BROKER of the children */
    bool restart;
};

/* All texts are copied. */
int children_new(const struct children_options *options, const struct children_events *events,
                 void *user, struct children **ret, struct err *e) MUST_CHECK;
/* children_stop_all(), then frees. NULL is fine. */
void children_free(struct children *c);

/* Starts command as `name` (a role; ERR_INPUT if there is one of that name). */
int children_start(struct children *c, const char *name, const char *command,
                   struct err *e) MUST_CHECK;
/* SIGTERM to its group; SIGKILL after 10 s, from children_service(). It is not told as ended.
 * False: there is none of that name. The name is free at once. */
bool children_stop(struct children *c, const char *name);
/* All at once; waits until they have ended, for at most timeout_ms, then kills. */
void children_stop_all(struct children *c, int timeout_ms);
bool children_has(const struct children *c, const char *name);
pid_t children_pid(const struct children *c, const char *name); /* 0: not running now */

size_t children_fds(struct children *c, struct pollfd *ret, size_t n);
int children_timeout_ms(struct children *c);
void children_service(struct children *c);

#endif
