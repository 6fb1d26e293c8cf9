#include "contest.h"

#include <math.h>
#include <string.h>

void contest_init(struct contest *c, const struct role_settings *role,
                  const struct guv_settings *settings)
{
    memset(c, 0, sizeof *c);
    c->role = *role;
    c->world = world_options_of(role, 0);
    c->poll_s = settings->poll_s;
    c->original_poll_s = settings_poll_s(settings, POLICY_ORIGINAL);
    c->history_s = settings->history_s;
    for (int i = 0; i < PEER_KINDS; i++)
        c->takes_part[i] = true;
}

void contest_release(struct contest *c)
{
    free(c->runs);
    c->runs = NULL;
    c->n = 0;
}

/* ---- one policy on one trace */

struct watcher {
    struct contest *contest;
    enum peer_kind kind;
};

static void note_end(void *arg, double at_s, double took_s)
{
    struct watcher *w = arg;

    histogram_add(&w->contest->took[w->kind], took_s);
    if (w->contest->watch)
        w->contest->watch->job_ended(w->contest->watch->arg, w->kind, at_s, took_s);
}

static void note_crew(void *arg, double at_s, int workers)
{
    struct watcher *w = arg;

    if (w->contest->watch)
        w->contest->watch->crew_changed(w->contest->watch->arg, w->kind, at_s, workers);
}

static void put_lines(const struct buf *lines, enum peer_kind kind, struct buf *to)
{
    const char *from = lines->data;

    for (size_t n; from && *from; from += n) {
        n = strcspn(from, "\n") + 1;
        buf_printf(to, "%s,", peer_name(kind));
        buf_append(to, from, n);
    }
    to->failed |= lines->failed;
}

static int try_one(struct contest *c, enum peer_kind kind, const struct trace *trace,
                   struct contest_run *run, struct err *e)
{
    const struct peer_options options = {&c->role, c->poll_s, c->original_poll_s, c->history_s,
                                         run->fixed};
    struct watcher watcher = {c, kind};
    const struct world_watch watch = {note_end, note_crew, &watcher};
    AUTO(buf_release) struct buf lines = BUF_INIT;
    struct world_options world = c->world;
    struct peer *p;
    int rc;

    if (peer_new(kind, &options, &p, e))
        return -1;
    world.role = &c->role;
    world.seed = run->seed;
    world.watch = &watch;
    world.timeline = c->timeline ? &lines : NULL;
    rc = world_run(trace, peer_decider(p), &world, &run->outcome[kind], e);
    peer_free(p);
    if (rc == 0 && c->timeline)
        put_lines(&lines, kind, c->timeline);
    return rc;
}

/* ---- all of them */

static int find_fixed(const struct contest *c, const struct trace *trace, struct contest_run *run,
                      struct err *e)
{
    struct world_options world = c->world;

    if (!c->takes_part[PEER_FIXED])
        return 0;
    world.role = &c->role;
    world.seed = run->seed;
    return peer_fewest(trace, &world, &run->fixed, e);
}

int contest_try(struct contest *c, const char *name, const struct trace *trace, uint64_t seed,
                struct err *e)
{
    struct contest_run *runs = realloc(c->runs, (c->n + 1) * sizeof *runs), *run;

    if (!runs)
        return err_set(e, ERR_NOMEM, "no memory for %zu runs", c->n + 1);
    c->runs = runs;
    run = &runs[c->n];
    *run = (struct contest_run){.trace = name,
                                .is_bursty = trace_pattern_is_bursty(name),
                                .seed = seed,
                                .jobs = trace->n,
                                .duration_s = trace->duration_s,
                                .bound = {(double)NAN, 0}};
    if ((!c->has_no_bound && bound_of(trace, &c->role, c->world.boot_s, &run->bound, e)) ||
        find_fixed(c, trace, run, e))
        return -1;
    for (int kind = 0; kind < PEER_KINDS; kind++)
        if (c->takes_part[kind] && try_one(c, (enum peer_kind)kind, trace, run, e))
            return -1;
    c->n++;
    return 0;
}

bool contest_is_in_time(const struct contest *c, const struct contest_run *run, enum peer_kind kind)
{
    return outcome_is_in_time(&run->outcome[kind], &c->role);
}

static void add_run(const struct contest *c, const struct contest_run *run, enum peer_kind kind,
                    struct contest_sum *sum)
{
    const struct outcome *o = &run->outcome[kind];

    sum->runs++;
    sum->in_time += contest_is_in_time(c, run, kind);
    if (o->jobs)
        sum->worst = fmin(sum->worst, 1 - (double)o->late / (double)o->jobs);
    if (o->paid_s > 0)
        sum->least_use = fmin(sum->least_use, o->busy_s / o->paid_s);
    sum->jobs += o->jobs;
    sum->late += o->late;
    sum->actions += o->actions;
    sum->starts += o->starts;
    sum->paid_s += o->paid_s;
    sum->busy_s += o->busy_s;
    sum->hours += o->ended_s / 3600;
}

struct contest_sum contest_sum(const struct contest *c, enum peer_kind kind, enum contest_part part)
{
    struct contest_sum sum = {.worst = 1, .least_use = 1};
    double paid_s = 0, bound_s = 0;

    for (size_t i = 0; i < c->n; i++) {
        const struct contest_run *run = &c->runs[i];

        if (part == CONTEST_SMOOTH && run->is_bursty)
            continue;
        add_run(c, run, kind, &sum);
        if (isnan(run->bound.paid_s))
            continue;
        paid_s += run->outcome[kind].paid_s;
        bound_s += run->bound.paid_s;
    }
    sum.times_bound = bound_s > 0 ? paid_s / bound_s : (double)NAN;
    return sum;
}

size_t contest_beaten(const struct contest *c, enum peer_kind by)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++)
        n += contest_is_in_time(c, &c->runs[i], by) &&
             c->runs[i].outcome[by].paid_s < c->runs[i].outcome[PEER_GUV].paid_s;
    return n;
}
