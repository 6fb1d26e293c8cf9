/*
 * How many decoders a resize process has, and with what memory.
 */
#include "resize/allowance.h"

#include "unit.h"

/* The defaults of the settings. */
static struct allowance_wish defaults(int64_t memory_mb, int cpus)
{
    return (struct allowance_wish){.memory_mb = memory_mb,
                                   .cpus = cpus,
                                   .decoder_memory_mb = 384,
                                   .source_memory_mb = 64,
                                   .max_source_mb = 25};
}

static void without_a_limit_there_is_a_decoder_a_cpu(void **state)
{
    (void)state;
    for (int cpus = 0; cpus <= 64; cpus++) {
        struct allowance_wish wish = defaults(0, cpus);
        struct allowance a = allowance_reckon(&wish);

        assert_int_equal(a.decoders, cpus ? cpus : 1);
        assert_int_equal(a.decoder_memory_mb, 384);
    }
}

/* The smallest dyno shows the 8 cores of its host. */
static void two_large_images_at_a_time_fit_512_mb(void **state)
{
    struct allowance_wish wish = defaults(512, 8);
    struct allowance a = allowance_reckon(&wish);

    (void)state;
    assert_int_equal(a.decoders, 2);
    assert_true(a.decoder_memory_mb >= 2 * ALLOWANCE_LARGE_MB);
    assert_true(a.needed_mb <= 512);
}

static void defaults_stay_within_any_limit_that_allows_one_large_image(void **state)
{
    int64_t decoders = 1;

    (void)state;
    for (int64_t mb = 302; mb <= 4096; mb++) {
        struct allowance_wish wish = defaults(mb, 8);
        struct allowance a = allowance_reckon(&wish);

        assert_true(a.needed_mb <= mb);
        assert_true(a.decoders >= decoders); /* more memory is never worse */
        assert_true(a.decoder_memory_mb >= ALLOWANCE_LARGE_MB);
        decoders = a.decoders;
    }
    assert_int_equal(decoders, 8);
}

static void below_that_one_large_image_is_still_tried_and_the_want_is_told(void **state)
{
    (void)state;
    for (int64_t mb = 1; mb < 301; mb++) {
        struct allowance_wish wish = defaults(mb, 8);
        struct allowance a = allowance_reckon(&wish);

        assert_int_equal(a.decoders, 1);
        assert_int_equal(a.decoder_memory_mb, ALLOWANCE_LARGE_MB);
        assert_true(a.needed_mb > mb);
    }
}

static void what_was_asked_for_is_had(void **state)
{
    struct allowance_wish wish = defaults(512, 8);
    struct allowance a;

    (void)state;
    wish.decoders = 5;
    a = allowance_reckon(&wish);
    assert_int_equal(a.decoders, 5);
    assert_int_equal(a.decoder_memory_mb, ALLOWANCE_LARGE_MB);
    assert_true(a.needed_mb > 512);

    wish = defaults(512, 8);
    wish.decoder_memory_fixed = true;
    wish.decoder_memory_mb = 300;
    a = allowance_reckon(&wish);
    assert_int_equal(a.decoders, 1); /* two would leave less than that */
    assert_int_equal(a.decoder_memory_mb, 300);
    assert_true(a.needed_mb <= 512);

    wish = defaults(512, 8);
    wish.decoder_memory_mb = 100; /* a default as low as that would be the most there need be */
    a = allowance_reckon(&wish);
    assert_int_equal(a.decoder_memory_mb, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_limit_there_is_a_decoder_a_cpu),
        cmocka_unit_test(two_large_images_at_a_time_fit_512_mb),
        cmocka_unit_test(defaults_stay_within_any_limit_that_allows_one_large_image),
        cmocka_unit_test(below_that_one_large_image_is_still_tried_and_the_want_is_told),
        cmocka_unit_test(what_was_asked_for_is_had),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
