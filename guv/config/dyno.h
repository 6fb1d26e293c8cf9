/*
 * dyno.h - what the platform's sizes of workers cost.
 */
#ifndef GUV_CONFIG_DYNO_H
#define GUV_CONFIG_DYNO_H

/* USD for a worker of that size that runs a whole month; NAN: the size is NULL or not known. */
double dyno_month_usd(const char *size);

#endif
