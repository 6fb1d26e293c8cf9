/*
 * test_http.c - what holds for every path: health, description, page, methods, headers, problems.
 */
#include "target.h"

static void healthz_answers(void **state)
{
    struct http_answer a;

    (void)state;
    target_get("/healthz", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a.json, "status"), "alive");
    http_answer_release(&a);
}

static void readyz_names_each_thing_it_needs(void **state)
{
    struct http_answer a;

    (void)state;
    target_get("/readyz", &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(text_at(a.json, "postgres"), "up");
    assert_string_equal(text_at(a.json, "broker"), "up");
    http_answer_release(&a);
}

static void every_path_of_the_description_is_served(void **state)
{
    struct http_answer a;
    const char *path;
    json_t *operations;

    (void)state;
    target_get("/openapi.json", &a);
    assert_int_equal(a.status, 200);
    assert_true(strncmp(text_at(a.json, "openapi"), "3.1", 3) == 0);
    json_object_foreach(at(a.json, "paths"), path, operations)
    {
        struct http_answer served;

        if (!json_object_get(operations, "get") || strchr(path, '{') ||
            strcmp(path, "/events") == 0)
            continue; /* a stream has no end */
        target_get(path, &served);
        if (served.status != 200)
            fail_msg("GET %s is described but answers %ld", path, served.status);
        http_answer_release(&served);
    }
    assert_non_null(at(a.json, "paths")); /* and those with a parameter are there */
    assert_non_null(json_object_get(at(a.json, "paths"), "/jobs"));
    assert_non_null(json_object_get(at(a.json, "paths"), "/jobs/{id}"));
    assert_non_null(json_object_get(at(a.json, "paths"), "/outputs/{file}"));
    http_answer_release(&a);
}

static void the_page_runs_nothing_inline(void **state)
{
    struct http_answer a;
    const char *policy;

    (void)state;
    target_get("/", &a);
    assert_int_equal(a.status, 200);
    assert_true(strncmp(http_header(&a, "content-type"), "text/html", 9) == 0);
    assert_string_equal(http_header(&a, "x-content-type-options"), "nosniff");
    policy = http_header(&a, "content-security-policy");
    assert_non_null(policy);
    assert_non_null(strstr(policy, "default-src 'none'"));
    assert_non_null(strstr(policy, "script-src 'self'"));
    assert_null(strstr(policy, "unsafe"));
    assert_null(strstr(policy, " http: "));
    assert_null(strstr(policy, " https: "));
    assert_null(strchr(policy, '*'));
    assert_null(strstr(a.body, "<script>"));
    assert_null(strstr(a.body, "style=\""));
    assert_null(strstr(a.body, "onclick"));
    http_answer_release(&a);
}

/* Whatever stands in quotes after that mark in the file is served, under the folder. */
static void assert_parts_are_served(const char *file, const char *mark, const char *folder)
{
    struct http_answer a;
    int parts = 0;

    target_get(file, &a);
    assert_int_equal(a.status, 200);
    for (const char *at = a.body; (at = strstr(at, mark)); parts++) {
        struct http_answer part;
        char path[200];

        at += strlen(mark);
        snprintf(path, sizeof path, "%s%.*s", folder, (int)strcspn(at, "\""), at);
        target_get(path, &part);
        assert_int_equal(part.status, 200);
        assert_string_equal(http_header(&part, "cache-control"), "no-cache");
        http_answer_release(&part);
    }
    assert_true(parts >= 3);
    http_answer_release(&a);
}

static void the_page_has_all_its_parts(void **state)
{
    (void)state;
    assert_parts_are_served("/", "\"/static/", "/static/");
    assert_parts_are_served("/static/js/main.js", "from \"./", "/static/js/");
}

static void unknown_paths_are_problems(void **state)
{
    static const char *const paths[] = {"/nothing",
                                        "/jobs/not-a-uuid",
                                        "/jobs/01920000-0000-7000-8000-000000000000",
                                        "/outputs/nothing.jpg",
                                        "/outputs/..%2f..%2fetc%2fpasswd",
                                        "/static/../web/main.c",
                                        "/static/nothing.js",
                                        "/jobs/01920000-0000-7000-8000-000000000000/more"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct http_answer a;

        target_get(paths[i], &a);
        assert_problem(&a, 404);
        http_answer_release(&a);
    }
}

static void other_methods_are_refused_with_those_allowed(void **state)
{
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"DELETE", "/jobs", "GET, HEAD, POST"},
        {"GET", "/jobs/01920000-0000-7000-8000-000000000000/cancel", "POST"},
        {"PUT", "/jobs/01920000-0000-7000-8000-000000000000", "GET, HEAD"},
        {"POST", "/healthz", "GET, HEAD"},
        {"PATCH", "/", "GET, HEAD"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *url = target_url(cases[i].path);
        struct http_answer a;

        target_send(url, &(struct http_request){.method = cases[i].method}, &a);
        assert_problem(&a, 405);
        assert_string_equal(http_header(&a, "allow"), cases[i].allow);
        http_answer_release(&a);
        free(url);
    }
}

static void request_ids_are_the_callers_where_they_are_sane(void **state)
{
    char line[64];
    const char *const sane[] = {line, NULL};
    static const char *const insane[] = {"X-Request-Id: a\"b<script>", NULL};
    char *url = target_url("/healthz");
    struct http_answer a;

    (void)state;
    snprintf(line, sizeof line, "X-Request-Id: %s", target_run());
    target_send(url, &(struct http_request){.headers = sane}, &a);
    assert_string_equal(http_header(&a, "x-request-id"), target_run());
    http_answer_release(&a);
    target_send(url, &(struct http_request){.headers = insane}, &a);
    assert_true(strlen(http_header(&a, "x-request-id")) >= 8);
    assert_null(strchr(http_header(&a, "x-request-id"), '<'));
    http_answer_release(&a);
    free(url);
}

static void head_has_the_headers_and_no_body(void **state)
{
    char *url = target_url("/openapi.json");
    struct http_answer get, head;

    (void)state;
    target_send(url, NULL, &get);
    target_send(url, &(struct http_request){.method = "HEAD"}, &head);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.len, 0);
    assert_string_equal(http_header(&head, "content-type"), http_header(&get, "content-type"));
    assert_string_equal(http_header(&head, "content-length"), http_header(&get, "content-length"));
    http_answer_release(&get);
    http_answer_release(&head);
    free(url);
}

int run_http_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthz_answers),
        cmocka_unit_test(readyz_names_each_thing_it_needs),
        cmocka_unit_test(every_path_of_the_description_is_served),
        cmocka_unit_test(the_page_runs_nothing_inline),
        cmocka_unit_test(the_page_has_all_its_parts),
        cmocka_unit_test(unknown_paths_are_problems),
        cmocka_unit_test(other_methods_are_refused_with_those_allowed),
        cmocka_unit_test(request_ids_are_the_callers_where_they_are_sane),
        cmocka_unit_test(head_has_the_headers_and_no_body),
    };

    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
