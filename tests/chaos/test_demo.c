/*
 * test_demo.c - the page's panel "Try to break it": every worker killed from it, and nothing lost.
 */
#include "chaos.h"

#include "base/buf.h"
#include "base/clock.h"

#define IMAGES 600
#define IMAGES_A_JOB 50
#define KILLS 3

static void ask(const char *path, const char *body, struct http_answer *ret)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char url[256];

    snprintf(url, sizeof url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), path);
    http_send(url, &(struct http_request){.body = body, .headers = headers}, ret);
    if (ret->status != 200)
        fail_msg("%s: %ld %s", path, ret->status, ret->body);
}

/* How many workers there are to see on the page; -1: it is not known. */
static int workers_seen(const char *role)
{
    struct http_answer a;
    json_t *node;
    size_t i;
    int n = -1;

    ask("/graph", NULL, &a);
    json_array_foreach(json_object_get(a.json, "nodes"), i, node)
    {
        const json_t *workers = json_object_get(node, "workers");

        if (strcmp(json_string_value(json_object_get(node, "name")), role) == 0 &&
            json_is_integer(workers))
            n = (int)json_integer_value(workers);
    }
    http_answer_release(&a);
    return n;
}

static void assert_workers_become(const char *role, int n)
{
    int64_t deadline = clock_mono_ms() + 60000;

    while (workers_seen(role) != n) {
        if (clock_mono_ms() > deadline)
            fail_msg("%d workers of %s are seen, not %d", workers_seen(role), role, n);
        look_again();
    }
}

static size_t notes(const char *start)
{
    struct http_answer a;
    const json_t *note;
    size_t i, n = 0;

    ask("/graph", NULL, &a);
    json_array_foreach(json_object_get(a.json, "notes"), i, note)
    {
        n += strncmp(json_string_value(json_object_get(note, "text")), start, strlen(start)) == 0;
    }
    http_answer_release(&a);
    return n;
}

/* Until both run and so many images are done: they are in the midst of the rest. */
static void wait_until_both_work(int64_t completed)
{
    int64_t deadline = clock_mono_ms() + 60000;
    char sql[120];
    pid_t pids[2];

    while (system_pids("resize", pids, 2) < 2) {
        assert_true(clock_until_ms(deadline) > 0);
        look_again();
    }
    snprintf(sql, sizeof sql, "SELECT least(count(*), %lld) FROM images WHERE status = 'completed'",
             (long long)completed);
    assert_true(sql_becomes(sql, completed, clock_until_ms(deadline)));
}

static void every_worker_killed_from_the_page_loses_nothing(void **state)
{
    const int64_t before = sql_number("SELECT count(*) FROM images WHERE status = 'completed'");
    struct http_answer a;
    int killed = 0;

    (void)state;
    assert_workers_become("resize", 2);
    for (int i = 0; i < KILLS; i++) {
        post_until("ok/baseline.jpg", IMAGES / KILLS, IMAGES_A_JOB, 60000);
        wait_until_both_work(before + (i * IMAGES / KILLS) + 10);
        ask("/demo/kill", "{\"type\":\"resize\",\"all\":true}", &a);
        killed += (int)json_array_size(json_object_get(a.json, "killed"));
        http_answer_release(&a);
    }
    assert_true(killed > 0);
    assert_all_end_once(120000);
    assert_true(log_count_of("formation", "ended by signal 9") >= killed);
    assert_int_equal(sql_number("SELECT count(*) FROM images WHERE status = 'completed'"),
                     before + IMAGES);
    assert_workers_become("resize", 2); /* they are back */
    assert_int_equal(notes("every resize killed: resize.1"), KILLS);
}

static void a_role_scaled_to_nothing_is_seen_and_its_jobs_wait(void **state)
{
    struct http_answer a;
    char job[37];

    (void)state;
    ask("/demo/scale", "{\"type\":\"resize\",\"quantity\":0}", &a);
    http_answer_release(&a);
    assert_workers_become("resize", 0);
    assert_int_equal(post_images("ok/baseline.jpg", 5, job), 202);
    assert_false(job_ends(job, 2000));
    ask("/demo/scale", "{\"type\":\"resize\",\"quantity\":2}", &a);
    http_answer_release(&a);
    assert_workers_become("resize", 2);
    assert_true(job_ends(job, 60000));
    assert_all_end_once(60000);
}

int run_demo_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_worker_killed_from_the_page_loses_nothing),
        cmocka_unit_test(a_role_scaled_to_nothing_is_seen_and_its_jobs_wait),
    };

    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
