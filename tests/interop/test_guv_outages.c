/*
 * test_guv_outages.c - guv when the broker, the platform, the database or another guv fails.
 */
#include "guv_live.h"

#include <signal.h>

#include "scratch_broker.h"
#include "scratch_db.h"

/* ---- the broker ---- */

static void holds_while_the_broker_is_away(void **state)
{
    struct fixture *f = *state;
    char line[LINE];
    int patches;

    start_platform(f, worker_line(line, "work", "jobs", 60000, ""), "work=0");
    start_leader(f, WORK);
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3 from=0");
    patches = requests(f, "PATCH");
    scratch_broker_stop();
    program_expect(&f->guv, "event=broker_away");
    program_expect(&f->guv, "event=held role=\"work\" workers=3 from=3 state=no_broker");
    scratch_broker_resume();
    program_expect(&f->guv, "event=broker_read source=management");
    program_expect(&f->guv, "event=held role=\"work\" workers=3 from=3 state=steady");
    assert_int_equal(requests(f, "PATCH"), patches);
    assert_int_equal(quantity(f, "work"), 3);
}

static void without_the_management_api_one_stays_while_there_are_consumers(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    snprintf(f->environment[3], LINE, "MSGFLO_MANAGEMENT_URL=http://127.0.0.1:1");
    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_guv(f, &f->guv, WORK, (const char *const[]){"--decisions", "-", NULL});
    program_expect(&f->guv, "event=broker_read source=amqp");
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3 from=0");
    program_expect(&f->guv, "\"from\":1,\"workers\":1,\"state\":\"steady\","
                            "\"reason\":\"one stays while there are consumers");
    assert_int_equal(quantity(f, "work"), 1);
}

/* ---- the platform's moods ---- */

static void tells_what_the_platform_refuses_and_recovers(void **state)
{
    static const struct {
        const char *failure, *said;
    } cases[] = {
        {"{\"status\": 401, \"times\": 2}", "status 401 unauthorized"},
        {"{\"status\": 404, \"times\": 1}", "reading the formation: status 404 not_found"},
        {"{\"status\": 429, \"times\": 1, \"retry_after\": 2}", "status 429 rate_limit"},
        {"{\"status\": 500, \"times\": 2}", "status 500 internal_server_error"},
        {"{\"status\": 503, \"times\": 2, \"method\": \"PATCH\"}",
         "changing the formation: status 503"},
    };
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 50, ""), "work=0");
    start_leader(f, WORK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        control(f, "/__fail", cases[i].failure);
        put_jobs("jobs", 40);
        program_expect(&f->guv, "event=platform_error app=demo message=");
        program_expect(&f->guv, cases[i].said);
        program_expect(&f->formation,
                       "work.3 is up"); /* guv may not hear of it, on a busy machine */
        program_expect(&f->guv, "event=scaled role=\"work\" workers=0");
    }
    assert_int_equal(requests(f, "refused"), 0); /* all it sent was as Heroku wants it */
}

static void keeps_to_the_limit_that_the_platform_tells(void **state)
{
    struct fixture *f = *state;
    char line[LINE];
    int patches;

    start_platform(f, worker_line(line, "work", "jobs", 60000, ""), "work=0");
    control(f, "/__fail", "{\"status\": 422, \"method\": \"PATCH\", \"limit\": 2}");
    start_leader(f, WORK);
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=2 from=0 state=limited "
                            "reason=\"3 are wanted, the platform runs no more than 2\"");
    patches = requests(f, "PATCH");
    assert_int_equal(patches, 2);
    program_expect(&f->formation, "work.2 is up");
    assert_int_equal(quantity(f, "work"), 2);
}

static void one_app_that_is_not_there_holds_up_no_other(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_leader(f, WORK "else: {queue: jobs, app: elsewhere, worker: work, min: 0}\n");
    program_expect(&f->guv, "event=held role=\"else\" workers=0 state=no_app");
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
}

static void a_dry_run_changes_nothing(void **state)
{
    static const char *const options[] = {"--dry-run", NULL};
    struct fixture *f = *state;
    char line[LINE];

    f->variables[4] = NULL; /* and needs no lock */
    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    put_jobs("jobs", 40);
    start_guv(f, &f->guv, WORK, options);
    program_expect(&f->guv, "event=would_scale role=\"work\" workers=3 from=0");
    assert_false(program_has_said(&f->guv, "event=standby")); /* it waits for nobody */
    assert_int_equal(requests(f, "PATCH"), 0);
    assert_int_equal(quantity(f, "work"), 0);
}

/* ---- several guvs ---- */

/* One that leads, and a second that waits for its place. */
static void start_two(struct fixture *f)
{
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_leader(f, WORK);
    start_guv(f, &f->second, WORK, NULL);
    program_expect(&f->second, "event=standby");
}

static void another_guv_takes_over_from_one_that_was_killed(void **state)
{
    struct fixture *f = *state;

    start_two(f);
    put_jobs("jobs", 40);
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
    program_expect(&f->guv, "event=scaled role=\"work\" workers=0");
    assert_false(program_has_said(&f->second, "event=scaled"));
    program_end(&f->guv, SIGKILL);
    program_expect(&f->second, "event=leader");
    put_jobs("jobs", 40);
    program_expect(&f->second, "event=scaled role=\"work\" workers=3");
}

/* Its machine still acknowledges, so its connection does not break. */
static void another_guv_takes_over_from_one_that_is_frozen(void **state)
{
    struct fixture *f = *state;

    start_two(f);
    assert_int_equal(kill(f->guv.pid, SIGSTOP), 0);
    program_expect(&f->second, "event=leader");
    assert_int_equal(kill(f->guv.pid, SIGCONT), 0);
    program_expect(&f->guv, "event=standby");
    put_jobs("jobs", 40);
    program_expect(&f->second, "event=scaled role=\"work\" workers=3");
    assert_false(program_has_said(&f->guv, "event=scaled"));
}

static void who_loses_the_lock_acts_no_more(void **state)
{
    static const char end_session[] =
        "SELECT 1 / count(pg_terminate_backend(pid)) FROM pg_stat_activity "        /* none fails */
        " WHERE application_name = 'guv leader' AND datname = current_database(); " /* shared */
        "SELECT pg_advisory_lock(hashtext('guv'), hashtext('demo'))";
    struct fixture *f = *state;
    struct db *db = scratch_db_open(0);
    char line[LINE];
    int patches;

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_leader(f, WORK);
    /* Ends guv's session and waits for its lock, which is then ours: in one go, before guv is back.
     */
    scratch_db_run(db, end_session);
    program_expect(&f->guv, "event=standby");
    patches = requests(f, "PATCH");
    put_jobs("jobs", 40);
    start_guv(f, &f->second, WORK, (const char *const[]){"--dry-run", NULL});
    program_expect(&f->second, "event=would_scale role=\"work\" workers=3");
    assert_int_equal(requests(f, "PATCH"), patches);
    db_free(db); /* gives the lock back */
    program_expect(&f->guv, "event=leader");
    program_expect(&f->guv, "event=scaled role=\"work\" workers=3");
}

static void nothing_is_changed_while_the_database_is_away(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    snprintf(f->environment[4], LINE, "DATABASE_URL=postgres://nobody:" TOKEN "@127.0.0.1:1/x");
    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    put_jobs("jobs", 40);
    start_guv(f, &f->guv, WORK, NULL);
    program_expect(&f->guv, "event=lock_unknown");
    program_expect(&f->guv, "event=standby");
    start_guv(f, &f->second, WORK, (const char *const[]){"--dry-run", NULL});
    program_expect(&f->second, "event=would_scale role=\"work\" workers=3");
    assert_int_equal(requests(f, "PATCH"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(holds_while_the_broker_is_away),
        live_test(without_the_management_api_one_stays_while_there_are_consumers),
        live_test(tells_what_the_platform_refuses_and_recovers),
        live_test(keeps_to_the_limit_that_the_platform_tells),
        live_test(one_app_that_is_not_there_holds_up_no_other),
        live_test(a_dry_run_changes_nothing),
        live_test(another_guv_takes_over_from_one_that_was_killed),
        live_test(another_guv_takes_over_from_one_that_is_frozen),
        live_test(who_loses_the_lock_acts_no_more),
        live_test(nothing_is_changed_while_the_database_is_away),
    };

    return cmocka_run_group_tests(tests, start_servers, end_servers);
}
