/*
 * test_guv_live.c - guv from outside: the real program with a real RabbitMQ and a real Postgres,
 * and `formation --strict` as the platform, which runs real workers. The policy is the original's
 * unless said otherwise: what it decides is easy to tell beforehand.
 */
#include <signal.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "http.h"
#include "program.h"
#include "scratch_broker.h"
#include "scratch_db.h"
#include "scratch_dir.h"

#define TOKEN "token-that-nobody-may-see"
#define LINE 400

struct fixture {
    struct program formation, guv, second;
    char dir[SCRATCH_DIR_SIZE], procfile[SCRATCH_DIR_SIZE + 16], decisions[SCRATCH_DIR_SIZE + 16];
    char platform[80]; /* http://127.0.0.1:PORT */
    char environment[6][LINE];
    const char *variables[8];
};

/* ---- the platform ---- */

/* Runs `TYPE: queue_worker BROKER jobs MS HOW` for each of the types given in the Procfile's way.
 */
static void start_platform(struct fixture *f, const char *procfile, const char *scale)
{
    const char *const argv[] = {FORMATION,  f->procfile,     "--app", "demo",
                                "--strict", "--scale",       scale,   "--grace",
                                "1",        "--restart-max", "1",     "--limit",
                                "6",        "--token-env",   "TOKEN", NULL};
    static const char *const variables[] = {"TOKEN=" TOKEN, NULL};
    FILE *file = fopen(f->procfile, "w");
    const char *url;

    assert_non_null(file);
    fputs(procfile, file);
    assert_int_equal(fclose(file), 0);
    program_start(&f->formation, argv, variables);
    program_expect(&f->formation, "/formation\n");
    url = strstr(f->formation.out.data, "http://");
    assert_non_null(url);
    snprintf(f->platform, sizeof f->platform, "%.*s", (int)(strstr(url, "/apps") - url), url);
    snprintf(f->environment[0], LINE, "GUV_HEROKU_URL=%s", f->platform);
}

static void call_platform(struct fixture *f, const char *method, const char *path, const char *body,
                          struct http_answer *ret)
{
    static const char *const headers[] = {"Accept: application/vnd.heroku+json; version=3",
                                          "Authorization: Bearer " TOKEN, "User-Agent: test",
                                          "Content-Type: application/json", NULL};
    struct http_request request = {.method = method, .body = body, .headers = headers};
    char url[200];

    snprintf(url, sizeof url, "%s%s", f->platform, path);
    http_send(url, &request, ret);
}

static void control(struct fixture *f, const char *path, const char *body)
{
    struct http_answer a;

    call_platform(f, "PUT", path, body, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
}

static int requests(struct fixture *f, const char *method)
{
    struct http_answer a;
    int n;

    call_platform(f, "GET", "/__requests", NULL, &a);
    n = (int)json_integer_value(json_object_get(a.json, method));
    http_answer_release(&a);
    return n;
}

static int quantity(struct fixture *f, const char *type)
{
    struct http_answer a;
    char path[80];
    int n;

    snprintf(path, sizeof path, "/apps/demo/formation/%s", type);
    call_platform(f, "GET", path, NULL, &a);
    assert_int_equal(a.status, 200);
    n = (int)json_integer_value(json_object_get(a.json, "quantity"));
    http_answer_release(&a);
    return n;
}

static const char *worker_line(char *line, const char *type, const char *queue, int work_ms,
                               const char *how)
{
    snprintf(line, LINE, "%s: exec %s %s %s %d %s\n", type, QUEUE_WORKER, scratch_broker_url(),
             queue, work_ms, how);
    return line;
}

/* ---- guv ---- */

static void start_guv(struct fixture *f, struct program *guv, const char *config,
                      const char *const *options)
{
    const char *argv[16] = {GUV, "-c", config};
    size_t n = 3;

    while (options && *options)
        argv[n++] = *options++;
    program_start(guv, argv, f->variables);
}

/* One that leads. */
static void start_leader(struct fixture *f, const char *config)
{
    start_guv(f, &f->guv, config, NULL);
    program_expect(&f->guv, "event=leader");
}

#define SETTINGS "'*': {pollinterval: 1, history: 3, policy: guv, app: demo}\n"
/* 40 jobs of 0.1 s are worth 3 workers. */
#define WORK SETTINGS "work: {queue: jobs, p: 0.1, deadline: 2, min: 0, max: 3}\n"

static void put_jobs(const char *queue, int n)
{
    struct operator_session *o = operator_open();

    operator_publish_burst(o, queue, "job", n);
    operator_close(o);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    assert_int_equal(scratch_dir(f->dir), 0);
    snprintf(f->procfile, sizeof f->procfile, "%s/Procfile", f->dir);
    snprintf(f->decisions, sizeof f->decisions, "%s/decisions", f->dir);
    snprintf(f->environment[1], LINE, "GUV_HEROKU_TOKEN=" TOKEN);
    snprintf(f->environment[2], LINE, "MSGFLO_BROKER=%s", scratch_broker_url());
    snprintf(f->environment[3], LINE, "MSGFLO_MANAGEMENT_URL=%s", scratch_broker_management_url());
    snprintf(f->environment[4], LINE, "DATABASE_URL=%s", scratch_db_url());
    for (size_t i = 0; i < 5; i++)
        f->variables[i] = f->environment[i];
    broker_declare_exchange("jobs");
    broker_declare_queue("jobs", NULL);
    broker_bind_queue("jobs", "jobs");
    *state = f;
    return 0;
}

/* What no output may hold. */
static void look_for_secrets(struct program *p)
{
    const char *at = strstr(scratch_broker_url(), "://"), *end = strchr(at, '@');
    char password[100];

    snprintf(password, sizeof password, "%.*s", (int)(end - strchr(at + 3, ':') - 1),
             strchr(at + 3, ':') + 1);
    assert_false(program_has_said(p, TOKEN));
    assert_false(program_has_said(p, password));
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    if (f->guv.pid)
        assert_int_equal(program_end(&f->guv, SIGTERM), 0);
    if (f->second.pid)
        assert_int_equal(program_end(&f->second, SIGTERM), 0);
    look_for_secrets(&f->guv);
    look_for_secrets(&f->second);
    if (f->formation.pid)
        program_end(&f->formation, SIGTERM);
    program_release(&f->guv);
    program_release(&f->second);
    program_release(&f->formation);
    broker_delete_queue("jobs");
    unlink(f->procfile);
    unlink(f->decisions);
    assert_int_equal(rmdir(f->dir), 0);
    free(f);
    return 0;
}

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

static void another_guv_takes_over_from_one_that_was_killed(void **state)
{
    struct fixture *f = *state;
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_leader(f, WORK);
    start_guv(f, &f->second, WORK, NULL);
    program_expect(&f->second, "event=standby");
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
    char line[LINE];

    start_platform(f, worker_line(line, "work", "jobs", 100, ""), "work=0");
    start_leader(f, WORK);
    start_guv(f, &f->second, WORK, NULL);
    program_expect(&f->second, "event=standby");
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

static int start_servers(void **state)
{
    unsetenv("MSGFLO_TEST_BROKER");              /* one that can be stopped, */
    setenv("RABBITMQ_STATISTICS_MS", "1000", 1); /* and measures more often than each 5 s */
    if (scratch_db_start(state) || scratch_broker_start(state))
        return -1;
    return scratch_broker_make_private() ? 0 : -1;
}

static int end_servers(void **state)
{
    return scratch_broker_end(state) | scratch_db_end(state);
}

#define live_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest workers[] = {
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
    const struct CMUnitTest peers[] = {
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

    if (argc == 2 && strcmp(argv[1], "workers") == 0)
        return cmocka_run_group_tests(workers, start_servers, end_servers);
    if (argc == 2 && strcmp(argv[1], "peers") == 0)
        return cmocka_run_group_tests(peers, start_servers, end_servers);
    fputs("usage: test_guv_live workers|peers\n", stderr);
    return 2;
}
