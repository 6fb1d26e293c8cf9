#include "starts.h"

#include <math.h>
#include <string.h>

#define LEARN 0.2           /* weight of the newest start */
#define DEVIATION_PART 0.25 /* of the configured time, until it is measured */
#define PLAN_DEVIATIONS 1.3 /* over the mean: what is planned with */
#define LOST_MIN_S 120.0    /* a start is lost after so long, or */
#define LOST_FACTOR 4.0     /* so many times what is planned with, whichever is longer */
#define SOONEST_S 1.0       /* an overdue one may come at any moment */

int starts_init(struct starts *s, double mean_s, size_t size, struct err *e)
{
    memset(s, 0, sizeof *s);
    s->mean_s = mean_s;
    s->deviation_s = mean_s * DEVIATION_PART;
    s->size = size;
    s->came_s = -(double)INFINITY;
    s->asked_at_s = calloc(size > 0 ? size : 1, sizeof *s->asked_at_s);
    return s->asked_at_s ? 0 : err_set(e, ERR_NOMEM, "no memory for %zu starts", size);
}

void starts_release(struct starts *s)
{
    free(s->asked_at_s);
    memset(s, 0, sizeof *s);
}

void starts_ask(struct starts *s, double t_s, size_t n)
{
    while (n-- > 0 && s->n < s->size)
        s->asked_at_s[s->n++] = t_s;
}

/* They have come once, which says more of the deploy than that they are away now. */
void starts_again(struct starts *s, double t_s, size_t n)
{
    starts_ask(s, t_s, n);
    if (n > 0)
        s->came_s = fmax(s->came_s, t_s);
}

static void learn(struct starts *s, double took_s)
{
    s->deviation_s += LEARN * (fabs(took_s - s->mean_s) - s->deviation_s);
    s->mean_s += LEARN * (took_s - s->mean_s);
}

/* n of them from the i-th on. */
static void drop(struct starts *s, size_t i, size_t n)
{
    s->n -= n;
    memmove(s->asked_at_s + i, s->asked_at_s + i + n, (s->n - i) * sizeof *s->asked_at_s);
}

void starts_drop_oldest(struct starts *s, size_t n)
{
    drop(s, 0, n < s->n ? n : s->n);
}

/* When a start has taken so long that it is taken for lost. */
static double lost_after_s(const struct starts *s)
{
    return fmax(LOST_MIN_S, LOST_FACTOR * starts_plan_s(s, (double)s->n));
}

/* How many are: they are the oldest. */
static size_t lost(const struct starts *s, double t_s)
{
    double after_s = lost_after_s(s);
    size_t n = 0;

    while (n < s->n && t_s - s->asked_at_s[n] >= after_s)
        n++;
    return n;
}

static void take_arrived(struct starts *s, double t_s, size_t i, size_t n, double most_s)
{
    for (size_t k = i; k < i + n; k++) {
        learn(s, fmin(t_s - s->asked_at_s[k], most_s));
        s->came_s = fmax(s->came_s, s->asked_at_s[k]);
    }
    drop(s, i, n);
}

/* A lost one that comes after all counts as one that was just about to be lost: of a worker that
 * was down for an hour nothing is to be learnt of starts. */
void starts_arrived(struct starts *s, double t_s, size_t n)
{
    size_t n_lost = lost(s, t_s), fresh = n < s->n - n_lost ? n : s->n - n_lost;
    double most_s = lost_after_s(s);

    n = n < s->n ? n : s->n;
    take_arrived(s, t_s, n_lost, fresh, most_s);
    take_arrived(s, t_s, 0, n - fresh, most_s);
}

void starts_cancel(struct starts *s, size_t n)
{
    s->n -= n < s->n ? n : s->n;
}

void starts_learn(struct starts *s, size_t n, double mean_s)
{
    for (size_t i = 0; i < n && i < 1 / LEARN; i++)
        learn(s, mean_s);
}

double starts_plan_s(const struct starts *s, double at_once)
{
    return s->mean_s + PLAN_DEVIATIONS * s->deviation_s / sqrt(fmax(1, at_once));
}

size_t starts_take_due(struct starts *s, double t_s)
{
    double plan_s = starts_plan_s(s, (double)s->n);
    size_t n = 0;

    while (n < s->n && s->asked_at_s[n] + plan_s <= t_s)
        n++;
    starts_drop_oldest(s, n);
    return n;
}

size_t starts_lost(const struct starts *s, double t_s)
{
    size_t n_lost = lost(s, t_s), earlier = 0;

    while (earlier < n_lost && s->asked_at_s[earlier] <= s->came_s)
        earlier++;
    return n_lost - earlier;
}

size_t starts_due(const struct starts *s, double t_s, double *ret)
{
    double plan_s = starts_plan_s(s, (double)s->n);
    size_t n = 0;

    for (size_t i = lost(s, t_s); i < s->n; i++)
        ret[n++] = fmax(t_s + SOONEST_S, s->asked_at_s[i] + plan_s);
    return n;
}
