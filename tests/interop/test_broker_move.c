/*
 * test_broker_move.c - an exact move that is broken at each of its steps, one after the other, with
 * a message published before each: by the end of the connection, by the end of the program, by a
 * management API that fails or refuses. None may be lost, and nothing may be left behind.
 */
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/broker_move.h"
#include "broker/broker_worker.h"
#include "scratch_broker.h"
#include "step_proxy.h"

#include "unit.h"

#define DEADLINE_MS 60000
#define NAME_SIZE 80
#define STEPS_MAX 200
#define SWEEPS_MAX 5
#define PATIENCE_MS 15000 /* with a management API that does not answer */

/* One move, broken once. */
struct trial {
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];
    const char *onlooker; /* a queue that is bound before the policy is set; or NULL */
    int at;               /* the step to break, from 1 on */
    int fate;
    int later; /* what becomes of the API's requests after that, `later_n` of them */
    int later_n;
    struct step_proxy *proxy;
    struct broker_worker *w;
    size_t connected, disconnected, done, refused, warnings;
    char text[600]; /* of the latest refusal, warning or outage */
    /* the proxy's thread, until it is stopped: */
    struct operator_session *source;
    int steps, sent;
    int kill_at, after_unbind; /* steps, from the unbinding on, which is 1; 0: no kill */
    bool is_broken;
    char step[200];
};

/* ---- what the worker tells ---- */

static void on_connected(void *user, unsigned abilities)
{
    (void)abilities;
    ((struct trial *)user)->connected++;
}

static void on_disconnected(void *user, const char *why)
{
    struct trial *t = user;

    snprintf(t->text, sizeof t->text, "%s", why);
    t->disconnected++;
}

static void on_heard(void *user, const char *body, size_t size)
{
    (void)user, (void)body, (void)size;
}

static void on_observed(void *user, const char *outport, const char *body, size_t size)
{
    (void)user, (void)outport, (void)body, (void)size;
}

static void on_done(void *user, uint64_t command, const struct err *e)
{
    struct trial *t = user;

    assert_int_equal(command, ++t->done);
    if (!e)
        return;
    t->refused++;
    snprintf(t->text, sizeof t->text, "%s", e->text);
}

static void on_warning(void *user, const char *text)
{
    struct trial *t = user;

    t->warnings++;
    snprintf(t->text, sizeof t->text, "%s", text);
}

static void start_worker(struct trial *t, const char *url, const char *management_url)
{
    static const struct broker_worker_events events = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .discovered = on_heard,
                                                       .observed = on_observed,
                                                       .done = on_done,
                                                       .warning = on_warning};
    const struct broker_worker_options options = {
        .url = url, .name = "test", .management_url = management_url};
    struct err e = ERR_INIT;

    t->connected = t->disconnected = t->done = t->refused = t->warnings = 0;
    if (broker_worker_start(&options, &events, t, &t->w, &e))
        fail_msg("%s", e.text);
}

/* Services it until that many commands are done, or it has lost its connection and that ends it. */
static void wait_done(struct trial *t, uint64_t command, bool lost_is_the_end)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (t->done < command && !(lost_is_the_end && t->disconnected)) {
        struct pollfd pfd = {broker_worker_fd(t->w), POLLIN, 0};

        if (poll(&pfd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("step %d: not done in time: %s", t->at, t->text);
        broker_worker_service(t->w);
    }
}

/* ---- a trial ---- */

static void publish(struct trial *t)
{
    char text[16];

    snprintf(text, sizeof text, "%d", t->sent++);
    if (t->kill_at) { /* that takes the longer */
        operator_put(t->source, t->out, text);
        return;
    }
    operator_publish(t->source, t->out, text, text);
    operator_settle(t->source);
}

static void kill_the_broker(struct trial *t, const char *step)
{
    snprintf(t->step, sizeof t->step, "%s", step);
    t->is_broken = true;
    scratch_broker_kill();
    operator_free(t->source);
    scratch_broker_resume();
    t->source = operator_open();
}

/* One of step_fn. */
static int at_step(void *user, const char *step)
{
    struct trial *t = user;

    bool is_request = strchr(step, '/') != NULL;

    publish(t);
    if (t->onlooker && strncmp(step, "PUT", 3) == 0)
        broker_bind_queue(t->onlooker, t->out);
    if (t->kill_at && (t->after_unbind || strcmp(step, "queue.unbind") == 0) &&
        ++t->after_unbind == t->kill_at) {
        kill_the_broker(t, step);
        return STEP_LOST;
    }
    if (t->is_broken && is_request && t->later_n > 0) {
        t->later_n--;
        return t->later;
    }
    if (t->fate >= STEP_HANGS && !is_request) /* AMQP has no such answers */
        return STEP_PASSES;
    if (++t->steps != t->at)
        return STEP_PASSES;
    t->is_broken = true;
    snprintf(t->step, sizeof t->step, "%s", step);
    return t->fate;
}

static void begin(struct trial *t, int at, int fate, int later_n)
{
    static unsigned count;
    unsigned n = ++count;

    memset(t, 0, sizeof *t);
    t->at = at;
    t->fate = fate;
    t->later = 503;
    t->later_n = later_n;
    snprintf(t->out, sizeof t->out, "m%ld-%u.OUT", (long)getpid(), n);
    snprintf(t->a, sizeof t->a, "m%ld-%u.A", (long)getpid(), n);
    snprintf(t->b, sizeof t->b, "m%ld-%u.B", (long)getpid(), n);
    assert_true(broker_declare_exchange(t->out));
    assert_true(broker_declare_queue(t->a, NULL));
    assert_true(broker_declare_queue(t->b, NULL));
    broker_bind_queue(t->a, t->out);
    t->source = operator_open();
    t->proxy = step_proxy_start(scratch_broker_url(), scratch_broker_management_url(), at_step, t);
    start_worker(t, step_proxy_broker_url(t->proxy), step_proxy_management_url(t->proxy));
}

static void move(struct trial *t)
{
    const struct binding from = {BINDING_PUBSUB, t->out, t->a}, to = {BINDING_PUBSUB, t->out, t->b};

    wait_done(t, broker_worker_observe(t->w, t->out), false);
    step_proxy_watch(t->proxy, true);
    wait_done(t, broker_worker_move(t->w, &from, &to, true), t->fate == STEP_LAST);
    step_proxy_stop(t->proxy);
}

static void open_both(struct broker **ret_b, struct management **ret_m)
{
    const struct broker_options options = {
        .url = scratch_broker_url(), .name = "test", .timeout_ms = DEADLINE_MS};
    struct err e = ERR_INIT;

    if (broker_open(&options, ret_b, &e) ||
        management_open(options.url, scratch_broker_management_url(), NULL, ret_m, &e))
        fail_msg("%s", e.text);
}

/* Until there is nothing more to do: a minute later, or sooner. `unbound`: it may have to wait. */
static void sweep(const struct trial *t, bool unbound)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;
    bool more = true;

    open_both(&b, &m);
    for (int i = 0; more && !(unbound && warnings.len); i++) {
        if (i == SWEEPS_MAX || broker_sweep_held(b, m, 0, &more, &warnings, &e) ||
            (warnings.len && !unbound))
            fail_msg("%s at step %d: %s%s", t->step, t->at, e.text,
                     warnings.len ? warnings.data : "");
    }
}

/* What the next `msgflo run` does: it makes the edge that its graph has, once both
 * ends are announced, which may be after a sweep. */
static void run_again(struct trial *t)
{
    const struct binding to = {BINDING_PUBSUB, t->out, t->b};

    broker_worker_stop(t->w, 0);
    publish(t);
    sweep(t, true);
    publish(t);
    start_worker(t, scratch_broker_url(), scratch_broker_management_url());
    wait_done(t, broker_worker_bind(t->w, &to), false);
}

static void count(const struct trial *t, const char *queue, unsigned char *seen)
{
    struct operator_session *o = operator_open();
    char *body;

    while ((body = operator_take(o, queue))) {
        assert_in_range(atoi(body), 0, t->sent - 1);
        seen[atoi(body)]++;
        free(body);
    }
    operator_close(o);
}

static void assert_nothing_is_left(const struct trial *t)
{
    static const char *const kinds[] = {"queues", "exchanges", "policies"};
    char end_of_name[NAME_SIZE + 2];

    snprintf(end_of_name, sizeof end_of_name, "-%s\"", t->b);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char *names = management_names(kinds[i]);

        if (strstr(names, end_of_name))
            fail_msg("%s at step %d leaves of its %s: %s", t->step, t->at, kinds[i], names);
        free(names);
    }
}

/* `exactly`: each came once; else at least once. */
static void check(struct trial *t, bool exactly)
{
    unsigned char seen[2 * STEPS_MAX] = {0};
    int depth;

    sweep(t, false);
    assert_nothing_is_left(t);
    depth = broker_depth(t->b);
    publish(t);
    if (broker_depth(t->b) != depth + 1)
        fail_msg("%s at step %d: the edge is not there", t->step, t->at);
    count(t, t->a, seen);
    count(t, t->b, seen);
    assert_in_range(t->sent, 1, sizeof seen);
    for (int i = 0; i < t->sent; i++)
        if (seen[i] == 0 || (exactly && seen[i] != 1))
            fail_msg("%s at step %d of %d: message %d of %d came %d times (%s)", t->step, t->at,
                     t->steps, i, t->sent, seen[i], t->text);
}

static void end(struct trial *t)
{
    broker_worker_stop(t->w, 0);
    operator_close(t->source);
    broker_delete_queue(t->a);
    broker_delete_queue(t->b);
    broker_delete_exchange(t->out);
}

/* A trial for each step. After it, so many requests of the API fail. */
static void break_at_each_step(int fate, int later_n)
{
    struct trial t;
    bool again = true;

    if (!scratch_broker_management_url())
        skip();
    for (int at = 1; again; at++) {
        assert_in_range(at, 1, STEPS_MAX);
        begin(&t, at, fate, later_n);
        move(&t);
        if (fate == STEP_LAST && t.done < 2)
            run_again(&t);
        if (t.refused)
            fail_msg("%s at step %d: %s", t.step, at, t.text);
        check(&t, !t.is_broken);
        end(&t);
        again = t.is_broken;
    }
}

static void loses_none_when_the_connection_ends_at_any_step(void **state)
{
    (void)state;
    break_at_each_step(STEP_CUT, 0);
}

static void loses_none_when_the_management_api_fails_after_that(void **state)
{
    (void)state;
    break_at_each_step(STEP_CUT, STEPS_MAX);
}

static void loses_none_when_the_management_api_fails_once_after_that(void **state)
{
    (void)state;
    break_at_each_step(STEP_CUT, 1);
}

static void loses_none_when_the_program_ends_at_any_step(void **state)
{
    (void)state;
    break_at_each_step(STEP_LAST, 0);
}

static void loses_none_when_the_management_api_fails_at_any_step(void **state)
{
    (void)state;
    break_at_each_step(500, 0);
}

static void loses_none_when_the_management_api_refuses_at_any_step(void **state)
{
    (void)state;
    break_at_each_step(401, 0);
}

/* In the middle, and not answered in time by far. */
static void waits_but_shortly_for_the_management_api(void **state)
{
    int64_t began_mono_ms;
    struct trial t;

    (void)state;
    if (!scratch_broker_management_url())
        skip();
    begin(&t, 3, STEP_HANGS, 0);
    began_mono_ms = clock_mono_ms();
    move(&t);
    assert_int_equal(strncmp(t.step, "PUT", 3), 0);
    assert_in_range(clock_mono_ms() - began_mono_ms, 0, PATIENCE_MS);
    check(&t, false);
    end(&t);
}

static void loses_none_when_another_begins_to_look_on(void **state)
{
    struct trial t;

    (void)state;
    if (!scratch_broker_management_url())
        skip();
    assert_true(broker_declare_queue("onlooker", NULL));
    begin(&t, 0, STEP_PASSES, 0);
    t.onlooker = "onlooker";
    move(&t);
    assert_non_null(strstr(t.text, "has 2 bindings"));
    check(&t, false);
    end(&t);
    broker_delete_queue("onlooker");
}

/* SIGKILL to RabbitMQ: when the policy is there, in the gap, once the edge is bound again, and
 * while what was held is sent on. */
static void loses_none_when_the_broker_is_killed(void **state)
{
    static const int kills[] = {2, 10};
    struct trial t;

    (void)state;
    if (!scratch_broker_make_private())
        skip();
    for (size_t i = 0; i < sizeof kills / sizeof *kills; i++) {
        begin(&t, 0, STEP_PASSES, 0);
        t.kill_at = kills[i];
        move(&t);
        assert_true(t.is_broken);
        if (t.refused)
            fail_msg("%s: %s", t.step, t.text);
        check(&t, false);
        end(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loses_none_when_the_connection_ends_at_any_step),
        cmocka_unit_test(loses_none_when_the_management_api_fails_after_that),
        cmocka_unit_test(loses_none_when_the_management_api_fails_once_after_that),
        cmocka_unit_test(loses_none_when_the_program_ends_at_any_step),
        cmocka_unit_test(loses_none_when_the_management_api_fails_at_any_step),
        cmocka_unit_test(loses_none_when_the_management_api_refuses_at_any_step),
        cmocka_unit_test(waits_but_shortly_for_the_management_api),
        cmocka_unit_test(loses_none_when_another_begins_to_look_on),
        cmocka_unit_test(loses_none_when_the_broker_is_killed),
    };

    return cmocka_run_group_tests(tests, scratch_broker_start, scratch_broker_end);
}
