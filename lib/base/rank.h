/*
 * rank.h - the value of a rank without sorting: for percentiles of many values, in time that grows
 * as their number does.
 */
#ifndef BASE_RANK_H
#define BASE_RANK_H

#include <stddef.h>

/* Brings the value of rank k, from 0 and below n, to its place: what is before it is not more, what
 * is after it not less. None of the values is NaN. */
void rank_select(double *v, size_t n, size_t k);

#endif
