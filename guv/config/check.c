#include "config/check.h"

#include <math.h>
#include <string.h>

#include "config/normal.h"
#include "config/note.h"

#define KILLED_PERCENTILE 0.99 /* a stop should leave time for so many of the jobs */

/*
 * Service time of the slow job that the deadline is judged by. Of jobs that all wait as long as
 * they may, 1 - percentile may be late; but only about every second job waits that long.
 */
static double slow_job_s(const struct role_settings *role)
{
    double share = 1 - 2 * (1 - role->percentile / 100);

    return lognormal_quantile(role->processing_s, role->stddev_s, fmax(share, 0.5));
}

/* A job that finds no free worker waits for a poll to see it, and for a worker to start. */
static void check_deadline(struct guv_settings *s, const struct role_settings *role)
{
    double slow = slow_job_s(role), start = role->boot_s + s->poll_s + STATISTICS_S;

    if (role->deadline_s < slow)
        note(&s->warnings, role->line, role->name, "deadline",
             "%.4g s is less than a slow job takes even if it starts at once, %.4g s",
             role->deadline_s, slow);
    else if (role->deadline_s < slow + start)
        note(&s->warnings, role->line, role->name, "deadline",
             "%.4g s is less than a burst needs, %.4g s: %.4g until the broker's figures show it, "
             "%.4g until they are polled, %.4g to boot a worker and %.4g for a slow job. No policy "
             "that waits for a burst can meet that: it takes a minimum of 1 and those that a burst "
             "needs to spare (minimum is %d)",
             role->deadline_s, slow + start, STATISTICS_S, s->poll_s, role->boot_s, slow,
             role->minimum);
}

static void check_shutdown(struct guv_settings *s, const struct role_settings *role)
{
    double slow = lognormal_quantile(role->processing_s, role->stddev_s, KILLED_PERCENTILE);

    if (role->shutdown_s < slow)
        note(&s->warnings, role->line, role->name, "shutdown",
             "a worker that is stopped is killed after %.4g s, but a slow job takes %.4g s: it "
             "would start again elsewhere, and must bear that",
             role->shutdown_s, slow);
}

static void check_role(struct guv_settings *s, const struct role_settings *role)
{
    if (role->maximum == 0)
        note(&s->warnings, role->line, role->name, "maximum",
             "0 workers: the jobs of '%.100s' are never done", role->queue);
    if (role->percentile < 1)
        note(&s->warnings, role->line, role->name, "percentile",
             "%.4g is in percent: almost every job may be late", role->percentile);
    if (role->maximum > 0)
        check_deadline(s, role);
    check_shutdown(s, role);
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Two roles that scale the same workers undo each other's decisions. */
static void check_others(struct guv_settings *s, size_t i)
{
    const struct role_settings *role = &s->roles[i];

    for (size_t j = 0; j < i; j++) {
        const struct role_settings *other = &s->roles[j];

        if (!is_same(role->worker, other->worker) || !is_same(role->app, other->app))
            continue;
        note(&s->warnings, role->line, role->name, "worker",
             "'%.100s' is scaled by role '%.100s' of line %d, too: each undoes what the other does",
             role->worker, other->name, other->line);
        return;
    }
}

static void check_budget(struct guv_settings *s)
{
    long long least = 0;

    for (size_t i = 0; i < s->n_roles; i++)
        least += s->roles[i].minimum;
    if (s->budget > 0 && s->budget < least)
        note(&s->warnings, s->budget_line, "*", "budget",
             "%d workers are fewer than the roles' minimums together, %lld: those are kept",
             s->budget, least);
}

void settings_check(struct guv_settings *s)
{
    for (size_t i = 0; i < s->n_roles; i++) {
        check_role(s, &s->roles[i]);
        check_others(s, i);
    }
    check_budget(s);
}
