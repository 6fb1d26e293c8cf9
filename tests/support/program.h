/*
 * program.h - a program that a test starts and listens to: all that it writes is kept, and tests
 * wait for words in it. A call that cannot do what it says fails the test.
 */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <sys/types.h>

#include "base/buf.h"

#define PROGRAM_PATIENCE_MS 60000

struct program {
    pid_t pid; /* 0: does not run */
    int out_fd;
    struct buf out; /* standard output and error */
    size_t read;    /* how much of it program_expect() is past */
};

/* argv and variables ("NAME=VALUE", set in the environment it has from us) end in NULL. */
void program_start(struct program *p, const char *const *argv, const char *const *variables);

/* Waits until it has written the text, from where the last expectation ended, and goes past it. */
void program_expect(struct program *p, const char *text);

/* Whether the text is in what it has written so far, all of it. */
bool program_has_said(struct program *p, const char *text);

/* Sends the signal (0: none) and waits for the end. Returns the exit status, or 128 + the signal.
 */
int program_end(struct program *p, int signal_number);

/* program_end() by SIGKILL if it still runs, and frees what it has written. */
void program_release(struct program *p);

#endif
