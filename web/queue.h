/*
 * queue.h - a bounded queue of pointers between threads, with a descriptor to poll.
 * Ownership of an item moves with it. Any thread may push; one thread takes.
 */
#ifndef WEB_QUEUE_H
#define WEB_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct queue;

/* New and empty, for queue_free(); or NULL with *e. */
struct queue *queue_new(size_t capacity, struct err *e) MUST_CHECK;
void queue_free(struct queue *q); /* NULL is fine. Items still inside are the caller's to free. */

/* Returns 0, or -1 when it is full: the item is then still the caller's. */
int queue_push(struct queue *q, void *item) MUST_CHECK;

/* Moves up to max items, oldest first, to items. Returns how many; never waits. */
size_t queue_take(struct queue *q, void **items, size_t max);

/* How many more it would take now; other threads may change that at once. */
size_t queue_room(struct queue *q);

/* Makes queue_fd() readable without an item: to have the taker look at something else. */
void queue_wake(struct queue *q);

/* Readable once something was pushed or queue_wake() was called, until the next queue_take(). */
int queue_fd(const struct queue *q);

#endif
