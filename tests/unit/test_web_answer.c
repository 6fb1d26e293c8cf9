#include "web/answer.h"

#include <jansson.h>

#include "unit.h"
#include "web/outputs.h"

#define NAME "0192e4a0-0000-7000-8000-00000000000a-0123456789abcdef.webp"

static json_t *body_of(const struct answer *a)
{
    json_t *json = json_loadb(a->body, a->body_len, 0, NULL);

    assert_non_null(json);
    assert_string_equal(a->content_type, "application/problem+json");
    return json;
}

static void a_problem_says_its_status_and_why(void **state)
{
    AUTO(answer_release) struct answer a = ANSWER_INIT;
    json_t *json;

    (void)state;
    answer_problem(&a, 404, "there is no %s", "job");
    assert_int_equal(a.status, 404);
    json = body_of(&a);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "/problems/not-found");
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 404);
    assert_string_equal(json_string_value(json_object_get(json, "detail")), "there is no job");
    json_decref(json);
}

static void a_validation_problem_lists_every_fault(void **state)
{
    AUTO(answer_release) struct answer a = ANSWER_INIT;
    AUTO(problems_release) struct problems p = PROBLEMS_INIT;
    json_t *json;

    (void)state;
    for (int i = 0; i < PROBLEMS_MAX + 2; i++)
        problems_add(&p, "/x", "wrong");
    answer_validation(&a, &p);
    assert_int_equal(a.status, 422);
    json = body_of(&a);
    assert_int_equal(json_array_size(json_object_get(json, "errors")), PROBLEMS_MAX);
    assert_string_equal(json_string_value(json_object_get(json, "detail")),
                        "102 faults, the first 100 are listed");
    json_decref(json);
}

static void an_error_of_ours_becomes_what_the_client_can_do(void **state)
{
    static const struct {
        enum err_code code;
        unsigned status;
        bool retry;
    } cases[] = {
        {ERR_INPUT, 422, false}, {ERR_LIMIT, 413, false}, {ERR_TIMEOUT, 503, true},
        {ERR_NOMEM, 503, true},  {ERR_BUG, 500, false},   {ERR_UNAVAILABLE, 503, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(answer_release) struct answer a = ANSWER_INIT;
        struct err e = ERR_INIT;

        err_set(&e, cases[i].code, "host secret.internal");
        answer_err(&a, &e);
        assert_int_equal(a.status, cases[i].status);
        assert_int_equal(a.retry_after_s > 0, cases[i].retry);
        assert_null(strstr(a.body, "secret")); /* the text is for the log */
    }
}

static void an_output_is_immutable_and_tagged_by_its_name(void **state)
{
    AUTO(answer_release) struct answer a = ANSWER_INIT;

    (void)state;
    assert_true(output_name_is_valid(NAME));
    outputs_describe(&a, NAME);
    assert_string_equal(a.etag, "\"0123456789abcdef\"");
    assert_string_equal(a.content_type, "image/webp");
    assert_non_null(strstr(a.cache_control, "immutable"));
}

static void an_output_in_a_folder_is_opened_or_not_found(void **state)
{
    struct output_target target = {.kind = OUTPUT_FILE};
    struct answer a = ANSWER_INIT;
    char path[OUTPUT_DIR_SIZE + sizeof NAME];
    FILE *file;

    (void)state;
    snprintf(target.dir, sizeof target.dir, "%s", "/tmp/test_web_answer.XXXXXX");
    assert_non_null(mkdtemp(target.dir));
    snprintf(path, sizeof path, "%s/" NAME, target.dir);
    outputs_open_file(&a, &target, NAME);
    assert_int_equal(a.status, 404);
    answer_release(&a);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("bytes", file);
    fclose(file);
    outputs_open_file(&a, &target, NAME);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_len, 5);
    assert_true(a.fd >= 0);
    answer_release(&a);
    remove(path);
    remove(target.dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_says_its_status_and_why),
        cmocka_unit_test(a_validation_problem_lists_every_fault),
        cmocka_unit_test(an_error_of_ours_becomes_what_the_client_can_do),
        cmocka_unit_test(an_output_is_immutable_and_tagged_by_its_name),
        cmocka_unit_test(an_output_in_a_folder_is_opened_or_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
