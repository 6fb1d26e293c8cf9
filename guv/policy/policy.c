#include "policy.h"

#include <string.h>

#include "original.h"
#include "tube.h"

struct policy {
    struct tube *tube; /* one of the two */
    struct original *original;
};

int policy_new(const struct role_settings *settings, double poll_s, double history_s,
               struct policy **ret, struct err *e)
{
    struct policy *p = calloc(1, sizeof *p);
    int rc;

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for role '%s'", settings->name);
    if (settings->policy == POLICY_ORIGINAL)
        rc = original_new(settings, poll_s, history_s, &p->original, e);
    else
        rc = tube_new(settings, poll_s, &p->tube, e);
    if (rc) {
        policy_free(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    tube_free(p->tube);
    original_free(p->original);
    free(p);
}

struct observation observation_of(double t_s, int workers)
{
    return (struct observation){.t_s = t_s,
                                .workers = workers,
                                .messages = NAN,
                                .unacked = NAN,
                                .consumers = NAN,
                                .publish_rate = NAN,
                                .ack_rate = NAN,
                                .published = NAN,
                                .acked = NAN,
                                .oldest_s = NAN,
                                .service_n = NAN,
                                .service_mean_s = NAN,
                                .service_sd_s = NAN,
                                .boot_n = NAN,
                                .boot_mean_s = NAN};
}

void policy_decide(struct policy *p, const struct observation *o, struct decision *ret)
{
    *ret = (struct decision){.workers = o->workers,
                             .load = NAN,
                             .arrivals_s = NAN,
                             .processing_s = NAN,
                             .boot_s = NAN,
                             .room_s = NAN,
                             .backlog_s = NAN,
                             .catch_up_s = NAN,
                             .floor = o->workers,
                             .violation_s = INFINITY};
    if (p->original)
        original_decide(p->original, o, ret);
    else
        tube_decide(p->tube, o, ret);
    ret->kind = ret->workers == o->workers ? DECISION_HOLD : DECISION_SCALE;
}
