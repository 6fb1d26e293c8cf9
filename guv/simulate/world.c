#include "world.h"

#include <math.h>
#include <string.h>

#include "base/rank.h"
#include "random.h"

#define STREAM_STARTS 11
#define STATS_S 5 /* collect_statistics_interval of RabbitMQ, as it comes */

/* Of starts on Heroku: 30 s, a deviation of 8 s, none shorter than 10 s or longer than 60 s. */
#define BOOT_MIN_PART (1.0 / 3)
#define BOOT_MAX_PART 2.0

#define OVERTIME_DEADLINES 20 /* how long after the trace's end the last job must have ended */

/* ---- what is to happen: a heap by time */

enum event_kind { EVENT_JOB_ENDS, EVENT_READY, EVENT_KILL };

struct event {
    double at_s;
    enum event_kind kind;
    size_t worker; /* of the list */
    size_t job;
    unsigned life; /* of the worker it was meant for: a later one in that place is another */
};

enum worker_state { WORKER_NONE, WORKER_STARTING, WORKER_UP, WORKER_STOPPING };

struct worker {
    enum worker_state state;
    unsigned life;
    int in_hand;
    size_t *jobs; /* in_hand of them */
    double asked_at_s;
};

struct world {
    const struct trace *trace;
    const struct world_options *o;
    struct random random;
    double now_s;
    struct event *heap;
    size_t heap_n, heap_size;
    size_t *waiting; /* a ring of jobs */
    size_t waiting_start, waiting_n, waiting_size;
    struct worker *workers; /* place i is worker number i + 1 */
    size_t n_places, turn;  /* whose turn it is to get a job */
    int wanted;             /* workers asked for */
    int in_hand;            /* jobs */
    int consumers;
    int free_places;       /* for a job, in workers that are up */
    size_t arrived, ended; /* jobs */
    double *took_s;        /* of each job that has ended, from arrival to end */
    struct outcome out;
    bool failed; /* no memory */
    /* As the broker measured last. */
    struct observation stats;
    double ended_n, ended_sum_s, ended_square; /* service times since the last observation */
};

struct world_options world_options_of(const struct role_settings *role, uint64_t seed)
{
    struct world_options o = {.role = role, .seed = seed, .stats_s = STATS_S};

    world_set_boot(&o, role->boot_s, role->boot_s * WORLD_BOOT_SD_PART);
    o.has_records = role->jobs_query != NULL;
    return o;
}

void world_set_boot(struct world_options *o, double mean_s, double sd_s)
{
    o->boot_s = mean_s;
    o->boot_sd_s = sd_s;
    o->boot_min_s = mean_s * BOOT_MIN_PART;
    o->boot_max_s = mean_s * BOOT_MAX_PART;
}

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_s < b->at_s;
}

static void heap_add(struct world *w, struct event ev)
{
    size_t i = w->heap_n;

    if (w->heap_n == w->heap_size) {
        size_t size = w->heap_size ? 2 * w->heap_size : 256;
        struct event *heap = realloc(w->heap, size * sizeof *heap);

        if (!heap) {
            w->failed = true;
            return;
        }
        w->heap = heap;
        w->heap_size = size;
    }
    w->heap_n++;
    for (; i > 0 && is_before(&ev, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = ev;
}

static struct event heap_take(struct world *w)
{
    struct event top = w->heap[0], last = w->heap[--w->heap_n];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < w->heap_n && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (child >= w->heap_n || is_before(&last, &w->heap[child]))
            break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

/* ---- the queue */

static bool queue_grow(struct world *w)
{
    size_t size = w->waiting_size ? 2 * w->waiting_size : 1024;
    size_t *ring;

    if (w->waiting_n < w->waiting_size)
        return true;
    ring = calloc(size, sizeof *ring);
    if (!ring) {
        w->failed = true;
        return false;
    }
    for (size_t i = 0; i < w->waiting_n; i++)
        ring[i] = w->waiting[(w->waiting_start + i) % w->waiting_size];
    free(w->waiting);
    w->waiting = ring;
    w->waiting_start = 0;
    w->waiting_size = size;
    return true;
}

static void queue_add(struct world *w, size_t job)
{
    if (queue_grow(w))
        w->waiting[(w->waiting_start + w->waiting_n++) % w->waiting_size] = job;
}

static void queue_give_back(struct world *w, size_t job)
{
    if (!queue_grow(w))
        return;
    w->waiting_start = (w->waiting_start + w->waiting_size - 1) % w->waiting_size;
    w->waiting[w->waiting_start] = job;
    w->waiting_n++;
}

static size_t queue_take(struct world *w)
{
    size_t job = w->waiting[w->waiting_start];

    w->waiting_start = (w->waiting_start + 1) % w->waiting_size;
    w->waiting_n--;
    return job;
}

/* ---- workers */

static void give(struct world *w, size_t i)
{
    struct worker *k = &w->workers[i];
    size_t job = queue_take(w);

    k->jobs[k->in_hand++] = job;
    w->in_hand++;
    w->free_places--;
    heap_add(
        w, (struct event){w->now_s + w->trace->jobs[job].takes_s, EVENT_JOB_ENDS, i, job, k->life});
}

/* In turn to each worker that has a place free, as RabbitMQ does. */
static void dispatch(struct world *w)
{
    const int concurrency = w->o->role->concurrency;

    while (w->waiting_n > 0 && w->free_places > 0) {
        size_t i = w->turn;
        const struct worker *k = &w->workers[i];

        w->turn = w->turn + 1 < w->n_places ? w->turn + 1 : 0;
        if (k->state == WORKER_UP && k->in_hand < concurrency)
            give(w, i);
    }
}

static void gone(struct world *w, size_t i)
{
    struct worker *k = &w->workers[i];

    w->out.paid_s +=
        w->o->role->billing_s > 0
            ? ceil((w->now_s - k->asked_at_s) / w->o->role->billing_s) * w->o->role->billing_s
            : w->now_s - k->asked_at_s;
    k->state = WORKER_NONE;
    k->life++;
}

static double start_s(struct world *w)
{
    double s;

    if (w->o->boot_s <= 0 || w->o->boot_sd_s <= 0)
        return fmax(0, w->o->boot_s);
    s = random_lognormal(&w->random, w->o->boot_s, w->o->boot_sd_s);
    return fmax(w->o->boot_min_s, fmin(w->o->boot_max_s, s));
}

/* A place whose worker is still stopping is not free yet. Returns the first that is. */
static size_t free_place(struct world *w)
{
    size_t i = 0;
    struct worker *more;

    while (i < w->n_places && w->workers[i].state != WORKER_NONE)
        i++;
    if (i < w->n_places)
        return i;
    more = realloc(w->workers, (i + 1) * sizeof *more);
    if (!more) {
        w->failed = true;
        return 0;
    }
    w->workers = more;
    memset(&more[i], 0, sizeof *more);
    more[i].jobs = calloc((size_t)w->o->role->concurrency, sizeof *more[i].jobs);
    w->failed |= !more[i].jobs;
    w->n_places++;
    return i;
}

static void start(struct world *w, double after_s)
{
    size_t i = free_place(w);

    if (w->failed)
        return;
    w->workers[i].state = WORKER_STARTING;
    w->workers[i].asked_at_s = w->now_s;
    w->workers[i].in_hand = 0;
    w->out.starts++;
    heap_add(w, (struct event){w->now_s + after_s, EVENT_READY, i, 0, w->workers[i].life});
}

/* A worker that was up takes no more jobs, for whatever reason. */
static void leave(struct world *w, const struct worker *k)
{
    w->consumers--;
    w->free_places -= w->o->role->concurrency - k->in_hand;
}

static void give_back_all(struct world *w, struct worker *k)
{
    while (k->in_hand > 0) {
        queue_give_back(w, k->jobs[--k->in_hand]);
        w->in_hand--;
        w->out.redelivered++;
    }
}

static void stop(struct world *w, size_t i)
{
    struct worker *k = &w->workers[i];

    if (k->state == WORKER_UP)
        leave(w, k);
    if (k->state == WORKER_STARTING || k->in_hand == 0) {
        gone(w, i);
        return;
    }
    k->state = WORKER_STOPPING;
    heap_add(w, (struct event){w->now_s + w->o->role->shutdown_s, EVENT_KILL, i, 0, k->life});
}

static bool is_there(const struct worker *k)
{
    return k->state == WORKER_STARTING || k->state == WORKER_UP;
}

static void want(struct world *w, int workers)
{
    w->wanted = workers;
    if (workers > w->out.most)
        w->out.most = workers;
    if (w->o->watch)
        w->o->watch->crew_changed(w->o->watch->arg, w->now_s, workers);
}

/* The highest numbers stop first, as on Heroku. */
static void scale(struct world *w, int workers)
{
    int there = 0;

    for (size_t i = 0; i < w->n_places; i++)
        there += is_there(&w->workers[i]);
    for (; there < workers; there++)
        start(w, start_s(w));
    for (size_t i = w->n_places; i-- > 0 && there > workers;)
        if (is_there(&w->workers[i])) {
            stop(w, i);
            there--;
        }
    want(w, workers);
}

/* Every second worker that is up dies; the platform starts another in its place. */
static void crash(struct world *w)
{
    size_t n = w->n_places;

    for (size_t i = 0; i < n; i += 2) {
        struct worker *k = &w->workers[i];

        if (k->state != WORKER_UP)
            continue;
        leave(w, k);
        give_back_all(w, k);
        k->state = WORKER_STARTING; /* it is the same dyno, and paid on */
        k->life++;
        w->out.starts++;
        heap_add(w, (struct event){w->now_s + start_s(w), EVENT_READY, i, 0, k->life});
    }
}

/* ---- events */

static void job_ends(struct world *w, const struct event *ev)
{
    struct worker *k = &w->workers[ev->worker];
    const struct trace_job *job = &w->trace->jobs[ev->job];
    double took_s = w->now_s - job->arrives_s;
    int i = 0;

    while (k->jobs[i] != ev->job)
        i++;
    k->jobs[i] = k->jobs[--k->in_hand];
    w->in_hand--;
    if (k->state == WORKER_UP)
        w->free_places++;
    w->took_s[w->ended++] = took_s;
    if (took_s > w->o->role->deadline_s)
        w->out.late++;
    if (w->o->watch)
        w->o->watch->job_ended(w->o->watch->arg, w->now_s, took_s);
    w->out.busy_s += job->takes_s / w->o->role->concurrency;
    w->ended_n++;
    w->ended_sum_s += job->takes_s;
    w->ended_square += job->takes_s * job->takes_s;
    if (k->state == WORKER_STOPPING && k->in_hand == 0)
        gone(w, ev->worker);
    else
        dispatch(w);
}

static void happen(struct world *w, const struct event *ev)
{
    struct worker *k = &w->workers[ev->worker];

    if (k->life != ev->life)
        return;
    switch (ev->kind) {
    case EVENT_JOB_ENDS:
        job_ends(w, ev);
        break;
    case EVENT_READY:
        k->state = WORKER_UP;
        w->consumers++;
        w->free_places += w->o->role->concurrency;
        dispatch(w);
        break;
    case EVENT_KILL:
        give_back_all(w, k);
        gone(w, ev->worker);
        dispatch(w);
        break;
    }
}

/* ---- what the policy sees */

static void measure(struct world *w)
{
    const double dt_s = w->o->stats_s;
    double published = (double)w->arrived, acked = (double)w->ended;

    w->stats.publish_rate =
        isnan(w->stats.published) ? NAN : (published - w->stats.published) / dt_s;
    w->stats.ack_rate = isnan(w->stats.acked) ? NAN : (acked - w->stats.acked) / dt_s;
    w->stats.published = published;
    w->stats.acked = acked;
    w->stats.unacked = w->in_hand;
    w->stats.messages = (double)w->waiting_n + w->in_hand;
    w->stats.consumers = w->consumers;
    w->stats.oldest_s =
        w->waiting_n > 0 ? w->now_s - w->trace->jobs[w->waiting[w->waiting_start]].arrives_s : NAN;
}

static struct observation observe(struct world *w)
{
    struct observation o = w->stats;

    if (w->now_s >= w->trace->deaf_from_s && w->now_s < w->trace->deaf_until_s)
        return observation_of(w->now_s, w->wanted);
    o.t_s = w->now_s;
    o.workers = w->wanted;
    if (w->o->has_records) {
        double mean = w->ended_sum_s / w->ended_n;

        o.service_n = w->ended_n;
        o.service_mean_s = w->ended_n > 0 ? mean : NAN;
        o.service_sd_s =
            w->ended_n > 0 ? sqrt(fmax(0, w->ended_square / w->ended_n - mean * mean)) : NAN;
        w->ended_n = w->ended_sum_s = w->ended_square = 0;
    }
    return o;
}

static void write_line(struct world *w, const struct observation *o, const struct decision *d)
{
    if (!w->o->timeline)
        return;
    buf_printf(w->o->timeline, "%.1f,%zu,%d,%d,%d,%.3f,%.3f,%zu,\"%s\"\n", w->now_s, w->waiting_n,
               w->in_hand, w->consumers, d->workers, d->load, d->processing_s, w->out.late,
               d->workers == o->workers ? "" : d->reason);
}

static void poll(struct world *w, const struct decider *decider)
{
    struct observation o = observe(w);
    struct decision d = {.workers = o.workers};

    decider->decide(decider->arg, &o, &d);
    write_line(w, &o, &d);
    if (d.workers == w->wanted ||
        (w->now_s >= w->trace->deaf_from_s && w->now_s < w->trace->deaf_until_s))
        return;
    w->out.actions++;
    scale(w, d.workers);
}

/* ---- the run */

/* To be asked for in rising order: *done values are in their places. */
static double quantile(double *v, size_t n, double q, size_t *done)
{
    size_t k = (size_t)ceil(q * (double)n) - 1;

    if (n == 0)
        return (double)NAN;
    if (k >= *done)
        rank_select(v + *done, n - *done, k - *done);
    *done = k + 1 > *done ? k + 1 : *done;
    return v[k];
}

bool outcome_is_in_time(const struct outcome *o, const struct role_settings *role)
{
    return (double)o->late <= (double)o->jobs * (1 - role->percentile / 100) + 1e-9;
}

static void sum_up(struct world *w)
{
    size_t done = 0;

    for (size_t i = 0; i < w->n_places; i++)
        if (w->workers[i].state != WORKER_NONE)
            gone(w, i);
    w->out.jobs = w->trace->n;
    w->out.late += w->trace->n - w->ended; /* they never ended */
    w->out.p50_s = quantile(w->took_s, w->ended, 0.5, &done);
    w->out.p90_s = quantile(w->took_s, w->ended, 0.9, &done);
    w->out.p99_s = quantile(w->took_s, w->ended, 0.99, &done);
    w->out.longest_s = quantile(w->took_s, w->ended, 1, &done);
    w->out.ended_s = w->now_s;
}

static bool is_lost(const struct world *w)
{
    const struct outcome so_far = {.jobs = w->trace->n, .late = w->out.late};

    return w->o->is_trial && !outcome_is_in_time(&so_far, w->o->role);
}

static void run(struct world *w, const struct decider *decider)
{
    struct random phase;
    double poll_at_s, stats_at_s, end_s = w->trace->duration_s, crash_at_s = w->trace->crash_at_s;
    double limit_s = end_s + OVERTIME_DEADLINES * w->o->role->deadline_s;

    random_init(&phase, w->o->seed, STREAM_STARTS + 1);
    stats_at_s = w->o->stats_s * random_uniform(&phase);
    poll_at_s = decider->poll_s * random_uniform(&phase);
    while (!w->failed && !is_lost(w) && (w->now_s < end_s || w->ended < w->trace->n) &&
           w->now_s < limit_s) {
        double arrival_s =
            w->arrived < w->trace->n ? w->trace->jobs[w->arrived].arrives_s : INFINITY;
        bool was_before_end = w->now_s < end_s;
        double event_s = w->heap_n > 0 ? w->heap[0].at_s : INFINITY;
        double next_s =
            fmin(fmin(arrival_s, event_s), fmin(fmin(poll_at_s, stats_at_s), crash_at_s));

        w->now_s = next_s;
        if (was_before_end && next_s > end_s) {
            w->now_s = end_s; /* a crew is paid until then, not until the next look at it */
        } else if (next_s == arrival_s) {
            queue_add(w, w->arrived++);
            dispatch(w);
        } else if (next_s == event_s) {
            struct event ev = heap_take(w);

            happen(w, &ev);
        } else if (next_s == stats_at_s) {
            measure(w);
            stats_at_s += w->o->stats_s;
        } else if (next_s == crash_at_s) {
            crash(w);
            crash_at_s = INFINITY;
        } else {
            poll(w, decider);
            poll_at_s += decider->poll_s;
        }
    }
}

static void release(struct world *w)
{
    for (size_t i = 0; i < w->n_places; i++)
        free(w->workers[i].jobs);
    free(w->workers);
    free(w->heap);
    free(w->waiting);
    free(w->took_s);
}

int world_run(const struct trace *trace, const struct decider *decider,
              const struct world_options *options, struct outcome *ret, struct err *e)
{
    struct world w = {.trace = trace, .o = options, .stats = observation_of(0, 0)};
    int rc = -1;

    random_init(&w.random, options->seed, STREAM_STARTS);
    w.took_s = calloc(trace->n + 1, sizeof *w.took_s);
    w.failed = !w.took_s;
    if (!w.failed) {
        for (int i = 0; i < decider->first; i++)
            start(&w, 0);
        want(&w, decider->first);
        w.out.starts = 0;
        run(&w, decider);
    }
    if (w.failed)
        err_set(e, ERR_NOMEM, "no memory for the simulation");
    else
        rc = 0;
    if (rc == 0) {
        sum_up(&w);
        *ret = w.out;
    }
    release(&w);
    return rc;
}
