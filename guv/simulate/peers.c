#include "peers.h"

#include <math.h>
#include <string.h>

#include "hpa.h"

#define HPA_CPU_PERCENT 50
#define CPU_SAMPLE_S 5.0 /* the broker's figures are no finer */

#define KEDA_POLL_S 30.0
#define KEDA_COOLDOWN_S 300.0

#define IDLE_POLL_S 3600.0 /* of a crew that is never changed */

struct peer {
    struct decider decider;
    struct role_settings own; /* the role's, with the policy that is tried */
    struct policy *policy;    /* of those that decide by policy.h */
    struct hpa hpa;
    double sync_at_s; /* when the HPA decides next */
    double cpu;       /* sum of the samples since it did */
    int cpu_samples;
    double keda_at_s;   /* when KEDA looks next */
    double active_at_s; /* when it last saw messages */
    double keda_target; /* messages for each worker */
    bool has_begun;
};

static const struct {
    const char *name, *title;
} kinds[PEER_KINDS] = {{"guv", "guv"},
                       {"fixed", "fixed at peak"},
                       {"original", "original guv"},
                       {"keda", "KEDA QueueLength"},
                       {"hpa", "HPA at 50 % CPU"}};

const char *peer_name(enum peer_kind kind)
{
    return kinds[kind].name;
}

const char *peer_title(enum peer_kind kind)
{
    return kinds[kind].title;
}

int peer_find(const char *name, enum peer_kind *ret, struct err *e)
{
    for (int i = 0; i < PEER_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *ret = (enum peer_kind)i;
            return 0;
        }
    return err_set(e, ERR_INPUT,
                   "there is no policy '%s': guv, fixed, original, keda and hpa are there", name);
}

/* ---- policy.h */

static void decide_by_policy(void *arg, const struct observation *o, struct decision *ret)
{
    struct peer *p = arg;

    policy_decide(p->policy, o, ret);
}

/* ---- fixed */

static void decide_nothing(void *arg, const struct observation *o, struct decision *ret)
{
    (void)arg;
    ret->workers = o->workers;
}

/* ---- HPA at 50 % CPU */

static void sample_cpu(struct peer *p, const struct observation *o)
{
    if (isnan(o->consumers) || isnan(o->unacked) || o->consumers < 1)
        return;
    p->cpu += fmin(1, o->unacked / (o->consumers * p->own.concurrency));
    p->cpu_samples++;
}

static int hpa_minimum(const struct peer *p)
{
    return p->own.minimum > 1 ? p->own.minimum : 1;
}

static bool is_due(double *at_s, double now_s, double every_s)
{
    if (now_s < *at_s)
        return false;
    *at_s = now_s + every_s - 0.001; /* the sum of the polls may come out a little below */
    return true;
}

static void decide_by_cpu(void *arg, const struct observation *o, struct decision *ret)
{
    struct peer *p = arg;
    int percent, desired;

    sample_cpu(p, o);
    if (!p->has_begun)
        p->sync_at_s = o->t_s + HPA_SYNC_S - CPU_SAMPLE_S;
    p->has_begun = true;
    if (!is_due(&p->sync_at_s, o->t_s, HPA_SYNC_S) || p->cpu_samples == 0 || isnan(o->consumers))
        return;
    percent = (int)(100 * p->cpu / p->cpu_samples); /* an integer there, too */
    p->cpu = 0;
    p->cpu_samples = 0;
    desired = hpa_by_utilization(percent, HPA_CPU_PERCENT, (int)o->consumers, o->workers);
    ret->workers = hpa_settle(&p->hpa, o->t_s, desired, o->workers, hpa_minimum(p), p->own.maximum);
}

/* ---- KEDA */

/* KEDA's own part: from 0 to 1, and to 0. Returns whether it is that the HPA has nothing to say. */
static bool keda_decides(struct peer *p, const struct observation *o, struct decision *ret)
{
    if (is_due(&p->keda_at_s, o->t_s, KEDA_POLL_S)) {
        if (o->messages > 0) {
            p->active_at_s = o->t_s;
            if (o->workers == 0)
                ret->workers = hpa_minimum(p);
        } else if (p->own.minimum == 0 && o->t_s - p->active_at_s > KEDA_COOLDOWN_S) {
            ret->workers = 0;
        }
    }
    return o->workers == 0 || ret->workers == 0;
}

static void decide_by_length(void *arg, const struct observation *o, struct decision *ret)
{
    struct peer *p = arg;
    int desired;

    if (!p->has_begun)
        p->active_at_s = o->t_s;
    p->has_begun = true;
    if (isnan(o->messages) || keda_decides(p, o, ret))
        return;
    desired = hpa_by_average(o->messages, p->keda_target, o->workers);
    ret->workers = hpa_settle(&p->hpa, o->t_s, desired, o->workers, hpa_minimum(p), p->own.maximum);
}

/* ---- making them */

static int use_policy(struct peer *p, enum policy_kind policy, double poll_s, double history_s,
                      struct err *e)
{
    p->own.policy = policy;
    p->decider.decide = decide_by_policy;
    p->decider.poll_s = poll_s;
    return policy_new(&p->own, poll_s, history_s, &p->policy, e);
}

static int set_up(struct peer *p, enum peer_kind kind, const struct peer_options *o, struct err *e)
{
    switch (kind) {
    case PEER_GUV:
        return use_policy(p, POLICY_TUBE, o->poll_s, o->history_s, e);
    case PEER_ORIGINAL:
        return use_policy(p, POLICY_ORIGINAL, o->original_poll_s, o->history_s, e);
    case PEER_KEDA:
        p->decider.decide = decide_by_length;
        p->decider.poll_s = HPA_SYNC_S;
        p->keda_target =
            fmax(1, floor(p->own.concurrency / p->own.processing_s * p->own.deadline_s / 2));
        return 0;
    case PEER_HPA:
        p->decider.decide = decide_by_cpu;
        p->decider.poll_s = CPU_SAMPLE_S;
        p->decider.first = hpa_minimum(p);
        return 0;
    case PEER_FIXED:
    case PEER_KINDS:
        break;
    }
    p->decider.decide = decide_nothing;
    p->decider.poll_s = IDLE_POLL_S;
    p->decider.first = o->fixed;
    return 0;
}

int peer_new(enum peer_kind kind, const struct peer_options *options, struct peer **ret,
             struct err *e)
{
    struct peer *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for the policy '%s'", kinds[kind].name);
    p->own = *options->role;
    p->decider.arg = p;
    p->decider.first = p->own.minimum;
    if (set_up(p, kind, options, e)) {
        peer_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void peer_free(struct peer *p)
{
    if (!p)
        return;
    policy_free(p->policy);
    free(p);
}

const struct decider *peer_decider(const struct peer *p)
{
    return &p->decider;
}

/* ---- the fixed crew */

static int try_crew(const struct trace *trace, const struct world_options *options, int workers,
                    bool *ret, struct err *e)
{
    const struct decider fixed = {decide_nothing, NULL, IDLE_POLL_S, workers};
    struct world_options quiet = *options;
    struct outcome outcome;

    quiet.timeline = NULL;
    quiet.watch = NULL;
    quiet.is_trial = true;
    if (world_run(trace, &fixed, &quiet, &outcome, e))
        return -1;
    *ret = outcome_is_in_time(&outcome, options->role);
    return 0;
}

/* Workers that all the trace's work keeps busy all the time. */
static double mean_load(const struct trace *trace, const struct role_settings *role)
{
    double work = 0;

    for (size_t i = 0; i < trace->n; i++)
        work += trace->jobs[i].takes_s;
    return trace->duration_s > 0 ? work / role->concurrency / trace->duration_s : 0;
}

int peer_fewest(const struct trace *trace, const struct world_options *options, int *ret,
                struct err *e)
{
    const struct role_settings *role = options->role;
    int least = role->minimum, enough = (int)fmin(role->maximum, ceil(mean_load(trace, role)));
    bool is_in_time = trace->n == 0;

    if (enough < least)
        enough = least;
    for (int more = 1; !is_in_time; more *= 2) {
        if (try_crew(trace, options, enough, &is_in_time, e))
            return -1;
        if (is_in_time || enough >= role->maximum)
            break;
        least = enough + 1;
        enough = more < role->maximum - enough ? enough + more : role->maximum;
    }
    while (least < enough) {
        int middle = least + (enough - least) / 2;

        if (try_crew(trace, options, middle, &is_in_time, e))
            return -1;
        if (is_in_time)
            enough = middle;
        else
            least = middle + 1;
    }
    *ret = enough;
    return 0;
}
