#include "trace.h"

#include <math.h>
#include <string.h>

#include "random.h"

enum { STREAM_ARRIVALS = 1, STREAM_SERVICE, STREAM_PHASES };

void trace_release(struct trace *t)
{
    free(t->jobs);
    memset(t, 0, sizeof *t);
}

int trace_add(struct trace *t, double arrives_s, double takes_s, struct err *e)
{
    if (t->n == t->size) {
        size_t size = t->size ? 2 * t->size : 1024;
        struct trace_job *jobs;

        if (t->n >= TRACE_MAX_JOBS)
            return err_set(e, ERR_LIMIT, "more than %zu jobs", TRACE_MAX_JOBS);
        jobs = realloc(t->jobs, size * sizeof *jobs);
        if (!jobs)
            return err_set(e, ERR_NOMEM, "no memory for %zu jobs", size);
        t->jobs = jobs;
        t->size = size;
    }
    t->jobs[t->n++] = (struct trace_job){arrives_s, takes_s};
    return 0;
}

/* ---- the built-in patterns: how the rate goes, as a multiple of the base rate */

struct pattern {
    const char *name, *about;
    double (*rate)(double t_s, double duration_s);
    double highest; /* that rate() gives */
    double load;    /* the base load, where the pattern has one of its own; 0: as asked */
    bool is_bursty;
};

static double steady(double t_s, double duration_s)
{
    (void)t_s;
    (void)duration_s;
    return 1;
}

static double diurnal(double t_s, double duration_s)
{
    return 1 - 0.8 * cos(2 * M_PI * t_s / duration_s);
}

static double step(double t_s, double duration_s)
{
    double part = t_s / duration_s;

    return part >= 1.0 / 3 && part < 2.0 / 3 ? 2.0 : 0.2;
}

static double ramp(double t_s, double duration_s)
{
    double part = t_s / duration_s;

    return part < 0.8 ? 0.1 + 1.9 * part / 0.8 : 2.0;
}

static double on_off(double t_s, double duration_s)
{
    (void)duration_s;
    return fmod(t_s, 1200) < 600 ? 1.6 : 0.05;
}

/* Ten seconds at twenty times the rate, every twenty minutes. */
static double spikes(double t_s, double duration_s)
{
    (void)duration_s;
    return fmod(t_s, 1200) >= 600 && fmod(t_s, 1200) < 610 ? 20 : 0.3;
}

/* Two batches, each within five seconds, and nothing else. */
static double flash(double t_s, double duration_s)
{
    double a = duration_s / 12, b = duration_s * 7 / 12;

    return (t_s >= a && t_s < a + 5) || (t_s >= b && t_s < b + 5) ? 180 : 0;
}

static const struct pattern patterns[] = {
    {"steady", "the same rate all the time", steady, 1, 0, false},
    {"trickle", "a rate that keeps an eighth of a worker busy", steady, 1, 0.12, true},
    {"diurnal", "a day: from a fifth to nine times that and back", diurnal, 1.8, 0, false},
    {"step", "ten times the rate for the second third", step, 2, 0, false},
    {"ramp", "up to twenty times the rate", ramp, 2, 0, false},
    {"on-off", "ten minutes on, ten minutes nearly off", on_off, 1.6, 0, false},
    {"spikes", "a burst of ten seconds each twenty minutes, in a low rate", spikes, 20, 0, true},
    {"flash", "two batches out of nothing", flash, 180, 1, true},
    {"modulated", "a rate that jumps at random between four levels", NULL, 2.4, 0, false},
    {"drift", "steady; jobs take two and a half times as long from the middle on", steady, 1, 0,
     false},
    {"misconfigured", "steady; jobs take three times what is configured", steady, 1, 0, false},
    {"outage", "steady; broker and platform away for two minutes, then workers crash", steady, 1, 0,
     false},
};

const char *trace_pattern_name(size_t i)
{
    return i < sizeof patterns / sizeof *patterns ? patterns[i].name : NULL;
}

const char *trace_pattern_about(size_t i)
{
    return i < sizeof patterns / sizeof *patterns ? patterns[i].about : NULL;
}

/* The Markov-modulated rate: it stays on a level for some minutes, then jumps to another. */
struct levels {
    struct random random;
    double until_s, rate;
};

static double modulated(struct levels *l, double t_s)
{
    static const double rates[] = {0.2, 0.8, 1.4, 2.4};

    while (t_s >= l->until_s) {
        l->rate = rates[(int)(4 * random_uniform(&l->random))];
        l->until_s += random_exponential(&l->random, 300);
    }
    return l->rate;
}

/* How much longer than configured a job takes that arrives then. */
static double slowness(const struct pattern *p, double t_s, double duration_s)
{
    if (strcmp(p->name, "drift") == 0 && t_s >= duration_s / 2)
        return 2.5;
    return strcmp(p->name, "misconfigured") == 0 ? 3 : 1;
}

static const struct pattern *find(const char *name)
{
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(patterns[i].name, name) == 0)
            return &patterns[i];
    return NULL;
}

bool trace_pattern_is_bursty(const char *name)
{
    const struct pattern *p = find(name);

    return p && p->is_bursty;
}

/* A Poisson process whose rate changes: one of the highest rate, thinned. */
static int fill(struct trace *t, const struct pattern *p, const struct role_settings *role,
                double per_s, uint64_t seed, struct err *e)
{
    struct random arrivals, service;
    struct levels levels = {.until_s = 0};
    double t_s = 0;

    random_init(&arrivals, seed, STREAM_ARRIVALS);
    random_init(&service, seed, STREAM_SERVICE);
    random_init(&levels.random, seed, STREAM_PHASES);
    for (;;) {
        double slow, rate;

        t_s += random_exponential(&arrivals, 1 / (per_s * p->highest));
        if (t_s >= t->duration_s)
            return 0;
        rate = p->rate ? p->rate(t_s, t->duration_s) : modulated(&levels, t_s);
        if (random_uniform(&arrivals) * p->highest >= rate)
            continue;
        slow = slowness(p, t_s, t->duration_s);
        if (trace_add(t, t_s,
                      random_lognormal(&service, slow * role->processing_s, slow * role->stddev_s),
                      e))
            return -1;
    }
}

int trace_pattern(const char *pattern, const struct role_settings *role, double load,
                  double duration_s, uint64_t seed, struct trace *ret, struct err *e)
{
    const struct pattern *p = find(pattern);
    struct trace t = TRACE_INIT;

    if (!p)
        return err_set(e, ERR_INPUT, "there is no pattern '%s'", pattern);
    t.duration_s = duration_s;
    if (strcmp(p->name, "outage") == 0) {
        t.deaf_from_s = duration_s / 3;
        t.deaf_until_s = duration_s / 3 + 120;
        t.crash_at_s = duration_s * 2 / 3;
    }
    if (p->load > 0)
        load = p->load;
    if (fill(&t, p, role, load * role->concurrency / role->processing_s, seed, e)) {
        trace_release(&t);
        return -1;
    }
    *ret = t;
    return 0;
}
