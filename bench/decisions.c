/*
 * decisions.c - how long guv thinks: many roles with a full memory behind them, decided on at once,
 * as in one poll. Prints CPU milliseconds of a poll: median and highest. bench-decisions [ROLES]
 */
#include <stdio.h>
#include <time.h>

#include "policy/policy.h"
#include "simulate/random.h"

#define POLLS 400 /* to fill what the policy remembers, and then */
#define MEASURED 200
#define POLL_S 5.0

struct load {
    struct role_settings settings;
    struct policy *policy;
    double published, acked, in_hand;
    int workers;
};

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return 1000.0 * (double)t.tv_sec + (double)t.tv_nsec / 1e6;
}

/* A queue under way: jobs come, with a burst now and then, and workers end as many as they can. */
static struct observation observe(struct load *l, double t_s, struct random *r)
{
    struct observation o = observation_of(t_s, l->workers);
    double come = 200 * random_uniform(r) * (random_uniform(r) < 0.02 ? 30 : 1);
    double able = 10.0 * l->workers * POLL_S / l->settings.processing_s;

    l->published += floor(come);
    l->acked += floor(fmin(able, l->published - l->acked));
    o.messages = l->published - l->acked + fmin(10.0 * l->workers, l->published);
    o.unacked = fmin(10.0 * l->workers, o.messages);
    o.consumers = l->workers;
    o.published = l->published;
    o.acked = l->acked;
    return o;
}

static void poll(struct load *loads, size_t n, double t_s, struct random *r)
{
    for (size_t i = 0; i < n; i++) {
        struct observation o = observe(&loads[i], t_s, r);
        struct decision d;

        policy_decide(loads[i].policy, &o, &d);
        loads[i].workers = d.workers;
    }
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100;
    struct load *loads = calloc(n, sizeof *loads);
    double took_ms[MEASURED];
    struct random r;

    if (!loads)
        return 1;
    random_init(&r, 1, 1);
    for (size_t i = 0; i < n; i++) {
        loads[i].settings = (struct role_settings){.name = "role",
                                                   .processing_s = 2,
                                                   .stddev_s = 1,
                                                   .deadline_s = 600,
                                                   .percentile = 99,
                                                   .target_s = 597,
                                                   .concurrency = 10,
                                                   .boot_s = 30,
                                                   .shutdown_s = 30,
                                                   .maximum = 100,
                                                   .slack = 1};
        if (policy_new(&loads[i].settings, POLL_S, 120, &loads[i].policy, NULL))
            return 1;
    }
    for (int k = 0; k < POLLS; k++)
        poll(loads, n, POLL_S * k, &r);
    for (int k = 0; k < MEASURED; k++) {
        double before_ms = cpu_ms();

        poll(loads, n, POLL_S * (POLLS + k), &r);
        took_ms[k] = cpu_ms() - before_ms;
    }
    qsort(took_ms, MEASURED, sizeof *took_ms, compare);
    printf("%.3f %.3f\n", took_ms[MEASURED / 2], took_ms[MEASURED - 1]);
    for (size_t i = 0; i < n; i++)
        policy_free(loads[i].policy);
    free(loads);
    return 0;
}
