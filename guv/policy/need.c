#include "need.h"

#include <math.h>

#define ROUNDING 1e-6 /* a need of 2.0000001 workers is one of 2 */

int whole_workers(double workers)
{
    return (int)fmin(workers, WORKERS_MOST);
}

/* One look: due workers are met in the order of time, because the moments asked about are, too. */
struct scan {
    const struct need_query *q;
    const struct crew *crew;
    size_t due;       /* how many are there by now */
    double due_sum_s; /* of the moments they came */
    double worst;     /* workers, not yet a whole number */
    struct need ret;
};

/* Jobs that the crew has started by then. Asked with growing moments, but for late jobs. */
static double started_by(struct scan *s, double at_s)
{
    const struct crew *c = s->crew;
    double due;

    while (s->due < c->n_due && c->due_s[s->due] <= at_s)
        s->due_sum_s += c->due_s[s->due++];
    while (s->due > 0 && c->due_s[s->due - 1] > at_s)
        s->due_sum_s -= c->due_s[--s->due];
    due = (double)s->due;
    return c->free + c->jobs_per_s * c->n * (at_s - s->q->t_s) + due * c->concurrency +
           c->jobs_per_s * (due * at_s - s->due_sum_s);
}

/* The job with so many in front of it and itself arrived at arrived_s. */
static void check(struct scan *s, double arrived_s, double jobs)
{
    const struct need_query *q = s->q;
    double by_s = arrived_s + fmax(0, q->room_s - q->noise_s * sqrt(jobs)), missing;

    if (by_s < q->on_s) { /* too soon for help */
        if (jobs <= started_by(s, fmax(by_s, q->t_s)))
            return;
        s->ret.too_late = true;
        if (arrived_s <= q->t_s && arrived_s + q->last_s < q->on_s &&
            jobs > started_by(s, fmax(arrived_s + q->last_s, q->t_s)))
            s->ret.late = true;
        by_s = q->on_s + q->rescue_s;
    }
    missing = jobs - started_by(s, by_s);
    if (missing <= 0)
        return;
    s->ret.violation_s = fmin(s->ret.violation_s, fmax(0, by_s - q->t_s));
    s->worst =
        fmax(s->worst, missing / (s->crew->concurrency + s->crew->jobs_per_s * (by_s - q->on_s)));
}

/* Between two points of the curve jobs have come evenly: its corners are the hardest to serve. */
static void check_waiting(struct scan *s, const struct arrivals *a)
{
    double gone = a->total - s->q->ready; /* jobs that do not wait any more */
    size_t i = a->curve_n;

    while (i > 1 && arrivals_at(a, i - 1).total > gone)
        i--;                                      /* the point before the first waiting job */
    if (i == 1 && arrivals_at(a, 0).total > gone) /* some are older than the memory */
        check(s, arrivals_at(a, 0).t_s, arrivals_at(a, 0).total - gone);
    for (; i < a->curve_n; i++) {
        struct arrivals_point p = arrivals_at(a, i - 1), next = arrivals_at(a, i);
        double first_s = p.t_s;

        if (next.total <= p.total)
            continue;
        if (p.total < gone)
            first_s += (next.t_s - p.t_s) * (gone - p.total) / (next.total - p.total);
        check(s, first_s, fmax(p.total - gone, 0) + (p.total <= gone ? 1 : 0));
        check(s, next.t_s, next.total - gone);
    }
}

struct need need_of(const struct need_query *q, const struct crew *crew,
                    const struct arrivals *arrivals)
{
    struct scan s = {.q = q, .crew = crew, .ret = {.violation_s = INFINITY}};

    if (q->ready > 0 && arrivals->curve_n > 0)
        check_waiting(&s, arrivals);
    if (q->per_s > 0 && q->horizon_s > 0) {
        check(&s, q->t_s, q->ready);
        check(&s, q->t_s + q->horizon_s, q->ready + q->per_s * q->horizon_s);
    }
    s.ret.exact = fmin(s.worst, NEED_MOST);
    s.ret.more = (int)ceil(s.ret.exact - ROUNDING);
    return s.ret;
}
