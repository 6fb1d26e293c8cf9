/*
 * test_participant_amqp_failures.c - participants on a real RabbitMQ, with classic and with quorum
 * queues: what of theirs was deleted, declared by another, refused or cut.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "amqp_node.h"
#include "scratch_broker.h"

static void consumes_again_when_its_queue_was_deleted(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    join(&n, 2);
    for (size_t round = 1; round <= 2; round++) {
        broker_delete_queue(n.in);
        wait_for_one(&n, &n.warnings, round);
        while (broker_depth(n.in) < 0)
            msgflo_service(n.p);
        broker_put(n.in, "1", 1);
        wait_for_one(&n, &n.got, round);
    }
    assert_int_equal(n.disconnected, 0);
    leave(&n);
}

static void comes_back_after_its_connection_was_cut(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    n.keeps = true;
    join(&n, 2);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.kept_count, 1);
    assert_int_equal(send_text(&n, "out", "1"), 0);
    shutdown(msgflo_fd(n.p), SHUT_RDWR);
    wait_for_one(&n, &n.disconnected, 1);
    assert_int_equal(n.fates[MSGFLO_LOST] + n.fates[MSGFLO_RETURNED], 1);
    assert_int_equal(msgflo_fd(n.p), -1);
    assert_int_equal(send_text(&n, "out", "1"), -1);
    wait_for_one(&n, &n.redelivered, 1);
    assert_int_equal(n.connected, 2);
    msgflo_ack(n.kept[0]); /* of the old connection: only freed */
    msgflo_ack(n.kept[1]);
    wait_for_depth(&n, n.in, 0);
    leave(&n);
}

static void comes_back_when_the_broker_closed_the_connection(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    join(&n, 2);
    assert_int_equal(write(msgflo_fd(n.p), "no AMQP frame", 13), 13);
    wait_for_one(&n, &n.disconnected, 1);
    wait_for_one(&n, &n.connected, 2);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.got, 1);
    leave(&n);
}

static void uses_a_queue_of_other_properties_after_a_warning(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    assert_true(broker_declare_queue(n.in, NULL)); /* as msgflo-cpp does */
    join(&n, 2);
    assert_int_equal(n.warnings, 1);
    broker_put(n.in, "1", 1);
    wait_for_one(&n, &n.got, 1);
    leave(&n);
}

static void declares_an_exchange_again_that_was_deleted_under_it(void **state)
{
    struct node n;

    (void)state;
    name_node(&n);
    join(&n, 2);
    broker_delete_exchange(n.out);
    assert_int_equal(send_text(&n, "out", "1"), 0);
    wait_for_one(&n, &n.fates[MSGFLO_LOST], 1);
    assert_non_null(strstr(n.text, n.out));
    while (send_text(&n, "out", "1"))
        msgflo_service(n.p);
    wait_for_one(&n, &n.fates[MSGFLO_RETURNED], 1);
    broker_bind_queue(n.in, n.out);
    assert_int_equal(send_text(&n, "out", "1"), 0);
    wait_for_one(&n, &n.got, 1);
    assert_int_equal(n.disconnected, 0);
    leave(&n);
}

static void tells_a_refused_login_once_and_not_the_password(void **state)
{
    struct node n;
    char url[300];
    const char *at = strrchr(scratch_broker_url(), '@');

    (void)state;
    name_node(&n);
    snprintf(url, sizeof url, "amqp://imageresize:wr%%6Fng-password%s", at);
    n.p = make_participant(&n, url, 2, 0);
    wait_for_one(&n, &n.disconnected, 1);
    assert_non_null(strstr(n.text, "ACCESS_REFUSED"));
    assert_null(strstr(n.text, "password"));
    assert_true(msgflo_timeout_ms(n.p) > 0);
    msgflo_free(n.p);
}

#define MANY 10000
#define WINDOW 200

static void loses_none_of_ten_thousand_through_a_repeater(void **state)
{
    struct node source, repeater, sink;
    struct node *all[] = {&source, &repeater, &sink};
    static unsigned char seen[MANY];
    size_t sent = 0;

    (void)state;
    name_node(&source);
    name_node(&repeater);
    name_node(&sink);
    repeater.repeats = true;
    memset(seen, 0, sizeof seen);
    sink.seen = seen;
    join(&source, 2);
    join(&repeater, WINDOW);
    join(&sink, WINDOW);
    broker_bind_queue(repeater.in, source.out);
    broker_bind_queue(sink.in, repeater.out);
    while (sent < MANY) {
        char number[10];

        snprintf(number, sizeof number, "%zu", sent);
        if (msgflo_unconfirmed(source.p) < WINDOW && send_text(&source, "out", number) == 0)
            sent++;
        else
            wait_for(&source.fates[MSGFLO_CONFIRMED], sent - WINDOW + 1, all, 3);
        if (sent == MANY / 2) /* twice counted is allowed, lost is not */
            shutdown(msgflo_fd(repeater.p), SHUT_RDWR);
    }
    wait_for(&source.fates[MSGFLO_CONFIRMED], MANY, all, 3);
    for (size_t i = 0; i < MANY; i++)
        while (!seen[i])
            wait_for(&sink.got, sink.got + 1, all, 3);
    assert_true(sink.got >= MANY);
    assert_int_equal(repeater.disconnected, 1);
    leave(&source);
    leave(&repeater);
    leave(&sink);
}

/* Takes a pattern for the tests' names. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consumes_again_when_its_queue_was_deleted),
        cmocka_unit_test(comes_back_after_its_connection_was_cut),
        cmocka_unit_test(comes_back_when_the_broker_closed_the_connection),
        cmocka_unit_test(uses_a_queue_of_other_properties_after_a_warning),
        cmocka_unit_test(declares_an_exchange_again_that_was_deleted_under_it),
        cmocka_unit_test(tells_a_refused_login_once_and_not_the_password),
        cmocka_unit_test(loses_none_of_ten_thousand_through_a_repeater),
    };
    int failed;

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    failed = cmocka_run_group_tests_name("classic queues", tests, use_classic, NULL);
    if (scratch_broker_use(true))
        failed += cmocka_run_group_tests_name("quorum queues", tests, use_quorum, NULL);
    return failed + (scratch_broker_end(NULL) != 0);
}
