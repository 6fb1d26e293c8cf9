/*
 * need.h - the least number of workers with which every job starts in time.
 * A queue is served first in, first out, so a job that arrived at s is in time exactly if, by s +
 * room, as many jobs have been started as had arrived by s. Jobs that come later cannot delay it:
 * what waits is judged exactly, and only the future is a forecast. No I/O, no clock.
 */
#ifndef GUV_POLICY_NEED_H
#define GUV_POLICY_NEED_H

#include <stdbool.h>
#include <stddef.h>

#include "arrivals.h"

#define NEED_MOST 1e6 /* workers: what would take more is told as that many */

/* The workers that are there and those that will be. */
struct crew {
    double concurrency;  /* places in a worker */
    double jobs_per_s;   /* that one worker ends, with every place taken */
    double n;            /* workers that take jobs */
    double free;         /* places free in them now */
    const double *due_s; /* when those under way will take jobs, oldest first. Lent */
    size_t n_due;
};

#define WORKERS_MOST 1e6 /* no more are ever spoken of: a load may be absurd, an int is finite */

/* A whole number of workers as an int, WORKERS_MOST if it is more. */
int whole_workers(double workers);

struct need_query {
    double t_s;
    double room_s;   /* how long a job may wait for its start, less */
    double noise_s;  /* times the root of the jobs before it: their times are uncertain */
    double last_s;   /* how long it may wait at the very most: past that it is late */
    double on_s;     /* when workers that are asked for now would take jobs */
    double rescue_s; /* for jobs that help comes too late for: in time is so long after on_s */
    double ready;    /* jobs that wait */
    double per_s, horizon_s; /* so many more a second will come, for so long; 0: only those known */
};

struct need {
    int more;           /* workers, and */
    double exact;       /* how many that is before it is made whole */
    bool too_late;      /* for some jobs help would come after their room */
    bool late;          /* and some that wait will miss the deadline, whatever is done */
    double violation_s; /* from now until the first job of the rest is late if nothing is done; or
                           INFINITY */
};

/* arrivals tells when those that wait have come. */
struct need need_of(const struct need_query *q, const struct crew *crew,
                    const struct arrivals *arrivals);

#endif
