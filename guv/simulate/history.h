/*
 * history.h - a trace from the application's own records: what came, and how long it took. A role's
 * jobs query yields created_at, started_at and ended_at of the jobs that ended after $1 and until
 * $2. It is run read-only, in one snapshot, and read a part at a time.
 */
#ifndef GUV_SIMULATE_HISTORY_H
#define GUV_SIMULATE_HISTORY_H

#include "trace.h"

struct history {
    const char *url;            /* of the database */
    int64_t since_ms, until_ms; /* wall clock, from 1970 UTC */
    /* What was left out or made up: */
    size_t earlier; /* jobs that came before, and ended within: left out */
    size_t unknown; /* jobs whose time of arrival is not known: left out */
    size_t drawn;   /* jobs whose service time is not known: drawn as the settings say */
};

/* A moment: "7d", "12h", "30m" or "90s" before now_ms, a date (from its beginning, UTC) or RFC
 * 3339. Returns 0, or -1 (ERR_INPUT). */
int history_time(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *e) MUST_CHECK;

/* Returns 0 and fills *ret, which may be empty, for the caller to trace_release(), and h's counts;
 * or -1 (ERR_INPUT: the role has no jobs query, or a wrong one; ERR_UNAVAILABLE, ERR_TIMEOUT: the
 * database; ERR_LIMIT, ERR_NOMEM). The seed is that of the times drawn. */
int history_read(struct history *h, const struct role_settings *role, uint64_t seed,
                 struct trace *ret, struct err *e) MUST_CHECK;

#endif
