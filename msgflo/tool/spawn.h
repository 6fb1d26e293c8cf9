/*
 * spawn.h - starts one program with its outputs on pipes. Hides fork: the process may have other
 * threads, so that between fork and exec only what a signal handler may do is done.
 */
#ifndef MSGFLO_TOOL_SPAWN_H
#define MSGFLO_TOOL_SPAWN_H

#include <sys/types.h>

#include "base/err.h"

#define SPAWN_MAX_WORDS 256 /* of a command */

struct spawned {
    pid_t pid;  /* also of its process group, which it leads */
    int pidfd;  /* readable once it has ended */
    int out_fd; /* of its standard output and error; non-blocking */
    int err_fd;
};

/*
 * Runs command: by `shell -c` or, where shell is NULL, split at blanks, with quotes and backslashes
 * as a shell has them. Its environment is ours, with MSGFLO_BROKER set to broker (NULL: left as it
 * is); its standard input is empty; the kernel kills it when the calling thread ends.
 * Returns 0, or -1 with *e saying why it cannot be run (ERR_INPUT) or ERR_UNAVAILABLE, ERR_NOMEM.
 */
int spawn(const char *command, const char *shell, const char *broker, struct spawned *ret,
          struct err *e) MUST_CHECK;

/*
 * Splits text in its place; words point into it, and a NULL ends them. Returns how many there are,
 * or -1 with ERR_INPUT (a quote without its end, too many words).
 */
int spawn_split(char *text, char *words[SPAWN_MAX_WORDS + 1], struct err *e) MUST_CHECK;

#endif
