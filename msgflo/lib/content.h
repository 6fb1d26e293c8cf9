/*
 * content.h - puts a delivery, or a returned message, together from AMQP's frames: a method, a
 * header, and as many body frames as it takes (AMQP 0-9-1, 2.3.5.2). One for each channel.
 * It keeps nothing that rabbitmq-c owns, so its buffers may be released after every frame.
 */
#ifndef MSGFLO_CONTENT_H
#define MSGFLO_CONTENT_H

#include "broker_link.h"

struct content {
    enum { CONTENT_NONE, CONTENT_DELIVERY, CONTENT_RETURN } kind;
    uint64_t tag; /* CONTENT_DELIVERY: its delivery tag */
    bool redelivered;
    uint64_t body_size, received;     /* bytes; body_size is 0 until the header came */
    struct msgflo_delivery *delivery; /* NULL for a message that is only passed over */
    uint64_t publish_seq;             /* CONTENT_RETURN: from its message id; 0: not one of ours */
};

void content_release(struct content *c);

/* Each returns 1 when the message is whole, 0 when more must come, or -1 with *e. */
int content_deliver(struct content *c, const amqp_basic_deliver_t *m);
int content_return(struct content *c);
/* A delivery above max_bytes is passed over: whole, it has no c->delivery. */
int content_header(struct content *c, const amqp_frame_t *frame, size_t max_bytes,
                   const char *participant_id, struct msgflo_error *e);
int content_body(struct content *c, amqp_bytes_t part, struct msgflo_error *e);

#endif
