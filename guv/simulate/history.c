#include "history.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/db.h"
#include "random.h"

#define STREAM_SERVICE 31
#define STATEMENT_MS (10 * 60 * 1000) /* sorting a year of jobs takes its time */
#define MAX_BACK_S 315360000.0        /* ten years */

/* ---- moments */

static int too_far(const char *text, struct err *e)
{
    return err_set(e, ERR_INPUT, "'%.40s' is longer ago than ten years", text);
}

/* "7d": a number and a unit. Returns 0, 1 if it is not of that form, or -1. */
static int time_before(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *e)
{
    static const struct {
        char letter;
        double s;
    } units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};
    size_t digits = strspn(text, "0123456789.");
    char *end;
    double n;

    if (digits == 0 || !text[digits] || text[digits + 1])
        return 1;
    n = strtod(text, &end);
    if (end != text + digits)
        return 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (units[i].letter == text[digits]) {
            if (n * units[i].s > MAX_BACK_S)
                return too_far(text, e);
            *ret_ms = now_ms - (int64_t)(n * units[i].s * 1000);
            return 0;
        }
    return 1;
}

int history_time(const char *text, int64_t now_ms, int64_t *ret_ms, struct err *e)
{
    char whole[32];
    int rc = time_before(text, now_ms, ret_ms, e);

    if (rc <= 0)
        return rc;
    if (clock_parse_timestamp(text, ret_ms) == 0)
        return 0;
    snprintf(whole, sizeof whole, "%.10sT00:00:00Z", text);
    if (strlen(text) == 10 && clock_parse_timestamp(whole, ret_ms) == 0)
        return 0;
    return err_set(e, ERR_INPUT, "'%.40s' is no time: 7d, 12h, 30m, a date or 2026-01-31T12:00:00Z",
                   text);
}

/* ---- jobs */

struct reader {
    struct history *h;
    const struct role_settings *role;
    struct random random;
    struct trace *trace;
};

/* A column in seconds since 1970; NAN: it is null, or infinite. */
static double seconds(const PGresult *rows, int row, int column)
{
    double s =
        PQgetisnull(rows, row, column) ? (double)NAN : strtod(PQgetvalue(rows, row, column), NULL);

    return isfinite(s) ? s : (double)NAN;
}

static int add_job(struct reader *r, double created_s, double took_s, struct err *e)
{
    double arrives_s = created_s - (double)r->h->since_ms / 1000;

    if (isnan(arrives_s)) {
        r->h->unknown++;
        return 0;
    }
    if (arrives_s < 0) {
        r->h->earlier++;
        return 0;
    }
    if (isnan(took_s)) {
        took_s = random_lognormal(&r->random, r->role->processing_s, r->role->stddev_s);
        r->h->drawn++;
    }
    return trace_add(r->trace, arrives_s, fmax(0.001, took_s), e);
}

static int read_rows(struct reader *r, struct db *db, struct err *e)
{
    int n;

    do {
        AUTO(pg_clearp) PGresult *rows = db_exec(db, "FETCH 10000 FROM history", 0, NULL, e);

        if (!rows)
            return -1;
        n = PQntuples(rows);
        for (int i = 0; i < n; i++)
            if (add_job(r, seconds(rows, i, 0), seconds(rows, i, 1), e))
                return -1;
    } while (n > 0);
    return 0;
}

/* The query without what may stand behind a statement but not within one. */
static void put_query(const char *query, struct buf *to)
{
    size_t len = strlen(query);

    while (len && strchr("; \t\r\n", query[len - 1]))
        len--;
    buf_text(to, "DECLARE history NO SCROLL CURSOR FOR\n"
                 "SELECT extract(epoch FROM created_at)::double precision,\n"
                 "       extract(epoch FROM ended_at - started_at)::double precision\n"
                 "  FROM (\n");
    buf_append(to, query, len);
    buf_text(to, "\n) AS jobs ORDER BY created_at");
}

static int open_cursor(struct reader *r, struct db *db, struct buf *query, struct err *e)
{
    char since[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE];
    const char *const params[] = {since, until};
    AUTO(pg_clearp) PGresult *res = NULL;

    clock_timestamp(r->h->since_ms, since);
    clock_timestamp(r->h->until_ms, until);
    put_query(r->role->jobs_query, query);
    if (query->failed)
        return err_set(e, ERR_NOMEM, "no memory for the query");
    if (db_command(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", e))
        return -1;
    res = db_exec(db, query->data, 2, params, e);
    return res ? 0 : -1;
}

static int read_all(struct reader *r, struct err *e)
{
    const struct db_options options = {
        .url = r->h->url, .application = "guv-simulate", .statement_timeout_ms = STATEMENT_MS};
    AUTO(buf_release) struct buf query = BUF_INIT; /* db_exec() knows it by its address */
    struct db *db = db_new(&options, e);
    int rc = -1;

    if (db && open_cursor(r, db, &query, e) == 0)
        rc = read_rows(r, db, e);
    db_free(db);
    return rc;
}

int history_read(struct history *h, const struct role_settings *role, uint64_t seed,
                 struct trace *ret, struct err *e)
{
    struct trace t = TRACE_INIT;
    struct reader r = {.h = h, .role = role, .trace = &t};
    struct err cause = ERR_INIT;
    int rc;

    if (!role->jobs_query)
        return err_set(e, ERR_INPUT,
                       "role '%s' has no jobs query: give it one under `jobs` in the settings, "
                       "or replay a file with --csv",
                       role->name);
    h->earlier = h->unknown = h->drawn = 0;
    random_init(&r.random, seed, STREAM_SERVICE);
    t.duration_s = (double)(h->until_ms - h->since_ms) / 1000;
    rc = read_all(&r, &cause);
    if (rc)
        err_set(e, cause.code == ERR_BUG ? ERR_INPUT : cause.code, "role '%s', jobs: %s",
                role->name, cause.text);
    if (rc)
        trace_release(&t);
    else
        *ret = t;
    return rc;
}
