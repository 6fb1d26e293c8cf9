/*
 * listener.h - the thread that hears of changed jobs, wakes who waits for them and tells streams.
 *
 * Postgres notifies on the channel jobs_changed; the payload is the ids of the jobs, with blanks
 * between them, or nothing: then any job may have changed. After a new connection news may have
 * been missed, so that everybody who waits looks again. New jobs are on the channel jobs_created:
 * only streams want to know of them.
 *
 * Between two notifications it reads the changed jobs for streams, on the same connection.
 */
#ifndef WEB_LISTENER_H
#define WEB_LISTENER_H

#include "web/web.h"

struct listener;

/* Returns a new one, or NULL with *e. */
struct listener *listener_start(struct web *web, struct err *e) MUST_CHECK;
void listener_stop(struct listener *l);

#endif
