/*
 * err.h - how a call says why it failed, and the two attributes every header uses.
 * A struct err lives on the caller's stack: no threads to think about and nothing to free.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stdlib.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* AUTO(text_freep) char *s: text_freep(&s) runs when s goes out of scope. */
#define AUTO(release) __attribute__((cleanup(release)))

/* What the caller can do about it. */
enum err_code {
    ERR_NONE,
    ERR_INPUT,       /* what was given is wrong: trying again does not help */
    ERR_LIMIT,       /* a named limit was passed */
    ERR_TIMEOUT,     /* not done in time: may be tried again */
    ERR_UNAVAILABLE, /* a peer is away: try again later */
    ERR_NOMEM,
    ERR_BUG /* our own fault */
};

struct err {
    enum err_code code;
    char text[400]; /* one sentence without a full stop, naming the thing; never a secret; UTF-8 */
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        ERR_NONE, ""                                                                               \
    }

/*
 * Fills *e unless it already holds an error, so that a later, vaguer one does not hide the cause.
 * Returns -1, so that a failing function can end in `return err_set(...)`. e may be NULL.
 */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Forgets the error, to use *e again. */
void err_clear(struct err *e);

/* "input", "limit", ... for logs. Lent for ever. */
const char *err_code_name(enum err_code code);

/* free() for AUTO: char, unsigned char and void pointers alike. */
static inline void text_freep(char **text)
{
    free(*text);
}

#endif
