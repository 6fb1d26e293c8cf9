/*
 * report.h - what guv knows as text: metrics for Prometheus, JSON, a table. No I/O.
 */
#ifndef GUV_LIVE_REPORT_H
#define GUV_LIVE_REPORT_H

#include <jansson.h>

#include "base/buf.h"
#include "live/view.h"

/* Text exposition format 0.0.4, appended. What is not known is left out. */
void report_metrics(const struct view *v, struct buf *out);

/* What GET /status and `guv status --json` tell; new, NULL: no memory. */
json_t *report_status(const struct view *v);

/* The same as a table with a line on what is wrong, from that JSON. Returns 0, or -1 with
 * out->failed. */
int report_table(const json_t *status, size_t max_width, struct buf *out);

/* One decision as one line of JSON with its end, at that wall time; `from` is the number of workers
 * before it. Appended. */
void report_decision(const struct role_view *r, int from, bool acts, int64_t wall_ms,
                     struct buf *out);

/* Busy part of the workers that consume, 0 to 1; NAN: not known. */
double report_utilisation(const struct role_view *r);

#endif
