/*
 * streams_inner.h - what streams.c and stream.c share: streams.c knows which streams there are,
 * what has changed and who is to be told; stream.c what one stream is sent. One lock guards both,
 * and the functions that end in _locked are called under it.
 */
#ifndef WEB_STREAMS_INNER_H
#define WEB_STREAMS_INNER_H

#include <pthread.h>

#include "web/job_marks.h"
#include "web/streams.h"

#define ORIGIN_SIZE 13
#define NOTE_SIZE 120

struct stream {
    struct streams *owner;
    void *connection;
    char *base_url;
    /* guarded by the owner's lock */
    struct stream *next, *previous;           /* of all streams, or of all of one job */
    struct stream *next_open, *previous_open; /* of all there are */
    struct stream *chain;                     /* while being woken */
    struct job_mark *mark;                    /* NULL: of all jobs */
    int64_t version;                          /* of what it began with */
    bool parked, told_all, beat, ends, lost;  /* lost: an event of its job is */
    uint64_t at;                              /* the next event, unless it is told all */
    size_t sent;                              /* bytes of that */
    int64_t quiet_since_mono_ms;
    /* What goes before all events. */
    const char *first; /* note or owned; NULL: nothing */
    size_t first_len, first_sent;
    char note[NOTE_SIZE];
    char *owned;
    long long held;
};

struct streams {
    struct streams_options options;
    char origin[ORIGIN_SIZE]; /* tells this process's events from another's */
    int fd, news_fd;
    pthread_mutex_t lock;
    /* guarded by lock */
    struct event_ring *ring;
    struct job_marks *marks;
    struct stream *open, *of_all;
    size_t open_count, of_all_count;
    bool ended;
    int64_t linger_until_mono_ms;
    bool missed;               /* by streams of all jobs, and not told yet */
    int64_t reset_mono_ms;     /* when they were last told */
    int64_t step_mono_ms;      /* when the jobs that are being taken were begun with */
    size_t step_left;          /* of those */
    int64_t allowance;         /* thousandths of events that streams of all jobs may be told */
    int64_t allowance_mono_ms; /* when it was counted */
    char created[STREAM_CREATED_BYTES]; /* ids of new jobs */
    size_t created_len, created_lost;   /* lost: jobs whose ids had no room */
    int64_t created_mono_ms;            /* when they were last taken */
};

/* Of stream.c: what a stream of all jobs begins with, and letting go of what goes before events. */
void stream_begin_of_all_locked(struct stream *s, const char *last_event_id);
void stream_release_first(struct stream *s);

/* Of streams.c: whether somebody wants to know of all jobs. */
bool streams_want_all_locked(const struct streams *ss, int64_t now_mono_ms);

#endif
