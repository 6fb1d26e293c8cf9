#include "tool/simulate_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"
#include "config/dyno.h"

#define MONTH_S (30 * 86400.0)

/* ---- figures */

void report_duration(double s, char ret[REPORT_DURATION_SIZE])
{
    static const struct {
        double s;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;

    while (i < 3 && (s < 2 * units[i].s || fabs(remainder(s / units[i].s, 0.5)) > 0.01))
        i++;
    if (i == 3 && s >= 7200) /* nothing even */
        i = s >= 2 * 86400 ? 0 : 1;
    snprintf(ret, REPORT_DURATION_SIZE, "%.4g %s", s / units[i].s, units[i].name);
}

double report_percent_in_time(size_t jobs, size_t late, int decimals)
{
    double unit = pow(10, decimals), share = jobs ? 1 - (double)late / (double)jobs : 1;

    return floor(share * 100 * unit + 1e-6) / unit;
}

static double month_usd(const struct role_settings *role)
{
    double usd = dyno_month_usd(role->dynosize);

    return isnan(usd) ? dyno_month_usd(REPORT_SIZE) : usd;
}

static const char *priced_as(const struct role_settings *role)
{
    return isnan(dyno_month_usd(role->dynosize)) ? REPORT_SIZE : role->dynosize;
}

double report_usd(const struct role_settings *role, double paid_s)
{
    return paid_s / MONTH_S * month_usd(role);
}

static double use(double busy_s, double paid_s)
{
    return paid_s > 0 ? 100 * busy_s / paid_s : (double)NAN;
}

static void cell_of(struct table *t, int decimals, double x)
{
    if (isfinite(x))
        table_cell(t, "%.*f", decimals, x);
    else
        table_cell(t, "-");
}

/* ---- one trace */

static void put_policy(const struct contest *c, const struct contest_run *run, enum peer_kind kind,
                       struct table *t)
{
    const struct outcome *o = &run->outcome[kind];

    if (kind == PEER_FIXED)
        table_cell(t, "%s, %d", peer_title(kind), run->fixed);
    else
        table_cell(t, "%s", peer_title(kind));
    table_cell(t, "%s", contest_is_in_time(c, run, kind) ? "met" : "missed");
    table_cell(t, "%.3f", report_percent_in_time(o->jobs, o->late, 3));
    cell_of(t, 1, o->p50_s);
    cell_of(t, 1, o->p90_s);
    cell_of(t, 1, o->p99_s);
    cell_of(t, 0, o->paid_s);
    cell_of(t, 3, o->paid_s / run->bound.paid_s);
    cell_of(t, 2, report_usd(&c->role, o->paid_s));
    cell_of(t, 1, use(o->busy_s, o->paid_s));
    cell_of(t, 1, (double)o->actions / (o->ended_s / 3600));
    table_cell(t, "%zu", o->starts);
}

static void put_head(const struct contest *c, const char *what, struct buf *out)
{
    buf_printf(out, "%s: %s; %.6g %% of them within %.6g s", c->role.name, what, c->role.percentile,
               c->role.deadline_s);
}

static void put_bound(const struct contest_run *run, struct buf *out)
{
    if (isnan(run->bound.paid_s))
        buf_text(out, "; it is too long for the bound\n\n");
    else
        buf_printf(out, "; the bound is %.0f worker-seconds%s\n\n", run->bound.paid_s,
                   run->bound.step_s > 2 ? ", on a coarse grid" : "");
}

static int report_one(const struct contest *c, struct buf *out)
{
    static const struct table_column columns[] = {
        {"POLICY", false}, {"DEADLINE", false}, {"IN TIME %", true}, {"P50 S", true},
        {"P90 S", true},   {"P99 S", true},     {"WORKER-S", true},  {"X BOUND", true},
        {"USD", true},     {"UTIL %", true},    {"ACTIONS/H", true}, {"STARTS", true}};
    struct table t = TABLE_INIT(columns);
    const struct contest_run *run = &c->runs[0];
    char duration[REPORT_DURATION_SIZE], what[300];
    int rc;

    report_duration(run->duration_s, duration);
    snprintf(what, sizeof what, "%.200s, %zu jobs in %s", run->trace, run->jobs, duration);
    put_head(c, what, out);
    put_bound(run, out);
    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            put_policy(c, run, (enum peer_kind)i, &t);
    rc = table_print(&t, 0, out);
    table_release(&t);
    return rc;
}

/* ---- many traces */

/* The runs on one trace, which differ in their seeds: as a contest of their own. */
static struct contest part_of(const struct contest *c, size_t from)
{
    struct contest part = *c;

    part.runs = c->runs + from;
    for (part.n = 1; from + part.n < c->n; part.n++)
        if (strcmp(part.runs[part.n].trace, part.runs[0].trace) != 0)
            break;
    return part;
}

static void put_multiple(const struct contest *part, enum peer_kind kind, struct table *t)
{
    struct contest_sum sum = contest_sum(part, kind, CONTEST_ALL);
    double x = isnan(sum.times_bound) ? sum.paid_s : sum.times_bound;

    if (sum.in_time == sum.runs)
        table_cell(t, "%.3f", x);
    else if (sum.runs == 1)
        table_cell(t, "missed %.3f", x);
    else
        table_cell(t, "missed %zu/%zu %.3f", sum.runs - sum.in_time, sum.runs, x);
}

static int report_traces(const struct contest *c, enum peer_kind first, struct buf *out)
{
    struct table_column columns[TABLE_MAX_COLUMNS] = {
        {"TRACE", false}, {"JOBS", true}, {"WORST %", true}, {"UTIL %", true}};
    struct table t = {.columns = columns, .n_columns = 4};
    int rc;

    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            columns[t.n_columns++] = (struct table_column){peer_title((enum peer_kind)i), true};
    for (size_t i = 0; i < c->n;) {
        struct contest part = part_of(c, i);
        struct contest_sum sum = contest_sum(&part, first, CONTEST_ALL);

        table_cell(&t, "%s", part.runs[0].trace);
        table_cell(&t, "%zu", sum.jobs);
        table_cell(&t, "%.2f", floor(sum.worst * 10000 + 1e-6) / 100);
        cell_of(&t, 1, use(sum.busy_s, sum.paid_s));
        for (int k = 0; k < PEER_KINDS; k++)
            if (c->takes_part[k])
                put_multiple(&part, (enum peer_kind)k, &t);
        i += part.n;
    }
    rc = table_print(&t, 0, out);
    table_release(&t);
    return rc;
}

static void put_sum(const struct contest *c, enum peer_kind kind, struct table *t)
{
    struct contest_sum sum = contest_sum(c, kind, CONTEST_ALL);

    table_cell(t, "%s", peer_title(kind));
    if (sum.in_time == sum.runs)
        table_cell(t, "met in %zu", sum.runs);
    else
        table_cell(t, "missed in %zu of %zu", sum.runs - sum.in_time, sum.runs);
    table_cell(t, "%.2f", floor(sum.worst * 10000 + 1e-6) / 100);
    table_cell(t, "%.3f", report_percent_in_time(sum.jobs, sum.late, 3));
    cell_of(t, 1, histogram_quantile(&c->took[kind], 0.5));
    cell_of(t, 1, histogram_quantile(&c->took[kind], 0.9));
    cell_of(t, 1, histogram_quantile(&c->took[kind], 0.99));
    cell_of(t, 0, sum.paid_s);
    cell_of(t, 3, sum.times_bound);
    cell_of(t, 2, report_usd(&c->role, sum.paid_s));
    cell_of(t, 1, use(sum.busy_s, sum.paid_s));
    cell_of(t, 1, (double)sum.actions / sum.hours);
    table_cell(t, "%zu", sum.starts);
}

static int report_policies(const struct contest *c, struct buf *out)
{
    static const struct table_column columns[] = {
        {"POLICY", false}, {"DEADLINE", false}, {"WORST %", true}, {"IN TIME %", true},
        {"P50 S", true},   {"P90 S", true},     {"P99 S", true},   {"WORKER-S", true},
        {"X BOUND", true}, {"USD", true},       {"UTIL %", true},  {"ACTIONS/H", true},
        {"STARTS", true}};
    struct table t = TABLE_INIT(columns);
    int rc;

    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            put_sum(c, (enum peer_kind)i, &t);
    rc = table_print(&t, 0, out);
    table_release(&t);
    return rc;
}

/* ---- the verdict on many traces */

static void put_guv_verdict(const struct contest *c, struct buf *out)
{
    struct contest_sum all = contest_sum(c, PEER_GUV, CONTEST_ALL);
    struct contest_sum smooth = contest_sum(c, PEER_GUV, CONTEST_SMOOTH);

    buf_printf(out,
               "guv: in %zu of %zu runs at least %.6g %% of the jobs were in time, in the worst "
               "%.2f %%.\n",
               all.in_time, all.runs, c->role.percentile, floor(all.worst * 10000 + 1e-6) / 100);
    if (smooth.runs)
        buf_printf(out, "Utilisation on the smooth traces: %.1f %%, in the worst run %.1f %%.\n",
                   use(smooth.busy_s, smooth.paid_s), 100 * smooth.least_use);
}

/* Those who also kept the deadline, in every run; then, run by run. */
static void put_peers_verdict(const struct contest *c, struct buf *out)
{
    double guv_s = contest_sum(c, PEER_GUV, CONTEST_ALL).paid_s;
    size_t n = 0, beaten = 0, others = 0;

    for (int i = PEER_GUV + 1; i < PEER_KINDS; i++)
        others += c->takes_part[i];
    if (others == 0)
        return;
    for (int i = PEER_GUV + 1; i < PEER_KINDS; i++) {
        struct contest_sum sum = contest_sum(c, (enum peer_kind)i, CONTEST_ALL);

        if (!c->takes_part[i] || sum.in_time < sum.runs)
            continue;
        buf_printf(out, "%s%s with %.2f times guv's worker-seconds",
                   n++ ? ", " : "Others that met the deadline in every run: ",
                   peer_title((enum peer_kind)i), sum.paid_s / guv_s);
    }
    buf_text(out, n ? ".\n" : "No other policy met the deadline in every run.\n");
    for (int i = PEER_GUV + 1; i < PEER_KINDS; i++) {
        size_t runs = c->takes_part[i] ? contest_beaten(c, (enum peer_kind)i) : 0;

        if (runs)
            buf_printf(out, "%s%s in %zu%s",
                       beaten++ ? ", " : "In time with fewer worker-seconds than guv: ",
                       peer_title((enum peer_kind)i), runs,
                       i == PEER_FIXED ? " (it knows the future)" : "");
    }
    buf_text(out, beaten ? " of the runs.\n"
                         : "In no run was another in time with fewer worker-seconds.\n");
}

static int report_many(const struct contest *c, struct buf *out)
{
    enum peer_kind first = PEER_GUV;
    char what[100], duration[REPORT_DURATION_SIZE];

    while (!c->takes_part[first])
        first++;
    report_duration(c->runs[0].duration_s, duration);
    snprintf(what, sizeof what, "%zu runs of %s", c->n, duration);
    put_head(c, what, out);
    buf_printf(out,
               "\n\nWorker-seconds as multiples of the bound; worst run and utilisation of %s\n\n",
               peer_title(first));
    if (report_traces(c, first, out))
        return -1;
    buf_text(out, "\n");
    if (report_policies(c, out))
        return -1;
    buf_text(out, "\n");
    if (c->takes_part[PEER_GUV]) {
        put_guv_verdict(c, out);
        put_peers_verdict(c, out);
    }
    return out->failed ? -1 : 0;
}

int report_text(const struct contest *c, struct buf *out)
{
    if (c->n == 0)
        return 0;
    return c->n == 1 ? report_one(c, out) : report_many(c, out);
}

/* ---- the verdict on what really came */

/* "7 d" to "7 days". */
static void in_words(char duration[REPORT_DURATION_SIZE])
{
    static const char *const words[][2] = {
        {"d", "days"}, {"h", "hours"}, {"min", "minutes"}, {"s", "seconds"}};
    char *unit = strchr(duration, ' ') + 1;

    for (size_t i = 0; i < 4; i++)
        if (strcmp(unit, words[i][0]) == 0) {
            strcpy(unit, words[i][1]);
            return;
        }
}

void report_history_verdict(const struct contest *c, struct buf *out)
{
    enum peer_kind kind = c->role.policy == POLICY_ORIGINAL ? PEER_ORIGINAL : PEER_GUV;
    const struct contest_run *run = &c->runs[0];
    const struct outcome *o = &run->outcome[kind];
    char duration[REPORT_DURATION_SIZE];

    if (c->n == 0 || !c->takes_part[kind])
        return;
    report_duration(run->duration_s, duration);
    in_words(duration);
    buf_printf(out,
               "With a deadline of %.6g s these %s would have cost $%.2f (%.1f hours of a %s), and "
               "%.2f %% of the jobs would have made it: ",
               c->role.deadline_s, duration, report_usd(&c->role, o->paid_s), o->paid_s / 3600,
               priced_as(&c->role), report_percent_in_time(o->jobs, o->late, 2));
    if (contest_is_in_time(c, run, kind))
        buf_text(out, "it would have held.\n");
    else
        buf_printf(out, "it would not have held, %.6g %% are asked for%s.\n", c->role.percentile,
                   o->most == c->role.maximum ? "; the maximum of workers was reached" : "");
}

/* ---- JSON */

static json_t *number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *outcome_json(const struct contest *c, const struct contest_run *run,
                            enum peer_kind kind)
{
    const struct outcome *o = &run->outcome[kind];

    return json_pack(
        "{s:b, s:I, s:I, s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:f, s:o, s:I, s:I, s:I, s:i}", "met",
        contest_is_in_time(c, run, kind), "jobs", (json_int_t)o->jobs, "late", (json_int_t)o->late,
        "p50", number(o->p50_s), "p90", number(o->p90_s), "p99", number(o->p99_s), "longest",
        number(o->longest_s), "worker_seconds", o->paid_s, "busy_seconds", o->busy_s, "x_bound",
        number(o->paid_s / run->bound.paid_s), "usd", report_usd(&c->role, o->paid_s),
        "utilisation", number(o->busy_s / o->paid_s), "actions", (json_int_t)o->actions, "starts",
        (json_int_t)o->starts, "redelivered", (json_int_t)o->redelivered, "most", o->most);
}

static json_t *run_json(const struct contest *c, const struct contest_run *run)
{
    json_t *policies = json_object();

    for (int i = 0; i < PEER_KINDS; i++)
        if (c->takes_part[i])
            json_object_set_new(policies, peer_name((enum peer_kind)i),
                                outcome_json(c, run, (enum peer_kind)i));
    return json_pack("{s:s, s:I, s:I, s:f, s:o, s:o, s:o}", "trace", run->trace, "seed",
                     (json_int_t)run->seed, "jobs", (json_int_t)run->jobs, "duration",
                     run->duration_s, "bound", number(run->bound.paid_s), "bound_step",
                     number(run->bound.step_s), "policies", policies);
}

json_t *report_json(const struct contest *c)
{
    json_t *runs = json_array();

    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(runs, run_json(c, &c->runs[i]));
    return json_pack("{s:s, s:f, s:f, s:s, s:o}", "role", c->role.name, "deadline",
                     c->role.deadline_s, "percentile", c->role.percentile, "priced_as",
                     priced_as(&c->role), "runs", runs);
}
