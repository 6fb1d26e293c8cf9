/*
 * test_guv_live.c - guv scales workers, reads what they record, and reports.
 */
#include "guv_live.h"

#include <signal.h>

#include "base/clock.h"
#include "scratch_broker.h"
#include "scratch_db.h"

/* ---- scaling ---- */

static void scales_to_the_burst_and_back_to_zero_twice(void **state)
{
    struct fixture *f = *state;
    const char *const options[] = {"--decisions", f->decisions, NULL};
    char line[LINE], first[LINE * 4];
    FILE *decisions;

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_guv(f, &f->guv, WORK, options);
    program_expect(&f->guv, "event=leader");
    for (int burst = 0; burst < 2; burst++) {
        put_jobs("jobs", 40);
        program_expect(&f->guv,
                       "event=scaled role=\"work\" workers=3 from=0 state=steady reason=\"");
        program_expect(&f->formation, "work.3 is up");
        program_expect(&f->guv, "event=scaled role=\"work\" workers=0 from=");
        program_expect(&f->formation, "work.1 exited with status 0");
    }
    assert_int_equal(broker_depth("jobs"), 0);
    decisions = fopen(f->decisions, "r");
    assert_non_null(decisions);
    assert_non_null(fgets(first, sizeof first, decisions));
    fclose(decisions);
    assert_memory_equal(first, "{\"at\":\"", 7);
    assert_non_null(strstr(first, "\"role\":\"work\",\"decision\":\"hold\""));
}

/* 150 jobs of 0.2 s: 30 worker-seconds, for which some 13 s are left once it is known of them. */
static void the_tube_serves_a_burst_in_time_and_goes_back_to_zero_twice(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 200, ""), "work=0");
    start_leader(f, "'*': {pollinterval: 1, app: demo}\n"
                    "work: {queue: jobs, p: 0.2, deadline: 20, boot: 1, min: 0, max: 8}\n");
    for (int burst = 0; burst < 2; burst++) {
        put_jobs("jobs", 150);
        program_expect(&f->guv, "jobs wait and would be late in");
        program_expect(&f->formation, "work.2 is up"); /* one alone would be late */
        program_expect(&f->guv, "event=scaled role=\"work\" workers=0 from=");
        program_expect(&f->formation, "work.1 exited with status 0");
        assert_int_equal(broker_depth("jobs"), 0);
    }
    assert_false(program_has_said(&f->guv, "state=late"));
}

static void a_queue_may_come_later_and_a_type_never(void **state)
{
    struct fixture *f = *state;
    char line[LINE], other[LINE], procfile[2 * LINE];

    broker_delete_queue("jobs");
    snprintf(procfile, sizeof procfile, "%s%s", worker_line(line, "work", "jobs", 100, ""),
             worker_line(other, "other", "jobs", 100, ""));
    start_platform(f, procfile, "work=0,other=0");
    control(f, "/__set", "{\"page\": 1}"); /* the list comes in pages */
    start_guv(f, &f->guv, WORK "ghost: {queue: jobs, min: 0}\n", NULL);
    program_expect(&f->guv, "event=held role=\"work\" workers=0 from=0 state=no_queue "
                            "reason=\"the broker has no queue 'jobs'\"");
    program_expect(&f->guv, "event=held role=\"ghost\" workers=0 state=no_type "
                            "reason=\"the app 'demo' has no process type 'ghost'\"");
    broker_declare_queue("jobs", NULL);
    broker_bind_queue("jobs", "jobs");
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
    assert_null(strstr(f->guv.out.data + f->guv.read, "ghost")); /* once is enough */
}

static void a_worker_that_crashes_at_start_holds_up_nobody(void **state)
{
    struct fixture *f = *state;
    char line[LINE], bad[LINE], procfile[2 * LINE];

    broker_declare_queue("bad", NULL);
    broker_put("bad", "job", 3);
    snprintf(procfile, sizeof procfile, "%s%s", worker_line(line, "work", "jobs", 100, ""),
             worker_line(bad, "bad", "bad", 100, "crash"));
    start_platform(f, procfile, "work=0,bad=0");
    start_leader(f, WORK "bad: {queue: bad, policy: tube, p: 0.1, deadline: 10, boot: 0.5, min: 0, "
                         "max: 3}\n");
    program_expect(&f->guv, "event=scaled role=\"bad\"");
    program_expect(&f->formation, "bad.1 exited with status 1; starts again");
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
    program_expect(&f->guv, "event=scaled role=\"work\" workers=0");
    assert_in_range(quantity(f, "bad"), 1, 3);
    broker_delete_queue("bad");
}

static void a_worker_deaf_to_sigterm_is_killed_and_its_job_not_lost(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 300, "deaf"), "work=0");
    start_leader(f, WORK);
    put_jobs("jobs", 20);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=");
    program_expect(&f->guv, "event=scaled role=\"work\" workers=0");
    program_expect(&f->formation, "ended by signal 9");
    while (broker_depth("jobs") > 0) /* given back by the kill: it scales up again */
        program_expect(&f->guv, "event=scaled");
}

static void sigterm_ends_it_at_once_and_leaves_what_runs(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 60000, ""), "work=0");
    start_leader(f, WORK);
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3 from=0");
    assert_int_equal(program_end(&f->guv, SIGTERM), 0);
    assert_true(program_has_said(&f->guv, "event=stopped status=0"));
    assert_int_equal(quantity(f, "work"), 3);
    program_release(&f->guv);
    start_guv(f, &f->guv, WORK, (const char *const[]){"--decisions", "-", NULL});
    program_expect(&f->guv, "\"from\":3,\"workers\":3"); /* a restart keeps it */
    assert_int_equal(quantity(f, "work"), 3);
}

static void refuses_to_start_without_a_lock_or_a_word(void **state)
{
    struct fixture *f = *state;

    f->variables[4] = NULL;
    start_guv(f, &f->guv, WORK, NULL);
    assert_int_equal(program_end(&f->guv, 0), 1);
    assert_string_equal(f->guv.out.data, "guv: no lock: set DATABASE_URL, or say --single if no "
                                         "other guv can run\n");
}

/* ---- records and reports ---- */

static void reads_the_applications_records(void **state)
{
    struct fixture *f = *state;
    const char *const options[] = {"--decisions", "-", NULL};
    struct db *db = scratch_db_open(0);
    char line[LINE];

    scratch_db_run(db, "DROP TABLE IF EXISTS ended; CREATE TABLE ended (kind text, created_at "
                       "timestamptz, started_at timestamptz, ended_at timestamptz)");
    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_guv(f, &f->guv,
              "'*': {pollinterval: 1, policy: guv, app: demo}\n"
              "work:\n"
              "  queue: jobs\n"
              "  min: 0\n"
              "  jobs: |\n"
              "    SELECT created_at, started_at, ended_at FROM ended\n"
              "    WHERE ended_at > $1 AND ended_at <= $2 AND kind = 'work'; \n"
              "bad: {queue: jobs, worker: none, min: 0, jobs: DELETE FROM ended}\n",
              options);
    program_expect(&f->guv, "event=no_job_statistics role=\"bad\" message=");
    program_expect(&f->guv, "\"service_n\":0");
    scratch_db_run(db, "INSERT INTO ended VALUES "
                       "('work', now(), now() - interval '3 s', now()), "
                       "('work', now(), now() - interval '1 s', now()), "
                       "('else', now(), now() - interval '9 s', now())");
    program_expect(&f->guv, "\"service_n\":2,\"service_mean\":2.0");
    program_expect(&f->guv, "\"service_n\":0"); /* each is counted once */
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM ended"), 3);
    /* Two connections: the lock's, and the one that asks. Plans of small databases have few. */
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                           "current_database() AND application_name LIKE 'guv%'"),
                     2);
    db_free(db);
}

/* Each second; with a query that is given up after 2 s, each would take as long. */
#define POLLS 8

/* What fails costs a poll once a minute, and what a query sets for its session is not kept. */
static void a_bad_query_neither_holds_up_nor_writes(void **state)
{
    struct fixture *f = *state;
    const char *const options[] = {"--decisions", "-", "--single", NULL};
    struct db *db = scratch_db_open(0);
    char line[LINE];
    int64_t began;

    scratch_db_run(db, "CREATE TABLE IF NOT EXISTS written (n int)");
    scratch_db_run(db, "CREATE OR REPLACE FUNCTION write_one() RETURNS int LANGUAGE sql AS "
                       "'INSERT INTO written VALUES (1) RETURNING 1'");
    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_guv(f, &f->guv,
              "'*': {pollinterval: 1, policy: guv, app: demo}\n"
              "work:\n"
              "  queue: jobs\n"
              "  min: 0\n"
              "  jobs: |\n"
              "    SELECT now() AS started_at, now() AS ended_at, pg_sleep(10)\n"
              "    WHERE $1::timestamptz < $2::timestamptz\n"
              "bad:\n"
              "  queue: jobs\n"
              "  min: 0\n"
              "  worker: none\n"
              "  jobs: |\n"
              "    SELECT now() AS started_at, now() AS ended_at,\n"
              "           set_config('default_transaction_read_only', 'off', false)\n"
              "    WHERE $1::timestamptz < $2::timestamptz\n"
              "worse:\n"
              "  queue: jobs\n"
              "  min: 0\n"
              "  worker: nothing\n"
              "  jobs: |\n"
              "    SELECT now() AS started_at, now() AS ended_at, write_one()\n"
              "    WHERE $1::timestamptz < $2::timestamptz\n",
              options);
    program_expect(&f->guv, "event=no_job_statistics role=\"work\"");
    program_expect(&f->guv, "event=no_job_statistics role=\"worse\"");
    began = clock_mono_ms();
    for (int i = 0; i < POLLS; i++)
        program_expect(&f->guv, "\"role\":\"work\"");
    assert_in_range(clock_mono_ms() - began, 0, (POLLS - 1) * 2000);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM written"), 0);
    db_free(db);
}

/* The port that its log tells. */
static unsigned metrics_port(struct program *guv)
{
    unsigned port = 0;

    program_expect(guv, "event=listening port=");
    while (!strchr(guv->out.data + guv->read, '\n'))
        program_expect(guv, "\n");
    assert_int_equal(sscanf(guv->out.data + guv->read, "%u", &port), 1);
    return port;
}

static void shows_how_the_roles_stand(void **state)
{
    static const char *const options[] = {"--metrics", "0", NULL};
    struct fixture *f = *state;
    const char *status[] = {GUV, "status", "-c", WORK, "--metrics", NULL, NULL};
    struct http_answer a;
    char line[LINE], port[16], url[60];

    start_platform(f, worker_line(line, "work", "jobs", 60000, ""), "work=0");
    start_guv(f, &f->guv, WORK, options);
    snprintf(port, sizeof port, "%u", metrics_port(&f->guv));
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
    snprintf(url, sizeof url, "http://127.0.0.1:%s/metrics", port);
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "guv_workers{role=\"work\"} 3\n"));
    assert_non_null(strstr(a.body, "guv_leader 1\n"));
    http_answer_release(&a);
    status[5] = port;
    program_start(&f->second, status, f->variables);
    assert_int_equal(program_end(&f->second, 0), 0);
    assert_non_null(strstr(f->second.out.data, "steady  the queue is worth 3 workers"));
    program_release(&f->second);
    status[5] = "0"; /* a look of its own */
    program_start(&f->second, status, f->variables);
    assert_int_equal(program_end(&f->second, 0), 0);
    assert_non_null(strstr(f->second.out.data, "\nwork        3"));
    look_for_secrets(&f->second);
}

static void one_poll_and_the_end(void **state)
{
    static const char *const options[] = {"--oneshot", "--single", NULL};
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 60000, ""), "work=1");
    program_expect(&f->formation, "work.1 is up");
    start_guv(f, &f->guv, SETTINGS "work: {queue: jobs, min: 2}\n", options);
    assert_int_equal(program_end(&f->guv, 0), 0);
    assert_int_equal(quantity(f, "work"), 2);
    program_release(&f->guv);
    snprintf(f->environment[2], LINE, "MSGFLO_BROKER=amqp://127.0.0.1:1");
    snprintf(f->environment[3], LINE, "MSGFLO_MANAGEMENT_URL=http://127.0.0.1:1");
    start_guv(f, &f->guv, SETTINGS "work: {queue: jobs, min: 2}\n", options);
    assert_int_equal(program_end(&f->guv, 0), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(scales_to_the_burst_and_back_to_zero_twice),
        live_test(the_tube_serves_a_burst_in_time_and_goes_back_to_zero_twice),
        live_test(a_queue_may_come_later_and_a_type_never),
        live_test(a_worker_that_crashes_at_start_holds_up_nobody),
        live_test(a_worker_deaf_to_sigterm_is_killed_and_its_job_not_lost),
        live_test(sigterm_ends_it_at_once_and_leaves_what_runs),
        live_test(refuses_to_start_without_a_lock_or_a_word),
        live_test(reads_the_applications_records),
        live_test(a_bad_query_neither_holds_up_nor_writes),
        live_test(shows_how_the_roles_stand),
        live_test(one_poll_and_the_end),
    };

    return cmocka_run_group_tests(tests, start_servers, end_servers);
}
