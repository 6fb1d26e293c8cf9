/*
 * policy.h - how many workers a role should have: observations in, decisions out. One interface for
 * every way to decide; the program that scales, the simulation and the line protocol all ask here.
 * No I/O, no clock and no randomness: the same observations give the same decisions.
 */
#ifndef GUV_POLICY_POLICY_H
#define GUV_POLICY_POLICY_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "config/settings.h"

/* The largest number an observation may hold, whoever tells it: sums of larger ones would swallow
 * single jobs, and never recover. Who reads them takes more for not known. */
#define OBSERVATION_MAX 1e15

/*
 * What can be known of a role at one moment. NAN: not known, which is never the same as 0.
 * Counts are doubles because they are counted with, and so that each can be unknown.
 */
struct observation {
    double t_s;       /* any clock that only goes forward; its zero means nothing */
    double messages;  /* ready and unacked; the ready ones if unacked is NAN. NAN: the broker could
                         not be read */
    double unacked;   /* in the hands of workers */
    double consumers; /* workers that consume: neither starting nor stopping */
    int workers;      /* how many the platform was asked for */

    double publish_rate, ack_rate; /* messages a second, as the broker measured last */
    double published, acked;       /* counters of the queue; they may start again at 0 */
    double oldest_s;               /* age of the oldest ready message */

    /* Jobs that ended since the last observation, from the application's own records. */
    double service_n, service_mean_s, service_sd_s;
    /* Workers that became ready since, the same. */
    double boot_n, boot_mean_s;
};

/* All unknown, at t_s, with so many workers. */
struct observation observation_of(double t_s, int workers);

enum decision_kind {
    DECISION_HOLD, /* nothing is known that asks for a change, or too little is known */
    DECISION_SCALE
};

#define DECISION_REASON_SIZE 200

struct decision {
    enum decision_kind kind;
    int workers;                       /* wanted; the present number when it holds */
    char reason[DECISION_REASON_SIZE]; /* in words, for a log line */

    /* What it was decided on; NAN where the policy has no such thing. */
    double load;         /* workers that would be busy all the time */
    double arrivals_s;   /* jobs a second */
    double processing_s; /* a job's mean service time */
    double boot_s;       /* a worker's start */
    double room_s;       /* how long a job may wait for its start */
    double backlog_s;    /* time in which the present workers would empty the queue */
    bool late;           /* some waiting jobs cannot make the deadline any more */
    bool pinned;         /* more than the maximum would be needed */
    bool is_frozen;      /* workers that were asked for never came: no more are asked for */
    double catch_up_s; /* late or pinned: until nothing waits, if it goes on like this; else NAN */

    /* For sharing a budget between roles. */
    bool is_blind;      /* the queue could not be read: nothing may be taken away */
    int floor;          /* fewest workers with which the known jobs make it */
    double violation_s; /* from now until more workers are needed; INFINITY: never */
};

struct policy; /* opaque; decides for one role */

/* settings is lent until policy_free(); poll_s is the time between two observations. Returns 0 and
 * a new one, or -1 (ERR_NOMEM). */
int policy_new(const struct role_settings *settings, double poll_s, double history_s,
               struct policy **ret, struct err *e) MUST_CHECK;
void policy_free(struct policy *p); /* NULL is fine */

/* Decides on what is known now. To be called once a poll, with what could not be read as NAN. */
void policy_decide(struct policy *p, const struct observation *o, struct decision *ret);

/*
 * Shares a budget of workers between roles that were decided on at the same moment: decisions[i] is
 * of roles[i], with current[i] workers now. Each keeps its minimum, or what it has where
 * its queue cannot be read; then, of what it has, what its known jobs need. The rest goes to whose
 * deadline breaks first, then by priority. Lowers `workers` where there is too little, and says so
 * in the reason. budget 0: nothing is changed. Returns 0, or -1 (ERR_NOMEM).
 */
int budget_share(int budget, const struct role_settings *const *roles, const int *current,
                 struct decision *decisions, size_t n, struct err *e) MUST_CHECK;

#endif
