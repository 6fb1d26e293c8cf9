/*
 * parameters.h - the query of a request: the parameters that a path knows, each given once at most,
 * and all that is wrong with the others. No I/O. Their values are the paths' own affair.
 */
#ifndef WEB_PARAMETERS_H
#define WEB_PARAMETERS_H

#include <stddef.h>
#include <stdint.h>

#include "job/problems.h"

#define PARAMETERS_MAX 8

struct parameter {
    const char *name;  /* lent for ever */
    const char *value; /* lent; NULL: not given */
};

struct parameters {
    struct parameter list[PARAMETERS_MAX];
    size_t count;
    struct problems problems; /* of parameters_init() to parameters_release() */
};

/* names: at most PARAMETERS_MAX, with a NULL at the end. */
void parameters_init(struct parameters *p, const char *const *names);
void parameters_release(struct parameters *p);

/*
 * Takes one parameter of the request, its percent-escapes undone. The texts end in a NUL and may
 * hold more; value is lent until the release, and NULL where there is no "=". A fault is added for
 * one that is unknown, comes again, or holds a "%" or a NUL, which none of ours does: an escape in
 * it was wrong.
 */
void parameters_take(struct parameters *p, const char *name, size_t name_len, const char *value,
                     size_t value_len);

/* The value, or NULL when it was not given. The name must be one of ours. */
const char *parameters_value(const struct parameters *p, const char *name);

/*
 * A moment: RFC 3339, or how long before now ("15m"; s, m, h, d). Returns 0, or -1 with a fault
 * added. A blank is taken for the "+" of an offset, which is what a "+" in a query says.
 */
int parameters_moment(struct parameters *p, const char *name, const char *value, int64_t now_ms,
                      int64_t *ret_wall_ms);

/* A span of time, "10s": milliseconds, at least 1000. Returns 0, or -1 for another text. */
int parameters_span(const char *value, int64_t *ret_ms);

#endif
