#include "broker/worker_queue.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- items ---- */

struct worker_item *worker_item_new(enum worker_item_kind kind, const char *name, const void *body,
                                    size_t size)
{
    struct worker_item *item = calloc(1, sizeof(*item));

    if (!item)
        return NULL;
    item->kind = kind;
    item->name = name ? strdup(name) : NULL;
    item->body = body ? malloc(size + 1) : NULL;
    if ((name && !item->name) || (body && !item->body)) {
        worker_item_free(item);
        return NULL;
    }
    if (body) {
        memcpy(item->body, body, size);
        item->body[size] = '\0';
        item->size = size;
    }
    return item;
}

int worker_item_set_binding(struct binding *b, const struct binding *from)
{
    b->kind = from->kind;
    b->src = strdup(from->src);
    b->tgt = strdup(from->tgt);
    return b->src && b->tgt ? 0 : -1;
}

void worker_item_free(struct worker_item *item)
{
    if (!item)
        return;
    free(item->binding.src);
    free(item->binding.tgt);
    free(item->to.src);
    free(item->to.tgt);
    free(item->name);
    free(item->body);
    free(item);
}

/* ---- queues ---- */

int worker_queue_init(struct worker_queue *q, struct err *e)
{
    memset(q, 0, sizeof(*q));
    q->last = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return q->fd < 0 ? err_set(e, ERR_NOMEM, "eventfd: %s", strerror(errno)) : 0;
}

void worker_queue_release(struct worker_queue *q)
{
    struct worker_item *item;

    while ((item = worker_queue_take(q)))
        worker_item_free(item);
    if (q->fd >= 0)
        close(q->fd);
    pthread_mutex_destroy(&q->lock);
}

/* A counter that is full wakes as well. */
void worker_queue_wake(const struct worker_queue *q)
{
    const uint64_t one = 1;

    while (write(q->fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void worker_queue_quiet(const struct worker_queue *q)
{
    uint64_t count;

    while (read(q->fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

bool worker_queue_offer(struct worker_queue *q, struct worker_item *item_take, size_t max_items,
                        size_t max_bytes)
{
    bool fits;

    pthread_mutex_lock(&q->lock);
    fits = q->n < max_items && q->bytes < max_bytes;
    if (fits) {
        *q->last = item_take;
        q->last = &item_take->next;
        q->n++;
        q->bytes += item_take->size;
    }
    pthread_mutex_unlock(&q->lock);
    if (fits)
        worker_queue_wake(q);
    else
        worker_item_free(item_take);
    return fits;
}

void worker_queue_put(struct worker_queue *q, struct worker_item *item_take)
{
    (void)worker_queue_offer(q, item_take, SIZE_MAX, SIZE_MAX);
}

struct worker_item *worker_queue_take(struct worker_queue *q)
{
    struct worker_item *item;

    pthread_mutex_lock(&q->lock);
    item = q->first;
    if (item) {
        q->first = item->next;
        if (!q->first)
            q->last = &q->first;
        q->n--;
        q->bytes -= item->size;
        item->next = NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return item;
}

void worker_queue_end(struct worker_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->ended = true;
    pthread_mutex_unlock(&q->lock);
    worker_queue_wake(q);
}

bool worker_queue_ended(struct worker_queue *q)
{
    bool ended;

    pthread_mutex_lock(&q->lock);
    ended = q->ended;
    pthread_mutex_unlock(&q->lock);
    return ended;
}

bool worker_queue_has_items(struct worker_queue *q)
{
    bool has;

    pthread_mutex_lock(&q->lock);
    has = q->first != NULL;
    pthread_mutex_unlock(&q->lock);
    return has;
}
