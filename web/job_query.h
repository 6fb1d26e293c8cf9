/*
 * job_query.h - what GET /jobs is asked for: its parameters to what sql/queries/web_list_jobs.sql
 * takes, and back to the cursor of the next page. No I/O.
 *
 * Pages go by id, newest first: ids are in the order of creation, and begin with its time, so that
 * a cursor is the last id seen, and since and until are ids too. Jobs made meanwhile change nothing
 * of the pages that follow.
 */
#ifndef WEB_JOB_QUERY_H
#define WEB_JOB_QUERY_H

#include <stdint.h>

#include "base/uuid.h"
#include "web/parameters.h"

#define JOB_QUERY_LIMIT_DEFAULT 50
#define CURSOR_SIZE 63 /* with the NUL */

struct job_query {
    char statuses[64], priorities[32];       /* as Postgres writes lists of text */
    char from[UUID_SIZE], before[UUID_SIZE]; /* ids: from on, and before */
    int limit;
    /* What a cursor says besides where it is. */
    int64_t since_ms;
    uint32_t filters;
};

/* For parameters_init(). */
extern const char *const job_query_names[];

/* Returns 0, or -1 with the faults in p. */
int job_query_parse(struct parameters *p, int64_t now_ms, int64_t max_limit,
                    struct job_query *ret) MUST_CHECK;

/* The cursor of the page after the one whose last job is given. */
void job_query_next(const struct job_query *q, const char *last, char ret[CURSOR_SIZE]);

#endif
