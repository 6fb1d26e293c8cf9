/*
 * clock.h - the two clocks, kept apart: wall time for what people read, monotonic for deadlines.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* "2026-01-02T03:04:05.678Z" and its NUL. */
#define TIMESTAMP_SIZE 25

/* Wall time: milliseconds since 1970 UTC. */
int64_t clock_wall_ms(void);

/* Milliseconds of the monotonic clock; its zero means nothing. */
int64_t clock_mono_ms(void);

/* Milliseconds from now until the monotonic time given: 0 once it has passed, at most INT_MAX. What
 * poll() takes. */
int clock_until_ms(int64_t mono_ms);

/* wall_ms as RFC 3339 in UTC with milliseconds, into ret. Years 1970 to 9999. */
void clock_timestamp(int64_t wall_ms, char ret[TIMESTAMP_SIZE]);

/* The reverse. Takes 0 to 9 digits of fraction and any offset. Returns 0, or -1 for another text.
 */
int clock_parse_timestamp(const char *text, int64_t *ret_wall_ms);

#endif
