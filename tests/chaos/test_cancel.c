/*
 * test_cancel.c - jobs are cancelled while web dies, and while the broker is away.
 */
#include "chaos.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/uuid.h"

#define ROUNDS 5
#define JOBS 20
#define IMAGES_A_JOB 20

static int64_t images_of(const char *job, const char *condition)
{
    char sql[300];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM images WHERE job = '%s' AND %s", job,
             condition);
    return sql_number(sql);
}

/* Cancels each, in a process of its own; no answer is an answer too: web is being killed. */
static pid_t cancel_all(char jobs[JOBS][UUID_SIZE])
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid)
        return pid;
    for (int i = 0; i < JOBS; i++)
        cancel_job(jobs[i]);
    _exit(0);
}

static void kill_web(void)
{
    pid_t pid;

    if (system_pids("web", &pid, 1) == 1)
        kill(pid, SIGKILL);
}

static void jobs_are_cancelled_whole_or_not_at_all_while_web_is_killed(void **state)
{
    static char jobs[JOBS][UUID_SIZE];

    (void)state;
    assert_recovers(60000);
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid;

        for (int i = 0; i < JOBS; i++)
            assert_int_equal(post_images("ok/baseline.jpg", IMAGES_A_JOB, jobs[i]), 202);
        pid = cancel_all(jobs);
        for (int i = 0; i < round; i++)
            look_again(); /* earlier or later on its way */
        kill_web();
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        /* All of a job's queued images, or none of them. */
        assert_int_equal(sql_number("SELECT count(*) FROM jobs WHERE cancelled > 0 AND queued > 0"),
                         0);
        assert_recovers(60000);
        for (int i = 0; i < JOBS; i++) {
            assert_int_equal(cancel_job(jobs[i]), 200);
            assert_int_equal(images_of(jobs[i], "status = 'queued'"), 0);
        }
    }
    assert_true(sql_number("SELECT count(*) FROM images WHERE status = 'cancelled'") > 0);
    assert_all_end_once(120000);
    /* A store has told of those that web has ended. */
    assert_true(sql_becomes("SELECT count(*) FROM untold_jobs", 0, 60000));
}

static void what_the_broker_never_had_is_never_sent(void **state)
{
    char job[UUID_SIZE], text[80];

    (void)state;
    system_service("rabbitmq", "stop");
    assert_int_equal(post_images("ok/baseline.jpg", IMAGES_A_JOB, job), 202);
    assert_int_equal(cancel_job(job), 200);
    assert_int_equal(images_of(job, "status = 'cancelled'"), IMAGES_A_JOB);
    assert_int_equal(sql_number("SELECT count(*) FROM outbox"), 0);
    system_service("rabbitmq", "start");
    assert_recovers(60000);
    assert_int_equal(post_images("ok/baseline.jpg", 1, NULL), 202); /* what comes after is sent */
    assert_all_end_once(60000);
    snprintf(text, sizeof text, "job=%s", job);
    assert_int_equal(log_count_of("resize.1", text) + log_count_of("resize.2", text), 0);
}

/* Cancels the job in a process of its own, which exits with a hundredth of the status. */
static pid_t cancel_beside(const char *job)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit((int)(cancel_job(job) / 100));
    return pid;
}

static void assert_answered(pid_t pid, int hundreds)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), hundreds);
}

/* Somebody hangs with a lock on a job. While web waits for it, more are asked for: they come into
 * one transaction, that job again and others. */
static void a_held_job_keeps_no_other_from_being_cancelled(void **state)
{
    enum { OTHERS = 3 };
    char held[UUID_SIZE], others[OTHERS][UUID_SIZE], sql[200];
    pid_t first, again, beside[OTHERS];

    (void)state;
    assert_recovers(60000);
    assert_int_equal(post_images("ok/baseline.jpg", 1, held), 202);
    for (int i = 0; i < OTHERS; i++)
        assert_int_equal(post_images("ok/baseline.jpg", 1, others[i]), 202);
    snprintf(sql, sizeof sql,
             "BEGIN; SELECT count(*) FROM (SELECT FROM jobs WHERE id = '%s' FOR UPDATE) AS held",
             held);
    assert_int_equal(sql_number(sql), 1);
    first = cancel_beside(held);
    assert_true(
        sql_becomes("SELECT pg_stat_clear_snapshot(); SELECT count(*) FROM pg_stat_activity "
                    "WHERE wait_event_type = 'Lock' AND query LIKE '%cancel_asked_at%' "
                    "AND pid <> pg_backend_pid()",
                    1, 30000));
    again = cancel_beside(held);
    for (int i = 0; i < OTHERS; i++)
        beside[i] = cancel_beside(others[i]);
    assert_answered(first, 5);
    assert_answered(again, 5);
    for (int i = 0; i < OTHERS; i++)
        assert_answered(beside[i], 2);
    assert_int_equal(sql_number("COMMIT; SELECT 1"), 1);
    assert_int_equal(cancel_job(held), 200);
    assert_all_end_once(60000);
}

int run_cancel_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_held_job_keeps_no_other_from_being_cancelled),
        cmocka_unit_test(jobs_are_cancelled_whole_or_not_at_all_while_web_is_killed),
        cmocka_unit_test(what_the_broker_never_had_is_never_sent),
    };

    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
