/*
 * test_broker_url.c - brokers' URLs taken apart, and what is said of those that have a mistake.
 */
#include "msgflo/lib/broker_url.h"

#include "unit.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static struct broker_url parse(const char *url)
{
    struct msgflo_error e;
    struct broker_url u;

    if (broker_url_parse(url, strlen(url), &u, &e))
        fail_msg("%s: %s", url, e.text);
    return u;
}

static void assert_text(const char *url, const char *what, const char *got, const char *wanted)
{
    if (wanted ? !got || strcmp(got, wanted) != 0 : got != NULL)
        fail_msg("%s: %s is '%s' and not '%s'", url, what, got ? got : "(none)",
                 wanted ? wanted : "(none)");
}

static void a_url_is_taken_apart(void **state)
{
    static const struct {
        const char *url;
        enum broker_url_kind kind;
        bool tls;
        const char *host;
        int port;
        const char *user, *password, *vhost;
    } cases[] = {
        {"amqp://localhost", BROKER_URL_AMQP, false, "localhost", 5672, "guest", "guest", "/"},
        {"amqps://mq.example", BROKER_URL_AMQP, true, "mq.example", 5671, "guest", "guest", "/"},
        {"AMQP://localhost/", BROKER_URL_AMQP, false, "localhost", 5672, "guest", "guest", "/"},
        {"amqp://h//", BROKER_URL_AMQP, false, "h", 5672, "guest", "guest", "/"},
        {"amqp://h/%2F", BROKER_URL_AMQP, false, "h", 5672, "guest", "guest", "/"},
        {"amqp://h/a%2fb", BROKER_URL_AMQP, false, "h", 5672, "guest", "guest", "a/b"},
        {"amqp://h?heartbeat=5", BROKER_URL_AMQP, false, "h", 5672, "guest", "guest", "/"},
        {"amqp://h/v?cleanSession=maybe", BROKER_URL_AMQP, false, "h", 5672, "guest", "guest", "v"},
        {"amqp://u:p@10.0.0.1:7/v", BROKER_URL_AMQP, false, "10.0.0.1", 7, "u", "p", "v"},
        {"amqp://u@h", BROKER_URL_AMQP, false, "h", 5672, "u", "", "/"},
        {"amqp://u:@h", BROKER_URL_AMQP, false, "h", 5672, "u", "", "/"},
        {"amqp://u:a:b@h", BROKER_URL_AMQP, false, "h", 5672, "u", "a:b", "/"},
        {"amqp://u:p@q@h", BROKER_URL_AMQP, false, "h", 5672, "u", "p@q", "/"},
        {"amqp://%75:%40%2F%3a@h", BROKER_URL_AMQP, false, "h", 5672, "u", "@/:", "/"},
        {"amqp://[::1]", BROKER_URL_AMQP, false, "::1", 5672, "guest", "guest", "/"},
        {"amqps://u:p@[2001:db8::1]:65535/v", BROKER_URL_AMQP, true, "2001:db8::1", 65535, "u", "p",
         "v"},
        {"mqtt://localhost", BROKER_URL_MQTT, false, "localhost", 1883, NULL, NULL, NULL},
        {"mqtts://localhost:1", BROKER_URL_MQTT, true, "localhost", 1, NULL, NULL, NULL},
        {"mqtts://localhost", BROKER_URL_MQTT, true, "localhost", 8883, NULL, NULL, NULL},
        {"mqtt://localhost:", BROKER_URL_MQTT, false, "localhost", 1883, NULL, NULL, NULL},
        {"mqtt://localhost/", BROKER_URL_MQTT, false, "localhost", 1883, NULL, NULL, NULL},
        {"mqtt://u@h", BROKER_URL_MQTT, false, "h", 1883, "u", NULL, NULL},
        {"mqtt://u:p%C3%A4@h", BROKER_URL_MQTT, false, "h", 1883, "u", "p\xc3\xa4", NULL},
        {"direct://test", BROKER_URL_DIRECT, false, "test", 0, NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *url = cases[i].url;
        struct broker_url u = parse(url);

        assert_int_equal(u.kind, cases[i].kind);
        assert_int_equal(u.tls, cases[i].tls);
        if (u.port != cases[i].port)
            fail_msg("%s: the port is %d", url, u.port);
        assert_text(url, "host", u.host, cases[i].host);
        assert_text(url, "user", u.user, cases[i].user);
        assert_text(url, "password", u.password, cases[i].password);
        assert_text(url, "vhost", u.vhost, cases[i].vhost);
        broker_url_release(&u);
    }
}

static void mqtt_options_are_read_and_others_ignored(void **state)
{
    static const struct {
        const char *url, *client_id;
        int keep_alive_s;
        bool clean_session;
    } cases[] = {
        {"mqtt://h", NULL, -1, true},
        {"mqtt://h?", NULL, -1, true},
        {"mqtt://h/?keepAlive=0", NULL, 0, true},
        {"mqtt://h?keepAlive=65535", NULL, 65535, true},
        {"mqtt://h?clientId=a%20b&keepAlive=7&cleanSession=false", "a b", 7, false},
        {"mqtt://h?cleanSession=0&clientId=x", "x", -1, false},
        {"mqtt://h?cleanSession=1&&x&y=z&clientid=lower", NULL, -1, true},
        {"mqtt://h?clientId=a=b", "a=b", -1, true},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct broker_url u = parse(cases[i].url);

        assert_text(cases[i].url, "clientId", u.client_id, cases[i].client_id);
        assert_int_equal(u.keep_alive_s, cases[i].keep_alive_s);
        assert_int_equal(u.clean_session, cases[i].clean_session);
        broker_url_release(&u);
    }
}

/* Each is wrong in one way, and has the password `secret` where it has one. */
static void a_mistake_is_named_and_the_password_is_not(void **state)
{
    static const struct {
        const char *url, *names;
    } cases[] = {
        {"", "must start with"},
        {"localhost", "must start with"},
        {"u:secret@localhost", "must start with"},
        {"http://u:secret@h", "must start with"},
        {"amqp:/h", "must start with"},
        {"amqp://", "no host"},
        {"amqp:///vhost", "no host"},
        {"amqp://u:secret@", "no host"},
        {"amqp://u:secret@:5672", "no host"},
        {"amqp://u:secret@h:0", "port"},
        {"amqp://u:secret@h:65536", "port"},
        {"amqp://u:secret@h:99999999999999999999", "port"},
        {"amqp://u:secret@h:5672x", "port"},
        {"amqp://u:secret@h:-1", "port"},
        {"amqp://u:tiger/secret@h", "port"}, /* to a parser: the host u, the port tiger */
        {"amqp://u:secret?@h", "port"},
        {"amqp://u:secret@ho!st", "no host name"},
        {"amqp://u:secret@[::1", "no host name"},
        {"amqp://u:secret@[::g]", "IPv6"},
        {"amqp://u:secret@[]", "IPv6"},
        {"amqp://u:secret@[::1]5672", "between"},
        {"amqp://u:secret@h#x", "#"},
        {"amqp://u:secret @h", "blank"},
        {"amqp://u:secret\x01@h", "blank or control"},
        {"amqp://u%:secret@h", "user"},
        {"amqp://u:secret%@h", "password"},
        {"amqp://u:secret%4@h", "password"},
        {"amqp://u:secret%zz@h", "password"},
        {"amqp://u:secret%00@h", "NUL"},
        {"amqp://u:secret@h/%f", "virtual host"},
        {"mqtt://u:secret@h/vhost", "path"},
        {"mqtt://u:secret@h?keepAlive=", "keepAlive"},
        {"mqtt://u:secret@h?keepAlive=65536", "keepAlive"},
        {"mqtt://u:secret@h?keepAlive=1s", "keepAlive"},
        {"mqtt://u:secret@h?cleanSession", "cleanSession"},
        {"mqtt://u:secret@h?cleanSession=yes", "cleanSession"},
        {"mqtt://u:secret@h?cleanSession=false", "clientId"},
        {"mqtt://u:secret@h?clientId=", "clientId"},
        {"mqtt://u:secret@h?clientId=a&clientId=b", "two"},
        {"mqtt://u:secret@h?clientId=%0", "clientId"},
        {"direct://", "name"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct msgflo_error e = {MSGFLO_OK, ""};
        struct broker_url u = {.port = -1};

        if (broker_url_parse(cases[i].url, strlen(cases[i].url), &u, &e) == 0)
            fail_msg("'%s' was taken", cases[i].url);
        assert_int_equal(e.code, MSGFLO_INVALID);
        assert_int_equal(u.port, -1);
        if (!strstr(e.text, cases[i].names))
            fail_msg("'%s': '%s' does not name '%s'", cases[i].url, e.text, cases[i].names);
        if (strstr(e.text, "secret") || strstr(e.text, "tiger"))
            fail_msg("'%s': '%s' tells the password", cases[i].url, e.text);
    }
}

/* A URL with `len` times c between two texts: 0 if it is taken. */
static int parse_long(const char *before, char c, size_t len, const char *after)
{
    struct broker_url u;
    size_t size = strlen(before) + len + strlen(after) + 1;
    char *url = malloc(size);
    int failed;

    assert_non_null(url);
    memcpy(url, before, strlen(before));
    memset(url + strlen(before), c, len);
    memcpy(url + strlen(before) + len, after, strlen(after) + 1);
    failed = broker_url_parse(url, size - 1, &u, NULL);
    if (!failed)
        broker_url_release(&u);
    free(url);
    return failed;
}

static void each_limit_holds_at_it_and_one_past_it(void **state)
{
    size_t room = BROKER_URL_MAX_BYTES - strlen("amqp://u:") - strlen("@h");

    (void)state;
    assert_int_equal(parse_long("amqp://u:", 'p', room, "@h"), 0);
    assert_int_equal(parse_long("amqp://u:", 'p', room + 1, "@h"), -1);
    assert_int_equal(parse_long("amqp://", 'h', BROKER_HOST_MAX_BYTES, ""), 0);
    assert_int_equal(parse_long("amqp://", 'h', BROKER_HOST_MAX_BYTES + 1, ""), -1);
    assert_int_equal(parse_long("amqp://h/", 'v', BROKER_VHOST_MAX_BYTES, ""), 0);
    assert_int_equal(parse_long("amqp://h/", 'v', BROKER_VHOST_MAX_BYTES + 1, ""), -1);
}

static void bytes_after_the_length_are_not_read(void **state)
{
    struct broker_url u;

    (void)state;
    assert_int_equal(broker_url_parse("mqtt://h:12345", strlen("mqtt://h:12"), &u, NULL), 0);
    assert_int_equal(u.port, 12);
    broker_url_release(&u);
    assert_int_equal(broker_url_parse(NULL, 0, &u, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_is_taken_apart),
        cmocka_unit_test(mqtt_options_are_read_and_others_ignored),
        cmocka_unit_test(a_mistake_is_named_and_the_password_is_not),
        cmocka_unit_test(each_limit_holds_at_it_and_one_past_it),
        cmocka_unit_test(bytes_after_the_length_are_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
