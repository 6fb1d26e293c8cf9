/*
 * test_stop.c - what ends in order: a worker scaled down, and everything at SIGTERM under load; and
 * memory that stays flat over a thousand jobs and a long queue.
 */
#include "chaos.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"

#define GETS 101

/* Processes that did not end in time. Not those ended by SIGTERM: one that is told to go before it
 * has come to its main() knows no better. */
static int killed(void)
{
    return log_count_of("formation", " ended by signal 9");
}

static void scaling_down_and_up_loses_nothing(void **state)
{
    int before = killed();

    (void)state;
    post_until("ok/baseline.jpg", 600, 20, 60000);
    for (int round = 0; round < 3; round++) {
        system_scale("resize", 0);
        system_scale("store", 1);
        post_until("ok/baseline.jpg", 60, 20, 60000);
        system_scale("store", 2);
        system_scale("resize", 2);
    }
    assert_recovers(60000);
    assert_all_end_once(90000);
    assert_int_equal(killed(), before); /* all went within their time */
}

/* As a dyno does it: to every process there is, the decoders too, and more than once. */
static void sigterm_to_all(const pid_t *pids, size_t n)
{
    pid_t children[64];

    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < n; i++) {
            size_t k = children_of(pids[i], children, 64);

            kill(pids[i], SIGTERM);
            while (k > 0)
                kill(children[--k], SIGTERM);
        }
}

/* formation logs how each process ended. */
static void everything_ends_with_status_0_at_sigterm_under_load(void **state)
{
    pid_t pids[64];
    size_t n = system_pids(NULL, pids, 64);
    int before = killed(), zero = log_count_of("formation", " exited with status 0");
    int deaths = log_count("event=decoder_died");
    int64_t deadline;

    (void)state;
    post_until("ok/baseline.jpg", 400, 20, 60000);
    sigterm_to_all(pids, n);
    deadline = clock_mono_ms() + 25000;
    for (size_t i = 0; i < n; i++)
        while (kill(pids[i], 0) == 0) {
            if (clock_mono_ms() > deadline)
                fail_msg("process %d is still there 25 s after SIGTERM", (int)pids[i]);
            look_again();
        }
    assert_recovers(60000); /* formation starts them again */
    assert_int_equal(killed(), before);
    assert_int_equal(log_count_of("formation", " exited with status 0") - zero, (int)n);
    assert_int_equal(log_count("event=decoder_died"), deaths); /* no image has paid for it */
    assert_all_end_once(90000);
}

static int64_t resident_of_all(void)
{
    pid_t pids[64];
    size_t n = system_pids(NULL, pids, 64);
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += resident_kib(pids[i]);
    return sum;
}

static void memory_stays_flat_over_a_thousand_jobs(void **state)
{
    int64_t first, last;

    (void)state;
    post_until("ok/baseline.jpg", 500, 1, 120000);
    assert_all_end_once(60000);
    first = resident_of_all();
    post_until("ok/baseline.jpg", 1000, 1, 120000);
    assert_all_end_once(60000);
    last = resident_of_all();
    print_message("resident: %lld KiB after 500 jobs, %lld KiB after 1500\n", (long long)first,
                  (long long)last);
    assert_true(last < first + first / 5);
}

static int compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static int64_t get_us(const char *path)
{
    struct timespec began, ended;
    struct http_answer a;
    char url[256];

    snprintf(url, sizeof url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), path);
    clock_gettime(CLOCK_MONOTONIC, &began);
    http_send(url, NULL, &a);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    return (ended.tv_sec - began.tv_sec) * 1000000 + (ended.tv_nsec - began.tv_nsec) / 1000;
}

/* The median time to ask for a job, and that of a request that asks no database: what else this
 * machine does meanwhile slows both. */
static void time_gets(const char *job, int64_t *ret_us, int64_t *ret_plain_us)
{
    int64_t took[GETS], plain[GETS];
    char path[64];

    snprintf(path, sizeof path, "/jobs/%s", job);
    for (int i = 0; i < GETS; i++) {
        took[i] = get_us(path);
        plain[i] = get_us("/healthz");
    }
    qsort(took, GETS, sizeof *took, compare);
    qsort(plain, GETS, sizeof *plain, compare);
    *ret_us = took[GETS / 2];
    *ret_plain_us = plain[GETS / 2];
}

/* Nobody takes them, so they pile up in the queue; what holds for these holds for more. */
static void memory_and_answers_stay_the_same_while_the_queue_grows(void **state)
{
    const char *wanted = getenv("CHAOS_QUEUE");
    int images = wanted ? atoi(wanted) : 20000, few = images / 10;
    int64_t first_kib, last_kib, first_us, last_us, first_plain_us, last_plain_us;
    char job[UUID_SIZE];

    (void)state;
    stop_all_of("resize");
    assert_int_equal(post_images("status/404", 10, job), 202);
    post_until("status/404", few, 100, 60000);
    assert_true(sql_becomes("SELECT count(*) FROM outbox", 0, 60000));
    first_kib = resident_of_all();
    time_gets(job, &first_us, &first_plain_us);
    post_until("status/404", images, 100, 1800000);
    assert_true(sql_becomes("SELECT count(*) FROM outbox", 0, 600000));
    last_kib = resident_of_all();
    time_gets(job, &last_us, &last_plain_us);
    print_message("%d and %d queued: resident %lld and %lld KiB, a GET takes %lld and %lld us "
                  "(/healthz %lld and %lld)\n",
                  few, few + images, (long long)first_kib, (long long)last_kib, (long long)first_us,
                  (long long)last_us, (long long)first_plain_us, (long long)last_plain_us);
    assert_true(last_kib < first_kib + first_kib / 5);
    assert_true(last_us * first_plain_us < 4 * first_us * last_plain_us);
    /* And they need not be worked off here. */
    assert_int_equal(rabbitmq_call("DELETE", "queues/%2f/resize.IN/contents", NULL), 204);
    free(sql_text("DELETE FROM jobs WHERE queued > 0"));
    system_scale("resize", 2);
    assert_recovers(60000);
}

int run_stop_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scaling_down_and_up_loses_nothing),
        cmocka_unit_test(everything_ends_with_status_0_at_sigterm_under_load),
        cmocka_unit_test(memory_stays_flat_over_a_thousand_jobs),
        cmocka_unit_test(memory_and_answers_stay_the_same_while_the_queue_grows),
    };

    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
