#include "random.h"

#include <math.h>

#include "config/normal.h"

/* splitmix64, by which the generator's authors fill its state. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void random_init(struct random *r, uint64_t seed, uint64_t stream)
{
    uint64_t state = seed ^ (stream * UINT64_C(0xd1342543de82ef95));

    for (int i = 0; i < 4; i++)
        r->state[i] = split_mix(&state);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static uint64_t next(struct random *r)
{
    uint64_t *s = r->state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

double random_uniform(struct random *r)
{
    return ((double)(next(r) >> 12) + 0.5) / 4503599627370496.0; /* 2^52 */
}

double random_exponential(struct random *r, double mean)
{
    return -mean * log(random_uniform(r));
}

double random_lognormal(struct random *r, double mean, double sd)
{
    double sigma2 = log(1 + (sd / mean) * (sd / mean));

    return exp(log(mean) - sigma2 / 2 + sqrt(sigma2) * normal_quantile(random_uniform(r)));
}
