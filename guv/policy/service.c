#include "service.h"

#include <math.h>
#include <string.h>

#define PRIOR_JOBS 8.0   /* what is usual is worth so many jobs seen */
#define MEMORY_JOBS 30.0 /* what is usual: after so many jobs, or */
#define MEMORY_S 60.0    /* so many seconds, whichever is longer, 1/e of it is left */
#define CV2_MIN 0.01
#define SHORT_S 5.0    /* beside the broker's interval of measuring */
#define WINDOW_S 120.0 /* the longest that the mean is taken over */
#define WINDOW_GROWTH 1.4
#define WINDOW_LEAST_S 10.0 /* and the shortest, in seconds */
#define WINDOW_JOBS 10.0    /* and in jobs */
#define AGREE_SIGMA 2.5
#define SAMPLE_S 1.5 /* on either side: nobody knows when the broker measured */
/* A few jobs of such odd length tell little of the others: they count for so many usual ones. */
#define ODD_FACTOR 3.0
#define CHANGED_PART 0.2 /* of the jobs in hand */
/* A job that has just begun has been in hand for less than a whole interval, and what it has used
 * says nothing of its end yet: this part of a job is taken off for each that came into hand. */
#define BEGUN_PART 0.3

void service_init(struct service *s, double mean_s, double sd_s)
{
    memset(s, 0, sizeof *s);
    s->mean_s = s->usual_s = mean_s;
    s->cv2 = (sd_s / mean_s) * (sd_s / mean_s);
    s->square_mean = mean_s * mean_s * (1.0 + s->cv2);
}

/* How much is learnt from so many jobs in so many seconds. */
static double weight(double jobs, double dt_s)
{
    return 1.0 - exp(-fmin(jobs / MEMORY_JOBS, dt_s / MEMORY_S));
}

static const struct service_span *span_at(const struct service *s, size_t i)
{
    return &s->spans[(s->start + i) % SERVICE_SPANS];
}

/* Whether what happened lately fits to a mean: as many jobs ended as the time spent would have let.
 */
static bool agrees(const struct service *s, const struct service_span *lately, double mean_s)
{
    double expected = lately->busy_s / mean_s;

    return fabs(lately->done - expected) <= AGREE_SIGMA * sqrt(fmax(s->cv2, CV2_MIN) * expected) +
                                                1 + lately->unsure +
                                                expected * SAMPLE_S / lately->dt_s;
}

/*
 * The mean is the time spent over the jobs ended (the estimate for times that are still running,
 * under a constant hazard), over the longest recent window that agrees with all shorter ones: a
 * service that is steady is averaged long, one that changes is followed at once.
 */
static void estimate(struct service *s)
{
    struct service_span sum = {0}, best = {0};

    for (size_t k = 1; k <= s->n; k++) {
        const struct service_span *span = span_at(s, s->n - k);

        sum.dt_s += span->dt_s;
        sum.busy_s += span->busy_s;
        sum.done += span->done;
        sum.unsure += span->unsure;
        if (sum.dt_s > WINDOW_S && best.dt_s > 0)
            break;
        if (k < s->n && (sum.busy_s < WINDOW_JOBS * s->usual_s || sum.dt_s < WINDOW_LEAST_S ||
                         sum.dt_s < best.dt_s * WINDOW_GROWTH))
            continue;
        if (best.dt_s > 0 && !agrees(s, &best, (sum.busy_s + s->usual_s) / (sum.done + 1)))
            break;
        best = sum;
    }
    if (best.dt_s > 0) {
        double seen = best.done + best.busy_s / best.dt_s; /* jobs: ended, and in hand at a time */

        best.busy_s = fmin(best.busy_s, ODD_FACTOR * s->usual_s * seen);
    }
    s->mean_s = (best.busy_s + PRIOR_JOBS * s->usual_s) / (best.done + PRIOR_JOBS);
}

static void add_span(struct service *s, struct service_span span)
{
    if (s->n == SERVICE_SPANS) {
        s->start = (s->start + 1) % SERVICE_SPANS;
        s->n--;
    }
    s->spans[(s->start + s->n++) % SERVICE_SPANS] = span;
    estimate(s);
}

/* Places that were filled or emptied at some moment of the interval leave unknown how long they
 * were in use. That matters where they are many and jobs are short beside the interval. */
static bool is_telling(const struct service *s, const struct service_look *look)
{
    double changed = fabs(look->unacked - look->unacked_was);

    return s->mean_s >= look->dt_s ||
           changed <= CHANGED_PART * fmax(look->unacked, look->unacked_was);
}

/* Of short jobs that are not queued for, how many were in hand at the moment of a look is chance.
 */
static double chance(const struct service *s, const struct service_look *look)
{
    if (look->is_full || s->mean_s >= look->dt_s)
        return 0;
    return sqrt((look->unacked + look->unacked_was) / 2) * look->dt_s / s->mean_s / 2;
}

static void learn_from_broker(struct service *s, const struct service_look *look)
{
    double begun = look->unacked - look->unacked_was;
    double busy_s =
        (look->unacked + look->unacked_was) / 2 * look->dt_s - BEGUN_PART * s->mean_s * begun;

    if (!is_telling(s, look) || (busy_s <= 0 && look->acked <= 0))
        return;
    add_span(s, (struct service_span){look->dt_s, fmax(0, busy_s), look->acked,
                                      fabs(begun) / 2 + chance(s, look)});
}

void service_learn(struct service *s, const struct service_look *look)
{
    bool was_recorded = s->is_recorded;

    s->is_recorded = false;
    s->is_counted = look->acked >= 0;
    if (!s->is_counted || !(look->dt_s > 0) || (was_recorded && s->usual_s < SHORT_S))
        return;
    learn_from_broker(s, look);
    if (!was_recorded)
        s->usual_s += weight(look->acked, look->dt_s) * (s->mean_s - s->usual_s);
}

void service_learn_records(struct service *s, const struct service_records *r)
{
    double sd_s = isnan(r->sd_s) ? 0 : r->sd_s, learn = weight(r->n, r->dt_s);

    if (!(r->n > 0 && r->mean_s > 0)) /* NAN, too */
        return;
    s->is_recorded = true;
    s->usual_s += learn * (r->mean_s - s->usual_s);
    s->square_mean += learn * (r->mean_s * r->mean_s + sd_s * sd_s - s->square_mean);
    s->cv2 = fmax(CV2_MIN, s->square_mean / (s->usual_s * s->usual_s) - 1.0);
    /* Of long jobs those in hand tell sooner than those that have ended. */
    if (r->mean_s < SHORT_S || !s->is_counted)
        add_span(s, (struct service_span){r->dt_s, r->n * r->mean_s, r->n, 0});
}

double service_quantile(const struct service *s, double z)
{
    double sigma2 = log(1.0 + s->cv2);

    return exp(log(s->mean_s) - sigma2 / 2 + z * sqrt(sigma2));
}
