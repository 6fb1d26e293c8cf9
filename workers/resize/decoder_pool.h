/*
 * decoder_pool.h - images in, decoded outputs out: a number of decoder processes kept busy, within
 * their memory and time, and replaced when they die or grow old.
 * Hides which decoder does what. A decoder that crashes, hangs or lies takes one image with it.
 *
 * One thread owns a pool: poll its descriptors, then call decoder_pool_service(). Callbacks run in
 * that call alone.
 */
#ifndef WORKERS_RESIZE_DECODER_POOL_H
#define WORKERS_RESIZE_DECODER_POOL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"

struct decoder_pool;
struct decode_task; /* one image, from decoder_pool_submit() to its callback */

struct decoder_pool_options {
    struct decoder_command command; /* its texts are lent for the pool's life */
    size_t decoders;                /* at work at once */
    int64_t cpu_limit_ms;           /* of one image; three times that in wall time */
    int64_t memory_bytes;           /* estimated, of all images being decoded */
    int64_t images;                 /* after which a decoder is replaced */
    int64_t resident_bytes;         /* of an idle decoder, above which it is replaced */
};

enum decode_outcome {
    DECODE_SUCCEEDED,
    DECODE_FAILED,    /* the decoder says why: done->status and done->message */
    DECODE_TIMED_OUT, /* past its CPU time, or three times that in wall time */
    DECODE_CRASHED,   /* the decoder died of it, or answered what cannot be */
    DECODE_KILLED,    /* somebody killed the decoder: the system, when memory is short */
    DECODE_UNABLE     /* this process is out of descriptors or memory */
};

/* Lent to the callback. */
struct decode_result {
    enum decode_outcome outcome;
    const struct decode_done *done; /* DECODE_SUCCEEDED and DECODE_FAILED, else NULL */
    /* DECODE_SUCCEEDED: done->output_count memfds whose bytes nobody can change any more, of the
     * sizes done says; taken by the callback: it closes them. */
    const int *output_fds;
    int64_t took_ms; /* from the hand-over to a decoder, waiting for memory left out */
};

typedef void decode_done_fn(const struct decode_result *result, void *user);

/* New, with its first decoders starting, or NULL with *e. */
struct decoder_pool *decoder_pool_new(const struct decoder_pool_options *options,
                                      struct err *e) MUST_CHECK;

/* Drops what is under way without callbacks and ends all decoders. NULL is fine. */
void decoder_pool_free(struct decoder_pool *pool);

/*
 * Queues one image. Of work the caller fills what is asked (kind, id and max_memory_bytes are the
 * pool's); it is copied. source_fd is lent until the callback or the cancel. Returns the task, or
 * NULL at no memory. Never calls back before it returns.
 */
struct decode_task *decoder_pool_submit(struct decoder_pool *pool, const struct decode_work *work,
                                        int source_fd, decode_done_fn *done, void *user) MUST_CHECK;

/* Ends a task without a callback. What a decoder has begun it finishes, for nothing. */
void decode_task_cancel(struct decode_task *task);

/* Fills fds for poll(2) and returns how many: at most decoder_pool_max_fds(). */
size_t decoder_pool_fds(const struct decoder_pool *pool, struct pollfd *fds);
size_t decoder_pool_max_fds(const struct decoder_pool *pool);

/* Milliseconds until decoder_pool_service() wants to be called though no descriptor is ready. */
int decoder_pool_timeout_ms(const struct decoder_pool *pool);

/* Reads answers, hands out work, watches limits, starts and ends decoders; runs callbacks. */
void decoder_pool_service(struct decoder_pool *pool);

/* Whether a decoder has ever been ready: until then, no work should be taken on. */
bool decoder_pool_is_ready(const struct decoder_pool *pool);

/*
 * Whether decoders cannot be had at all: no seccomp, or they died at their start again and again.
 * *e then says so, and the program should end: another process may do better with its images.
 */
bool decoder_pool_is_broken(const struct decoder_pool *pool, struct err *e);

#endif
