#include "event_ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEAD_SIZE 120

struct event_ring {
    size_t most_events, most_bytes;
    uint64_t next, oldest;
    size_t bytes;
    struct event events[]; /* that of number n is at n % most_events */
};

struct event_ring *event_ring_new(size_t most_events, size_t most_bytes)
{
    struct event_ring *ring = calloc(1, sizeof *ring + most_events * sizeof *ring->events);

    if (!ring)
        return NULL;
    ring->most_events = most_events;
    ring->most_bytes = most_bytes;
    ring->next = ring->oldest = 1;
    return ring;
}

static struct event *slot_of(struct event_ring *ring, uint64_t seq)
{
    return &ring->events[seq % ring->most_events];
}

static void drop_oldest(struct event_ring *ring)
{
    struct event *oldest = slot_of(ring, ring->oldest++);

    ring->bytes -= oldest->len;
    free(oldest->text);
    oldest->text = NULL;
}

void event_ring_free(struct event_ring *ring)
{
    if (!ring)
        return;
    while (ring->oldest < ring->next)
        drop_oldest(ring);
    free(ring);
}

int event_ring_add(struct event_ring *ring, const struct event *event_take)
{
    if (event_take->len > ring->most_bytes) {
        free(event_take->text);
        return -1;
    }
    while (ring->oldest < ring->next && (ring->next - ring->oldest == ring->most_events ||
                                         ring->bytes + event_take->len > ring->most_bytes))
        drop_oldest(ring);
    *slot_of(ring, ring->next++) = *event_take;
    ring->bytes += event_take->len;
    return 0;
}

uint64_t event_ring_next(const struct event_ring *ring)
{
    return ring->next;
}

uint64_t event_ring_oldest(const struct event_ring *ring)
{
    return ring->oldest;
}

const struct event *event_ring_at(const struct event_ring *ring, uint64_t seq)
{
    return &ring->events[seq % ring->most_events];
}

size_t event_mark_base(char *text, const char *base)
{
    const size_t len = strlen(base);
    char *from = text, *to = text, *found;

    while ((found = strstr(from, base))) {
        memmove(to, from, (size_t)(found - from));
        to += found - from;
        *to++ = EVENT_BASE_MARK;
        from = found + len;
    }
    memmove(to, from, strlen(from) + 1);
    return (size_t)(to - text) + strlen(to);
}

/* Copies what is wanted of an event that is written from its beginning each time. */
struct writer {
    size_t skip; /* bytes that have been sent before */
    char *to;
    size_t room;
    bool whole;
};

static void put(struct writer *w, const char *bytes, size_t len)
{
    const size_t skipped = len < w->skip ? len : w->skip;
    size_t n = len - skipped;

    w->skip -= skipped;
    if (n > w->room) {
        n = w->room;
        w->whole = false;
    }
    memcpy(w->to, bytes + skipped, n);
    w->to += n;
    w->room -= n;
}

static void put_text(struct writer *w, const struct event *event, const char *base_url)
{
    const char *from = event->text, *end = from + event->len, *mark;

    while ((mark = memchr(from, EVENT_BASE_MARK, (size_t)(end - from)))) {
        put(w, from, (size_t)(mark - from));
        put(w, base_url, strlen(base_url));
        from = mark + 1;
    }
    put(w, from, (size_t)(end - from));
}

/* All before the data. Of a job's own stream only its job events have an id: whoever comes back
 * with that version has been told all that led to it. */
static void put_head(struct writer *w, const struct event *event, uint64_t seq, const char *origin)
{
    static const char *const names[] = {
        [EVENT_JOB] = "job", [EVENT_IMAGE] = "image", [EVENT_RESET] = "reset"};
    char head[HEAD_SIZE];
    int len = snprintf(head, sizeof head, "event: %s\n", names[event->kind]);

    put(w, head, (size_t)len);
    len = 0;
    if (origin)
        len = snprintf(head, sizeof head, "id: %.40s-%" PRIu64 "\n", origin, seq);
    else if (event->kind == EVENT_JOB)
        len = snprintf(head, sizeof head, "id: %" PRId64 "\n", event->version);
    put(w, head, (size_t)len);
}

size_t event_write(const struct event *event, uint64_t seq, const struct event_style *style,
                   size_t *sent, char *buf, size_t max, bool *ret_whole)
{
    struct writer w = {.skip = *sent, .to = buf, .room = max, .whole = true};
    size_t n;

    put_head(&w, event, seq, style->origin);
    put(&w, "data: ", 6);
    put_text(&w, event, style->base_url);
    put(&w, "\n\n", 2);
    n = (size_t)(w.to - buf);
    *sent += n;
    *ret_whole = w.whole;
    return n;
}
