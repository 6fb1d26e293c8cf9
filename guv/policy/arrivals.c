#include "arrivals.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define WINDOW_S 900.0    /* the rate's longest window, */
#define WINDOW_POLLS 2    /* and its shortest */
#define LASTING_S 60.0    /* what has held for so long is no burst */
#define WINDOW_GROWTH 1.4 /* each window tried is so much longer than the one before */
#define SAMPLE_S 1.5      /* on either side: nobody knows when the broker measured */
#define AGREE_SIGMA 2.5   /* two windows differ when their means do by so many sigma */
#define SPIKE_SIGMA 4.0   /* over the median of its neighbours: what is above is a spike */
#define NEAR 5            /* neighbours of a count, itself among them */
#define RING_MIN 64
#define RING_MAX 8192
#define RING_SPARE 4 /* places for the ends of what is remembered, and a guess */

static size_t ring_size(double span_s, double poll_s)
{
    double n = 2.0 * span_s / poll_s + RING_MIN;

    return n < RING_MAX ? (size_t)n : RING_MAX;
}

int arrivals_init(struct arrivals *a, double memory_s, double poll_s, struct err *e)
{
    memset(a, 0, sizeof *a);
    a->memory_s = memory_s;
    a->curve_size = ring_size(memory_s, poll_s);
    a->counts_size = ring_size(WINDOW_S, poll_s);
    a->curve = calloc(a->curve_size, sizeof *a->curve);
    a->counts = calloc(a->counts_size, sizeof *a->counts);
    if (a->curve && a->counts)
        return 0;
    arrivals_release(a);
    return err_set(e, ERR_NOMEM, "no memory for the arrivals");
}

void arrivals_release(struct arrivals *a)
{
    free(a->curve);
    free(a->counts);
    memset(a, 0, sizeof *a);
}

struct arrivals_point arrivals_at(const struct arrivals *a, size_t i)
{
    return a->curve[(a->curve_start + i) % a->curve_size];
}

static struct arrivals_count count_at(const struct arrivals *a, size_t i)
{
    return a->counts[(a->counts_start + i) % a->counts_size];
}

static void drop_oldest_point(struct arrivals *a)
{
    a->curve_start = (a->curve_start + 1) % a->curve_size;
    a->curve_n--;
}

static void drop_oldest_count(struct arrivals *a)
{
    a->counts_s -= count_at(a, 0).dt_s;
    a->counts_start = (a->counts_start + 1) % a->counts_size;
    a->counts_n--;
}

/* Whether the newest point can be left out between the one before it and t_s: with two points in
 * such a time all that is to be remembered fits into the ring, however often it is added to. */
static bool is_dense(const struct arrivals *a, double t_s)
{
    double dense_s = 2 * a->memory_s / (double)(a->curve_size - RING_SPARE);
    double gap_s = a->curve_n < 2 ? (double)INFINITY : t_s - arrivals_at(a, a->curve_n - 2).t_s;

    return gap_s >= 0 && gap_s < dense_s;
}

static void append_point(struct arrivals *a, double t_s)
{
    if (a->curve_n == a->curve_size)
        drop_oldest_point(a);
    a->curve[(a->curve_start + a->curve_n++) % a->curve_size] =
        (struct arrivals_point){t_s, a->total};
    while (a->curve_n > 2 && arrivals_at(a, 1).t_s < t_s - a->memory_s)
        drop_oldest_point(a);
}

static void add_count(struct arrivals *a, double dt_s, double jobs)
{
    if (a->counts_n == a->counts_size)
        drop_oldest_count(a);
    a->counts[(a->counts_start + a->counts_n++) % a->counts_size] =
        (struct arrivals_count){dt_s, jobs};
    a->counts_s += dt_s;
    while (a->counts_n > WINDOW_POLLS + 1 && a->counts_s - count_at(a, 0).dt_s > WINDOW_S)
        drop_oldest_count(a);
}

void arrivals_guess(struct arrivals *a, double t_s, double jobs)
{
    if (a->guessed > 0) {
        a->curve_n--;
        a->total -= a->guessed;
    }
    a->guessed = jobs;
    a->total += jobs;
    if (jobs > 0)
        append_point(a, t_s);
}

void arrivals_add(struct arrivals *a, double t_s, double dt_s, double jobs)
{
    arrivals_guess(a, t_s, 0);
    a->total += jobs;
    if (is_dense(a, t_s))
        a->curve_n--;
    append_point(a, t_s);
    if (dt_s > 0)
        add_count(a, dt_s, jobs);
}

/* The median of n values, n from 1, which are sorted in place. */
static double median(double *values, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && values[k] < values[k - 1]; k--) {
            double swap = values[k];

            values[k] = values[k - 1];
            values[k - 1] = swap;
        }
    return values[n / 2];
}

/* The i-th count, or what it would have been without a spike: the median of the five around it, or
 * of the last five. */
static double despiked(const struct arrivals *a, size_t i, double dispersion)
{
    size_t n = a->counts_n < NEAR ? a->counts_n : NEAR;
    size_t from = i >= NEAR / 2 ? i - NEAR / 2 : 0;
    double near[NEAR], jobs = count_at(a, i).jobs, usual;

    if (n < 3)
        return jobs;
    if (from + n > a->counts_n)
        from = a->counts_n - n;
    for (size_t k = 0; k < n; k++)
        near[k] = count_at(a, from + k).jobs;
    usual = median(near, n);
    return jobs > usual + SPIKE_SIGMA * sqrt(dispersion * fmax(usual, 1)) ? usual : jobs;
}

/* Whether the mean of the first `short_s` seconds of a window agrees with the whole's. */
static bool agree(double short_jobs, double short_s, double jobs, double span_s, double dispersion)
{
    double mean = jobs / span_s;
    double variance =
        dispersion * fmax(mean, 1.0 / span_s) * fmax(0.0, 1.0 / short_s - 1.0 / span_s);

    return fabs(short_jobs / short_s - mean) <=
           AGREE_SIGMA * sqrt(variance) + mean * SAMPLE_S / short_s;
}

struct arrivals_rate arrivals_rate(const struct arrivals *a, double dispersion)
{
    double span_s = 0, jobs = 0, best_s = 0, best_jobs = 0, least = INFINITY;
    bool is_over = false; /* the windows have stopped to agree */

    for (size_t k = 1; k <= a->counts_n; k++) { /* k counts, from the newest back */
        size_t i = a->counts_n - k;

        span_s += count_at(a, i).dt_s;
        jobs += despiked(a, i, dispersion);
        if (k == 1 || span_s <= LASTING_S)
            least = fmin(least, jobs / span_s);
        if (k < a->counts_n && (k < WINDOW_POLLS || span_s < best_s * WINDOW_GROWTH))
            continue;
        if (is_over || (best_s > 0 && !agree(best_jobs, best_s, jobs, span_s, dispersion))) {
            is_over = true;
            if (span_s > LASTING_S)
                break;
            continue;
        }
        best_s = span_s;
        best_jobs = jobs;
    }
    if (best_s <= 0)
        return (struct arrivals_rate){0, 0, 0};
    return (struct arrivals_rate){
        best_jobs / best_s, sqrt(dispersion * fmax(best_jobs / best_s, 1.0 / best_s) / best_s),
        fmin(least, best_jobs / best_s)};
}
