#include "bound.h"

#include <math.h>

#define STEP_S 2.0
#define STEPS_PER_DEADLINE 8 /* at least: a coarser grid says little about the deadline */
#define MAX_STATES 4e8       /* over all steps; about half a second of work */
#define STEPS_PER_REBASE 64

/*
 * Work is counted in what one worker does in a step. By the end of step k, `came` of it has arrived
 * and `due` of it must have been done. A state is the number of workers and the work that waits;
 * its price is the least that leads there, so the best price of each state of a step follows from
 * those of the step before.
 */
struct table {
    double step_s;
    size_t steps;
    long *came, *due;     /* steps + 1 each */
    int minimum, workers; /* fewest and most */
    size_t width;         /* most work that may wait at once, and 1 */
    float *price, *next;  /* of (workers, work that waits), less `paid` */
    double paid;          /* in every price: floats would not hold the sum over a week */
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
    const double unit = t->step_s * role->concurrency; /* place-seconds */
    double work = 0;
    size_t late = (size_t)ceil(role->deadline_s / t->step_s), job = 0;

    t->steps = (size_t)ceil((trace->duration_s + role->deadline_s) / t->step_s) + 1;
    t->came = calloc(t->steps + 1, sizeof *t->came);
    t->due = calloc(t->steps + 1, sizeof *t->due);
    if (!t->came || !t->due)
        return -1;
    for (size_t k = 1; k <= t->steps; k++) {
        while (job < trace->n && trace->jobs[job].arrives_s <= (double)k * t->step_s)
            work += trace->jobs[job++].takes_s;
        t->came[k] = (long)ceil(work / unit);
        if (k + late <= t->steps)
            t->due[k + late] = (long)floor(work / unit);
    }
    return 0;
}

/* What that many can have done by the end of each step, if they are never without work. */
static bool can_keep_up(const struct table *t, long workers)
{
    long done = 0;

    for (size_t k = 1; k <= t->steps; k++) {
        done = done + workers < t->came[k] ? done + workers : t->came[k];
        if (done < t->due[k])
            return false;
    }
    return true;
}

/* More than twice the fewest that can keep up do not pay: the work stays the same, and each of them
 * costs a start. */
static void limit_workers(struct table *t)
{
    int fewest = 0, enough = t->workers;

    while (fewest < enough) {
        int middle = fewest + (enough - fewest) / 2;

        if (can_keep_up(t, middle))
            enough = middle;
        else
            fewest = middle + 1;
    }
    if (2 * enough + 1 < t->workers)
        t->workers = 2 * enough + 1;
    if (t->workers < t->minimum)
        t->workers = t->minimum;
}

/* What can be kept up with: where the maximum is too small, work is due when it can be done. */
static void relax(struct table *t)
{
    long done = 0;

    for (size_t k = 1; k <= t->steps; k++) {
        done = done + t->workers < t->came[k] ? done + t->workers : t->came[k];
        if (t->due[k] > done)
            t->due[k] = done;
    }
    t->width = 1;
    for (size_t k = 1; k <= t->steps; k++)
        if ((size_t)(t->came[k] - t->due[k]) + 1 > t->width)
            t->width = (size_t)(t->came[k] - t->due[k]) + 1;
}

/* The curves on the finest grid whose states are not too many. Returns 1 if there is none. */
static int choose_grid(struct table *t, const struct trace *trace, const struct role_settings *role)
{
    double coarsest_s = fmax(STEP_S, role->deadline_s / STEPS_PER_DEADLINE);

    for (t->step_s = STEP_S; t->step_s <= coarsest_s; t->step_s *= 2) {
        t->minimum = role->minimum;
        t->workers = role->maximum;
        if (fill_curves(t, trace, role))
            return -1;
        limit_workers(t);
        relax(t);
        if ((double)t->steps * (t->workers + 1) * (double)t->width <= MAX_STATES)
            return 0;
        free(t->came);
        free(t->due);
        t->came = t->due = NULL;
    }
    return 1;
}

static float lower(float a, float b)
{
    return a < b ? a : b;
}

/* The crew is changed before the step: more cost a start each, fewer nothing. */
static void change_crew(const struct table *t, float start)
{
    for (int n = t->minimum + 1; n <= t->workers; n++) {
        float *restrict more = &t->price[(size_t)n * t->width];
        const float *restrict fewer = more - t->width;

        for (size_t x = 0; x < t->width; x++)
            more[x] = lower(more[x], fewer[x] + start);
    }
    for (int n = t->workers - 1; n >= t->minimum; n--) {
        float *restrict fewer = &t->price[(size_t)n * t->width];
        const float *restrict more = fewer + t->width;

        for (size_t x = 0; x < t->width; x++)
            fewer[x] = lower(fewer[x], more[x]);
    }
}

/* One step of n workers: what waits goes from x to x + shift, at most to `most`. */
static void work_on(const float *restrict from, float *restrict to, size_t width, long shift,
                    long most, float n)
{
    size_t first = shift < 0 ? (size_t)-shift : 0; /* from here on something is left */
    long end = most - shift + 1 < (long)width ? most - shift + 1 : (long)width;

    for (size_t x = 0; x < width; x++)
        to[x] = INFINITY;
    for (long x = (long)first; x < end; x++)
        to[x + shift] = from[x] + n;
    for (size_t x = 0; x < first && x < width; x++)
        to[0] = lower(to[0], from[x] + n);
}

static void do_step(struct table *t, size_t k)
{
    long arrived = t->came[k] - t->came[k - 1], most = t->came[k] - t->due[k];
    float *swap = t->price;

    for (int n = t->minimum; n <= t->workers; n++) {
        size_t row = (size_t)n * t->width;

        work_on(&t->price[row], &t->next[row], t->width, arrived - n, most, (float)n);
    }
    t->price = t->next;
    t->next = swap;
}

static void rebase(struct table *t)
{
    size_t size = (size_t)(t->workers + 1) * t->width;
    float least = INFINITY;

    for (size_t i = 0; i < size; i++)
        least = lower(least, t->price[i]);
    for (size_t i = 0; i < size; i++)
        t->price[i] -= least;
    t->paid += (double)least;
}

/* With nothing left to do; or as little as can be, where the maximum is too small. */
static double cheapest(const struct table *t)
{
    float best = INFINITY;

    for (size_t x = 0; x < t->width && isinf(best); x++)
        for (int n = t->minimum; n <= t->workers; n++)
            best = lower(best, t->price[(size_t)n * t->width + x]);
    return (t->paid + (double)best) * t->step_s;
}

static int solve(struct table *t, double boot_s)
{
    size_t size = (size_t)(t->workers + 1) * t->width;

    t->price = calloc(size, sizeof *t->price);
    t->next = calloc(size, sizeof *t->next);
    if (!t->price || !t->next)
        return -1;
    for (size_t i = 0; i < size; i++)
        t->price[i] = t->next[i] = INFINITY;
    t->price[(size_t)t->minimum * t->width] = 0;
    for (size_t k = 1; k <= t->steps; k++) {
        change_crew(t, (float)(boot_s / t->step_s));
        do_step(t, k);
        if (k % STEPS_PER_REBASE == 0)
            rebase(t);
    }
    return 0;
}

int bound_of(const struct trace *trace, const struct role_settings *role, double boot_s,
             struct bound *ret, struct err *e)
{
    struct table t = {0};
    int rc = choose_grid(&t, trace, role);

    if (rc == 0)
        rc = solve(&t, boot_s);
    if (rc == 0)
        *ret = (struct bound){cheapest(&t), t.step_s};
    else if (rc > 0)
        *ret = (struct bound){(double)NAN, t.step_s};
    release(&t);
    return rc < 0 ? err_set(e, ERR_NOMEM, "no memory for the bound") : 0;
}
