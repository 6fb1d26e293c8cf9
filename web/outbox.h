/*
 * outbox.h - the statements on the table outbox. Called by the thread that owns the connection.
 */
#ifndef WEB_OUTBOX_H
#define WEB_OUTBOX_H

#include "db/db.h"
#include "web/outbox_item.h"

/*
 * Leases up to max rows that are due, for lease_s seconds. Returns how many (fills items, new ones
 * for outbox_item_free()), or -1 with *e; what is leased and then not returned comes back when its
 * lease is over.
 */
int outbox_take(struct db *db, int64_t lease_s, struct outbox_item **items, size_t max,
                struct err *e) MUST_CHECK;

/* Deletes the rows of items that are confirmed and gives back the others with what is left of
 * them. Returns 0, or -1 with *e: then nothing is known, and it may be called again. */
int outbox_finish(struct db *db, struct outbox_item *const *items, size_t n,
                  struct err *e) MUST_CHECK;

#endif
