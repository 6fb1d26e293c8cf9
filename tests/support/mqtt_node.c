#include "mqtt_node.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_mosquitto.h"

char topic[TOPIC_SIZE];
char role[ROLE_SIZE];

int name_test(void **state)
{
    static unsigned count;

    (void)state;
    snprintf(role, sizeof role, "m%ld-%u", (long)getpid(), ++count);
    snprintf(topic, sizeof topic, "%s.IN", role);
    return 0;
}

void count_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    (void)p;
    ((struct node *)user)->fates[fate]++;
    ((struct node *)user)->told++;
}

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    struct node *n = user;

    (void)p;
    n->got++;
    snprintf(n->last, sizeof n->last, "%s", (const char *)msgflo_delivery_body(d));
    if (n->seen && !n->keeps)
        n->seen[atoi(n->last)] = true;
    if (n->keeps) {
        assert_true(n->kept_count < KEPT_MAX);
        n->kept[n->kept_count++] = d;
    } else if (n->rejects) {
        msgflo_reject(d);
    } else if (n->requeues_first && n->got == 1) {
        msgflo_requeue(d);
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

/* ---- participants: one that receives on a topic, and one that sends on it ---- */

struct msgflo_options options_for(struct node *n, const char *url)
{
    return (struct msgflo_options){.broker = url,
                                   .role = role,
                                   .discovery_period_s = 1,
                                   .max_message_bytes = 1000,
                                   .on_input = on_input,
                                   .on_state = on_state,
                                   .user = n};
}

struct msgflo_participant *make(const struct msgflo_definition *definition,
                                const struct msgflo_options *options)
{
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p = msgflo_new(definition, options, &e);

    if (!p)
        fail_msg("%s", e.text);
    return p;
}

void make_receiver(struct node *n, const char *from_topic, const char *url, unsigned prefetch)
{
    const struct msgflo_port in = {.id = "in", .queue = from_topic};
    const struct msgflo_definition d = {
        .component = "test/Receiver", .inports = &in, .inport_count = 1};
    struct msgflo_options options = options_for(n, url);

    options.prefetch = prefetch;
    n->p = make(&d, &options);
}

void make_sender(struct node *n, const char *url)
{
    const struct msgflo_port outs[] = {{.id = "out", .queue = topic}, {.id = "loose"}};
    const struct msgflo_definition d = {
        .component = "test/Sender", .outports = outs, .outport_count = 2};
    const struct msgflo_options options = options_for(n, url);

    n->p = make(&d, &options);
}

/* ---- waiting ---- */

void service_once(struct node **nodes, size_t n)
{
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
}

void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what < at_least) {
        service_once(nodes, n);
        if (clock_mono_ms() > deadline)
            fail_msg("%zu of %zu came; the last word was: %s", *what, at_least, nodes[0]->text);
    }
}

void wait_for_one(struct node *n, const size_t *what, size_t at_least)
{
    wait_for(what, at_least, &n, 1);
}

void start_receiver(struct node *n, const char *from_topic, unsigned prefetch)
{
    make_receiver(n, from_topic, scratch_mosquitto_url(), prefetch);
    wait_for_one(n, &n->connected, 1);
}

void start_sender(struct node *n)
{
    make_sender(n, scratch_mosquitto_url());
    wait_for_one(n, &n->connected, 1);
}

void leave(struct node *n)
{
    msgflo_free(n->p);
    n->p = NULL;
}

int send_text(struct node *n, const char *outport, const char *text, bool mandatory)
{
    struct msgflo_message m = {.body = text, .size = strlen(text), .mandatory = mandatory};

    return msgflo_send(n->p, outport, &m, count_fate, n, NULL);
}
