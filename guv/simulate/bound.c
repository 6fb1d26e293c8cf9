#include "bound.h"

#include <math.h>
#include <string.h>

#define STEP_S 2.0

/*
 * Work is counted in what one worker does in a step. By the end of step k, `came` of it has arrived
 * and `due` of it must have been done. A state is the number of workers and the work that is done;
 * its price is the least that leads there, so the best price of each state of a step follows from
 * those of the step before.
 */
struct table {
    size_t steps;
    long *came, *due;    /* steps + 1 each */
    int workers;         /* most */
    size_t width;        /* most work that may wait at once, and 1 */
    float *price, *next; /* of (workers, work that waits) */
};

static void release(struct table *t)
{
    free(t->came);
    free(t->due);
    free(t->price);
    free(t->next);
}

/* Both curves, from the jobs. */
static int fill_curves(struct table *t, const struct trace *trace, const struct role_settings *role)
{
    const double unit = STEP_S * role->concurrency; /* place-seconds */
    double work = 0;
    size_t late = (size_t)ceil(role->deadline_s / STEP_S), job = 0;

    t->steps = (size_t)ceil((trace->duration_s + role->deadline_s) / STEP_S) + 1;
    t->came = calloc(t->steps + 1, sizeof *t->came);
    t->due = calloc(t->steps + 1, sizeof *t->due);
    if (!t->came || !t->due)
        return -1;
    for (size_t k = 1; k <= t->steps; k++) {
        double floor_of_work;

        while (job < trace->n && trace->jobs[job].arrives_s <= (double)k * STEP_S)
            work += trace->jobs[job++].takes_s;
        floor_of_work = floor(work / unit);
        t->came[k] = (long)ceil(work / unit);
        if (k + late <= t->steps)
            t->due[k + late] = (long)floor_of_work;
    }
    return 0;
}

/* What can be kept up with: where the maximum is too small, work is due when it can be done. */
static void relax(struct table *t)
{
    long done = 0;

    for (size_t k = 1; k <= t->steps; k++) {
        long can = done + t->workers;

        done = can < t->came[k] ? can : t->came[k];
        if (t->due[k] > done)
            t->due[k] = done;
    }
    for (size_t k = 1; k <= t->steps; k++)
        if ((size_t)(t->came[k] - t->due[k]) + 1 > t->width)
            t->width = (size_t)(t->came[k] - t->due[k]) + 1;
}

/* The crew is changed before the step: more cost a start each, fewer nothing. */
static void change_crew(const struct table *t, float start, int minimum)
{
    for (size_t x = 0; x < t->width; x++) {
        for (int n = minimum + 1; n <= t->workers; n++) {
            float *p = &t->price[(size_t)n * t->width + x], *fewer = p - t->width;

            if (*fewer + start < *p)
                *p = *fewer + start;
        }
        for (int n = t->workers - 1; n >= minimum; n--) {
            float *p = &t->price[(size_t)n * t->width + x], *more = p + t->width;

            if (*more < *p)
                *p = *more;
        }
    }
}

static void do_step(struct table *t, size_t k, int minimum)
{
    long arrived = t->came[k] - t->came[k - 1], most = t->came[k] - t->due[k];

    for (size_t i = 0; i < (size_t)(t->workers + 1) * t->width; i++)
        t->next[i] = INFINITY;
    for (int n = minimum; n <= t->workers; n++)
        for (size_t x = 0; x < t->width; x++) {
            float price = t->price[(size_t)n * t->width + x] + (float)n;
            long waits = (long)x + arrived - n;

            if (isinf(price) || waits > most)
                continue;
            if (waits < 0)
                waits = 0;
            if (price < t->next[(size_t)n * t->width + (size_t)waits])
                t->next[(size_t)n * t->width + (size_t)waits] = price;
        }
}

static double cheapest(const struct table *t)
{
    float best = INFINITY;

    for (int n = 0; n <= t->workers; n++)
        if (t->price[(size_t)n * t->width] < best) /* with nothing left to do */
            best = t->price[(size_t)n * t->width];
    return (double)best * STEP_S;
}

int bound_of(const struct trace *trace, const struct role_settings *role, double boot_s,
             double *ret, struct err *e)
{
    struct table t = {.workers = role->maximum, .width = 1};
    size_t size;

    if (fill_curves(&t, trace, role))
        goto no_memory;
    relax(&t);
    size = (size_t)(t.workers + 1) * t.width;
    t.price = calloc(size, sizeof *t.price);
    t.next = calloc(size, sizeof *t.next);
    if (!t.price || !t.next)
        goto no_memory;
    for (size_t i = 0; i < size; i++)
        t.price[i] = INFINITY;
    t.price[(size_t)role->minimum * t.width] = 0;
    for (size_t k = 1; k <= t.steps; k++) {
        float *swap;

        change_crew(&t, (float)(boot_s / STEP_S), role->minimum);
        do_step(&t, k, role->minimum);
        swap = t.price;
        t.price = t.next;
        t.next = swap;
    }
    *ret = cheapest(&t);
    release(&t);
    return 0;
no_memory:
    release(&t);
    return err_set(e, ERR_NOMEM, "no memory for the bound");
}
