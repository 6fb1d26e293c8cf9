#include "live/job_stats.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "db/db.h"

#define TIMEOUT_MS 2000
#define TRY_AGAIN_MS 60000 /* a failed query: one that times out costs each poll as long */
#define UNKNOWN ((double)NAN)

/* A job that has ended may be seen only once its transaction is committed: the window ends so long
 * before now. */
#define LAG_SQL "interval '1 second'"

#define TIME_SIZE 64

/* What one query gives: count, mean and deviation of a time in seconds. */
struct measure {
    char *sql;             /* new; NULL: no such query */
    char since[TIME_SIZE]; /* the database's time up to which all was read; "": not yet */
    double n, mean_s, sd_s;
};

struct role_stats {
    struct measure jobs, boots;
    int64_t due_mono_ms; /* not before: it has failed */
    char trouble[300];
};

struct job_stats {
    struct db *db;
    struct role_stats *roles;
    size_t n, next; /* next: whose turn it is first */
};

/* ---- beginning and end ---- */

/* The query as a subquery of ours; its last semicolon would not be understood there. */
static char *wrap(const char *query, const char *start, const char *end)
{
    struct buf sql = BUF_INIT;
    size_t len = strlen(query);

    while (len && strchr(" \t\r\n;", query[len - 1]))
        len--;
    buf_printf(&sql,
               "SELECT count(s), avg(s), stddev_pop(s) FROM "
               "(SELECT extract(epoch FROM (%s - %s))::float8 AS s FROM (",
               end, start);
    buf_append(&sql, query, len);
    buf_text(&sql, "\n) AS ended) AS times WHERE s >= 0"); /* a line of its own: comments end */
    return buf_detach(&sql);
}

static void forget(struct measure *m)
{
    m->n = m->mean_s = m->sd_s = UNKNOWN;
}

static int prepare(struct role_stats *r, const struct role_settings *settings, struct err *e)
{
    forget(&r->jobs);
    forget(&r->boots);
    if ((settings->jobs_query &&
         !(r->jobs.sql = wrap(settings->jobs_query, "started_at", "ended_at"))) ||
        (settings->boots_query &&
         !(r->boots.sql = wrap(settings->boots_query, "requested_at", "ready_at"))))
        return err_set(e, ERR_NOMEM, "no memory for a query");
    return 0;
}

int job_stats_new(const char *database_url, const struct role_settings *roles, size_t n,
                  struct job_stats **ret, struct err *e)
{
    struct db_options options = {.url = database_url,
                                 .application = "guv statistics",
                                 .connect_timeout_s = 2,
                                 .statement_timeout_ms = TIMEOUT_MS};
    struct job_stats *s = calloc(1, sizeof(*s));

    if (!s || !(s->roles = calloc(n + 1, sizeof(*s->roles)))) {
        job_stats_free(s);
        return err_set(e, ERR_NOMEM, "no memory for statistics");
    }
    s->n = n;
    for (size_t i = 0; i < n; i++)
        if (prepare(&s->roles[i], &roles[i], e)) {
            job_stats_free(s);
            return -1;
        }
    s->db = db_new(&options, e);
    if (!s->db) {
        job_stats_free(s);
        return -1;
    }
    *ret = s;
    return 0;
}

void job_stats_free(struct job_stats *s)
{
    if (!s)
        return;
    db_free(s->db);
    for (size_t i = 0; s->roles && i < s->n; i++) {
        free(s->roles[i].jobs.sql);
        free(s->roles[i].boots.sql);
    }
    free(s->roles);
    free(s);
}

/* ---- reading ---- */

static double number_at(const PGresult *res, int column)
{
    double number =
        PQgetisnull(res, 0, column) ? UNKNOWN : strtod(PQgetvalue(res, 0, column), NULL);

    return number >= 0 && number <= OBSERVATION_MAX ? number : UNKNOWN; /* it may be Infinity */
}

/* The end of the window that is read now, by the database's clock, which stamped the jobs. */
static int read_clock(struct job_stats *s, char ret[TIME_SIZE], struct err *e)
{
    AUTO(pg_clearp)
    PGresult *res = db_exec(s->db, "SELECT (clock_timestamp() - " LAG_SQL ")::text", 0, NULL, e);

    if (!res)
        return -1;
    if (PQntuples(res) != 1 || PQgetlength(res, 0, 0) >= TIME_SIZE)
        return err_set(e, ERR_UNAVAILABLE, "the database does not tell the time");
    strcpy(ret, PQgetvalue(res, 0, 0));
    return 0;
}

/* A window that cannot be read is left out: together with the next it would take still longer. */
static int read_measure(struct job_stats *s, struct measure *m, const char *until, struct err *e)
{
    char since[TIME_SIZE];
    const char *window[] = {since, until};
    AUTO(pg_clearp) PGresult *res = NULL;

    forget(m);
    if (!m->sql)
        return 0;
    strcpy(since, m->since);
    strcpy(m->since, until);
    if (!since[0]) /* the first time there is no window yet */
        return 0;
    res = db_exec(s->db, m->sql, 2, window, e);
    if (!res)
        return -1;
    if (PQntuples(res) != 1 || PQnfields(res) != 3)
        return err_set(e, ERR_BUG, "an answer of another form");
    m->n = number_at(res, 0);
    m->mean_s = number_at(res, 1);
    m->sd_s = number_at(res, 2);
    return 0;
}

/* Read only, whatever the query says; and what it may set ends with the transaction. until "": it
 * is read, too. */
static int read_role(struct job_stats *s, struct role_stats *r, char until[TIME_SIZE],
                     struct err *e)
{
    struct err rest = ERR_INIT;

    if (db_connect(s->db, e)) /* lib/db knows when to try that again */
        return -1;
    if (db_command(s->db, "BEGIN READ ONLY", e) || (!until[0] && read_clock(s, until, e)) ||
        read_measure(s, &r->jobs, until, e) || read_measure(s, &r->boots, until, e))
        r->due_mono_ms = clock_mono_ms() + TRY_AGAIN_MS;
    if (db_connected(s->db) && db_command(s->db, "ROLLBACK", &rest))
        err_set(e, rest.code, "%s", rest.text);
    return e->code == ERR_NONE ? 0 : -1;
}

void job_stats_read(struct job_stats *s, int64_t deadline_mono_ms)
{
    size_t i = s->next;
    char until[TIME_SIZE] = ""; /* the same for all */
    bool is_over = false;

    for (size_t k = 0; k < s->n; k++, i = (i + 1) % s->n) {
        struct role_stats *r = &s->roles[i];
        struct err e = ERR_INIT;

        forget(&r->jobs);
        forget(&r->boots);
        if ((!r->jobs.sql && !r->boots.sql) || clock_mono_ms() < r->due_mono_ms)
            continue;
        if (clock_mono_ms() >= deadline_mono_ms) {
            s->next = is_over ? s->next : i;
            is_over = true;
            continue;
        }
        r->trouble[0] = '\0';
        if (read_role(s, r, until, &e))
            snprintf(r->trouble, sizeof(r->trouble), "%.299s", e.text);
    }
}

void job_stats_fill(const struct job_stats *s, size_t i, struct observation *o)
{
    const struct role_stats *r = &s->roles[i];

    o->service_n = r->jobs.n;
    o->service_mean_s = r->jobs.mean_s;
    o->service_sd_s = r->jobs.sd_s;
    o->boot_n = r->boots.n;
    o->boot_mean_s = r->boots.mean_s;
}

const char *job_stats_trouble(const struct job_stats *s, size_t i)
{
    return s->roles[i].trouble;
}
