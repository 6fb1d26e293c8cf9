/*
 * normal.h - quantiles of the two distributions that service times are taken to have: the normal
 * one, as in the original guv's target, and the lognormal one, which has the longer tail of real
 * jobs.
 */
#ifndef GUV_CONFIG_NORMAL_H
#define GUV_CONFIG_NORMAL_H

/* The z below which a standard normal value lies with probability p, to about 1 part in 10^15.
 * 0: -INFINITY; 1: INFINITY; outside 0..1 and for NAN: NAN. */
double normal_quantile(double p);

/* The same of a lognormal variable, given its own mean (above 0) and standard deviation (from 0).
 */
double lognormal_quantile(double mean, double stddev, double p);

#endif
