/*
 * trace_csv.h - a trace from a CSV file. Its columns, named by a first line or, without one, the
 * first two of them in this order:
 *
 *   at       when: seconds, or RFC 3339. Never before the row above. The trace begins with the
 * first seconds  how long a job takes in a worker; without it: drawn as the role's settings say
 *   jobs     how many (1), spread evenly until the next row; 0 is a row without any
 *
 * Other columns are not looked at.
 */
#ifndef GUV_SIMULATE_TRACE_CSV_H
#define GUV_SIMULATE_TRACE_CSV_H

#include "trace.h"

/* Returns 0 and fills *ret, for the caller to trace_release(); or -1 with *e, which names the line
 * (ERR_INPUT, ERR_LIMIT, ERR_NOMEM). The seed is that of the times drawn. */
int trace_from_csv(const char *bytes, size_t len, const struct role_settings *role, uint64_t seed,
                   struct trace *ret, struct err *e) MUST_CHECK;

#endif
