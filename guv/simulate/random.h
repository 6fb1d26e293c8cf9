/*
 * random.h - random numbers that are the same for the same seed on every machine: a simulation can
 * be repeated. xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators").
 */
#ifndef GUV_SIMULATE_RANDOM_H
#define GUV_SIMULATE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state[4];
};

/* stream tells generators of one seed apart. */
void random_init(struct random *r, uint64_t seed, uint64_t stream);

double random_uniform(struct random *r); /* above 0, below 1 */
double random_exponential(struct random *r, double mean);
double random_lognormal(struct random *r, double mean, double sd); /* mean and sd of the result */

#endif
