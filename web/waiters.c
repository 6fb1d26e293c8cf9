#include "waiters.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BUCKETS 1024 /* a power of two */

struct waiters {
    struct waiters_hooks hooks;
    size_t most_waiting;
    int fd;
    pthread_mutex_t lock;
    /* guarded by lock */
    struct waiter *buckets[BUCKETS];
    size_t count, waiting;
    bool closed; /* nothing parks */
    bool ended;  /* nothing enters */
};

struct waiters *waiters_new(const struct waiters_hooks *hooks, size_t most_waiting, struct err *e)
{
    struct waiters *ws = calloc(1, sizeof *ws);

    if (!ws) {
        err_set(e, ERR_NOMEM, "the registry of waiting requests");
        return NULL;
    }
    ws->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ws->fd < 0) {
        err_set(e, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
        free(ws);
        return NULL;
    }
    ws->hooks = *hooks;
    ws->most_waiting = most_waiting;
    pthread_mutex_init(&ws->lock, NULL);
    return ws;
}

void waiters_free(struct waiters *ws)
{
    if (!ws)
        return;
    close(ws->fd);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}

static struct waiter **bucket_of(struct waiters *ws, const char *job)
{
    size_t hash = 0;

    for (; *job; job++)
        hash = hash * 31 + (unsigned char)*job;
    return &ws->buckets[hash & (BUCKETS - 1)];
}

int waiters_enter(struct waiters *ws, struct waiter *w)
{
    struct waiter **bucket = bucket_of(ws, w->job);
    const uint64_t one = 1;
    bool first;

    pthread_mutex_lock(&ws->lock);
    if (ws->ended) {
        pthread_mutex_unlock(&ws->lock);
        return -1;
    }
    w->previous = NULL;
    w->next = *bucket;
    if (w->next)
        w->next->previous = w;
    *bucket = w;
    w->entered = true;
    w->parked = w->changed = false;
    w->waits = w->wait_until_mono_ms > 0 && ws->waiting < ws->most_waiting && !ws->closed;
    ws->waiting += w->waits;
    first = ws->count++ == 0;
    pthread_mutex_unlock(&ws->lock);
    if (first && write(ws->fd, &one, sizeof one) < 0) {
        /* the counter is full, so it is readable already */
    }
    return 0;
}

/* Under the lock. */
static void take_out(struct waiters *ws, struct waiter *w)
{
    if (w->previous)
        w->previous->next = w->next;
    else
        *bucket_of(ws, w->job) = w->next;
    if (w->next)
        w->next->previous = w->previous;
    w->entered = false;
    ws->waiting -= w->waits;
    ws->count--;
}

void waiters_leave(struct waiters *ws, struct waiter *w)
{
    pthread_mutex_lock(&ws->lock);
    if (w->entered)
        take_out(ws, w);
    pthread_mutex_unlock(&ws->lock);
}

bool waiters_park(struct waiters *ws, struct waiter *w)
{
    bool parked;

    pthread_mutex_lock(&ws->lock);
    parked = w->entered && !w->changed && !ws->closed;
    w->parked = parked;
    w->changed = false;
    pthread_mutex_unlock(&ws->lock);
    return parked;
}

/* Under the lock: tells the waiter, and puts it on the list when it was parked. */
static void mark_changed(struct waiter *w, struct waiter **list)
{
    if (!w->parked) {
        w->changed = true;
        return;
    }
    w->parked = false;
    w->chain = *list;
    *list = w;
}

static void call_each(void (*hook)(struct waiter *w), struct waiter *list)
{
    while (list) {
        struct waiter *next = list->chain; /* the hook may free list */

        hook(list);
        list = next;
    }
}

void waiters_wake(struct waiters *ws, const char *job)
{
    struct waiter *list = NULL;

    pthread_mutex_lock(&ws->lock);
    for (struct waiter *w = *bucket_of(ws, job); w; w = w->next)
        if (strcmp(w->job, job) == 0)
            mark_changed(w, &list);
    pthread_mutex_unlock(&ws->lock);
    call_each(ws->hooks.wake, list);
}

static void wake_everything(struct waiters *ws, bool close)
{
    struct waiter *list = NULL;

    pthread_mutex_lock(&ws->lock);
    ws->closed |= close;
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct waiter *w = ws->buckets[i]; w; w = w->next)
            mark_changed(w, &list);
    pthread_mutex_unlock(&ws->lock);
    call_each(ws->hooks.wake, list);
}

void waiters_wake_all(struct waiters *ws)
{
    wake_everything(ws, false);
}

void waiters_close(struct waiters *ws)
{
    wake_everything(ws, true);
}

size_t waiters_expire(struct waiters *ws, int64_t now_mono_ms, bool all)
{
    struct waiter *woken = NULL, *given_up = NULL, *next;
    uint64_t entered;
    ssize_t len = read(ws->fd, &entered, sizeof entered);
    size_t left;

    (void)len; /* EAGAIN: nothing was entered */
    pthread_mutex_lock(&ws->lock);
    ws->ended |= all;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct waiter *w = ws->buckets[i]; w; w = next) {
            next = w->next;
            if (all || now_mono_ms >= w->give_up_mono_ms) {
                if (!w->parked)
                    ws->hooks.hold(w);
                w->parked = false;
                take_out(ws, w);
                w->chain = given_up;
                given_up = w;
            } else if (w->parked && now_mono_ms >= w->wait_until_mono_ms) {
                mark_changed(w, &woken);
            }
        }
    }
    left = ws->count;
    pthread_mutex_unlock(&ws->lock);
    call_each(ws->hooks.wake, woken);
    call_each(ws->hooks.give_up, given_up);
    return left;
}

int waiters_fd(const struct waiters *ws)
{
    return ws->fd;
}
