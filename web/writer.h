/*
 * writer.h - the thread that writes to Postgres: saves new jobs, several requests' in one
 * transaction, cancels jobs in the same way, and keeps the outbox: rows that are confirmed go,
 * others wait longer, and those that are due are given to the publisher.
 */
#ifndef WEB_WRITER_H
#define WEB_WRITER_H

#include "web/web.h"

struct writer;

/* done: where the publisher puts what it has finished. Returns a new one, or NULL with *e. */
struct writer *writer_start(struct web *web, struct queue *done, struct err *e) MUST_CHECK;

/* Writes what waits in its queues and ends. After job_publisher_stop(). */
void writer_stop(struct writer *w);

#endif
