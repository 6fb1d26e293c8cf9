/*
 * news.h - reads the jobs that have changed, once for all streams, and tells them what has become
 * of each. Called by the thread that owns the connection.
 */
#ifndef WEB_NEWS_H
#define WEB_NEWS_H

#include "db/db.h"
#include "web/streams.h"

/* Jobs that one statement reads. */
#define NEWS_JOBS 16

/*
 * Tells what is to be told now, or some of it. Returns 0, with *ret_wait_ms until it is to be
 * called again (0 after each statement: notifications may have come in with its answer), -1: not
 * before streams_news_fd() is readable or the next streams_changed(); or -1 with *e: then
 * streams_missed() is to be called, because what was to be read is not known any more.
 */
int news_tell(struct db *db, struct streams *streams, int *ret_wait_ms, struct err *e) MUST_CHECK;

#endif
