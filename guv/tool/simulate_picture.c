#include "tool/simulate_picture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "simulate/chart.h"
#include "tool/simulate_report.h"

#define INTERVALS 120     /* of the trace */
#define ALL_INTERVALS 240 /* with those after its end */
#define MANY_CHANGES                                                                               \
    600 /* of the number of workers: more cannot be told apart, so means are drawn */
#define TABLE_COLUMNS 7
#define TEXT_SIZE 48
#define ABOVE_DEADLINE 2.0 /* how much of it completion times may take */

/* One policy's. */
struct crew {
    double *t_s, *workers;
    size_t n, size;
    struct histogram *took; /* ALL_INTERVALS of them, by when a job ended */
};

struct picture {
    struct contest_watch watch;
    const struct trace *trace;
    double interval_s;
    struct crew crews[PEER_KINDS];
    bool failed; /* no memory */
};

static void note_end(void *arg, enum peer_kind kind, double at_s, double took_s)
{
    struct picture *p = arg;
    size_t i = (size_t)(at_s / p->interval_s);

    histogram_add(&p->crews[kind].took[i < ALL_INTERVALS ? i : ALL_INTERVALS - 1], took_s);
}

static void note_crew(void *arg, enum peer_kind kind, double at_s, int workers)
{
    struct picture *p = arg;
    struct crew *c = &p->crews[kind];

    if (c->n == c->size) {
        size_t size = c->size ? 2 * c->size : 256;
        double *t_s = realloc(c->t_s, size * sizeof *t_s), *n;

        if (t_s)
            c->t_s = t_s;
        n = realloc(c->workers, size * sizeof *n);
        if (n)
            c->workers = n;
        if (!t_s || !n) {
            p->failed = true;
            return;
        }
        c->size = size;
    }
    c->t_s[c->n] = at_s;
    c->workers[c->n++] = workers;
}

int picture_new(const struct trace *trace, struct picture **ret, struct err *e)
{
    struct picture *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(e, ERR_NOMEM, "no memory for the picture");
    p->watch = (struct contest_watch){note_end, note_crew, p};
    p->trace = trace;
    p->interval_s = fmax(1, trace->duration_s) / INTERVALS;
    for (int i = 0; i < PEER_KINDS; i++) {
        p->crews[i].took = calloc(ALL_INTERVALS, sizeof *p->crews[i].took);
        if (!p->crews[i].took) {
            picture_free(p);
            return err_set(e, ERR_NOMEM, "no memory for the picture");
        }
    }
    *ret = p;
    return 0;
}

void picture_free(struct picture *p)
{
    if (!p)
        return;
    for (int i = 0; i < PEER_KINDS; i++) {
        free(p->crews[i].t_s);
        free(p->crews[i].workers);
        free(p->crews[i].took);
    }
    free(p);
}

const struct contest_watch *picture_watch(const struct picture *p)
{
    return &p->watch;
}

/* ---- series */

struct drawing {
    double t_s[ALL_INTERVALS + 1]; /* the intervals' beginnings, and the last one's end */
    double arrivals_s[INTERVALS + 1];
    double p99[PEER_KINDS][ALL_INTERVALS], worst[ALL_INTERVALS];
    double mean_workers[PEER_KINDS][ALL_INTERVALS];
    bool draws_means;
    struct chart_series arrivals, workers[PEER_KINDS], took[PEER_KINDS + 1];
    size_t n_workers, n_took;
    char cells[(PEER_KINDS + 1) * TABLE_COLUMNS][TEXT_SIZE];
    const char *lent[(PEER_KINDS + 1) * TABLE_COLUMNS];
    size_t n_cells;
    char title[200], subtitle[200], limit[TEXT_SIZE], workers_title[80];
};

/* Short, for the end of a line. */
static const char *label(enum peer_kind kind)
{
    static const char *const names[PEER_KINDS] = {"guv", "fixed", "original", "KEDA", "HPA"};

    return names[kind];
}

static double mean_service(const struct trace *t)
{
    double sum = 0;

    for (size_t i = 0; i < t->n; i++)
        sum += t->jobs[i].takes_s;
    return t->n ? sum / (double)t->n : 0;
}

static void draw_arrivals(const struct picture *p, struct drawing *d)
{
    for (size_t i = 0; i <= ALL_INTERVALS; i++)
        d->t_s[i] = (double)i * p->interval_s;
    for (size_t i = 0; i < p->trace->n; i++) {
        size_t at = (size_t)(p->trace->jobs[i].arrives_s / p->interval_s);

        d->arrivals_s[at < INTERVALS ? at : INTERVALS] += 1 / p->interval_s;
    }
    d->arrivals = (struct chart_series){.name = "",
                                        .kind = CHART_AREA,
                                        .colour = 1,
                                        .n = INTERVALS + 1,
                                        .t_s = d->t_s,
                                        .values = d->arrivals_s};
}

static struct chart_series times_series(const struct drawing *d, enum peer_kind kind,
                                        const double *values)
{
    return (struct chart_series){.name = label(kind),
                                 .kind = CHART_LINE,
                                 .colour = (int)kind,
                                 .n = ALL_INTERVALS,
                                 .t_s = d->t_s,
                                 .values = values};
}

/* Of each interval, weighted by time. */
static void average_workers(const struct picture *p, const struct crew *c, double *ret)
{
    for (size_t i = 0; i < c->n; i++) {
        double from_s = c->t_s[i], end_s = ALL_INTERVALS * p->interval_s;
        double until_s = i + 1 < c->n ? fmin(end_s, c->t_s[i + 1]) : end_s;

        for (size_t k = (size_t)(from_s / p->interval_s); k < ALL_INTERVALS && from_s < until_s;
             k++) {
            double to_s = fmin(until_s, (double)(k + 1) * p->interval_s);

            ret[k] += c->workers[i] * (to_s - from_s) / p->interval_s;
            from_s = to_s;
        }
    }
}

static void draw_policy(const struct picture *p, enum peer_kind kind, struct drawing *d)
{
    const struct crew *c = &p->crews[kind];

    d->workers[d->n_workers++] =
        (struct chart_series){.name = label(kind),
                              .kind = CHART_STEPS,
                              .colour = (int)kind,
                              .n = d->draws_means ? ALL_INTERVALS : c->n,
                              .t_s = d->draws_means ? d->t_s : c->t_s,
                              .values = d->draws_means ? d->mean_workers[kind] : c->workers};
    average_workers(p, c, d->mean_workers[kind]);
    for (size_t i = 0; i < ALL_INTERVALS; i++)
        d->p99[kind][i] = histogram_quantile(&c->took[i], 0.99);
    d->took[d->n_took++] = times_series(d, kind, d->p99[kind]);
    if (kind != PEER_GUV)
        return;
    for (size_t i = 0; i < ALL_INTERVALS; i++)
        d->worst[i] = c->took[i].n ? c->took[i].most : (double)NAN;
    d->took[d->n_took] = times_series(d, kind, d->worst);
    d->took[d->n_took].name = "";
    d->took[d->n_took++].is_faint = true;
}

/* ---- the table */

static void cell(struct drawing *d, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void cell(struct drawing *d, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(d->cells[d->n_cells], TEXT_SIZE, fmt, args);
    va_end(args);
    d->lent[d->n_cells] = d->cells[d->n_cells];
    d->n_cells++;
}

static void number_cell(struct drawing *d, int decimals, double x)
{
    if (isnan(x))
        cell(d, "-");
    else
        cell(d, "%.*f", decimals, x);
}

static void draw_table(const struct contest *c, const struct contest_run *run, struct drawing *d)
{
    static const char *const head[TABLE_COLUMNS] = {"",        "in time", "p99",     "worker-h",
                                                    "x bound", "USD",     "utilised"};

    for (size_t i = 0; i < TABLE_COLUMNS; i++)
        cell(d, "%s", head[i]);
    for (int i = 0; i < PEER_KINDS; i++) {
        enum peer_kind kind = (enum peer_kind)i;
        const struct outcome *o = &run->outcome[kind];

        if (!c->takes_part[kind])
            continue;
        cell(d, "%s%s", label(kind), contest_is_in_time(c, run, kind) ? "" : ", late");
        cell(d, "%.2f %%", report_percent_in_time(o->jobs, o->late, 2));
        number_cell(d, 1, o->p99_s);
        cell(d, "%.2f", o->paid_s / 3600);
        number_cell(d, 2, o->paid_s / run->bound.paid_s);
        number_cell(d, 2, report_usd(&c->role, o->paid_s));
        cell(d, "%.0f %%", o->paid_s > 0 ? 100 * o->busy_s / o->paid_s : 0);
    }
}

static double last_end(const struct contest *c, const struct contest_run *run)
{
    double end_s = run->duration_s;

    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            end_s = fmax(end_s, run->outcome[i].ended_s);
    return fmin(end_s, fmin(run->duration_s + c->role.deadline_s, 2 * run->duration_s));
}

static void draw_titles(const struct contest *c, const struct contest_run *run, struct drawing *d)
{
    char duration[REPORT_DURATION_SIZE];

    report_duration(run->duration_s, duration);
    snprintf(d->title, sizeof d->title, "%.80s: %.80s", c->role.name, run->trace);
    snprintf(d->subtitle, sizeof d->subtitle,
             "%zu jobs in %s; to be done within %.6g s, %.6g %% of them", run->jobs, duration,
             c->role.deadline_s, c->role.percentile);
    report_duration(run->duration_s / INTERVALS, duration);
    snprintf(d->workers_title, sizeof d->workers_title, "Workers asked for%s%s",
             d->draws_means ? ", mean of " : "", d->draws_means ? duration : "");
    snprintf(d->limit, sizeof d->limit, "%.6g s", c->role.deadline_s);
}

static void draw(const struct picture *p, const struct contest *c, const struct contest_run *run,
                 struct drawing *d)
{
    draw_arrivals(p, d);
    for (int i = 0; i < PEER_KINDS; i++)
        d->draws_means |= p->crews[i].n > MANY_CHANGES;
    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            draw_policy(p, (enum peer_kind)i, d);
    draw_table(c, run, d);
    draw_titles(c, run, d);
}

int picture_svg(const struct picture *p, const struct contest *c, const struct contest_run *run,
                struct buf *out, struct err *e)
{
    struct drawing *d = calloc(1, sizeof *d);
    struct chart_panel panels[] = {
        {.title = "Arrivals, jobs/s", .n_series = 1, .right_title = "load, workers"},
        {.title = d ? d->workers_title : ""},
        {.title = c->takes_part[PEER_GUV]
                      ? "Completion of jobs, s: 99th percentile (thin: guv's worst)"
                      : "Completion of jobs, s: 99th percentile",
         .has_limit = true,
         .limit = c->role.deadline_s,
         .most = ABOVE_DEADLINE * c->role.deadline_s},
    };
    struct chart chart = {.until_s = fmax(1, last_end(c, run)), .panels = panels, .n_panels = 3};
    int rc;

    if (!d || p->failed) {
        free(d);
        return err_set(e, ERR_NOMEM, "no memory for the picture");
    }
    draw(p, c, run, d);
    panels[0].series = &d->arrivals;
    panels[0].right_factor = mean_service(p->trace) / c->role.concurrency;
    panels[1].series = d->workers;
    panels[1].n_series = d->n_workers;
    panels[2].series = d->took;
    panels[2].n_series = d->n_took;
    panels[2].limit_name = d->limit;
    chart.title = d->title;
    chart.subtitle = d->subtitle;
    chart.cells = d->lent;
    chart.n_columns = TABLE_COLUMNS;
    chart.n_rows = d->n_cells / TABLE_COLUMNS;
    rc = chart_svg(&chart, out, e);
    free(d);
    return rc;
}
