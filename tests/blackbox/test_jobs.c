/*
 * test_jobs.c - a job from its POST to its end, as a client sees it.
 */
#include "target.h"

#include "base/clock.h"
#include "base/uuid.h"

static json_t *sample_image(size_t i, int width_px)
{
    char *url = sample_url(i);
    json_t *image = json_pack("{s:s, s:i}", "input", url, "width", width_px);

    free(url);
    return image;
}

static int64_t time_at(json_t *json, const char *path)
{
    int64_t ms;

    if (clock_parse_timestamp(text_at(json, path), &ms))
        fail_msg("%s is no time: %s", path, text_at(json, path));
    return ms;
}

static void assert_counts(json_t *job, int queued, int running, int completed, int failed)
{
    assert_int_equal(int_at(job, "counts/queued"), queued);
    assert_int_equal(int_at(job, "counts/running"), running);
    assert_int_equal(int_at(job, "counts/completed"), completed);
    assert_int_equal(int_at(job, "counts/failed"), failed);
    assert_int_equal(int_at(job, "counts/cancelled"), 0);
    assert_int_equal(int_at(job, "counts/total"), queued + running + completed + failed);
}

static void a_job_is_accepted_at_once_with_its_address(void **state)
{
    json_t *body = json_pack("{s:[o], s:{s:s}}", "images", sample_image(0, 100), "metadata",
                             "order", target_run());
    char *text = json_dumps(body, 0), *path;
    const char *location;
    struct http_answer a;

    (void)state;
    target_post("/jobs", text, &a);
    assert_int_equal(a.status, 202);
    assert_true(uuid_is_valid(text_at(a.json, "id")));
    assert_string_equal(http_header(&a, "retry-after"), "1");
    assert_true(asprintf(&path, "/jobs/%s", text_at(a.json, "id")) > 0);
    location = http_header(&a, "location");
    assert_non_null(location);
    assert_true(strlen(location) >= strlen(path));
    assert_string_equal(location + strlen(location) - strlen(path), path);
    assert_string_equal(text_at(a.json, "status"), "queued");
    assert_string_equal(text_at(a.json, "priority"), "interactive");
    assert_string_equal(text_at(a.json, "metadata/order"), target_run());
    assert_counts(a.json, 1, 0, 0, 0);
    assert_true(json_is_null(at(a.json, "started_at")));
    assert_true(json_is_null(at(a.json, "images/0/result")));
    assert_int_equal(int_at(a.json, "images/0/attempts"), 0);
    http_answer_release(&a);
    target_get(path, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    json_decref(body);
    free(text);
    free(path);
}

static void a_job_ends_with_results_and_all_its_times(void **state)
{
    json_t *job =
        run_job(json_pack("{s:[o,o,o], s:s}", "images", sample_image(0, 120), sample_image(1, 130),
                          sample_image(2, 140), "priority", "interactive"));
    int64_t created = time_at(job, "created_at"), started = time_at(job, "started_at");
    int64_t completed = time_at(job, "completed_at");

    (void)state;
    assert_string_equal(text_at(job, "status"), "completed");
    assert_counts(job, 0, 0, 3, 0);
    assert_true(json_is_null(at(job, "failed_at")));
    assert_true(created <= completed && started <= completed);
    for (size_t i = 0; i < 3; i++) {
        json_t *image = json_array_get(at(job, "images"), i);

        assert_string_equal(text_at(image, "status"), "completed");
        assert_int_equal(int_at(image, "attempts"), 1);
        assert_int_equal(int_at(image, "width"), 120 + (int)i * 10);
        assert_int_equal(int_at(image, "result/width"), 120 + (int)i * 10);
        assert_true(int_at(image, "result/height") > 0);
        assert_true(int_at(image, "result/bytes") > 0);
        assert_string_equal(text_at(image, "result/format"), "jpeg");
        assert_string_equal(text_at(image, "result/source/format"), "jpeg");
        assert_true(int_at(image, "result/source/width") > 140);
        assert_true(int_at(image, "result/source/bytes") > 0);
        assert_true(int_at(image, "result/timings_ms/wait") >= 0);
        assert_true(int_at(image, "result/timings_ms/fetch") >= 0);
        assert_true(int_at(image, "result/timings_ms/decode") >= 0);
        assert_true(int_at(image, "result/timings_ms/store") >= 0);
        assert_true(time_at(image, "started_at") <= time_at(image, "completed_at"));
        assert_true(json_is_null(at(image, "failed_at")));
        assert_true(json_is_null(at(image, "error")));
        assert_true(strncmp(text_at(image, "result/output"), "http", 4) == 0);
    }
    json_decref(job);
}

static void bulk_jobs_end_too(void **state)
{
    json_t *job =
        run_job(json_pack("{s:[o], s:s}", "images", sample_image(0, 50), "priority", "bulk"));

    (void)state;
    assert_string_equal(text_at(job, "status"), "completed");
    assert_string_equal(text_at(job, "priority"), "bulk");
    json_decref(job);
}

static void a_job_with_a_failed_image_is_failed_and_keeps_the_others(void **state)
{
    json_t *job =
        run_job(json_pack("{s:[o,{s:s, s:i, s:s}]}", "images", sample_image(0, 60), "input",
                          "http://127.0.0.1:9/", "width", 10, "ref", target_run()));

    (void)state;
    assert_string_equal(text_at(job, "status"), "failed");
    assert_counts(job, 0, 0, 1, 1);
    assert_true(json_is_null(at(job, "completed_at")));
    assert_true(time_at(job, "failed_at") >= time_at(job, "created_at"));
    assert_string_equal(text_at(job, "images/0/status"), "completed");
    assert_string_equal(text_at(job, "images/1/status"), "failed");
    assert_string_equal(text_at(job, "images/1/ref"), target_run());
    assert_string_equal(text_at(job, "images/1/error/code"), "source_forbidden");
    assert_string_equal(text_at(job, "images/1/error/stage"), "fetch");
    assert_true(json_is_false(at(job, "images/1/error/retryable")));
    assert_true(strlen(text_at(job, "images/1/error/message")) > 0);
    assert_null(strstr(text_at(job, "images/1/error/message"), "127.0.0.1"));
    assert_true(json_is_null(at(job, "images/1/result")));
    json_decref(job);
}

static void places_inside_are_forbidden(void **state)
{
    static const char *const inputs[] = {
        "http://127.0.0.1:9/a.jpg",     "http://localhost:9/a.jpg",
        "http://[::1]:9/a.jpg",         "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/a.jpg",        "http://[::ffff:127.0.0.1]:9/a.jpg",
        "http://2130706433:9/a.jpg",    "http://0.0.0.0:9/a.jpg",
        "http://[64:ff9b::7f00:1]:9/x", "http://[fe80::1]/a.jpg",
    };
    json_t *images = json_array(), *job;

    (void)state;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        json_array_append_new(images, json_pack("{s:s, s:i}", "input", inputs[i], "width", 10));
    job = run_job(json_pack("{s:o}", "images", images));
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        json_t *image = json_array_get(at(job, "images"), i);

        if (strcmp(text_at(image, "error/code"), "source_forbidden") != 0)
            fail_msg("%s: %s", inputs[i], json_dumps(image, JSON_COMPACT));
    }
    json_decref(job);
}

static void an_unchanged_job_is_304_by_its_etag(void **state)
{
    char *id = post_job(job_of(sample_image(0, 70))), *path, *url, *header;
    json_t *job = wait_job(id);
    const char *headers[] = {NULL, NULL};
    struct http_answer a;

    (void)state;
    json_decref(job);
    assert_true(asprintf(&path, "/jobs/%s", id) > 0);
    url = target_url(path);
    target_send(url, NULL, &a);
    assert_null(http_header(&a, "retry-after")); /* it has ended */
    assert_non_null(http_header(&a, "etag"));
    assert_true(asprintf(&header, "If-None-Match: \"other\", %s", http_header(&a, "etag")) > 0);
    http_answer_release(&a);
    headers[0] = header;
    target_send(url, &(struct http_request){.headers = headers}, &a);
    assert_int_equal(a.status, 304);
    assert_int_equal(a.len, 0);
    assert_non_null(http_header(&a, "etag"));
    http_answer_release(&a);
    headers[0] = "If-None-Match: W/\"another\"";
    target_send(url, &(struct http_request){.headers = headers}, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    free(id);
    free(path);
    free(url);
    free(header);
}

/* One that is busy may not have the end in time; then the answer is what it is without waiting. */
static void a_create_that_waits_answers_200_with_the_end(void **state)
{
    static const char *const headers[] = {"Content-Type: application/json", "Prefer: wait=25",
                                          NULL};
    json_t *body = job_of(sample_image(1, 80));
    char *url = target_url("/jobs"), *text = json_dumps(body, 0);
    struct http_answer a;

    (void)state;
    for (int tries = 1;; tries++) {
        target_send(
            url, &(struct http_request){.body = text, .headers = headers, .timeout_ms = 40000}, &a);
        assert_string_equal(http_header(&a, "preference-applied"), "wait=25");
        assert_non_null(http_header(&a, "location"));
        if (a.status == 200)
            break;
        assert_int_equal(a.status, 202);
        assert_true(tries < 4);
        json_decref(wait_job(text_at(a.json, "id")));
        http_answer_release(&a);
    }
    assert_string_equal(text_at(a.json, "status"), "completed");
    http_answer_release(&a);
    json_decref(body);
    free(text);
    free(url);
}

static void odd_preferences_are_ignored(void **state)
{
    static const char *const odd[] = {"Prefer: wait=0", "Prefer: wait=x", "Prefer: wait=-1",
                                      "Prefer: respond-async", "Prefer: wait=99999999999999999999"};
    char *id = post_job(job_of(sample_image(2, 90))), *path, *url;
    struct http_answer a;

    (void)state;
    json_decref(wait_job(id));
    assert_true(asprintf(&path, "/jobs/%s", id) > 0);
    url = target_url(path);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const char *const headers[] = {odd[i], NULL};

        target_send(url, &(struct http_request){.headers = headers, .timeout_ms = 40000}, &a);
        assert_int_equal(a.status, 200);
        http_answer_release(&a);
    }
    free(id);
    free(path);
    free(url);
}

/* What is asked for through https must not lead to http, whatever stands in between; and a router
 * that speaks https to the client says so. */
static void location_and_outputs_follow_the_public_address(void **state)
{
    static const char *const headers[] = {"X-Forwarded-Proto: https",
                                          "Content-Type: application/json", NULL};
    json_t *body = job_of(sample_image(0, 40)), *job;
    char *url = target_url("/jobs"), *text = json_dumps(body, 0);
    size_t scheme = strncmp(url, "https", 5) == 0 ? strlen("https://") : strlen("http");
    struct http_answer a;

    (void)state;
    target_send(url, &(struct http_request){.body = text, .headers = headers}, &a);
    assert_int_equal(a.status, 202);
    assert_memory_equal(http_header(&a, "location"), url, scheme);
    job = wait_job(text_at(a.json, "id"));
    assert_memory_equal(text_at(job, "images/0/result/output"), url, scheme);
    http_answer_release(&a);
    json_decref(job);
    json_decref(body);
    free(text);
    free(url);
}

int run_job_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_accepted_at_once_with_its_address),
        cmocka_unit_test(a_job_ends_with_results_and_all_its_times),
        cmocka_unit_test(bulk_jobs_end_too),
        cmocka_unit_test(a_job_with_a_failed_image_is_failed_and_keeps_the_others),
        cmocka_unit_test(places_inside_are_forbidden),
        cmocka_unit_test(an_unchanged_job_is_304_by_its_etag),
        cmocka_unit_test(a_create_that_waits_answers_200_with_the_end),
        cmocka_unit_test(odd_preferences_are_ignored),
        cmocka_unit_test(location_and_outputs_follow_the_public_address),
    };

    return cmocka_run_group_tests_name("jobs", tests, NULL, NULL);
}
