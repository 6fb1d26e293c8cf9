/*
 * The queries behind GET /jobs and GET /stats on a million jobs: that they read few rows, whatever
 * is asked for, whatever the planner believes. By their plans and the rows these read, not by time.
 */
#include <jansson.h>

#include "base/buf.h"
#include "scratch_db.h"
#include "unit.h"
#include "web/reader.h"

#define JOBS 1000000
#define LIMIT 51 /* a page of 50, and one that tells of another */
#define SLICE 2000

/*
 * Where it is hardest: the newest are completed and interactive; what is failed, cancelled or bulk
 * is old, and some of it is rare. In a scan by creation it would be found last. One job a second,
 * each with one image that has ended ten seconds later, if it has.
 */
#define FILL                                                                                       \
    "SET synchronous_commit = off;"                                                                \
    "CREATE FUNCTION id_at(at timestamptz, n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ "      \
    "SELECT (substr(h, 1, 8) || '-' || substr(h, 9) || '-7' || substr(r, 1, 3) || '-8' || "        \
    "substr(r, 4, 3) || '-' || substr(r, 7, 12))::uuid FROM (SELECT "                              \
    "lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') AS h, md5(n::text) AS r) "     \
    "AS x $$;"                                                                                     \
    "CREATE TABLE made AS SELECT n, at, id_at(at, n) AS id, CASE WHEN n <= 3000 THEN 'failed' "    \
    "WHEN n % 100003 = 5 THEN 'cancelled' WHEN n = 40000 THEN 'running' WHEN n > 999900 THEN "     \
    "'queued' ELSE 'completed' END AS status, CASE WHEN n % 20011 = 7 AND n < 500000 "             \
    "THEN 'bulk' ELSE 'interactive' END AS priority FROM (SELECT n, '2026-01-01 UTC'::timestamptz" \
    " + n * interval '1 second' AS at FROM generate_series(1, 1000000) AS n) AS g;"                \
    "INSERT INTO jobs (id, status, priority, created_at, total, queued, running, completed, "      \
    "failed, cancelled) SELECT id, status, priority, at, 1, (status = 'queued')::int, "            \
    "(status = 'running')::int, (status = 'completed')::int, (status = 'failed')::int, "           \
    "(status = 'cancelled')::int FROM made"

#define FILL_IMAGES                                                                                \
    "INSERT INTO images (id, job, position, input, parameters, status, created_at, started_at, "   \
    "completed_at, failed_at, cancelled_at) SELECT id_at(at, -n), id, 0, 'https://a.example/', "   \
    "'{}', status, at, at, CASE status WHEN 'completed' THEN ended END, "                          \
    "CASE status WHEN 'failed' THEN ended END, CASE status WHEN 'cancelled' THEN ended END "       \
    "FROM (SELECT *, at + interval '10 seconds' AS ended FROM made WHERE n <= 200000) AS m"

static struct db *db;

static char *read_query(const char *name)
{
    AUTO(buf_release) struct buf b = BUF_INIT;
    char path[300], part[4096];
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s/sql/queries/%s.sql", SOURCE_DIR, name);
    file = fopen(path, "r");
    assert_non_null(file);
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_append(&b, part, n);
    fclose(file);
    return buf_detach(&b);
}

static void prepare(const char *name)
{
    char *query = read_query(name), *statement;

    assert_true(asprintf(&statement, "PREPARE %s AS %s", name, query) > 0);
    scratch_db_run(db, statement);
    free(statement);
    free(query);
}

static int set_up(void **state)
{
    if (scratch_db_start(state))
        return -1;
    db = scratch_db_open(280000);
    /* As it is for a service that has grown faster than its statistics are taken. */
    scratch_db_run(db, "ALTER TABLE jobs SET (autovacuum_enabled = off)");
    scratch_db_run(db, "ALTER TABLE images SET (autovacuum_enabled = off)");
    scratch_db_run(db, FILL);
    scratch_db_run(db, FILL_IMAGES);
    scratch_db_run(db, READER_SETTINGS);
    prepare("web_list_jobs");
    prepare("web_stats_images");
    prepare("web_stats_jobs");
    return 0;
}

static int tear_down(void **state)
{
    db_free(db);
    return scratch_db_end(state);
}

/* ---- plans */

struct cost {
    double rows; /* read of tables and indexes, those that were thrown away too */
    bool scans;  /* a whole table, or an index without a condition */
};

static double number_in(json_t *node, const char *member)
{
    return json_number_value(json_object_get(node, member));
}

static void add_cost(json_t *node, struct cost *ret)
{
    const char *type = json_string_value(json_object_get(node, "Node Type"));
    json_t *child;
    size_t i;

    json_array_foreach(json_object_get(node, "Plans"), i, child)
    {
        add_cost(child, ret);
    }
    if (!json_object_get(node, "Relation Name"))
        return;
    ret->rows += (number_in(node, "Actual Rows") + number_in(node, "Rows Removed by Filter") +
                  number_in(node, "Rows Removed by Index Recheck")) *
                 number_in(node, "Actual Loops");
    if (!strstr(type, "Index") || !json_object_get(node, "Index Cond"))
        ret->scans = true;
}

/* Fails the test unless the statement finds what it reads by indexes, and reads so many rows at
 * most.
 */
static void assert_cheap(const char *execute, double most)
{
    char *statement;
    PGresult *res;
    json_t *plan;
    struct cost cost = {0, false};

    assert_true(asprintf(&statement, "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) %s", execute) > 0);
    res = PQexec(db_conn(db), statement);
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", statement, PQresultErrorMessage(res));
    plan = json_loads(PQgetvalue(res, 0, 0), 0, NULL);
    assert_non_null(plan);
    add_cost(json_object_get(json_array_get(plan, 0), "Plan"), &cost);
    if (cost.scans || cost.rows > most)
        fail_msg("%s reads %.0f rows instead of %.0f:\n%s", execute, cost.rows, most,
                 PQgetvalue(res, 0, 0));
    json_decref(plan);
    PQclear(res);
    free(statement);
}

/* Plans made for the values at hand, and such as db_exec() comes to after a while. */
static void assert_cheap_in_any_mode(const char *execute, double most)
{
    scratch_db_run(db, "SET plan_cache_mode = force_custom_plan");
    assert_cheap(execute, most);
    scratch_db_run(db, "SET plan_cache_mode = force_generic_plan");
    assert_cheap(execute, most);
    scratch_db_run(db, "RESET plan_cache_mode");
}

/* ---- lists */

static const char *const statuses[] = {"queued", "running", "completed", "failed", "cancelled"};
static const char *const priorities[] = {"interactive", "bulk"};

static size_t write_list(char *ret, size_t size, const char *const *words, size_t n, unsigned bits)
{
    size_t len = 0, count = 0;

    for (size_t i = 0; i < n; i++)
        if (bits & 1U << i)
            len += (size_t)snprintf(ret + len, size - len, "%c%s", count++ ? ',' : '{', words[i]);
    snprintf(ret + len, size - len, "}");
    return count;
}

/* All times the filters can be put to: everything, old, and new. */
static const char *const ranges[][2] = {
    {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
    {"id_at('2026-01-01 UTC', 1)", "id_at('2026-01-01 02:00 UTC', 1)"},
    {"id_at('2026-01-06 UTC', 1)", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"},
    {"'00000000-0000-0000-0000-000000000000'", "id_at('2026-01-06 UTC', 1)"},
    {"id_at('2026-01-12 12:00 UTC', 1)", "id_at('2026-01-12 13:00 UTC', 1)"},
};

#define RANGES (sizeof ranges / sizeof *ranges)

static void write_execute(char *ret, size_t size, const char *s, const char *p, size_t range)
{
    snprintf(ret, size, "EXECUTE web_list_jobs('%s', '%s', %s, %s, %d)", s, p, ranges[range][0],
             ranges[range][1], LIMIT);
}

static void assert_all_lists_are_cheap(void)
{
    char s[80], p[40], execute[400];

    for (unsigned bits = 1; bits < 32; bits++) {
        for (unsigned which = 1; which < 4; which++) {
            const size_t pairs = write_list(s, sizeof s, statuses, 5, bits) *
                                 write_list(p, sizeof p, priorities, 2, which);

            for (size_t range = 0; range < RANGES; range++) {
                write_execute(execute, sizeof execute, s, p, range);
                assert_cheap_in_any_mode(execute, (double)((pairs + 1) * LIMIT));
            }
        }
    }
}

static void any_list_reads_few_rows_before_and_after_statistics_are_taken(void **state)
{
    (void)state;
    assert_all_lists_are_cheap();
    scratch_db_run(db, "ANALYZE jobs");
    assert_all_lists_are_cheap();
}

static char *ids_of(const char *statement)
{
    AUTO(buf_release) struct buf b = BUF_INIT;
    PGresult *res = PQexec(db_conn(db), statement);
    int column;

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", statement, PQresultErrorMessage(res));
    column = PQfnumber(res, "id");
    for (int i = 0; i < PQntuples(res); i++)
        buf_printf(&b, "%s ", PQgetvalue(res, i, column));
    PQclear(res);
    return buf_detach(&b);
}

static void lists_hold_what_a_search_of_all_jobs_finds(void **state)
{
    static const unsigned cases[][2] = {{31, 3}, {8, 3}, {16, 1}, {31, 2}, {3, 3}, {4, 2}};
    char s[80], p[40], statement[800];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_list(s, sizeof s, statuses, 5, cases[i][0]);
        write_list(p, sizeof p, priorities, 2, cases[i][1]);
        for (size_t range = 0; range < RANGES; range++) {
            char *found, *wanted;

            write_execute(statement, sizeof statement, s, p, range);
            found = ids_of(statement);
            snprintf(statement, sizeof statement,
                     "SELECT id FROM jobs WHERE status = ANY ('%s') AND priority = ANY ('%s') "
                     "AND id >= %s AND id < %s ORDER BY id DESC LIMIT %d",
                     s, p, ranges[range][0], ranges[range][1], LIMIT);
            wanted = ids_of(statement);
            assert_string_equal(found, wanted);
            free(found);
            free(wanted);
        }
    }
}

/* ---- statistics */

static void assert_slices_are_cheap(void)
{
    static const char *const images[] = {
        "('2026-01-01', '00000000-0000-0000-0000-000000000000', '2027-01-01')",
        "('2026-01-01 00:50', '00000000-0000-0000-0000-000000000000', '2026-01-02')",
        "('2026-01-02', '00000000-0000-0000-0000-000000000000', '2026-01-02 00:10')",
        "('2026-12-01', '00000000-0000-0000-0000-000000000000', '2027-01-01')"};
    static const char *const jobs[] = {"(id_at('2026-01-01', 0), id_at('2027-01-01', 0))",
                                       "(id_at('2026-01-05', 0), id_at('2026-01-06', 0))",
                                       "(id_at('2026-01-05', 0), id_at('2026-01-05 00:10', 0))"};
    char execute[300];

    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        snprintf(execute, sizeof execute, "EXECUTE web_stats_images %s", images[i]);
        /* Three kinds, of which so many are taken; each then with its job. */
        assert_cheap_in_any_mode(execute, 3 * (SLICE + 1) + 2 * SLICE);
    }
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
        snprintf(execute, sizeof execute, "EXECUTE web_stats_jobs %s", jobs[i]);
        assert_cheap_in_any_mode(execute, SLICE);
    }
}

static void a_slice_of_statistics_costs_the_same_whatever_the_range(void **state)
{
    (void)state;
    assert_slices_are_cheap();
    scratch_db_run(db, "ANALYZE images");
    scratch_db_run(db, "ANALYZE jobs");
    assert_slices_are_cheap();
}

/* Ends that fall into the same moment are cut between slices. */
static void slices_together_are_all_that_ended_each_once(void **state)
{
    char at[60] = "2026-01-01 00:40:00+00", id[60] = "00000000-0000-0000-0000-000000000000";
    long long seen = 0;

    (void)state;
    scratch_db_run(db, "BEGIN");
    scratch_db_run(db, "UPDATE images SET completed_at = date_trunc('hour', completed_at) "
                       "WHERE completed_at < '2026-01-01 05:00 UTC'");
    scratch_db_run(db, "CREATE TEMP TABLE seen (id uuid PRIMARY KEY)");
    for (;;) {
        char statement[400];
        PGresult *res;
        int n;

        snprintf(statement, sizeof statement,
                 "EXECUTE web_stats_images('%s', '%s', '2026-01-01 06:00 UTC')", at, id);
        res = PQexec(db_conn(db), statement);
        assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
        n = PQntuples(res);
        for (int i = 0; i < n; i++) {
            snprintf(statement, sizeof statement, "INSERT INTO seen VALUES ('%s')",
                     PQgetvalue(res, i, 1)); /* refused when it comes twice */
            scratch_db_run(db, statement);
        }
        if (n > 0) {
            snprintf(at, sizeof at, "%s", PQgetvalue(res, n - 1, 0));
            snprintf(id, sizeof id, "%s", PQgetvalue(res, n - 1, 1));
        }
        PQclear(res);
        seen += n;
        if (n < SLICE)
            break;
    }
    assert_true(seen > 5 * SLICE);
    assert_int_equal(
        seen,
        scratch_db_number(db, "SELECT count(*) FROM (SELECT coalesce(completed_at, failed_at, "
                              "cancelled_at) AS at FROM images) AS i WHERE at >= '2026-01-01 00:40 "
                              "UTC' AND at < '2026-01-01 06:00 UTC'"));
    scratch_db_run(db, "ROLLBACK");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_list_reads_few_rows_before_and_after_statistics_are_taken),
        cmocka_unit_test(lists_hold_what_a_search_of_all_jobs_finds),
        cmocka_unit_test(a_slice_of_statistics_costs_the_same_whatever_the_range),
        cmocka_unit_test(slices_together_are_all_that_ended_each_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
