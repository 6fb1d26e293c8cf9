#include "web/stats.h"

#include <jansson.h>
#include <math.h>

#include "json_at.h"
#include "unit.h"

#define SINCE_MS INT64_C(1767323045000) /* 2026-01-02T03:04:05Z */

/* A minute in buckets of ten seconds, of which the first has five. */
static const struct stats_query query = {
    .since_ms = SINCE_MS, .until_ms = SINCE_MS + 60000, .bucket_ms = 10000};

static void add(struct stats *s, int64_t after_ms, const char *priority, const char *status,
                double seconds)
{
    const struct stats_image image = {.at_ms = SINCE_MS + after_ms,
                                      .priority = priority,
                                      .status = status,
                                      .code =
                                          strcmp(status, "failed") == 0 ? "corrupt_image" : NULL,
                                      .waiting_s = seconds,
                                      .processing_s = seconds * 2,
                                      .completion_s = seconds * 3};

    assert_int_equal(stats_add_image(s, &image), 0);
}

/* Frees s. */
static json_t *finish(struct stats *s, int64_t now_ms)
{
    char *text = stats_json(s, now_ms);
    json_t *json;

    assert_non_null(text);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    free(text);
    stats_free(s);
    return json;
}

static void nothing_has_totals_and_no_buckets(void **state)
{
    json_t *json = finish(stats_new(&query), SINCE_MS + 60000);

    (void)state;
    assert_at(json, "since", "\"2026-01-02T03:04:05.000Z\"");
    assert_at(json, "until", "\"2026-01-02T03:05:05.000Z\"");
    assert_at(json, "bucket_s", "10");
    assert_at(json, "buckets", "[]");
    assert_at(json, "failures", "[]");
    assert_int_equal(json_array_size(json_object_get(json, "totals")), 2);
    assert_at(json, "totals.0",
              "{\"priority\":\"interactive\",\"arrived\":0,\"completed\":0,\"failed\":0,"
              "\"cancelled\":0,\"images_per_second\":0.0,"
              "\"waiting_s\":{\"p50\":null,\"p90\":null,\"p99\":null},"
              "\"processing_s\":{\"p50\":null,\"p90\":null,\"p99\":null},"
              "\"completion_s\":{\"p50\":null,\"p90\":null,\"p99\":null}}");
    json_decref(json);
}

static void counts_by_bucket_and_priority(void **state)
{
    struct stats *s = stats_new(&query);
    json_t *json;

    (void)state;
    stats_add_arrivals(s, SINCE_MS, "interactive", 3);
    stats_add_arrivals(s, SINCE_MS + 59999, "bulk", 100);
    stats_add_arrivals(s, SINCE_MS - 1, "bulk", 7);     /* before the range */
    stats_add_arrivals(s, SINCE_MS + 60000, "bulk", 7); /* after it */
    add(s, 4999, "interactive", "completed", 1);
    add(s, 5000, "interactive", "completed", 2); /* the next bucket */
    add(s, 5000, "interactive", "failed", 4);
    add(s, 5000, "interactive", "cancelled", 100);
    add(s, -1, "interactive", "completed", 9);
    add(s, 60000, "interactive", "completed", 9);
    json = finish(s, SINCE_MS + 60000);
    assert_int_equal(json_array_size(json_object_get(json, "buckets")), 3);
    assert_at(json, "buckets.0.at", "\"2026-01-02T03:04:00.000Z\"");
    assert_at(json, "buckets.0.arrived", "3");
    assert_at(json, "buckets.0.completed", "1");
    assert_at(json, "buckets.0.images_per_second", "0.2"); /* in the five seconds that count */
    assert_at(json, "buckets.1.at", "\"2026-01-02T03:04:10.000Z\"");
    assert_at(json, "buckets.1.completed", "1");
    assert_at(json, "buckets.1.failed", "1");
    assert_at(json, "buckets.1.cancelled", "1");
    assert_at(json, "buckets.1.images_per_second", "0.2");
    assert_at(json, "buckets.1.waiting_s.p50", "3.0"); /* between 2 and 4: not of the cancelled */
    assert_at(json, "buckets.2.priority", "\"bulk\"");
    assert_at(json, "buckets.2.at", "\"2026-01-02T03:05:00.000Z\"");
    assert_at(json, "buckets.2.arrived", "100");
    assert_at(json, "totals.0.completed", "2");
    assert_at(json, "totals.0.images_per_second", "0.05");
    assert_at(json, "totals.0.waiting_s.p50", "2.0");
    assert_at(json, "totals.0.processing_s.p50", "4.0");
    assert_at(json, "totals.0.completion_s.p50", "6.0");
    assert_at(json, "totals.1.arrived", "100");
    assert_at(json, "failures", "[{\"code\":\"corrupt_image\",\"images\":1}]");
    json_decref(json);
}

static void a_bucket_that_is_not_over_counts_what_there_is_of_it(void **state)
{
    struct stats *s = stats_new(&query);
    json_t *json;

    (void)state;
    add(s, 5500, "bulk", "completed", 1);
    json = finish(s, SINCE_MS + 6000);
    assert_at(json, "buckets.0.images_per_second", "1.0");
    json_decref(json);
}

static void times_that_are_not_known_are_left_out(void **state)
{
    struct stats *s = stats_new(&query);
    struct stats_image image = {.at_ms = SINCE_MS,
                                .priority = "bulk",
                                .status = "failed",
                                .code = "dead_lettered",
                                .waiting_s = (double)NAN,
                                .processing_s = (double)NAN,
                                .completion_s = 5};
    json_t *json;

    (void)state;
    assert_int_equal(stats_add_image(s, &image), 0);
    add(s, 0, "bulk", "completed", 1);
    json = finish(s, SINCE_MS + 60000);
    assert_at(json, "totals.1.waiting_s.p99", "1.0");
    assert_at(json, "totals.1.completion_s.p50", "4.0");
    json_decref(json);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double cont(const double *sorted, size_t n, double fraction)
{
    const double rank = fraction * (double)(n - 1);
    const size_t below = (size_t)rank;

    return below + 1 < n
               ? sorted[below] + (sorted[below + 1] - sorted[below]) * (rank - (double)below)
               : sorted[below];
}

/* Sorting tells what they must be: in any order, and with many that are equal. */
static void percentiles_are_those_of_sorted_times(void **state)
{
    static double values[5000];
    unsigned seed = 7;

    (void)state;
    for (int round = 0; round < 60; round++) {
        const size_t n = 1 + (size_t)rand_r(&seed) % (round < 40 ? 20 : 5000);
        const int different = round % 3 == 0 ? 2 : 100000;
        struct stats *s = stats_new(&query);
        json_t *json, *found;

        for (size_t i = 0; i < n; i++) {
            const int v = round % 4 == 1 ? (int)i : rand_r(&seed) % different;

            values[i] = (double)v / 8; /* exact as a float */
            add(s, 100, "interactive", "completed", values[i]);
        }
        qsort(values, n, sizeof *values, compare);
        json = finish(s, SINCE_MS + 60000);
        found = json_object_get(json_array_get(json_object_get(json, "totals"), 0), "waiting_s");
        assert_true(
            json_equal(found, json_object_get(json_array_get(json_object_get(json, "buckets"), 0),
                                              "waiting_s")));
        assert_true(fabs(json_number_value(json_object_get(found, "p50")) - cont(values, n, 0.5)) <
                    0.001);
        assert_true(fabs(json_number_value(json_object_get(found, "p90")) - cont(values, n, 0.9)) <
                    0.001);
        assert_true(fabs(json_number_value(json_object_get(found, "p99")) - cont(values, n, 0.99)) <
                    0.001);
        json_decref(json);
    }
}

static void failures_are_by_code_the_most_first_and_bounded(void **state)
{
    struct stats *s = stats_new(&query);
    json_t *json, *list;
    char code[60];
    json_int_t sum = 0;
    size_t i;
    json_t *failure;

    (void)state;
    for (int n = 0; n < 100; n++) {
        struct stats_image image = {
            .at_ms = SINCE_MS, .priority = "bulk", .status = "failed", .code = code};

        snprintf(code, sizeof code, n == 50 ? "%050d" : "code_%d", n);
        assert_int_equal(stats_add_image(s, &image), 0);
        snprintf(code, sizeof code, "code_3");
        assert_int_equal(stats_add_image(s, &image), 0);
    }
    json = finish(s, SINCE_MS + 60000);
    list = json_object_get(json, "failures");
    assert_int_equal(json_array_size(list), 40);
    assert_at(json, "failures.0", "{\"code\":\"code_3\",\"images\":101}");
    assert_at(json, "failures.1", "{\"code\":\"other\",\"images\":61}");
    json_array_foreach(list, i, failure)
    {
        sum += json_integer_value(json_object_get(failure, "images"));
    }
    assert_int_equal(sum, 200);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_has_totals_and_no_buckets),
        cmocka_unit_test(counts_by_bucket_and_priority),
        cmocka_unit_test(a_bucket_that_is_not_over_counts_what_there_is_of_it),
        cmocka_unit_test(times_that_are_not_known_are_left_out),
        cmocka_unit_test(percentiles_are_those_of_sorted_times),
        cmocka_unit_test(failures_are_by_code_the_most_first_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
