/*
 * lib/db with a real server. What it does without one is in tests/unit/test_db.c.
 */
#include "db/db.h"

#include <signal.h>

#include "base/clock.h"
#include "scratch_db.h"
#include "unit.h"

#define LIMIT_MS 1000 /* of a statement: none of those that are to end needs as long */

static void statements_take_and_give_texts_and_nulls(void **state)
{
    static const char sql[] = "SELECT $1::text, $2::text, $3::integer + 1";
    struct db *db = scratch_db_open(0);
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 3; i++) {
        AUTO(pg_clearp)
        PGresult *res = db_exec(db, sql, 3, (const char *[]){"a'b", NULL, "41"}, &e);

        assert_non_null(res);
        assert_string_equal(PQgetvalue(res, 0, 0), "a'b");
        assert_true(PQgetisnull(res, 0, 1));
        assert_string_equal(PQgetvalue(res, 0, 2), "42");
    }
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM pg_prepared_statements"), 1);
    assert_string_equal(scratch_db_text(db, "SHOW application_name"), "imageresize-test");
    db_free(db);
}

static void tells_how_many_rows_changed(void **state)
{
    static const char insert[] = "INSERT INTO t SELECT generate_series(1, 3)";
    static const char update[] = "UPDATE t SET a = a WHERE a > 1";
    struct db *db = scratch_db_open(0);
    struct err e = ERR_INIT;
    PGresult *res;

    (void)state;
    scratch_db_run(db, "CREATE TEMPORARY TABLE t (a integer)");
    res = db_exec(db, insert, 0, NULL, &e);
    assert_int_equal(db_rows_changed(res), 3);
    PQclear(res);
    res = db_exec(db, update, 0, NULL, &e);
    assert_int_equal(db_rows_changed(res), 2);
    PQclear(res);
    db_free(db);
}

static void errors_say_what_can_be_done(void **state)
{
    static const struct {
        const char *sql;
        enum err_code code;
    } cases[] = {
        {"SELECT 'x'::integer", ERR_INPUT},
        {"SELECT 1 / 0", ERR_INPUT},
        {"INSERT INTO jobs DEFAULT VALUES", ERR_INPUT},
        {"SELECT FROM nowhere", ERR_BUG},
        {"SELEKT", ERR_BUG},
        {"SELECT pg_sleep(60)", ERR_TIMEOUT},
    };
    struct db *db = scratch_db_open(LIMIT_MS);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;

        assert_null(db_exec(db, cases[i].sql, 0, NULL, &e));
        assert_int_equal(e.code, cases[i].code);
        assert_non_null(strstr(e.text, "SQLSTATE"));
        assert_true(db_connected(db));
    }
    db_free(db);
}

static void a_lost_session_is_replaced_by_the_next_statement(void **state)
{
    static const char sql[] = "SELECT 1";
    struct db *db = scratch_db_open(0), *other = scratch_db_open(0);
    unsigned generation = db_generation(db);
    struct err e = ERR_INIT;
    char kill_it[80];
    PGresult *res;

    (void)state;
    PQclear(db_exec(db, sql, 0, NULL, &e));
    snprintf(kill_it, sizeof kill_it, "SELECT pg_terminate_backend(%d, 5000)",
             PQbackendPID(db_conn(db)));
    assert_string_equal(scratch_db_text(other, kill_it), "t");
    assert_null(db_exec(db, sql, 0, NULL, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_false(db_connected(db));

    err_clear(&e);
    res = db_exec(db, sql, 0, NULL, &e); /* prepared anew */
    assert_non_null(res);
    PQclear(res);
    assert_int_equal(db_generation(db), generation + 1);
    db_free(db);
    db_free(other);
}

/* The server's own limit does not help when the server does not run. */
static void a_frozen_server_is_given_up(void **state)
{
    struct db *db = scratch_db_open(LIMIT_MS);
    pid_t pid = PQbackendPID(db_conn(db));
    struct err e = ERR_INIT;

    (void)state;
    if (kill(pid, SIGSTOP)) {
        db_free(db); /* a server that is not ours to stop */
        skip();
    }
    assert_null(db_exec(db, "SELECT 1", 0, NULL, &e));
    kill(pid, SIGCONT);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_false(db_connected(db));
    db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_take_and_give_texts_and_nulls),
        cmocka_unit_test(tells_how_many_rows_changed),
        cmocka_unit_test(errors_say_what_can_be_done),
        cmocka_unit_test(a_lost_session_is_replaced_by_the_next_statement),
        cmocka_unit_test(a_frozen_server_is_given_up),
    };

    return cmocka_run_group_tests(tests, scratch_db_start, scratch_db_end);
}
