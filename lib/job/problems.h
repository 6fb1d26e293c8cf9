/*
 * problems.h - the faults of one request, all of them, each with the JSON pointer (RFC 6901) of
 * what is wrong in its body, or the name of the query parameter; the `errors` of a problem+json
 * answer (RFC 9457).
 */
#ifndef JOB_PROBLEMS_H
#define JOB_PROBLEMS_H

#include <jansson.h>

#include "base/err.h"

#define PROBLEMS_MAX 100 /* more are counted, not listed */

struct problems {
    json_t *list; /* array of {"pointer" or "parameter", "detail"}; NULL while there are none */
    size_t count; /* all, also those past PROBLEMS_MAX */
};

#define PROBLEMS_INIT                                                                              \
    {                                                                                              \
        NULL, 0                                                                                    \
    }

void problems_release(struct problems *p);

/* detail is a clause without a capital: "must be 1..4096". Returns -1, as err_set() does. */
int problems_add(struct problems *p, const char *pointer, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same for a parameter of the query, by its name, which may be any text. */
int problems_add_parameter(struct problems *p, const char *name, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* base + "/" + member, escaped by RFC 6901 ("~" is "~0", "/" is "~1"). New: the caller frees. */
char *problems_pointer(const char *base, const char *member);

#endif
