#include "histogram.h"

#include <math.h>
#include <stddef.h>

#define LEAST_S 0.001
#define WIDTH 0.02

void histogram_add(struct histogram *h, double s)
{
    double bin = log(s / LEAST_S) / WIDTH;
    size_t i = bin > 0 ? (size_t)bin : 0;

    h->bins[i < HISTOGRAM_BINS ? i : HISTOGRAM_BINS - 1]++;
    h->n++;
    if (s > h->most)
        h->most = s;
}

double histogram_quantile(const struct histogram *h, double q)
{
    uint64_t below = 0, wanted = (uint64_t)ceil(q * (double)h->n);

    if (h->n == 0)
        return (double)NAN;
    for (size_t i = 0; i < HISTOGRAM_BINS; i++) {
        below += h->bins[i];
        if (below >= wanted && below > 0)
            return fmin(h->most, LEAST_S * exp(((double)i + 0.5) * WIDTH));
    }
    return h->most;
}
