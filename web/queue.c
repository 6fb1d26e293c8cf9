#include "queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct queue {
    pthread_mutex_t lock;
    void **items; /* a ring, guarded by lock */
    size_t capacity, first, count;
    int fd;
};

struct queue *queue_new(size_t capacity, struct err *e)
{
    struct queue *q = calloc(1, sizeof *q);

    if (!q || !(q->items = calloc(capacity, sizeof *q->items))) {
        free(q);
        err_set(e, ERR_NOMEM, "queue of %zu", capacity);
        return NULL;
    }
    q->capacity = capacity;
    q->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (q->fd < 0) {
        err_set(e, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
        free(q->items);
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->lock, NULL);
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    close(q->fd);
    pthread_mutex_destroy(&q->lock);
    free(q->items);
    free(q);
}

void queue_wake(struct queue *q)
{
    const uint64_t one = 1;
    ssize_t written = write(q->fd, &one, sizeof one);

    (void)written; /* it fails only when the counter is full, and then it is readable already */
}

int queue_push(struct queue *q, void *item)
{
    bool was_empty, full;

    pthread_mutex_lock(&q->lock);
    full = q->count == q->capacity;
    was_empty = q->count == 0;
    if (!full)
        q->items[(q->first + q->count++) % q->capacity] = item;
    pthread_mutex_unlock(&q->lock);
    if (full)
        return -1;
    if (was_empty)
        queue_wake(q);
    return 0;
}

size_t queue_take(struct queue *q, void **items, size_t max)
{
    uint64_t woken;
    ssize_t len = read(q->fd, &woken, sizeof woken);
    size_t n = 0;
    bool more;

    (void)len; /* EAGAIN: nobody woke it; there may be items all the same */
    pthread_mutex_lock(&q->lock);
    while (n < max && q->count > 0) {
        items[n++] = q->items[q->first];
        q->first = (q->first + 1) % q->capacity;
        q->count--;
    }
    more = q->count > 0;
    pthread_mutex_unlock(&q->lock);
    if (more)
        queue_wake(q); /* the next push will not: it finds the queue not empty */
    return n;
}

size_t queue_room(struct queue *q)
{
    size_t room;

    pthread_mutex_lock(&q->lock);
    room = q->capacity - q->count;
    pthread_mutex_unlock(&q->lock);
    return room;
}

int queue_fd(const struct queue *q)
{
    return q->fd;
}
