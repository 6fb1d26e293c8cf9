#include "clock.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int clock_until_ms(int64_t mono_ms)
{
    int64_t left = mono_ms - clock_mono_ms();

    if (left <= 0)
        return 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

void clock_timestamp(int64_t wall_ms, char ret[TIMESTAMP_SIZE])
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char date[TIMESTAMP_SIZE];

    gmtime_r(&seconds, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(ret, TIMESTAMP_SIZE, "%.19s.%03uZ", date, (unsigned)(wall_ms % 1000) % 1000u);
}

/* Reads exactly `digits` digits; -1 if there are others. */
static int read_number(const char **p, int digits)
{
    int n = 0;

    for (int i = 0; i < digits; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return -1;
        n = n * 10 + (**p - '0');
    }
    return n;
}

/* Milliseconds of a fraction of any length, or -1. */
static int read_fraction_ms(const char **p)
{
    int ms = 0, digits = 0;

    for (; isdigit((unsigned char)**p); (*p)++, digits++)
        if (digits < 3)
            ms = ms * 10 + (**p - '0');
    for (int i = digits; i < 3; i++)
        ms *= 10;
    return digits >= 1 && digits <= 9 ? ms : -1;
}

/* "Z" or "+hh:mm" to seconds east of UTC. */
static int read_offset(const char **p, int *ret_seconds)
{
    int sign = **p == '-' ? -1 : 1, hours, minutes;

    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        *ret_seconds = 0;
        return 0;
    }
    if (**p != '+' && **p != '-')
        return -1;
    (*p)++;
    hours = read_number(p, 2);
    if (hours < 0 || hours > 23 || *(*p)++ != ':')
        return -1;
    minutes = read_number(p, 2);
    if (minutes < 0 || minutes > 59)
        return -1;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return 0;
}

int clock_parse_timestamp(const char *text, int64_t *ret_wall_ms)
{
    const char *p = text;
    struct tm tm;
    int ms = 0, offset, year, month;

    memset(&tm, 0, sizeof tm);
    year = read_number(&p, 4);
    if (year < 1970 || *p++ != '-')
        return -1;
    month = read_number(&p, 2);
    if (month < 1 || month > 12 || *p++ != '-')
        return -1;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    tm.tm_mday = read_number(&p, 2);
    if (tm.tm_mday < 1 || tm.tm_mday > 31 || (*p != 'T' && *p != 't' && *p != ' '))
        return -1;
    p++;
    tm.tm_hour = read_number(&p, 2);
    if (tm.tm_hour < 0 || tm.tm_hour > 23 || *p++ != ':')
        return -1;
    tm.tm_min = read_number(&p, 2);
    if (tm.tm_min < 0 || tm.tm_min > 59 || *p++ != ':')
        return -1;
    tm.tm_sec = read_number(&p, 2);
    if (tm.tm_sec < 0 || tm.tm_sec > 60)
        return -1;
    if (*p == '.') {
        p++;
        ms = read_fraction_ms(&p);
        if (ms < 0)
            return -1;
    }
    if (read_offset(&p, &offset) || *p)
        return -1;
    *ret_wall_ms = ((int64_t)timegm(&tm) - offset) * 1000 + ms;
    return 0;
}
