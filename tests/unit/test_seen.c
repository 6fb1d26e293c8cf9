/*
 * test_seen.c - announcements of participants, and who is there by them.
 */
#include "unit.h"

#include "base/buf.h"
#include "network/seen.h"

#define INTERVAL_MS 27272 /* 60 s / 2.2 */

static struct participant *parse(const char *text)
{
    struct participant *p;
    struct err e = ERR_INIT;

    if (participant_parse(text, strlen(text), &p, &e))
        fail_msg("%s", e.text);
    return p;
}

static struct participant *announcement(const char *id, const char *role, const char *queue)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text,
               "{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":"
               "{\"id\":\"%s\",\"role\":\"%s\",\"component\":\"a/B\",\"inports\":[{\"id\":\"in\","
               "\"type\":\"object\",\"queue\":\"%s\"}],\"outports\":[]}}",
               id, role, queue);
    return parse(text.data);
}

static enum seen_change hear(struct seen *s, const char *id, const char *role, const char *queue,
                             int64_t now_ms)
{
    enum seen_change change;
    struct err e = ERR_INIT;

    if (seen_heard(s, announcement(id, role, queue), now_ms, &change, &e))
        fail_msg("%s", e.text);
    return change;
}

static void reads_what_participants_announce(void **state)
{
    struct participant *p =
        parse("{\"protocol\":\"discovery\",\"command\":\"participant\",\"extra\":1,\"payload\":{"
              "\"id\":\"r-1\",\"role\":\"r\",\"component\":\"n/C\",\"label\":\"Does\",\"icon\":"
              "\"car\",\"inports\":[{\"id\":\"in\",\"queue\":\"r.IN\",\"hidden\":false}],"
              "\"outports\":[{\"id\":\"out\",\"type\":\"string\",\"queue\":null}]}}");

    (void)state;
    assert_string_equal(p->id, "r-1");
    assert_string_equal(p->component, "n/C");
    assert_string_equal(p->label, "Does");
    assert_string_equal(p->inports[0].type, "any");
    assert_string_equal(participant_queue(p, true, "in"), "r.IN");
    assert_string_equal(participant_queue(p, true, "IN"), "r.IN");
    assert_null(participant_queue(p, false, "out"));
    assert_null(participant_queue(p, true, "other"));
    participant_free(p);
}

static void refuses_what_is_no_announcement(void **state)
{
    static const char *const cases[][2] = {
        {"", "no JSON"},
        {"null", "no JSON"},
        {"[]", "not a discovery message"},
        {"{\"protocol\":\"discovery\"}", "not a discovery message"},
        {"{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":[]}", "payload"},
        {"{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":5}}", "id"},
        {"{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"a\","
         "\"role\":\"\"}}",
         "role"},
        {"{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"a\","
         "\"role\":\"r\",\"component\":\"c\",\"inports\":{},\"outports\":[]}}",
         "inports"},
        {"{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"a\","
         "\"role\":\"r\",\"component\":\"c\",\"inports\":[],\"outports\":[7]}}",
         "outports"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct participant *p = NULL;
        struct err e = ERR_INIT;

        assert_int_equal(participant_parse(cases[i][0], strlen(cases[i][0]), &p, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.text, cases[i][1]));
        assert_null(p);
    }
}

static int parse_with_ports(size_t n)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct participant *p = NULL;
    struct err e = ERR_INIT;
    int rc;

    buf_text(&text, "{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":"
                    "\"a\",\"role\":\"r\",\"component\":\"c\",\"outports\":[],\"inports\":[");
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s{\"id\":\"p%zu\"}", i ? "," : "", i);
    buf_text(&text, "]}}");
    rc = participant_parse(text.data, text.len, &p, &e);
    if (rc)
        assert_int_equal(e.code, ERR_LIMIT);
    participant_free(p);
    return rc;
}

static void ports_and_bytes_are_limited(void **state)
{
    char *text = calloc(1, SEEN_MAX_BYTES + 1);
    struct participant *p;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(parse_with_ports(SEEN_MAX_PORTS), 0);
    assert_int_equal(parse_with_ports(SEEN_MAX_PORTS + 1), -1);
    memset(text, ' ', SEEN_MAX_BYTES + 1);
    assert_int_equal(participant_parse(text, SEEN_MAX_BYTES, &p, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    err_clear(&e);
    assert_int_equal(participant_parse(text, SEEN_MAX_BYTES + 1, &p, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    free(text);
}

static void tells_new_same_and_changed(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    assert_int_equal(hear(s, "a-1", "a", "a.IN", 0), SEEN_NEW);
    assert_int_equal(hear(s, "a-1", "a", "a.IN", 1000), SEEN_SAME);
    assert_int_equal(hear(s, "a-1", "a", "other", 2000), SEEN_CHANGED);
    assert_int_equal(hear(s, "a-2", "a", "a.IN", 2000), SEEN_NEW);
    assert_int_equal(hear(s, "a-1", "b", "other", 3000), SEEN_CHANGED);
    assert_int_equal(seen_count(s), 2);
    seen_free(s);
}

static void keeps_the_order_of_role_and_id(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    hear(s, "b-2", "b", "q", 0);
    hear(s, "c-1", "c", "q", 0);
    hear(s, "b-1", "b", "q", 0);
    hear(s, "a-9", "a", "q", 0);
    assert_string_equal(seen_at(s, 0)->id, "a-9");
    assert_string_equal(seen_at(s, 1)->id, "b-1");
    assert_string_equal(seen_at(s, 2)->id, "b-2");
    assert_string_equal(seen_at(s, 3)->id, "c-1");
    seen_free(s);
}

static void the_silent_are_stale_then_gone(void **state)
{
    struct seen *s = seen_new();
    struct participant *p;

    (void)state;
    hear(s, "a-1", "a", "q", 0);
    assert_false(participant_is_stale(seen_at(s, 0), 2 * INTERVAL_MS));
    assert_true(participant_is_stale(seen_at(s, 0), 2 * INTERVAL_MS + 1));
    assert_null(seen_take_gone(s, 3 * SEEN_PERIOD_DEFAULT_MS - 10));
    p = seen_take_gone(s, 3 * SEEN_PERIOD_DEFAULT_MS + 10);
    assert_string_equal(p->id, "a-1");
    participant_free(p);
    assert_int_equal(seen_count(s), 0);
    assert_int_equal(hear(s, "a-1", "a", "q", 200000), SEEN_NEW);
    seen_free(s);
}

static void one_heard_after_it_had_gone_is_new(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    hear(s, "a-1", "a", "q", 0);
    assert_int_equal(hear(s, "a-1", "a", "q", 4 * SEEN_PERIOD_DEFAULT_MS), SEEN_NEW);
    assert_int_equal(seen_count(s), 1);
    seen_free(s);
}

static void a_participant_is_held_to_its_own_interval(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    for (int64_t now_ms = 0; now_ms <= 6000; now_ms += 2000)
        hear(s, "quick", "a", "q", now_ms);
    assert_int_equal(seen_at(s, 0)->interval_ms, 2000);
    assert_true(participant_is_stale(seen_at(s, 0), 10001));
    hear(s, "quick", "a", "q", 6100); /* one early says nothing */
    assert_int_equal(seen_at(s, 0)->interval_ms, 2000);
    for (int64_t now_ms = 0; now_ms <= 300000; now_ms += 100000)
        hear(s, "slow", "b", "q", now_ms);
    assert_false(participant_is_stale(seen_at(s, 1), 500000));
    seen_free(s);
}

/* Three that had waited, then one soon after: its interval was that of the last two, and it was
 * gone, and then new, before it could announce itself again. */
static void announcements_that_waited_tell_no_interval(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    for (int64_t now_ms = 0; now_ms < 3; now_ms++)
        hear(s, "a-1", "a", "q", now_ms);
    hear(s, "a-1", "a", "q", 2000);
    assert_false(participant_is_stale(seen_at(s, 0), 2000 + INTERVAL_MS));
    assert_null(seen_take_gone(s, 2000 + INTERVAL_MS));
    assert_int_equal(hear(s, "a-1", "a", "q", 2000 + INTERVAL_MS), SEEN_SAME);
    seen_free(s);
}

static void one_told_late_takes_back_no_time(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    hear(s, "a-1", "a", "q", 50000);
    hear(s, "a-1", "a", "q", 20000);
    assert_int_equal(seen_at(s, 0)->last_seen_ms, 50000);
    seen_free(s);
}

static void a_role_is_the_first_process_that_is_not_stale(void **state)
{
    struct seen *s = seen_new();

    (void)state;
    hear(s, "a-1", "a", "old", 0);
    hear(s, "a-2", "a", "new", 80000);
    assert_string_equal(seen_role(s, "a", 0)->id, "a-1");
    assert_string_equal(seen_role(s, "a", 80000)->id, "a-2");
    assert_string_equal(seen_role(s, "a", 800000)->id, "a-1");
    assert_null(seen_role(s, "b", 0));
    seen_free(s);
}

static void participants_are_limited(void **state)
{
    struct seen *s = seen_new();
    enum seen_change change;
    struct err e = ERR_INIT;
    char id[32];

    (void)state;
    for (int i = 0; i < SEEN_MAX_PARTICIPANTS; i++) {
        snprintf(id, sizeof(id), "a-%d", i);
        hear(s, id, "a", "q", 0);
    }
    assert_int_equal(hear(s, "a-7", "a", "q", 1), SEEN_SAME);
    assert_int_equal(seen_heard(s, announcement("one more", "a", "q"), 2, &change, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(seen_count(s), SEEN_MAX_PARTICIPANTS);
    seen_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_participants_announce),
        cmocka_unit_test(refuses_what_is_no_announcement),
        cmocka_unit_test(ports_and_bytes_are_limited),
        cmocka_unit_test(tells_new_same_and_changed),
        cmocka_unit_test(keeps_the_order_of_role_and_id),
        cmocka_unit_test(the_silent_are_stale_then_gone),
        cmocka_unit_test(one_heard_after_it_had_gone_is_new),
        cmocka_unit_test(a_participant_is_held_to_its_own_interval),
        cmocka_unit_test(announcements_that_waited_tell_no_interval),
        cmocka_unit_test(one_told_late_takes_back_no_time),
        cmocka_unit_test(a_role_is_the_first_process_that_is_not_stale),
        cmocka_unit_test(participants_are_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
