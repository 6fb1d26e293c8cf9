/*
 * message.h - an outgoing message before it goes to a transport: with what it passes on of a
 * delivery, and held to the limits that every kind of broker can carry. No I/O.
 */
#ifndef MSGFLO_MESSAGE_H
#define MSGFLO_MESSAGE_H

#include "delivery.h"

/* All of a message's, with their names: they must fit one frame. */
#define HEADERS_MAX_BYTES 32768
#define HEADER_NAME_MAX 255 /* a short string in AMQP */

struct outgoing {
    struct msgflo_message
        m; /* passes_on is carried out: its headers and content type are in here */
    const char *(*headers)[2]; /* what m.headers points to if they were put together here */
};

/* Everything that *m points to is lent to *ret, which is the caller's to outgoing_release().
 * Returns 0, or -1 with *e (MSGFLO_INVALID, MSGFLO_NOMEM); *ret then needs no release. */
int outgoing_prepare(const struct msgflo_message *m, struct outgoing *ret,
                     struct msgflo_error *e) MUST_CHECK;
void outgoing_release(struct outgoing *o);

#endif
