/*
 * test_participant_mqtt.c - participants on a real Mosquitto: how they send, receive and end
 * messages.
 */
#include "base/clock.h"
#include "mqtt_node.h"
#include "scratch_mosquitto.h"

/* Numbers from..to-1 as texts, confirmed. */
static void send_numbers(struct node *n, size_t from, size_t to)
{
    size_t told = n->told + to - from;
    char text[24];

    for (size_t i = from; i < to; i++) {
        snprintf(text, sizeof text, "%zu", i);
        assert_int_equal(send_text(n, "out", text, false), 0);
    }
    wait_for_one(n, &n->told, told);
}

static void carries_any_bytes_headers_and_content_type(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}, {"x", ""}};
    const struct msgflo_message m = {
        .body = "a\0b", .size = 3, .content_type = "text/x", .headers = headers, .header_count = 2};
    struct node from = {0}, to = {.keeps = true};
    const struct msgflo_delivery *d;

    (void)state;
    start_receiver(&to, topic, 5);
    start_sender(&from);
    assert_int_equal(msgflo_send(from.p, "out", &m, count_fate, &from, NULL), 0);
    wait_for_one(&to, &to.kept_count, 1);
    wait_for_one(&from, &from.told, 1);
    d = to.kept[0];
    assert_int_equal(msgflo_delivery_size(d), 3);
    assert_memory_equal(msgflo_delivery_body(d), "a\0b", 4);
    assert_string_equal(msgflo_delivery_content_type(d), "text/x");
    assert_string_equal(msgflo_delivery_header(d, "traceparent"), "00-ab");
    assert_string_equal(msgflo_delivery_header(d, "x"), "");
    assert_null(msgflo_delivery_header(d, "message_id"));
    assert_memory_equal(msgflo_delivery_message_id(d), msgflo_id(from.p), strlen(role) + 1);
    assert_int_equal(from.fates[MSGFLO_CONFIRMED], 1);
    leave(&to);
    leave(&from);
}

static void tells_confirmed_from_returned_with_many_under_way(void **state)
{
    struct node from = {0}, to = {0};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 100);
    start_sender(&from);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send_text(&from, "out", "1", true), 0);
        assert_int_equal(send_text(&from, "loose", "2", true), 0);
        assert_int_equal(send_text(&from, "loose", "3", false), 0);
    }
    wait_for(&from.told, 1500, both, 2);
    wait_for(&to.got, 500, both, 2);
    assert_int_equal(from.fates[MSGFLO_CONFIRMED], 1000);
    assert_int_equal(from.fates[MSGFLO_RETURNED], 500);
    assert_int_equal(msgflo_unconfirmed(from.p), 0);
    leave(&to);
    leave(&from);
}

static void rejected_and_oversized_ones_go_to_the_dead_topic(void **state)
{
    char dead_topic[110], big[1002];
    struct node from = {0}, to = {.rejects = true}, dead = {0};
    struct node *all[] = {&from, &to, &dead};

    (void)state;
    snprintf(dead_topic, sizeof dead_topic, "dead-%s", topic);
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    start_receiver(&dead, dead_topic, 5);
    start_receiver(&to, topic, 1);
    start_sender(&from);
    assert_int_equal(send_text(&from, "out", "bad", true), 0);
    wait_for(&dead.got, 1, all, 3);
    assert_string_equal(dead.last, "bad");
    assert_int_equal(send_text(&from, "out", big, true), 0);
    wait_for(&to.warnings, 1, all, 3); /* dead itself has the same limit: it warns, too */
    assert_int_equal(to.got, 1);
    assert_int_equal(send_text(&from, "out", "again", true), 0); /* its port is not stuck */
    wait_for(&dead.got, 2, all, 3);
    assert_string_equal(dead.last, "again");
    leave(&to);
    leave(&dead);
    leave(&from);
}

static void requeued_ones_come_again(void **state)
{
    struct node from = {0}, to = {.requeues_first = true};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 1);
    start_sender(&from);
    assert_int_equal(send_text(&from, "out", "once more", true), 0);
    wait_for(&to.got, 2, both, 2);
    assert_string_equal(to.last, "once more");
    leave(&to);
    leave(&from);
}

static void processes_of_a_role_share_the_work(void **state)
{
    bool seen[41] = {false};
    struct node from = {0}, to[2] = {{.seen = seen}, {.seen = seen}};
    struct node *all[] = {&from, &to[0], &to[1]};
    size_t alone = 0, together = 0;

    (void)state;
    start_receiver(&to[0], topic, 1);
    start_receiver(&to[1], topic, 1);
    start_sender(&from);
    send_numbers(&from, 1, 41);
    while (together < 40) {
        service_once(all, 3);
        together = to[0].got + to[1].got;
    }
    for (size_t i = 1; i < 41; i++)
        assert_true(seen[i]);
    assert_int_equal(together, 40);
    alone = to[0].got;
    assert_in_range(alone, 1, 39);
    leave(&to[0]);
    leave(&to[1]);
    leave(&from);
}

static void takes_no_more_than_its_prefetch_until_all_have_ended(void **state)
{
    struct node from = {0}, to = {.keeps = true};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 3);
    start_sender(&from);
    send_numbers(&from, 0, 10);
    wait_for(&to.kept_count, 3, both, 2);
    msgflo_ack(to.kept[0]);
    msgflo_reject(to.kept[2]);
    send_numbers(&from, 10, 20); /* as long as a message may take to come */
    for (int i = 0; i < 20; i++)
        msgflo_service(to.p);
    assert_int_equal(to.kept_count, 3);
    msgflo_ack(to.kept[1]);
    wait_for(&to.kept_count, 6, both, 2);
    for (size_t i = 3; i < 6; i++)
        msgflo_ack(to.kept[i]);
    wait_for(&to.kept_count, 9, both, 2);
    leave(&to);
    leave(&from);
}

static void paused_it_takes_nothing_until_it_goes_on(void **state)
{
    struct node from = {0}, to = {0};

    (void)state;
    start_receiver(&to, topic, 1);
    start_sender(&from);
    msgflo_pause_inputs(to.p, true);
    send_numbers(&from, 0, 3);
    for (int i = 0; i < 20; i++)
        msgflo_service(to.p);
    assert_int_equal(to.got, 0);
    msgflo_pause_inputs(to.p, false);
    wait_for_one(&to, &to.got, 3);
    leave(&to);
    leave(&from);
}

static void the_rest_of_a_stopped_process_goes_to_the_others(void **state)
{
    bool seen[31] = {false};
    struct node from = {0}, stopped = {.keeps = true}, other = {.seen = seen};
    struct node *all[] = {&from, &other, &stopped};
    size_t missing = 30;
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    (void)state;
    start_receiver(&stopped, topic, 1);
    start_receiver(&other, topic, 5);
    start_sender(&from);
    send_numbers(&from, 1, 31);
    wait_for(&stopped.kept_count, 1, all, 3);
    msgflo_stop_inputs(stopped.p);
    seen[atoi(msgflo_delivery_body(stopped.kept[0]))] = true;
    assert_false(msgflo_drained(stopped.p));
    msgflo_ack(stopped.kept[0]);
    while (!msgflo_drained(stopped.p)) {
        service_once(all, 3);
        assert_true(clock_mono_ms() < deadline);
    }
    assert_int_equal(stopped.got, 1);
    leave(&stopped);
    while (missing) {
        service_once(all, 2);
        missing = 0;
        for (size_t i = 1; i < 31; i++)
            missing += !seen[i];
        if (clock_mono_ms() > deadline)
            fail_msg("%zu are missing", missing);
    }
    leave(&other);
    leave(&from);
}

static void a_lasting_session_keeps_what_was_not_acked_and_what_came_meanwhile(void **state)
{
    struct node from = {0}, to = {.keeps = true}, heir = {.keeps = true};
    char url[URL_SIZE];

    (void)state;
    snprintf(url, sizeof url, "%s?clientId=%s&cleanSession=false", scratch_mosquitto_url(), role);
    make_receiver(&to, topic, url, 2);
    wait_for_one(&to, &to.connected, 1);
    start_sender(&from);
    send_numbers(&from, 0, 2);
    wait_for_one(&to, &to.kept_count, 2);
    leave(&to); /* without an ack, as if it had been killed */
    send_numbers(&from, 2, 4);
    make_receiver(&heir, topic, url, 2);
    wait_for_one(&heir, &heir.kept_count, 2);
    assert_string_equal(msgflo_delivery_body(heir.kept[0]), "0");
    assert_string_equal(msgflo_delivery_body(heir.kept[1]), "1");
    msgflo_ack(heir.kept[0]);
    msgflo_ack(heir.kept[1]);
    wait_for_one(&heir, &heir.kept_count, 4);
    assert_string_equal(heir.last, "3");
    msgflo_ack(heir.kept[2]);
    msgflo_ack(heir.kept[3]);
    leave(&heir);
    leave(&from);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_any_bytes_headers_and_content_type),
        TEST(tells_confirmed_from_returned_with_many_under_way),
        TEST(rejected_and_oversized_ones_go_to_the_dead_topic),
        TEST(requeued_ones_come_again),
        TEST(processes_of_a_role_share_the_work),
        TEST(takes_no_more_than_its_prefetch_until_all_have_ended),
        TEST(paused_it_takes_nothing_until_it_goes_on),
        TEST(the_rest_of_a_stopped_process_goes_to_the_others),
        TEST(a_lasting_session_keeps_what_was_not_acked_and_what_came_meanwhile),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, scratch_mosquitto_start, scratch_mosquitto_end);
}
