/*
 * test_participant_amqp.c - participants on a real RabbitMQ, with classic and with quorum queues:
 * what they declare, and how they send, receive and end messages.
 */
#include <jansson.h>

#include "amqp_node.h"
#include "base/clock.h"
#include "scratch_broker.h"

static void declares_what_peers_declare(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    join(&n, 2);
    assert_true(broker_declare_queue(n.in, n.dead_exchange)); /* as msgflo-nodejs does */
    assert_false(broker_declare_queue(n.in, NULL));
    assert_true(broker_declare_exchange(n.in));
    assert_true(broker_declare_exchange(n.out));
    assert_true(broker_declare_exchange(n.loose));
    assert_true(broker_declare_queue("fbp", NULL));
    assert_int_equal(n.warnings, 0);
    leave(&n);
}

/* Waits until the broker has neither the queue nor the exchanges of the transient ports. */
static void assert_gone(const struct node *n)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (broker_depth(n->in) >= 0 || broker_has_exchange(n->in) || broker_has_exchange(n->out))
        if (clock_mono_ms() > deadline)
            fail_msg("the ports of '%s' are still there: %d messages wait", n->role,
                     broker_depth(n->in));
}

static void a_transient_port_is_declared_as_peers_do_and_goes_with_its_users(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    n.transient = true;
    join(&n, 2);
    assert_int_equal(n.warnings, 0);
    assert_true(broker_declare_transient_queue(n.in, n.dead_exchange));
    assert_true(broker_declare_transient_exchange(n.in));
    assert_true(broker_declare_transient_exchange(n.out));
    broker_bind_queue(n.in, n.out);
    assert_int_equal(send_text(&n, "out", "1"), 0);
    wait_for_one(&n, &n.got, 1);
    assert_int_equal(n.fates[MSGFLO_CONFIRMED] + msgflo_unconfirmed(n.p), 1);
    msgflo_pause_inputs(n.p, true); /* takes the queue with it, and its binding's exchange */
    while (broker_depth(n.in) >= 0)
        msgflo_service(n.p);
    msgflo_pause_inputs(n.p, false);
    while (broker_depth(n.in) < 0)
        msgflo_service(n.p);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.got, 2);
    msgflo_free(n.p);
    assert_gone(&n); /* the broker deletes them after the connection has ended */
    broker_delete_exchange(n.loose);
}

static void announces_itself_and_the_message_expires(void **state)
{
    struct node n;
    char *text, expiration[16] = "";
    json_t *message = NULL;
    const char *id = NULL;
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    (void)state;
    name_node(&n);
    join(&n, 2);
    while (!id || strcmp(id, msgflo_id(n.p)) != 0) { /* others' come first */
        msgflo_service(n.p);
        assert_true(clock_mono_ms() < deadline);
        text = broker_take("fbp", expiration);
        if (!text)
            continue;
        json_decref(message);
        message = json_loads(text, 0, NULL);
        free(text);
        assert_int_equal(json_unpack(message, "{s:{s:s}}", "payload", "id", &id), 0);
    }
    assert_int_equal(json_object_size(json_object_get(message, "payload")), 7);
    assert_string_equal(expiration, "60000");
    json_decref(message);
    leave(&n);
}

static void tells_confirmed_from_returned_with_many_under_way(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    join(&n, 100);
    broker_bind_queue(n.in, n.out);
    for (int i = 0; i < 300; i++)
        assert_int_equal(send_text(&n, i % 3 ? "out" : "loose", "1"), 0);
    assert_int_equal(msgflo_unconfirmed(n.p), 300);
    wait_for_one(&n, &n.told, 300);
    assert_int_equal(msgflo_unconfirmed(n.p), 0);
    wait_for_one(&n, &n.got, 200);
    assert_int_equal(n.fates[MSGFLO_CONFIRMED], 200);
    assert_int_equal(n.fates[MSGFLO_RETURNED], 100);
    leave(&n);
}

static void carries_any_bytes_and_the_headers(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}, {"x-empty", ""}};
    static char big[500000] = {0, 1, 2, '"', (char)0xff};
    struct msgflo_message m = {
        .body = big, .size = sizeof big, .headers = headers, .header_count = 2};
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 2);
    broker_bind_queue(n.in, n.out);
    assert_int_equal(msgflo_send(n.p, "out", &m, NULL, NULL, NULL), 0);
    m.size = 0;
    assert_int_equal(msgflo_send(n.p, "out", &m, NULL, NULL, NULL), 0);
    wait_for_one(&n, &n.kept_count, 2);
    assert_string_equal(msgflo_delivery_port(n.kept[0]), "in");
    assert_int_equal(msgflo_delivery_size(n.kept[0]), sizeof big);
    assert_memory_equal(msgflo_delivery_body(n.kept[0]), big, sizeof big);
    assert_string_equal(msgflo_delivery_header(n.kept[0], "traceparent"), "00-ab");
    assert_string_equal(msgflo_delivery_header(n.kept[0], "x-empty"), "");
    assert_null(msgflo_delivery_header(n.kept[0], "other"));
    assert_int_equal(msgflo_delivery_size(n.kept[1]), 0);
    leave(&n); /* with both unended: they are freed */
}

static void rejected_and_oversized_ones_are_dead_lettered(void **state)
{
    static char big[1000001];
    struct node n;
    char dead[100];

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 2);
    snprintf(dead, sizeof dead, "%s.dead", n.role);
    assert_true(broker_declare_queue(dead, NULL));
    assert_true(broker_declare_exchange(n.dead_exchange));
    broker_bind_queue(dead, n.dead_exchange);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.kept_count, 1);
    msgflo_reject(n.kept[0]);
    wait_for_depth(&n, dead, 1);
    broker_put(n.in, big, sizeof big);
    wait_for_one(&n, &n.warnings, 1);
    assert_non_null(strstr(n.text, "1000001 bytes"));
    wait_for_depth(&n, dead, 2);
    assert_int_equal(n.got, 1);
    broker_put(n.in, big, sizeof big - 1);
    wait_for_one(&n, &n.got, 2);
    broker_delete_queue(dead);
    broker_delete_exchange(n.dead_exchange);
    leave(&n);
}

static void passes_on_what_a_delivery_carries(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}};
    struct msgflo_message m = {.body = "<a/>",
                               .size = 4,
                               .content_type = "text/xml",
                               .headers = headers,
                               .header_count = 1};
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 5);
    broker_bind_queue(n.in, n.out);
    assert_int_equal(msgflo_send(n.p, "out", &m, NULL, NULL, NULL), 0);
    wait_for_one(&n, &n.kept_count, 1);
    m = (struct msgflo_message){.passes_on = n.kept[0]};
    assert_int_equal(msgflo_send(n.p, "out", &m, NULL, NULL, NULL), 0);
    wait_for_one(&n, &n.kept_count, 2);
    assert_string_equal(msgflo_delivery_content_type(n.kept[1]), "text/xml");
    assert_string_equal(msgflo_delivery_header(n.kept[1], "traceparent"), "00-ab");
    assert_memory_equal(msgflo_delivery_message_id(n.kept[1]), msgflo_id(n.p),
                        strlen(msgflo_id(n.p)));
    broker_put(n.in, "1", 1); /* as a peer that gives no properties */
    wait_for_one(&n, &n.kept_count, 3);
    assert_null(msgflo_delivery_content_type(n.kept[2]));
    assert_null(msgflo_delivery_message_id(n.kept[2]));
    leave(&n);
}

static void runs_with_a_loop_of_its_own_until_it_is_stopped(void **state)
{
    volatile int stop = 0;
    struct node n;

    (void)state;
    name_node(&n);
    n.stops = true;
    join(&n, 1);
    broker_put(n.in, "1", 1);
    assert_int_equal(msgflo_run(n.p, &stop), 0); /* from on_input */
    assert_int_equal(n.got, 1);
    stop = 1;
    assert_int_equal(msgflo_run(n.p, &stop), 0);
    leave(&n);
}

static void requeued_ones_come_again(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 2);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.kept_count, 1);
    msgflo_requeue(n.kept[0]);
    wait_for_one(&n, &n.redelivered, 1);
    msgflo_ack(n.kept[1]);
    wait_for_depth(&n, n.in, 0);
    leave(&n);
}

static void ack_upto_ends_all_before_it_and_none_after(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 5);
    for (int i = 0; i < 5; i++)
        broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.kept_count, 5);
    msgflo_ack(n.kept[1]);
    msgflo_ack_upto(n.kept[3]);
    msgflo_service(n.p);
    msgflo_free(n.p); /* the fifth goes back */
    n.keeps = false;
    n.connected = n.got = 0;
    join(&n, 5);
    wait_for_one(&n, &n.got, 1);
    wait_for_depth(&n, n.in, 0);
    assert_int_equal(n.got, 1);
    leave(&n);
}

static void acks_out_of_order_leave_the_open_one_alone(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 5);
    for (int i = 0; i < 5; i++)
        broker_put(n.in, i == 2 ? "kept" : "done", 4);
    wait_for_one(&n, &n.kept_count, 5);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            msgflo_ack(n.kept[i]);
    assert_int_equal(msgflo_timeout_ms(n.p), 0);
    msgflo_service(n.p);
    msgflo_free(n.p);
    n.connected = n.kept_count = 0;
    join(&n, 5);
    wait_for_one(&n, &n.kept_count, 1);
    assert_string_equal(msgflo_delivery_body(n.kept[0]), "kept");
    assert_true(msgflo_delivery_redelivered(n.kept[0]));
    wait_for_depth(&n, n.in, 0);
    assert_int_equal(n.kept_count, 1);
    leave(&n);
}

static void paused_it_takes_nothing_and_stopped_it_gives_back(void **state)
{
    struct node n, other;

    (void)state;
    name_node(&n);
    join(&n, 5);
    msgflo_pause_inputs(n.p, true);
    for (int i = 0; i < 3; i++)
        broker_put(n.in, "1", 1);
    assert_int_equal(send_text(&n, "loose", "1"), 0); /* its answer: the cancel is carried out */
    wait_for_one(&n, &n.fates[MSGFLO_RETURNED], 1);
    assert_int_equal(n.got, 0);
    msgflo_pause_inputs(n.p, false);
    wait_for_one(&n, &n.got, 3);
    msgflo_stop_inputs(n.p);
    broker_put(n.in, "1", 1);
    other = n; /* another worker of the same role */
    other.got = other.connected = 0;
    join(&other, 5);
    wait_for(&other.got, 1, (struct node *[]){&n, &other}, 2);
    assert_int_equal(n.got, 3);
    msgflo_free(other.p);
    leave(&n);
}

/* Takes a pattern for the tests' names. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declares_what_peers_declare),
        cmocka_unit_test(a_transient_port_is_declared_as_peers_do_and_goes_with_its_users),
        cmocka_unit_test(announces_itself_and_the_message_expires),
        cmocka_unit_test(tells_confirmed_from_returned_with_many_under_way),
        cmocka_unit_test(carries_any_bytes_and_the_headers),
        cmocka_unit_test(rejected_and_oversized_ones_are_dead_lettered),
        cmocka_unit_test(passes_on_what_a_delivery_carries),
        cmocka_unit_test(runs_with_a_loop_of_its_own_until_it_is_stopped),
        cmocka_unit_test(requeued_ones_come_again),
        cmocka_unit_test(ack_upto_ends_all_before_it_and_none_after),
        cmocka_unit_test(acks_out_of_order_leave_the_open_one_alone),
        cmocka_unit_test(paused_it_takes_nothing_and_stopped_it_gives_back),
    };
    int failed;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    failed = cmocka_run_group_tests_name("classic queues", tests, use_classic, NULL);
    if (scratch_broker_use(true))
        failed += cmocka_run_group_tests_name("quorum queues", tests, use_quorum, NULL);
    return failed + (scratch_broker_end(NULL) != 0);
}
