/*
 * stats_reader.h - the reader's side of GET /stats: which questions are asked, and the answers.
 *
 * Statistics are made in slices of a few thousand rows, and other requests have their turn between
 * two slices. One question is worked on at a time; whoever puts the same one meanwhile, or soon
 * after, has the same answer. All calls are the reader's thread's.
 */
#ifndef WEB_STATS_READER_H
#define WEB_STATS_READER_H

#include "db/db.h"
#include "web/web.h"

struct request;
struct stats_reader;

/* New, or NULL with *e. */
struct stats_reader *stats_reader_new(struct web *web, struct err *e) MUST_CHECK;
void stats_reader_free(struct stats_reader *sr); /* NULL is fine; nobody is answered any more */

/* Takes a request over: it is settled now or by a later step. */
void stats_reader_ask(struct stats_reader *sr, struct request *r);

bool stats_reader_has_work(struct stats_reader *sr);

/* Reads one slice. Returns 0, or -1 with *e once who asked has been told. */
int stats_reader_step(struct stats_reader *sr, struct db *db, struct err *e) MUST_CHECK;

#endif
