#include "live/view.h"

const char *mood_name(enum mood m)
{
    static const char *const names[MOOD_COUNT] = {
        [MOOD_NEW] = "new",           [MOOD_STEADY] = "steady",
        [MOOD_LATE] = "late",         [MOOD_PINNED] = "pinned",
        [MOOD_FROZEN] = "frozen",     [MOOD_NO_APP] = "no_app",
        [MOOD_NO_TYPE] = "no_type",   [MOOD_NO_BROKER] = "no_broker",
        [MOOD_NO_QUEUE] = "no_queue", [MOOD_NO_STATISTICS] = "no_statistics",
        [MOOD_LIMITED] = "limited",   [MOOD_RATE] = "rate",
        [MOOD_REFUSED] = "refused",
    };

    return m < MOOD_COUNT ? names[m] : "unknown";
}
