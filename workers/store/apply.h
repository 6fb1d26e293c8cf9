/*
 * apply.h - a batch of events into Postgres, in one transaction. Hides the SQL.
 */
#ifndef STORE_APPLY_H
#define STORE_APPLY_H

#include "db/db.h"
#include "event.h"

struct apply_rules {
    int attempts_max;
    int64_t retry_delay_ms; /* before the second try */
};

/* A job that has ended, for whoever listens on OUT. */
struct ended_job {
    char id[UUID_SIZE];
    char status[12];
    char *document; /* the message: owned */
    int total, completed, failed, cancelled;
    int64_t took_ms;
    bool ended_now; /* false: told again, because it may not have been told before a crash */
};

struct outcome {
    struct ended_job *ended;
    size_t ended_count;
    size_t images_changed, jobs_changed;
    size_t unknown; /* images that are not in the database: deleted */
};

void outcome_release(struct outcome *o);

/*
 * Applies events in their order; their jobs and images are locked, written, recounted and notified
 * in one transaction. Adds to *ret, which must be initialised. Returns 0 once it is committed, or
 * -1 with *e and nothing added: ERR_INPUT and ERR_LIMIT when the data were refused, so that
 * another try of the same batch is in vain; else it may be tried again, with `again` set in the
 * events, because it may have been committed for all we know.
 */
int apply_events(struct db *db, const struct apply_rules *rules, const struct event *const *events,
                 size_t n, struct outcome *ret, struct err *e) MUST_CHECK;

/* Takes jobs that web has ended by cancelling them, to tell of them: for 30 seconds they are nobody
 * else's. Fills *ret, which must be initialised. Returns 0, or -1 with *e. */
int apply_take_untold(struct db *db, struct outcome *ret, struct err *e) MUST_CHECK;

/* They have been told of. Returns 0, or -1 with *e: they will be told of again. */
int apply_forget_untold(struct db *db, const struct outcome *told, struct err *e) MUST_CHECK;

#endif
