/*
 * test_msgflo_participant.c - participants on the broker in memory, with a clock of the test's own.
 */
#include "msgflo/json.h"
#include "msgflo/lib/memory_broker.h"
#include "msgflo/msgflo.h"

#include "unit.h"

static int64_t now_ms;

int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return now_ms;
}

static struct memory_broker *broker;

/* What the participant under test was told. */
static struct {
    struct msgflo_delivery *kept[50];
    size_t kept_count;
    size_t states[3], fates[4];
    char text[600];
    bool pause_at_first;
} heard;

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)user;
    heard.kept[heard.kept_count++] = d;
    if (heard.pause_at_first)
        msgflo_pause_inputs(p, true);
}

static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    (void)p;
    (void)user;
    heard.states[state]++;
    snprintf(heard.text, sizeof heard.text, "%s", text);
}

static void on_sent(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    (void)p;
    (void)user;
    heard.fates[fate]++;
}

static const struct msgflo_port ins[] = {{.id = "in"}, {.id = "dead"}};
static const struct msgflo_port outs[] = {{.id = "out"}, {.id = "hush", .hidden = true}};
static const struct msgflo_definition definition = {.component = "test/Thing",
                                                    .inports = ins,
                                                    .inport_count = 2,
                                                    .outports = outs,
                                                    .outport_count = 2};

static struct msgflo_participant *new_participant(unsigned prefetch)
{
    const struct msgflo_options options = {.broker = "direct://test",
                                           .role = "r",
                                           .prefetch = prefetch,
                                           .max_message_bytes = 1000,
                                           .on_input = on_input,
                                           .on_state = on_state};
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p = msgflo_new(&definition, &options, &e);

    if (!p)
        fail_msg("%s", e.text);
    return p;
}

static int set_up(void **state)
{
    memset(&heard, 0, sizeof heard);
    now_ms = 1000000;
    broker = memory_broker_named("test");
    *state = new_participant(3);
    return broker ? 0 : -1;
}

static int tear_down(void **state)
{
    msgflo_free(*state);
    memory_broker_free_all();
    return 0;
}

static void put(const char *queue, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(memory_broker_put(broker, queue, &"abcdefghij"[i % 10], 1), 0);
}

static int send_one(struct msgflo_participant *p, bool mandatory)
{
    const struct msgflo_message m = {.body = "1", .size = 1, .mandatory = mandatory};

    return msgflo_send(p, "out", &m, on_sent, NULL, NULL);
}

/* Services twice: once to connect, once to take what is there. */
static void settle(struct msgflo_participant *p)
{
    msgflo_service(p);
    msgflo_service(p);
}

static char kept_byte(size_t i)
{
    return *(const char *)msgflo_delivery_body(heard.kept[i]);
}

/* ---- announcing ---- */

static void is_announced_at_once_and_then_every_period_over_two_point_two(void **state)
{
    struct msgflo_participant *p = *state;

    assert_int_equal(msgflo_timeout_ms(p), 0);
    assert_false(msgflo_connected(p));
    settle(p);
    assert_true(msgflo_connected(p));
    assert_int_equal(heard.states[MSGFLO_CONNECTED], 1);
    assert_string_equal(heard.text, msgflo_id(p));
    assert_int_equal(memory_broker_depth(broker, "fbp"), 1);
    assert_int_equal(msgflo_timeout_ms(p), 27272); /* 60 s / 2.2 */
    now_ms += 27271;
    msgflo_service(p);
    assert_int_equal(memory_broker_depth(broker, "fbp"), 1);
    now_ms += 1;
    assert_int_equal(msgflo_timeout_ms(p), 0);
    msgflo_service(p);
    assert_int_equal(memory_broker_depth(broker, "fbp"), 2);
}

/* ---- deliveries ---- */

static void gets_no_more_than_the_prefetch_and_each_ack_makes_room(void **state)
{
    struct msgflo_participant *p = *state;

    put("r.IN", 5);
    settle(p);
    assert_int_equal(heard.kept_count, 3);
    assert_string_equal(msgflo_delivery_port(heard.kept[0]), "in");
    assert_int_equal(memory_broker_depth(broker, "r.IN"), 2);
    msgflo_ack(heard.kept[1]);
    assert_int_equal(msgflo_timeout_ms(p), 0);
    msgflo_service(p);
    assert_int_equal(heard.kept_count, 4);
    assert_int_equal(kept_byte(3), 'd');
}

static void a_rejected_one_goes_to_the_dead_letters_and_a_requeued_one_comes_again(void **state)
{
    struct msgflo_participant *p = *state;

    memory_broker_bind(broker, "dead-r.IN", "graveyard");
    put("r.IN", 2);
    settle(p);
    msgflo_reject(heard.kept[0]);
    msgflo_requeue(heard.kept[1]);
    assert_int_equal(memory_broker_depth(broker, "graveyard"), 1);
    msgflo_service(p);
    assert_int_equal(heard.kept_count, 3);
    assert_int_equal(kept_byte(2), 'b');
    assert_true(msgflo_delivery_redelivered(heard.kept[2]));
}

static void ack_upto_ends_older_ones_of_the_same_port_only(void **state)
{
    struct msgflo_participant *p = *state;

    put("r.IN", 3);
    put("r.DEAD", 1);
    settle(p);
    assert_int_equal(heard.kept_count, 4);
    msgflo_ack_upto(heard.kept[1]);
    msgflo_free(p); /* what has not ended goes back */
    assert_int_equal(memory_broker_depth(broker, "r.IN"), 1);
    assert_int_equal(memory_broker_depth(broker, "r.DEAD"), 1);
    *state = NULL;
}

static void one_above_the_limit_is_dead_lettered_unseen(void **state)
{
    static const char big[1001];
    struct msgflo_participant *p = *state;

    memory_broker_bind(broker, "dead-r.IN", "graveyard");
    memory_broker_put(broker, "r.IN", big, 1001);
    memory_broker_put(broker, "r.IN", big, 1000);
    settle(p);
    assert_int_equal(heard.kept_count, 1);
    assert_int_equal(msgflo_delivery_size(heard.kept[0]), 1000);
    assert_int_equal(memory_broker_depth(broker, "graveyard"), 1);
}

static void a_pause_within_on_input_holds_the_next_one(void **state)
{
    struct msgflo_participant *p = *state;

    heard.pause_at_first = true;
    put("r.IN", 3);
    settle(p);
    assert_int_equal(heard.kept_count, 1);
    msgflo_service(p);
    assert_int_equal(heard.kept_count, 1);
    heard.pause_at_first = false;
    msgflo_pause_inputs(p, false);
    msgflo_service(p);
    assert_int_equal(heard.kept_count, 3);
    assert_int_equal(kept_byte(2), 'c');
}

static void stopped_it_takes_no_more_not_even_after_an_outage(void **state)
{
    struct msgflo_participant *p = *state;

    put("r.IN", 5);
    settle(p);
    msgflo_stop_inputs(p);
    msgflo_ack(heard.kept[0]);
    settle(p);
    assert_int_equal(heard.kept_count, 3);
    assert_int_equal(send_one(p, false), 0);
    memory_broker_set_away(broker, true);
    msgflo_service(p);
    memory_broker_set_away(broker, false);
    now_ms += 1000;
    settle(p);
    assert_int_equal(heard.states[MSGFLO_CONNECTED], 2);
    assert_int_equal(heard.kept_count, 3);
}

/* ---- sending ---- */

static void tells_the_fate_of_each_message_once(void **state)
{
    struct msgflo_participant *p = *state;

    settle(p);
    assert_int_equal(send_one(p, true), 0);
    assert_int_equal(send_one(p, false), 0);
    assert_int_equal(msgflo_unconfirmed(p), 2);
    assert_int_equal(heard.fates[MSGFLO_CONFIRMED], 0);
    msgflo_service(p);
    assert_int_equal(heard.fates[MSGFLO_RETURNED], 1);
    assert_int_equal(heard.fates[MSGFLO_CONFIRMED], 1);
    assert_int_equal(msgflo_unconfirmed(p), 0);
    memory_broker_bind(broker, "r.OUT", "sink");
    assert_int_equal(send_one(p, true), 0);
    msgflo_service(p);
    assert_int_equal(heard.fates[MSGFLO_CONFIRMED], 2);
    assert_int_equal(memory_broker_depth(broker, "sink"), 1);
}

static void what_cannot_be_sent_says_why_and_is_not_told(void **state)
{
    static char long_name[257];
    const char *const headers[][2] = {{long_name, "x"}};
    struct msgflo_participant *p = *state;
    struct msgflo_message m = {.body = "1", .size = 1};
    struct msgflo_error e;

    assert_int_equal(msgflo_send(p, "out", &m, on_sent, NULL, &e), -1);
    assert_int_equal(e.code, MSGFLO_UNAVAILABLE);
    settle(p);
    assert_int_equal(msgflo_send(p, "nowhere", &m, on_sent, NULL, &e), -1);
    assert_int_equal(e.code, MSGFLO_INVALID);
    assert_int_equal(msgflo_send(p, "hush", &m, on_sent, NULL, &e), -1);
    memset(long_name, 'n', sizeof long_name - 1);
    m.headers = headers;
    m.header_count = 1;
    assert_int_equal(msgflo_send(p, "out", &m, on_sent, NULL, &e), -1);
    assert_int_equal(e.code, MSGFLO_INVALID);
    assert_int_equal(msgflo_unconfirmed(p), 0);
}

static void headers_come_through(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}, {"empty", ""}};
    const struct msgflo_message m = {.body = "1", .size = 1, .headers = headers, .header_count = 2};
    struct msgflo_participant *p = *state;

    memory_broker_bind(broker, "r.OUT", "r.IN");
    settle(p);
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, NULL), 0);
    assert_int_equal(msgflo_unconfirmed(p), 0);
    msgflo_service(p);
    assert_string_equal(msgflo_delivery_header(heard.kept[0], "traceparent"), "00-ab");
    assert_string_equal(msgflo_delivery_header(heard.kept[0], "empty"), "");
    assert_null(msgflo_delivery_header(heard.kept[0], "none"));
}

static void passes_on_headers_and_content_type_of_a_delivery(void **state)
{
    static const char *const headers[][2] = {{"traceparent", "00-ab"}, {"hop", "1"}};
    static const char *const own[][2] = {{"hop", "2"}};
    struct msgflo_message m = {.body = "<a/>",
                               .size = 4,
                               .content_type = "text/xml",
                               .headers = headers,
                               .header_count = 2};
    struct msgflo_participant *p = *state;
    const char *name, *value;
    size_t count = 0;

    memory_broker_bind(broker, "r.OUT", "r.IN");
    settle(p);
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, NULL), 0);
    msgflo_service(p);
    m = (struct msgflo_message){
        .body = "\0\xff", .size = 2, .headers = own, .header_count = 1, .passes_on = heard.kept[0]};
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, NULL), 0);
    m.content_type = "application/octet-stream";
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, NULL), 0);
    msgflo_service(p);
    assert_int_equal(heard.kept_count, 3);
    assert_string_equal(msgflo_delivery_content_type(heard.kept[1]), "text/xml");
    assert_string_equal(msgflo_delivery_content_type(heard.kept[2]), "application/octet-stream");
    assert_memory_equal(msgflo_delivery_body(heard.kept[1]), "\0\xff", 2);
    assert_string_equal(msgflo_delivery_header(heard.kept[1], "traceparent"), "00-ab");
    assert_string_equal(msgflo_delivery_header(heard.kept[1], "hop"), "2");
    while (msgflo_delivery_header_at(heard.kept[1], count, &name, &value))
        count++;
    assert_int_equal(count, 2);
    assert_string_not_equal(msgflo_delivery_message_id(heard.kept[0]),
                            msgflo_delivery_message_id(heard.kept[1]));
    assert_memory_equal(msgflo_delivery_message_id(heard.kept[1]), msgflo_id(p),
                        strlen(msgflo_id(p)));
}

static void a_peer_may_give_neither_content_type_nor_message_id(void **state)
{
    struct msgflo_participant *p = *state;

    put("r.IN", 1);
    settle(p);
    assert_null(msgflo_delivery_content_type(heard.kept[0]));
    assert_null(msgflo_delivery_message_id(heard.kept[0]));
}

static void headers_are_refused_past_their_limit_and_not_at_it(void **state)
{
    static char value[32769];
    const char *const headers[][2] = {{"n", value}};
    struct msgflo_message m = {.body = "1", .size = 1, .headers = headers, .header_count = 1};
    struct msgflo_participant *p = *state;
    struct msgflo_error e;

    settle(p);
    memset(value, 'v', 32768);
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, &e), -1);
    assert_int_equal(e.code, MSGFLO_INVALID);
    value[32767] = '\0';
    assert_int_equal(msgflo_send(p, "out", &m, NULL, NULL, &e), 0);
}

/* ---- JSON ---- */

static void a_body_that_is_no_json_comes_as_a_string(void **state)
{
    static const struct {
        const char *body, *json; /* NULL: refused */
    } cases[] = {
        {"{\"a\": [1, true, null]}", "{\"a\":[1,true,null]}"},
        {"1.5", "1.5"},
        {"null", "null"},
        {"\"x\"", "\"x\""},
        {"hello world", "\"hello world\""},
        {"{\"a\":", "\"{\\\"a\\\":\""},
        {"", "\"\""},
        {"12345678901234567890", "1.2345678901234567e19"},
        {"\xff\xfe", NULL},
    };
    struct msgflo_participant *p = *state;

    msgflo_service(p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msgflo_error e = {MSGFLO_OK, ""};
        json_t *value;
        char *text;

        memory_broker_put(broker, "r.IN", cases[i].body, strlen(cases[i].body));
        msgflo_service(p);
        value = msgflo_delivery_json(heard.kept[i], &e);
        text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        if (cases[i].json)
            assert_string_equal(text, cases[i].json);
        else
            assert_int_equal(e.code, MSGFLO_INVALID);
        free(text);
        json_decref(value);
        msgflo_ack(heard.kept[i]);
        msgflo_service(p);
    }
}

static void a_json_value_is_sent_as_one(void **state)
{
    static const char *const headers[][2] = {{"k", "v"}};
    const struct msgflo_message like = {
        .body = "not this", .size = 8, .headers = headers, .header_count = 1};
    struct msgflo_participant *p = *state;
    json_t *value = json_true();

    memory_broker_bind(broker, "r.OUT", "r.IN");
    settle(p);
    assert_int_equal(msgflo_send_json(p, "out", value, &like, on_sent, NULL, NULL), 0);
    assert_int_equal(msgflo_send_json(p, "out", value, NULL, on_sent, NULL, NULL), 0);
    assert_int_equal(msgflo_send_json(p, "out", NULL, NULL, on_sent, NULL, NULL), -1);
    msgflo_service(p);
    assert_int_equal(heard.fates[MSGFLO_CONFIRMED], 2);
    assert_string_equal(msgflo_delivery_body(heard.kept[0]), "true");
    assert_string_equal(msgflo_delivery_header(heard.kept[0], "k"), "v");
    assert_string_equal(msgflo_delivery_content_type(heard.kept[1]), "application/json");
}

/* ---- a function for each input ---- */

static void count_dead(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)p;
    ++*(size_t *)user;
    msgflo_ack(d);
}

static void an_input_with_a_function_of_its_own_calls_that(void **state)
{
    const struct msgflo_port two[] = {{.id = "in"}, {.id = "dead", .on_input = count_dead}};
    const struct msgflo_definition d = {.component = "test/Two", .inports = two, .inport_count = 2};
    size_t dead = 0;
    const struct msgflo_options options = {
        .broker = "direct://test", .role = "two", .on_input = on_input, .user = &dead};
    struct msgflo_participant *p = msgflo_new(&d, &options, NULL);

    (void)state;
    assert_non_null(p);
    put("two.IN", 1);
    put("two.DEAD", 2);
    settle(p);
    assert_int_equal(heard.kept_count, 1);
    assert_int_equal(dead, 2);
    assert_int_equal(msgflo_in_hand(p), 1);
    memory_broker_set_away(broker, true);
    msgflo_service(p);
    assert_int_equal(msgflo_in_hand(p),
                     1); /* somebody else's now, and still the program's to end */
    msgflo_ack(heard.kept[0]);
    assert_int_equal(msgflo_in_hand(p), 0);
    msgflo_free(p);
}

/* ---- outages ---- */

static void an_outage_loses_what_is_under_way_and_is_told_once(void **state)
{
    struct msgflo_participant *p = *state;
    unsigned tries;

    put("r.IN", 1);
    settle(p);
    memory_broker_hold_confirms(broker, true);
    assert_int_equal(send_one(p, false), 0);
    memory_broker_set_away(broker, true);
    msgflo_service(p);
    assert_int_equal(heard.fates[MSGFLO_LOST], 1);
    assert_int_equal(heard.states[MSGFLO_DISCONNECTED], 1);
    assert_non_null(strstr(heard.text, "went away"));
    assert_int_equal(msgflo_fd(p), -1);
    tries = memory_broker_tries(broker);
    for (int i = 0; i < 100; i++) {
        now_ms += 1000;
        msgflo_service(p);
    }
    assert_int_equal(heard.states[MSGFLO_DISCONNECTED], 1);
    assert_in_range(memory_broker_tries(broker) - tries, 5, 12); /* growing delay */
    assert_true(msgflo_timeout_ms(p) <= 30000);
    memory_broker_set_away(broker, false);
    now_ms += 30000;
    settle(p);
    assert_int_equal(heard.states[MSGFLO_CONNECTED], 2);
    assert_int_equal(memory_broker_depth(broker, "fbp"), 2);
    assert_int_equal(heard.kept_count, 2);
    assert_true(msgflo_delivery_redelivered(heard.kept[1]));
    msgflo_ack(heard.kept[0]); /* the broker gave it to somebody again: only freed */
    msgflo_requeue(heard.kept[1]);
    assert_int_equal(memory_broker_depth(broker, "r.IN"), 1);
    memory_broker_set_away(broker, true);
    msgflo_service(p);
    assert_int_equal(heard.states[MSGFLO_DISCONNECTED], 2);
}

static void freed_it_tells_the_fate_of_all_and_gives_deliveries_back(void **state)
{
    struct msgflo_participant *p = *state;

    put("r.IN", 2);
    settle(p);
    msgflo_ack(heard.kept[0]);
    assert_int_equal(send_one(p, false), 0);
    msgflo_free(p);
    *state = NULL;
    assert_int_equal(heard.fates[MSGFLO_LOST], 1);
    assert_int_equal(memory_broker_depth(broker, "r.IN"), 1);
}

/* ---- making one ---- */

static void refuses_options_that_cannot_work(void **state)
{
    static char long_role[200];
    const struct {
        struct msgflo_options options;
        const char *says;
    } cases[] = {
        {{.broker = NULL, .role = "r", .on_input = on_input}, "must start with amqp"},
        {{.broker = "http://host", .role = "r", .on_input = on_input}, "must start with amqp"},
        {{.broker = "amqp://u:secret@[", .role = "r", .on_input = on_input}, "no host name"},
        {{.broker = "amqp://u:secret@h:99999999", .role = "r", .on_input = on_input}, "port"},
        {{.broker = "mqtt://u:secret@h/v", .role = "r", .on_input = on_input}, "path"},
        {{.broker = "mqtt://h", .role = "a/b", .on_input = on_input}, "MQTT share"},
        {{.broker = "amqps://u:secret@h",
          .role = "r",
          .on_input = on_input,
          .ca_file = "/nowhere/ca.pem"},
         "'/nowhere/ca.pem' holds no certificates"},
        {{.broker = "amqps://h",
          .role = "r",
          .on_input = on_input,
          .ca_file = SOURCE_DIR "/LICENSE"},
         "holds no certificates"},
        {{.broker = "amqp://h", .role = "r"}, "no on_input"},
        {{.broker = "amqp://h", .role = "", .on_input = on_input}, "no role"},
        {{.broker = "amqp://h", .role = "r", .on_input = on_input, .prefetch = 65536}, "prefetch"},
        {{.broker = "amqp://h", .role = "r", .on_input = on_input, .heartbeat_s = 65536},
         "heartbeat"},
        {{.broker = "amqp://h", .role = "r", .on_input = on_input, .discovery_period_s = 86401},
         "period"},
        {{.broker = "amqp://h", .role = long_role, .on_input = on_input}, "too long"},
    };

    (void)state;
    memset(long_role, 'r', sizeof long_role - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msgflo_error e = {MSGFLO_OK, ""};

        assert_null(msgflo_new(&definition, &cases[i].options, &e));
        assert_int_equal(e.code, MSGFLO_INVALID);
        if (!strstr(e.text, cases[i].says))
            fail_msg("case %zu says: %s", i, e.text);
        assert_null(strstr(e.text, "secret"));
    }
}

static void nobody_listens_is_an_outage_like_any_other(void **state)
{
    const struct msgflo_options options = {
        .broker = "amqp://127.0.0.1:1", .role = "r", .on_input = on_input, .on_state = on_state};
    struct msgflo_participant *p = msgflo_new(&definition, &options, NULL);

    (void)state;
    assert_non_null(p);
    msgflo_service(p);
    assert_int_equal(heard.states[MSGFLO_DISCONNECTED], 1);
    assert_non_null(strstr(heard.text, "127.0.0.1:1"));
    assert_true(msgflo_timeout_ms(p) >= 250);
    msgflo_free(p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(is_announced_at_once_and_then_every_period_over_two_point_two),
        TEST(gets_no_more_than_the_prefetch_and_each_ack_makes_room),
        TEST(a_rejected_one_goes_to_the_dead_letters_and_a_requeued_one_comes_again),
        TEST(ack_upto_ends_older_ones_of_the_same_port_only),
        TEST(one_above_the_limit_is_dead_lettered_unseen),
        TEST(a_pause_within_on_input_holds_the_next_one),
        TEST(stopped_it_takes_no_more_not_even_after_an_outage),
        TEST(tells_the_fate_of_each_message_once),
        TEST(what_cannot_be_sent_says_why_and_is_not_told),
        TEST(headers_come_through),
        TEST(passes_on_headers_and_content_type_of_a_delivery),
        TEST(a_peer_may_give_neither_content_type_nor_message_id),
        TEST(headers_are_refused_past_their_limit_and_not_at_it),
        TEST(a_body_that_is_no_json_comes_as_a_string),
        TEST(a_json_value_is_sent_as_one),
        TEST(an_input_with_a_function_of_its_own_calls_that),
        TEST(an_outage_loses_what_is_under_way_and_is_told_once),
        TEST(freed_it_tells_the_fate_of_all_and_gives_deliveries_back),
        TEST(refuses_options_that_cannot_work),
        TEST(nobody_listens_is_an_outage_like_any_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
