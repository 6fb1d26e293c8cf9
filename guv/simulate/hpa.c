#include "hpa.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define TOLERANCE 0.1
#define UP_PODS 4 /* each sync; or */
#define UP_PERCENT 100

static bool is_near(double ratio)
{
    return ratio >= 1 - TOLERANCE && ratio <= 1 + TOLERANCE;
}

/* GetResourceReplicas(), with all pods either ready or not, none without metrics. */
int hpa_by_utilization(int percent, int target_percent, int ready, int current)
{
    double ratio = (double)percent / target_percent;
    int replicas;

    if (ready == 0)
        return current; /* no metrics */
    if (ready >= current || ratio <= 1)
        return is_near(ratio) ? current : (int)ceil(ratio * ready);
    ratio *= (double)ready / current;
    replicas = (int)ceil(ratio * current);
    return is_near(ratio) || ratio < 1 || replicas < current ? current : replicas;
}

/* GetExternalPerPodMetricReplicas() */
int hpa_by_average(double total, double target, int current)
{
    if (current > 0 && is_near(total / (target * current)))
        return current;
    return (int)ceil(total / target);
}

static void note(struct hpa *h, double now_s, int replicas)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->n; i++)
        if (h->advice[i].at_s > now_s - HPA_STABILIZATION_S)
            h->advice[kept++] = h->advice[i];
    if (kept == HPA_MAX_ADVICE)
        memmove(&h->advice[0], &h->advice[1], --kept * sizeof h->advice[0]);
    h->advice[kept].at_s = now_s;
    h->advice[kept].replicas = replicas;
    h->n = kept + 1;
}

static int highest(const struct hpa *h)
{
    int most = 0;

    for (size_t i = 0; i < h->n; i++)
        if (h->advice[i].replicas > most)
            most = h->advice[i].replicas;
    return most;
}

int hpa_settle(struct hpa *h, double now_s, int desired, int current, int minimum, int maximum)
{
    int limit = current + UP_PODS, twice = current + current * UP_PERCENT / 100;

    if (h->n == 0)
        note(h, now_s, current); /* recordInitialRecommendation() */
    note(h, now_s, desired);
    if (desired < current)
        desired = highest(h) < current ? highest(h) : current;
    if (twice > limit)
        limit = twice;
    if (desired > limit)
        desired = limit;
    if (desired > maximum)
        desired = maximum;
    return desired < minimum ? minimum : desired;
}
