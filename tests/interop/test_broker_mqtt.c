/*
 * test_broker_mqtt.c - what the tool does on a real Mosquitto, where bindings are ours to carry
 * out: one broker's connection passes on, another sends and watches what arrives.
 */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker.h"
#include "scratch_mosquitto.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define NAME_SIZE 80

static struct broker *binder, *watcher;
static char out[NAME_SIZE], in[NAME_SIZE], other[NAME_SIZE]; /* new ones for each test */

static struct broker *open_broker(void)
{
    const struct broker_options options = {
        .url = scratch_mosquitto_url(), .name = "test", .timeout_ms = DEADLINE_MS};
    struct broker *b = NULL;
    struct err e = ERR_INIT;

    if (broker_open(&options, &b, &e))
        fail_msg("%s", e.text);
    return b;
}

static int open_both(void **state)
{
    static unsigned count;

    (void)state;
    count++;
    snprintf(out, NAME_SIZE, "b%ld-%u.OUT", (long)getpid(), count);
    snprintf(in, NAME_SIZE, "b%ld-%u.IN", (long)getpid(), count);
    snprintf(other, NAME_SIZE, "b%ld-%u.OTHER", (long)getpid(), count);
    binder = open_broker();
    watcher = open_broker();
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    broker_close(binder);
    broker_close(watcher);
    return 0;
}

static void assert_done(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->text);
}

static void bind_it(enum binding_kind kind, char *src, char *tgt)
{
    const struct binding binding = {kind, src, tgt};
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;

    assert_done(broker_bind(binder, &binding, &warnings, &e), &e);
    assert_int_equal(warnings.len, 0);
}

static void send_text(const char *topic, const char *text)
{
    const struct broker_message m = {.body = text, .size = strlen(text)};
    struct err e = ERR_INIT;

    assert_done(broker_send(watcher, topic, &m, &e), &e);
}

/* The next that the watcher is handed, while the binder passes on. */
static struct broker_delivery next(void)
{
    int64_t deadline_mono_ms = clock_mono_ms() + DEADLINE_MS;
    struct broker_delivery d;

    while (clock_until_ms(deadline_mono_ms)) {
        struct pollfd fds[] = {{broker_fd(binder), POLLIN, 0}, {broker_fd(watcher), POLLIN, 0}};
        struct err e = ERR_INIT;

        if (broker_next(binder, 0, &d, &e) == 0)
            fail_msg("the binder was handed '%s' from '%s'", d.body, d.from);
        assert_int_equal(e.code, ERR_TIMEOUT);
        err_clear(&e);
        if (broker_next(watcher, 0, &d, &e) == 0)
            return d;
        assert_int_equal(e.code, ERR_TIMEOUT);
        poll(fds, 2, 1000);
    }
    fail_msg("nothing came");
    return d;
}

static void assert_next(enum broker_source source, const char *from, const char *body)
{
    struct broker_delivery d = next();

    assert_int_equal(d.source, source);
    assert_string_equal(d.from, from);
    assert_string_equal(d.body, body);
    assert_int_equal(d.size, strlen(body));
}

static void watch(const char *topic)
{
    struct err e = ERR_INIT;

    assert_done(broker_consume(watcher, topic, 10, &e), &e);
}

/* ---- tests ---- */

static void passes_on_what_is_bound_until_it_is_not(void **state)
{
    const struct binding binding = {BINDING_PUBSUB, out, in};
    struct err e = ERR_INIT;

    (void)state;
    watch(in);
    watch(other);
    bind_it(BINDING_PUBSUB, out, in);
    bind_it(BINDING_PUBSUB, out, in); /* again: nothing new */
    bind_it(BINDING_PUBSUB, out, other);
    send_text(out, "1");
    assert_next(BROKER_FROM_QUEUE, in, "1");
    assert_next(BROKER_FROM_QUEUE, other, "1");
    assert_done(broker_unbind(binder, &binding, &e), &e);
    assert_done(broker_unbind(binder, &binding, &e), &e);
    send_text(out, "2");
    assert_next(BROKER_FROM_QUEUE, other, "2");
    send_text(in, "3"); /* "2" did not come before it */
    assert_next(BROKER_FROM_QUEUE, in, "3");
}

static void a_port_bound_to_its_own_topic_needs_nothing(void **state)
{
    (void)state;
    watch(out);
    bind_it(BINDING_PUBSUB, out, out);
    send_text(out, "once");
    send_text(out, "and no more");
    assert_next(BROKER_FROM_QUEUE, out, "once");
    assert_next(BROKER_FROM_QUEUE, out, "and no more");
}

static void a_round_robin_takes_its_targets_in_turn(void **state)
{
    size_t to_in = 0;

    (void)state;
    watch(in);
    watch(other);
    bind_it(BINDING_ROUNDROBIN, out, in);
    bind_it(BINDING_ROUNDROBIN, out, other);
    for (int i = 0; i < 10; i++)
        send_text(out, "x");
    for (int i = 0; i < 10; i++)
        to_in += strcmp(next().from, in) == 0;
    assert_int_equal(to_in, 5);
}

static void dead_letters_go_where_they_are_bound_to(void **state)
{
    char dead[NAME_SIZE + 5];

    (void)state;
    snprintf(dead, sizeof dead, "dead-%s", in);
    watch(other);
    bind_it(BINDING_DEADLETTER, in, other);
    send_text(dead, "rejected");
    assert_next(BROKER_FROM_QUEUE, other, "rejected");
}

static void observes_an_outport_that_is_bound_as_well(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    bind_it(BINDING_PUBSUB, out, in);
    assert_done(broker_observe(watcher, out, 10, &e), &e);
    assert_done(broker_observe(watcher, out, 10, &e), &e);
    send_text(out, "seen");
    assert_next(BROKER_FROM_OBSERVED, out, "seen");
    assert_done(broker_unobserve(watcher, out, &e), &e);
    watch(in);
    send_text(out, "passed on, and not observed");
    assert_next(BROKER_FROM_QUEUE, in, "passed on, and not observed");
}

static void hears_announcements_and_sends_them_to_nobody_too(void **state)
{
    struct err e = ERR_INIT;
    struct broker_delivery d;

    (void)state;
    assert_done(broker_announce(watcher, "{\"nobody\":\"listens\"}", 1000, &e), &e);
    assert_done(broker_follow_discovery(watcher, &e), &e);
    assert_done(broker_announce(binder, "{\"mine\":1}", 1000, &e), &e);
    do
        d = next(); /* others may announce themselves on that topic */
    while (strcmp(d.body, "{\"mine\":1}") != 0);
    assert_int_equal(d.source, BROKER_FROM_DISCOVERY);
}

static void refuses_what_this_kind_of_broker_cannot_do(void **state)
{
    const struct broker_message m = {.body = "1", .size = 1};
    struct broker_queue_state depth;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(broker_abilities(binder), BROKER_ROUND_ROBIN | BROKER_DEAD_LETTERS);
    assert_int_equal(broker_send(binder, in, &m, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_non_null(strstr(e.text, "nobody subscribes"));
    err_clear(&e);
    assert_int_equal(broker_send(binder, "wild/#", &m, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    err_clear(&e);
    assert_int_equal(broker_consume(binder, "wild/#", 1, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    err_clear(&e);
    assert_int_equal(broker_queue_state(binder, in, &depth, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    watch(in); /* all is well still */
    send_text(in, "2");
    assert_next(BROKER_FROM_QUEUE, in, "2");
}

static void says_that_the_broker_is_gone(void **state)
{
    struct broker_delivery d;
    struct err e = ERR_INIT;

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    scratch_mosquitto_kill();
    assert_int_equal(broker_next(binder, DEADLINE_MS, &d, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    scratch_mosquitto_revive();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_both, close_both)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(passes_on_what_is_bound_until_it_is_not),
        TEST(a_port_bound_to_its_own_topic_needs_nothing),
        TEST(a_round_robin_takes_its_targets_in_turn),
        TEST(dead_letters_go_where_they_are_bound_to),
        TEST(observes_an_outport_that_is_bound_as_well),
        TEST(hears_announcements_and_sends_them_to_nobody_too),
        TEST(refuses_what_this_kind_of_broker_cannot_do),
        TEST(says_that_the_broker_is_gone),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, scratch_mosquitto_start, scratch_mosquitto_end);
}
