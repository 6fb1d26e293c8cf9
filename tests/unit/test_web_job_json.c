#include "web/job_json.h"

#include <jansson.h>

#include "json_at.h"
#include "unit.h"

#define BASE "https://x.org"
#define AT "2026-01-02T03:04:05.678Z"

static const struct job_row job = {.id = "j",
                                   .status = "failed",
                                   .priority = "interactive",
                                   .version = 5000000000,
                                   .total = 2,
                                   .completed = 1,
                                   .failed = 1,
                                   .created_at = AT,
                                   .failed_at = AT,
                                   .metadata = "{\"order\":\"42\"}"};

static json_t *make(const struct image_row *images, size_t n)
{
    char *text = job_json(&job, images, n, BASE);
    json_t *json;

    assert_non_null(text);
    json = json_loads(text, 0, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

static void shows_every_member_of_the_api(void **state)
{
    const struct image_row images[] = {
        {.id = "a",
         .ref = "sku-1",
         .input = "http://h/a",
         .status = "completed",
         .parameters = "{\"width\": 800, \"fit\": \"cover\"}",
         .attempts = 2,
         .created_at = AT,
         .started_at = AT,
         .completed_at = AT,
         .result = "{\"output\": \"/outputs/a.jpg\", \"width\": 800, \"later\": true}"},
        {.id = "b",
         .input = "http://h/b",
         .status = "failed",
         .parameters = "{}",
         .attempts = 1,
         .created_at = AT,
         .failed_at = AT,
         .error = "{\"code\": \"corrupt_image\"}"},
    };
    json_t *json = make(images, 2);

    (void)state;
    assert_at(json, "counts",
              "{\"total\":2,\"queued\":0,\"running\":0,\"completed\":1,\"failed\":1,"
              "\"cancelled\":0}");
    assert_at(json, "completed_at", "null");
    assert_at(json, "failed_at", "\"" AT "\"");
    assert_at(json, "cancelled_at", "null");
    assert_at(json, "version", "5000000000");
    assert_at(json, "metadata.order", "\"42\"");
    assert_at(json, "images.0.ref", "\"sku-1\"");
    assert_at(json, "images.0.width", "800");
    assert_at(json, "images.0.fit", "\"cover\"");
    assert_at(json, "images.0.attempts", "2");
    assert_at(json, "images.0.error", "null");
    assert_at(json, "images.0.result",
              "{\"output\":\"" BASE "/outputs/a.jpg\",\"width\":800,\"later\":true}");
    assert_at(json, "images.1.result", "null");
    assert_at(json, "images.1.error.code", "\"corrupt_image\"");
    assert_null(json_object_get(json_array_get(json_object_get(json, "images"), 1), "ref"));
    json_decref(json);
}

static void a_summary_is_the_job_without_its_images(void **state)
{
    const struct image_row image = {
        .id = "a", .input = "i", .status = "failed", .parameters = "{}"};
    char *text = job_summary_json(&job);
    json_t *whole = make(&image, 1), *summary = json_loads(text, 0, NULL);

    (void)state;
    assert_int_equal(json_object_del(whole, "images"), 0);
    assert_true(json_equal(summary, whole));
    json_decref(summary);
    json_decref(whole);
    free(text);
}

static void says_when_something_was_cancelled(void **state)
{
    const struct job_row cancelled = {.id = "j",
                                      .status = "cancelled",
                                      .priority = "bulk",
                                      .total = 1,
                                      .cancelled = 1,
                                      .cancelled_at = AT};
    const struct image_row image = {
        .id = "a", .input = "i", .status = "cancelled", .parameters = "{}", .cancelled_at = AT};
    char *text = job_json(&cancelled, &image, 1, BASE);
    json_t *json = json_loads(text, 0, NULL);

    (void)state;
    assert_at(json, "cancelled_at", "\"" AT "\"");
    assert_at(json, "counts.cancelled", "1");
    assert_at(json, "images.0.cancelled_at", "\"" AT "\"");
    json_decref(json);
    free(text);
}

static void makes_the_urls_of_all_outputs_absolute(void **state)
{
    const struct image_row images[] = {
        {.id = "a",
         .input = "i",
         .status = "completed",
         .parameters = "{}",
         .result = "{\"output\":\"/outputs/1\",\"outputs\":[{\"name\":\"s\",\"output\":"
                   "\"/outputs/1\"},{\"name\":\"l\",\"output\":\"https://b.s3/2\"}]}"},
    };
    json_t *json = make(images, 1);

    (void)state;
    assert_at(json, "images.0.result.output", "\"" BASE "/outputs/1\"");
    assert_at(json, "images.0.result.outputs.0.output", "\"" BASE "/outputs/1\"");
    assert_at(json, "images.0.result.outputs.1.output", "\"https://b.s3/2\"");
    json_decref(json);
}

static void puts_members_in_the_order_of_the_description(void **state)
{
    const struct image_row images[] = {
        {.id = "a",
         .input = "i",
         .status = "completed",
         .parameters = "{}",
         .result = "{\"x\":{\"b\":1,\"a\":2},\"bytes\":3,\"width\":4,\"outputs\":"
                   "[{\"bytes\":5,\"name\":\"s\"}]}",
         .error = "{\"stage\":\"fetch\",\"code\":\"internal\"}"},
    };
    json_t *json = make(images, 1);

    (void)state;
    assert_at(json, "images.0.result",
              "{\"width\":4,\"bytes\":3,\"outputs\":[{\"name\":\"s\",\"bytes\":5}],"
              "\"x\":{\"b\":1,\"a\":2}}");
    assert_at(json, "images.0.error", "{\"code\":\"internal\",\"stage\":\"fetch\"}");
    json_decref(json);
}

static void refuses_a_row_that_holds_no_json(void **state)
{
    const struct image_row image = {.id = "a", .input = "i", .status = "x", .result = "{"};

    (void)state;
    assert_null(job_json(&job, &image, 1, BASE));
    assert_null(
        job_summary_json(&(struct job_row){.id = "j", .status = "queued", .metadata = "{"}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shows_every_member_of_the_api),
        cmocka_unit_test(a_summary_is_the_job_without_its_images),
        cmocka_unit_test(says_when_something_was_cancelled),
        cmocka_unit_test(makes_the_urls_of_all_outputs_absolute),
        cmocka_unit_test(puts_members_in_the_order_of_the_description),
        cmocka_unit_test(refuses_a_row_that_holds_no_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
