/*
 * test_guv_history.c - a trace from the application's records, with a database that answers as the
 * test says.
 */
#include "unit.h"

#include <libpq-fe.h>
#include <math.h>

#include "db/db.h"
#include "guv_roles.h"
#include "simulate/history.h"

#define MAX_PARTS 4
#define MAX_ROWS 3

/* What the database holds, and what it was asked. */
static struct {
    const char *rows[MAX_PARTS][MAX_ROWS][2]; /* "": null; NULL: no more */
    size_t part;
    bool fails;
    char begin[100], declare[1000], since[40], until[40];
} database;

struct db *__wrap_db_new(const struct db_options *options, struct err *e);
void __wrap_db_free(struct db *db);
int __wrap_db_command(struct db *db, const char *sql, struct err *e);
PGresult *__wrap_db_exec(struct db *db, const char *sql, int n, const char *const *params,
                         struct err *e);

struct db *__wrap_db_new(const struct db_options *options, struct err *e)
{
    static char it;

    (void)e;
    assert_string_equal(options->url, "postgres://somewhere");
    return (struct db *)(void *)&it;
}

void __wrap_db_free(struct db *db)
{
    assert_non_null(db);
}

int __wrap_db_command(struct db *db, const char *sql, struct err *e)
{
    (void)db;
    (void)e;
    snprintf(database.begin, sizeof database.begin, "%s", sql);
    return 0;
}

static PGresult *part(const char *rows[MAX_ROWS][2])
{
    static char names[2][8] = {"created", "took"};
    PGresAttDesc columns[2] = {{.name = names[0]}, {.name = names[1]}};
    PGresult *res = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

    assert_non_null(res);
    assert_true(PQsetResultAttrs(res, 2, columns));
    for (int i = 0; i < MAX_ROWS && rows[i][0]; i++)
        for (int j = 0; j < 2; j++) {
            char value[40];
            int len = snprintf(value, sizeof value, "%s", rows[i][j]);

            assert_true(PQsetvalue(res, i, j, value, len ? len : -1));
        }
    return res;
}

PGresult *__wrap_db_exec(struct db *db, const char *sql, int n, const char *const *params,
                         struct err *e)
{
    (void)db;
    if (strncmp(sql, "DECLARE", 7) == 0) {
        assert_int_equal(n, 2);
        snprintf(database.declare, sizeof database.declare, "%s", sql);
        snprintf(database.since, sizeof database.since, "%s", params[0]);
        snprintf(database.until, sizeof database.until, "%s", params[1]);
        return PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
    }
    if (database.fails) {
        err_set(e, ERR_BUG, "the database said: no");
        return NULL;
    }
    return part(database.rows[database.part++]);
}

static int read(struct history *h, struct trace *ret, struct err *e)
{
    static const char query[] = "SELECT created_at, started_at, ended_at FROM jobs;\n ";
    struct role_settings role = scrape_role();

    role.jobs_query = query;
    database.part = 0;
    *h = (struct history){
        .url = "postgres://somewhere", .since_ms = 1000 * 1000, .until_ms = 2000 * 1000};
    return history_read(h, &role, 1, ret, e);
}

static void reads_part_after_part(void **state)
{
    struct err e = ERR_INIT;
    struct history h;
    struct trace t;

    (void)state;
    memset(&database, 0, sizeof database);
    memcpy(
        database.rows,
        (const char *[MAX_PARTS][MAX_ROWS][2]){{{"999.5", "3"}, {"1000", "2.5"}, {"1600.25", ""}},
                                               {{"1700", "0"}, {"", "4"}},
                                               {{"Infinity", "4"}, {"1800", "Infinity"}}},
        sizeof database.rows);
    assert_int_equal(read(&h, &t, &e), 0);
    assert_int_equal(t.n, 4);
    assert_true(t.duration_s > 999.9 && t.duration_s < 1000.1);
    assert_true(fabs(t.jobs[0].arrives_s) < 1e-9 && fabs(t.jobs[0].takes_s - 2.5) < 1e-9);
    assert_true(fabs(t.jobs[1].arrives_s - 600.25) < 1e-9 && t.jobs[1].takes_s > 0);
    assert_true(t.jobs[2].takes_s > 0);
    assert_true(isfinite(t.jobs[3].takes_s));
    assert_int_equal(h.earlier, 1);
    assert_int_equal(h.unknown, 2);
    assert_int_equal(h.drawn, 2);
    assert_int_equal(database.part, 4); /* the fourth part was empty */
    trace_release(&t);
}

static void asks_read_only_for_what_ended_in_the_time(void **state)
{
    struct err e = ERR_INIT;
    struct history h;
    struct trace t;

    (void)state;
    memset(&database, 0, sizeof database);
    assert_int_equal(read(&h, &t, &e), 0);
    assert_int_equal(t.n, 0);
    trace_release(&t);
    assert_non_null(strstr(database.begin, "READ ONLY"));
    assert_non_null(strstr(database.declare, "FROM jobs\n) AS jobs ORDER BY created_at"));
    assert_string_equal(database.since, "1970-01-01T00:16:40.000Z");
    assert_string_equal(database.until, "1970-01-01T00:33:20.000Z");
}

static void names_the_role_whose_query_fails(void **state)
{
    struct err e = ERR_INIT;
    struct history h;
    struct trace t;

    (void)state;
    memset(&database, 0, sizeof database);
    database.fails = true;
    assert_int_equal(read(&h, &t, &e), -1);
    assert_int_equal(e.code, ERR_INPUT); /* SQL of the user's, not a bug of ours */
    assert_string_equal(e.text, "role 'scrape', jobs: the database said: no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_part_after_part),
        cmocka_unit_test(asks_read_only_for_what_ended_in_the_time),
        cmocka_unit_test(names_the_role_whose_query_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
