/*
 * The pool of decoders against a decoder that crashes, hangs and lies as it is told.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "resize/decoder_pool.h"

#define DEADLINE_MS 20000

/* One image, and what became of it. */
struct image {
    int fd;
    struct decode_task *task;
    bool ended;
    enum decode_outcome outcome;
    char output[300];
    char message[DECODE_MESSAGE_SIZE];
};

static struct decoder_pool_options options_for(const char *program, size_t decoders)
{
    return (struct decoder_pool_options){.command = {.program = program, .sandbox = true},
                                         .decoders = decoders,
                                         .cpu_limit_ms = 5000,
                                         .memory_bytes = 100,
                                         .images = 1000,
                                         .resident_bytes = INT64_C(1) << 40};
}

static struct decoder_pool *open_pool(const struct decoder_pool_options *options)
{
    struct err e = ERR_INIT;
    struct decoder_pool *pool = decoder_pool_new(options, &e);

    assert_non_null(pool);
    return pool;
}

static struct decoder_pool *open_fake(size_t decoders)
{
    struct decoder_pool_options options = options_for(FAKE_DECODER, decoders);

    return open_pool(&options);
}

static void serve_once(struct decoder_pool *pool)
{
    struct pollfd fds[16];
    size_t n;
    int timeout_ms = decoder_pool_timeout_ms(pool);

    assert_true(decoder_pool_max_fds(pool) <= 16);
    n = decoder_pool_fds(pool, fds);
    (void)poll(fds, n, timeout_ms < 1000 ? timeout_ms : 1000);
    decoder_pool_service(pool);
}

static void serve_until(struct decoder_pool *pool, const bool *flag)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    while (!*flag && clock_until_ms(end_mono_ms) > 0)
        serve_once(pool);
    assert_true(*flag);
}

/* Until its decoder has asked for memory, and been heard. */
static void serve_until_asked(struct decoder_pool *pool, const struct image *image)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;
    char c = 0;

    while (c != 'N' && clock_until_ms(end_mono_ms) > 0) {
        serve_once(pool);
        assert_int_equal(pread(image->fd, &c, 1, 0), 1);
    }
    assert_int_equal(c, 'N');
    decoder_pool_service(pool);
}

static void on_decoded(const struct decode_result *result, void *user)
{
    struct image *image = user;

    image->ended = true;
    image->outcome = result->outcome;
    if (result->done)
        memcpy(image->message, result->done->message, sizeof image->message);
    if (result->outcome != DECODE_SUCCEEDED)
        return;
    for (uint32_t i = 0; i < result->done->output_count; i++) {
        ssize_t n = pread(result->output_fds[i], image->output, sizeof image->output - 1, 0);

        assert_int_equal(n, (int)result->done->outputs[i].bytes);
        assert_int_equal(pwrite(result->output_fds[i], "x", 1, 0), -1);
        assert_true(fcntl(result->output_fds[i], F_GET_SEALS) & F_SEAL_WRITE);
        close(result->output_fds[i]);
    }
}

static void submit(struct decoder_pool *pool, const char *text, struct image *ret)
{
    const struct decode_work work = {
        .output_count = 2,
        .source_bytes = strlen(text),
        .max_pixels = 1000000,
        .max_output_bytes = 1000,
        .max_side_px = 100,
        .outputs = {{.width_px = 30, .format = DECODE_FORMAT_PNG}, {.width_px = 30}}};

    memset(ret, 0, sizeof *ret);
    ret->fd = memfd_create("source", MFD_CLOEXEC);
    assert_int_equal(write(ret->fd, text, strlen(text)), (int)strlen(text));
    ret->task = decoder_pool_submit(pool, &work, ret->fd, on_decoded, ret);
    assert_non_null(ret->task);
}

static enum decode_outcome outcome_of(struct decoder_pool *pool, const char *text)
{
    struct image image;

    submit(pool, text, &image);
    serve_until(pool, &image.ended);
    close(image.fd);
    return image.outcome;
}

static void hands_over_outputs_that_nobody_can_change(void **state)
{
    struct decoder_pool *pool = open_fake(1);
    struct image image;

    (void)state;
    submit(pool, "ok", &image);
    serve_until(pool, &image.ended);
    assert_int_equal(image.outcome, DECODE_SUCCEEDED);
    assert_non_null(strstr(image.output, " ok"));
    close(image.fd);
    decoder_pool_free(pool);
}

static void gives_a_decoder_no_environment_and_no_other_descriptor(void **state)
{
    struct decoder_pool *pool;
    struct image image;

    (void)state;
    unsetenv("LD_LIBRARY_PATH");
    pool = open_fake(1);
    submit(pool, "describe", &image);
    serve_until(pool, &image.ended);
    /* its second output's descriptor */
    assert_string_equal(image.output, "extra=1 environment=0");
    close(image.fd);
    decoder_pool_free(pool);
}

static void believes_no_lie_and_goes_on(void **state)
{
    static const char *const lies[] = {
        "lie id",     "lie kind",   "lie count",  "lie status", "lie source",
        "lie frames", "lie width",  "lie format", "lie bytes",  "lie size",
        "lie empty",  "lie mapped", "lie early",  "lie short",  "lie need 101",
    };
    struct decoder_pool *pool = open_fake(1);

    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        assert_int_equal(outcome_of(pool, lies[i]), DECODE_CRASHED);
        assert_int_equal(outcome_of(pool, "ok"), DECODE_SUCCEEDED);
    }
    decoder_pool_free(pool);
}

static void ends_a_decoder_that_speaks_unasked(void **state)
{
    struct decoder_pool *pool = open_fake(1);

    (void)state;
    assert_int_equal(outcome_of(pool, "twice"), DECODE_SUCCEEDED);
    /* Its second packet may come while it is idle, or be taken for an answer about the next. */
    (void)outcome_of(pool, "ok");
    assert_int_equal(outcome_of(pool, "ok"), DECODE_SUCCEEDED);
    decoder_pool_free(pool);
}

static void tells_crashes_from_kills_and_replaces_the_decoder(void **state)
{
    struct decoder_pool *pool = open_fake(2);

    (void)state;
    assert_int_equal(outcome_of(pool, "crash"), DECODE_CRASHED);
    assert_int_equal(outcome_of(pool, "leave"), DECODE_CRASHED);
    assert_int_equal(outcome_of(pool, "killed"), DECODE_KILLED);
    assert_int_equal(outcome_of(pool, "ok"), DECODE_SUCCEEDED);
    decoder_pool_free(pool);
}

static void ends_what_writes_more_than_an_output_may_hold(void **state)
{
    struct decoder_pool *pool = open_fake(1);
    struct image image;
    char c = 0;

    (void)state;
    submit(pool, "overfill", &image);
    serve_until(pool, &image.ended);
    assert_int_equal(image.outcome, DECODE_CRASHED);
    assert_int_equal(pread(image.fd, &c, 1, 0), 1);
    assert_int_not_equal(c, 'W');
    assert_int_equal(outcome_of(pool, "ok"), DECODE_SUCCEEDED);
    close(image.fd);
    decoder_pool_free(pool);
}

static void ends_what_spins_and_what_hangs(void **state)
{
    struct decoder_pool_options options = options_for(FAKE_DECODER, 1);
    struct decoder_pool *pool;

    (void)state;
    options.cpu_limit_ms = 150;
    pool = open_pool(&options);
    assert_int_equal(outcome_of(pool, "spin"), DECODE_TIMED_OUT);
    assert_int_equal(outcome_of(pool, "hang"), DECODE_TIMED_OUT);
    assert_int_equal(outcome_of(pool, "ok"), DECODE_SUCCEEDED);
    decoder_pool_free(pool);
}

static void makes_a_failure_printable(void **state)
{
    struct decoder_pool *pool = open_fake(1);
    struct image image;

    (void)state;
    submit(pool, "fail", &image);
    serve_until(pool, &image.ended);
    assert_int_equal(image.outcome, DECODE_FAILED);
    assert_int_equal(strncmp(image.message, "bro?ken?xx", 10), 0);
    assert_int_equal(strlen(image.message), DECODE_MESSAGE_SIZE - 1);
    close(image.fd);
    decoder_pool_free(pool);
}

/* 60 + 60 is over the limit of 100; 60 + 30 is not, but the second 60 came first. */
static void lets_large_images_take_turns_in_their_order(void **state)
{
    struct decoder_pool *pool = open_fake(3);
    struct image large, second, small;

    (void)state;
    submit(pool, "wait need 60", &large);
    serve_until_asked(pool, &large);
    submit(pool, "ok need 60", &second);
    serve_until_asked(pool, &second);
    submit(pool, "ok need 30", &small);
    serve_until_asked(pool, &small);
    assert_false(large.ended || second.ended || small.ended);
    assert_int_equal(pwrite(large.fd, "G", 1, 0), 1);
    serve_until(pool, &large.ended);
    serve_until(pool, &second.ended);
    serve_until(pool, &small.ended);
    assert_int_equal(large.outcome, DECODE_SUCCEEDED);
    assert_int_equal(second.outcome, DECODE_SUCCEEDED);
    assert_int_equal(small.outcome, DECODE_SUCCEEDED);
    close(large.fd);
    close(second.fd);
    close(small.fd);
    decoder_pool_free(pool);
}

static void replaces_a_decoder_after_its_images(void **state)
{
    struct decoder_pool_options options = options_for(FAKE_DECODER, 1);
    struct decoder_pool *pool;
    struct image image;
    bool replaced = false;
    long first = 0;

    (void)state;
    options.images = 2;
    pool = open_pool(&options);
    for (int i = 0; i < 50 && !replaced; i++) {
        submit(pool, "ok", &image);
        serve_until(pool, &image.ended);
        assert_int_equal(image.outcome, DECODE_SUCCEEDED);
        if (first == 0)
            first = strtol(image.output, NULL, 10);
        replaced = strtol(image.output, NULL, 10) != first;
        close(image.fd);
        serve_once(pool);
    }
    assert_true(replaced);
    decoder_pool_free(pool);
}

static void forgets_what_is_cancelled(void **state)
{
    struct decoder_pool *pool = open_fake(1);
    struct image begun, queued, last;

    (void)state;
    submit(pool, "wait", &begun);
    submit(pool, "ok", &queued);
    submit(pool, "ok", &last);
    serve_until_asked(pool, &begun);
    decode_task_cancel(begun.task);
    decode_task_cancel(queued.task);
    assert_int_equal(pwrite(begun.fd, "G", 1, 0), 1);
    serve_until(pool, &last.ended);
    assert_false(begun.ended || queued.ended);
    close(begun.fd);
    close(queued.fd);
    close(last.fd);
    decoder_pool_free(pool);
}

static void says_that_the_machine_cannot_confine_decoders(void **state)
{
    char path[] = "/tmp/decoder-XXXXXX";
    struct decoder_pool_options options = options_for(path, 1);
    static const char script[] = "#!/bin/sh\nexit 3\n";
    int fd = mkstemp(path);
    struct decoder_pool *pool;
    struct err e = ERR_INIT;
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    (void)state;
    assert_int_equal(write(fd, script, sizeof script - 1), (int)sizeof script - 1);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    pool = open_pool(&options);
    while (!decoder_pool_is_broken(pool, &e) && clock_until_ms(end_mono_ms) > 0)
        serve_once(pool);
    assert_non_null(strstr(e.text, "IMAGERESIZE_SANDBOX"));
    assert_false(decoder_pool_is_ready(pool));
    unlink(path);
    decoder_pool_free(pool);
}

static size_t count_bytes(const char *path)
{
    struct stat st;

    return stat(path, &st) ? 0 : (size_t)st.st_size;
}

/* As they do together when memory is short for a moment. */
static void starts_again_when_all_first_decoders_have_died(void **state)
{
    char path[] = "/tmp/decoder-XXXXXX", starts[sizeof path + 8], script[120];
    struct decoder_pool_options options = options_for(path, 8);
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;
    int fd = mkstemp(path);
    struct decoder_pool *pool;
    struct err e = ERR_INIT;

    (void)state;
    snprintf(starts, sizeof starts, "%s.starts", path);
    snprintf(script, sizeof script, "#!/bin/sh\necho >>%s\nexit 1\n", starts);
    assert_int_equal(write(fd, script, strlen(script)), (int)strlen(script));
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    pool = open_pool(&options);
    while (count_bytes(starts) <= options.decoders && clock_until_ms(end_mono_ms) > 0)
        serve_once(pool);
    assert_true(count_bytes(starts) > options.decoders);
    assert_false(decoder_pool_is_broken(pool, &e));
    unlink(starts);
    unlink(path);
    decoder_pool_free(pool);
}

static void refuses_a_program_that_is_not_there(void **state)
{
    struct decoder_pool_options options = options_for("/nowhere/imageresize-decode", 1);
    struct err e = ERR_INIT;

    (void)state;
    assert_null(decoder_pool_new(&options, &e));
    assert_non_null(strstr(e.text, "/nowhere/imageresize-decode"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hands_over_outputs_that_nobody_can_change),
        cmocka_unit_test(gives_a_decoder_no_environment_and_no_other_descriptor),
        cmocka_unit_test(believes_no_lie_and_goes_on),
        cmocka_unit_test(ends_a_decoder_that_speaks_unasked),
        cmocka_unit_test(tells_crashes_from_kills_and_replaces_the_decoder),
        cmocka_unit_test(ends_what_writes_more_than_an_output_may_hold),
        cmocka_unit_test(ends_what_spins_and_what_hangs),
        cmocka_unit_test(makes_a_failure_printable),
        cmocka_unit_test(lets_large_images_take_turns_in_their_order),
        cmocka_unit_test(replaces_a_decoder_after_its_images),
        cmocka_unit_test(forgets_what_is_cancelled),
        cmocka_unit_test(says_that_the_machine_cannot_confine_decoders),
        cmocka_unit_test(starts_again_when_all_first_decoders_have_died),
        cmocka_unit_test(refuses_a_program_that_is_not_there),
    };

    log_init("", LOG_ERROR); /* the lies it finds are expected here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
