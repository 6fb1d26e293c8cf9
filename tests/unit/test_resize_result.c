/*
 * What a resize worker reports: the result's JSON, and each failure's code.
 */
#include "unit.h"

#include "resize/decode_request.h"
#include "resize/image_failure.h"
#include "resize/result.h"

static const struct decode_done done = {
    .source_width_px = 4000,
    .source_height_px = 3000,
    .source_format = DECODE_FORMAT_JPEG,
    .source_frames = 1,
    .output_count = 2,
    .outputs = {{.width_px = 800, .height_px = 600, .format = DECODE_FORMAT_WEBP, .bytes = 18234},
                {.width_px = 40, .height_px = 30, .format = DECODE_FORMAT_AVIF, .bytes = 99}}};

static const struct timings timings = {
    .wait_ms = -5, .fetch_ms = 80, .decode_ms = 21, .store_ms = 9};

static void assert_json(json_t *json, const char *wanted)
{
    json_t *other = json_loads(wanted, 0, NULL);

    assert_non_null(json);
    assert_non_null(other);
    assert_true(json_equal(json, other));
    json_decref(json);
    json_decref(other);
}

static void makes_the_result_of_one_output(void **state)
{
    const char *addresses[] = {"/outputs/a.webp"};
    struct image_request request = {.output_count = 1};
    struct decode_done one = done;

    (void)state;
    one.output_count = 1;
    assert_json(result_make(&request, &one, addresses, 2345678, &timings),
                "{\"output\": \"/outputs/a.webp\", \"width\": 800, \"height\": 600,"
                " \"bytes\": 18234, \"format\": \"webp\","
                " \"source\": {\"width\": 4000, \"height\": 3000, \"format\": \"jpeg\","
                "              \"bytes\": 2345678},"
                " \"timings_ms\": {\"wait\": 0, \"fetch\": 80, \"decode\": 21, \"store\": 9}}");
}

static void lists_several_outputs_by_name(void **state)
{
    const char *addresses[] = {"https://b/s.webp", "https://b/l.avif"};
    struct image_request request = {
        .has_outputs = true, .output_count = 2, .outputs = {{.name = "s"}, {.name = "l"}}};
    json_t *result = result_make(&request, &done, addresses, 1, &timings);

    (void)state;
    assert_string_equal(json_string_value(json_object_get(result, "output")), addresses[0]);
    assert_json(json_incref(json_object_get(result, "outputs")),
                "[{\"name\": \"s\", \"output\": \"https://b/s.webp\", \"width\": 800,"
                "  \"height\": 600, \"bytes\": 18234, \"format\": \"webp\"},"
                " {\"name\": \"l\", \"output\": \"https://b/l.avif\", \"width\": 40,"
                "  \"height\": 30, \"bytes\": 99, \"format\": \"avif\"}]");
    json_decref(result);
}

static void asks_the_decoder_for_what_was_asked(void **state)
{
    const struct settings settings = {
        .max_megapixels = 50, .max_output_mb = 2, .max_side_px = 4096};
    const struct image_request request = {.output_count = 1,
                                          .outputs = {{.width_px = 300,
                                                       .fit = FIT_COVER,
                                                       .gravity = GRAVITY_ENTROPY,
                                                       .format = FORMAT_WEBP,
                                                       .quality = 75,
                                                       .enlarge = true,
                                                       .has_background = true,
                                                       .background = {1, 2, 3, 4}}}};
    struct decode_work work;

    (void)state;
    decode_request_make(&request, 1234, &settings, &work);
    assert_int_equal(work.source_bytes, 1234);
    assert_int_equal(work.max_pixels, 50000000);
    assert_int_equal(work.max_output_bytes, 2097152);
    assert_int_equal(work.max_side_px, 4096);
    assert_int_equal(work.output_count, 1);
    assert_int_equal(work.outputs[0].width_px, 300);
    assert_int_equal(work.outputs[0].height_px, 0);
    assert_int_equal(work.outputs[0].fit, DECODE_FIT_COVER);
    assert_int_equal(work.outputs[0].gravity, DECODE_GRAVITY_ENTROPY);
    assert_int_equal(work.outputs[0].format, DECODE_FORMAT_WEBP);
    assert_int_equal(work.outputs[0].quality, 75);
    assert_int_equal(work.outputs[0].enlarge, 1);
    assert_int_equal(work.outputs[0].has_background, 1);
    assert_int_equal(work.outputs[0].background[3], 4);
}

static void names_failures_to_fetch(void **state)
{
    static const struct {
        enum fetch_outcome outcome;
        enum image_error_code code;
    } cases[] = {
        {FETCH_FORBIDDEN, IMAGE_SOURCE_FORBIDDEN},     {FETCH_NOT_FOUND, IMAGE_SOURCE_NOT_FOUND},
        {FETCH_UNREACHABLE, IMAGE_SOURCE_UNREACHABLE}, {FETCH_TIMEOUT, IMAGE_SOURCE_TIMEOUT},
        {FETCH_TOO_LARGE, IMAGE_SOURCE_TOO_LARGE},
    };
    struct image_failure failure;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int retryable = 0; retryable < 2; retryable++) {
            const struct fetch_result result = {
                .outcome = cases[i].outcome, .retryable = retryable, .detail = "it was so"};

            image_failure_of_fetch(&result, &failure);
            assert_int_equal(failure.code, cases[i].code);
            assert_int_equal(failure.retryable, retryable);
            assert_string_equal(failure.message, "it was so");
        }
    }
    image_failure_of_fetch(&(struct fetch_result){.outcome = FETCH_INTERNAL, .detail = "x"},
                           &failure);
    assert_int_equal(failure.code, IMAGE_INTERNAL);
    assert_true(failure.retryable);
}

static void names_failures_to_decode(void **state)
{
    static const struct {
        enum decode_outcome outcome;
        enum decode_status status;
        enum image_error_code code;
        bool retryable;
    } cases[] = {
        {DECODE_FAILED, DECODE_UNSUPPORTED, IMAGE_UNSUPPORTED_FORMAT, false},
        {DECODE_FAILED, DECODE_CORRUPT, IMAGE_CORRUPT, false},
        {DECODE_FAILED, DECODE_TOO_LARGE, IMAGE_RESOLUTION_TOO_LARGE, false},
        {DECODE_FAILED, DECODE_OUTPUT_TOO_LARGE, IMAGE_OUTPUT_TOO_LARGE, false},
        {DECODE_FAILED, DECODE_OUTPUT_UNSUPPORTED, IMAGE_UNSUPPORTED_FORMAT, false},
        {DECODE_FAILED, DECODE_INTERNAL, IMAGE_INTERNAL, false},
        {DECODE_TIMED_OUT, DECODE_OK, IMAGE_PROCESSING_TIMEOUT, false},
        {DECODE_CRASHED, DECODE_OK, IMAGE_DECODER_CRASHED, false},
        {DECODE_KILLED, DECODE_OK, IMAGE_DECODER_CRASHED, true},
        {DECODE_UNABLE, DECODE_OK, IMAGE_INTERNAL, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct decode_done answer = {.status = cases[i].status};
        const struct decode_result result = {.outcome = cases[i].outcome,
                                             .done = cases[i].outcome == DECODE_FAILED ? &answer
                                                                                       : NULL};
        struct image_failure failure;

        image_failure_of_decode(&result, 10, &failure);
        assert_int_equal(failure.code, cases[i].code);
        assert_int_equal(failure.retryable, cases[i].retryable);
        assert_true(failure.message[0]);
    }
}

static void lets_a_failed_store_be_tried_again(void **state)
{
    struct image_failure failure;

    (void)state;
    image_failure_of_store(&failure);
    assert_int_equal(failure.code, IMAGE_STORE_FAILED);
    assert_true(failure.retryable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_result_of_one_output),
        cmocka_unit_test(lists_several_outputs_by_name),
        cmocka_unit_test(asks_the_decoder_for_what_was_asked),
        cmocka_unit_test(names_failures_to_fetch),
        cmocka_unit_test(names_failures_to_decode),
        cmocka_unit_test(lets_a_failed_store_be_tried_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
