/*
 * reader.h - the thread that reads Postgres for GET: jobs, outputs kept there, and readiness.
 * A large output is read slice by slice, and other requests have their turn between two slices.
 */
#ifndef WEB_READER_H
#define WEB_READER_H

#include "web/web.h"

struct reader;

/* Returns a new one, or NULL with *e. */
struct reader *reader_start(struct web *web, struct err *e) MUST_CHECK;
void reader_stop(struct reader *r);

#endif
