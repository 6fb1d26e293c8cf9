/*
 * test_outages.c - RabbitMQ or Postgres away, and back: what clients see meanwhile, that nothing is
 * lost, and that an outage is told once and not once a second.
 */
#include "chaos.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define OUTAGE_MS 20000
/* Once, and once more each when the broker, already stopping or still starting, took a connection
 * and dropped it. Who told of each try would have told more often. */
#define TOLD_MAX 3
#define PROCESSES 6

static const char *const processes[PROCESSES] = {"web.1",  "resize.1", "resize.2",
                                                 "bulk.1", "store.1",  "store.2"};

static void count_lines(const char *text, int ret[PROCESSES])
{
    for (int i = 0; i < PROCESSES; i++)
        ret[i] = log_count_of(processes[i], text);
}

/* Each process wrote between `least` and `most` more lines with the text since `before`. */
static void assert_each_said(const char *text, const int before[PROCESSES], int least, int most)
{
    int now[PROCESSES];

    count_lines(text, now);
    for (int i = 0; i < PROCESSES; i++)
        if (now[i] - before[i] < least || now[i] - before[i] > most)
            fail_msg("%s said %s %d times", processes[i], text, now[i] - before[i]);
}

/* Each waits longer from try to try, and not all find the broker back at once. */
static void wait_until_each_said(const char *text, const int before[PROCESSES], int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;

    for (int i = 0; i < PROCESSES; i++)
        while (log_count_of(processes[i], text) == before[i] && clock_until_ms(deadline) > 0)
            look_again();
}

/* Stops or starts a service and posts all the while, so that it happens in the midst of something;
 * each answer is one of the two. */
static void post_during(const char *service, const char *verb, long status, long or_status)
{
    const pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(127);
        execl(SOURCE_DIR "/bin/lib/services", "services", service, verb, system_dir(),
              (char *)NULL);
        _exit(127);
    }
    for (int exit_status; waitpid(pid, &exit_status, WNOHANG) == 0;) {
        long answer = post_images("ok/baseline.jpg", 10, NULL);

        if (answer != status && answer != or_status)
            fail_msg("POST answers %ld at %s of %s", answer, verb, service);
        look_again();
    }
}

static void assert_broker_is_missed(void)
{
    struct http_answer a;
    char url[256];

    snprintf(url, sizeof url, "%s/readyz", getenv("IMAGERESIZE_TEST_TARGET"));
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200); /* jobs are taken all the same */
    assert_string_equal(json_string_value(json_object_get(a.json, "broker")), "down");
    http_answer_release(&a);
}

static void jobs_are_accepted_while_rabbitmq_is_away(void **state)
{
    int down[PROCESSES], up[PROCESSES], ended_by_themselves = crashes();
    int64_t end;

    (void)state;
    assert_recovers(60000); /* an earlier test's worker may be on its way out */
    count_lines("event=broker_down", down);
    count_lines("event=broker_up", up);
    post_during("rabbitmq", "stop", 202, 202);
    end = clock_mono_ms() + OUTAGE_MS;
    while (clock_until_ms(end) > 0) {
        assert_int_equal(post_images("ok/baseline.jpg", 1, NULL), 202);
        look_again();
    }
    assert_broker_is_missed();
    system_service("rabbitmq", "start");
    assert_recovers(60000);
    assert_all_end_once(180000);
    wait_until_each_said("event=broker_up", up, 60000);
    assert_each_said("event=broker_down", down, 1, TOLD_MAX);
    assert_each_said("event=broker_up", up, 1, TOLD_MAX);
    assert_int_equal(crashes(), ended_by_themselves);
}

/* What a client sees. The image would be refused only once it is fetched. */
static void assert_told_to_come_back(void)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    static const char image[] = "{\"images\":[{\"input\":\"http://127.0.0.1:9/\",\"width\":1}]}";
    static const struct {
        const char *path, *body;
    } cases[] = {
        {"/jobs", image},
        {"/jobs", NULL},
        {"/stats", NULL},
        {"/jobs/01920000-0000-7000-8000-000000000000", NULL},
        {"/jobs/01920000-0000-7000-8000-000000000000/cancel", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request request = {.body = cases[i].body, .headers = headers};
        struct http_answer a;
        char url[256];

        snprintf(url, sizeof url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), cases[i].path);
        http_send(url, &request, &a);
        assert_int_equal(a.status, 503);
        assert_non_null(http_header(&a, "retry-after"));
        assert_string_equal(http_header(&a, "content-type"), "application/problem+json");
        http_answer_release(&a);
    }
}

static void a_client_is_told_to_come_back_while_postgres_is_away(void **state)
{
    /* In web each thread has a connection of its own, and says so for itself. */
    static const char *const events[] = {"event=database_down thread=writer",
                                         "event=database_down thread=reader",
                                         "event=database_down thread=listener",
                                         "event=database_down error=",
                                         "event=result_store_down",
                                         "event=broker_down"};
    enum { EVENTS = sizeof events / sizeof *events };
    int before[EVENTS][PROCESSES], ended_by_themselves = crashes();
    int writer = log_count_of("web.1", events[0]);
    int64_t end;

    (void)state;
    for (int i = 0; i < EVENTS; i++)
        count_lines(events[i], before[i]);
    post_during("postgres", "stop", 202, 503);
    end = clock_mono_ms() + OUTAGE_MS;
    while (clock_until_ms(end) > 0) {
        assert_int_equal(post_images("ok/baseline.jpg", 5, NULL), 503);
        look_again();
    }
    assert_told_to_come_back();
    system_service("postgres", "start");
    assert_recovers(60000);
    post_until("ok/baseline.jpg", 100, 20, 60000);
    assert_all_end_once(180000);
    for (int i = 0; i < EVENTS; i++)
        assert_each_said(events[i], before[i], 0, 1);
    assert_int_equal(log_count_of("web.1", events[0]) - writer, 1);
    assert_int_equal(crashes(), ended_by_themselves);
}

int run_outage_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_accepted_while_rabbitmq_is_away),
        cmocka_unit_test(a_client_is_told_to_come_back_while_postgres_is_away),
    };

    return cmocka_run_group_tests_name("outages", tests, NULL, NULL);
}
