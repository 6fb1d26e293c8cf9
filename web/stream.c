/*
 * Design notes. A stream has no queue of its own, so that memory stays the same however many there
 * are and however slow they read: what it holds is the number of an event in the ring. While it is
 * told all there is (`told_all`) that number means nothing, and the first event that concerns it
 * sets it; so a stream of a quiet job is never "behind" because others had much to say.
 */
#include "streams.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "web/streams_inner.h"

/* ---- what it begins with */

/* Whether it is the id of an event that is still there or the last before those: *ret is the next.
 */
static bool find_next_locked(const struct streams *ss, const char *last_event_id, uint64_t *ret)
{
    const size_t len = strlen(ss->origin);
    char *end;
    uint64_t seq;

    if (!last_event_id || strlen(last_event_id) > LAST_EVENT_ID_MAX ||
        strncmp(last_event_id, ss->origin, len) != 0 || last_event_id[len] != '-' ||
        last_event_id[len + 1] < '0' || last_event_id[len + 1] > '9')
        return false;
    errno = 0;
    seq = strtoull(last_event_id + len + 1, &end, 10);
    *ret = seq + 1;
    return *end == '\0' && errno == 0 && seq < event_ring_next(ss->ring) &&
           seq + 1 >= event_ring_oldest(ss->ring);
}

static void set_note(struct stream *s, const char *note)
{
    const int len = snprintf(s->note, sizeof s->note, "%s", note);

    s->first = s->note;
    s->first_len = (size_t)len;
    s->first_sent = 0;
}

/* Only news from here on; before them, that there may have been others. */
static void begin_at_end_locked(struct stream *s, const char *before)
{
    const struct streams *ss = s->owner;
    char note[NOTE_SIZE];

    snprintf(note, sizeof note, "%sevent: reset\nid: %s-%" PRIu64 "\ndata: {}\n\n", before,
             ss->origin, event_ring_next(ss->ring) - 1);
    set_note(s, note);
    s->told_all = true;
}

void stream_begin_of_all_locked(struct stream *s, const char *last_event_id)
{
    char retry[40];

    snprintf(retry, sizeof retry, "retry: %d\n\n", STREAM_RETRY_MS);
    if (!find_next_locked(s->owner, last_event_id, &s->at)) {
        begin_at_end_locked(s, retry);
        return;
    }
    set_note(s, retry);
    s->told_all = s->at == event_ring_next(s->owner->ring);
}

void stream_release_first(struct stream *s)
{
    s->first = NULL;
    if (!s->owned)
        return;
    free(s->owned);
    s->owned = NULL;
    atomic_fetch_sub(s->owner->options.held, s->held);
}

int stream_begin(struct stream *s, char *job_take, int64_t version, bool ended, struct err *e)
{
    AUTO(text_freep) char *job = job_take;
    struct streams *ss = s->owner;
    struct buf first = BUF_INIT;
    long long held;

    buf_printf(&first, "retry: %d\n\nevent: job\nid: %" PRId64 "\ndata: %s\n\n", STREAM_RETRY_MS,
               version, job ? job : "");
    held = (long long)first.len;
    if (first.failed || !job) {
        buf_release(&first);
        return err_set(e, ERR_NOMEM, "the job of a stream");
    }
    if (atomic_fetch_add(ss->options.held, held) + held > ss->options.held_max) {
        atomic_fetch_sub(ss->options.held, held);
        buf_release(&first);
        return err_set(e, ERR_LIMIT, "too much is in hand already");
    }
    s->held = held;
    s->first_len = first.len;
    s->first = s->owned = buf_detach(&first);
    pthread_mutex_lock(&ss->lock);
    s->version = version;
    s->ends = ended;
    /* Who alone waits for news of it needs none of those before; others may. */
    if (s->mark->watcher_count == 1 && s->mark->version == 0 &&
        !streams_want_all_locked(ss, s->quiet_since_mono_ms))
        s->mark->version = version;
    pthread_mutex_unlock(&ss->lock);
    return 0;
}

/* ---- what comes then */

static size_t read_first(struct stream *s, char *buf, size_t max)
{
    const size_t left = s->first_len - s->first_sent, n = left < max ? left : max;

    memcpy(buf, s->first + s->first_sent, n);
    s->first_sent += n;
    if (s->first_sent == s->first_len)
        stream_release_first(s);
    return n;
}

/* Whether the event is for the stream. */
static bool concerns(const struct stream *s, const struct event *event)
{
    if (!s->mark)
        return event->for_all;
    return event->version > s->version && strcmp(event->job, s->mark->job) == 0;
}

/* Goes on to the next event that is for the stream. Returns NULL when there is none. */
static const struct event *next_event_locked(struct stream *s)
{
    const struct event_ring *ring = s->owner->ring;

    while (!s->told_all && s->at < event_ring_next(ring)) {
        const struct event *event = event_ring_at(ring, s->at);

        if (s->sent > 0 || concerns(s, event))
            return event;
        s->at++;
    }
    s->told_all = true;
    return NULL;
}

/* Events, as many as there is room for. Returns how many bytes. */
static size_t read_events_locked(struct stream *s, char *buf, size_t max)
{
    const struct event_style style = {s->mark ? NULL : s->owner->origin, s->base_url};
    const struct event *event;
    size_t n = 0;

    while (n < max && !s->ends && (event = next_event_locked(s))) {
        bool whole;

        n += event_write(event, s->at, &style, &s->sent, buf + n, max - n, &whole);
        if (!whole)
            break;
        s->ends = s->mark && event->ends;
        s->at++;
        s->sent = 0;
    }
    return n;
}

/* The ring has gone past the stream. */
static ssize_t fall_behind_locked(struct stream *s, char *buf, size_t max)
{
    if (s->sent > 0)
        return STREAM_CUT;
    if (s->mark)
        return STREAM_ENDS;
    begin_at_end_locked(s, "");
    return (ssize_t)read_first(s, buf, max);
}

static ssize_t read_locked(struct stream *s, char *buf, size_t max)
{
    static const char beat[] = ":\n\n";
    size_t n;

    if (s->owner->ended)
        return s->first || s->sent > 0 ? STREAM_CUT : STREAM_ENDS;
    if (s->first)
        return (ssize_t)read_first(s, buf, max);
    if (!s->told_all && s->at < event_ring_oldest(s->owner->ring))
        return fall_behind_locked(s, buf, max);
    n = read_events_locked(s, buf, max);
    if (n > 0)
        return (ssize_t)n;
    if (s->ends || s->lost)
        return STREAM_ENDS;
    if (!s->beat || max < sizeof beat - 1)
        return 0;
    memcpy(buf, beat, sizeof beat - 1);
    return sizeof beat - 1;
}

ssize_t stream_read(struct stream *s, char *buf, size_t max)
{
    struct streams *ss = s->owner;
    ssize_t n;

    pthread_mutex_lock(&ss->lock);
    n = read_locked(s, buf, max);
    if (n > 0) {
        s->quiet_since_mono_ms = clock_mono_ms();
        s->beat = false;
    }
    pthread_mutex_unlock(&ss->lock);
    return n;
}

bool stream_park(struct stream *s)
{
    struct streams *ss = s->owner;
    bool parked;

    pthread_mutex_lock(&ss->lock);
    parked = !s->first && s->told_all && !s->beat && !s->ends && !s->lost && !ss->ended;
    s->parked = parked;
    pthread_mutex_unlock(&ss->lock);
    return parked;
}
