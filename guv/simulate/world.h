/*
 * world.h - a queue, its workers and the platform that starts them, event by event: what a policy
 * is tried in. First in, first out; a worker takes as many jobs as it has places; a start takes a
 * random time; a worker that is stopped finishes what it has, is killed after its grace and its
 * jobs come back to the head of the queue; the broker's figures are as old as its last measurement.
 * A worker is paid for from the request for it until it has gone.
 */
#ifndef GUV_SIMULATE_WORLD_H
#define GUV_SIMULATE_WORLD_H

#include "base/buf.h"
#include "policy/policy.h"
#include "trace.h"

/* What decides: the policies of policy.h, and those they are compared with. */
struct decider {
    void (*decide)(void *arg, const struct observation *o, struct decision *ret);
    void *arg;
    double poll_s;
    int first; /* workers that run at the beginning */
};

/* Is told what happens, for a picture of it. */
struct world_watch {
    void (*job_ended)(void *arg, double at_s, double took_s);  /* from its arrival */
    void (*crew_changed)(void *arg, double at_s, int workers); /* asked for from then on */
    void *arg;
};

struct world_options {
    const struct role_settings *role;
    uint64_t seed;
    double boot_s, boot_sd_s, boot_min_s, boot_max_s; /* of a start: lognormal, within bounds */
    double stats_s;                                   /* the broker measures so often */
    bool has_records;     /* the policy is told jobs' service times by the application */
    bool is_trial;        /* it ends as soon as the deadline is missed for certain */
    struct buf *timeline; /* gets a line a poll, CSV: WORLD_TIMELINE_COLUMNS. NULL: none */
    const struct world_watch *watch; /* NULL: nobody */
};

#define WORLD_TIMELINE_COLUMNS "t,waiting,in_hand,consumers,workers,load,processing,late,reason"

/* The usual world for a role: starts take about as long as its settings say, the broker measures
 * every 5 s, and service times are told if the settings say where they are read. */
struct world_options world_options_of(const struct role_settings *role, uint64_t seed);

#define WORLD_BOOT_SD_PART (8.0 / 30) /* of the mean */

/* Starts take so long: within a third and twice the mean. */
void world_set_boot(struct world_options *o, double mean_s, double sd_s);

struct outcome {
    size_t jobs, late;                     /* late: past the deadline */
    double p50_s, p90_s, p99_s, longest_s; /* from arrival to end */
    double paid_s;                         /* worker-seconds */
    double busy_s;      /* place-seconds in which a job was worked at, over the concurrency */
    double ended_s;     /* the last job's end, or the trace's */
    size_t actions;     /* changes of the number of workers */
    size_t starts;      /* workers started */
    size_t redelivered; /* jobs that a kill sent back */
    int most;           /* workers at once */
};

/* Whether enough of the jobs have made the deadline: the role's percentile. */
bool outcome_is_in_time(const struct outcome *o, const struct role_settings *role);

/* Replays the trace, and goes on until the last job has ended, for so long as that takes sense:
 * jobs that have not ended then are late. Returns 0, or -1 (ERR_NOMEM). */
int world_run(const struct trace *trace, const struct decider *decider,
              const struct world_options *options, struct outcome *ret, struct err *e) MUST_CHECK;

#endif
