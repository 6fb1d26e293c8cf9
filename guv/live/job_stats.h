/*
 * job_stats.h - how long jobs and workers' starts took, from the application's own records: SQL of
 * the guv file, asked of Postgres. What cannot be read is NAN, and never stops anything.
 * Belongs to one thread.
 */
#ifndef GUV_LIVE_JOB_STATS_H
#define GUV_LIVE_JOB_STATS_H

#include <stdint.h>

#include "policy/policy.h"

struct job_stats; /* opaque */

/*
 * For the roles that have a jobs_query or a boots_query; both are lent. Each query gives rows for
 * what ended in ($1, $2]: created_at, started_at, ended_at, or requested_at, ready_at.
 * Connects to nothing yet. Returns 0 and a new one, or -1 (ERR_INPUT: a bad URL; ERR_NOMEM).
 */
int job_stats_new(const char *database_url, const struct role_settings *roles, size_t n,
                  struct job_stats **ret, struct err *e) MUST_CHECK;
void job_stats_free(struct job_stats *s); /* NULL is fine */

/* Reads what has ended since the last time, role by role until the deadline; those that are not
 * reached come first the next time. A role whose query fails is left out for a minute. */
void job_stats_read(struct job_stats *s, int64_t deadline_mono_ms);

/* Fills the service_ and boot_ fields of roles[i]'s observation with what the last read gave. */
void job_stats_fill(const struct job_stats *s, size_t i, struct observation *o);

/* Why nothing is known of roles[i]; "" if all is well. Lent until the next read. */
const char *job_stats_trouble(const struct job_stats *s, size_t i);

#endif
