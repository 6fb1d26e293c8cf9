#include "job/message.h"

#include "unit.h"

#define JOB "01920000-0000-7000-8000-000000000001"
#define IMAGE "01920000-0000-7000-8000-00000000000a"
#define HEAD                                                                                       \
    "{\"job\":\"" JOB "\",\"payload\":{\"id\":\"" IMAGE "\",\"input\":\"https://a.example/b\"}"

static int parse(const char *text, struct message *m, struct err *e)
{
    return message_parse(text, strlen(text), m, e);
}

static void tells_the_four_kinds_apart(void **state)
{
    static const struct {
        const char *text;
        enum message_kind kind;
        int attempt;
    } cases[] = {
        {HEAD ",\"attempt\":1}", MESSAGE_TODO, 1},
        {HEAD "}", MESSAGE_TODO, 0},
        {HEAD ",\"attempt\":null,\"result\":null,\"error\":null}", MESSAGE_TODO, 0},
        {HEAD ",\"attempt\":2,\"started_at\":\"2026-01-02T03:04:05Z\"}", MESSAGE_STARTED, 2},
        {HEAD ",\"completed_at\":\"2026-01-02T03:04:05.678Z\",\"result\":{\"output\":\"x\"}}",
         MESSAGE_DONE, 0},
        {HEAD ",\"result\":{\"output\":\"x\"},\"error\":null}", MESSAGE_DONE, 0},
        {HEAD ",\"failed_at\":\"2026-01-02T03:04:05.678Z\",\"error\":{\"message\":\"m\"}}",
         MESSAGE_FAILED, 0},
        {HEAD ",\"failed_at\":\"2026-01-02T03:04:05.678Z\"}", MESSAGE_FAILED, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message m;
        struct err e = ERR_INIT;

        assert_int_equal(parse(cases[i].text, &m, &e), 0);
        assert_int_equal(m.kind, cases[i].kind);
        assert_int_equal(m.attempt, cases[i].attempt);
        assert_string_equal(m.job, JOB);
        assert_string_equal(m.image, IMAGE);
        message_release(&m);
    }
}

static void refuses_what_the_service_could_not_use_and_names_it(void **state)
{
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"", "not JSON"},
        {"{", "not JSON"},
        {"[]", "not an object"},
        {HEAD "} x", "not JSON"},
        {HEAD ",\"job\":\"" JOB "\"}", "not JSON"},
        {"{\"job\":\"" JOB "\"}", "'payload'"},
        {"{\"job\":\"1\",\"payload\":{\"id\":\"" IMAGE "\",\"input\":\"x\"}}", "'job'"},
        {"{\"job\":\"" JOB "\",\"payload\":{\"id\":7,\"input\":\"x\"}}", "'payload.id'"},
        {"{\"job\":\"" JOB "\",\"payload\":{\"id\":\"" IMAGE "\"}}", "'payload.input'"},
        {HEAD ",\"attempt\":0}", "'attempt'"},
        {HEAD ",\"attempt\":1.5}", "'attempt'"},
        {HEAD ",\"attempt\":4294967297}", "'attempt'"},
        {HEAD ",\"started_at\":\"yesterday\"}", "'started_at'"},
        {HEAD ",\"started_at\":1767323045}", "'started_at'"},
        {HEAD ",\"completed_at\":\"2026-01-02T03:04:05Z\"}", "'result'"},
        {HEAD ",\"result\":[]}", "'result'"},
        {HEAD ",\"error\":\"no\"}", "'error'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct message m;
        struct err e = ERR_INIT;

        assert_int_equal(parse(cases[i].text, &m, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.text, cases[i].names));
    }
}

/* A message of HEAD and a member x that holds `depth` arrays, one in another. */
static char *nested(int depth)
{
    char *text = malloc(sizeof HEAD + 2 * (size_t)depth + 10), *p = text;

    p += sprintf(p, "%s,\"x\":", HEAD);
    for (int i = 0; i < depth; i++)
        *p++ = '[';
    for (int i = 0; i < depth; i++)
        *p++ = ']';
    strcpy(p, "}");
    return text;
}

static void takes_a_message_at_its_limits_and_none_past_them(void **state)
{
    char *deepest = nested(MESSAGE_DEPTH_MAX - 1), *deeper = nested(MESSAGE_DEPTH_MAX);
    char *longest = malloc(MESSAGE_BYTES_MAX + 1);
    struct err e = ERR_INIT;
    struct message m;

    (void)state;
    assert_int_equal(parse(deepest, &m, &e), 0);
    message_release(&m);
    assert_int_equal(parse(deeper, &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    err_clear(&e);

    memset(longest, ' ', MESSAGE_BYTES_MAX + 1);
    memcpy(longest, HEAD "}", strlen(HEAD "}"));
    assert_int_equal(message_parse(longest, MESSAGE_BYTES_MAX, &m, &e), 0);
    message_release(&m);
    assert_int_equal(message_parse(longest, MESSAGE_BYTES_MAX + 1, &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    free(deepest);
    free(deeper);
    free(longest);
}

static void ids_are_equal_texts_whatever_their_case(void **state)
{
    struct err e = ERR_INIT;
    struct message m;

    (void)state;
    assert_int_equal(parse("{\"job\":\"ABCDEF00-0000-7000-8000-000000000001\",\"payload\":"
                           "{\"id\":\"ABCDEF00-0000-7000-8000-000000000002\",\"input\":\"x\"}}",
                           &m, &e),
                     0);
    assert_string_equal(m.job, "abcdef00-0000-7000-8000-000000000001");
    assert_string_equal(m.image, "abcdef00-0000-7000-8000-000000000002");
    message_release(&m);
}

static void finds_the_image_of_a_message_that_is_refused(void **state)
{
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {HEAD ",\"attempt\":-1}", 0},
        {HEAD "} and more", 0},
        {"{\"payload\":{\"id\":\"" IMAGE "\"}}", 0},
        {"{\"payload\":{\"id\":\"x\"}}", -1},
        {"{\"payload\":", -1},
        {"\xff", -1},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char image[UUID_SIZE] = "";

        assert_int_equal(message_find_image(cases[i].text, strlen(cases[i].text), image),
                         cases[i].rc);
        if (cases[i].rc == 0)
            assert_string_equal(image, IMAGE);
    }
}

static void a_todo_can_be_read_and_holds_the_parameters(void **state)
{
    struct err e = ERR_INIT;
    struct message m;
    char *text = message_todo(JOB, IMAGE, "https://a.example/b", "{\"width\":300,\"id\":\"other\"}",
                              2, "2026-01-02T03:04:05.678Z", &e);
    json_t *payload;

    (void)state;
    assert_non_null(text);
    assert_int_equal(parse(text, &m, &e), 0);
    assert_int_equal(m.kind, MESSAGE_TODO);
    assert_int_equal(m.attempt, 2);
    assert_string_equal(m.image, IMAGE);
    payload = json_object_get(m.document, "payload");
    assert_int_equal(json_integer_value(json_object_get(payload, "width")), 300);
    assert_string_equal(json_string_value(json_object_get(payload, "input")),
                        "https://a.example/b");
    message_release(&m);
    free(text);

    assert_null(message_todo(JOB, IMAGE, "x", "[]", 1, "2026-01-02T03:04:05.678Z", &e));
    assert_int_equal(e.code, ERR_INPUT);
}

/* Parses text, checks its kind and that what was not ours was passed on; frees text. */
static void check_answer(char *text, enum message_kind kind, struct message *ret)
{
    struct err e = ERR_INIT;

    assert_non_null(text);
    assert_int_equal(parse(text, ret, &e), 0);
    assert_int_equal(ret->kind, kind);
    assert_int_equal(ret->attempt, 3);
    assert_string_equal(ret->image, IMAGE);
    assert_int_equal(json_integer_value(json_object_get(ret->document, "theirs")), 1);
    free(text);
}

static void answers_pass_on_what_they_do_not_know(void **state)
{
    static const char at[] = "2026-01-02T03:04:05.678Z";
    struct message todo, m, done;
    struct err e = ERR_INIT;
    json_t *result = json_pack("{s:s}", "output", "/outputs/x"), *error;

    (void)state;
    assert_int_equal(parse(HEAD ",\"attempt\":3,\"theirs\":1}", &todo, &e), 0);
    check_answer(message_started(&todo, at), MESSAGE_STARTED, &m);
    message_release(&m);

    check_answer(message_done(&todo, at, at, result), MESSAGE_DONE, &done);
    assert_string_equal(json_string_value(json_object_get(done.document, "started_at")), at);
    check_answer(message_failed(&done, NULL, at, IMAGE_SOURCE_TIMEOUT, true, "slow"),
                 MESSAGE_FAILED, &m);
    error = json_object_get(m.document, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "source_timeout");
    assert_string_equal(json_string_value(json_object_get(error, "stage")), "fetch");
    assert_true(json_is_true(json_object_get(error, "retryable")));
    assert_null(json_object_get(m.document, "completed_at"));
    message_release(&m);

    /* The one it was made from stays as it was. */
    check_answer(message_done(&todo, at, at, result), MESSAGE_DONE, &m);
    message_release(&m);
    message_release(&done);
    message_release(&todo);
    json_decref(result);
}

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void tells_no_memory_from_a_bad_message(void **state)
{
    struct err e = ERR_INIT;
    struct message m;

    (void)state;
    json_set_alloc_funcs(no_memory, free);
    assert_int_equal(parse(HEAD "}", &m, &e), -1);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(e.code, ERR_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_the_four_kinds_apart),
        cmocka_unit_test(refuses_what_the_service_could_not_use_and_names_it),
        cmocka_unit_test(takes_a_message_at_its_limits_and_none_past_them),
        cmocka_unit_test(ids_are_equal_texts_whatever_their_case),
        cmocka_unit_test(finds_the_image_of_a_message_that_is_refused),
        cmocka_unit_test(a_todo_can_be_read_and_holds_the_parameters),
        cmocka_unit_test(answers_pass_on_what_they_do_not_know),
        cmocka_unit_test(tells_no_memory_from_a_bad_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
