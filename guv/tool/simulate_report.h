/*
 * simulate_report.h - what guv simulate prints: tables, a verdict in words, JSON.
 */
#ifndef GUV_TOOL_SIMULATE_REPORT_H
#define GUV_TOOL_SIMULATE_REPORT_H

#include <jansson.h>

#include "simulate/contest.h"

#define REPORT_DURATION_SIZE 40

/* "2 h", "7 d", "90 s": in the largest unit that leaves no long fraction. */
void report_duration(double s, char ret[REPORT_DURATION_SIZE]);

/* The percentage with so many decimals, never rounded up: 99.996 is not 100.00. */
double report_percent_in_time(size_t jobs, size_t late, int decimals);

/* What worker-seconds cost. A role that names no size, or one whose price is not known, costs as
 * REPORT_SIZE does. */
#define REPORT_SIZE "standard-1x"
double report_usd(const struct role_settings *role, double paid_s);

/* A table of the policies on one trace, if there was one run; else one of traces and one of
 * policies. Returns 0, or -1: no memory. */
int report_text(const struct contest *c, struct buf *out);

/* Of runs on what really came: what it would have cost, and whether it would have held. */
void report_history_verdict(const struct contest *c, struct buf *out);

/* New, or NULL: no memory. */
json_t *report_json(const struct contest *c);

#endif
