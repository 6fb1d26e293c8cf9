/*
 * cage.h - locks the process up for good: from here on it computes, and talks on one socket.
 *
 * What is left: memory that cannot be executed (but for what was mapped before), threads of its
 * own, clocks, randomness, reading and writing of descriptors it holds, and receiving more on
 * descriptor DECODE_SOCKET_FD. Gone: opening files, sockets, other processes and signals to them,
 * exec, ptrace. What is not allowed answers EPERM rather than killing: libraries try a file, and
 * go on without it.
 *
 * Built with AddressSanitizer, standard error stays open for its report, leaks are not looked for
 * (that takes ptrace) and memory is not bounded.
 *
 * Descriptors 0 to 2 are closed as well. Received ones must be moved above them at once, or a
 * library that complains on standard error would write into somebody's image.
 */
#ifndef WORKERS_DECODE_CAGE_H
#define WORKERS_DECODE_CAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Received descriptors go here or above. */
#define CAGE_FIRST_FD 10

/* Whether this kernel and build can filter system calls at all. */
bool cage_is_possible(void);

/*
 * Closes it, for all threads there are. data_limit_bytes bounds the memory of the process
 * (RLIMIT_DATA); 0: no bound. With filter false only the limits are set: for a machine without
 * seccomp, when its owner said so. Returns 0 or -1 with *e set; then the process should exit.
 */
int cage_close(uint64_t data_limit_bytes, bool filter, struct err *e) MUST_CHECK;

#endif
