/*
 * test_outages.c - RabbitMQ or Postgres away, and back: what clients see meanwhile, that nothing is
 * lost, and that an outage is told once and not once a second.
 */
#include "chaos.h"

#include "base/clock.h"

#define OUTAGE_MS 20000

static void jobs_are_accepted_while_rabbitmq_is_away(void **state)
{
    int64_t end;
    int lines = log_count("event=broker_down");
    struct http_answer a;
    char url[256];
    int accepted = 0;

    (void)state;
    post_until("ok/baseline.jpg", 200, 20, 20000);
    system_service("rabbitmq", "stop");
    end = clock_mono_ms() + OUTAGE_MS;
    while (clock_mono_ms() < end) {
        assert_int_equal(post_images("ok/baseline.jpg", 5, NULL), 202);
        accepted++;
        look_again();
    }
    snprintf(url, sizeof url, "%s/readyz", getenv("IMAGERESIZE_TEST_TARGET"));
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(json_string_value(json_object_get(a.json, "broker")), "down");
    http_answer_release(&a);
    system_service("rabbitmq", "start");
    assert_recovers(60000);
    assert_true(accepted > 0);
    assert_all_end_once(90000);
    /* web, 2 resize, bulk, 2 store: each says it once. */
    assert_int_equal(log_count("event=broker_down") - lines, 6);
}

static void a_client_is_told_to_come_back_while_postgres_is_away(void **state)
{
    int64_t end;
    int restarts = log_count("event=start ");
    bool refused = false;

    (void)state;
    post_until("ok/baseline.jpg", 200, 20, 20000);
    system_service("postgres", "stop");
    end = clock_mono_ms() + OUTAGE_MS;
    while (clock_mono_ms() < end) {
        long status = post_images("ok/baseline.jpg", 5, NULL);

        assert_int_equal(status, 503);
        refused = true;
        look_again();
    }
    assert_true(refused);
    {
        static const char *const headers[] = {"Content-Type: application/json", NULL};
        struct http_answer a;
        char url[256];

        snprintf(url, sizeof url, "%s/jobs", getenv("IMAGERESIZE_TEST_TARGET"));
        http_send(url,
                  &(struct http_request){
                      .body = "{\"images\":[{\"input\":\"http://127.0.0.1:9/\",\"width\":1}]}",
                      .headers = headers},
                  &a);
        assert_int_equal(a.status, 503);
        assert_non_null(http_header(&a, "retry-after"));
        assert_string_equal(http_header(&a, "content-type"), "application/problem+json");
        http_answer_release(&a);
    }
    system_service("postgres", "start");
    assert_recovers(60000);
    post_until("ok/baseline.jpg", 100, 20, 20000);
    assert_all_end_once(90000);
    assert_int_equal(log_count("event=start "), restarts); /* nobody crashed */
}

int run_outage_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_accepted_while_rabbitmq_is_away),
        cmocka_unit_test(a_client_is_told_to_come_back_while_postgres_is_away),
    };

    return cmocka_run_group_tests_name("outages", tests, NULL, NULL);
}
