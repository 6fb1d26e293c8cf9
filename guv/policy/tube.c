/*
 * tube.c - keeps the queue standing inside its deadline.
 *
 * Design notes
 *
 * Plot the jobs started against time. Every curve between the arrivals and the arrivals shifted by
 * the room a job has for waiting is on time; between the two lies a tube. While the curve is below
 * the arrivals the queue is not empty, so no paid place idles. A policy that keeps the queue short
 * pays for idle places; this one keeps it standing:
 *   - up, at the last moment at which the least number of workers that suffices still suffices;
 *   - down, when what will idle until the next decision is worth a part of a start;
 *   - what is known (the jobs that wait) is judged exactly, and only the future by a forecast.
 * The rules for failures: what is not known is never 0, and nothing is ever scaled down on it.
 */
#include "tube.h"

#include <stdio.h>
#include <string.h>

#include "arrivals.h"
#include "config/normal.h"
#include "need.h"
#include "service.h"
#include "starts.h"

#define STATS_S 5.0       /* RabbitMQ's own interval of measuring queues */
#define DISPERSION 1.5    /* of arrivals: a little rougher than Poisson's */
#define CURVE_DEADLINES 3 /* the curve of arrivals goes back so many deadlines */

/* How near to the deadline. One job in RARE waits as long as the tube is deep, so of those that do,
 * RARE times the share may be late that may be late of all. */
#define RARE 3.0
#define Z 1.0 /* sigmas of safety */

/* Up. A step reaches this part of the load, so that the queue stops growing; and a load of that
 * part of the maximum needs all of it. */
#define LOAD_PART 0.98
#define OVERLOAD_PART 0.95
#define FREEZE_STARTS 2 /* in a row that never took a job: more would not, either */

/* Down. Workers may idle for this part of a start before they are stopped; none is stopped so soon
 * after the beginning, in seconds or in starts. */
#define CREDIT_PART 0.25
#define SETTLE_S 30.0
#define SETTLE_STARTS 2

/* Of what waits at the first look nobody knows since when: since such a part of the deadline. */
#define UNKNOWN_AGE_PART 0.5

#define POLL_LEARN 0.2 /* weight of the newest interval between two decisions, and */
#define POLL_ODD 5.0   /* one so many times as long is an accident */

/* While nothing can be read: no more than so many times the last load, and one. */
#define BLIND_LOADS 1.5
/* While it cannot be told how many jobs are in hand and none waits: so many of the places. */
#define UNKNOWN_BUSY 0.5

struct tube {
    const struct role_settings *role;
    double poll_s;
    double z_tail; /* of the share of jobs that must be in time */
    struct arrivals arrivals;
    struct service service;
    struct starts starts;
    double *due_s;           /* room for starts_due() */
    struct observation last; /* the last in which the broker could be read */
    bool has_last;
    double consumers_was; /* NAN: not known */
    int asked;            /* workers after the last decision */
    double credit_s;      /* worker-seconds that idled */
    bool is_gentle;       /* a stopped worker's job came back: leave each job in hand its place */
    double stopped_s;     /* when workers were taken away last */
    double born_s;        /* the first decision; NAN before it */
    double called_s;      /* the last one */
    /* What would be there by now, carried on while the broker is mute. */
    double blind_t_s, blind_ready, blind_n;
};

int tube_new(const struct role_settings *settings, double poll_s, struct tube **ret, struct err *e)
{
    struct tube *t = calloc(1, sizeof *t);
    double late = 1.0 - settings->percentile / 100.0;

    if (!t)
        return err_set(e, ERR_NOMEM, "no memory for role '%s'", settings->name);
    t->role = settings;
    t->poll_s = poll_s;
    t->z_tail = normal_quantile(1.0 - fmin(0.5, RARE * late));
    t->consumers_was = t->born_s = t->called_s = t->stopped_s = NAN;
    service_init(&t->service, settings->processing_s, settings->stddev_s);
    t->due_s = calloc((size_t)settings->maximum + 1, sizeof *t->due_s);
    if (!t->due_s) {
        tube_free(t);
        return err_set(e, ERR_NOMEM, "no memory for role '%s'", settings->name);
    }
    if (arrivals_init(&t->arrivals, CURVE_DEADLINES * settings->deadline_s, poll_s, e) ||
        starts_init(&t->starts, settings->boot_s, (size_t)settings->maximum + 1, e)) {
        tube_free(t);
        return -1;
    }
    *ret = t;
    return 0;
}

void tube_free(struct tube *t)
{
    if (!t)
        return;
    arrivals_release(&t->arrivals);
    starts_release(&t->starts);
    free(t->due_s);
    free(t);
}

/* What a decision is made on. */
struct view {
    double t_s;
    int workers;
    double unacked;
    bool is_guess; /* unacked is one */
    double dt_s;   /* since the last look */
    double ready;
    struct crew crew;
    struct arrivals_rate rate;
    double load;    /* workers that would be busy all the time */
    double plan_s;  /* a start, as it is planned with */
    double react_s; /* from now until what is decided at the next look helps */
    double last_s;  /* from a job's arrival to the last moment it may start */
    double room_s;  /* the same, less what may have come since the broker measured */
};

/* ---- learning */

/* counter - was, or NAN when either is not known or the counter began again. */
static double counted(double counter, double was)
{
    return counter >= was ? counter - was : NAN;
}

/* Jobs that arrived since the last look, from the best source there is. */
static double arrived(const struct tube *t, const struct observation *o, const struct view *v)
{
    double published = counted(o->published, t->last.published);
    double acked = counted(o->acked, t->last.acked);
    double grown = o->messages - t->last.messages;

    if (!isnan(published))
        return published;
    if (!isnan(acked))
        return fmax(0, grown + acked);
    if (!isnan(o->publish_rate))
        return o->publish_rate * fmax(0, o->t_s - t->last.t_s);
    /* What was ended meanwhile, as far as it can be told. */
    return fmax(0, grown + v->unacked / t->service.mean_s * (o->t_s - t->last.t_s));
}

/*
 * Whether what a stopped worker had in hand has come back: more jobs wait than have arrived. The
 * broker counts the two at different moments, so that alone says nothing; but a worker that is
 * stopped is killed within its grace.
 */
static bool has_come_back(const struct tube *t, const struct observation *o)
{
    const struct observation *was = &t->last;

    return o->t_s - t->stopped_s <= t->role->shutdown_s + t->poll_s + 2 * STATS_S &&
           o->messages - o->unacked >
               was->messages - was->unacked + counted(o->published, was->published);
}

static void learn_jobs(struct tube *t, const struct observation *o, const struct view *v)
{
    const struct observation *was = &t->last;
    double dt_s = fmax(0, o->t_s - was->t_s), jobs = arrived(t, o, v);

    arrivals_add(&t->arrivals, o->t_s, dt_s, jobs);
    if (has_come_back(t, o))
        t->is_gentle = true;
    else if (o->messages <= 0)
        t->is_gentle = false;
    service_learn(&t->service,
                  &(struct service_look){.dt_s = dt_s,
                                         .acked = counted(o->acked, was->acked),
                                         .unacked_was = was->unacked,
                                         .unacked = o->unacked,
                                         .is_full = v->ready > 0 && was->messages > was->unacked});
}

/* Which of the workers asked for take jobs by now. */
static void learn_starts(struct tube *t, const struct observation *o, int consuming)
{
    size_t waiting = (size_t)(o->workers - consuming);

    if (o->boot_n > 0 && o->boot_mean_s > 0)
        starts_learn(&t->starts, (size_t)fmin(o->boot_n, t->role->maximum), o->boot_mean_s);
    if (o->workers < t->asked)
        starts_cancel(&t->starts, (size_t)(t->asked - o->workers));
    else /* somebody else asked for them */
        starts_ask(&t->starts, o->t_s, (size_t)(o->workers - t->asked));
    if (o->consumers > t->consumers_was)
        starts_arrived(&t->starts, o->t_s,
                       (size_t)fmin(o->consumers - t->consumers_was, t->role->maximum));
    t->consumers_was = o->consumers;
    if (t->starts.n > waiting) /* they came while one that was there went */
        starts_drop_oldest(&t->starts, t->starts.n - waiting);
    else /* those that were there have crashed */
        starts_again(&t->starts, o->t_s, waiting - t->starts.n);
}

/*
 * Whether the broker has measured since: its figures are some seconds old, and a look that comes
 * sooner sees the same ones again, which does not mean that nothing has arrived.
 */
static bool is_news(const struct tube *t, const struct observation *o)
{
    const struct observation *was = &t->last;

    return !t->has_last || o->t_s - was->t_s >= STATS_S || o->messages != was->messages ||
           o->consumers != was->consumers || o->unacked > was->unacked ||
           o->unacked < was->unacked || o->published > was->published || o->acked > was->acked;
}

/*
 * The first look, perhaps after a restart: what waits has come some time ago, as long as the
 * present rate takes to bring so many. Were it taken to have come just now, it would wait a second
 * deadline.
 */
static void meet_queue(struct tube *t, const struct observation *o, const struct view *v)
{
    double age_s = UNKNOWN_AGE_PART * t->role->deadline_s;

    if (!isnan(o->oldest_s))
        age_s = o->oldest_s;
    else if (o->publish_rate > 0)
        age_s = v->ready / o->publish_rate;
    arrivals_add(&t->arrivals, o->t_s - fmin(age_s, t->role->deadline_s), 0, 0);
    arrivals_add(&t->arrivals, o->t_s, 0, v->ready);
}

static void learn(struct tube *t, const struct observation *o, const struct view *v)
{
    learn_starts(t, o, (int)v->crew.n);
    service_learn_records(
        &t->service,
        &(struct service_records){v->dt_s, o->service_n, o->service_mean_s, o->service_sd_s});
    if (!is_news(t, o))
        return;
    if (t->has_last)
        learn_jobs(t, o, v);
    else
        meet_queue(t, o, v);
    t->last = *o;
    t->has_last = true;
}

/* ---- the tube */

static double places(const struct view *v, double crew)
{
    return v->crew.concurrency * fmax(1, fmax(v->load, crew));
}

/* By how much the times of the jobs before one let its start vary, at one sigma: this, times the
 * root of how many they are. */
static double noise(const struct tube *t, const struct view *v, double crew)
{
    return t->service.mean_s * sqrt(t->service.cv2) / places(v, crew);
}

/*
 * What is left of the room, but for that noise. What comes before help can be there must fit in the
 * crew's spare places where the room is short: that is the square root staffing of queueing theory.
 */
static double room(const struct tube *t, const struct view *v, double crew)
{
    double p = t->service.mean_s, room_s = fmax(0, t->role->slack * v->room_s);
    double depth_s = room_s - Z * noise(t, v, crew) * sqrt(fmax(0, v->room_s) * v->rate.per_s);
    double jitter_s;

    if (depth_s >= v->react_s)
        return room_s;
    jitter_s = sqrt(v->react_s * p * (1 + t->service.cv2) * DISPERSION / places(v, crew));
    return fmax(0, room_s - Z * jitter_s * (1 - fmax(0, depth_s) / v->react_s));
}

/* The room of a job before which as many wait as usual, when the load fills it. */
static double depth(const struct tube *t, const struct view *v, double crew)
{
    return fmax(0, room(t, v, crew) -
                       Z * noise(t, v, crew) * sqrt(fmax(0, v->room_s) * v->rate.per_s));
}

/* How far the forecast is looked at: what comes later can be helped later. */
static double horizon(const struct tube *t, const struct view *v, double crew)
{
    return fmax(v->react_s - depth(t, v, crew), t->poll_s) + t->poll_s;
}

/*
 * Jobs a second that are planned for. Where the room is longer than a start, what comes can be seen
 * before help must be asked for, and only what has lasted is believed. Where it is shorter, help
 * comes too late for what is seen, so the best guess has to do.
 */
static double forecast(const struct tube *t, const struct view *v)
{
    bool is_roomy = depth(t, v, v->workers) >= v->react_s;

    return (is_roomy ? v->rate.lasting_per_s : v->rate.per_s) + v->rate.error_per_s;
}

/* Workers needed over those of the view, if `more` are asked for delay_s from now. per_s: more jobs
 * are to come. */
static struct need need(const struct tube *t, const struct view *v, double more, double delay_s,
                        double per_s)
{
    double room_s = room(t, v, v->workers + more);

    return need_of(&(struct need_query){.t_s = v->t_s,
                                        .room_s = room_s,
                                        .last_s = v->last_s,
                                        .noise_s = Z * noise(t, v, v->workers + more),
                                        .on_s = v->t_s + delay_s + starts_plan_s(&t->starts, more),
                                        .rescue_s = fmax(room_s, 2 * t->service.mean_s),
                                        .ready = v->ready,
                                        .per_s = per_s,
                                        .horizon_s = horizon(t, v, v->workers + more)},
                   &v->crew, &t->arrivals);
}

/* ---- up */

/*
 * How many more to ask for, now that some are needed: the least number that would do if it were
 * asked for at once. A larger crew averages better, so that is fewer than one by one.
 */
static int step_up(const struct tube *t, const struct view *v, double high_per_s, int most)
{
    int low = 1, high = most;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (need(t, v, middle, 0, high_per_s).more <= middle)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* While one worker more would still do it if it were asked for at the next look, waiting costs
 * nothing: up to the last one of the maximum, and not where there is none left to ask for. */
static bool can_wait(const struct tube *t, const struct view *v, double high_per_s)
{
    struct need later = need(t, v, 0, t->poll_s, high_per_s);
    int maximum = t->role->maximum;

    return !later.too_late && later.exact <= 1 && v->workers < maximum &&
           (v->workers + later.more < maximum || maximum == 1);
}

/* Nearly all of the maximum is needed, and some of it is not there. */
static bool is_overload(const struct tube *t, const struct view *v, double lasting)
{
    return lasting >= OVERLOAD_PART * t->role->maximum && v->workers < t->role->maximum &&
           v->ready > 0;
}

/* How many it shall be, which may be more than the maximum. */
static int size_up(const struct tube *t, const struct view *v, double high_per_s, double lasting)
{
    int maximum = t->role->maximum;
    int wanted = v->workers + step_up(t, v, high_per_s, maximum - v->workers + 1);

    if (lasting > wanted)
        wanted = (int)fmax(wanted, fmin(maximum + 1, ceil(LOAD_PART * lasting)));
    return wanted;
}

/* Returns whether it decided. */
static bool plan_up(struct tube *t, const struct view *v, struct decision *ret)
{
    const int maximum = t->role->maximum;
    double lasting = v->rate.lasting_per_s / v->crew.jobs_per_s, high_per_s = forecast(t, v);
    bool is_all = is_overload(t, v, lasting);
    struct need now = need(t, v, 0, 0, high_per_s);
    int wanted;

    ret->late = now.late;
    ret->violation_s = now.violation_s;
    ret->floor = v->workers + (now.more > 0 ? now.more : 0);
    if (now.more <= 0 && !is_all)
        return false;
    if (!is_all && !now.too_late && can_wait(t, v, high_per_s)) {
        if (v->ready > 0)
            snprintf(ret->reason, sizeof ret->reason, "%d more will be needed, which can wait",
                     now.more);
        return true;
    }
    if (starts_lost(&t->starts, v->t_s) >= FREEZE_STARTS) {
        ret->is_frozen = true;
        snprintf(ret->reason, sizeof ret->reason,
                 "%zu workers that were asked for never took a job: no more are asked for",
                 starts_lost(&t->starts, v->t_s));
        return true;
    }
    wanted = is_all ? maximum : size_up(t, v, high_per_s, lasting);
    ret->workers = wanted < maximum ? wanted : maximum;
    ret->pinned = wanted > maximum || lasting > maximum;
    if (is_all)
        snprintf(ret->reason, sizeof ret->reason, "the load is %.1f workers: all of the maximum",
                 lasting);
    else if (now.late)
        snprintf(ret->reason, sizeof ret->reason, "some of %.0f waiting jobs will be late",
                 v->ready);
    else if (now.too_late)
        snprintf(ret->reason, sizeof ret->reason,
                 "%.0f jobs wait, and some are near their deadline", v->ready);
    else
        snprintf(ret->reason, sizeof ret->reason, "%.0f jobs wait and would be late in %.0f s",
                 v->ready, now.violation_s);
    t->credit_s = 0;
    return true;
}

/* ---- down */

/*
 * The crew to rest at: the whole number of workers below the load or above it. Below it the queue
 * fills for a while and then one more worker has to drain it, so the two alternate; that is worth
 * it where the place saved meanwhile is worth more than a start.
 */
static int rest_level(const struct tube *t, const struct view *v, double depth_s)
{
    double below = floor(v->load + 1e-9), over = v->load - below;
    double spare_s = depth_s - v->plan_s - t->poll_s, fill_s, drain_s, cost_s;

    if (over < 1e-6 && below > 0)
        return whole_workers(below);
    if (below <= 0) {
        if (spare_s <= 0)
            return 1;
        fill_s = v->rate.per_s > 0 ? spare_s + 1 / v->rate.per_s : INFINITY;
        if (isinf(fill_s))
            return 0;
    } else {
        fill_s = (depth_s * below + spare_s) / over;
        if (fill_s <= v->plan_s)
            return whole_workers(below + 1);
    }
    drain_s = over * (fmin(fill_s, depth_s) + v->plan_s) / (1 - over);
    cost_s = t->starts.mean_s * (1 + CREDIT_PART) + 1.5 * t->poll_s;
    return whole_workers(below) + (cost_s < (1 - over) * (fill_s + v->plan_s + drain_s) ? 0 : 1);
}

/* Whether the jobs known and forecast are in time with so many workers. */
static bool is_enough(const struct tube *t, const struct view *v, int workers)
{
    struct view fewer = *v;
    double n = v->crew.n, high_per_s = forecast(t, v);
    struct need known;

    fewer.crew.n = fmin(n, workers);
    fewer.crew.n_due = workers > n ? (size_t)fmin((double)v->crew.n_due, workers - n) : 0;
    fewer.crew.free = n > 0 ? fmax(0, fewer.crew.n * (v->crew.concurrency - v->unacked / n)) : 0;
    known = need(t, &fewer, 0, t->poll_s, 0);
    return known.more <= 0 && !known.too_late &&
           !need(t, &fewer, 0, t->poll_s, high_per_s).too_late;
}

static bool is_settled(const struct tube *t, const struct view *v)
{
    return v->t_s - t->born_s >= fmax(SETTLE_S, SETTLE_STARTS * t->role->boot_s);
}

/* While it is not known what is in hand, the last worker may have a job. */
static int lower_bound(const struct tube *t, const struct view *v)
{
    bool may_be_last = v->is_guess && v->crew.n > 0 && t->role->minimum == 0;

    return may_be_last ? 1 : t->role->minimum;
}

static void plan_down(struct tube *t, const struct view *v, struct decision *ret)
{
    double n = v->crew.n, busy = v->unacked / v->crew.concurrency, waste_s;
    int target;

    if (isnan(t->born_s))
        t->born_s = v->t_s;
    if (v->workers <= lower_bound(t, v) || !is_settled(t, v)) {
        t->credit_s = 0;
        return;
    }
    /* What will idle until the next decision has its effect. */
    waste_s =
        (n - v->load) * (t->poll_s + STATS_S) - v->ready * t->service.mean_s / v->crew.concurrency;
    if (waste_s <= 0 && v->ready > 0) {
        t->credit_s = fmax(0, t->credit_s - v->dt_s);
        return;
    }
    if (v->ready <= 0)
        t->credit_s += fmax(0, n - busy) * v->dt_s;
    if (t->credit_s + fmax(0, waste_s) < CREDIT_PART * t->starts.mean_s)
        return;
    target = rest_level(t, v, depth(t, v, v->workers));
    if (target < lower_bound(t, v))
        target = lower_bound(t, v);
    /* A job that is longer than a worker's grace would be killed, and come back, for ever. */
    if (t->is_gentle || service_quantile(&t->service, normal_quantile(0.99)) > t->role->shutdown_s)
        target = whole_workers(fmax(target, ceil(busy)));
    while (target < v->workers && !is_enough(t, v, target))
        target++;
    t->credit_s = 0;
    if (target >= v->workers)
        return;
    ret->workers = target;
    snprintf(ret->reason, sizeof ret->reason, "the load is %.2f workers, %.0f jobs wait", v->load,
             v->ready);
}

/* ---- one decision */

/* Workers that so many jobs a second keep busy. A --stdio may tell of any number of jobs. */
static double load_of(const struct tube *t, double per_s)
{
    return fmin(NEED_MOST, per_s * t->service.mean_s / t->role->concurrency);
}

static void look_at(const struct tube *t, struct view *v)
{
    double tail_s = service_quantile(&t->service, t->z_tail);

    v->rate = arrivals_rate(&t->arrivals, DISPERSION);
    v->crew.concurrency = t->role->concurrency;
    v->crew.jobs_per_s = t->role->concurrency / t->service.mean_s;
    v->crew.due_s = t->due_s;
    v->crew.n_due = starts_due(&t->starts, v->t_s, t->due_s);
    v->load = load_of(t, v->rate.per_s);
    v->plan_s = starts_plan_s(&t->starts, 1);
    v->react_s = t->poll_s + STATS_S + v->plan_s;
    v->last_s = t->role->deadline_s - tail_s;
    v->room_s = v->last_s - STATS_S;
}

/* The fewest with which the jobs are in time, if that is fewer than now. */
static int feasible(const struct tube *t, const struct view *v)
{
    int low = 0, high = v->workers;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (is_enough(t, v, middle))
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

/* Until nothing waits, where not all is in time. */
static double catch_up(const struct view *v, int workers, const struct decision *d)
{
    double spare = workers - v->load;

    if (!d->late && !d->pinned)
        return NAN;
    return spare > 0 ? v->ready / v->crew.jobs_per_s / spare : INFINITY;
}

static void plan(struct tube *t, struct view *v, bool may_shrink, struct decision *ret)
{
    look_at(t, v);
    ret->load = v->load;
    ret->arrivals_s = v->rate.per_s;
    ret->processing_s = t->service.mean_s;
    ret->boot_s = t->starts.mean_s;
    ret->room_s = depth(t, v, v->workers);
    ret->backlog_s = v->crew.n > 0 ? v->ready / (v->crew.n * v->crew.jobs_per_s) : NAN;
    if (!plan_up(t, v, ret) && may_shrink) {
        plan_down(t, v, ret);
        ret->floor = feasible(t, v);
    }
    ret->catch_up_s = catch_up(v, ret->workers, ret);
    if (!*ret->reason)
        snprintf(ret->reason, sizeof ret->reason, "%.0f jobs wait, %s in time", v->ready,
                 ret->late ? "not all" : "all");
}

/*
 * Nothing is known: the last state is carried on, so that a scale-up that comes due is still made.
 * A guess must not become a flood, so it is capped; and nothing is ever scaled down.
 */
static void decide_blind(struct tube *t, const struct observation *o, struct decision *ret)
{
    const double concurrency = t->role->concurrency,
                 per_s = arrivals_rate(&t->arrivals, DISPERSION).per_s;
    const double load = load_of(t, per_s), dt_s = o->t_s - t->blind_t_s;
    struct view v = {.t_s = o->t_s, .workers = o->workers, .dt_s = dt_s};
    const int cap = whole_workers(fmax(o->workers, ceil(BLIND_LOADS * load) + 1));

    if (!t->has_last) {
        snprintf(ret->reason, sizeof ret->reason, "the queue has not been read yet");
        return;
    }
    if (o->workers < t->asked)
        starts_cancel(&t->starts, (size_t)(t->asked - o->workers));
    t->blind_n = fmin(o->workers, t->blind_n + (double)starts_take_due(&t->starts, o->t_s));
    t->blind_ready =
        fmax(0, t->blind_ready + (load - t->blind_n) * concurrency / t->service.mean_s * dt_s);
    t->blind_t_s = o->t_s;
    t->consumers_was = NAN;
    v.crew.n = t->blind_n;
    v.ready = t->blind_ready;
    v.unacked = concurrency * t->blind_n;
    arrivals_guess(&t->arrivals, o->t_s, per_s * (o->t_s - t->last.t_s));
    plan(t, &v, false, ret);
    if (ret->workers > cap)
        ret->workers = cap;
    if (ret->workers <= o->workers) { /* fewer: somebody has asked for more than the maximum */
        ret->workers = o->workers;
        snprintf(ret->reason, sizeof ret->reason, "the queue cannot be read");
    }
}

/* What can be told of the queue: all of it, or only how many jobs wait and who takes them. */
static bool is_seen(const struct observation *o)
{
    return !isnan(o->messages) && !isnan(o->consumers);
}

static void see(const struct tube *t, const struct observation *o, struct view *v)
{
    double n = fmin(o->consumers, o->workers), taken = t->role->concurrency * n;
    bool is_guess = isnan(o->unacked);
    double ready = is_guess ? o->messages : fmax(0, o->messages - o->unacked);
    double unacked = !is_guess ? o->unacked : ready > 0 ? taken : UNKNOWN_BUSY * taken;

    *v = (struct view){.t_s = o->t_s,
                       .workers = o->workers,
                       .unacked = unacked,
                       .is_guess = is_guess,
                       .ready = ready,
                       .crew = {.n = n, .free = fmax(0, taken - unacked)}};
}

/* Whoever asks may do so at other intervals than the settings say. Returns the last one. */
static double learn_poll(struct tube *t, double now_s)
{
    double dt_s = isnan(t->called_s) ? t->poll_s : fmax(0, now_s - t->called_s);

    if (dt_s > 0 && dt_s < POLL_ODD * t->poll_s)
        t->poll_s += POLL_LEARN * (dt_s - t->poll_s);
    t->called_s = now_s;
    return dt_s;
}

void tube_decide(struct tube *t, const struct observation *o, struct decision *ret)
{
    double dt_s = learn_poll(t, o->t_s);
    struct view v;

    if (is_seen(o)) {
        see(t, o, &v);
        v.dt_s = dt_s;
        learn(t, o, &v);
        t->blind_t_s = o->t_s;
        t->blind_ready = v.ready;
        t->blind_n = v.crew.n;
        plan(t, &v, true, ret);
    } else {
        ret->is_blind = true;
        decide_blind(t, o, ret);
    }
    if (ret->workers < t->role->minimum) {
        ret->workers = t->role->minimum;
        snprintf(ret->reason, sizeof ret->reason, "the minimum is %d", ret->workers);
    } else if (ret->workers > t->role->maximum && is_seen(o)) {
        ret->workers = t->role->maximum;
        snprintf(ret->reason, sizeof ret->reason, "the maximum is %d", ret->workers);
    }
    if (ret->workers < o->workers)
        t->stopped_s = o->t_s;
    if (ret->workers > o->workers)
        starts_ask(&t->starts, o->t_s, (size_t)(ret->workers - o->workers));
    else
        starts_cancel(&t->starts, (size_t)(o->workers - ret->workers));
    t->asked = ret->workers;
}
