#include "web/job_marks.h"

#include "unit.h"

#define JOB_A "0192e4a0-0000-7000-8000-00000000000a"
#define JOB_B "0192e4a0-0000-7000-8000-00000000000b"
#define JOB_C "0192e4a0-0000-7000-8000-00000000000c"
#define JOB_D "0192e4a0-0000-7000-8000-00000000000d"

static void change(struct job_marks *ms, const char *job, int64_t at)
{
    assert_int_equal(job_marks_change(ms, job, at), 0);
}

static void assert_taken(struct job_marks *ms, const char *job, int64_t version)
{
    const struct job_mark *mark = job_marks_take(ms, true);

    assert_non_null(mark);
    assert_string_equal(mark->job, job);
    assert_int_equal(mark->version, version);
}

static void a_job_that_changes_often_is_read_once(void **state)
{
    struct job_marks *ms = job_marks_new(10);

    (void)state;
    change(ms, JOB_A, 1);
    change(ms, JOB_B, 2);
    change(ms, JOB_A, 3);
    assert_int_equal(job_marks_changed(ms), 2);
    assert_int_equal(job_marks_waits_since(ms), 1);
    assert_taken(ms, JOB_A, 0);
    assert_taken(ms, JOB_B, 0);
    assert_null(job_marks_take(ms, true));
    change(ms, JOB_A, 4);
    assert_taken(ms, JOB_A, 0);
    job_marks_free(ms);
}

static void watched_jobs_come_first_and_the_others_when_they_may(void **state)
{
    struct job_marks *ms = job_marks_new(10);

    (void)state;
    assert_non_null(job_marks_watch(ms, JOB_B));
    change(ms, JOB_A, 1);
    change(ms, JOB_B, 2);
    assert_int_equal(job_marks_others(ms), 1);
    assert_string_equal(job_marks_take(ms, false)->job, JOB_B);
    assert_null(job_marks_take(ms, false));
    assert_taken(ms, JOB_A, 0);
    job_marks_free(ms);
}

static void knows_up_to_which_version_a_job_was_told(void **state)
{
    struct job_marks *ms = job_marks_new(10);

    (void)state;
    change(ms, JOB_A, 1);
    assert_taken(ms, JOB_A, 0);
    job_marks_told(ms, JOB_A, 3, false);
    job_marks_told(ms, JOB_A, 2, false); /* read before, told after */
    change(ms, JOB_A, 2);
    assert_taken(ms, JOB_A, 3);
    job_marks_told(ms, JOB_B, 3, false); /* not known: nothing to remember */
    assert_null(job_marks_find(ms, JOB_B));
    job_marks_free(ms);
}

static void an_ended_job_is_forgotten_unless_it_is_watched_or_has_changed_again(void **state)
{
    struct job_marks *ms = job_marks_new(10);
    struct job_mark *mark;

    (void)state;
    mark = job_marks_watch(ms, JOB_A);
    change(ms, JOB_B, 1);
    job_marks_told(ms, JOB_B, 2, true);
    assert_non_null(job_marks_find(ms, JOB_B));
    assert_taken(ms, JOB_B, 2);
    job_marks_told(ms, JOB_B, 3, true);
    assert_null(job_marks_find(ms, JOB_B));
    job_marks_told(ms, JOB_A, 2, true);
    assert_ptr_equal(job_marks_find(ms, JOB_A), mark);
    job_marks_free(ms);
}

static void a_job_is_watched_until_the_last_has_gone(void **state)
{
    struct job_marks *ms = job_marks_new(10);
    struct job_mark *mark = job_marks_watch(ms, JOB_A);

    (void)state;
    assert_ptr_equal(job_marks_watch(ms, JOB_A), mark);
    job_marks_change_watched(ms, 1);
    assert_int_equal(job_marks_changed(ms), 1);
    assert_int_equal(job_marks_others(ms), 0);
    job_marks_unwatch(ms, mark);
    assert_int_equal(job_marks_others(ms), 0);
    job_marks_unwatch(ms, mark);
    assert_int_equal(job_marks_others(ms), 1);
    job_marks_skip_others(ms);
    job_marks_change_watched(ms, 2);
    assert_int_equal(job_marks_changed(ms), 0);
    job_marks_free(ms);
}

/* Those that have not changed give way first, the oldest of them; watched ones never. */
static void knows_so_many_jobs_and_no_more(void **state)
{
    struct job_marks *ms = job_marks_new(2);
    struct job_mark *watched = job_marks_watch(ms, JOB_D);

    (void)state;
    change(ms, JOB_A, 1);
    change(ms, JOB_B, 2);
    assert_int_equal(job_marks_change(ms, JOB_C, 3), -1);
    change(ms, JOB_A, 4); /* it is there already */
    change(ms, JOB_D, 5);
    assert_taken(ms, JOB_D, 0);
    assert_taken(ms, JOB_A, 0);
    change(ms, JOB_C, 6);
    assert_null(job_marks_find(ms, JOB_A));
    job_marks_unwatch(ms, watched); /* both others have changed */
    assert_null(job_marks_find(ms, JOB_D));
    assert_taken(ms, JOB_B, 0);
    assert_taken(ms, JOB_C, 0);
    job_marks_free(ms);
}

static void skipped_jobs_keep_what_they_were_told(void **state)
{
    struct job_marks *ms = job_marks_new(10);

    (void)state;
    change(ms, JOB_A, 1);
    job_marks_told(ms, JOB_A, 5, false);
    job_marks_skip_others(ms);
    assert_int_equal(job_marks_waits_since(ms), INT64_MAX);
    assert_null(job_marks_take(ms, true));
    change(ms, JOB_A, 2);
    assert_taken(ms, JOB_A, 5);
    job_marks_free(ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_changes_often_is_read_once),
        cmocka_unit_test(watched_jobs_come_first_and_the_others_when_they_may),
        cmocka_unit_test(knows_up_to_which_version_a_job_was_told),
        cmocka_unit_test(an_ended_job_is_forgotten_unless_it_is_watched_or_has_changed_again),
        cmocka_unit_test(a_job_is_watched_until_the_last_has_gone),
        cmocka_unit_test(knows_so_many_jobs_and_no_more),
        cmocka_unit_test(skipped_jobs_keep_what_they_were_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
