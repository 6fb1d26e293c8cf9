/*
 * Design notes. The life of a decoder, by slot:
 *
 *     EMPTY -> STARTING -> IDLE -> HEADER -> WAITING -> DECODING -> IDLE
 *                            |       any of them -> EMPTY: it died, lied or was too slow
 *                            `-> LEAVING -> EMPTY: replaced
 *
 * HEADER reads what the image is and says what memory it needs; WAITING holds that image until
 * the memory is free, in the order they came, so that large ones take turns and none is starved by
 * small ones. One image alone is always let through.
 *
 * A decoder that is to be replaced (`worn`) works on until its successor is ready, hence twice as
 * many slots as decoders. While no more than `decoders` are busy, a worn one is taken last.
 *
 * CPU time is watched by reading the process's clock, because a decoder has more threads than one
 * and its limit is this image's, not the process's; RLIMIT_CPU stands behind that.
 */
#include "decoder_pool.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "decode_task.h"

#define START_LIMIT_MS 30000 /* from start to READY, on a machine under load */
#define START_RETRY_FIRST_MS                                                                       \
    250 /* doubles with each round in which decoders die at their start                            \
         */
#define START_RETRY_MOST_MS 10000
#define START_FAILURES_MAX 8 /* rounds in a row: about half a minute */
#define LEAVE_LIMIT_MS 2000  /* from dismissal to SIGKILL */
#define LEAVE_CHECK_MS 50
#define WALL_FACTOR 3
#define CPU_CHECK_LEAST_MS 20
#define CPU_CHECK_MOST_MS 500
#define CPU_BACKSTOP_MS 5000 /* how far the kernel's limit stands behind ours */

enum slot_state { EMPTY, STARTING, IDLE, HEADER, WAITING, DECODING, LEAVING };

struct slot {
    enum slot_state state;
    struct decoder decoder;
    struct decode_task *task; /* HEADER, WAITING, DECODING */
    bool worn;
    int64_t images;           /* it was given */
    uint64_t turn;            /* WAITING: the lowest goes first */
    int64_t memory_bytes;     /* WAITING: wanted; DECODING: granted */
    int64_t since_mono_ms;    /* of this stretch of HEADER or DECODING */
    int64_t took_ms;          /* of the stretches before it */
    int64_t cpu_base_ms;      /* the decoder's CPU time when it was given the task */
    int64_t deadline_mono_ms; /* STARTING, LEAVING: to be killed; HEADER, DECODING: next look */
};

struct decoder_pool {
    struct decoder_pool_options options;
    struct task_queue queue;
    uint64_t next_id, next_turn;
    bool was_ready;
    unsigned start_failures;    /* rounds of starts that failed, in a row */
    int64_t next_start_mono_ms; /* not before then */
    struct err broken;          /* why decoders cannot be had, or ERR_NONE */
    size_t slot_count;          /* twice options.decoders */
    struct slot slots[];
};

struct decode_task *decoder_pool_submit(struct decoder_pool *pool, const struct decode_work *work,
                                        int source_fd, decode_done_fn *done, void *user)
{
    struct decode_task *task = decode_task_new(work, source_fd, done, user);

    if (!task)
        return NULL;
    task->work.id = ++pool->next_id;
    task->work.max_memory_bytes = (uint64_t)pool->options.memory_bytes;
    task_queue_append(&pool->queue, task);
    return task;
}

/* ---- counting ---- */

static bool is_busy(const struct slot *s)
{
    return s->state == HEADER || s->state == WAITING || s->state == DECODING;
}

static size_t count_busy(const struct decoder_pool *pool)
{
    size_t n = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        n += is_busy(&pool->slots[i]);
    return n;
}

/* Decoders that stay: started and not to be replaced. With ready only those past STARTING. */
static size_t count_fresh(const struct decoder_pool *pool, bool ready)
{
    size_t n = 0;

    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct slot *s = &pool->slots[i];

        n += !s->worn && (is_busy(s) || s->state == IDLE || (s->state == STARTING && !ready));
    }
    return n;
}

static int64_t memory_granted(const struct decoder_pool *pool)
{
    int64_t sum = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i].state == DECODING)
            sum += pool->slots[i].memory_bytes;
    return sum;
}

/* ---- starting and ending decoders ---- */

/* The task leaves the slot with its outcome. */
static void end_task(struct slot *s, enum decode_outcome outcome, const struct decode_done *done)
{
    struct decode_task *task = s->task;
    int64_t took_ms = s->took_ms;

    if (s->state != WAITING)
        took_ms += clock_mono_ms() - s->since_mono_ms;
    s->task = NULL;
    decode_task_end(task, outcome, done, took_ms);
}

/* Those that were started together count as one: they die of the same thing. */
static void note_failed_start(struct decoder_pool *pool, const char *why)
{
    int64_t delay_ms = (int64_t)START_RETRY_FIRST_MS << pool->start_failures;

    if (clock_until_ms(pool->next_start_mono_ms) > 0 || pool->broken.code != ERR_NONE)
        return;
    if (pool->start_failures++ == 0)
        log_warn("decoder_start_failed", "message=%s", log_quote(why));
    if (pool->start_failures >= START_FAILURES_MAX)
        err_set(&pool->broken, ERR_UNAVAILABLE, "decoders did not start, %u times in a row: %s",
                pool->start_failures, why);
    pool->next_start_mono_ms =
        clock_mono_ms() + (delay_ms < START_RETRY_MOST_MS ? delay_ms : START_RETRY_MOST_MS);
}

static void note_death_at_start(struct decoder_pool *pool, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == DECODER_EXIT_NO_SANDBOX)
        err_set(&pool->broken, ERR_UNAVAILABLE,
                "this machine cannot confine decoders (no seccomp); IMAGERESIZE_SANDBOX=off runs "
                "them unconfined");
    else
        note_failed_start(pool, WIFSIGNALED(status) ? "it was killed at its start"
                                                    : "it exited at its start");
}

static enum decode_outcome outcome_of_death(int status)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
        return DECODE_TIMED_OUT;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return DECODE_KILLED;
    return DECODE_CRASHED;
}

/* Its socket has ended: find out why, empty the slot, and let the image have its outcome. */
static void bury(struct decoder_pool *pool, struct slot *s)
{
    int status = decoder_kill(&s->decoder);
    enum slot_state state = s->state;

    if (s->task) {
        log_warn("decoder_died", "state=%s signal=%d exit=%d",
                 state == HEADER ? "header" : "decoding",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0);
        end_task(s, outcome_of_death(status), NULL);
    } else if (state == STARTING || s->images == 0) {
        note_death_at_start(pool, status);
    }
    s->state = EMPTY;
}

/* Ends a decoder of our own will; outcome is for the image it has, if it has one. */
static void put_down(struct slot *s, enum decode_outcome outcome)
{
    (void)decoder_kill(&s->decoder);
    if (s->task)
        end_task(s, outcome, NULL);
    s->state = EMPTY;
}

static void condemn(struct slot *s, const struct err *why)
{
    log_warn("decoder_lied", "message=%s", log_quote(why->text));
    put_down(s, DECODE_CRASHED);
}

/* Where one more decoder is to be started, or slot_count when none is: there are enough, or those
 * that are to go have not gone yet. */
static size_t find_missing(const struct decoder_pool *pool)
{
    size_t i = 0;

    if (pool->broken.code != ERR_NONE || count_fresh(pool, false) >= pool->options.decoders)
        return pool->slot_count;
    while (i < pool->slot_count && pool->slots[i].state != EMPTY)
        i++;
    return i;
}

static void start_missing(struct decoder_pool *pool)
{
    size_t i;

    while (clock_until_ms(pool->next_start_mono_ms) == 0 &&
           (i = find_missing(pool)) < pool->slot_count) {
        struct slot *s = &pool->slots[i];
        struct err e = ERR_INIT;

        memset(s, 0, sizeof *s);
        if (decoder_start(&pool->options.command, &s->decoder, &e)) {
            note_failed_start(pool, e.text);
            return;
        }
        s->state = STARTING;
        s->deadline_mono_ms = clock_mono_ms() + START_LIMIT_MS;
    }
}

/* Worn decoders go once their successors stand. */
static void dismiss_worn(struct decoder_pool *pool)
{
    if (count_fresh(pool, true) < pool->options.decoders)
        return;
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *s = &pool->slots[i];

        if (s->state != IDLE || !s->worn)
            continue;
        decoder_dismiss(&s->decoder);
        s->state = LEAVING;
        s->deadline_mono_ms = clock_mono_ms() + LEAVE_LIMIT_MS;
    }
}

/* ---- handing out work ---- */

static struct slot *find_idle(struct decoder_pool *pool)
{
    struct slot *worn = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *s = &pool->slots[i];

        if (s->state == IDLE && !s->worn)
            return s;
        if (s->state == IDLE)
            worn = s;
    }
    return worn;
}

/* A slot's own clock for HEADER and DECODING goes on; the next look is when it may be due. */
static void set_next_look(const struct decoder_pool *pool, struct slot *s, int64_t cpu_ms)
{
    int64_t now = clock_mono_ms();
    int64_t wall_end = s->since_mono_ms - s->took_ms + WALL_FACTOR * pool->options.cpu_limit_ms;
    int64_t wait_ms = (pool->options.cpu_limit_ms - cpu_ms) / 4; /* it may run several threads */

    if (wait_ms < CPU_CHECK_LEAST_MS)
        wait_ms = CPU_CHECK_LEAST_MS;
    if (wait_ms > CPU_CHECK_MOST_MS)
        wait_ms = CPU_CHECK_MOST_MS;
    s->deadline_mono_ms = now + wait_ms < wall_end ? now + wait_ms : wall_end;
}

static void begin(struct decoder_pool *pool, struct slot *s, struct decode_task *task)
{
    s->task = task;
    s->images++;
    s->took_ms = 0;
    s->since_mono_ms = clock_mono_ms();
    s->cpu_base_ms = decoder_cpu_ms(&s->decoder);
    s->state = HEADER;
    decoder_limit(&s->decoder, pool->options.cpu_limit_ms + CPU_BACKSTOP_MS,
                  task->work.max_output_bytes);
    set_next_look(pool, s, 0);
}

static void hand_out(struct decoder_pool *pool)
{
    struct slot *s;

    while (pool->queue.first && count_busy(pool) < pool->options.decoders &&
           (s = find_idle(pool))) {
        struct decode_task *task = task_queue_take(&pool->queue);

        if (decode_task_make_outputs(task)) {
            decode_task_end(task, DECODE_UNABLE, NULL, 0);
        } else if (decoder_send_work(&s->decoder, &task->work, task->source_fd, task->output_fds)) {
            /* It died while idle: the image has not been looked at and is not to blame. */
            decode_task_close_outputs(task);
            task_queue_prepend(&pool->queue, task);
            put_down(s, DECODE_KILLED);
        } else {
            begin(pool, s, task);
        }
    }
}

static struct slot *first_waiting(struct decoder_pool *pool)
{
    struct slot *first = NULL;

    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *s = &pool->slots[i];

        if (s->state == WAITING && (!first || s->turn < first->turn))
            first = s;
    }
    return first;
}

static void grant_memory(struct decoder_pool *pool)
{
    int64_t granted = memory_granted(pool);
    struct slot *s;

    while ((s = first_waiting(pool))) {
        if (granted > 0 && s->memory_bytes > pool->options.memory_bytes - granted)
            return;
        if (decoder_send_go(&s->decoder, s->task->work.id)) {
            bury(pool, s);
            continue;
        }
        granted += s->memory_bytes;
        s->state = DECODING;
        s->since_mono_ms = clock_mono_ms();
        set_next_look(pool, s, decoder_cpu_ms(&s->decoder) - s->cpu_base_ms);
    }
}

/* ---- answers ---- */

static void take_ready(struct decoder_pool *pool, struct slot *s, const union decode_answer *answer,
                       size_t len)
{
    struct err e = ERR_INIT;

    if (decode_answer_is_ready(answer, len, &e)) {
        put_down(s, DECODE_CRASHED);
        note_failed_start(pool, e.text);
        return;
    }
    s->state = IDLE;
    pool->was_ready = true;
    pool->start_failures = 0;
}

static void take_needs(struct decoder_pool *pool, struct slot *s, const union decode_answer *answer,
                       size_t len)
{
    struct err e = ERR_INIT;

    if (decode_answer_is_needs(answer, len, &s->task->work, &e)) {
        condemn(s, &e);
        return;
    }
    s->memory_bytes = (int64_t)answer->note.memory_bytes;
    s->took_ms += clock_mono_ms() - s->since_mono_ms;
    s->turn = ++pool->next_turn;
    s->state = WAITING;
}

static void take_done(const struct decoder_pool *pool, struct slot *s, union decode_answer *answer,
                      size_t len)
{
    struct err e = ERR_INIT;
    bool success;

    if (decode_answer_is_done(answer, len, &s->task->work, &e)) {
        condemn(s, &e);
        return;
    }
    success = answer->done.status == DECODE_OK;
    if (success && s->state == HEADER)
        err_set(&e, ERR_INPUT, "a success before its memory was granted");
    if (success && (e.code != ERR_NONE || decode_task_seal_outputs(s->task, &answer->done, &e))) {
        condemn(s, &e);
        return;
    }
    end_task(s, success ? DECODE_SUCCEEDED : DECODE_FAILED, &answer->done);
    s->state = IDLE;
    if (s->images >= pool->options.images ||
        decoder_resident_bytes(&s->decoder) > pool->options.resident_bytes)
        s->worn = true;
}

static void take_answer(struct decoder_pool *pool, struct slot *s, union decode_answer *answer,
                        size_t len)
{
    struct err e = ERR_INIT;

    if (s->state == STARTING) {
        take_ready(pool, s, answer, len);
    } else if (s->state == HEADER && answer->kind == DECODE_NEEDS) {
        take_needs(pool, s, answer, len);
    } else if (s->state == HEADER || s->state == DECODING) {
        take_done(pool, s, answer, len);
    } else {
        err_set(&e, ERR_INPUT, "an answer that nobody asked for");
        condemn(s, &e);
    }
}

/* At most a packet in each state: what follows is read with the next turn. */
static void read_answer(struct decoder_pool *pool, struct slot *s)
{
    union decode_answer answer;
    ssize_t n = decoder_receive(&s->decoder, &answer);

    if (n > 0)
        take_answer(pool, s, &answer, (size_t)n);
    else if (n < 0)
        bury(pool, s);
}

/* ---- limits ---- */

static void watch_image(struct decoder_pool *pool, struct slot *s)
{
    int64_t wall_ms = s->took_ms + clock_mono_ms() - s->since_mono_ms;
    int64_t cpu_ms = decoder_cpu_ms(&s->decoder) - s->cpu_base_ms;

    if (cpu_ms >= pool->options.cpu_limit_ms || wall_ms >= WALL_FACTOR * pool->options.cpu_limit_ms)
        put_down(s, DECODE_TIMED_OUT);
    else
        set_next_look(pool, s, cpu_ms);
}

static void watch_leaving(struct slot *s)
{
    if (decoder_has_left(&s->decoder))
        s->state = EMPTY;
    else if (clock_until_ms(s->deadline_mono_ms) == 0)
        put_down(s, DECODE_KILLED);
}

static void watch(struct decoder_pool *pool, struct slot *s)
{
    if (s->state == LEAVING) {
        watch_leaving(s);
        return;
    }
    if (s->state == EMPTY || s->state == IDLE || s->state == WAITING ||
        clock_until_ms(s->deadline_mono_ms) > 0)
        return;
    if (s->state == STARTING) {
        put_down(s, DECODE_KILLED);
        note_failed_start(pool, "it was not ready in time");
    } else {
        watch_image(pool, s);
    }
}

/* ---- the pool ---- */

void decoder_pool_service(struct decoder_pool *pool)
{
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *s = &pool->slots[i];

        if (s->state != EMPTY && s->state != LEAVING)
            read_answer(pool, s);
        watch(pool, s);
    }
    dismiss_worn(pool);
    start_missing(pool);
    hand_out(pool);
    grant_memory(pool);
}

size_t decoder_pool_max_fds(const struct decoder_pool *pool)
{
    return pool->slot_count;
}

size_t decoder_pool_fds(const struct decoder_pool *pool, struct pollfd *fds)
{
    size_t n = 0;

    for (size_t i = 0; i < pool->slot_count; i++)
        if (pool->slots[i].state != EMPTY && pool->slots[i].state != LEAVING)
            fds[n++] = (struct pollfd){pool->slots[i].decoder.socket, POLLIN, 0};
    return n;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

int decoder_pool_timeout_ms(const struct decoder_pool *pool)
{
    int timeout_ms = 60000;

    if (find_missing(pool) < pool->slot_count)
        timeout_ms = clock_until_ms(pool->next_start_mono_ms);
    for (size_t i = 0; i < pool->slot_count; i++) {
        const struct slot *s = &pool->slots[i];

        if (s->state == LEAVING)
            timeout_ms = least(timeout_ms, LEAVE_CHECK_MS);
        else if (s->state == STARTING || s->state == HEADER || s->state == DECODING)
            timeout_ms = least(timeout_ms, clock_until_ms(s->deadline_mono_ms));
    }
    /* A task that has come since the last service finds a decoder at the next. */
    if (pool->queue.first && count_busy(pool) < pool->options.decoders)
        for (size_t i = 0; i < pool->slot_count; i++)
            if (pool->slots[i].state == IDLE)
                timeout_ms = 0;
    return timeout_ms;
}

bool decoder_pool_is_ready(const struct decoder_pool *pool)
{
    return pool->was_ready;
}

bool decoder_pool_is_broken(const struct decoder_pool *pool, struct err *e)
{
    if (pool->broken.code == ERR_NONE)
        return false;
    err_set(e, pool->broken.code, "%s", pool->broken.text);
    return true;
}

struct decoder_pool *decoder_pool_new(const struct decoder_pool_options *options, struct err *e)
{
    size_t slots = 2 * options->decoders;
    struct decoder_pool *pool;

    if (access(options->command.program, X_OK)) {
        err_set(e, ERR_INPUT, "%s: %s", options->command.program, strerror(errno));
        return NULL;
    }
    pool = calloc(1, sizeof *pool + slots * sizeof *pool->slots);
    if (!pool) {
        err_set(e, ERR_NOMEM, "a pool of decoders");
        return NULL;
    }
    pool->options = *options;
    pool->slot_count = slots;
    task_queue_init(&pool->queue);
    start_missing(pool);
    return pool;
}

void decoder_pool_free(struct decoder_pool *pool)
{
    if (!pool)
        return;
    for (size_t i = 0; i < pool->slot_count; i++) {
        struct slot *s = &pool->slots[i];

        if (s->task)
            decode_task_free(s->task);
        if (s->state != EMPTY)
            (void)decoder_kill(&s->decoder);
    }
    while (pool->queue.first)
        decode_task_free(task_queue_take(&pool->queue));
    free(pool);
}
