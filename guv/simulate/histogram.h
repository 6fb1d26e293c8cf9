/*
 * histogram.h - many times in little memory: quantiles within one part in a hundred.
 */
#ifndef GUV_SIMULATE_HISTOGRAM_H
#define GUV_SIMULATE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BINS 1100 /* each two parts in a hundred wide, from a millisecond to a month */

struct histogram { /* all zero: empty */
    uint32_t bins[HISTOGRAM_BINS];
    uint64_t n;
    double most;
};

void histogram_add(struct histogram *h, double s);

/* NAN if it is empty. */
double histogram_quantile(const struct histogram *h, double q);

#endif
