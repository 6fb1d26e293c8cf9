/*
 * test_guv_report.c - metrics, status and decisions as text.
 */
#include <math.h>

#include "unit.h"

#include "live/report.h"

#define UNKNOWN ((double)NAN)

static const struct role_settings settings = {
    .name = "re\"size", .minimum = 1, .maximum = 4, .queue = "resize.IN", .worker = "resize"};
static struct scaled_type type = {.name = "resize", .current = 2, .wanted = 2, .limit = -1};
static struct app app = {.name = "demo", .types = &type, .n_types = 1, .is_read = true};
static struct platform platform = {.apps = &app, .n_apps = 1, .rate_remaining = 4000};

static struct role_view role(void)
{
    struct role_view r = {.settings = &settings,
                          .app = &app,
                          .type = &type,
                          .mood = MOOD_STEADY,
                          .scaled = 3,
                          .held = 9};

    r.seen = (struct observation){.messages = 12,
                                  .unacked = 2,
                                  .consumers = 2,
                                  .published = 100,
                                  .acked = UNKNOWN,
                                  .publish_rate = 1.5,
                                  .ack_rate = UNKNOWN,
                                  .service_n = UNKNOWN,
                                  .service_mean_s = UNKNOWN};
    r.decided = (struct decision){.kind = DECISION_SCALE,
                                  .workers = 3,
                                  .reason = "more \"jobs\"",
                                  .load = 1.5,
                                  .arrivals_s = 2,
                                  .processing_s = 0.75,
                                  .boot_s = UNKNOWN,
                                  .room_s = UNKNOWN,
                                  .backlog_s = UNKNOWN,
                                  .catch_up_s = UNKNOWN};
    return r;
}

static struct view view_of(const struct role_view *r)
{
    return (struct view){.roles = r,
                         .n_roles = 1,
                         .platform = &platform,
                         .source = QUEUES_MANAGEMENT,
                         .broker_trouble = "",
                         .leader_trouble = "",
                         .is_leader = true,
                         .poll_s = 5,
                         .polls = 7,
                         .polled_s_ago = UNKNOWN};
}

static void metrics_have_help_type_and_escaped_labels(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct role_view r = role();
    struct view v = view_of(&r);

    (void)state;
    report_metrics(&v, &text);
    assert_false(text.failed);
    assert_non_null(strstr(text.data, "# TYPE guv_messages gauge\n"
                                      "guv_messages{role=\"re\\\"size\"} 12\n"));
    assert_non_null(strstr(text.data, "guv_workers_wanted{role=\"re\\\"size\"} 3\n"));
    assert_non_null(strstr(text.data, "guv_utilisation_ratio{role=\"re\\\"size\"} 0.75\n"));
    assert_non_null(strstr(text.data, "kind=\"scale\"} 3\n"));
    assert_non_null(strstr(text.data, "guv_leader 1\n"));
    assert_non_null(strstr(text.data, "guv_platform_errors_total{app=\"demo\"} 0\n"));
}

static void what_is_not_known_is_no_sample_and_null(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct role_view r = role();
    struct view v = view_of(&r);
    json_auto_t *status = NULL;
    json_t *shown;

    (void)state;
    r.seen.messages = r.seen.consumers = UNKNOWN;
    report_metrics(&v, &text);
    assert_null(strstr(text.data, "guv_messages{"));
    assert_null(strstr(text.data, "guv_utilisation_ratio{"));
    assert_null(strstr(text.data, "nan"));
    status = report_status(&v);
    assert_non_null(status);
    shown = json_array_get(json_object_get(status, "roles"), 0);
    assert_true(json_is_null(json_object_get(shown, "messages")));
    assert_int_equal(json_integer_value(json_object_get(shown, "workers")), 2);
    assert_true(json_is_null(json_object_get(status, "polled_ago")));
}

static void the_table_says_what_is_wrong(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct role_view r = role();
    struct view v = view_of(&r);
    json_auto_t *status = NULL;

    (void)state;
    v.broker_trouble = "cannot be \x1b[31mreached\xc2\x9b";
    status = report_status(&v);
    assert_int_equal(report_table(status, 0, &text), 0);
    assert_non_null(strstr(text.data, "re\"size"));
    assert_non_null(strstr(text.data, "broker: cannot be ?[31mreached??\n"));
}

static void a_decision_is_one_line_of_json(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct role_view r = role();
    json_auto_t *line = NULL;

    (void)state;
    report_decision(&r, 2, true, 0, &text);
    assert_ptr_equal(strchr(text.data, '\n'), text.data + text.len - 1);
    line = json_loadb(text.data, text.len, 0, NULL);
    assert_non_null(line);
    assert_string_equal(json_string_value(json_object_get(line, "at")), "1970-01-01T00:00:00.000Z");
    assert_string_equal(json_string_value(json_object_get(line, "decision")), "scale");
    assert_int_equal(json_integer_value(json_object_get(line, "from")), 2);
    assert_int_equal(json_integer_value(json_object_get(line, "workers")), 3);
    assert_true(json_is_null(json_object_get(line, "acked")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_have_help_type_and_escaped_labels),
        cmocka_unit_test(what_is_not_known_is_no_sample_and_null),
        cmocka_unit_test(the_table_says_what_is_wrong),
        cmocka_unit_test(a_decision_is_one_line_of_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
