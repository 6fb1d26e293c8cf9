/*
 * canceller.h - the transaction that cancels jobs. Called by the thread that owns the connection.
 */
#ifndef WEB_CANCELLER_H
#define WEB_CANCELLER_H

#include "base/uuid.h"
#include "db/db.h"

/*
 * Cancels some jobs: their queued images end, those in work go on but are not tried again, what
 * waits in the outbox is not sent, and who waits for the jobs is woken. Nothing happens to jobs
 * that have ended or do not exist, so that it may be done again. Returns 0 once it is committed, or
 * -1 with *e (ERR_TIMEOUT: somebody holds a job for long, which makes no other statement wait).
 */
int cancel_jobs(struct db *db, const char *const *jobs, size_t n, struct err *e) MUST_CHECK;

#endif
