#include "image_state.h"

#include <string.h>

#define DELAY_GROWTH 5
#define DELAY_MAX_MS (INT64_C(24) * 3600 * 1000)

static const char *const names[] = {
    [IMAGE_STATUS_QUEUED] = "queued",       [IMAGE_STATUS_RUNNING] = "running",
    [IMAGE_STATUS_COMPLETED] = "completed", [IMAGE_STATUS_FAILED] = "failed",
    [IMAGE_STATUS_CANCELLED] = "cancelled",
};

const char *image_status_name(enum image_status status)
{
    return names[status];
}

int image_status_find(const char *name, enum image_status *ret)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) {
            *ret = (enum image_status)i;
            return 0;
        }
    return -1;
}

static bool has_ended(const struct image_state *s)
{
    return s->status != IMAGE_STATUS_QUEUED && s->status != IMAGE_STATUS_RUNNING;
}

/* An attempt is known by now, whether its STARTED came or not. The start's time is that of the last
 * attempt. */
static void note_attempt(struct image_state *s, int attempt, int64_t started_ms)
{
    if (started_ms && (attempt > s->attempts || !s->started)) {
        s->started_ms = started_ms;
        s->started = true;
    }
    if (attempt > s->attempts)
        s->attempts = attempt;
    s->changed = true;
}

static void start(struct image_state *s, int attempt, int64_t started_ms)
{
    /* Of an attempt that is over already: a STARTED comes late, or twice. */
    if (s->status != IMAGE_STATUS_QUEUED || attempt <= s->retried)
        return;
    s->status = IMAGE_STATUS_RUNNING;
    note_attempt(s, attempt, started_ms);
}

static void complete(struct image_state *s, const struct event *ev, int attempt)
{
    s->status = IMAGE_STATUS_COMPLETED;
    s->completed_ms = ev->ended_ms;
    s->result = ev->result;
    note_attempt(s, attempt, ev->started_ms);
}

static void fail(struct image_state *s, const struct event *ev, int attempt)
{
    s->status = IMAGE_STATUS_FAILED;
    s->failed_ms = ev->ended_ms;
    s->error = ev->error;
    s->dead_lettered = ev->kind == EVENT_DEAD;
    note_attempt(s, attempt, ev->started_ms);
}

static void try_again(struct image_state *s, const struct event *ev, int attempt)
{
    if (attempt <= s->retried)
        return; /* counted before */
    s->retried = attempt;
    note_attempt(s, attempt, ev->started_ms);
    if (s->cancel_asked) {
        s->status = IMAGE_STATUS_CANCELLED;
        s->cancelled_ms = ev->ended_ms;
        return;
    }
    s->status = IMAGE_STATUS_QUEUED;
    s->retry = true;
    s->error = ev->error;
}

static void replace_error(struct image_state *s, const struct event *ev, int attempt)
{
    if (ev->kind != EVENT_FAILED || !s->dead_lettered)
        return;
    s->error = ev->error;
    s->dead_lettered = false;
    note_attempt(s, attempt, ev->started_ms);
}

void image_state_apply(struct image_state *s, const struct event *ev, int attempts_max)
{
    int attempt = ev->attempt ? ev->attempt : s->retried + 1;

    if (has_ended(s)) {
        replace_error(s, ev, attempt);
        return;
    }
    switch (ev->kind) {
    case EVENT_NONE:
        break;
    case EVENT_STARTED:
        start(s, attempt, ev->started_ms);
        break;
    case EVENT_DONE:
        complete(s, ev, attempt);
        break;
    case EVENT_FAILED:
        if (ev->retryable && attempt < attempts_max)
            try_again(s, ev, attempt);
        else
            fail(s, ev, attempt);
        break;
    case EVENT_DEAD:
        fail(s, ev, s->attempts);
        break;
    }
}

int64_t image_retry_delay_ms(int retried, int64_t first_ms, uint32_t random)
{
    int64_t delay = first_ms;

    for (int i = 1; i < retried && delay < DELAY_MAX_MS; i++)
        delay *= DELAY_GROWTH;
    if (delay > DELAY_MAX_MS)
        delay = DELAY_MAX_MS;
    return delay - delay / 5 + delay * 2 / 5 * (random % 1001) / 1000;
}
