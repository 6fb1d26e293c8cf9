/*
 * batch.h - deliveries as they come in, and those of them that are applied together. Hides how a
 * batch is filled and what becomes of each of its deliveries in the end.
 */
#ifndef STORE_BATCH_H
#define STORE_BATCH_H

#include <msgflo/msgflo.h>

#include "event.h"

struct item {
    struct msgflo_delivery *delivery;
    struct event event;
    bool dead;    /* it came on DEAD: never rejected, because nobody would be left to take it */
    bool refused; /* of no use: rejected in the end */
};

/* First in, first out. */
struct items {
    struct item *list;
    size_t count, size;
};

/* Takes the delivery. Returns 0, or -1 at no memory; the delivery is then requeued. */
int items_add(struct items *items, struct msgflo_delivery *d, const struct event *ev, bool dead,
              bool refused) MUST_CHECK;

/* Moves up to n of the oldest from `from` to the empty `to`. Returns 0, or -1 at no memory. */
int items_take(struct items *from, size_t n, struct items *to) MUST_CHECK;

/* Acks or rejects each and forgets all: what they told is safe. */
void items_settle(struct items *items);

/* Frees all whose connection is lost: the broker gives them to somebody again. */
void items_drop(struct items *items);

/* Frees the list and what it knows; the participant gives back the deliveries when it ends. */
void items_release(struct items *items);

#endif
