/*
 * test_queue_stats.c - what RabbitMQ's management API says of queues, from its bytes.
 */
#include <math.h>

#include "unit.h"

#include "queues/broker_address.h"
#include "queues/queue_stats.h"

static const char *const names[] = {"jobs", "mail"};

static void parse(const char *text, struct queue_stats ret[2])
{
    struct err e = ERR_INIT;

    assert_int_equal(queue_stats_parse(text, strlen(text), names, 2, ret, &e), 0);
}

/* As RabbitMQ 3.10 answers. */
static const char answer[] =
    "[{\"consumers\":1,\"message_stats\":{\"ack\":7,\"ack_details\":{\"rate\":0.6},"
    "\"deliver_get_details\":{\"rate\":0.8},\"publish\":12,\"publish_details\":{\"rate\":2.4}},"
    "\"messages\":5,\"messages_ready\":3,\"messages_unacknowledged\":2,\"name\":\"jobs\"},"
    "{\"name\":\"other\",\"messages\":1}]";

static void reads_all_fields(void **state)
{
    struct queue_stats s[2];

    (void)state;
    parse(answer, s);
    assert_true(s[0].is_there);
    assert_true(s[0].messages == 5 && s[0].ready == 3 && s[0].unacked == 2 && s[0].consumers == 1);
    assert_true(s[0].published == 12 && s[0].acked == 7);
    assert_true(s[0].publish_rate == 2.4 && s[0].ack_rate == 0.6 && s[0].deliver_rate == 0.8);
}

static void a_queue_that_is_not_listed_is_unknown(void **state)
{
    struct queue_stats s[2];

    (void)state;
    parse(answer, s);
    assert_false(s[1].is_there);
    assert_true(isnan(s[1].messages) && isnan(s[1].consumers));
}

static void missing_numbers_are_unknown_and_not_0(void **state)
{
    static const char *const texts[] = {
        "[{\"name\":\"jobs\"}]", /* right after the broker's start */
        "[{\"name\":\"jobs\",\"messages\":null,\"consumers\":\"2\",\"message_stats\":[]}]",
        "[{\"name\":\"jobs\",\"messages\":-1,\"messages_ready\":1}]",
    };
    struct queue_stats s[2];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        parse(texts[i], s);
        assert_true(s[0].is_there);
        assert_true(isnan(s[0].messages) && isnan(s[0].unacked) && isnan(s[0].consumers));
        assert_true(isnan(s[0].published) && isnan(s[0].ack_rate));
    }
}

static void messages_are_the_sum_of_their_parts(void **state)
{
    struct queue_stats s[2];

    (void)state;
    parse("[{\"name\":\"jobs\",\"messages_ready\":4,\"messages_unacknowledged\":3}]", s);
    assert_true(s[0].messages == 7);
}

/* The smaller of what its declaration and a policy say; ready messages count, not those in hand. */
static void a_queue_is_full_at_its_limit(void **state)
{
    static const struct {
        const char *fields;
        double max_messages; /* 0: none */
        bool is_full;
    } cases[] = {
        {"\"messages_ready\":9", 0, false},
        {"\"messages_ready\":9,\"arguments\":{\"x-max-length\":10}", 10, false},
        {"\"messages_ready\":10,\"arguments\":{\"x-max-length\":10}", 10, true},
        {"\"messages_ready\":10,\"effective_policy_definition\":{\"max-length\":10}", 10, true},
        {"\"messages_ready\":5,\"arguments\":{\"x-max-length\":5},"
         "\"effective_policy_definition\":{\"max-length\":10}",
         5, true},
        {"\"messages_ready\":9,\"messages_unacknowledged\":9,"
         "\"arguments\":{\"x-max-length\":10}",
         10, false},
        {"\"messages_ready\":0,\"arguments\":{\"x-max-length\":0}", 0, true},
        {"\"messages_ready\":1,\"message_bytes_ready\":99,"
         "\"arguments\":{\"x-max-length-bytes\":100}",
         0, false},
        {"\"messages_ready\":1,\"message_bytes_ready\":100,"
         "\"effective_policy_definition\":{\"max-length-bytes\":100}",
         0, true},
        {"\"arguments\":{\"x-max-length\":\"10\"},\"effective_policy_definition\":[]", 0, false},
    };
    struct queue_stats s[2];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[300];

        snprintf(text, sizeof text, "[{\"name\":\"jobs\",%s}]", cases[i].fields);
        parse(text, s);
        assert_true(s[0].is_full == cases[i].is_full);
        if (cases[i].max_messages > 0)
            assert_true(s[0].max_messages == cases[i].max_messages);
    }
    assert_true(isnan(s[0].max_messages));
}

/* As RabbitMQ 3.10 answers, one of them before its first message. */
static void counts_what_is_published_to_exchanges(void **state)
{
    static const char text[] = "[{\"name\":\"\"},{\"name\":\"mail\"},"
                               "{\"message_stats\":{\"publish_in\":12},\"name\":\"jobs\"}]";
    static const char *const three[] = {"jobs", "mail", "nobody"};
    struct err e = ERR_INIT;
    double published[3];

    (void)state;
    assert_int_equal(exchange_stats_parse(text, strlen(text), three, 3, published, &e), 0);
    assert_true(published[0] == 12 && published[1] == 0 && isnan(published[2]));
    assert_int_equal(exchange_stats_parse("{}", 2, three, 3, published, &e), -1);
    assert_true(isnan(published[0]));
}

static void adds_up_what_consumers_take_at_a_time(void **state)
{
    static const char text[] = "[{\"prefetch_count\":10,\"queue\":{\"name\":\"jobs\"}},"
                               "{\"prefetch_count\":5,\"queue\":{\"name\":\"jobs\"}},"
                               "{\"prefetch_count\":0,\"queue\":{\"name\":\"mail\"}},"
                               "{\"queue\":{}}, null]";
    static const char *const three[] = {"jobs", "mail", "nobody"};
    struct err e = ERR_INIT;
    double places[3];

    (void)state;
    assert_int_equal(consumer_stats_parse(text, strlen(text), three, 3, places, &e), 0);
    assert_true(places[0] == 15 && isnan(places[1]) && places[2] == 0);
    assert_int_equal(consumer_stats_parse("", 0, three, 3, places, &e), -1);
    assert_true(isnan(places[0]));
}

static void refuses_what_is_no_list(void **state)
{
    static const char *const texts[] = {"", "{}", "[", "{\"error\":\"not_authorised\"}"};
    struct queue_stats s[2];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = ERR_INIT;

        assert_int_equal(queue_stats_parse(texts[i], strlen(texts[i]), names, 2, s, &e), -1);
        assert_int_equal(e.code, ERR_UNAVAILABLE);
        assert_true(isnan(s[0].messages));
    }
    parse("[null, 1, {\"name\": 2}, []]", s);
    assert_false(s[0].is_there);
}

static void the_path_escapes_the_virtual_host(void **state)
{
    char *path = queue_stats_path("/a b-c.d~\xc3\xa9");

    (void)state;
    assert_non_null(path);
    assert_memory_equal(path, "/api/queues/%2Fa%20b-c.d~%C3%A9?columns=name,messages,", 53);
    free(path);
}

static void counters_that_stay_while_a_rate_says_they_move_are_stale(void **state)
{
    struct queue_stats moving = {.published = 5, .publish_rate = 2, .acked = 1, .ack_rate = 0};
    struct queue_stats idle = {.published = 5, .publish_rate = 0, .acked = 1, .ack_rate = 0};
    struct queue_stats unknown = queue_stats_unknown();
    struct staleness s = {0};

    (void)state;
    assert_false(staleness_look(&s, &moving, 1000, 15000));
    assert_false(staleness_look(&s, &moving, 6000, 15000)); /* it begins here */
    assert_false(staleness_look(&s, &moving, 21000, 15000));
    assert_true(staleness_look(&s, &moving, 21001, 15000));
    assert_false(staleness_look(&s, &idle, 22000, 15000));
    assert_false(staleness_look(&s, &idle, 90000, 15000)); /* idle is not stale */
    assert_false(staleness_look(&s, &unknown, 91000, 15000));
    assert_false(staleness_look(&s, &unknown, 199000, 15000));
}

static void reads_a_brokers_url(void **state)
{
    struct broker_address a;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(broker_address_parse("amqps://me:a%2Fb@host/my%2Fvhost", &a, &e), 0);
    assert_string_equal(a.host, "host");
    assert_string_equal(a.password, "a/b");
    assert_string_equal(a.vhost, "my/vhost");
    assert_true(a.tls && a.port == 5671);
    broker_address_release(&a);
    assert_int_equal(broker_address_parse("amqp://host/", &a, &e), 0);
    assert_string_equal(a.vhost, "/");
    assert_string_equal(a.user, "guest");
    broker_address_release(&a);
    assert_int_equal(broker_address_parse("http://me:secret@host", &a, &e), -1);
    assert_null(strstr(e.text, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_all_fields),
        cmocka_unit_test(a_queue_that_is_not_listed_is_unknown),
        cmocka_unit_test(missing_numbers_are_unknown_and_not_0),
        cmocka_unit_test(messages_are_the_sum_of_their_parts),
        cmocka_unit_test(a_queue_is_full_at_its_limit),
        cmocka_unit_test(counts_what_is_published_to_exchanges),
        cmocka_unit_test(adds_up_what_consumers_take_at_a_time),
        cmocka_unit_test(refuses_what_is_no_list),
        cmocka_unit_test(the_path_escapes_the_virtual_host),
        cmocka_unit_test(counters_that_stay_while_a_rate_says_they_move_are_stale),
        cmocka_unit_test(reads_a_brokers_url),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
