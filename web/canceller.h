/*
 * canceller.h - the transaction that cancels jobs. Called by the thread that owns the connection.
 */
#ifndef WEB_CANCELLER_H
#define WEB_CANCELLER_H

#include "base/uuid.h"
#include "db/db.h"

/* A store holds a job for milliseconds. One that hangs in its transaction must not keep the writer,
 * and with it all new jobs, for the whole time that a statement may take. */
#define CANCEL_LOCK_MS 1000
/* Once that was too little: of many jobs, each may be held. */
#define CANCEL_LOCK_AGAIN_MS 20

/*
 * Cancels some jobs: their queued images end, those in work go on but are not tried again, what
 * waits in the outbox is not sent, and who waits for the jobs is woken. Nothing happens to jobs
 * that have ended or do not exist, so that it may be done again. Returns 0 once it is committed, or
 * -1 with *e (ERR_TIMEOUT: somebody has held one of them for lock_ms).
 */
int cancel_jobs(struct db *db, const char *const *jobs, size_t n, int lock_ms,
                struct err *e) MUST_CHECK;

#endif
