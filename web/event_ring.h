/*
 * event_ring.h - the last events, each told to many streams: one ring for all of them, bounded in
 * events and in bytes. A stream holds no text but the number of the event it is at and how much of
 * that it has been given; when the ring has gone past it, it finds out. Pure; its owner guards it.
 */
#ifndef WEB_EVENT_RING_H
#define WEB_EVENT_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

/* Stands in an event's text for the address that its reader knows this service by. JSON holds no
 * such byte. */
#define EVENT_BASE_MARK '\x01'

enum event_kind {
    EVENT_JOB,
    EVENT_IMAGE,
    EVENT_RESET /* news may have been missed */
};

struct event {
    enum event_kind kind;
    char job[UUID_SIZE]; /* "" for EVENT_RESET */
    int64_t version;     /* of the job, when this became so */
    bool for_all;        /* told to streams of all jobs too, not only to those of its job */
    bool ends;           /* the job has ended: nothing comes after it */
    char *text;          /* JSON, new */
    size_t len;
};

struct event_ring;

/* New and empty, or NULL at no memory. */
struct event_ring *event_ring_new(size_t most_events, size_t most_bytes) MUST_CHECK;
void event_ring_free(struct event_ring *ring); /* NULL is fine */

/* Adds it; its text is taken, and the oldest events go where there is no room. Returns 0, or -1
 * when it alone is more than the ring holds: it is then not in it. */
int event_ring_add(struct event_ring *ring, const struct event *event_take) MUST_CHECK;

/* Events are numbered from 1: the number that the next one will have, and that of the oldest that
 * is there (the next one's when there is none). */
uint64_t event_ring_next(const struct event_ring *ring);
uint64_t event_ring_oldest(const struct event_ring *ring);

/* Lent until the next event_ring_add(). seq: from the oldest to before the next. */
const struct event *event_ring_at(const struct event_ring *ring, uint64_t seq);

/* Puts the mark in the place of each `base` in the text. Returns its new length. */
size_t event_mark_base(char *text, const char *base);

/* How a reader is told an event. */
struct event_style {
    const char
        *origin; /* of the ids: "{origin}-{seq}"; NULL: a job's events have its version as id */
    const char *base_url; /* in the place of EVENT_BASE_MARK */
};

/*
 * Writes an event as text/event-stream has it, from the byte *sent of it on, at most max bytes.
 * Returns how many, and adds them to *sent; *ret_whole says whether it is all written now.
 */
size_t event_write(const struct event *event, uint64_t seq, const struct event_style *style,
                   size_t *sent, char *buf, size_t max, bool *ret_whole);

#endif
