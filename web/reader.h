/*
 * reader.h - the thread that reads Postgres for GET: jobs and lists of them, statistics, outputs
 * kept there, and readiness. A large output is read slice by slice, and other requests have their
 * turn between two slices.
 */
#ifndef WEB_READER_H
#define WEB_READER_H

#include "web/web.h"

/*
 * What this thread asks is all by index, and some of it a few rows at a time in the order of an
 * index. A planner whose statistics are behind, as they are for what has just happened, believes
 * that there are few rows anyway and prefers to gather and sort them: all of them, for each slice.
 */
#define READER_SETTINGS                                                                            \
    "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off"

struct reader;

/* Returns a new one, or NULL with *e. */
struct reader *reader_start(struct web *web, struct err *e) MUST_CHECK;
void reader_stop(struct reader *r);

#endif
