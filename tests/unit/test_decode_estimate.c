#include "decode/estimate.h"
#include "decode/failure.h"

#include "unit.h"

#define MB ((uint64_t)1 << 20)

static const struct image_facts jpeg_16mp = {
    .format = DECODE_FORMAT_JPEG,
    .width_px = 4928,
    .height_px = 3264,
    .frames = 1,
    .pixel_bytes = 3,
    .shrink = 8,
    .rows_each = 2,
};

static void a_baseline_jpeg_takes_rows_and_a_progressive_one_the_whole(void **state)
{
    struct image_facts progressive = jpeg_16mp;

    (void)state;
    progressive.coefficient_bytes = 4928ull * 3264 * 3;
    assert_true(estimate_source(&jpeg_16mp) < 10 * MB);
    assert_int_equal(estimate_source(&progressive) - estimate_source(&jpeg_16mp),
                     progressive.coefficient_bytes);
}

static void an_interlaced_png_takes_the_whole_picture(void **state)
{
    struct image_facts png = jpeg_16mp;
    uint64_t plain;

    (void)state;
    png.format = DECODE_FORMAT_PNG;
    png.shrink = 1;
    plain = estimate_source(&png);
    png.interlaced = true;
    assert_int_equal(estimate_source(&png) - plain, 4928ull * 3264 * 3);
}

static void rows_never_count_for_more_than_the_picture(void **state)
{
    struct image_facts png = {.format = DECODE_FORMAT_PNG,
                              .width_px = 1000,
                              .height_px = 10,
                              .frames = 1,
                              .pixel_bytes = 4,
                              .shrink = 1,
                              .rows_each = 1000};
    struct image_facts one = png;

    (void)state;
    one.width_px = 1;
    one.height_px = 1;
    assert_int_equal(estimate_source(&png) - estimate_source(&one), 1000 * 10 * 4 - 4);
}

/* 10,000,000 a side is libvips's own limit. */
static void the_largest_sizes_do_not_overflow(void **state)
{
    struct image_facts huge = {.format = DECODE_FORMAT_AVIF,
                               .width_px = 10000000,
                               .height_px = 10000000,
                               .frames = 1,
                               .pixel_bytes = 8,
                               .shrink = 1,
                               .rows_each = 1};

    (void)state;
    assert_true(estimate_source(&huge) > (uint64_t)huge.width_px * huge.height_px * 8);
}

static void an_animation_holds_all_frames_of_its_output(void **state)
{
    struct output_facts o = {.format = DECODE_FORMAT_WEBP,
                             .width_px = 100,
                             .height_px = 100,
                             .scaled_width_px = 100,
                             .scaled_height_px = 100,
                             .frames = 1};
    uint64_t still = estimate_output(&o);

    (void)state;
    o.frames = 11;
    assert_int_equal(estimate_output(&o) - still, 10 * 100 * 100 * 4);
}

static void a_failure_shows_users_no_path_and_no_address(void **state)
{
    static const struct {
        const char *library;
        const char *text;
    } cases[] = {
        {"VipsJpeg: Premature end of input file\nmore\n", "broken: Premature end of input file"},
        {"pngload_buffer: libpng read error\n", "broken: libpng read error"},
        {"no domain", "broken: no domain"},
        {"x: cannot open /usr/lib/x.so\n", "broken"},
        {"x: object at 0x7f001234 is bad\n", "broken"},
        {"x: caf\xc3\xa9\n", "broken"},
        {"", "broken"},
        {NULL, "broken"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct failure f = FAILURE_INIT;

        assert_int_equal(failure_set_with(&f, DECODE_CORRUPT, "broken", cases[i].library), -1);
        assert_string_equal(f.text, cases[i].text);
        failure_set(&f, DECODE_INTERNAL, "later");
        assert_int_equal(f.status, DECODE_CORRUPT);
        assert_string_equal(f.text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_baseline_jpeg_takes_rows_and_a_progressive_one_the_whole),
        cmocka_unit_test(an_interlaced_png_takes_the_whole_picture),
        cmocka_unit_test(rows_never_count_for_more_than_the_picture),
        cmocka_unit_test(the_largest_sizes_do_not_overflow),
        cmocka_unit_test(an_animation_holds_all_frames_of_its_output),
        cmocka_unit_test(a_failure_shows_users_no_path_and_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
