#include "trace_csv.h"

#include <math.h>

#include "base/clock.h"
#include "csv.h"
#include "random.h"

#define STREAM_SERVICE 21

struct row {
    double at_s, jobs, seconds; /* seconds NAN: to be drawn */
};

struct reader {
    struct csv csv;
    const struct role_settings *role;
    struct random random;
    int at, jobs, seconds; /* columns; -1: there is none */
    double first_s;        /* what the file calls the trace's beginning */
    struct trace *trace;
};

static int read_time(const char *text, double *ret)
{
    int64_t ms;

    if (csv_number(text, ret) == 0)
        return 0;
    if (clock_parse_timestamp(text, &ms))
        return -1;
    *ret = (double)ms / 1000;
    return 0;
}

static int wrong(const struct reader *r, const char *column, const char *must, const char *is,
                 struct err *e)
{
    return err_set(e, ERR_INPUT, "line %zu, %s: must be %s, is '%.60s'", r->csv.line, column, must,
                   is);
}

static const char *field(const struct reader *r, int column)
{
    return column >= 0 && (size_t)column < r->csv.n ? r->csv.fields[column] : NULL;
}

static int read_row(struct reader *r, struct row *ret, struct err *e)
{
    const char *at = field(r, r->at), *jobs = field(r, r->jobs), *seconds = field(r, r->seconds);

    *ret = (struct row){0, 1, (double)NAN};
    if (!at || read_time(at, &ret->at_s))
        return wrong(r, "at", "seconds or an RFC 3339 time", at ? at : "", e);
    if (jobs && (csv_number(jobs, &ret->jobs) || ret->jobs < 0 || ret->jobs > floor(ret->jobs)))
        return wrong(r, "jobs", "a whole number", jobs, e);
    if (seconds && *seconds &&
        (csv_number(seconds, &ret->seconds) || ret->seconds < 0 || ret->seconds > SETTINGS_MAX_S))
        return wrong(r, "seconds", "seconds a job takes", seconds, e);
    return 0;
}

/* Its jobs, evenly within gap_s. */
static int add_row(struct reader *r, const struct row *row, double gap_s, struct err *e)
{
    if (row->jobs > (double)(TRACE_MAX_JOBS - r->trace->n))
        return err_set(e, ERR_LIMIT, "line %zu: more than %zu jobs", r->csv.line, TRACE_MAX_JOBS);
    for (double i = 0; i < row->jobs; i++) {
        double takes_s = row->seconds;

        if (isnan(takes_s))
            takes_s = random_lognormal(&r->random, r->role->processing_s, r->role->stddev_s);
        if (trace_add(r->trace, row->at_s - r->first_s + gap_s * i / row->jobs, takes_s, e))
            return -1;
    }
    return 0;
}

/* Takes the first row for a header if it does not begin with a time. Returns whether it is one, or
 * -1. */
static int read_header(struct reader *r, struct err *e)
{
    double at_s;

    if (read_time(r->csv.fields[0], &at_s) == 0) {
        r->at = 0;
        r->seconds = 1;
        r->jobs = -1;
        return 0;
    }
    r->at = csv_column(&r->csv, "at");
    r->jobs = csv_column(&r->csv, "jobs");
    r->seconds = csv_column(&r->csv, "seconds");
    if (r->at < 0)
        return err_set(e, ERR_INPUT, "line %zu: neither begins with a time nor names a column 'at'",
                       r->csv.line);
    return 1;
}

static int read_rows(struct reader *r, struct err *e)
{
    struct row last, row;
    double gap_s = 0;
    int got;

    if (read_row(r, &last, e))
        return -1;
    r->first_s = last.at_s;
    while ((got = csv_next(&r->csv, e)) > 0) {
        if (read_row(r, &row, e))
            return -1;
        if (row.at_s < last.at_s)
            return err_set(e, ERR_INPUT, "line %zu, at: is before the row above it", r->csv.line);
        if (row.at_s - r->first_s > SETTINGS_MAX_S)
            return err_set(e, ERR_LIMIT, "line %zu, at: more than a year after the first",
                           r->csv.line);
        gap_s = row.at_s - last.at_s;
        if (add_row(r, &last, gap_s, e))
            return -1;
        last = row;
    }
    if (r->jobs < 0)
        gap_s = 0;
    r->trace->duration_s = last.at_s - r->first_s + gap_s;
    return got < 0 ? -1 : add_row(r, &last, gap_s, e);
}

static int read_all(struct reader *r, struct err *e)
{
    int got = csv_next(&r->csv, e);

    if (got > 0)
        got = read_header(r, e);
    else if (got == 0)
        return err_set(e, ERR_INPUT, "there are no rows");
    if (got > 0)
        got = csv_next(&r->csv, e);
    else if (got == 0)
        got = 1;
    if (got == 0)
        return err_set(e, ERR_INPUT, "there are no rows below the header");
    return got < 0 ? -1 : read_rows(r, e);
}

int trace_from_csv(const char *bytes, size_t len, const struct role_settings *role, uint64_t seed,
                   struct trace *ret, struct err *e)
{
    struct trace t = TRACE_INIT;
    struct reader r = {.role = role, .trace = &t};
    int rc;

    csv_init(&r.csv, bytes, len);
    random_init(&r.random, seed, STREAM_SERVICE);
    rc = read_all(&r, e);
    csv_release(&r.csv);
    if (rc)
        trace_release(&t);
    else
        *ret = t;
    return rc;
}
