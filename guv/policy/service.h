/*
 * service.h - how long a job takes, measured from what the broker tells: its mean and its spread.
 * Jobs in hand count before they end, so that a service that slows down shows at once. Starts from
 * the configuration, which is believed like a few jobs seen. No I/O, no clock.
 */
#ifndef GUV_POLICY_SERVICE_H
#define GUV_POLICY_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#define SERVICE_SPANS 256

/* What happened between two looks. */
struct service_span {
    double dt_s, busy_s, done; /* place-seconds in use, and jobs that ended */
    double unsure; /* jobs that may have ended a moment sooner or later than that says */
};

struct service {
    double mean_s; /* of a job, now */
    double cv2;    /* squared coefficient of variation: variance over squared mean */

    double usual_s, square_mean;              /* slow means of a job's time and of its square */
    struct service_span spans[SERVICE_SPANS]; /* a ring; the oldest of `n` is at `start` */
    size_t start, n;
    bool is_recorded; /* records have come since the last look */
    bool is_counted;  /* the last look knew how many ended */
};

/* What the broker tells of the time since the last look. NAN: not known. */
struct service_look {
    double dt_s;
    double acked;                /* jobs ended in it */
    double unacked_was, unacked; /* jobs in hand, then and now */
    bool is_full;                /* jobs waited then and now, so every place was in use */
};

/* What the application's own records tell of some time: jobs that ended in it. */
struct service_records {
    double dt_s, n, mean_s, sd_s;
};

void service_init(struct service *s, double mean_s, double sd_s);
void service_learn(struct service *s, const struct service_look *look);
void service_learn_records(struct service *s, const struct service_records *r);

/* The time that a share of jobs does not pass; z is the standard normal's quantile of that share.
 * Service times are taken as lognormal. */
double service_quantile(const struct service *s, double z);

#endif
