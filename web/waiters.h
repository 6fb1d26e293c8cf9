/*
 * waiters.h - the requests that are suspended: until when each may be, and which job it waits for.
 *
 * libmicrohttpd never times out a suspended request, so that everything suspended is entered here.
 * A waiter for a job registers (waiters_enter) before the job is read; when the job has not ended
 * it parks, and a change that came in between is not lost: it may not park then and reads again.
 *
 * Safe from any thread. The hooks are called without the lock.
 */
#ifndef WEB_WAITERS_H
#define WEB_WAITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

/* Lives inside its owner, a request. All guarded by the registry's lock while entered. */
struct waiter {
    struct waiter *next, *previous; /* in its bucket */
    struct waiter *chain;           /* while being called out */
    char job[UUID_SIZE];            /* "": none */
    int64_t give_up_mono_ms;        /* the answer is due by then, whatever happens */
    int64_t wait_until_mono_ms;     /* a parked one goes on by then, changed or not; 0: waits not */
    bool entered, parked, changed;
    bool waits; /* may park: counts among the most that wait for a job */
};

struct waiters;

struct waiters_hooks {
    /* Called with the lock held, before give_up(), for a waiter that somebody else works on: keeps
     * it from being freed. */
    void (*hold)(struct waiter *w);
    /* The time is up. Ends what hold() began; a parked one's owner passes to it as by wake(). */
    void (*give_up)(struct waiter *w);
    /* Was parked: its ownership passes from who parked it to this hook. */
    void (*wake)(struct waiter *w);
};

/* most_waiting: how many may wait for a job at once. New, or NULL with *e. */
struct waiters *waiters_new(const struct waiters_hooks *hooks, size_t most_waiting,
                            struct err *e) MUST_CHECK;
void waiters_free(struct waiters *ws); /* NULL is fine; nothing is entered any more */

/* Job and times are filled in by the caller. w->waits then says whether it may wait for its job:
 * not when too many do already; it is entered all the same. Returns 0, or -1 once everything was
 * given up: nobody would answer it, and it is not entered. */
int waiters_enter(struct waiters *ws, struct waiter *w) MUST_CHECK;

/* Takes it out; harmless when it is not in. */
void waiters_leave(struct waiters *ws, struct waiter *w);

/* Parks it. Returns false if its job changed since it was entered or last looked at, if it was
 * given up or if waiting is over: then it is not parked, and the caller goes on with it. */
bool waiters_park(struct waiters *ws, struct waiter *w);

/* The job has changed. */
void waiters_wake(struct waiters *ws, const char *job);

/* Any job may have changed: news may have been missed. */
void waiters_wake_all(struct waiters *ws);

/* No waiting any more: parked ones go on, and nothing parks. For the end of the process. */
void waiters_close(struct waiters *ws);

/* Wakes and gives up what is due at now. all: gives up everything, and nothing enters any more.
 * Returns how many are left. */
size_t waiters_expire(struct waiters *ws, int64_t now_mono_ms, bool all);

/* Readable once something was entered while none was: whoever calls waiters_expire() may sleep
 * until then. */
int waiters_fd(const struct waiters *ws);

#endif
