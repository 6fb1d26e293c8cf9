/*
 * streams.h - the open event streams: who is told what, and when. Hides the ring of events, which
 * jobs are to be read for it, and the lock around both.
 *
 * Four sides meet here. The HTTP threads open streams, read what is to be sent, and park those that
 * have nothing to send. The writer says which jobs are new. The listener says which have changed,
 * is told which of them to read, and tells their events, once for all streams. Main sees to the
 * heartbeats.
 *
 * A parked stream is suspended; the hook resume() passes it back to the HTTP threads. Safe from any
 * thread; the hook is called without the lock.
 */
#ifndef WEB_STREAMS_H
#define WEB_STREAMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/uuid.h"
#include "web/event_ring.h"

/* The last events that are kept, for those that are slow or come back. */
#define EVENTS_MAX 16384
#define EVENTS_BYTES_MAX (4 * 1024 * 1024)
/* A changed job is read again after so long at the earliest. */
#define STREAM_STEP_MS 100
/* News that nobody could be told for so long, because there are too many, are told as a reset. */
#define STREAM_LAG_MS 2000
/* Jobs that have changed and are not read yet, besides those with streams of their own. */
#define STREAM_JOBS_MAX 8192
/* Jobs are read on for so long after the last stream of all jobs has gone: it may come back. */
#define STREAM_LINGER_MS 15000
/* New jobs are told to other web processes so often at most; and ids that are kept until then, as
 * the payload of a notification, which is shorter than 8000 bytes. */
#define STREAM_CREATED_MS 100
#define STREAM_CREATED_BYTES 7900
/* What a client waits before it comes back. */
#define STREAM_RETRY_MS 2000
/* Bytes of a Last-Event-ID; a longer one is of no use. */
#define LAST_EVENT_ID_MAX 100

struct streams;
struct stream;

struct streams_options {
    size_t most;          /* open at once */
    int64_t rate;         /* events a second, to streams of all jobs */
    int64_t heartbeat_ms; /* a stream says something at least so often */
    atomic_llong *held;   /* the process's account of memory */
    long long held_max;   /* its limit */
    void (*resume)(void *connection);
};

/* Told by streams_take(). */
struct changed_job {
    char job[UUID_SIZE];
    int64_t version; /* what is newer than this is to be told */
};

/* New, or NULL with *e. */
struct streams *streams_new(const struct streams_options *options, struct err *e) MUST_CHECK;
void streams_free(struct streams *ss); /* NULL is fine; no stream is open any more */

/* ---- for HTTP */

/*
 * Opens a stream of all jobs, or of one; a stream of one begins when stream_begin() has told what
 * the job is now, and misses nothing from here on. connection is for the hook; base_url is copied;
 * last_event_id is what the client says it has been told (NULL: nothing). New, or NULL with *e
 * (ERR_LIMIT: as many are open as may be; ERR_UNAVAILABLE: this process stops; ERR_NOMEM).
 */
struct stream *stream_open(struct streams *ss, void *connection, const char *base_url,
                           const char *job, const char *last_event_id, struct err *e) MUST_CHECK;

/* Takes it out and frees it. It may not be parked. NULL is fine. */
void stream_close(struct stream *s);

/* What the stream of a job begins with: the job as JSON, taken, at that version. ended: there will
 * be no more. Returns 0, or -1 with *e (ERR_LIMIT: too much memory is held; ERR_NOMEM). */
int stream_begin(struct stream *s, char *job_take, int64_t version, bool ended,
                 struct err *e) MUST_CHECK;

/* Writes what comes next. Returns how many bytes; 0: nothing now, it may be parked; or one of
 * these. */
#define STREAM_ENDS (-1) /* it has been told all */
#define STREAM_CUT (-2)  /* the rest of an event is gone, because it was too slow or this ends */
ssize_t stream_read(struct stream *s, char *buf, size_t max);

/* Parks it, suspended. Returns false when something has come for it: then it is not parked. */
bool stream_park(struct stream *s);

/* ---- for the writer */

/* A job is new. */
void streams_created(struct streams *ss, const char *job, int64_t now_mono_ms);

/* ---- for the listener */

/* Readable once streams_created() was called: what follows may have something to do. */
int streams_news_fd(const struct streams *ss);

/* The ids of new jobs that other web processes are to be told of, with blanks between; empty when
 * there were too many. Returns false when there are none or it is too soon for them, with
 * *ret_wait_ms until it is not, -1 for ever: until the next streams_created(). */
bool streams_take_created(struct streams *ss, int64_t now_mono_ms, char ret[STREAM_CREATED_BYTES],
                          int *ret_wait_ms);

/* The job has changed. */
void streams_changed(struct streams *ss, const char *job, int64_t now_mono_ms);

/* Any job may have changed. */
void streams_missed(struct streams *ss, int64_t now_mono_ms);

/*
 * The jobs that are to be read now: how many, at most max. When none is, *ret_wait_ms is how long
 * until one may be, -1 for ever: until the next streams_changed().
 */
size_t streams_take(struct streams *ss, int64_t now_mono_ms, struct changed_job *ret, size_t max,
                    int *ret_wait_ms);

/* Tells what has become of one job: its images' events first, then its own. Their texts are taken.
 */
void streams_tell(struct streams *ss, const struct event *events, size_t n, int64_t now_mono_ms);

/* ---- for main */

/* Heartbeats that are due. Returns the milliseconds until the next may be; -1: no stream is open.
 */
int streams_beat(struct streams *ss, int64_t now_mono_ms);

/* Readable once a stream was opened while none was: whoever calls streams_beat() may sleep until
 * then. */
int streams_fd(const struct streams *ss);

/* Ends all streams, and lets none be opened. */
void streams_end(struct streams *ss);

#endif
