#include "live/backoff.h"

void backoff_failed(struct backoff *b, int64_t now_mono_ms, double least_s, unsigned random)
{
    int delay_ms = b->delay_ms ? b->delay_ms * 2 : BACKOFF_FIRST_MS, wait_ms;

    if (delay_ms > BACKOFF_MOST_MS)
        delay_ms = BACKOFF_MOST_MS;
    b->delay_ms = delay_ms;
    wait_ms = delay_ms / 2 + (int)(random % (unsigned)(delay_ms / 2 + 1));
    if (least_s * 1000 > wait_ms) /* never for a NAN */
        wait_ms = (int)(least_s * 1000);
    b->due_mono_ms = now_mono_ms + wait_ms;
}
