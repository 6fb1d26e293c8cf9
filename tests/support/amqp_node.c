#include "amqp_node.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_broker.h"

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

void name_node(struct node *n)
{
    static unsigned count;

    memset(n, 0, sizeof *n);
    snprintf(n->role, sizeof n->role, "t%ld-%u", (long)getpid(), ++count);
    snprintf(n->in, sizeof n->in, "%s.IN", n->role);
    snprintf(n->out, sizeof n->out, "%s.OUT", n->role);
    snprintf(n->loose, sizeof n->loose, "%s.LOOSE", n->role);
    snprintf(n->dead_exchange, sizeof n->dead_exchange, "dead-%s", n->in);
}

struct msgflo_participant *make_participant(struct node *n, const char *url, unsigned prefetch,
                                            size_t max_message_bytes)
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

void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n)
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

void wait_for_one(struct node *n, const size_t *what, size_t at_least)
{
    wait_for(what, at_least, &n, 1);
}

void wait_for_depth(struct node *n, const char *queue, int depth)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    do {
        msgflo_service(n->p);
        if (clock_mono_ms() > deadline)
            fail_msg("queue '%s' holds %d, not %d", queue, broker_depth(queue), depth);
    } while (broker_depth(queue) != depth);
}

void join(struct node *n, unsigned prefetch)
{
    n->p = make_participant(n, scratch_broker_url(), prefetch, 1000000);
    wait_for_one(n, &n->connected, 1);
}

void leave(struct node *n)
{
    msgflo_free(n->p);
    n->p = NULL;
    broker_delete_queue(n->in);
    broker_delete_exchange(n->in);
    broker_delete_exchange(n->out);
    broker_delete_exchange(n->loose);
}

int send_text(struct node *n, const char *outport, const char *text)
{
    struct msgflo_message m = {.body = text, .size = strlen(text), .mandatory = true};

    return msgflo_send(n->p, outport, &m, count_fate, n, NULL);
}

/* ---- the kinds of queues ---- */

int use_classic(void **state)
{
    return scratch_broker_start(state) || !scratch_broker_use(false);
}

int use_quorum(void **state)
{
    (void)state;
    return scratch_broker_use(true) ? 0 : -1;
}
