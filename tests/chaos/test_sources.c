/*
 * test_sources.c - an image server that is slow, broken, huge, lying, redirecting inward, or gone:
 * each image gets its code, and the worker goes on.
 */
#include "chaos.h"

#include "base/clock.h"
#include "base/uuid.h"

struct bad_source {
    const char *path, *code;
};

/* All at once: one that is slow must not hold up the others. */
static void each_bad_source_has_its_code(void **state)
{
    static const struct bad_source cases[] = {
        {"ok/no-such-file.jpg", "source_not_found"},
        {"status/404", "source_not_found"},
        {"status/403", "source_not_found"},
        {"status/500", "source_unreachable"},
        {"status/503", "source_unreachable"},
        {"hang", "source_timeout"},
        {"drip/100/baseline.jpg", "source_timeout"},
        {"close", "source_unreachable"},
        {"garbage", "source_unreachable"},
        {"lie-short/baseline.jpg", "source_unreachable"},
        {"huge/1048577", "source_too_large"},
        {"huge/2000000000", "source_too_large"},
        {"endless", "source_too_large"},
        {"loop", "source_unreachable"},
        {"redirect/4/ok/baseline.jpg", "source_unreachable"},
        {"redirect-inward/0", "source_forbidden"},
        {"redirect-inward/1", "source_forbidden"},
        {"redirect-inward/2", "source_forbidden"},
        {"redirect-inward/3", "source_forbidden"},
        {"gzip/baseline.jpg", "source_unreachable"},
        {"ok/text.jpg", "unsupported_format"},
        {"ok/truncated.jpg", "corrupt_image"},
    };
    char jobs[sizeof cases / sizeof *cases][UUID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(post_images(cases[i].path, 1, jobs[i]), 202);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *code;

        if (!job_ends(jobs[i], 90000))
            fail_msg("%s has not ended", cases[i].path);
        code = image_code(jobs[i]);
        if (!code || strcmp(code, cases[i].code) != 0)
            fail_msg("%s: %s instead of %s", cases[i].path, code ? code : "no error",
                     cases[i].code);
        free(code);
    }
}

static void good_sources_that_are_awkward_work(void **state)
{
    static const char *const paths[] = {"slow/1000/baseline.jpg", "redirect/3/ok/baseline.jpg",
                                        "drip/4000/baseline.jpg"};
    char jobs[sizeof paths / sizeof *paths][UUID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_int_equal(post_images(paths[i], 1, jobs[i]), 202);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *status;

        assert_true(job_ends(jobs[i], 60000));
        status = image_status(jobs[i]);
        if (strcmp(status, "completed") != 0)
            fail_msg("%s: %s", paths[i], status);
        free(status);
    }
}

static void a_passing_failure_is_tried_again(void **state)
{
    char job[UUID_SIZE], sql[200], *status;

    (void)state;
    assert_int_equal(post_images("flaky/2/again/baseline.jpg", 1, job), 202);
    assert_true(job_ends(job, 60000));
    status = image_status(job);
    assert_string_equal(status, "completed");
    snprintf(sql, sizeof sql, "SELECT attempts FROM images WHERE job = '%s'", job);
    assert_int_equal(sql_number(sql), 3);
    free(status);
}

/* Thirty that never answer fill every slot of both workers; what is quick must still get through
 * once they time out, and nothing is left in hand. */
static void slow_sources_do_not_hold_up_the_worker_for_ever(void **state)
{
    char job[UUID_SIZE], *status;

    (void)state;
    assert_int_equal(post_images("hang", 30, NULL), 202);
    assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
    assert_true(job_ends(job, 60000));
    status = image_status(job);
    assert_string_equal(status, "completed");
    free(status);
    assert_all_end_once(150000);
}

int run_source_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_source_has_its_code),
        cmocka_unit_test(good_sources_that_are_awkward_work),
        cmocka_unit_test(a_passing_failure_is_tried_again),
        cmocka_unit_test(slow_sources_do_not_hold_up_the_worker_for_ever),
    };

    return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
