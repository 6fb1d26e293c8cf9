/*
 * Design notes. What the ring cannot say is said by less: of a job that changes fast only the
 * newest version is read; where even that is more than the rate, or the ring has gone past a
 * stream, a reset tells the client to read again what it shows. A stream of one job needs no reset:
 * it ends, and what it begins with when the client is back is the whole job.
 */
#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "web/streams_inner.h"

static const struct event reset_event = {.kind = EVENT_RESET, .for_all = true, .len = 2};

struct streams *streams_new(const struct streams_options *options, struct err *e)
{
    struct streams *ss = calloc(1, sizeof *ss);
    char id[UUID_SIZE];

    if (!ss) {
        err_set(e, ERR_NOMEM, "the streams");
        return NULL;
    }
    ss->options = *options;
    uuid_make(id);
    snprintf(ss->origin, sizeof ss->origin, "%s", id + UUID_SIZE - ORIGIN_SIZE);
    pthread_mutex_init(&ss->lock, NULL);
    ss->allowance = options->rate * 1000;
    ss->reset_mono_ms = INT64_MIN / 2;
    ss->step_mono_ms = INT64_MIN / 2;
    ss->ring = event_ring_new(EVENTS_MAX, EVENTS_BYTES_MAX);
    ss->marks = job_marks_new(STREAM_JOBS_MAX);
    ss->created_mono_ms = INT64_MIN / 2;
    ss->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    ss->news_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ss->ring && ss->marks && ss->fd >= 0 && ss->news_fd >= 0)
        return ss;
    if (ss->fd < 0 || ss->news_fd < 0)
        err_set(e, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
    else
        err_set(e, ERR_NOMEM, "the ring of events");
    streams_free(ss);
    return NULL;
}

void streams_free(struct streams *ss)
{
    if (!ss)
        return;
    event_ring_free(ss->ring);
    job_marks_free(ss->marks);
    if (ss->fd >= 0)
        close(ss->fd);
    if (ss->news_fd >= 0)
        close(ss->news_fd);
    pthread_mutex_destroy(&ss->lock);
    free(ss);
}

/* ---- waking; the functions that end in _locked are called under the lock */

static void wake_locked(struct stream *s, struct stream **list)
{
    if (!s->parked)
        return;
    s->parked = false;
    s->chain = *list;
    *list = s;
}

/* Without the lock. Who was parked is nobody else's until it is resumed. */
static void resume_all(const struct streams *ss, struct stream *list)
{
    while (list) {
        struct stream *next = list->chain; /* it may be closed once it is resumed */

        ss->options.resume(list->connection);
        list = next;
    }
}

static void concern_locked(struct stream *list, uint64_t seq, struct stream **woken)
{
    for (struct stream *s = list; s; s = s->next) {
        if (s->told_all) {
            s->told_all = false;
            s->at = seq;
            s->sent = 0;
        }
        wake_locked(s, woken);
    }
}

/* An event that could not be kept: of streams of one job each ends. */
static void lose_locked(struct streams *ss, const struct event *event, struct job_mark *mark,
                        struct stream **woken)
{
    ss->missed |= event->for_all;
    for (struct stream *s = mark ? mark->watchers : NULL; s; s = s->next) {
        s->lost = true;
        wake_locked(s, woken);
    }
}

static void add_locked(struct streams *ss, const struct event *event_take, struct stream **woken)
{
    struct job_mark *mark =
        event_take->kind == EVENT_RESET ? NULL : job_marks_find(ss->marks, event_take->job);
    const uint64_t seq = event_ring_next(ss->ring);

    if (!event_take->text || event_ring_add(ss->ring, event_take)) {
        lose_locked(ss, event_take, mark, woken);
        return;
    }
    if (mark)
        concern_locked(mark->watchers, seq, woken);
    if (event_take->for_all)
        concern_locked(ss->of_all, seq, woken);
}

/* Tells streams of all jobs that they have missed something. */
static void add_reset_locked(struct streams *ss, int64_t now_mono_ms, struct stream **woken)
{
    struct event event = reset_event;

    event.text = strdup("{}");
    ss->missed = false; /* stays so where there is no memory even for this */
    ss->reset_mono_ms = now_mono_ms;
    add_locked(ss, &event, woken);
}

/* ---- opening and closing */

static void list_add(struct stream **list, struct stream *s)
{
    s->previous = NULL;
    s->next = *list;
    if (s->next)
        s->next->previous = s;
    *list = s;
}

static void list_remove(struct stream **list, struct stream *s)
{
    if (s->previous)
        s->previous->next = s->next;
    else
        *list = s->next;
    if (s->next)
        s->next->previous = s->previous;
}

/* Returns 0, or -1 with *e. */
static int enter_locked(struct streams *ss, struct stream *s, const char *job,
                        const char *last_event_id, struct err *e)
{
    struct stream *woken = NULL; /* none: no stream of all jobs is open when it is used */

    if (ss->ended)
        return err_set(e, ERR_UNAVAILABLE, "this process is stopping");
    if (ss->open_count >= ss->options.most)
        return err_set(e, ERR_LIMIT, "%zu streams are open already, as many as may be",
                       ss->options.most);
    if (job) {
        s->mark = job_marks_watch(ss->marks, job);
        if (!s->mark)
            return err_set(e, ERR_NOMEM, "a stream");
        s->told_all = true;
        list_add(&s->mark->watchers, s);
    } else {
        if (ss->of_all_count++ == 0 && ss->missed)
            add_reset_locked(ss, s->quiet_since_mono_ms, &woken);
        stream_begin_of_all_locked(s, last_event_id);
        list_add(&ss->of_all, s);
    }
    s->next_open = ss->open;
    if (s->next_open)
        s->next_open->previous_open = s;
    ss->open = s;
    ss->open_count++;
    return 0;
}

struct stream *stream_open(struct streams *ss, void *connection, const char *base_url,
                           const char *job, const char *last_event_id, struct err *e)
{
    struct stream *s = calloc(1, sizeof *s);
    const uint64_t one = 1;
    bool entered, first;

    if (!s || !(s->base_url = strdup(base_url))) {
        free(s);
        err_set(e, ERR_NOMEM, "a stream");
        return NULL;
    }
    s->owner = ss;
    s->connection = connection;
    s->quiet_since_mono_ms = clock_mono_ms();
    pthread_mutex_lock(&ss->lock);
    entered = enter_locked(ss, s, job, last_event_id, e) == 0;
    first = ss->open_count == 1;
    pthread_mutex_unlock(&ss->lock);
    if (!entered) {
        free(s->base_url);
        free(s);
        return NULL;
    }
    if (first && write(ss->fd, &one, sizeof one) < 0) {
        /* the counter is full, so it is readable already */
    }
    return s;
}

void stream_close(struct stream *s)
{
    struct streams *ss;

    if (!s)
        return;
    ss = s->owner;
    pthread_mutex_lock(&ss->lock);
    if (s->mark) {
        list_remove(&s->mark->watchers, s);
        job_marks_unwatch(ss->marks, s->mark);
    } else {
        list_remove(&ss->of_all, s);
        if (--ss->of_all_count == 0)
            ss->linger_until_mono_ms = clock_mono_ms() + STREAM_LINGER_MS;
    }
    if (s->previous_open)
        s->previous_open->next_open = s->next_open;
    else
        ss->open = s->next_open;
    if (s->next_open)
        s->next_open->previous_open = s->previous_open;
    ss->open_count--;
    pthread_mutex_unlock(&ss->lock);
    stream_release_first(s);
    free(s->base_url);
    free(s);
}

/* ---- what has changed */

bool streams_want_all_locked(const struct streams *ss, int64_t now_mono_ms)
{
    return ss->of_all_count > 0 || now_mono_ms < ss->linger_until_mono_ms;
}

static void note_change_locked(struct streams *ss, const char *job, int64_t now_mono_ms)
{
    const struct job_mark *mark = job_marks_find(ss->marks, job);

    if ((mark && mark->watcher_count > 0) || streams_want_all_locked(ss, now_mono_ms))
        ss->missed |= job_marks_change(ss->marks, job, now_mono_ms) != 0;
    else
        ss->missed = true; /* nobody is there to miss it, but somebody may come back */
}

void streams_changed(struct streams *ss, const char *job, int64_t now_mono_ms)
{
    pthread_mutex_lock(&ss->lock);
    note_change_locked(ss, job, now_mono_ms);
    pthread_mutex_unlock(&ss->lock);
}

void streams_created(struct streams *ss, const char *job, int64_t now_mono_ms)
{
    const size_t len = strlen(job);
    const uint64_t one = 1;

    pthread_mutex_lock(&ss->lock);
    note_change_locked(ss, job, now_mono_ms);
    if (ss->created_len + len + 2 > sizeof ss->created)
        ss->created_lost++;
    else
        ss->created_len +=
            (size_t)snprintf(ss->created + ss->created_len, sizeof ss->created - ss->created_len,
                             "%s%s", ss->created_len > 0 ? " " : "", job);
    pthread_mutex_unlock(&ss->lock);
    if (write(ss->news_fd, &one, sizeof one) < 0) {
        /* the counter is full, so it is readable already */
    }
}

int streams_news_fd(const struct streams *ss)
{
    return ss->news_fd;
}

bool streams_take_created(struct streams *ss, int64_t now_mono_ms, char ret[STREAM_CREATED_BYTES],
                          int *ret_wait_ms)
{
    uint64_t created;
    ssize_t len = read(ss->news_fd, &created, sizeof created);
    int64_t due;
    bool taken;

    (void)len; /* EAGAIN: nothing was created */
    pthread_mutex_lock(&ss->lock);
    due = ss->created_mono_ms + STREAM_CREATED_MS;
    taken = ss->created_len > 0 && now_mono_ms >= due;
    *ret_wait_ms = ss->created_len == 0 || taken ? -1 : (int)(due - now_mono_ms);
    if (taken) {
        snprintf(ret, STREAM_CREATED_BYTES, "%s", ss->created_lost > 0 ? "" : ss->created);
        ss->created_len = ss->created_lost = 0;
        ss->created_mono_ms = now_mono_ms;
    }
    pthread_mutex_unlock(&ss->lock);
    return taken;
}

void streams_missed(struct streams *ss, int64_t now_mono_ms)
{
    pthread_mutex_lock(&ss->lock);
    job_marks_change_watched(ss->marks, now_mono_ms);
    job_marks_skip_others(ss->marks);
    ss->missed = true;
    pthread_mutex_unlock(&ss->lock);
}

/* Counts what may be told since it was last counted; a second's worth is kept at most. */
static void count_allowance_locked(struct streams *ss, int64_t now_mono_ms)
{
    const int64_t most = ss->options.rate * 1000;
    int64_t ms = now_mono_ms - ss->allowance_mono_ms;

    ss->allowance_mono_ms = now_mono_ms;
    if (ms > 60000)
        ms = 60000;
    ss->allowance += ms * ss->options.rate;
    if (ss->allowance > most)
        ss->allowance = most;
}

/* Gives up what has waited too long, and says so, though not all the time. */
static void tell_missed_locked(struct streams *ss, int64_t now_mono_ms, struct stream **woken)
{
    if (job_marks_others(ss->marks) > 0 &&
        (!streams_want_all_locked(ss, now_mono_ms) ||
         now_mono_ms - job_marks_waits_since(ss->marks) > STREAM_LAG_MS)) {
        job_marks_skip_others(ss->marks);
        ss->missed = true;
    }
    if (ss->missed && ss->of_all_count > 0 && now_mono_ms - ss->reset_mono_ms >= STREAM_LAG_MS)
        add_reset_locked(ss, now_mono_ms, woken);
}

/* Milliseconds until something may be to do; -1: for ever. */
static int wait_locked(const struct streams *ss, int64_t now_mono_ms)
{
    int64_t wait = INT64_MAX;

    if (job_marks_changed(ss->marks) > 0)
        wait = ss->step_mono_ms + STREAM_STEP_MS - now_mono_ms;
    if (ss->missed && ss->of_all_count > 0 &&
        ss->reset_mono_ms + STREAM_LAG_MS - now_mono_ms < wait)
        wait = ss->reset_mono_ms + STREAM_LAG_MS - now_mono_ms;
    return wait == INT64_MAX ? -1 : wait < 1 ? 1 : (int)wait;
}

static size_t take_locked(struct streams *ss, int64_t now_mono_ms, struct changed_job *ret,
                          size_t max)
{
    size_t n = 0;

    if (ss->step_left == 0) {
        if (now_mono_ms - ss->step_mono_ms < STREAM_STEP_MS)
            return 0;
        ss->step_left = job_marks_changed(ss->marks);
        if (ss->step_left > 0)
            ss->step_mono_ms = now_mono_ms;
    }
    for (; n < max && ss->step_left > 0; ss->step_left--, n++) {
        const struct job_mark *mark = job_marks_take(ss->marks, ss->allowance > 0);

        if (!mark) {
            ss->step_left = 0; /* the others wait for the rate */
            break;
        }
        memcpy(ret[n].job, mark->job, sizeof ret[n].job);
        ret[n].version = mark->version;
    }
    return n;
}

size_t streams_take(struct streams *ss, int64_t now_mono_ms, struct changed_job *ret, size_t max,
                    int *ret_wait_ms)
{
    struct stream *woken = NULL;
    size_t n;

    pthread_mutex_lock(&ss->lock);
    count_allowance_locked(ss, now_mono_ms);
    tell_missed_locked(ss, now_mono_ms, &woken);
    n = take_locked(ss, now_mono_ms, ret, max);
    *ret_wait_ms = n > 0 ? 0 : wait_locked(ss, now_mono_ms);
    pthread_mutex_unlock(&ss->lock);
    resume_all(ss, woken);
    return n;
}

void streams_tell(struct streams *ss, const struct event *events, size_t n, int64_t now_mono_ms)
{
    struct stream *woken = NULL;
    bool for_all;

    pthread_mutex_lock(&ss->lock);
    for_all = ss->allowance > 0 && streams_want_all_locked(ss, now_mono_ms);
    ss->missed |= !for_all;
    for (size_t i = 0; i < n; i++) {
        struct event event = events[i];

        event.for_all = for_all;
        if (for_all)
            ss->allowance -= 1000;
        add_locked(ss, &event, &woken);
        if (event.kind == EVENT_JOB)
            job_marks_told(ss->marks, event.job, event.version, event.ends);
    }
    pthread_mutex_unlock(&ss->lock);
    resume_all(ss, woken);
}

/* ---- heartbeats, and the end */

int streams_beat(struct streams *ss, int64_t now_mono_ms)
{
    struct stream *woken = NULL;
    int64_t next = INT64_MAX;
    uint64_t opened;
    ssize_t len = read(ss->fd, &opened, sizeof opened);

    (void)len; /* EAGAIN: nothing was opened */
    pthread_mutex_lock(&ss->lock);
    for (struct stream *s = ss->open; s; s = s->next_open) {
        int64_t due = s->quiet_since_mono_ms + ss->options.heartbeat_ms;

        if (now_mono_ms >= due && s->parked) {
            s->beat = true;
            wake_locked(s, &woken);
        }
        if (now_mono_ms >= due)
            due = now_mono_ms + ss->options.heartbeat_ms; /* one that is being sent something */
        if (due < next)
            next = due;
    }
    pthread_mutex_unlock(&ss->lock);
    resume_all(ss, woken);
    return next == INT64_MAX ? -1 : (int)(next - now_mono_ms);
}

int streams_fd(const struct streams *ss)
{
    return ss->fd;
}

void streams_end(struct streams *ss)
{
    struct stream *woken = NULL;

    pthread_mutex_lock(&ss->lock);
    ss->ended = true;
    for (struct stream *s = ss->open; s; s = s->next_open)
        wake_locked(s, &woken);
    pthread_mutex_unlock(&ss->lock);
    resume_all(ss, woken);
}
