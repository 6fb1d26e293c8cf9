/*
 * sha256.h - the SHA-256 of what a descriptor holds, as text. Hides libcrypto.
 */
#ifndef WORKERS_RESIZE_SHA256_H
#define WORKERS_RESIZE_SHA256_H

#include <stdint.h>

#include "base/err.h"

/* 64 hex digits in lower case, and the NUL. */
#define SHA256_HEX_SIZE 65

/* Of the first len bytes of fd, wherever its offset stands. Returns 0, or -1 with *e. */
int sha256_of_fd(int fd, int64_t len, char ret[SHA256_HEX_SIZE], struct err *e) MUST_CHECK;

#endif
