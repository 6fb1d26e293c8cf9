/*
 * job_marks.h - which jobs have changed and are to be read for streams, and up to which version
 * each has been told. Jobs that somebody watches come first and are never forgotten; of the others
 * only so many are known, those that changed last. Pure; its owner guards it.
 */
#ifndef WEB_JOB_MARKS_H
#define WEB_JOB_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"

struct stream;

struct job_mark {
    char job[UUID_SIZE];
    int64_t version;         /* told; 0: none yet */
    int64_t changed_mono_ms; /* when it was first heard of since it was last taken */
    struct stream *watchers; /* those of this job alone, kept by streams.c */
    size_t watcher_count;
    bool changed;

    struct job_mark *chain;           /* in its bucket */
    struct job_mark *next, *previous; /* in the one list it is in, if any */
};

struct job_marks;

/* most: how many jobs that nobody watches are known. New, or NULL at no memory. */
struct job_marks *job_marks_new(size_t most) MUST_CHECK;
void job_marks_free(struct job_marks *ms); /* NULL is fine */

/* NULL: not known. */
struct job_mark *job_marks_find(struct job_marks *ms, const char *job);

/* One more watches the job, or one less. job_marks_watch() gives NULL at no memory; after
 * job_marks_unwatch() the mark may be gone. */
struct job_mark *job_marks_watch(struct job_marks *ms, const char *job) MUST_CHECK;
void job_marks_unwatch(struct job_marks *ms, struct job_mark *mark);

/* The job has changed. Returns -1 when it cannot be noted: too many others have, or no memory. */
int job_marks_change(struct job_marks *ms, const char *job, int64_t now_mono_ms) MUST_CHECK;

/* Every watched job may have changed. */
void job_marks_change_watched(struct job_marks *ms, int64_t now_mono_ms);

/* Those that nobody watches are not read: what has been told of them stays known. */
void job_marks_skip_others(struct job_marks *ms);

/* How many have changed and were not taken; of which nobody watches; and since when the first of
 * these waits (INT64_MAX: none does). */
size_t job_marks_changed(const struct job_marks *ms);
size_t job_marks_others(const struct job_marks *ms);
int64_t job_marks_waits_since(const struct job_marks *ms);

/* The next that is to be read, watched ones first, then, if `others`, those nobody watches; NULL:
 * none. It has not changed any more, until it changes again. Lent until the next call. */
const struct job_mark *job_marks_take(struct job_marks *ms, bool others);

/* The job has been told up to that version. ended: it will not change again. */
void job_marks_told(struct job_marks *ms, const char *job, int64_t version, bool ended);

#endif
