/*
 * buf.h - a byte buffer that grows up to a limit given once.
 * A failed append is remembered, so that a builder appends many times and asks once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

struct buf {
    char *data; /* always ends in a NUL that len does not count; NULL while empty */
    size_t len;
    size_t size;      /* bytes allocated */
    size_t max_bytes; /* len never passes it; 0: no limit */
    bool failed;      /* no memory, or past max_bytes: contents are then unfinished */
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, 0, false                                                                       \
    }

/* For AUTO. Frees the bytes; the struct may be used again. */
void buf_release(struct buf *b);

/* Empties it, keeps the memory and the limit, forgets a failure. */
void buf_clear(struct buf *b);

/* Each returns 0, or -1 with b->failed set (then or by an earlier append). */
int buf_append(struct buf *b, const void *bytes, size_t len);
int buf_text(struct buf *b, const char *text);
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Hands the bytes over: new, for the caller to free(). NULL if b->failed; "" rather than NULL when
 * empty. b is empty after. */
char *buf_detach(struct buf *b);

#endif
