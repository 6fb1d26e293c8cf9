#include "job_marks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024 /* a power of two */

/* The oldest first. */
struct list {
    struct job_mark *first, *last;
    size_t count;
};

struct job_marks {
    size_t most;
    struct job_mark *buckets[BUCKETS];
    /* Each mark is in one of these: those that have changed, and those that have not. */
    struct list watched_changed, others_changed, watched_idle, others_idle;
};

struct job_marks *job_marks_new(size_t most)
{
    struct job_marks *ms = calloc(1, sizeof *ms);

    if (ms)
        ms->most = most;
    return ms;
}

static void list_add(struct list *list, struct job_mark *mark)
{
    mark->next = NULL;
    mark->previous = list->last;
    if (list->last)
        list->last->next = mark;
    else
        list->first = mark;
    list->last = mark;
    list->count++;
}

static void list_remove(struct list *list, struct job_mark *mark)
{
    if (mark->previous)
        mark->previous->next = mark->next;
    else
        list->first = mark->next;
    if (mark->next)
        mark->next->previous = mark->previous;
    else
        list->last = mark->previous;
    list->count--;
}

static struct list *list_of(struct job_marks *ms, const struct job_mark *mark)
{
    if (mark->watcher_count > 0)
        return mark->changed ? &ms->watched_changed : &ms->watched_idle;
    return mark->changed ? &ms->others_changed : &ms->others_idle;
}

static struct job_mark **bucket_of(struct job_marks *ms, const char *job)
{
    size_t hash = 0;

    for (; *job; job++)
        hash = hash * 31 + (unsigned char)*job;
    return &ms->buckets[hash & (BUCKETS - 1)];
}

struct job_mark *job_marks_find(struct job_marks *ms, const char *job)
{
    struct job_mark *mark = *bucket_of(ms, job);

    while (mark && strcmp(mark->job, job) != 0)
        mark = mark->chain;
    return mark;
}

static void remove_mark(struct job_marks *ms, struct job_mark *mark)
{
    struct job_mark **at = bucket_of(ms, mark->job);

    while (*at != mark)
        at = &(*at)->chain;
    *at = mark->chain;
    list_remove(list_of(ms, mark), mark);
    free(mark);
}

static void remove_all(struct job_marks *ms, struct list *list)
{
    while (list->first)
        remove_mark(ms, list->first);
}

void job_marks_free(struct job_marks *ms)
{
    if (!ms)
        return;
    remove_all(ms, &ms->watched_changed);
    remove_all(ms, &ms->watched_idle);
    remove_all(ms, &ms->others_changed);
    remove_all(ms, &ms->others_idle);
    free(ms);
}

/* Makes room for one more that nobody watches. Returns -1 when all of them have changed. */
static int make_room(struct job_marks *ms)
{
    if (ms->others_changed.count >= ms->most)
        return -1;
    if (ms->others_changed.count + ms->others_idle.count >= ms->most)
        remove_mark(ms, ms->others_idle.first);
    return 0;
}

/* Known, idle and watched by nobody. */
static struct job_mark *add_mark(struct job_marks *ms, const char *job)
{
    struct job_mark *mark = calloc(1, sizeof *mark);
    struct job_mark **bucket = bucket_of(ms, job);

    if (!mark)
        return NULL;
    snprintf(mark->job, sizeof mark->job, "%s", job);
    mark->chain = *bucket;
    *bucket = mark;
    list_add(&ms->others_idle, mark);
    return mark;
}

/* Moves the mark to the list that it belongs to after a change of these two. */
static void set_state(struct job_marks *ms, struct job_mark *mark, size_t watcher_count,
                      bool changed)
{
    list_remove(list_of(ms, mark), mark);
    mark->watcher_count = watcher_count;
    mark->changed = changed;
    list_add(list_of(ms, mark), mark);
}

struct job_mark *job_marks_watch(struct job_marks *ms, const char *job)
{
    struct job_mark *mark = job_marks_find(ms, job);

    if (!mark)
        mark = add_mark(ms, job);
    if (mark)
        set_state(ms, mark, mark->watcher_count + 1, mark->changed);
    return mark;
}

void job_marks_unwatch(struct job_marks *ms, struct job_mark *mark)
{
    if (mark->watcher_count == 1 && make_room(ms)) {
        remove_mark(ms, mark);
        return;
    }
    set_state(ms, mark, mark->watcher_count - 1, mark->changed);
}

int job_marks_change(struct job_marks *ms, const char *job, int64_t now_mono_ms)
{
    struct job_mark *mark = job_marks_find(ms, job);

    if (mark && mark->changed)
        return 0;
    if (!mark && (make_room(ms) || !(mark = add_mark(ms, job))))
        return -1;
    mark->changed_mono_ms = now_mono_ms;
    set_state(ms, mark, mark->watcher_count, true);
    return 0;
}

void job_marks_change_watched(struct job_marks *ms, int64_t now_mono_ms)
{
    while (ms->watched_idle.first) {
        ms->watched_idle.first->changed_mono_ms = now_mono_ms;
        set_state(ms, ms->watched_idle.first, ms->watched_idle.first->watcher_count, true);
    }
}

void job_marks_skip_others(struct job_marks *ms)
{
    while (ms->others_changed.first)
        set_state(ms, ms->others_changed.first, 0, false);
}

size_t job_marks_changed(const struct job_marks *ms)
{
    return ms->watched_changed.count + ms->others_changed.count;
}

size_t job_marks_others(const struct job_marks *ms)
{
    return ms->others_changed.count;
}

int64_t job_marks_waits_since(const struct job_marks *ms)
{
    return ms->others_changed.first ? ms->others_changed.first->changed_mono_ms : INT64_MAX;
}

const struct job_mark *job_marks_take(struct job_marks *ms, bool others)
{
    struct job_mark *mark = ms->watched_changed.first;

    if (!mark && others)
        mark = ms->others_changed.first;
    if (mark)
        set_state(ms, mark, mark->watcher_count, false);
    return mark;
}

void job_marks_told(struct job_marks *ms, const char *job, int64_t version, bool ended)
{
    struct job_mark *mark = job_marks_find(ms, job);

    if (!mark)
        return;
    if (version > mark->version)
        mark->version = version;
    if (ended && mark->watcher_count == 0 && !mark->changed)
        remove_mark(ms, mark);
}
