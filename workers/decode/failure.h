/*
 * failure.h - why an image failed, as it goes back to the parent: a status and one sentence.
 * The counterpart of struct err for this program, whose codes are the protocol's.
 */
#ifndef WORKERS_DECODE_FAILURE_H
#define WORKERS_DECODE_FAILURE_H

#include "base/err.h"
#include "decode_protocol.h"

struct failure {
    enum decode_status status;
    char text[DECODE_MESSAGE_SIZE]; /* for users: no path, no address; "" while DECODE_OK */
};

#define FAILURE_INIT                                                                               \
    {                                                                                              \
        DECODE_OK, ""                                                                              \
    }

/* Fills *f unless it already holds a failure. Returns -1. */
int failure_set(struct failure *f, enum decode_status status, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/*
 * The same, with what a library said appended where that is fit for users: its first line,
 * without the library's own name, and only if it shows no path and no address. library_text is
 * lent; "" or NULL adds nothing.
 */
int failure_set_with(struct failure *f, enum decode_status status, const char *sentence,
                     const char *library_text);

#endif
