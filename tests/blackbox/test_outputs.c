/*
 * test_outputs.c - the bytes of a result, as caches and browsers get them. A deployment may keep
 * its results where clients read them themselves (S3): how that place answers is not tested here.
 */
#include "target.h"

static json_t *job;         /* one ended job, for all tests of this file */
static const char *address; /* its output; lent from job */

static int make_one_output(void **state)
{
    char *url = sample_url(0);

    (void)state;
    job =
        run_job(job_of(json_pack("{s:s, s:i, s:s}", "input", url, "width", 64, "format", "webp")));
    free(url);
    address = text_at(job, "images/0/result/output");
    return 0;
}

static void an_output_is_the_bytes_that_the_job_says(void **state)
{
    struct http_answer a;

    (void)state;
    target_send(address, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(http_header(&a, "content-type"), "image/webp");
    assert_int_equal(a.len, int_at(job, "images/0/result/bytes"));
    assert_memory_equal(a.body, "RIFF", 4);
    http_answer_release(&a);
}

static void an_output_may_be_kept_for_ever(void **state)
{
    struct http_answer a, again;
    char *header;
    const char *headers[] = {NULL, NULL};

    (void)state;
    target_send(address, NULL, &a);
    assert_non_null(strstr(http_header(&a, "cache-control"), "immutable"));
    assert_string_equal(http_header(&a, "x-content-type-options"), "nosniff");
    assert_int_equal(http_header(&a, "etag")[0], '"');
    assert_true(asprintf(&header, "If-None-Match: %s", http_header(&a, "etag")) > 0);
    headers[0] = header;
    target_send(address, &(struct http_request){.headers = headers}, &again);
    assert_int_equal(again.status, 304);
    assert_int_equal(again.len, 0);
    http_answer_release(&a);
    http_answer_release(&again);
    free(header);
}

static void head_tells_the_size(void **state)
{
    char size[32];
    struct http_answer a;

    (void)state;
    target_send(address, &(struct http_request){.method = "HEAD"}, &a);
    assert_int_equal(a.status, 200);
    snprintf(size, sizeof size, "%lld", (long long)int_at(job, "images/0/result/bytes"));
    assert_string_equal(http_header(&a, "content-length"), size);
    assert_int_equal(a.len, 0);
    http_answer_release(&a);
}

static void an_output_with_another_hash_is_not_there(void **state)
{
    char *other = strdup(address), *dot = strrchr(other, '.');
    struct http_answer a;

    (void)state;
    dot[-1] = dot[-1] == '0' ? '1' : '0';
    target_send(other, NULL, &a);
    assert_int_equal(a.status, 404);
    http_answer_release(&a);
    free(other);
}

static bool web_serves_it(void)
{
    return strstr(address, "/outputs/") != NULL;
}

int run_output_tests(void)
{
    const struct CMUnitTest anywhere[] = {
        cmocka_unit_test(an_output_is_the_bytes_that_the_job_says),
        cmocka_unit_test(head_tells_the_size),
    };
    const struct CMUnitTest served_by_web[] = {
        cmocka_unit_test(an_output_may_be_kept_for_ever),
        cmocka_unit_test(an_output_with_another_hash_is_not_there),
    };
    int failed = cmocka_run_group_tests_name("outputs", anywhere, make_one_output, NULL);

    if (address && web_serves_it())
        failed += cmocka_run_group_tests_name("outputs served by web", served_by_web, NULL, NULL);
    json_decref(job);
    return failed;
}
