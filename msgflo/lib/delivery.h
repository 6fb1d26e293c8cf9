/*
 * delivery.h - one handing-over of a message: made by a transport, kept by the participant.
 */
#ifndef MSGFLO_DELIVERY_H
#define MSGFLO_DELIVERY_H

#include "error.h"

struct inport; /* inport.h */

struct msgflo_delivery {
    struct inport *inport;               /* which holds it */
    struct msgflo_delivery *prev, *next; /* in a list of that port's */
    uint64_t tag;                        /* rises within a port until its deliveries are voided */
    bool voided;                         /* the broker has taken it back: ending it only frees */
    bool redelivered;
    size_t size;
    size_t header_count;
    /* All within this one allocation: */
    const char **headers;     /* name, value, name, value ... */
    const char *content_type; /* or NULL */
    const char *message_id;   /* or NULL */
    char *texts;              /* what all of these point to */
    char *body;               /* and a NUL after it */
};

/* New, for free(): with room for header_count pairs, for text_size bytes of them, content
 * type and message id with their NULs, and for size bytes of body. The caller fills all of it in.
 * NULL without memory. */
struct msgflo_delivery *delivery_new(size_t size, size_t header_count, size_t text_size);

#endif
