/*
 * test_cancel.c - jobs that are cancelled while they wait, run or have ended.
 */
#include "target.h"

#define TRIES 5

static void cancel(const char *id, struct http_answer *ret)
{
    char path[80], *url;

    snprintf(path, sizeof path, "/jobs/%s/cancel", id);
    url = target_url(path);
    target_send(url, &(struct http_request){.method = "POST"}, ret);
    free(url);
}

/* As many images as a job may have: some are in work when it is cancelled, most are not. */
static json_t *large_job(const char *priority)
{
    json_t *images = json_array();

    for (size_t i = 0; i < target_limits()->images; i++) {
        char *url = sample_url(i);

        json_array_append_new(images, json_pack("{s:s, s:i}", "input", url, "width", 300));
        free(url);
    }
    return json_pack("{s:o, s:s}", "images", images, "priority", priority);
}

static json_int_t count(json_t *job, const char *state)
{
    return int_at(at(job, "counts"), state);
}

static void assert_images_agree(json_t *job)
{
    json_int_t cancelled = 0;
    json_t *image;
    size_t i;

    json_array_foreach(at(job, "images"), i, image)
    {
        if (strcmp(text_at(image, "status"), "cancelled") != 0) {
            assert_true(json_is_null(at(image, "cancelled_at")));
            continue;
        }
        cancelled++;
        assert_string_equal(text_at(image, "error/code"), "cancelled");
        assert_true(json_is_false(at(image, "error/retryable")));
        assert_true(strlen(text_at(image, "error/message")) > 0);
        assert_true(json_is_string(at(image, "cancelled_at")));
        assert_true(json_is_null(at(image, "result")));
        assert_true(json_is_null(at(image, "completed_at")));
        assert_true(json_is_null(at(image, "failed_at")));
    }
    assert_int_equal(cancelled, count(job, "cancelled"));
    assert_int_equal(count(job, "total"), count(job, "queued") + count(job, "running") +
                                              count(job, "completed") + count(job, "failed") +
                                              count(job, "cancelled"));
}

/* A large job, cancelled before all of it was in work: a deployment that is told to come again for
 * the one request may have done the other by then. Its id, new. */
static char *post_and_cancel(const char *priority, struct http_answer *ret)
{
    for (int tries = 1;; tries++) {
        char *id = post_job(large_job(priority));

        cancel(id, ret);
        assert_int_equal(ret->status, 200);
        if (count(ret->json, "cancelled") > 0)
            return id;
        if (tries == TRIES)
            fail_msg("job %s has nothing to cancel, like %d before it: %s", id, TRIES - 1,
                     ret->body);
        http_answer_release(ret);
        free(id);
    }
}

static void what_waits_ends_and_what_is_in_work_goes_on(void **state)
{
    static const char *const priorities[] = {"interactive", "bulk"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct http_answer a;
        json_t *job;
        json_int_t cancelled, failed;
        char *id = post_and_cancel(priorities[i], &a);

        assert_string_equal(text_at(a.json, "id"), id);
        assert_int_equal(count(a.json, "queued"), 0);
        assert_images_agree(a.json);
        cancelled = count(a.json, "cancelled");
        assert_non_null(http_header(&a, "etag"));
        http_answer_release(&a);
        job = wait_job(id);
        assert_images_agree(job);
        assert_true(count(job, "cancelled") >= cancelled); /* more: tries that failed meanwhile */
        failed = count(job, "failed");
        assert_string_equal(text_at(job, "status"), failed ? "failed" : "cancelled");
        assert_true(json_is_string(at(job, failed ? "failed_at" : "cancelled_at")));
        assert_true(json_is_null(at(job, failed ? "cancelled_at" : "failed_at")));
        assert_true(json_is_null(at(job, "completed_at")));
        json_decref(job);
        free(id);
    }
}

static void doing_it_twice_changes_nothing(void **state)
{
    char *id = post_job(large_job("bulk"));
    struct http_answer a, b;
    json_t *job;

    (void)state;
    cancel(id, &a);
    assert_int_equal(a.status, 200);
    job = wait_job(id);
    cancel(id, &b);
    assert_int_equal(b.status, 200);
    assert_true(json_equal(b.json, job));
    http_answer_release(&a);
    http_answer_release(&b);
    json_decref(job);
    free(id);
}

static void a_job_that_has_ended_stays_as_it_is(void **state)
{
    json_t *job =
        run_job(job_of(json_pack("{s:s, s:i}", "input", "http://127.0.0.1:9/", "width", 10)));
    struct http_answer a;

    (void)state;
    cancel(text_at(job, "id"), &a);
    assert_int_equal(a.status, 200);
    assert_true(json_equal(a.json, job));
    assert_null(http_header(&a, "retry-after"));
    http_answer_release(&a);
    json_decref(job);
}

static void there_must_be_such_a_job(void **state)
{
    static const char *const ids[] = {"01920000-0000-7000-8000-000000000000", "x",
                                      "01920000-0000-7000-8000-00000000000"};

    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct http_answer a;

        cancel(ids[i], &a);
        assert_problem(&a, 404);
        http_answer_release(&a);
    }
}

int run_cancel_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_ends_and_what_is_in_work_goes_on),
        cmocka_unit_test(doing_it_twice_changes_nothing),
        cmocka_unit_test(a_job_that_has_ended_stays_as_it_is),
        cmocka_unit_test(there_must_be_such_a_job),
    };

    return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
