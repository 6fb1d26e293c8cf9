/*
 * test_broker_amqp.c - what the tool does on a real RabbitMQ, with classic and with quorum queues.
 */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "scratch_broker.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define NAME_SIZE 80

static struct broker *open_broker(void)
{
    const struct broker_options options = {
        .url = scratch_broker_url(), .name = "test", .timeout_ms = DEADLINE_MS};
    struct broker *b = NULL;
    struct err e = ERR_INIT;

    if (broker_open(&options, &b, &e))
        fail_msg("%s", e.text);
    return b;
}

static void assert_done(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->text);
}

static void assert_refused(int rc, struct err *e, const char *text)
{
    assert_int_equal(rc, -1);
    assert_int_equal(e->code, ERR_INPUT);
    if (!strstr(e->text, text))
        fail_msg("'%s' does not say '%s'", e->text, text);
    err_clear(e);
}

/* A name that no other test and no other run uses. */
static void name_it(char ret[NAME_SIZE], const char *what)
{
    static unsigned count;

    snprintf(ret, NAME_SIZE, "b%ld-%u.%s", (long)getpid(), ++count, what);
}

static void declare(struct broker *b, const char *out, const char *in)
{
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;

    assert_done(broker_declare_outport(b, out, &warnings, &e), &e);
    assert_done(broker_declare_inport(b, in, &warnings, &e), &e);
    assert_int_equal(warnings.len, 0);
}

static void bind_it(struct broker *b, const struct binding *binding)
{
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;

    assert_done(broker_bind(b, binding, &warnings, &e), &e);
    assert_int_equal(warnings.len, 0);
}

static void send_text(struct broker *b, const char *queue, const char *text)
{
    const struct broker_message m = {text, strlen(text), NULL};
    struct err e = ERR_INIT;

    assert_done(broker_send(b, queue, &m, &e), &e);
}

/* An exchange reaches its namesake queue; so an inport's name sends by exchange, too. */
static void publish(const char *exchange, const char *text)
{
    broker_publish(exchange, text, strlen(text));
}

/* The next delivery must be this one. */
static void expect(struct broker *b, enum broker_source source, const char *from, const char *body)
{
    struct broker_delivery d;
    struct err e = ERR_INIT;

    assert_done(broker_next(b, DEADLINE_MS, &d, &e), &e);
    assert_int_equal(d.source, source);
    assert_string_equal(d.from, from);
    assert_int_equal(d.size, strlen(body));
    assert_string_equal(d.body, body);
}

static void expect_nothing(struct broker *b)
{
    struct broker_delivery d;
    struct err e = ERR_INIT;

    assert_int_equal(broker_next(b, 300, &d, &e), -1);
    assert_int_equal(e.code, ERR_TIMEOUT);
}

static void wait_for_depth(const char *queue, int depth)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (broker_depth(queue) != depth)
        if (clock_until_ms(deadline) == 0)
            fail_msg("queue '%s' holds %d, not %d", queue, broker_depth(queue), depth);
}

/* ---- ports and edges ---- */

static void declares_ports_as_participants_do(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE], dead[NAME_SIZE + 5];

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    snprintf(dead, sizeof dead, "dead-%s", in);
    declare(b, out, in);
    declare(b, out, in);
    assert_true(broker_declare_queue(in, dead)); /* the same again, or it would be refused */
    assert_true(broker_declare_exchange(in));
    assert_true(broker_declare_exchange(out));
    publish(in, "1"); /* the exchange of an inport's name leads to its queue */
    wait_for_depth(in, 1);
}

static void uses_what_is_there_with_other_properties_and_warns(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;
    char in[NAME_SIZE];

    (void)state;
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    assert_done(broker_declare_inport(b, in, &warnings, &e), &e);
    assert_non_null(strstr(warnings.data, in));
    assert_non_null(strstr(warnings.data, "; used as it is\n"));
    send_text(b, in, "1");
    assert_int_equal(broker_depth(in), 1);
}

static void binds_and_unbinds_an_edge_any_number_of_times(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE];
    const struct binding edge = {BINDING_PUBSUB, out, in};
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    declare(b, out, in);
    bind_it(b, &edge);
    bind_it(b, &edge);
    publish(out, "1");
    wait_for_depth(in, 1);
    assert_done(broker_unbind(b, &edge, &e), &e);
    assert_done(broker_unbind(b, &edge, &e), &e);
    publish(out, "2");
    assert_int_equal(broker_depth(in), 1);
}

static void unbinds_one_target_of_a_round_robin(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char out[NAME_SIZE], in[2][NAME_SIZE];
    const struct binding edges[] = {{BINDING_ROUNDROBIN, out, in[0]},
                                    {BINDING_ROUNDROBIN, out, in[1]}};
    struct err e = ERR_INIT;

    (void)state;
    name_it(out, "OUT");
    for (size_t i = 0; i < 2; i++) {
        name_it(in[i], "IN");
        declare(b, out, in[i]);
        bind_it(b, &edges[i]);
    }
    publish(out, "1");
    wait_for_depth(in[0], 1);
    wait_for_depth(in[1], 1);
    assert_done(broker_unbind(b, &edges[0], &e), &e);
    publish(out, "2");
    wait_for_depth(in[1], 2);
    assert_int_equal(broker_depth(in[0]), 1);
}

static void leads_rejected_messages_to_the_dead_letter_port(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE], dead[NAME_SIZE];
    const struct binding edge = {BINDING_DEADLETTER, in, dead};

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    name_it(dead, "DEAD");
    declare(b, out, in);
    declare(b, out, dead);
    bind_it(b, &edge);
    send_text(b, in, "1");
    broker_reject(in);
    wait_for_depth(dead, 1);
}

static void names_a_missing_port_and_goes_on(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char in[NAME_SIZE], out[NAME_SIZE], missing[NAME_SIZE];
    const struct binding edges[] = {{BINDING_PUBSUB, missing, in}, {BINDING_PUBSUB, out, missing}};
    const struct broker_message m = {"1", 1, NULL};
    struct broker_queue_state queue;
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    name_it(missing, "MISSING");
    declare(b, out, in);
    assert_refused(broker_bind(b, &edges[0], &warnings, &e), &e, missing);
    assert_refused(broker_bind(b, &edges[1], &warnings, &e), &e, missing);
    assert_refused(broker_send(b, missing, &m, &e), &e, missing);
    assert_refused(broker_consume(b, missing, 1, &e), &e, missing);
    assert_refused(broker_observe(b, missing, 10, &e), &e, missing);
    assert_refused(broker_queue_state(b, missing, &queue, &e), &e, missing);
    send_text(b, in, "1");
    assert_done(broker_queue_state(b, in, &queue, &e), &e);
    assert_int_equal(queue.messages, 1);
    assert_int_equal(queue.consumers, 0);
}

/* ---- deliveries ---- */

static void takes_messages_and_gives_back_what_it_did_not_ack(void **state)
{
    struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE];
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    declare(b, out, in);
    for (int i = 0; i < 4; i++)
        send_text(b, in, (const char *[]){"0", "1", "2", "3"}[i]);
    assert_done(broker_consume(b, in, 3, &e), &e);
    expect(b, BROKER_FROM_QUEUE, in, "0");
    expect(b, BROKER_FROM_QUEUE, in, "1");
    assert_done(broker_ack(b, &e), &e);
    expect(b, BROKER_FROM_QUEUE, in, "2");
    broker_close(b);
    wait_for_depth(in, 2);
}

static void keeps_deliveries_that_come_while_a_step_waits(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE], other[NAME_SIZE], text[16];
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    name_it(other, "OTHER");
    declare(b, out, in);
    assert_done(broker_observe(b, out, 100, &e), &e);
    assert_done(broker_consume(b, in, 100, &e), &e);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        publish(out, text);
        send_text(b, in, text);
        declare(b, out, other);
    }
    for (int i = 0, observed = 0, taken = 0; i < 40; i++) {
        struct broker_delivery d;

        assert_done(broker_next(b, DEADLINE_MS, &d, &e), &e);
        snprintf(text, sizeof text, "%d", d.source == BROKER_FROM_OBSERVED ? observed++ : taken++);
        assert_string_equal(d.body, text);
    }
    expect_nothing(b);
}

static void says_that_a_consumed_queue_is_gone(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE];
    struct broker_delivery d;
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    declare(b, out, in);
    assert_done(broker_consume(b, in, 1, &e), &e);
    broker_delete_queue(in);
    assert_int_equal(broker_next(b, DEADLINE_MS, &d, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.text, in));
}

static void observes_an_outport_until_told_not_to(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char out[NAME_SIZE], in[NAME_SIZE];
    struct err e = ERR_INIT;

    (void)state;
    name_it(out, "OUT");
    name_it(in, "IN");
    declare(b, out, in);
    assert_done(broker_observe(b, out, 100, &e), &e);
    assert_done(broker_observe(b, out, 100, &e), &e);
    publish(out, "{\"a\":1}");
    expect(b, BROKER_FROM_OBSERVED, out, "{\"a\":1}");
    publish(out, "");
    expect(b, BROKER_FROM_OBSERVED, out, "");
    expect_nothing(b); /* each once */
    publish(out, "late");
    assert_done(broker_unobserve(b, out, &e), &e);
    assert_done(broker_unobserve(b, out, &e), &e);
    expect_nothing(b);
    assert_done(broker_observe(b, out, 100, &e), &e);
    publish(out, "again");
    expect(b, BROKER_FROM_OBSERVED, out, "again");
}

/* What was published last is what a reader that slept hears last. */
static void observes_no_more_than_its_bound(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char out[NAME_SIZE], in[NAME_SIZE], text[16];
    struct broker_delivery d;
    struct err e = ERR_INIT;
    int n = 0;

    (void)state;
    name_it(out, "OUT");
    name_it(in, "IN");
    declare(b, out, in);
    assert_done(broker_observe(b, out, 10, &e), &e);
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "%d", i);
        publish(out, text);
    }
    do {
        assert_done(broker_next(b, DEADLINE_MS, &d, &e), &e);
        n++;
    } while (strcmp(d.body, "99") != 0);
    assert_in_range(n, 1, 10);
}

/* ---- discovery ---- */

static void lets_every_follower_hear_every_announcement(void **state)
{
    AUTO(broker_closep) struct broker *one = open_broker(), *two = open_broker();
    struct err e = ERR_INIT;
    char text[16];

    (void)state;
    assert_done(broker_follow_discovery(one, &e), &e);
    assert_done(broker_follow_discovery(two, &e), &e);
    assert_done(broker_follow_discovery(two, &e), &e);
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof text, "%d", i);
        broker_put("fbp", text, strlen(text));
    }
    /* Either takes some from the queue: each passes on what it took, while it waits. */
    for (int heard[2] = {0, 0}; heard[0] < 20 || heard[1] < 20;) {
        struct broker *both[] = {one, two};

        for (int i = 0; i < 2; i++) {
            struct broker_delivery d;

            if (broker_next(both[i], 20, &d, &e) == 0) {
                assert_int_equal(d.source, BROKER_FROM_DISCOVERY);
                heard[i]++;
            }
            assert_true(e.code == ERR_NONE || e.code == ERR_TIMEOUT);
            err_clear(&e);
        }
    }
    expect_nothing(one);
    expect_nothing(two);
    wait_for_depth("fbp", 0);
}

static void finds_announcements_that_waited(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    struct err e = ERR_INIT;

    (void)state;
    assert_done(broker_announce(b, "{\"early\":1}", 60000, &e), &e);
    assert_done(broker_follow_discovery(b, &e), &e);
    expect(b, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"early\":1}");
    expect_nothing(b);
}

#define BRIEF_MS 8000 /* but time enough for a second reader to come */

/* What a reader took is heard by whoever comes after it, whether that reader lives or not. */
static void recalls_what_readers_took_and_leaves_it_there(void **state)
{
    AUTO(broker_closep) struct broker *first = open_broker(), *second = open_broker();
    struct broker *third;
    struct broker_delivery d;
    struct err e = ERR_INIT;

    (void)state;
    broker_delete_queue("fbp.recent"); /* what other tests left */
    assert_done(broker_recall_discovery(first, &e), &e);
    assert_done(broker_follow_discovery(first, &e), &e);
    assert_done(broker_announce(first, "{\"brief\":1}", BRIEF_MS, &e), &e);
    expect(first, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"brief\":1}");
    broker_put("fbp", "{\"npm\":1}", 9); /* which never expires by itself */
    expect(first, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"npm\":1}");
    wait_for_depth("fbp.recent", 2);

    assert_done(broker_recall_discovery(second, &e), &e);
    assert_done(broker_follow_discovery(second, &e), &e);
    assert_done(broker_next(second, DEADLINE_MS, &d, &e), &e);
    assert_string_equal(d.body, "{\"brief\":1}");
    assert_in_range(d.age_ms, 0, DEADLINE_MS);
    expect(second, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"npm\":1}");
    expect_nothing(second);
    expect_nothing(first);

    broker_close(first);
    first = NULL;
    wait_for_depth("fbp.recent", 1); /* that of a brief period has expired where it is */
    third = open_broker();
    assert_done(broker_recall_discovery(third, &e), &e);
    expect(third, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"npm\":1}");
    expect_nothing(third);
    broker_close(third);
}

#define RECENT_MAX 1000

static void recalls_no_more_than_its_bound(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker(), *late = open_broker();
    struct operator_session *o = operator_open();
    struct broker_delivery d;
    struct err e = ERR_INIT;
    char text[16];

    (void)state;
    broker_delete_queue("fbp.recent");
    assert_done(broker_recall_discovery(b, &e), &e);
    for (int i = 0; i <= RECENT_MAX; i++) {
        snprintf(text, sizeof text, "%d", i);
        operator_publish(o, "fbp.discovery", "id", text);
    }
    operator_close(o);
    wait_for_depth("fbp.recent", RECENT_MAX);
    assert_done(broker_recall_discovery(late, &e), &e);
    expect(late, BROKER_FROM_DISCOVERY, "fbp.discovery", "1"); /* the oldest gave way */
    for (int i = 2; i <= RECENT_MAX; i++)
        assert_done(broker_next(late, DEADLINE_MS, &d, &e), &e);
    assert_string_equal(d.body, text);
    expect_nothing(late);
}

static void goes_without_what_it_may_not_keep(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    struct err e = ERR_INIT;

    (void)state;
    broker_delete_queue("fbp.recent");
    assert_true(broker_declare_queue("fbp.recent", "other")); /* of other properties */
    assert_done(broker_recall_discovery(b, &e), &e);
    assert_done(broker_follow_discovery(b, &e), &e);
    assert_done(broker_announce(b, "{\"a\":1}", 60000, &e), &e);
    expect(b, BROKER_FROM_DISCOVERY, "fbp.discovery", "{\"a\":1}");
    broker_delete_queue("fbp.recent");
}

/* ---- held messages ---- */

static void sends_on_what_was_held_with_its_properties(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], out[NAME_SIZE], held[NAME_SIZE], missing[NAME_SIZE];
    struct broker_delivery d;
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(out, "OUT");
    name_it(held, "held");
    name_it(missing, "MISSING");
    declare(b, out, in);
    assert_done(broker_hold(b, held, &e), &e);
    assert_done(broker_hold(b, held, &e), &e);
    for (int i = 0; i < 250; i++) /* more than one batch */
        send_text(b, held, "kept");
    assert_refused(broker_release_held(b, held, missing, &e), &e, missing);
    wait_for_depth(held, 250);
    assert_done(broker_release_held(b, held, in, &e), &e);
    assert_done(broker_release_held(b, held, in, &e), &e);
    assert_int_equal(broker_depth(held), -1);
    assert_false(broker_has_exchange(held));
    assert_int_equal(broker_depth(in), 250);
    assert_done(broker_consume(b, in, 1, &e), &e);
    assert_done(broker_next(b, DEADLINE_MS, &d, &e), &e);
    assert_non_null(d.message_id);
    assert_string_equal(d.body, "kept");
}

/* Else those that the queue took would come again at each further try. A classic queue, whose bound
 * is exact: a quorum queue takes all that comes before its first refusal is heard. */
static void keeps_of_what_was_held_only_what_the_queue_did_not_take(void **state)
{
    AUTO(broker_closep) struct broker *b = open_broker();
    char in[NAME_SIZE], held[NAME_SIZE];
    struct err e = ERR_INIT;

    (void)state;
    name_it(in, "IN");
    name_it(held, "held");
    assert_true(broker_declare_bounded_queue(in, 2));
    assert_done(broker_hold(b, held, &e), &e);
    for (int i = 0; i < 50; i++)
        send_text(b, held, "kept");
    assert_refused(broker_release_held(b, held, in, &e), &e, "takes no more");
    assert_int_equal(broker_depth(in), 2);
    wait_for_depth(held, 48);
    broker_delete_queue(in);
    broker_delete_queue(held);
}

/* ---- addresses ---- */

static void says_that_there_is_no_broker_or_no_such_kind(void **state)
{
    struct broker_options options = {
        .url = "amqp://user:secret@127.0.0.1:1", .name = "test", .timeout_ms = 300};
    struct broker *b = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(broker_open(&options, &b, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_string_equal(e.text, "broker 127.0.0.1:1: cannot be reached");
    err_clear(&e);
    options.url = "http://user:secret@127.0.0.1";
    assert_refused(broker_open(&options, &b, &e), &e, "http://user:xxx@127.0.0.1");
    assert_null(b);
}

static int on_classic_queues(void **state)
{
    (void)state;
    return scratch_broker_use(false) ? 0 : -1;
}

static int on_quorum_queues(void **state)
{
    (void)state;
    return scratch_broker_use(true) ? 0 : -1;
}

#define ON_BOTH(test)                                                                              \
    {#test, test, on_classic_queues, NULL, NULL},                                                  \
    {                                                                                              \
#test "_on_quorum_queues", test, on_quorum_queues, NULL, NULL                              \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(declares_ports_as_participants_do),
        ON_BOTH(uses_what_is_there_with_other_properties_and_warns),
        ON_BOTH(binds_and_unbinds_an_edge_any_number_of_times),
        ON_BOTH(unbinds_one_target_of_a_round_robin),
        ON_BOTH(leads_rejected_messages_to_the_dead_letter_port),
        ON_BOTH(names_a_missing_port_and_goes_on),
        ON_BOTH(takes_messages_and_gives_back_what_it_did_not_ack),
        ON_BOTH(keeps_deliveries_that_come_while_a_step_waits),
        ON_BOTH(says_that_a_consumed_queue_is_gone),
        ON_BOTH(observes_an_outport_until_told_not_to),
        ON_BOTH(observes_no_more_than_its_bound),
        ON_BOTH(lets_every_follower_hear_every_announcement),
        ON_BOTH(finds_announcements_that_waited),
        ON_BOTH(recalls_what_readers_took_and_leaves_it_there),
        ON_BOTH(recalls_no_more_than_its_bound),
        ON_BOTH(goes_without_what_it_may_not_keep),
        ON_BOTH(sends_on_what_was_held_with_its_properties),
        cmocka_unit_test_setup(keeps_of_what_was_held_only_what_the_queue_did_not_take,
                               on_classic_queues),
        cmocka_unit_test(says_that_there_is_no_broker_or_no_such_kind),
    };

    return cmocka_run_group_tests(tests, scratch_broker_start, scratch_broker_end);
}
