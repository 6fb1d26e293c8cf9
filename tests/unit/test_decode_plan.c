#include "decode/plan.h"

#include "unit.h"

struct plan_case {
    uint32_t source_width, source_height;
    uint32_t width, height;
    uint32_t fit, gravity, enlarge;
    struct plan want; /* scaled, output, left and top, smart */
};

static void check_cases(const struct plan_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct plan_case *c = &cases[i];
        struct decode_output_request request = {.width_px = c->width,
                                                .height_px = c->height,
                                                .fit = c->fit,
                                                .gravity = c->gravity,
                                                .enlarge = c->enlarge};
        struct plan got;

        plan_make(c->source_width, c->source_height, &request, &got);
        if (got.scaled_width_px != c->want.scaled_width_px ||
            got.scaled_height_px != c->want.scaled_height_px || got.width_px != c->want.width_px ||
            got.height_px != c->want.height_px || got.left_px != c->want.left_px ||
            got.top_px != c->want.top_px || got.smart != c->want.smart)
            fail_msg("case %zu: scaled %ux%u output %ux%u at %d,%d smart %d", i,
                     got.scaled_width_px, got.scaled_height_px, got.width_px, got.height_px,
                     got.left_px, got.top_px, got.smart);
    }
}

#define CHECK(cases) check_cases(cases, sizeof(cases) / sizeof((cases)[0]))

static void inside_and_outside_keep_the_aspect_ratio(void **state)
{
    static const struct plan_case cases[] = {
        {400, 300, 100, 100, DECODE_FIT_INSIDE, 0, 0, {100, 75, 100, 75, 0, 0, false}},
        {300, 400, 100, 100, DECODE_FIT_INSIDE, 0, 0, {75, 100, 75, 100, 0, 0, false}},
        {400, 300, 100, 100, DECODE_FIT_OUTSIDE, 0, 0, {133, 100, 133, 100, 0, 0, false}},
        {1000, 333, 100, 100, DECODE_FIT_INSIDE, 0, 0, {100, 33, 100, 33, 0, 0, false}},
        {1000, 335, 100, 100, DECODE_FIT_INSIDE, 0, 0, {100, 34, 100, 34, 0, 0, false}},
        {4000, 3000, 4000, 3000, DECODE_FIT_INSIDE, 0, 0, {4000, 3000, 4000, 3000, 0, 0, false}},
    };

    (void)state;
    CHECK(cases);
}

static void one_side_follows_from_the_other_whatever_the_fit(void **state)
{
    static const struct plan_case cases[] = {
        {400, 300, 200, 0, DECODE_FIT_INSIDE, 0, 0, {200, 150, 200, 150, 0, 0, false}},
        {400, 300, 0, 150, DECODE_FIT_COVER, 0, 0, {200, 150, 200, 150, 0, 0, false}},
        {400, 300, 200, 0, DECODE_FIT_FILL, 0, 0, {200, 150, 200, 150, 0, 0, false}},
        {400, 300, 0, 600, DECODE_FIT_CONTAIN, 0, 1, {800, 600, 800, 600, 0, 0, false}},
        {400, 300, 0, 600, DECODE_FIT_OUTSIDE, 0, 0, {400, 300, 400, 300, 0, 0, false}},
    };

    (void)state;
    CHECK(cases);
}

static void cover_crops_by_gravity(void **state)
{
    static const struct plan_case cases[] = {
        {400,
         200,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_CENTER,
         0,
         {200, 100, 100, 100, -50, 0, false}},
        {400,
         200,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_WEST,
         0,
         {200, 100, 100, 100, 0, 0, false}},
        {400,
         200,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_NORTHEAST,
         0,
         {200, 100, 100, 100, -100, 0, false}},
        {200,
         400,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_NORTH,
         0,
         {100, 200, 100, 100, 0, 0, false}},
        {200,
         400,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_SOUTHWEST,
         0,
         {100, 200, 100, 100, 0, -100, false}},
        {201,
         100,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_EAST,
         0,
         {201, 100, 100, 100, -101, 0, false}},
        {400,
         200,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_ATTENTION,
         0,
         {200, 100, 100, 100, 0, 0, true}},
        {400,
         400,
         100,
         100,
         DECODE_FIT_COVER,
         DECODE_GRAVITY_ENTROPY,
         0,
         {100, 100, 100, 100, 0, 0, false}},
    };

    (void)state;
    CHECK(cases);
}

static void contain_pads_by_gravity(void **state)
{
    static const struct plan_case cases[] = {
        {400,
         200,
         100,
         100,
         DECODE_FIT_CONTAIN,
         DECODE_GRAVITY_CENTER,
         0,
         {100, 50, 100, 100, 0, 25, false}},
        {400,
         200,
         100,
         100,
         DECODE_FIT_CONTAIN,
         DECODE_GRAVITY_SOUTH,
         0,
         {100, 50, 100, 100, 0, 50, false}},
        {200,
         400,
         100,
         100,
         DECODE_FIT_CONTAIN,
         DECODE_GRAVITY_EAST,
         0,
         {50, 100, 100, 100, 50, 0, false}},
        {200,
         400,
         100,
         100,
         DECODE_FIT_CONTAIN,
         DECODE_GRAVITY_ATTENTION,
         0,
         {50, 100, 100, 100, 25, 0, false}},
    };

    (void)state;
    CHECK(cases);
}

static void without_enlarge_nothing_is_scaled_up(void **state)
{
    static const struct plan_case cases[] = {
        {40, 30, 100, 100, DECODE_FIT_INSIDE, 0, 0, {40, 30, 40, 30, 0, 0, false}},
        {40, 30, 100, 100, DECODE_FIT_INSIDE, 0, 1, {100, 75, 100, 75, 0, 0, false}},
        {40, 30, 100, 100, DECODE_FIT_OUTSIDE, 0, 0, {40, 30, 40, 30, 0, 0, false}},
        {40, 300, 100, 100, DECODE_FIT_FILL, 0, 0, {40, 100, 40, 100, 0, 0, false}},
        {40, 300, 100, 100, DECODE_FIT_FILL, 0, 1, {100, 100, 100, 100, 0, 0, false}},
        /* the box, cut down to the source */
        {40, 300, 100, 100, DECODE_FIT_COVER, 0, 0, {40, 300, 40, 100, 0, -100, false}},
        {40, 300, 100, 100, DECODE_FIT_COVER, 0, 1, {100, 750, 100, 100, 0, -325, false}},
        /* the box stays whole */
        {40, 30, 100, 100, DECODE_FIT_CONTAIN, 0, 0, {40, 30, 100, 100, 30, 35, false}},
        {40, 30, 100, 100, DECODE_FIT_CONTAIN, 0, 1, {100, 75, 100, 100, 0, 12, false}},
    };

    (void)state;
    CHECK(cases);
}

static void a_side_is_never_below_one_pixel(void **state)
{
    static const struct plan_case cases[] = {
        {1, 1, 300, 300, DECODE_FIT_INSIDE, 0, 0, {1, 1, 1, 1, 0, 0, false}},
        {1, 1, 300, 200, DECODE_FIT_COVER, 0, 1, {300, 300, 300, 200, 0, -50, false}},
        {10000, 1, 300, 300, DECODE_FIT_INSIDE, 0, 0, {300, 1, 300, 1, 0, 0, false}},
        {1, 10000, 300, 300, DECODE_FIT_INSIDE, 0, 0, {1, 300, 1, 300, 0, 0, false}},
        {10000, 1, 300, 300, DECODE_FIT_COVER, 0, 0, {10000, 1, 300, 1, -4850, 0, false}},
        {10000, 1, 300, 300, DECODE_FIT_CONTAIN, 0, 0, {300, 1, 300, 300, 0, 149, false}},
        {10000, 1, 1, 0, DECODE_FIT_INSIDE, 0, 0, {1, 1, 1, 1, 0, 0, false}},
    };

    (void)state;
    CHECK(cases);
}

static void a_side_too_long_to_hold_is_cut_at_int32(void **state)
{
    static const struct decode_output_request request = {
        .height_px = 4096, .fit = DECODE_FIT_OUTSIDE, .enlarge = 1};
    struct plan got;

    (void)state;
    plan_make(10000000, 1, &request, &got);
    assert_int_equal(got.width_px, INT32_MAX);
    assert_int_equal(got.height_px, 4096);
}

static void jpeg_shrink_still_covers_the_target(void **state)
{
    static const struct {
        uint32_t width, height, needed_width, needed_height, shrink;
    } cases[] = {
        {2400, 1600, 300, 200, 8}, {2400, 1600, 301, 200, 4}, {2400, 1600, 300, 201, 4},
        {2400, 1600, 600, 400, 4}, {2400, 1600, 1200, 1, 2},  {2400, 1600, 1201, 1, 1},
        {1, 1, 1, 1, 1},           {8, 8, 1, 1, 8},           {7, 8, 1, 1, 4},
        {10000, 1, 300, 1, 1},     {100, 100, 300, 300, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(plan_jpeg_shrink(cases[i].width, cases[i].height, cases[i].needed_width,
                                          cases[i].needed_height),
                         cases[i].shrink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inside_and_outside_keep_the_aspect_ratio),
        cmocka_unit_test(one_side_follows_from_the_other_whatever_the_fit),
        cmocka_unit_test(cover_crops_by_gravity),
        cmocka_unit_test(contain_pads_by_gravity),
        cmocka_unit_test(without_enlarge_nothing_is_scaled_up),
        cmocka_unit_test(a_side_is_never_below_one_pixel),
        cmocka_unit_test(a_side_too_long_to_hold_is_cut_at_int32),
        cmocka_unit_test(jpeg_shrink_still_covers_the_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
