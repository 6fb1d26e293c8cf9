/*
 * test_broker_worker_mqtt.c - a broker that keeps no bindings, behind its thread: the worker passes
 * messages on, and makes its bindings again after an outage.
 */
#include <poll.h>

#include "base/clock.h"
#include "broker/broker_worker.h"
#include "scratch_mosquitto.h"

#include "unit.h"

#define DEADLINE_MS 30000

struct node {
    struct broker_worker *w;
    size_t connected, disconnected, observed, done;
    char outport[80], body[80]; /* of the latest observed message */
    char refusal[600];
};

static void on_connected(void *user, unsigned abilities)
{
    assert_false(abilities & BROKER_BINDS);
    ((struct node *)user)->connected++;
}

static void on_disconnected(void *user, const char *why)
{
    assert_non_null(why);
    ((struct node *)user)->disconnected++;
}

static void on_discovered(void *user, const char *body, size_t size)
{
    (void)user;
    assert_int_equal(strlen(body), size);
}

static void on_observed(void *user, const char *outport, const char *body, size_t size)
{
    struct node *n = user;

    snprintf(n->outport, sizeof n->outport, "%s", outport);
    snprintf(n->body, sizeof n->body, "%.*s", (int)size, body);
    n->observed++;
}

static void on_done(void *user, uint64_t command, const struct err *e)
{
    struct node *n = user;

    assert_int_equal(command, ++n->done);
    if (e)
        snprintf(n->refusal, sizeof n->refusal, "%s", e->text);
}

static void on_warning(void *user, const char *text)
{
    (void)user;
    fail_msg("%s", text);
}

static void start(struct node *n)
{
    static const struct broker_worker_events events = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .discovered = on_discovered,
                                                       .observed = on_observed,
                                                       .done = on_done,
                                                       .warning = on_warning};
    const struct broker_worker_options options = {.url = scratch_mosquitto_url(), .name = "test"};
    struct err e = ERR_INIT;

    memset(n, 0, sizeof *n);
    if (broker_worker_start(&options, &events, n, &n->w, &e))
        fail_msg("%s", e.text);
}

static void wait_for(struct node *n, const size_t *what, size_t at_least)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what < at_least) {
        struct pollfd pfd = {broker_worker_fd(n->w), POLLIN, 0};

        if (poll(&pfd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("%zu, not %zu: %s", *what, at_least, n->refusal);
        broker_worker_service(n->w);
    }
    assert_string_equal(n->refusal, "");
}

/* What is sent on src comes out at tgt, which is observed. */
static void assert_passes_on(struct node *n, const char *src, const char *tgt, const char *body)
{
    size_t before = n->observed;

    broker_worker_send(n->w, src, body, strlen(body));
    wait_for(n, &n->observed, before + 1);
    assert_string_equal(n->outport, tgt);
    assert_string_equal(n->body, body);
}

static void binds_again_after_an_outage(void **state)
{
    char src[] = "worker.OUT", tgt[] = "worker.IN";
    const struct binding edge = {BINDING_PUBSUB, src, tgt};
    struct node n;

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    start(&n);
    broker_worker_bind(n.w, &edge);
    wait_for(&n, &n.done, broker_worker_observe(n.w, tgt));
    assert_passes_on(&n, src, tgt, "before");
    scratch_mosquitto_kill();
    wait_for(&n, &n.disconnected, 1);
    scratch_mosquitto_revive();
    wait_for(&n, &n.connected, 2);
    assert_passes_on(&n, src, tgt, "after");
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void moves_an_edge_and_forgets_the_old_one(void **state)
{
    char src[] = "mover.OUT", old[] = "mover.OLD", new[] = "mover.NEW";
    const struct binding from = {BINDING_PUBSUB, src, old}, to = {BINDING_PUBSUB, src, new};
    struct node n;

    (void)state;
    start(&n);
    broker_worker_bind(n.w, &from);
    broker_worker_observe(n.w, old);
    broker_worker_observe(n.w, new);
    wait_for(&n, &n.done, 3);
    assert_passes_on(&n, src, old, "1");
    wait_for(&n, &n.done, broker_worker_move(n.w, &from, &to, true));
    assert_passes_on(&n, src, new, "2");
    assert_passes_on(&n, src, new, "3");
    broker_worker_stop(n.w, DEADLINE_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_an_edge_and_forgets_the_old_one),
        cmocka_unit_test(binds_again_after_an_outage),
    };

    return cmocka_run_group_tests(tests, scratch_mosquitto_start, scratch_mosquitto_end);
}
