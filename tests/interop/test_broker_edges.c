/*
 * test_broker_edges.c - edges that are moved while a thousand messages a second flow, and what a
 * move that was cut off left behind.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "broker/broker_move.h"
#include "broker_node.h"
#include "scratch_broker.h"

#define RATE_PER_S 1000
#define FLOW_MAX 60000
#define LOST_MS 30000 /* a message that has not come by then is lost */
#define AGAIN_MS 1500

/* ---- moves ---- */

/* Numbered messages at RATE_PER_S from a thread of its own, until told to stop. */
struct flow {
    pthread_t thread;
    const char *exchange;
    atomic_bool stop;
    atomic_int sent;
};

static void *flow_run(void *arg)
{
    const struct timespec a_moment = {0, 1000000000L / RATE_PER_S};
    struct flow *f = arg;
    struct operator_session *o = operator_open();
    char text[16];

    for (int i = 0; i < FLOW_MAX && !atomic_load(&f->stop); i++) {
        snprintf(text, sizeof text, "%d", i);
        operator_publish(o, f->exchange, text, text);
        atomic_store(&f->sent, i + 1);
        nanosleep(&a_moment, NULL);
    }
    operator_close(o);
    return NULL;
}

static void flow_start(struct flow *f, const char *exchange)
{
    f->exchange = exchange;
    atomic_init(&f->stop, false);
    atomic_init(&f->sent, 0);
    assert_int_equal(pthread_create(&f->thread, NULL, flow_run, f), 0);
}

static void flow_wait(const struct flow *f, int more)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    int wanted = atomic_load(&f->sent) + more;

    while (atomic_load(&f->sent) < wanted)
        assert_true(clock_until_ms(deadline) > 0);
}

static int flow_end(struct flow *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    return atomic_load(&f->sent);
}

/* Reads both queues and counts each message by its number, which is its message id, too. It waits
 * long for those that have not come, and then a moment for any that comes again. */
static void count(const char *a, const char *b, unsigned char *seen, int sent)
{
    const struct broker_options options = {
        .url = scratch_broker_url(), .name = "test", .timeout_ms = DEADLINE_MS};
    AUTO(broker_closep) struct broker *broker = NULL;
    struct broker_delivery d;
    struct err e = ERR_INIT;
    int missing = sent;

    assert_int_equal(broker_open(&options, &broker, &e), 0);
    assert_int_equal(broker_consume(broker, a, 1000, &e), 0);
    assert_int_equal(broker_consume(broker, b, 1000, &e), 0);
    while (broker_next(broker, missing ? LOST_MS : AGAIN_MS, &d, &e) == 0) {
        assert_string_equal(d.message_id, d.body);
        assert_in_range(atoi(d.body), 0, sent - 1);
        missing -= seen[atoi(d.body)]++ == 0;
        assert_int_equal(broker_ack(broker, &e), 0);
    }
    assert_int_equal(e.code, ERR_TIMEOUT);
}

static void make_edges(char out[NAME_SIZE], char a[NAME_SIZE], char b[NAME_SIZE])
{
    name_it(out, "OUT");
    name_it(a, "A");
    name_it(b, "B");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(a, NULL));
    assert_true(broker_declare_queue(b, NULL));
    broker_bind_queue(a, out);
}

/* Moves it to and fro while messages flow. Returns how many were sent; *ret_seen: how often each
 * came. */
static int move_to_and_fro(struct node *n, bool alone, unsigned char **ret_seen)
{
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];
    const struct binding edges[] = {{BINDING_PUBSUB, out, a}, {BINDING_PUBSUB, out, b}};
    struct flow flow;
    int sent;

    make_edges(out, a, b);
    wait_for(n, &n->connected, 1);
    broker_worker_observe(n->w, out); /* which must not take what falls into the gap */
    flow_start(&flow, out);
    for (int i = 0; i < 4; i++) {
        flow_wait(&flow, 300);
        wait_for(n, &n->done, broker_worker_move(n->w, &edges[i % 2], &edges[(i + 1) % 2], alone));
    }
    flow_wait(&flow, 300);
    sent = flow_end(&flow);
    *ret_seen = calloc((size_t)sent, 1);
    assert_non_null(*ret_seen);
    count(a, b, *ret_seen, sent);
    return sent;
}

static void moves_an_edge_exactly(void **state)
{
    const char *api = scratch_broker_management_url();
    unsigned char *seen;
    struct node n;
    int sent;

    (void)state;
    if (!api)
        skip();
    start(&n, api);
    sent = move_to_and_fro(&n, true, &seen);
    for (int i = 0; i < sent; i++)
        if (seen[i] != 1)
            fail_msg("message %d of %d came %d times", i, sent, seen[i]);
    free(seen);
    if (n.warnings || n.refused)
        fail_msg("%s", n.text);
    assert_true(n.observed > 0);
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void loses_none_without_the_management_api(void **state)
{
    unsigned char *seen;
    struct node n;
    int sent;

    (void)state;
    start(&n, NULL);
    sent = move_to_and_fro(&n, true, &seen);
    for (int i = 0; i < sent; i++)
        if (seen[i] == 0)
            fail_msg("message %d of %d is lost", i, sent);
    free(seen);
    assert_int_equal(n.refused, 0);
    broker_worker_stop(n.w, DEADLINE_MS);
}

/* As two programs do that run the same graph: each may find the other's policy, and fall back. */
static void loses_none_when_two_move_an_edge_at_once(void **state)
{
    const char *api = scratch_broker_management_url();
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];
    const struct binding edges[] = {{BINDING_PUBSUB, out, a}, {BINDING_PUBSUB, out, b}};
    unsigned char *seen;
    struct node n[2];
    struct flow flow;
    int sent;

    (void)state;
    if (!api)
        skip();
    make_edges(out, a, b);
    for (int i = 0; i < 2; i++) {
        start(&n[i], api);
        wait_for(&n[i], &n[i].connected, 1);
    }
    flow_start(&flow, out);
    for (int i = 0; i < 10; i++) {
        const struct binding *from = &edges[i % 2], *to = &edges[(i + 1) % 2];
        uint64_t commands[] = {broker_worker_move(n[0].w, from, to, true),
                               broker_worker_move(n[1].w, from, to, true)};

        for (int j = 0; j < 2; j++)
            wait_for(&n[j], &n[j].done, commands[j]);
        flow_wait(&flow, 20);
    }
    sent = flow_end(&flow);
    seen = calloc((size_t)sent, 1);
    assert_non_null(seen);
    count(a, b, seen, sent);
    for (int i = 0; i < sent; i++)
        if (seen[i] == 0)
            fail_msg("message %d of %d is lost", i, sent);
    free(seen);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(n[i].refused, 0);
        broker_worker_stop(n[i].w, DEADLINE_MS);
    }
}

/* With a warning that says why it was not exact. */
static void assert_overlapping(const char *management_url, const char *out, const char *a,
                               const char *b, const char *why)
{
    char src[NAME_SIZE], old[NAME_SIZE], new[NAME_SIZE];
    const struct binding from = {BINDING_PUBSUB, src, old}, to = {BINDING_PUBSUB, src, new};
    struct node n;

    snprintf(src, sizeof src, "%s", out);
    snprintf(old, sizeof old, "%s", a);
    snprintf(new, sizeof new, "%s", b);
    start(&n, management_url);
    wait_for(&n, &n.done, broker_worker_move(n.w, &from, &to, true));
    assert_int_equal(n.refused, 0);
    assert_int_equal(n.warnings, 1);
    if (!strstr(n.text, why))
        fail_msg("'%s' does not say '%s'", n.text, why);
    broker_publish(out, "1", 1);
    wait_for_depth(b, 1);
    assert_int_equal(broker_depth(a), 0);
    broker_worker_stop(n.w, DEADLINE_MS);
}

static void moves_with_an_overlap_where_others_look_on(void **state)
{
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE], other[NAME_SIZE];
    const char *api = scratch_broker_management_url();

    (void)state;
    if (!api)
        skip();
    make_edges(out, a, b);
    name_it(other, "OTHER");
    assert_true(broker_declare_queue(other, NULL));
    broker_bind_queue(other, out);
    assert_overlapping(api, out, a, b, "has 2 bindings");
    wait_for_depth(other, 1);
}

static void moves_with_an_overlap_while_the_management_api_is_away(void **state)
{
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];

    (void)state;
    make_edges(out, a, b);
    assert_overlapping("http://127.0.0.1:1", out, a, b, "moved with an overlap");
}

static void leaves_the_edge_where_it_was_if_the_target_is_missing(void **state)
{
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE], missing[NAME_SIZE];
    const struct binding from = {BINDING_PUBSUB, out, a}, to = {BINDING_PUBSUB, out, missing};
    struct node n;

    (void)state;
    make_edges(out, a, b);
    name_it(missing, "MISSING");
    start(&n, scratch_broker_management_url());
    wait_for(&n, &n.done, broker_worker_move(n.w, &from, &to, true));
    assert_int_equal(n.refused, 1);
    broker_publish(out, "1", 1);
    wait_for_depth(a, 1);
    broker_worker_stop(n.w, DEADLINE_MS);
}

/* ---- what a move left behind ---- */

/* A connection and the management API; skips the test where there is none. */
static void open_both(struct broker **ret_b, struct management **ret_m)
{
    const struct broker_options options = {
        .url = scratch_broker_url(), .name = "test", .timeout_ms = DEADLINE_MS};
    const char *api = scratch_broker_management_url();
    struct err e = ERR_INIT;

    if (!api)
        skip();
    if (broker_open(&options, ret_b, &e) || management_open(options.url, api, NULL, ret_m, &e))
        fail_msg("%s", e.text);
}

static void finishes_a_move_that_was_cut_off_half_way(void **state)
{
    AUTO(broker_closep) struct broker *broker = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char out[NAME_SIZE], a[NAME_SIZE], b[NAME_SIZE];
    const struct binding from = {BINDING_PUBSUB, out, a}, to = {BINDING_PUBSUB, out, b};
    struct broker_move move;
    struct err e = ERR_INIT;
    char id[UUID_SIZE];
    bool applies = false;

    (void)state;
    open_both(&broker, &m);
    make_edges(out, a, b);
    uuid_make(id);
    snprintf(move.held, sizeof move.held, "msgflo-held-%s-%s", id, b);
    assert_int_equal(broker_hold(broker, move.held, &e), 0);
    assert_int_equal(management_set_alternate(m, move.held, out, move.held, &e), 0);
    while (!applies)
        assert_int_equal(management_policy_applies(m, move.held, out, &applies, &e), 0);
    assert_int_equal(broker_unbind(broker, &from, &e), 0);
    broker_publish(out, "in the gap", 10);
    wait_for_depth(move.held, 1);
    assert_int_equal(broker_move_exactly(broker, m, &from, &to, &move, &warnings, &e),
                     BROKER_MOVED);
    assert_int_equal(warnings.len, 0);
    wait_for_depth(b, 1);
    broker_publish(out, "after", 5);
    wait_for_depth(b, 2);
    assert_int_equal(broker_depth(a), 0);
}

static void sends_on_what_an_ended_move_has_held(void **state)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char out[NAME_SIZE], in[NAME_SIZE], held[2 * NAME_SIZE];
    struct err e = ERR_INIT;
    bool more = true;

    (void)state;
    open_both(&b, &m);
    name_it(out, "OUT");
    name_it(in, "IN");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(in, NULL));
    broker_bind_queue(in, out);
    snprintf(held, sizeof held, "msgflo-held-01890a5d-ac96-774b-bcce-b302099a8057-%s", in);
    assert_int_equal(broker_hold(b, held, &e), 0);
    assert_int_equal(management_set_alternate(m, held, out, held, &e), 0);
    broker_put(held, "1", 1);
    for (int i = 0; i < 2; i++) { /* the policy, then the queue */
        assert_int_equal(broker_sweep_held(b, m, DEADLINE_MS, &more, &warnings, &e), 0);
        assert_int_equal(more, i == 0);
    }
    wait_for_depth(in, 1);
    assert_int_equal(broker_depth(held), -1);
    assert_int_equal(warnings.len, 0);
}

/* What came before the edge was bound again would else be lost. */
static void holds_on_until_the_source_is_bound(void **state)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char out[NAME_SIZE], in[NAME_SIZE], held[2 * NAME_SIZE];
    struct err e = ERR_INIT;
    bool applies = false, more = false;

    (void)state;
    open_both(&b, &m);
    name_it(out, "OUT");
    name_it(in, "IN");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(in, NULL));
    snprintf(held, sizeof held, "msgflo-held-01890a5d-ac96-774b-bcce-b302099a8058-%s", in);
    assert_int_equal(broker_hold(b, held, &e), 0);
    assert_int_equal(management_set_alternate(m, held, out, held, &e), 0);
    while (!applies)
        assert_int_equal(management_policy_applies(m, held, out, &applies, &e), 0);
    assert_int_equal(broker_sweep_held(b, m, DEADLINE_MS, &more, &warnings, &e), 0);
    assert_true(more);
    assert_non_null(strstr(warnings.data, out));
    buf_clear(&warnings);
    broker_publish(out, "1", 1);
    wait_for_depth(held, 1);
    broker_bind_queue(in, out);
    while (more)
        assert_int_equal(broker_sweep_held(b, m, DEADLINE_MS, &more, &warnings, &e), 0);
    wait_for_depth(in, 1);
    assert_int_equal(broker_depth(held), -1);
    assert_int_equal(warnings.len, 0);
}

static void sweeps_a_policy_that_has_lost_its_queue(void **state)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char out[NAME_SIZE], in[NAME_SIZE], held[2 * NAME_SIZE];
    struct err e = ERR_INIT;
    bool more = false, was_there = true;

    (void)state;
    open_both(&b, &m);
    name_it(out, "OUT.$(a+b)"); /* of which the pattern has much to escape */
    name_it(in, "IN");
    assert_true(broker_declare_exchange(out));
    assert_true(broker_declare_queue(in, NULL));
    broker_bind_queue(in, out);
    snprintf(held, sizeof held, "msgflo-held-01890a5d-ac96-774b-bcce-b302099a8059-%s", in);
    assert_int_equal(management_set_alternate(m, held, out, held, &e), 0);
    assert_int_equal(broker_sweep_held(b, m, DEADLINE_MS, &more, &warnings, &e), 0);
    assert_int_equal(warnings.len, 0);
    assert_int_equal(management_remove_policy(m, held, &was_there, &e), 0);
    assert_false(was_there);
}

static void sweeps_again_after_the_management_api_was_away(void **state)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL, *away = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;
    bool more = false;

    (void)state;
    open_both(&b, &m);
    assert_int_equal(management_open(scratch_broker_url(), "http://127.0.0.1:1", NULL, &away, &e),
                     0);
    assert_int_equal(broker_sweep_held(b, away, DEADLINE_MS, &more, &warnings, &e), 0);
    assert_true(more);
    assert_non_null(strstr(warnings.data, "no look"));
}

static void leaves_alone_what_a_move_holds_now(void **state)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(management_closep) struct management *m = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    char in[NAME_SIZE], id[UUID_SIZE], held[2 * NAME_SIZE];
    struct err e = ERR_INIT;
    bool more = false;

    (void)state;
    open_both(&b, &m);
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    uuid_make(id);
    snprintf(held, sizeof held, "msgflo-held-%s-%s", id, in);
    assert_int_equal(broker_hold(b, held, &e), 0);
    broker_put(held, "1", 1);
    assert_int_equal(broker_sweep_held(b, m, DEADLINE_MS, &more, &warnings, &e), 0);
    assert_true(more);
    assert_int_equal(broker_depth(held), 1);
    assert_int_equal(broker_release_held(b, held, in, &e), 0);
}

static void tells_the_queues_there_are(void **state)
{
    const char *api = scratch_broker_management_url();
    AUTO(management_closep) struct management *m = NULL;
    AUTO(queue_stats_list_release) struct queue_stats_list list = {0};
    char in[NAME_SIZE];
    struct err e = ERR_INIT;
    size_t found = 0;

    (void)state;
    if (!api)
        skip();
    name_it(in, "IN");
    assert_true(broker_declare_queue(in, NULL));
    assert_int_equal(management_open(scratch_broker_url(), api, NULL, &m, &e), 0);
    if (management_queues(m, &list, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < list.n; i++)
        found += strcmp(list.queues[i].name, in) == 0;
    assert_int_equal(found, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH(moves_an_edge_exactly),
        cmocka_unit_test(loses_none_when_two_move_an_edge_at_once),
        ON_BOTH(loses_none_without_the_management_api),
        ON_BOTH(moves_with_an_overlap_where_others_look_on),
        cmocka_unit_test(moves_with_an_overlap_while_the_management_api_is_away),
        ON_BOTH(finishes_a_move_that_was_cut_off_half_way),
        ON_BOTH(leaves_alone_what_a_move_holds_now),
        ON_BOTH(leaves_the_edge_where_it_was_if_the_target_is_missing),
        ON_BOTH(sends_on_what_an_ended_move_has_held),
        ON_BOTH(holds_on_until_the_source_is_bound),
        cmocka_unit_test(sweeps_a_policy_that_has_lost_its_queue),
        cmocka_unit_test(sweeps_again_after_the_management_api_was_away),
        ON_BOTH(tells_the_queues_there_are),
    };

    return cmocka_run_group_tests(tests, scratch_broker_start, scratch_broker_end);
}
