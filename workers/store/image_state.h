/*
 * image_state.h - how an image moves from queued to its end. No I/O: the rows are read before, and
 * what has changed is written after. Because events are applied here one after the other, a batch
 * of them has the same result as one transaction each.
 *
 *     queued --STARTED--> running --DONE--> completed
 *       ^                    |----FAILED--> failed <--DEAD-- (any that has not ended)
 *       +--FAILED, retryable-+------------> cancelled (where that was asked for meanwhile)
 *
 * An image that has ended never changes again, but for one thing: the code `dead_lettered` gives
 * way to the real error when that comes later.
 */
#ifndef STORE_IMAGE_STATE_H
#define STORE_IMAGE_STATE_H

#include "event.h"

enum image_status {
    IMAGE_STATUS_QUEUED,
    IMAGE_STATUS_RUNNING,
    IMAGE_STATUS_COMPLETED,
    IMAGE_STATUS_FAILED,
    IMAGE_STATUS_CANCELLED
};

struct image_state {
    enum image_status status;
    int attempts; /* begun */
    int retried;  /* ended in a passing failure */
    bool started; /* has a time of its start */
    bool dead_lettered;
    bool cancel_asked; /* of its job: it is not tried again */

    /* Of this batch: what is to be written. 0 and NULL: stays as it is. */
    bool changed;
    bool retry; /* a new try is due */
    int64_t started_ms, completed_ms, failed_ms, cancelled_ms;
    const json_t *result, *error; /* lent by the events */
};

/* "queued", ... and the reverse, which returns -1 for another word. */
const char *image_status_name(enum image_status status);
int image_status_find(const char *name, enum image_status *ret);

/* attempts_max: a retryable failure of that attempt, or a later one, is final. */
void image_state_apply(struct image_state *s, const struct event *ev, int attempts_max);

/* Milliseconds before the try after `retried` failures: first_ms * 5^(retried - 1), at most a day,
 * moved by up to a fifth to either side by `random`. */
int64_t image_retry_delay_ms(int retried, int64_t first_ms, uint32_t random);

#endif
