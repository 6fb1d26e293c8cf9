#include "decode_task.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct decode_task *decode_task_new(const struct decode_work *work, int source_fd,
                                    decode_done_fn *done, void *user)
{
    struct decode_task *task = calloc(1, sizeof *task);

    if (!task)
        return NULL;
    task->work = *work;
    task->work.kind = DECODE_WORK;
    task->source_fd = source_fd;
    task->done = done;
    task->user = user;
    memset(task->output_fds, -1, sizeof task->output_fds);
    return task;
}

void decode_task_free(struct decode_task *task)
{
    decode_task_close_outputs(task);
    free(task);
}

void decode_task_end(struct decode_task *task, enum decode_outcome outcome,
                     const struct decode_done *done, int64_t took_ms)
{
    const struct decode_result result = {
        .outcome = outcome, .done = done, .output_fds = task->output_fds, .took_ms = took_ms};

    if (task->done) {
        task->done(&result, task->user);
        if (outcome == DECODE_SUCCEEDED)
            memset(task->output_fds, -1, sizeof task->output_fds);
    }
    decode_task_free(task);
}

/* ---- outputs ---- */

int decode_task_make_outputs(struct decode_task *task)
{
    for (uint32_t i = 0; i < task->work.output_count; i++) {
        task->output_fds[i] = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (task->output_fds[i] < 0)
            return -1;
    }
    return 0;
}

void decode_task_close_outputs(struct decode_task *task)
{
    for (size_t i = 0; i < DECODE_MAX_OUTPUTS; i++) {
        if (task->output_fds[i] >= 0)
            close(task->output_fds[i]);
        task->output_fds[i] = -1;
    }
}

int decode_task_seal_outputs(const struct decode_task *task, const struct decode_done *done,
                             struct err *e)
{
    for (uint32_t i = 0; i < done->output_count; i++) {
        struct stat st;

        if (fcntl(task->output_fds[i], F_ADD_SEALS,
                  F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
            return err_set(e, ERR_INPUT, "an output that is still written to");
        if (fstat(task->output_fds[i], &st) || (uint64_t)st.st_size != done->outputs[i].bytes)
            return err_set(e, ERR_INPUT, "an output of another size");
    }
    return 0;
}

/* ---- queues ---- */

void task_queue_init(struct task_queue *q)
{
    q->first = NULL;
    q->last = &q->first;
}

void task_queue_append(struct task_queue *q, struct decode_task *task)
{
    task->queue = q;
    task->next = NULL;
    *q->last = task;
    q->last = &task->next;
}

void task_queue_prepend(struct task_queue *q, struct decode_task *task)
{
    task->queue = q;
    task->next = q->first;
    q->first = task;
    if (!task->next)
        q->last = &task->next;
}

static void remove_from_queue(struct decode_task *task)
{
    struct task_queue *q = task->queue;
    struct decode_task **at = &q->first;

    while (*at != task)
        at = &(*at)->next;
    *at = task->next;
    if (!task->next)
        q->last = at;
    task->queue = NULL;
}

struct decode_task *task_queue_take(struct task_queue *q)
{
    struct decode_task *task = q->first;

    remove_from_queue(task);
    return task;
}

void decode_task_cancel(struct decode_task *task)
{
    if (!task)
        return;
    task->done = NULL;
    if (!task->queue)
        return; /* its decoder ends it */
    remove_from_queue(task);
    decode_task_free(task);
}
