#include "original.h"

#include <stdio.h>
#include <string.h>

#define HISTORY_MAX 10000
#define EARLY_PART 0.9 /* of the interval: a look so early is a timer's jitter */

struct original {
    const struct role_settings *role;
    double poll_s;
    double decided_s; /* when it last did; NAN: never */
    int *history;     /* a ring of the last estimates */
    size_t next, n, size;
};

int original_new(const struct role_settings *settings, double poll_s, double history_s,
                 struct original **ret, struct err *e)
{
    struct original *g = calloc(1, sizeof *g);
    double polls = floor(history_s / poll_s);

    if (!g)
        return err_set(e, ERR_NOMEM, "no memory for role '%s'", settings->name);
    g->role = settings;
    g->poll_s = poll_s;
    g->decided_s = NAN;
    g->size = polls < 0 ? 0 : polls > HISTORY_MAX ? HISTORY_MAX : (size_t)polls;
    g->history = calloc(g->size + 1, sizeof *g->history);
    if (!g->history) {
        free(g);
        return err_set(e, ERR_NOMEM, "no memory for role '%s'", settings->name);
    }
    *ret = g;
    return 0;
}

void original_free(struct original *g)
{
    if (!g)
        return;
    free(g->history);
    free(g);
}

/* Workers for so many messages, with no eye on how many there are. */
static int estimate(const struct role_settings *r, double messages)
{
    double waiting_s = ceil(messages / r->concurrency) * r->processing_s;
    double available_s = fmax(r->processing_s, r->target_s - r->processing_s);

    return (int)fmax(r->minimum, fmin(r->maximum, ceil(waiting_s / available_s)));
}

static int highest(const struct original *g)
{
    int top = 0;

    for (size_t i = 0; i < g->n; i++)
        if (g->history[i] > top)
            top = g->history[i];
    return top;
}

static void remember(struct original *g, int workers)
{
    if (g->size == 0)
        return;
    g->history[g->next] = workers;
    g->next = (g->next + 1) % g->size;
    if (g->n < g->size)
        g->n++;
}

static void scale_to(struct decision *ret, int workers, int estimated, const char *why)
{
    ret->kind = DECISION_SCALE;
    ret->workers = workers;
    snprintf(ret->reason, sizeof ret->reason, "the queue is worth %d workers%s", estimated, why);
}

/* It looks once an interval, however often it is asked. */
static bool is_due(struct original *g, double now_s)
{
    if (now_s < g->decided_s + EARLY_PART * g->poll_s) /* false for NAN */
        return false;
    g->decided_s = now_s;
    return true;
}

void original_decide(struct original *g, const struct observation *o, struct decision *ret)
{
    int wanted, top;

    ret->is_blind = isnan(o->messages);
    if (!is_due(g, o->t_s)) {
        snprintf(ret->reason, sizeof ret->reason, "it looks every %.0f s", g->poll_s);
        return;
    }
    if (ret->is_blind) {
        snprintf(ret->reason, sizeof ret->reason, "the queue's length is not known");
        return;
    }
    wanted = estimate(g->role, o->messages);
    top = highest(g);
    if (wanted > o->workers)
        scale_to(ret, wanted, wanted, "");
    else if (wanted < o->workers && (g->n == 0 || wanted >= top))
        scale_to(ret, wanted, wanted, "");
    else if (wanted < o->workers && top < o->workers)
        scale_to(ret, top, wanted, ", lately more");
    else
        snprintf(ret->reason, sizeof ret->reason, "the queue is worth %d workers", wanted);
    remember(g, wanted);
    ret->processing_s = g->role->processing_s;
}
