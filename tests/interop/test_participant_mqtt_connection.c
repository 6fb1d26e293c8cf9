/*
 * test_participant_mqtt_connection.c - how participants come to a broker, and back to it: on a real
 * Mosquitto, with TLS too, and on brokers of our own.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "mqtt_node.h"
#include "scratch_mosquitto.h"

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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
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
