/*
 * budget.h - how many source bytes may be in memory at once. Pure: it counts and says yes or no.
 *
 * Bytes are taken as they arrive, and given back when their download fails or when nothing needs a
 * finished source any more. One download at a time may go over, and only while no finished source
 * waits to be given back: so one of them always gets on, and never more than max_bytes and one
 * source are held.
 */
#ifndef FETCH_BUDGET_H
#define FETCH_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

struct budget {
    int64_t max_bytes;
    int64_t held;     /* by unfinished and finished ones */
    int64_t finished; /* of these, what budget_release() is still to give back */
    const void *over; /* who may go over, or NULL: nobody does */
};

/* Takes len bytes for who, or returns false: it must wait. */
bool budget_take(struct budget *b, const void *who, int64_t len);

/* Whether len bytes would be given to who. */
bool budget_would_give(const struct budget *b, const void *who, int64_t len);

/* who has ended, with len bytes in all that someone else is to release, */
void budget_finish(struct budget *b, const void *who, int64_t len);

/* or that are gone. */
void budget_drop(struct budget *b, const void *who, int64_t len);

void budget_release(struct budget *b, int64_t len);

#endif
