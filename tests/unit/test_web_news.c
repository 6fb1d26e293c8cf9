/*
 * What the listener's thread does between two notifications. The database is the test's: it answers
 * each statement with no rows.
 */
#include "web/news.h"

#include "base/clock.h"
#include "unit.h"

#define JOB "0192e4a0-0000-7000-8000-00000000000a"

static int statements;

PGresult *__wrap_db_exec(struct db *db, const char *sql, int n, const char *const *params,
                         struct err *e);

PGresult *__wrap_db_exec(struct db *db, const char *sql, int n, const char *const *params,
                         struct err *e)
{
    (void)db;
    (void)sql;
    (void)n;
    (void)params;
    (void)e;
    statements++;
    return PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
}

static void resume(void *connection)
{
    (void)connection;
}

static struct streams *make(void)
{
    static atomic_llong held;
    const struct streams_options options = {.most = 1,
                                            .rate = 1000,
                                            .heartbeat_ms = 15000,
                                            .held = &held,
                                            .held_max = 1000,
                                            .resume = resume};
    struct err e = ERR_INIT;
    struct streams *ss = streams_new(&options, &e);

    assert_non_null(ss);
    statements = 0;
    return ss;
}

/* Tells, and returns for how long the listener may sleep. */
static int tell(struct streams *ss)
{
    struct err e = ERR_INIT;
    int wait_ms = 12345;

    assert_int_equal(news_tell(NULL, ss, &wait_ms, &e), 0);
    return wait_ms;
}

/* With its answer may have come what changed meanwhile: the socket says nothing of that any more,
 * and a request that waits for that job would wait on. */
static void after_telling_others_of_a_new_job_it_listens_before_it_sleeps(void **state)
{
    struct streams *ss = make();

    (void)state;
    assert_int_equal(tell(ss), -1);
    assert_int_equal(statements, 0);
    streams_created(ss, JOB, clock_mono_ms());
    assert_int_equal(tell(ss), 0);
    assert_int_equal(statements, 1);
    assert_int_equal(tell(ss), -1);
    assert_int_equal(statements, 1);
    streams_free(ss);
}

static void after_reading_changed_jobs_too(void **state)
{
    struct streams *ss = make();
    struct err e = ERR_INIT;
    struct stream *s = stream_open(ss, NULL, "", NULL, NULL, &e);

    (void)state;
    assert_non_null(s);
    streams_changed(ss, JOB, clock_mono_ms());
    assert_int_equal(tell(ss), 0);
    assert_int_equal(statements, 1);
    stream_close(s);
    streams_free(ss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_telling_others_of_a_new_job_it_listens_before_it_sleeps),
        cmocka_unit_test(after_reading_changed_jobs_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
