/*
 * arrival.h - a delivery to the tool, put together from AMQP's frames: a method, a header, and as
 * many body frames as it takes (AMQP 0-9-1, 2.3.5.2). It keeps nothing that rabbitmq-c owns.
 */
#ifndef MSGFLO_BROKER_ARRIVAL_H
#define MSGFLO_BROKER_ARRIVAL_H

#include "lib/broker_link.h"

#define SHORT_TEXT_SIZE 256 /* a short string and a NUL (AMQP 0-9-1, 4.2.5.3) */

struct stream; /* session.h */

struct arrival {
    struct arrival *next;
    struct stream *stream; /* that it came by */
    uint64_t tag;
    uint64_t size, received; /* bytes */
    uint64_t timestamp_s;    /* since 1970; 0: it has none */
    char *body;              /* with a NUL after it; NULL: it is too large to be kept */
    char content_type[SHORT_TEXT_SIZE], expiration[SHORT_TEXT_SIZE], message_id[SHORT_TEXT_SIZE];
};

/* New, for arrival_free(); NULL without memory. */
struct arrival *arrival_new(struct stream *stream, uint64_t tag);
void arrival_free(struct arrival *a);

/* Each returns 1 when the message is whole, 0 when more must come, or -1 with *e. A body above
 * max_bytes is passed over. */
int arrival_header(struct arrival *a, const amqp_frame_t *frame, uint64_t max_bytes,
                   struct msgflo_error *e) MUST_CHECK;
int arrival_body(struct arrival *a, amqp_bytes_t part, struct msgflo_error *e) MUST_CHECK;

#endif
