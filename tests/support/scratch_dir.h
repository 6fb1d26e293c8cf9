/*
 * scratch_dir.h - a new folder for what a test makes. It is in $TMPDIR, else in /tmp: bin/test sets
 * that to a folder of its own, where it ends and removes what a test that was killed has left.
 */
#ifndef TESTS_SCRATCH_DIR_H
#define TESTS_SCRATCH_DIR_H

#include <stdio.h>
#include <stdlib.h>

#define SCRATCH_DIR_SIZE 128

/* Returns 0 and its path, or -1. */
static inline int scratch_dir(char ret[SCRATCH_DIR_SIZE])
{
    const char *parent = getenv("TMPDIR");
    int len = snprintf(ret, SCRATCH_DIR_SIZE, "%s/imageresize-test-XXXXXX",
                       parent && *parent ? parent : "/tmp");

    return len < SCRATCH_DIR_SIZE && mkdtemp(ret) ? 0 : -1;
}

#endif
