/*
 * test_participant_mqtt.c - participants on a real Mosquitto. An edge is two ports of one topic.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "msgflo/msgflo.h"
#include "scratch_mosquitto.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define KEPT_MAX 100
#define URL_SIZE 400

/* A participant with what it was told. */
struct node {
    struct msgflo_participant *p;
    bool keeps, rejects, requeues_first; /* else it acks */
    struct msgflo_delivery *kept[KEPT_MAX];
    size_t kept_count;
    size_t got;
    size_t fates[4], told; /* told: all fates together */
    size_t connected, disconnected, warnings;
    char text[600]; /* of the latest state */
    char last[600]; /* message */
    bool *seen;     /* by number, or NULL */
};

static char topic[90]; /* of the edge of the current test */
static char role[80];

static int name_test(void **state)
{
    static unsigned count;

    (void)state;
    snprintf(role, sizeof role, "m%ld-%u", (long)getpid(), ++count);
    snprintf(topic, sizeof topic, "%s.IN", role);
    return 0;
}

static void count_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
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

static struct msgflo_options options_for(struct node *n, const char *url)
{
    return (struct msgflo_options){.broker = url,
                                   .role = role,
                                   .discovery_period_s = 1,
                                   .max_message_bytes = 1000,
                                   .on_input = on_input,
                                   .on_state = on_state,
                                   .user = n};
}

static struct msgflo_participant *make(const struct msgflo_definition *definition,
                                       const struct msgflo_options *options)
{
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p = msgflo_new(definition, options, &e);

    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static void make_receiver(struct node *n, const char *from_topic, const char *url,
                          unsigned prefetch)
{
    const struct msgflo_port in = {.id = "in", .queue = from_topic};
    const struct msgflo_definition d = {
        .component = "test/Receiver", .inports = &in, .inport_count = 1};
    struct msgflo_options options = options_for(n, url);

    options.prefetch = prefetch;
    n->p = make(&d, &options);
}

static void make_sender(struct node *n, const char *url)
{
    const struct msgflo_port outs[] = {{.id = "out", .queue = topic}, {.id = "loose"}};
    const struct msgflo_definition d = {
        .component = "test/Sender", .outports = outs, .outport_count = 2};
    const struct msgflo_options options = options_for(n, url);

    n->p = make(&d, &options);
}

/* ---- waiting ---- */

static void service_once(struct node **nodes, size_t n)
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

/* Services all of them until *what reaches at_least. */
static void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what < at_least) {
        service_once(nodes, n);
        if (clock_mono_ms() > deadline)
            fail_msg("%zu of %zu came; the last word was: %s", *what, at_least, nodes[0]->text);
    }
}

static void wait_for_one(struct node *n, const size_t *what, size_t at_least)
{
    wait_for(what, at_least, &n, 1);
}

static void start_receiver(struct node *n, const char *from_topic, unsigned prefetch)
{
    make_receiver(n, from_topic, scratch_mosquitto_url(), prefetch);
    wait_for_one(n, &n->connected, 1);
}

static void start_sender(struct node *n)
{
    make_sender(n, scratch_mosquitto_url());
    wait_for_one(n, &n->connected, 1);
}

static void leave(struct node *n)
{
    msgflo_free(n->p);
    n->p = NULL;
}

static int send_text(struct node *n, const char *outport, const char *text, bool mandatory)
{
    struct msgflo_message m = {.body = text, .size = strlen(text), .mandatory = mandatory};

    return msgflo_send(n->p, outport, &m, count_fate, n, NULL);
}

/* Numbers from..to-1 as texts, confirmed. */
static void send_numbers(struct node *n, size_t from, size_t to)
{
    size_t told = n->told + to - from;
    char text[24];

    for (size_t i = from; i < to; i++) {
        snprintf(text, sizeof text, "%zu", i);
        assert_int_equal(send_text(n, "out", text, false), 0);
    }
    wait_for_one(n, &n->told, told);
}

/* Waits until a subscription is there: messages that are sent before it are gone. */
static void wait_for_subscriber(struct node *sender, struct node *receiver)
{
    struct node *both[] = {sender, receiver};
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (receiver->got == 0) {
        size_t told = sender->told;

        assert_int_equal(send_text(sender, "out", "0", false), 0);
        wait_for(&sender->told, told + 1, both, 2);
        assert_true(clock_mono_ms() < deadline);
    }
}

/* ---- tests ---- */

static void carries_any_bytes_headers_and_content_type(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}, {"x", ""}};
    const struct msgflo_message m = {
        .body = "a\0b", .size = 3, .content_type = "text/x", .headers = headers, .header_count = 2};
    struct node from = {0}, to = {.keeps = true};
    const struct msgflo_delivery *d;

    (void)state;
    start_receiver(&to, topic, 5);
    start_sender(&from);
    assert_int_equal(msgflo_send(from.p, "out", &m, count_fate, &from, NULL), 0);
    wait_for_one(&to, &to.kept_count, 1);
    wait_for_one(&from, &from.told, 1);
    d = to.kept[0];
    assert_int_equal(msgflo_delivery_size(d), 3);
    assert_memory_equal(msgflo_delivery_body(d), "a\0b", 4);
    assert_string_equal(msgflo_delivery_content_type(d), "text/x");
    assert_string_equal(msgflo_delivery_header(d, "traceparent"), "00-ab");
    assert_string_equal(msgflo_delivery_header(d, "x"), "");
    assert_null(msgflo_delivery_header(d, "message_id"));
    assert_memory_equal(msgflo_delivery_message_id(d), msgflo_id(from.p), strlen(role) + 1);
    assert_int_equal(from.fates[MSGFLO_CONFIRMED], 1);
    leave(&to);
    leave(&from);
}

static void tells_confirmed_from_returned_with_many_under_way(void **state)
{
    struct node from = {0}, to = {0};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 100);
    start_sender(&from);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send_text(&from, "out", "1", true), 0);
        assert_int_equal(send_text(&from, "loose", "2", true), 0);
        assert_int_equal(send_text(&from, "loose", "3", false), 0);
    }
    wait_for(&from.told, 1500, both, 2);
    wait_for(&to.got, 500, both, 2);
    assert_int_equal(from.fates[MSGFLO_CONFIRMED], 1000);
    assert_int_equal(from.fates[MSGFLO_RETURNED], 500);
    assert_int_equal(msgflo_unconfirmed(from.p), 0);
    leave(&to);
    leave(&from);
}

static void rejected_and_oversized_ones_go_to_the_dead_topic(void **state)
{
    char dead_topic[110], big[1002];
    struct node from = {0}, to = {.rejects = true}, dead = {0};
    struct node *all[] = {&from, &to, &dead};

    (void)state;
    snprintf(dead_topic, sizeof dead_topic, "dead-%s", topic);
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    start_receiver(&dead, dead_topic, 5);
    start_receiver(&to, topic, 1);
    start_sender(&from);
    assert_int_equal(send_text(&from, "out", "bad", true), 0);
    wait_for(&dead.got, 1, all, 3);
    assert_string_equal(dead.last, "bad");
    assert_int_equal(send_text(&from, "out", big, true), 0);
    wait_for(&to.warnings, 1, all, 3); /* dead itself has the same limit: it warns, too */
    assert_int_equal(to.got, 1);
    assert_int_equal(send_text(&from, "out", "again", true), 0); /* its port is not stuck */
    wait_for(&dead.got, 2, all, 3);
    assert_string_equal(dead.last, "again");
    leave(&to);
    leave(&dead);
    leave(&from);
}

static void requeued_ones_come_again(void **state)
{
    struct node from = {0}, to = {.requeues_first = true};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 1);
    start_sender(&from);
    assert_int_equal(send_text(&from, "out", "once more", true), 0);
    wait_for(&to.got, 2, both, 2);
    assert_string_equal(to.last, "once more");
    leave(&to);
    leave(&from);
}

static void processes_of_a_role_share_the_work(void **state)
{
    bool seen[41] = {false};
    struct node from = {0}, to[2] = {{.seen = seen}, {.seen = seen}};
    struct node *all[] = {&from, &to[0], &to[1]};
    size_t alone = 0, together = 0;

    (void)state;
    start_receiver(&to[0], topic, 1);
    start_receiver(&to[1], topic, 1);
    start_sender(&from);
    send_numbers(&from, 1, 41);
    while (together < 40) {
        service_once(all, 3);
        together = to[0].got + to[1].got;
    }
    for (size_t i = 1; i < 41; i++)
        assert_true(seen[i]);
    assert_int_equal(together, 40);
    alone = to[0].got;
    assert_in_range(alone, 1, 39);
    leave(&to[0]);
    leave(&to[1]);
    leave(&from);
}

static void takes_no_more_than_its_prefetch_until_all_have_ended(void **state)
{
    struct node from = {0}, to = {.keeps = true};
    struct node *both[] = {&from, &to};

    (void)state;
    start_receiver(&to, topic, 3);
    start_sender(&from);
    send_numbers(&from, 0, 10);
    wait_for(&to.kept_count, 3, both, 2);
    msgflo_ack(to.kept[0]);
    msgflo_reject(to.kept[2]);
    send_numbers(&from, 10, 20); /* as long as a message may take to come */
    for (int i = 0; i < 20; i++)
        msgflo_service(to.p);
    assert_int_equal(to.kept_count, 3);
    msgflo_ack(to.kept[1]);
    wait_for(&to.kept_count, 6, both, 2);
    for (size_t i = 3; i < 6; i++)
        msgflo_ack(to.kept[i]);
    wait_for(&to.kept_count, 9, both, 2);
    leave(&to);
    leave(&from);
}

static void paused_it_takes_nothing_until_it_goes_on(void **state)
{
    struct node from = {0}, to = {0};

    (void)state;
    start_receiver(&to, topic, 1);
    start_sender(&from);
    msgflo_pause_inputs(to.p, true);
    send_numbers(&from, 0, 3);
    for (int i = 0; i < 20; i++)
        msgflo_service(to.p);
    assert_int_equal(to.got, 0);
    msgflo_pause_inputs(to.p, false);
    wait_for_one(&to, &to.got, 3);
    leave(&to);
    leave(&from);
}

static void the_rest_of_a_stopped_process_goes_to_the_others(void **state)
{
    bool seen[31] = {false};
    struct node from = {0}, stopped = {.keeps = true}, other = {.seen = seen};
    struct node *all[] = {&from, &other, &stopped};
    size_t missing = 30;
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    (void)state;
    start_receiver(&stopped, topic, 1);
    start_receiver(&other, topic, 5);
    start_sender(&from);
    send_numbers(&from, 1, 31);
    wait_for(&stopped.kept_count, 1, all, 3);
    msgflo_stop_inputs(stopped.p);
    seen[atoi(msgflo_delivery_body(stopped.kept[0]))] = true;
    assert_false(msgflo_drained(stopped.p));
    msgflo_ack(stopped.kept[0]);
    while (!msgflo_drained(stopped.p)) {
        service_once(all, 3);
        assert_true(clock_mono_ms() < deadline);
    }
    assert_int_equal(stopped.got, 1);
    leave(&stopped);
    while (missing) {
        service_once(all, 2);
        missing = 0;
        for (size_t i = 1; i < 31; i++)
            missing += !seen[i];
        if (clock_mono_ms() > deadline)
            fail_msg("%zu are missing", missing);
    }
    leave(&other);
    leave(&from);
}

static void a_lasting_session_keeps_what_was_not_acked_and_what_came_meanwhile(void **state)
{
    struct node from = {0}, to = {.keeps = true}, heir = {.keeps = true};
    char url[URL_SIZE];

    (void)state;
    snprintf(url, sizeof url, "%s?clientId=%s&cleanSession=false", scratch_mosquitto_url(), role);
    make_receiver(&to, topic, url, 2);
    wait_for_one(&to, &to.connected, 1);
    start_sender(&from);
    send_numbers(&from, 0, 2);
    wait_for_one(&to, &to.kept_count, 2);
    leave(&to); /* without an ack, as if it had been killed */
    send_numbers(&from, 2, 4);
    make_receiver(&heir, topic, url, 2);
    wait_for_one(&heir, &heir.kept_count, 2);
    assert_string_equal(msgflo_delivery_body(heir.kept[0]), "0");
    assert_string_equal(msgflo_delivery_body(heir.kept[1]), "1");
    msgflo_ack(heir.kept[0]);
    msgflo_ack(heir.kept[1]);
    wait_for_one(&heir, &heir.kept_count, 4);
    assert_string_equal(heir.last, "3");
    msgflo_ack(heir.kept[2]);
    msgflo_ack(heir.kept[3]);
    leave(&heir);
    leave(&from);
}

static void announces_itself_and_again_after_the_broker_came_back(void **state)
{
    struct node watcher = {0}, to = {0}, from = {0};
    struct node *all[] = {&watcher, &to, &from};
    size_t heard;

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    start_receiver(&watcher, "fbp", 10);
    start_receiver(&to, topic, 1);
    start_sender(&from);
    wait_for(&watcher.got, 3, all, 3);
    assert_non_null(strstr(watcher.last, "\"protocol\":\"discovery\""));
    assert_int_equal(send_text(&from, "out", "under way", false), 0);
    scratch_mosquitto_kill();
    wait_for(&to.disconnected, 1, all, 3);
    wait_for(&from.disconnected, 1, all, 3);
    wait_for(&watcher.disconnected, 1, all, 3);
    wait_for(&from.told, 1, all, 3);
    assert_int_equal(send_text(&from, "out", "not now", false), -1);
    scratch_mosquitto_revive();
    for (size_t i = 0; i < 3; i++)
        wait_for(&all[i]->connected, 2, all, 3);
    heard = watcher.got;
    wait_for(&watcher.got, heard + 3, all, 3);
    to.got = 0;
    wait_for_subscriber(&from, &to);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(all[i]->disconnected, 1);
        leave(all[i]);
    }
}

static void mqtts_holds_the_broker_to_its_certificate_and_name(void **state)
{
    struct node trusts = {0}, knows_no_authority = {0}, other_name = {0};
    const struct msgflo_definition d = {.component = "test/Tls"};
    struct msgflo_options options;
    char url[URL_SIZE];
    const char *port;

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    options = options_for(&trusts, scratch_mosquitto_tls_url());
    options.ca_file = scratch_mosquitto_ca();
    trusts.p = make(&d, &options);
    wait_for_one(&trusts, &trusts.connected, 1);
    leave(&trusts);

    options.ca_file = NULL;
    options.user = &knows_no_authority;
    knows_no_authority.p = make(&d, &options);
    wait_for_one(&knows_no_authority, &knows_no_authority.disconnected, 1);
    assert_int_equal(knows_no_authority.connected, 0);
    leave(&knows_no_authority);

    port = strrchr(scratch_mosquitto_tls_url(), ':');
    snprintf(url, sizeof url, "%.*s@127.0.0.1%s",
             (int)(strchr(scratch_mosquitto_tls_url(), '@') - scratch_mosquitto_tls_url()),
             scratch_mosquitto_tls_url(), port);
    options = options_for(&other_name, url);
    options.ca_file = scratch_mosquitto_ca();
    other_name.p = make(&d, &options);
    wait_for_one(&other_name, &other_name.disconnected, 1);
    assert_int_equal(other_name.connected, 0);
    leave(&other_name);
}

static void messages_pass_over_tls(void **state)
{
    struct node from = {0}, to = {0};
    struct node *both[] = {&from, &to};
    const struct msgflo_port port = {.id = "port", .queue = topic};
    const struct msgflo_definition in = {
        .component = "test/In", .inports = &port, .inport_count = 1};
    struct msgflo_options options;

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    options = options_for(&to, scratch_mosquitto_tls_url());
    options.ca_file = scratch_mosquitto_ca();
    to.p = make(&in, &options);
    wait_for_one(&to, &to.connected, 1);
    start_sender(&from);
    for (int i = 0; i < 200; i++)
        assert_int_equal(send_text(&from, "out", "x", false), 0);
    wait_for(&to.got, 200, both, 2);
    leave(&to);
    leave(&from);
}

static void tells_a_refused_login_once_and_not_the_password(void **state)
{
    struct node n = {0};
    char url[URL_SIZE];

    (void)state;
    if (!scratch_mosquitto_is_private())
        skip();
    snprintf(url, sizeof url, "mqtt://imageresize:not-this-one@%s",
             strchr(scratch_mosquitto_url(), '@') + 1);
    make_sender(&n, url);
    wait_for_one(&n, &n.disconnected, 1);
    assert_non_null(strstr(n.text, "login: Not authorized"));
    assert_null(strstr(n.text, "not-this-one"));
    leave(&n);
}

/* ---- brokers of our own, that do one thing ---- */

/* Reads one packet's type; its body, at most size bytes of it, goes to ret. 0: the end. */
static unsigned char read_packet(int fd, unsigned char *ret, size_t size)
{
    unsigned char head[2];

    if (recv(fd, head, 2, MSG_WAITALL) != 2)
        return 0;
    if (head[1] >= 128) { /* a length of two bytes: as long as these tests have */
        unsigned char more;

        if (recv(fd, &more, 1, MSG_WAITALL) != 1)
            return 0;
        for (int rest = (head[1] & 127) + 128 * more; rest > 0; rest -= (int)size)
            if (recv(fd, ret, (size_t)rest < size ? (size_t)rest : size, MSG_WAITALL) <= 0)
                return 0;
        return head[0];
    }
    if (recv(fd, ret, head[1], MSG_WAITALL) != head[1])
        return 0;
    return head[0];
}

/* Speaks MQTT 3.1.1 only, to two connections one after the other, and confirms one message. */
static void *old_broker(void *user)
{
    static const unsigned char wrong_version[] = {0x20, 2, 0, 1}, welcome[] = {0x20, 2, 0, 0};
    static unsigned char packet[128];
    int listener = *(int *)user;

    for (int i = 0; i < 2; i++) {
        int fd = accept(listener, NULL, NULL);
        bool is_mqtt5;

        if (fd < 0 || read_packet(fd, packet, sizeof packet) != 0x10)
            return NULL;
        is_mqtt5 = packet[6] == 5; /* after the name MQTT with its length */
        send(fd, is_mqtt5 ? wrong_version : welcome, 4, MSG_NOSIGNAL);
        while (!is_mqtt5 && read_packet(fd, packet, sizeof packet))
            ;
        close(fd);
    }
    return user;
}

static int listen_somewhere(char url[URL_SIZE])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 5), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(url, URL_SIZE, "mqtt://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static void speaks_the_older_version_where_the_broker_does(void **state)
{
    struct node n = {0};
    char url[URL_SIZE];
    int fd = listen_somewhere(url);
    pthread_t thread;
    void *went_well;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, old_broker, &fd), 0);
    make_sender(&n, url);
    wait_for_one(&n, &n.connected, 1);
    leave(&n);
    assert_int_equal(pthread_join(thread, &went_well), 0);
    assert_non_null(went_well);
    close(fd);
}

static void gives_up_a_broker_that_does_not_answer(void **state)
{
    struct node n = {0};
    char url[URL_SIZE];
    int fd = listen_somewhere(url);
    const struct msgflo_definition d = {.component = "test/Waiting"};
    struct msgflo_options options = options_for(&n, url);

    (void)state;
    options.connect_timeout_ms = 100;
    n.p = make(&d, &options);
    wait_for_one(&n, &n.disconnected, 1);
    assert_non_null(strstr(n.text, "no answer in time"));
    close(fd);
    leave(&n);
}

/* Greets two connections and then says nothing: to a SUBSCRIBE neither. */
static void *silent_broker(void *user)
{
    static const unsigned char welcome[] = {0x20, 3, 0, 0, 0};
    static unsigned char packet[512];
    int fds[2];

    for (int i = 0; i < 2; i++) {
        fds[i] = accept(*(int *)user, NULL, NULL);
        if (fds[i] < 0 || read_packet(fds[i], packet, sizeof packet) != 0x10)
            return NULL;
        send(fds[i], welcome, sizeof welcome, MSG_NOSIGNAL);
    }
    for (int i = 0; i < 2; i++) {
        while (read_packet(fds[i], packet, sizeof packet))
            ;
        close(fds[i]);
    }
    return user;
}

static void is_not_there_before_the_broker_has_its_subscription(void **state)
{
    const struct msgflo_port in = {.id = "in"};
    const struct msgflo_definition d = {
        .component = "test/Receiver", .inports = &in, .inport_count = 1};
    struct node n = {0};
    char url[URL_SIZE];
    int fd = listen_somewhere(url);
    struct msgflo_options options = options_for(&n, url);
    pthread_t thread;
    void *went_well;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, silent_broker, &fd), 0);
    options.connect_timeout_ms = 2000; /* time enough for the greeting */
    n.p = make(&d, &options);
    wait_for_one(&n, &n.disconnected, 1);
    assert_int_equal(n.connected, 0);
    assert_non_null(strstr(n.text, "does not answer the subscription"));
    leave(&n);
    assert_int_equal(pthread_join(thread, &went_well), 0);
    assert_non_null(went_well);
    close(fd);
}

#define TEST(function) cmocka_unit_test_setup(function, name_test)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(carries_any_bytes_headers_and_content_type),
        TEST(tells_confirmed_from_returned_with_many_under_way),
        TEST(rejected_and_oversized_ones_go_to_the_dead_topic),
        TEST(requeued_ones_come_again),
        TEST(processes_of_a_role_share_the_work),
        TEST(takes_no_more_than_its_prefetch_until_all_have_ended),
        TEST(paused_it_takes_nothing_until_it_goes_on),
        TEST(the_rest_of_a_stopped_process_goes_to_the_others),
        TEST(a_lasting_session_keeps_what_was_not_acked_and_what_came_meanwhile),
        TEST(announces_itself_and_again_after_the_broker_came_back),
        TEST(mqtts_holds_the_broker_to_its_certificate_and_name),
        TEST(messages_pass_over_tls),
        TEST(tells_a_refused_login_once_and_not_the_password),
        TEST(speaks_the_older_version_where_the_broker_does),
        TEST(gives_up_a_broker_that_does_not_answer),
        TEST(is_not_there_before_the_broker_has_its_subscription),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, scratch_mosquitto_start, scratch_mosquitto_end);
}
