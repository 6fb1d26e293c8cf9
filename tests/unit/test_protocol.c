/*
 * test_protocol.c - frames of FBP clients: what is taken, what is refused and with which words.
 */
#include "unit.h"

#include "base/buf.h"
#include "network/protocol.h"

/* The payload that is left of the message, or what is wrong with it; new. */
static char *read_message(const char *text)
{
    struct protocol_message m;
    struct err e = ERR_INIT;
    char *got = protocol_parse(text, strlen(text), &m, &e)
                    ? strdup(e.text)
                    : json_dumps(m.payload, JSON_COMPACT | JSON_SORT_KEYS);

    protocol_release(&m);
    return got;
}

static void assert_reads(const char *text, const char *wanted)
{
    AUTO(text_freep) char *got = read_message(text);

    assert_string_equal(got, wanted);
}

static void keeps_only_the_members_of_the_command(void **state)
{
    (void)state;
    assert_reads("{\"protocol\":\"graph\",\"command\":\"clear\",\"payload\":{\"id\":\"foo\","
                 "\"main\":true,\"name\":\"Foo\",\"baseDir\":\"/x\",\"secret\":\"s\"}}",
                 "{\"id\":\"foo\",\"main\":true,\"name\":\"Foo\"}");
    assert_reads("{\"protocol\":\"graph\",\"command\":\"addedge\",\"payload\":{\"graph\":\"g\","
                 "\"src\":{\"node\":\"a\",\"port\":\"out\",\"index\":3,\"x\":1},"
                 "\"tgt\":{\"node\":\"b\",\"port\":\"in\",\"index\":null},\"secret\":\"\"}}",
                 "{\"graph\":\"g\",\"src\":{\"index\":3,\"node\":\"a\",\"port\":\"out\"},"
                 "\"tgt\":{\"node\":\"b\",\"port\":\"in\"}}");
    assert_reads("{\"protocol\":\"runtime\",\"command\":\"getruntime\",\"payload\":{\"a\":[]}}",
                 "{}");
}

static void initial_data_is_any_value(void **state)
{
    static const char *const values[] = {"null", "false", "0", "\"\"", "{}", "[]"};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        char text[300], wanted[200];

        snprintf(text, sizeof(text),
                 "{\"protocol\":\"graph\",\"command\":\"addinitial\",\"payload\":{\"graph\":\"g\","
                 "\"src\":{\"data\":%s},\"tgt\":{\"node\":\"a\",\"port\":\"in\"}}}",
                 values[i]);
        snprintf(wanted, sizeof(wanted),
                 "{\"graph\":\"g\",\"src\":{\"data\":%s},\"tgt\":{\"node\":\"a\",\"port\":\"in\"}}",
                 values[i]);
        assert_reads(text, wanted);
    }
}

static void numbers_with_a_fraction_become_whole_coordinates(void **state)
{
    (void)state;
    assert_reads("{\"protocol\":\"graph\",\"command\":\"changenode\",\"payload\":{\"graph\":\"g\","
                 "\"id\":\"a\",\"metadata\":{\"x\":10.6,\"y\":-3,\"z\":0.5,\"q\":null}}}",
                 "{\"graph\":\"g\",\"id\":\"a\",\"metadata\":{\"q\":null,\"x\":11,\"y\":-3,"
                 "\"z\":0.5}}");
}

static void what_is_no_message_is_refused_with_a_reason(void **state)
{
    static const char *const cases[][2] = {
        {"", "the message is no JSON object"},
        {"null", "the message is no JSON object"},
        {"[]", "a message must be an object"},
        {"{}", "protocol: must be a text that is not empty"},
        {"{\"protocol\":1}", "protocol: must be a text"},
        {"{\"protocol\":\"graph\",\"command\":[]}", "command: must be a text"},
        {"{\"protocol\":\"graph\",\"command\":\"clear\"}", "payload: must be an object"},
        {"{\"protocol\":\"graph\",\"command\":\"clear\",\"payload\":null}", "payload: must be"},
        {"{\"protocol\":\"graph\",\"command\":\"clear\",\"payload\":{},\"requestId\":5}",
         "requestId: must be a text"},
        {"{\"protocol\":\"graph\",\"command\":\"fly\",\"payload\":{}}",
         "there is no command 'graph:fly'"},
        {"{\"protocol\":\"component\",\"command\":\"source\",\"payload\":{}}",
         "there is no command 'component:source'"},
        {"{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{\"id\":\"a\"}}",
         "No graph specified"},
        {"{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{\"graph\":7}}",
         "No graph specified"},
        {"{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{\"graph\":\"g\","
         "\"id\":{},\"component\":\"c\"}}",
         "id: must be a text"},
        {"{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{\"graph\":\"g\","
         "\"id\":\"a\",\"component\":\"c\",\"metadata\":[]}}",
         "metadata: must be an object"},
        {"{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{\"graph\":\"g\","
         "\"id\":\"a\",\"component\":\"c\",\"metadata\":{\"x\":\"1\"}}}",
         "metadata.x: must be a number"},
        {"{\"protocol\":\"graph\",\"command\":\"addedge\",\"payload\":{\"graph\":\"g\","
         "\"src\":null,\"tgt\":{}}}",
         "src: must be an object"},
        {"{\"protocol\":\"graph\",\"command\":\"addedge\",\"payload\":{\"graph\":\"g\","
         "\"src\":{\"node\":\"a\",\"port\":3},\"tgt\":{}}}",
         "port: must be a text"},
        {"{\"protocol\":\"graph\",\"command\":\"addedge\",\"payload\":{\"graph\":\"g\","
         "\"src\":{\"node\":\"a\",\"port\":\"o\",\"index\":-1},\"tgt\":{}}}",
         "src.index: must be a whole number"},
        {"{\"protocol\":\"graph\",\"command\":\"addinitial\",\"payload\":{\"graph\":\"g\","
         "\"src\":{},\"tgt\":{\"node\":\"a\",\"port\":\"o\"}}}",
         "src.data: is missing"},
        {"{\"protocol\":\"graph\",\"command\":\"addgroup\",\"payload\":{\"graph\":\"g\","
         "\"name\":\"n\",\"nodes\":[1]}}",
         "nodes: must be a text"},
        {"{\"protocol\":\"network\",\"command\":\"edges\",\"payload\":{\"graph\":\"g\","
         "\"edges\":{}}}",
         "edges: must be a list"},
        {"{\"protocol\":\"network\",\"command\":\"edges\",\"payload\":{\"graph\":\"g\","
         "\"edges\":[null]}}",
         "src: must be an object"},
        {"{\"protocol\":\"network\",\"command\":\"debug\",\"payload\":{\"graph\":\"g\","
         "\"enable\":1}}",
         "enable: must be true or false"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(text_freep) char *got = read_message(cases[i][0]);

        if (strncmp(got, cases[i][1], strlen(cases[i][1])) != 0)
            fail_msg("%s\n  gives: %s\n  not: %s", cases[i][0], got, cases[i][1]);
    }
}

static void a_refused_message_still_tells_whom_to_answer(void **state)
{
    const char *text = "{\"protocol\":\"graph\",\"command\":\"addnode\",\"payload\":{},"
                       "\"requestId\":\"r-7\",\"secret\":\"abc\"}";
    struct protocol_message m;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(protocol_parse(text, strlen(text), &m, &e), -1);
    assert_string_equal(m.protocol, "graph");
    assert_string_equal(m.request_id, "r-7");
    assert_string_equal(m.secret, "abc");
    protocol_release(&m);
}

static void the_secret_may_stand_in_the_payload(void **state)
{
    const char *text = "{\"protocol\":\"component\",\"command\":\"list\",\"payload\":{\"secret\":"
                       "\"old\"}}";
    struct protocol_message m;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(protocol_parse(text, strlen(text), &m, &e), 0);
    assert_string_equal(m.secret, "old");
    assert_int_equal(m.needs, ACCESS_READ);
    assert_int_equal(json_object_size(m.payload), 0);
    protocol_release(&m);
}

static char *nested_message(size_t depth)
{
    struct buf text = BUF_INIT;

    buf_text(&text, "{\"protocol\":\"graph\",\"command\":\"addinitial\",\"payload\":{\"graph\":"
                    "\"g\",\"tgt\":{\"node\":\"a\",\"port\":\"b\"},\"src\":{\"data\":");
    for (size_t i = 3; i < depth; i++)
        buf_text(&text, "[");
    for (size_t i = 3; i < depth; i++)
        buf_text(&text, "]");
    buf_text(&text, "}}}");
    return buf_detach(&text);
}

static void depth_is_limited(void **state)
{
    AUTO(text_freep) char *at = nested_message(PROTOCOL_MAX_DEPTH);
    AUTO(text_freep) char *past = nested_message(PROTOCOL_MAX_DEPTH + 1);
    struct protocol_message m;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(protocol_parse(at, strlen(at), &m, &e), 0);
    protocol_release(&m);
    assert_int_equal(protocol_parse(past, strlen(past), &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    protocol_release(&m);
}

static void long_texts_are_limited(void **state)
{
    (void)state;
    for (size_t n = PROTOCOL_MAX_TEXT; n <= PROTOCOL_MAX_TEXT + 1; n++) {
        AUTO(buf_release) struct buf text = BUF_INIT;
        struct protocol_message m;
        struct err e = ERR_INIT;

        buf_text(&text, "{\"protocol\":\"graph\",\"command\":\"removenode\",\"payload\":{"
                        "\"graph\":\"g\",\"id\":\"");
        for (size_t i = 0; i < n; i++)
            buf_text(&text, "x");
        buf_text(&text, "\"}}");
        assert_int_equal(protocol_parse(text.data, text.len, &m, &e),
                         n > PROTOCOL_MAX_TEXT ? -1 : 0);
        protocol_release(&m);
    }
}

static void answers_are_written_whole(void **state)
{
    AUTO(text_freep)
    char *plain = protocol_text("graph", "error", protocol_error("no \"x\""), NULL);
    AUTO(text_freep)
    char *answer = protocol_text("component", "componentsready", json_integer(3), "r-1");

    (void)state;
    assert_string_equal(plain, "{\"protocol\":\"graph\",\"command\":\"error\",\"payload\":"
                               "{\"message\":\"no \\\"x\\\"\"}}");
    assert_string_equal(answer, "{\"protocol\":\"component\",\"command\":\"componentsready\","
                                "\"payload\":3,\"responseTo\":\"r-1\"}");
    assert_null(protocol_text("graph", "error", NULL, NULL));
}

static void assert_value(const char *body, size_t size, const char *wanted)
{
    json_t *value = protocol_value(body, size);
    AUTO(text_freep) char *got = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_string_equal(got, wanted);
    json_decref(value);
}

static void a_body_is_shown_whatever_it_is(void **state)
{
    char *large = calloc(1, PROTOCOL_MAX_VALUE + 1);

    (void)state;
    assert_value("{\"a\":1}", 7, "{\"a\":1}");
    assert_value("null", 4, "null");
    assert_value("", 0, "\"\"");
    assert_value("plain", 5, "\"plain\"");
    assert_value("\xff\xfe", 2, "\"(2 bytes that are not shown)\"");
    memset(large, '1', PROTOCOL_MAX_VALUE + 1);
    assert_value(large, PROTOCOL_MAX_VALUE + 1, "\"(1048577 bytes that are not shown)\"");
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_only_the_members_of_the_command),
        cmocka_unit_test(initial_data_is_any_value),
        cmocka_unit_test(numbers_with_a_fraction_become_whole_coordinates),
        cmocka_unit_test(what_is_no_message_is_refused_with_a_reason),
        cmocka_unit_test(a_refused_message_still_tells_whom_to_answer),
        cmocka_unit_test(the_secret_may_stand_in_the_payload),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(long_texts_are_limited),
        cmocka_unit_test(answers_are_written_whole),
        cmocka_unit_test(a_body_is_shown_whatever_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
