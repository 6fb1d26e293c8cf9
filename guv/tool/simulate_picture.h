/*
 * simulate_picture.h - what a simulation of one trace looks like: arrivals, workers, completion
 * times, and the figures.
 */
#ifndef GUV_TOOL_SIMULATE_PICTURE_H
#define GUV_TOOL_SIMULATE_PICTURE_H

#include "simulate/contest.h"

struct picture; /* opaque; watches a contest */

/* For a trace that is lent until picture_free(). Returns 0 and a new one, or -1 (ERR_NOMEM). */
int picture_new(const struct trace *trace, struct picture **ret, struct err *e) MUST_CHECK;
void picture_free(struct picture *p); /* NULL is fine */

/* For contest.watch; lent. */
const struct contest_watch *picture_watch(const struct picture *p);

/* The run that it has watched, as SVG, appended. Returns 0, or -1 with *e. */
int picture_svg(const struct picture *p, const struct contest *c, const struct contest_run *run,
                struct buf *out, struct err *e) MUST_CHECK;

#endif
