#include "config/dyno.h"

#include <math.h>
#include <stddef.h>
#include <strings.h>

/* Heroku's list prices (heroku.com/pricing); a part of a month costs its part of it, by the second.
 * perf-m is how the original's schema writes them. */
static const struct {
    const char *size;
    double month_usd;
} sizes[] = {{"basic", 7},    {"standard-1x", 25},    {"standard-2x", 50}, {"performance-m", 250},
             {"perf-m", 250}, {"performance-l", 500}, {"perf-l", 500}};

double dyno_month_usd(const char *size)
{
    for (size_t i = 0; size && i < sizeof(sizes) / sizeof(*sizes); i++)
        if (strcasecmp(sizes[i].size, size) == 0)
            return sizes[i].month_usd;
    return (double)NAN;
}
