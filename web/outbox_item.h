/*
 * outbox_item.h - one row of the outbox in memory: the messages of one job that are to be sent.
 * It belongs to one thread at a time: the HTTP thread makes it, the writer saves it, the publisher
 * sends it, and the writer takes its row out of the outbox.
 */
#ifndef WEB_OUTBOX_ITEM_H
#define WEB_OUTBOX_ITEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/uuid.h"

#define OUTPORT_INTERACTIVE "resizeimage"
#define OUTPORT_BULK "resizebulk"

struct job_publisher;

struct outbox_message {
    struct outbox_item *item;
    char image[UUID_SIZE];
    char *text;     /* the message, new */
    bool confirmed; /* the broker has it */
};

struct outbox_item {
    char id[24]; /* of the row, a decimal number; "" until it is saved */
    char job[UUID_SIZE];
    const char *outport; /* lent for ever */
    int deferred;        /* times it was refused before */
    bool refused;        /* this time: it waits longer; else it was only not tried */
    size_t count;

    /* owner: the publisher's thread */
    struct job_publisher *publisher;
    size_t next;    /* the first that has not been sent */
    size_t pending; /* sent, fate not known */

    struct outbox_message messages[];
};

/* New, with count messages to be filled in, or NULL at no memory. */
struct outbox_item *outbox_item_new(const char *job, const char *priority, size_t count);
void outbox_item_free(struct outbox_item *item); /* NULL is fine */

/* Whether every message is confirmed: the row may go. */
bool outbox_item_is_confirmed(const struct outbox_item *item);

/* Milliseconds until it is due again: 0 when it was only not tried, else growing from 1 s to 30 s.
 */
int outbox_item_delay_ms(const struct outbox_item *item);

#endif
