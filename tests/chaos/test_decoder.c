/*
 * test_decoder.c - decoders that crash, hang or are killed: their image gets its code, no other one
 * notices.
 */
#include "chaos.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/uuid.h"

/* The decoders of all resize workers. */
static size_t decoders(pid_t *ret, size_t max)
{
    pid_t workers[16];
    size_t n = 0, count = system_pids("resize", workers, 16);

    for (size_t i = 0; i < count; i++)
        n += children_of(workers[i], ret + n, max - n);
    return n;
}

static void signal_decoders(int signal_number)
{
    pid_t pids[32];
    size_t n = decoders(pids, 32);

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        kill(pids[i], signal_number);
}

/* Whether a worker has given a decoder an image: it then has an open file for the output. */
static bool has_given(pid_t worker)
{
    char path[64], target[64];
    struct dirent *entry;
    bool found = false;
    DIR *fds;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)worker);
    fds = opendir(path);
    assert_non_null(fds);
    while (!found && (entry = readdir(fds))) {
        ssize_t n = readlinkat(dirfd(fds), entry->d_name, target, sizeof target - 1);

        target[n > 0 ? n : 0] = '\0';
        found = strncmp(target, "/memfd:output", 13) == 0;
    }
    closedir(fds);
    return found;
}

/* Stops every decoder, and posts an image that is in the hands of one: it is running from the start
 * of its download on, which is before that. */
static void post_to_stopped_decoders(char job[UUID_SIZE])
{
    const int64_t deadline = clock_mono_ms() + 60000;
    pid_t workers[16];
    size_t count;
    bool given = false;

    signal_decoders(SIGSTOP);
    assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
    for (count = system_pids("resize", workers, 16); !given; look_again()) {
        if (clock_mono_ms() > deadline)
            fail_msg("no decoder is given the image, which is %s", image_status(job));
        for (size_t i = 0; i < count; i++)
            given |= has_given(workers[i]);
    }
}

static void assert_code(const char *job, const char *wanted)
{
    char *code = image_code(job);

    if (!code || strcmp(code, wanted) != 0)
        fail_msg("the image failed with %s instead of %s", code ? code : "nothing", wanted);
    free(code);
}

static void assert_completed(const char *job)
{
    char *status = image_status(job);

    assert_string_equal(status, "completed");
    free(status);
}

/* Nobody but the image in hand has anything of it. */
static void assert_others_complete(void)
{
    char job[UUID_SIZE], sql[200];

    assert_int_equal(post_images("ok/baseline.jpg", 20, job), 202);
    assert_true(job_ends(job, 60000));
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM images WHERE job = '%s' AND status = 'completed'", job);
    assert_int_equal(sql_number(sql), 20);
}

static void a_decoder_that_hangs_is_ended(void **state)
{
    char job[UUID_SIZE];

    (void)state;
    post_to_stopped_decoders(job);
    assert_true(job_ends(job, 60000));
    assert_code(job, "processing_timeout");
    signal_decoders(SIGCONT); /* the idle ones */
    assert_others_complete();
    assert_all_end_once(60000);
}

static void a_decoder_that_crashes_costs_its_image(void **state)
{
    int before = crashes();
    char job[UUID_SIZE];

    (void)state;
    post_to_stopped_decoders(job);
    signal_decoders(SIGSEGV);
    signal_decoders(SIGCONT);
    assert_true(job_ends(job, 60000));
    assert_code(job, "decoder_crashed");
    assert_others_complete();
    assert_int_equal(crashes(), before);
}

static void a_decoder_killed_by_the_system_costs_a_try(void **state)
{
    char job[UUID_SIZE];

    (void)state;
    post_to_stopped_decoders(job);
    signal_decoders(SIGKILL); /* as the kernel does when memory is short */
    assert_true(job_ends(job, 60000));
    assert_completed(job);
}

static void bombs_fail_without_being_unpacked(void **state)
{
    char job[UUID_SIZE];

    (void)state;
    assert_int_equal(post_images("ok/bomb.png", 1, job), 202);
    assert_true(job_ends(job, 60000));
    assert_code(job, "resolution_too_large");
}

int run_decoder_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_that_hangs_is_ended),
        cmocka_unit_test(a_decoder_that_crashes_costs_its_image),
        cmocka_unit_test(a_decoder_killed_by_the_system_costs_a_try),
        cmocka_unit_test(bombs_fail_without_being_unpacked),
    };

    return cmocka_run_group_tests_name("decoder", tests, NULL, NULL);
}
