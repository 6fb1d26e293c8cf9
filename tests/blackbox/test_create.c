/*
 * test_create.c - POST /jobs: what is refused, and that all of it is said at once.
 */
#include "target.h"

/* Past the largest that IMAGERESIZE_MAX_SIDE can be. */
#define SIDE_TOO_LARGE "16385"

/* Refused at once by the guard of every deployment, so that a job at a limit costs it little. */
#define NOWHERE "http://127.0.0.1:9/"

static void assert_pointer(json_t *errors, const char *pointer)
{
    size_t i;
    json_t *error;

    json_array_foreach(errors, i, error)
    {
        assert_true(strlen(text_at(error, "detail")) > 0);
        if (strcmp(text_at(error, "pointer"), pointer) == 0)
            return;
    }
    fail_msg("no error at %s in %s", pointer, json_dumps(errors, JSON_COMPACT));
}

/* Bodies with one fault each, and where it is. */
static void each_fault_is_found_at_its_pointer(void **state)
{
    static const struct {
        const char *body, *pointer;
    } cases[] = {
        {"[]", ""},
        {"{}", "/images"},
        {"{\"images\":[]}", "/images"},
        {"{\"images\":{}}", "/images"},
        {"{\"images\":[1]}", "/images/0"},
        {"{\"images\":[{\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"http://a/b\"}]}", "/images/0"},
        {"{\"images\":[{\"input\":1,\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"ftp://a/b\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"file:///etc/passwd\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"http://me:pw@a/b\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"http:///b\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"no url\",\"width\":1}]}", "/images/0/input"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":0}]}", "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":-5}]}", "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":" SIDE_TOO_LARGE "}]}",
         "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1.5}]}", "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":\"1\"}]}", "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":null}]}", "/images/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"height\":" SIDE_TOO_LARGE "}]}",
         "/images/0/height"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"fit\":\"crop\"}]}", "/images/0/fit"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"gravity\":\"up\"}]}",
         "/images/0/gravity"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"format\":\"tiff\"}]}",
         "/images/0/format"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"quality\":0}]}",
         "/images/0/quality"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"quality\":101}]}",
         "/images/0/quality"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"background\":\"red\"}]}",
         "/images/0/background"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"enlarge\":1}]}",
         "/images/0/enlarge"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"ref\":7}]}", "/images/0/ref"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"witdh\":7}]}", "/images/0/witdh"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1,\"a/b~c\":7}]}", "/images/0/a~1b~0c"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"outputs\":[]}]}", "/images/0/outputs"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"outputs\":[{\"width\":5}]}]}",
         "/images/0/outputs/0/name"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"outputs\":[{\"name\":\"s\"}]}]}",
         "/images/0/outputs/0"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"outputs\":[{\"name\":\"s\",\"width\":1},"
         "{\"name\":\"s\",\"width\":2}]}]}",
         "/images/0/outputs/1/name"},
        {"{\"images\":[{\"input\":\"http://a/"
         "b\",\"outputs\":[{\"name\":\"s\",\"width\":" SIDE_TOO_LARGE "}]}]}",
         "/images/0/outputs/0/width"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1}],\"priority\":\"high\"}",
         "/priority"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1}],\"metadata\":[]}", "/metadata"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1}],\"callback\":\"http://a/\"}",
         "/callback"},
        {"{\"images\":[{\"input\":\"http://a/b\",\"width\":1}],\"extra\":1}", "/extra"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_answer a;

        target_post("/jobs", cases[i].body, &a);
        if (a.status != 422)
            fail_msg("%s: %ld %s", cases[i].body, a.status, a.body);
        assert_problem(&a, 422);
        assert_string_equal(text_at(a.json, "type"), "/problems/validation");
        assert_pointer(at(a.json, "errors"), cases[i].pointer);
        assert_int_equal(json_array_size(at(a.json, "errors")), 1);
        http_answer_release(&a);
    }
}

static void all_faults_are_said_at_once(void **state)
{
    struct http_answer a;

    (void)state;
    target_post("/jobs",
                "{\"images\":[{\"input\":\"ftp://a\",\"width\":0,\"fit\":\"x\"},"
                "{\"input\":\"http://a/b\",\"width\":10},{\"height\":1}],"
                "\"priority\":1,\"surprise\":true}",
                &a);
    assert_problem(&a, 422);
    assert_pointer(at(a.json, "errors"), "/images/0/input");
    assert_pointer(at(a.json, "errors"), "/images/0/width");
    assert_pointer(at(a.json, "errors"), "/images/0/fit");
    assert_pointer(at(a.json, "errors"), "/images/2/input");
    assert_pointer(at(a.json, "errors"), "/priority");
    assert_pointer(at(a.json, "errors"), "/surprise");
    assert_int_equal(json_array_size(at(a.json, "errors")), 6);
    http_answer_release(&a);
}

static void what_is_not_json_is_400(void **state)
{
    static const char *const bodies[] = {
        "not json",
        "{",
        "{\"images\":[}",
        "{\"images\":[{\"input\":\"\xff\"}]}",
        "{\"images\":[],\"images\":[]}",
        "{\"images\":[{\"input\":\"http://a/\\u0000b\",\"width\":1}]}",
    };
    char deep[3000];
    struct http_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        target_post("/jobs", bodies[i], &a);
        if (a.status != 400)
            fail_msg("%s: %ld %s", bodies[i], a.status, a.body);
        assert_problem(&a, 400);
        http_answer_release(&a);
    }
    memset(deep, '[', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    target_post("/jobs", deep, &a);
    assert_problem(&a, 400);
    http_answer_release(&a);
}

static void other_content_types_are_415(void **state)
{
    static const char *const types[] = {"Content-Type: text/plain",
                                        "Content-Type: application/x-www-form-urlencoded",
                                        "Content-Type: application/jsonp"};
    static const char *const charset[] = {"Content-Type: application/json; charset=utf-8", NULL};
    char *url = target_url("/jobs");
    struct http_answer a;

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        const char *const headers[] = {types[i], NULL};

        target_send(url, &(struct http_request){.body = "{}", .headers = headers}, &a);
        assert_problem(&a, 415);
        http_answer_release(&a);
    }
    target_send(url, &(struct http_request){.body = "{}", .headers = charset}, &a);
    assert_problem(&a, 422);
    http_answer_release(&a);
    free(url);
}

/* It is read to its end: closing the connection meanwhile might cost the client the answer. */
static void a_large_body_of_another_type_is_415_too(void **state)
{
    static const char *const headers[] = {"Content-Type: text/plain", NULL};
    size_t len = target_limits()->body_bytes;
    char *url = target_url("/jobs"), *body = malloc(len);
    struct http_answer a;

    (void)state;
    memset(body, ' ', len);
    target_send(url, &(struct http_request){.body = body, .len = len, .headers = headers}, &a);
    assert_problem(&a, 415);
    http_answer_release(&a);
    free(body);
    free(url);
}

static void idempotency_keys_are_refused_until_they_work(void **state)
{
    static const char *const headers[] = {"Content-Type: application/json", "Idempotency-Key: k1",
                                          NULL};
    char *url = target_url("/jobs");
    struct http_answer a;

    (void)state;
    target_send(
        url,
        &(struct http_request){.body = "{\"images\":[{\"input\":\"http://a/b\",\"width\":1}]}",
                               .headers = headers},
        &a);
    assert_problem(&a, 400);
    assert_non_null(strstr(text_at(a.json, "detail"), "Idempotency-Key"));
    http_answer_release(&a);
    free(url);
}

/* A body of exactly `size` bytes: blanks around a valid request do not change what it says. */
static void bodies_are_taken_up_to_the_limit(void **state)
{
    static const char text[] = "{}";
    size_t most = target_limits()->body_bytes;
    char *body = malloc(most + 2);
    struct http_answer a;

    (void)state;
    memset(body, ' ', most + 1);
    memcpy(body, text, sizeof text - 1);
    body[most] = '\0';
    target_post("/jobs", body, &a);
    assert_problem(&a, 422);
    http_answer_release(&a);
    body[most] = ' ';
    body[most + 1] = '\0';
    target_post("/jobs", body, &a);
    assert_problem(&a, 413);
    http_answer_release(&a);
    free(body);
}

/* The number of errors of a request that differs from a good one by `member` alone. */
static size_t errors_of(json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct http_answer a;
    size_t count;

    json_decref(body);
    target_post("/jobs", text, &a);
    free(text);
    if (a.status == 202) {
        http_answer_release(&a);
        return 0;
    }
    assert_problem(&a, 422);
    count = json_array_size(at(a.json, "errors"));
    http_answer_release(&a);
    return count;
}

static char *text_of(char c, size_t len)
{
    char *text = malloc(len + 1);

    memset(text, c, len);
    text[len] = '\0';
    return text;
}

static json_t *images_of(size_t n)
{
    json_t *images = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(images, json_pack("{s:s, s:i}", "input", NOWHERE, "width", 1));
    return json_pack("{s:o}", "images", images);
}

static void lists_are_taken_up_to_their_limits(void **state)
{
    const struct target_limits *most = target_limits();

    (void)state;
    assert_int_equal(errors_of(images_of(most->images)), 0);
    assert_int_equal(errors_of(images_of(most->images + 1)), 1);
    for (size_t n = most->outputs; n <= most->outputs + 1; n++) {
        json_t *outputs = json_array();

        for (size_t i = 0; i < n; i++) {
            char name[24];

            snprintf(name, sizeof name, "o%zu", i);
            json_array_append_new(outputs, json_pack("{s:s, s:i}", "name", name, "width", 1));
        }
        assert_int_equal(
            errors_of(job_of(json_pack("{s:s, s:o}", "input", NOWHERE, "outputs", outputs))),
            n - most->outputs);
    }
}

static void texts_are_taken_up_to_their_limits(void **state)
{
    const struct target_limits *most = target_limits();

    (void)state;
    for (size_t over = 0; over <= 1; over++) {
        char *path = text_of('a', most->url_bytes - strlen(NOWHERE) + over), *url;
        char *ref = text_of('r', most->ref_bytes + over);
        /* {"k":"..."} has 8 bytes beside the value */
        char *value = text_of('v', most->metadata_bytes - 8 + over);

        assert_true(asprintf(&url, NOWHERE "%s", path) > 0);
        assert_int_equal(errors_of(job_of(json_pack("{s:s, s:i}", "input", url, "width", 1))),
                         over);
        assert_int_equal(errors_of(job_of(json_pack("{s:s, s:i, s:s}", "input", NOWHERE, "width", 1,
                                                    "ref", ref))),
                         over);
        assert_int_equal(errors_of(json_pack("{s:[{s:s, s:i}], s:{s:s}}", "images", "input",
                                             NOWHERE, "width", 1, "metadata", "k", value)),
                         over);
        free(path);
        free(url);
        free(ref);
        free(value);
    }
}

static void numbers_are_taken_up_to_their_limits(void **state)
{
    const struct {
        const char *member;
        int least, most;
    } cases[] = {{"width", 1, target_limits()->side_px},
                 {"height", 1, target_limits()->side_px},
                 {"quality", 1, 100}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int values[] = {cases[i].least - 1, cases[i].least, cases[i].most, cases[i].most + 1};

        for (size_t v = 0; v < 4; v++) {
            json_t *image = json_pack("{s:s, s:i}", "input", NOWHERE, "width", 10);

            json_object_set_new(image, cases[i].member, json_integer(values[v]));
            assert_int_equal(errors_of(job_of(image)), v == 0 || v == 3);
        }
    }
}

int run_create_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fault_is_found_at_its_pointer),
        cmocka_unit_test(all_faults_are_said_at_once),
        cmocka_unit_test(what_is_not_json_is_400),
        cmocka_unit_test(other_content_types_are_415),
        cmocka_unit_test(a_large_body_of_another_type_is_415_too),
        cmocka_unit_test(idempotency_keys_are_refused_until_they_work),
        cmocka_unit_test(bodies_are_taken_up_to_the_limit),
        cmocka_unit_test(lists_are_taken_up_to_their_limits),
        cmocka_unit_test(texts_are_taken_up_to_their_limits),
        cmocka_unit_test(numbers_are_taken_up_to_their_limits),
    };

    return cmocka_run_group_tests_name("create", tests, NULL, NULL);
}
