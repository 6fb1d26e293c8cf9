/*
 * test_participant_amqp.c - participants on a real RabbitMQ, with classic and with quorum queues.
 */
#include <jansson.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "msgflo/msgflo.h"
#include "scratch_broker.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define KEPT_MAX 100

/* A participant with what it was told. */
struct node {
    struct msgflo_participant *p;
    char role[60];
    char in[80], out[80], loose[80], dead_exchange[90]; /* names on the broker */
    bool transient;                                     /* its ports in and out are */
    bool keeps;                                         /* keeps deliveries rather than ack them */
    bool repeats;                                       /* sends them on, and acks once confirmed */
    bool stops;                                         /* ends msgflo_run() at each */
    struct msgflo_delivery *kept[KEPT_MAX];
    size_t kept_count;
    size_t got, redelivered;
    size_t fates[4], told; /* told: all fates together */
    size_t connected, disconnected, warnings;
    char text[600];      /* of the latest state */
    unsigned char *seen; /* repeats of the 10,000: one flag a message, by number */
};

static void count_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    (void)p;
    ((struct node *)user)->fates[fate]++;
    ((struct node *)user)->told++;
}

struct passing_on {
    struct node *node;
    struct msgflo_delivery *delivery;
};

static void passed_on(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    struct passing_on *on = user;

    count_fate(p, fate, on->node);
    if (fate == MSGFLO_CONFIRMED)
        msgflo_ack(on->delivery);
    else
        msgflo_requeue(on->delivery);
    free(on);
}

static void pass_on(struct node *n, struct msgflo_delivery *d)
{
    struct msgflo_message m = {.body = msgflo_delivery_body(d), .size = msgflo_delivery_size(d)};
    struct passing_on *on = malloc(sizeof *on);

    assert_non_null(on);
    *on = (struct passing_on){n, d};
    if (msgflo_send(n->p, "out", &m, passed_on, on, NULL)) {
        msgflo_requeue(d);
        free(on);
    }
}

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    struct node *n = user;

    n->got++;
    n->redelivered += msgflo_delivery_redelivered(d);
    if (n->stops)
        msgflo_stop(p);
    if (n->seen)
        n->seen[atoi(msgflo_delivery_body(d))] = 1;
    if (n->repeats) {
        pass_on(n, d);
    } else if (n->keeps) {
        assert_true(n->kept_count < KEPT_MAX);
        n->kept[n->kept_count++] = d;
    } else {
        msgflo_ack(d);
    }
}

static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    struct node *n = user;

    (void)p;
    n->connected += state == MSGFLO_CONNECTED;
    n->disconnected += state == MSGFLO_DISCONNECTED;
    n->warnings += state == MSGFLO_WARNING;
    snprintf(n->text, sizeof n->text, "%s", text);
}

/* Roles that no other test and no other run uses. */
static void name_node(struct node *n)
{
    static unsigned count;

    memset(n, 0, sizeof *n);
    snprintf(n->role, sizeof n->role, "t%ld-%u", (long)getpid(), ++count);
    snprintf(n->in, sizeof n->in, "%s.IN", n->role);
    snprintf(n->out, sizeof n->out, "%s.OUT", n->role);
    snprintf(n->loose, sizeof n->loose, "%s.LOOSE", n->role);
    snprintf(n->dead_exchange, sizeof n->dead_exchange, "dead-%s", n->in);
}

static struct msgflo_participant *make_participant(struct node *n, const char *url,
                                                   unsigned prefetch, size_t max_message_bytes)
{
    const struct msgflo_port in = {.id = "in", .type = "object", .transient = n->transient};
    const struct msgflo_port outs[] = {{.id = "out", .transient = n->transient}, {.id = "loose"}};
    const struct msgflo_definition definition = {.component = "test/Node",
                                                 .inports = &in,
                                                 .inport_count = 1,
                                                 .outports = outs,
                                                 .outport_count = 2};
    const struct msgflo_options options = {.broker = url,
                                           .role = n->role,
                                           .prefetch = prefetch,
                                           .max_message_bytes = max_message_bytes,
                                           .on_input = on_input,
                                           .on_state = on_state,
                                           .user = n};
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p = msgflo_new(&definition, &options, &e);

    if (!p)
        fail_msg("%s", e.text);
    return p;
}

/* ---- waiting ---- */

/* Services all of them until *what reaches at_least. */
static void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what < at_least) {
        struct pollfd fds[4];
        int timeout_ms = 1000;

        for (size_t i = 0; i < n; i++) {
            int ms = msgflo_timeout_ms(nodes[i]->p);

            fds[i] = (struct pollfd){msgflo_fd(nodes[i]->p), POLLIN, 0};
            if (ms < timeout_ms)
                timeout_ms = ms;
        }
        poll(fds, n, timeout_ms);
        for (size_t i = 0; i < n; i++)
            msgflo_service(nodes[i]->p);
        if (clock_mono_ms() > deadline)
            fail_msg("%zu of %zu came; the last word was: %s", *what, at_least, nodes[0]->text);
    }
}

static void wait_for_one(struct node *n, const size_t *what, size_t at_least)
{
    wait_for(what, at_least, &n, 1);
}

/* Services until the queue holds that many: for acks and rejects, which nobody confirms. */
static void wait_for_depth(struct node *n, const char *queue, int depth)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    do {
        msgflo_service(n->p);
        if (clock_mono_ms() > deadline)
            fail_msg("queue '%s' holds %d, not %d", queue, broker_depth(queue), depth);
    } while (broker_depth(queue) != depth);
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

static void join(struct node *n, unsigned prefetch)
{
    n->p = make_participant(n, scratch_broker_url(), prefetch, 1000000);
    wait_for_one(n, &n->connected, 1);
}

static void leave(struct node *n)
{
    msgflo_free(n->p);
    n->p = NULL;
    broker_delete_queue(n->in);
    broker_delete_exchange(n->in);
    broker_delete_exchange(n->out);
    broker_delete_exchange(n->loose);
}

static int send_text(struct node *n, const char *outport, const char *text)
{
    struct msgflo_message m = {.body = text, .size = strlen(text), .mandatory = true};

    return msgflo_send(n->p, outport, &m, count_fate, n, NULL);
}

/* ---- tests ---- */

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

static int use_classic(void **state)
{
    return scratch_broker_start(state) || !scratch_broker_use(false);
}

static int use_quorum(void **state)
{
    (void)state;
    return scratch_broker_use(true) ? 0 : -1;
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
        cmocka_unit_test(consumes_again_when_its_queue_was_deleted),
        cmocka_unit_test(comes_back_after_its_connection_was_cut),
        cmocka_unit_test(comes_back_when_the_broker_closed_the_connection),
        cmocka_unit_test(uses_a_queue_of_other_properties_after_a_warning),
        cmocka_unit_test(declares_an_exchange_again_that_was_deleted_under_it),
        cmocka_unit_test(paused_it_takes_nothing_and_stopped_it_gives_back),
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
