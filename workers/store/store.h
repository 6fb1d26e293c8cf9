/*
 * store.h - the store worker: takes messages in batches, applies each batch in one transaction,
 * tells of the jobs that ended, and acks. One thread, one loop.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/err.h"
#include "job/settings.h"

/*
 * Runs until SIGTERM or SIGINT: takes no more then, finishes the batch in hand and gives back the
 * rest. Losing the broker or the database is logged once an outage and waited out.
 * Returns 0 after an orderly end, or -1 with *e when it could not begin.
 */
int store_run(const struct settings *settings, const char *role, struct err *e) MUST_CHECK;

#endif
