/*
 * inport.h - the deliveries of one inport from the transport to their end, and the acks that are
 * gathered: they are written in one go, so that a port whose deliveries end in order costs one
 * frame for many. The functions with which a program ends a delivery are here, too.
 */
#ifndef MSGFLO_INPORT_H
#define MSGFLO_INPORT_H

#include "transport.h"

struct delivery_list {
    struct msgflo_delivery *first, *last;
};

struct inport {
    struct transport *transport;
    size_t index; /* in the definition */
    const struct port *port;
    struct delivery_list open;       /* not ended, by tag: handed over, then waiting */
    struct msgflo_delivery *waiting; /* of those, the first not handed over, or NULL */
    struct delivery_list voided;     /* the program has them, the broker has given them away */
    uint64_t *done;                  /* tags acked but not written yet */
    size_t done_count, done_size;
};

void inport_release(struct inport *in);

/* A new delivery; it waits. */
void inport_add(struct inport *in, struct msgflo_delivery *d_take);

/* Hands the next one that waits to the caller, lent until it ends; NULL if none waits. */
struct msgflo_delivery *inport_next(struct inport *in);

/* How many the program has been handed and has not ended. */
size_t inport_in_hand(const struct inport *in);

/* Those that wait go back to their queue. */
void inport_give_back_waiting(struct inport *in);

/* The broker has taken all of them back: ending one only frees it, those that wait are gone. */
void inport_void(struct inport *in);

void inport_write_acks(struct inport *in);

#endif
