/*
 * backoff.h - when to try again: after 1, 2, 4 .. 60 s, with jitter, so that many who failed at the
 * same moment do not come back at the same moment. No clock and no randomness of its own.
 */
#ifndef GUV_LIVE_BACKOFF_H
#define GUV_LIVE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MOST_MS 60000

/* Zeroed, it may be tried at once. */
struct backoff {
    int delay_ms;        /* the last one; 0: it has not failed since it worked */
    int64_t due_mono_ms; /* not before */
};

/* It failed: the next try comes after between a half and the whole of the next delay, but not
 * before least_s seconds are over (NAN: nothing was said). random is any number. */
void backoff_failed(struct backoff *b, int64_t now_mono_ms, double least_s, unsigned random);

static inline void backoff_worked(struct backoff *b)
{
    b->delay_ms = 0;
    b->due_mono_ms = 0;
}

static inline bool backoff_is_due(const struct backoff *b, int64_t now_mono_ms)
{
    return now_mono_ms >= b->due_mono_ms;
}

#endif
