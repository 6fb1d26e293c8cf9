/*
 * hpa.h - the rules by which Kubernetes' HorizontalPodAutoscaler, autoscaling/v2 with its default
 * behavior, decides on a number of replicas. From its documentation and the controller's sources
 * (pkg/controller/podautoscaler: replica_calculator.go, horizontal.go).
 */
#ifndef GUV_SIMULATE_HPA_H
#define GUV_SIMULATE_HPA_H

#include <stddef.h>

#define HPA_SYNC_S 15.0
#define HPA_STABILIZATION_S 300.0 /* on the way down; 0 on the way up */
#define HPA_MAX_ADVICE 32         /* more than a stabilization window's syncs */

/* What was recommended lately, before bounds and rates. All zero: nothing yet. */
struct hpa {
    struct {
        double at_s;
        int replicas;
    } advice[HPA_MAX_ADVICE];
    size_t n;
};

/* Replicas by a metric of the pods: their mean is `percent` of what is requested, over those that
 * are ready; current - ready of them are not, and count as 0 % if that would mean more replicas. */
int hpa_by_utilization(int percent, int target_percent, int ready, int current);

/* Replicas by an external metric, AverageValue: so much of it for each. */
int hpa_by_average(double total, double target, int current);

/* What becomes of a recommendation: the highest of the window on the way down, at most 4 more or
 * twice as many on the way up, within bounds. */
int hpa_settle(struct hpa *h, double now_s, int desired, int current, int minimum, int maximum);

#endif
