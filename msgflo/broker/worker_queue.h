/*
 * worker_queue.h - what goes between the owner of a broker worker and its thread: two queues, each
 * with a descriptor that wakes who reads it. An item belongs to whoever holds it; it moves whole.
 */
#ifndef MSGFLO_BROKER_WORKER_QUEUE_H
#define MSGFLO_BROKER_WORKER_QUEUE_H

#include <pthread.h>

#include "broker/broker_move.h"

enum worker_item_kind {
    /* commands */
    WORKER_BIND,
    WORKER_UNBIND,
    WORKER_MOVE,
    WORKER_SEND,
    WORKER_OBSERVE,
    WORKER_UNOBSERVE,
    /* events */
    WORKER_CONNECTED,
    WORKER_DISCONNECTED,
    WORKER_DISCOVERED,
    WORKER_OBSERVED,
    WORKER_WARNING
};

struct worker_item {
    struct worker_item *next;
    enum worker_item_kind kind;
    uint64_t number; /* of a command, which comes back as the event that it is done */
    struct err e;    /* of a done command */
    unsigned abilities;
    bool alone;
    struct binding binding, to;
    struct broker_move move;
    unsigned tries; /* that ended with the connection */
    char *name;     /* a queue or an outport */
    char *body;     /* with a NUL after it; also a warning's text */
    size_t size;    /* bytes */
};

struct worker_queue {
    pthread_mutex_t lock;
    struct worker_item *first, **last; /* guarded by lock */
    size_t n, bytes;                   /* guarded by lock: of bodies */
    bool ended;                        /* guarded by lock */
    int fd;                            /* an eventfd */
};

/* New, for worker_item_free(), with copies of the texts (each may be NULL). NULL without memory. */
struct worker_item *worker_item_new(enum worker_item_kind kind, const char *name, const void *body,
                                    size_t size);
int worker_item_set_binding(struct binding *b, const struct binding *from) MUST_CHECK;
void worker_item_free(struct worker_item *item);

int worker_queue_init(struct worker_queue *q, struct err *e) MUST_CHECK;
void worker_queue_release(struct worker_queue *q);

/* Adds it at the end and wakes the reader. Taken. */
void worker_queue_put(struct worker_queue *q, struct worker_item *item_take);
/* The same unless the queue holds max_items or max_bytes already: then it is freed. Whether it was
 * put. */
bool worker_queue_offer(struct worker_queue *q, struct worker_item *item_take, size_t max_items,
                        size_t max_bytes);
/* The first one, new; NULL: none. */
struct worker_item *worker_queue_take(struct worker_queue *q);

/* The writer has ended: wakes the reader, too. */
void worker_queue_end(struct worker_queue *q);
bool worker_queue_ended(struct worker_queue *q);
bool worker_queue_has_items(struct worker_queue *q);
/* Wakes the reader although nothing was put. */
void worker_queue_wake(const struct worker_queue *q);
/* Before looking into the queue after a poll: the descriptor is quiet until something new comes. */
void worker_queue_quiet(const struct worker_queue *q);

#endif
