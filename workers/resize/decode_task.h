/*
 * decode_task.h - one image on its way through the pool of decoders, with the memfds of its
 * outputs, and the queue in which images wait for a decoder.
 *
 * The bytes of an output could be changed by a decoder after it said DONE. So an output is sealed
 * against writing before it is believed: sealing fails while a writable mapping exists, and a
 * decoder that holds one is ended as one that lies. What a broken decoder can still do is give a
 * wrong picture for its own image, or for the next one it is handed: against that stands its cage,
 * which leaves it nothing to tell them to.
 */
#ifndef WORKERS_RESIZE_DECODE_TASK_H
#define WORKERS_RESIZE_DECODE_TASK_H

#include "decoder_pool.h"

struct task_queue {
    struct decode_task *first, **last;
};

struct decode_task {
    struct task_queue *queue; /* it waits in, or NULL */
    struct decode_task *next; /* there */
    struct decode_work work;
    int source_fd;                      /* lent */
    int output_fds[DECODE_MAX_OUTPUTS]; /* ours while a decoder has it, else -1 */
    decode_done_fn *done;               /* NULL: cancelled */
    void *user;
};

/* New, for decode_task_free() or decode_task_end(); NULL at no memory. work is copied. */
struct decode_task *decode_task_new(const struct decode_work *work, int source_fd,
                                    decode_done_fn *done, void *user) MUST_CHECK;
void decode_task_free(struct decode_task *task);

/* Tells the task's owner, who takes the outputs of a success; the task is gone after. */
void decode_task_end(struct decode_task *task, enum decode_outcome outcome,
                     const struct decode_done *done, int64_t took_ms);

/* An empty memfd for each output. Returns 0, or -1 when there are no descriptors. */
int decode_task_make_outputs(struct decode_task *task) MUST_CHECK;
void decode_task_close_outputs(struct decode_task *task);

/* Makes the outputs unchangeable and holds their sizes against what was said. Returns 0, or -1 with
 * *e saying how that is a lie. */
int decode_task_seal_outputs(const struct decode_task *task, const struct decode_done *done,
                             struct err *e) MUST_CHECK;

void task_queue_init(struct task_queue *q);
void task_queue_append(struct task_queue *q, struct decode_task *task);
void task_queue_prepend(struct task_queue *q, struct decode_task *task);
struct decode_task *task_queue_take(struct task_queue *q); /* the first; there must be one */

#endif
