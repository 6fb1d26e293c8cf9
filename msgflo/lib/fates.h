/*
 * fates.h - the messages under way, in the order they were sent, until the fate of each is known.
 * Numbers them 1, 2, 3 ... (publish_seq), takes confirms of one or of all up to one in any order,
 * and calls each message's function once. Knows no broker.
 */
#ifndef MSGFLO_FATES_H
#define MSGFLO_FATES_H

#include "error.h"

struct fate_entry;

struct fates {
    struct fate_entry *ring;
    size_t size;    /* slots of the ring, a power of two; 0: none yet */
    uint64_t first; /* the oldest publish_seq without a fate */
    uint64_t next;  /* what the next message gets */
    size_t with_fn; /* entries that have a function to call */
};

void fates_init(struct fates *f);
void fates_release(struct fates *f);

/* Makes room for one more. Returns 0, or -1 without memory. Before sending, so that a message that
 * has been sent is always known. */
int fates_reserve(struct fates *f) MUST_CHECK;

/* Adds the message f->next; there must be room. fn may be NULL. */
void fates_add(struct fates *f, msgflo_sent_fn *fn, void *user);

/* That message came back: a confirm that follows means MSGFLO_RETURNED. Unknown ones are ignored.
 */
void fates_returned(struct fates *f, uint64_t seq);

/* Tells the fate of seq, or of all up to it that have none yet. fn may send again. */
void fates_settle(struct fates *f, uint64_t seq, bool upto, enum msgflo_fate fate,
                  struct msgflo_participant *p);

/* Tells all that are under way now that they are MSGFLO_LOST. */
void fates_lose_all(struct fates *f, struct msgflo_participant *p);

#endif
