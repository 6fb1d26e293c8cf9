/*
 * test_broker_worker.c - a broker behind its thread: commands, and an outage.
 */
#include "broker_node.h"
#include "scratch_broker.h"

/* ---- commands ---- */

static void carries_out_commands_in_their_order(void **state)
{
    struct node n;
    char out[NAME_SIZE], in[NAME_SIZE];
    const struct binding edge = {BINDING_PUBSUB, out, in};

    (void)state;
    name_it(out, "OUT");
    name_it(in, "IN");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    broker_worker_bind(n.w, &edge); /* before there is a connection */
    broker_worker_observe(n.w, out);
    wait_done(&n, broker_worker_send(n.w, in, "1", 1));
    assert_int_equal(n.connected, 1);
    broker_publish(out, "2", 1);
    wait_for(&n, &n.observed, 1);
    wait_for_depth(in, 2);
    broker_worker_unobserve(n.w, out);
    wait_done(&n, broker_worker_unbind(n.w, &edge));
    broker_publish(out, "3", 1);
    broker_put("fbp", "{}", 2);
    wait_for(&n, &n.discovered, 1);
    assert_int_equal(broker_depth(in), 2);
    assert_int_equal(n.observed, 1);
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void tells_a_refusal_and_goes_on(void **state)
{
    struct node n;
    char missing[NAME_SIZE], in[NAME_SIZE];

    (void)state;
    name_it(missing, "MISSING");
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    broker_worker_send(n.w, missing, "1", 1);
    broker_worker_observe(n.w, missing);
    wait_for(&n, &n.done, broker_worker_send(n.w, in, "1", 1));
    assert_int_equal(n.refused, 2);
    assert_non_null(strstr(n.text, missing));
    assert_int_equal(n.disconnected, 0);
    assert_int_equal(broker_depth(in), 1);
    broker_worker_stop(n.w, DEADLINE_MS);
}

/* To the client library a name that is too long is a broken connection. */
static void refuses_a_name_that_is_too_long_and_goes_on(void **state)
{
    struct node n;
    char in[NAME_SIZE], name[TOPOLOGY_MAX_NAME + 2] = "";
    const struct binding from = {BINDING_ROUNDROBIN, name, in}, to = {BINDING_PUBSUB, in, name};

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    broker_worker_bind(n.w, &from);
    broker_worker_bind(n.w, &to);
    broker_worker_unbind(n.w, &from);
    broker_worker_send(n.w, name, "1", 1);
    broker_worker_observe(n.w, name);
    wait_for(&n, &n.done, broker_worker_send(n.w, in, "1", 1));
    assert_int_equal(n.refused, 5);
    assert_non_null(strstr(n.text, "no longer than 250 bytes"));
    assert_int_equal(n.disconnected, 0);
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void takes_no_more_commands_than_it_may_keep(void **state)
{
    struct node n;
    char in[NAME_SIZE];

    (void)state;
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    /* The owner has not heard of any yet, so none makes room. */
    for (uint64_t i = 1; i <= BROKER_WORKER_MAX_WAITING; i++)
        assert_int_equal(broker_worker_unobserve(n.w, in), i);
    assert_int_equal(broker_worker_unobserve(n.w, in), 0);
    wait_done(&n, BROKER_WORKER_MAX_WAITING);
    assert_int_equal(broker_worker_unobserve(n.w, in), BROKER_WORKER_MAX_WAITING + 1);
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void carries_out_what_waits_before_it_stops(void **state)
{
    struct node n;
    char in[NAME_SIZE];

    (void)state;
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    wait_for(&n, &n.connected, 1);
    for (int i = 0; i < 200; i++)
        broker_worker_send(n.w, in, "1", 1);
    broker_worker_stop(n.w, DEADLINE_MS);
    assert_int_equal(broker_depth(in), 200);
}

static void stops_at_once_while_the_broker_is_away(void **state)
{
    const struct broker_worker_options options = {.url = "amqp://127.0.0.1:1", .name = "test"};
    const struct broker_worker_events events = {.disconnected = on_disconnected};
    struct node n = {0};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(broker_worker_start(&options, &events, &n, &n.w, &e), 0);
    wait_for(&n, &n.disconnected, 1);
    assert_string_equal(n.text, "broker 127.0.0.1:1: cannot be reached");
    broker_worker_send(n.w, "x", "1", 1);
    broker_worker_stop(n.w, DEADLINE_MS);
}

/* ---- an outage ---- */

static void goes_on_after_an_outage_where_it_was(void **state)
{
    struct node n;
    char out[NAME_SIZE], in[NAME_SIZE];

    (void)state;
    if (!scratch_broker_make_private())
        skip();
    name_it(out, "OUT");
    name_it(in, "IN");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(in, NULL));
    start(&n, NULL);
    wait_done(&n, broker_worker_observe(n.w, out));
    scratch_broker_stop();
    wait_for(&n, &n.disconnected, 1);
    broker_worker_send(n.w, in, "1", 1);
    scratch_broker_resume();
    wait_for(&n, &n.connected, 2);
    wait_done(&n, broker_worker_send(n.w, in, "2", 1));
    assert_int_equal(broker_depth(in), 2);
    broker_publish(out, "3", 1);
    wait_for(&n, &n.observed, 1);
    broker_put("fbp", "{}", 2);
    wait_for(&n, &n.discovered, 1);
    assert_int_equal(n.disconnected, 1); /* once an outage */
    broker_worker_stop(n.w, DEADLINE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(carries_out_commands_in_their_order),
        ON_BOTH(tells_a_refusal_and_goes_on),
        cmocka_unit_test(refuses_a_name_that_is_too_long_and_goes_on),
        cmocka_unit_test(takes_no_more_commands_than_it_may_keep),
        ON_BOTH(carries_out_what_waits_before_it_stops),
        cmocka_unit_test(stops_at_once_while_the_broker_is_away),
        ON_BOTH(goes_on_after_an_outage_where_it_was),
    };

    return cmocka_run_group_tests(tests, scratch_broker_start, scratch_broker_end);
}
