/*
 * child.h - a server that a test starts: it prints one line once it listens, and ends when its
 * standard input does, so also when the test dies.
 */
#ifndef TESTS_CHILD_H
#define TESTS_CHILD_H

#include <sys/types.h>

struct child {
    pid_t pid;
    int stdin_fd;
    char line[128]; /* its first line, without the end */
};

/* argv[0] is found on the PATH; NULL-terminated. Returns 0 once the line has come, or -1. */
int child_start(const char *const *argv, struct child *ret);

/* Ends it and waits for that. Does nothing if it was not started. */
void child_stop(struct child *c);

#endif
