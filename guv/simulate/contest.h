/*
 * contest.h - policies on the same traces, side by side, and what comes of it.
 */
#ifndef GUV_SIMULATE_CONTEST_H
#define GUV_SIMULATE_CONTEST_H

#include "bound.h"
#include "histogram.h"
#include "peers.h"

/* Is told what happens in each run, for a picture of it. */
struct contest_watch {
    void (*job_ended)(void *arg, enum peer_kind kind, double at_s, double took_s);
    void (*crew_changed)(void *arg, enum peer_kind kind, double at_s, int workers);
    void *arg;
};

/* One trace. */
struct contest_run {
    const char *trace; /* its name; lent */
    bool is_bursty;    /* see trace_pattern_is_bursty() */
    uint64_t seed;
    size_t jobs;
    double duration_s;
    struct bound bound;
    int fixed;                          /* workers of the fixed crew */
    struct outcome outcome[PEER_KINDS]; /* of those that take part */
};

struct contest {
    struct role_settings role;
    struct world_options world; /* but for its role, seed, timeline and watch, which are set here */
    double poll_s, original_poll_s, history_s;
    bool takes_part[PEER_KINDS];
    bool has_no_bound;                 /* it is not looked for: that takes the longest */
    const struct contest_watch *watch; /* NULL: nobody */
    struct buf *timeline;              /* gets CONTEST_TIMELINE_COLUMNS; NULL: none */

    /* What has come of it so far. */
    struct contest_run *runs;
    size_t n;
    struct histogram took[PEER_KINDS]; /* completion times of all runs */
};

#define CONTEST_TIMELINE_COLUMNS "policy," WORLD_TIMELINE_COLUMNS

/* All policies, in the usual world. role's texts are lent until contest_release(). */
void contest_init(struct contest *c, const struct role_settings *role,
                  const struct guv_settings *settings);
void contest_release(struct contest *c);

/* Tries everybody on the trace, whose name is lent, and adds a run. Returns 0, or -1 (ERR_NOMEM).
 */
int contest_try(struct contest *c, const char *name, const struct trace *trace, uint64_t seed,
                struct err *e) MUST_CHECK;

bool contest_is_in_time(const struct contest *c, const struct contest_run *run,
                        enum peer_kind kind);

/* A policy over all runs. */
struct contest_sum {
    size_t runs, in_time; /* in_time: runs */
    double worst;         /* the least share of jobs in time of a run, 0..1 */
    size_t jobs, late, actions, starts;
    double paid_s, busy_s, hours;
    double least_use;   /* least busy / paid of a run */
    double times_bound; /* paid over bound, of the runs that have one; NAN: none has */
};

enum contest_part { CONTEST_ALL, CONTEST_SMOOTH };

struct contest_sum contest_sum(const struct contest *c, enum peer_kind kind,
                               enum contest_part part);

/* Runs in which that policy was in time and paid less than guv. */
size_t contest_beaten(const struct contest *c, enum peer_kind by);

#endif
