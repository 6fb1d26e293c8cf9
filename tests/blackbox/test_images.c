/*
 * test_images.c - what comes out for what goes in, looked at by decoding it.
 * The sources are those of make-images: 120 x 80 as shown, four quadrants, red and green over blue
 * and yellow.
 */
#include "target.h"

#include <vips/vips.h>

static const uint8_t red[] = {220, 30, 30}, green[] = {30, 200, 30}, blue[] = {30, 30, 220};
static const uint8_t yellow[] = {230, 220, 40}, white[] = {255, 255, 255};

/* Lossy codecs and chroma subsampling move a colour by some steps, never into another one. */
#define TOLERANCE 40
/* The green cannot be printed, so CMYK keeps it only roughly; enough to tell the quadrants apart.
 */
#define TOLERANCE_CMYK 100

/* The output at `path` of an ended job ("images/0/result/output"), decoded in its own bands. */
static VipsImage *fetch_output(json_t *job, const char *path)
{
    struct http_answer a;
    VipsImage *image, *copy;

    target_send(text_at(job, path), NULL, &a);
    assert_int_equal(a.status, 200);
    image = vips_image_new_from_buffer(a.body, a.len, "", NULL);
    if (!image)
        fail_msg("%s: %s", text_at(job, path), vips_error_buffer());
    copy = vips_image_copy_memory(image); /* the buffer goes with the answer */
    assert_non_null(copy);
    g_object_unref(image);
    http_answer_release(&a);
    return copy;
}

static void assert_colour_within(VipsImage *image, int x, int y, const uint8_t wanted[3],
                                 int tolerance)
{
    double *pixel = NULL;
    int n = 0;

    assert_int_equal(vips_getpoint(image, &pixel, &n, x, y, NULL), 0);
    for (int i = 0; i < 3; i++)
        if (abs((int)pixel[n < 3 ? 0 : i] - wanted[i]) > tolerance)
            fail_msg("at %d,%d: %g,%g,%g instead of %d,%d,%d", x, y, pixel[0], pixel[n < 3 ? 0 : 1],
                     pixel[n < 3 ? 0 : 2], wanted[0], wanted[1], wanted[2]);
    g_free(pixel);
}

static void assert_colour(VipsImage *image, int x, int y, const uint8_t wanted[3])
{
    assert_colour_within(image, x, y, wanted, TOLERANCE);
}

static void assert_quadrants(VipsImage *image, int tolerance)
{
    int w = vips_image_get_width(image), h = vips_image_get_height(image);

    assert_colour_within(image, w / 4, h / 4, red, tolerance);
    assert_colour_within(image, w * 3 / 4, h / 4, green, tolerance);
    assert_colour_within(image, w / 4, h * 3 / 4, blue, tolerance);
    assert_colour_within(image, w * 3 / 4, h * 3 / 4, yellow, tolerance);
}

static void assert_size(VipsImage *image, int width_px, int height_px)
{
    if (vips_image_get_width(image) != width_px || vips_image_get_height(image) != height_px)
        fail_msg("%d x %d instead of %d x %d", vips_image_get_width(image),
                 vips_image_get_height(image), width_px, height_px);
}

/* {"input": source, ...members}; members is taken and may be NULL. */
static json_t *image_of(const char *name, json_t *members)
{
    char *url = source_url(name);
    json_t *image = json_pack("{s:s}", "input", url);

    free(url);
    if (members)
        json_object_update(image, members);
    json_decref(members);
    return image;
}

static json_t *run_image(const char *name, json_t *members)
{
    return run_job(job_of(image_of(name, members)));
}

static void assert_completed(json_t *job)
{
    if (strcmp(text_at(job, "status"), "completed") != 0)
        fail_msg("not completed: %s", json_dumps(job, JSON_COMPACT));
}

/*
 * Whether the deployment's libraries write AVIF, which not all distributions' do: then it says so
 * by an error of its own, and keeps an AVIF source as JPEG. Where this is built, unit tests want
 * AVIF.
 */
static bool writes_avif(void)
{
    static int known = -1;
    json_t *job;

    if (known >= 0)
        return known;
    job = run_image("baseline.jpg", json_pack("{s:i, s:s}", "width", 60, "format", "avif"));
    known = strcmp(text_at(job, "status"), "completed") == 0;
    if (!known) {
        assert_string_equal(text_at(job, "images/0/error/code"), "unsupported_format");
        assert_non_null(strstr(text_at(job, "images/0/error/message"), "avif cannot be written"));
        printf("This deployment cannot write AVIF.\n");
    }
    json_decref(job);
    return known;
}

/* ---- sources */

static void every_kind_of_source_keeps_its_colours_and_its_way_up(void **state)
{
    static const char *const names[] = {
        "baseline.jpg",      "progressive.jpg",   "cmyk.jpg",          "p3.jpg",
        "orientation-1.jpg", "orientation-2.jpg", "orientation-3.jpg", "orientation-4.jpg",
        "orientation-5.jpg", "orientation-6.jpg", "orientation-7.jpg", "orientation-8.jpg",
        "rgb.png",           "interlaced.png",    "wide.png",          "still.gif",
        "lossy.webp",        "still.avif",
    };
    size_t n = sizeof names / sizeof *names;
    json_t *images = json_array(), *job;

    (void)state;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            images, image_of(names[i], json_pack("{s:i, s:s}", "width", 60, "format", "png")));
    job = run_job(json_pack("{s:o}", "images", images));
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_array_get(at(job, "images"), i);
        VipsImage *image;

        if (strcmp(text_at(one, "status"), "completed") != 0)
            fail_msg("%s: %s", names[i], json_dumps(one, JSON_COMPACT));
        print_message("%s\n", names[i]);
        image = fetch_output(one, "result/output");
        assert_size(image, 60, 40);
        assert_quadrants(image, strcmp(names[i], "cmyk.jpg") == 0 ? TOLERANCE_CMYK : TOLERANCE);
        assert_int_equal(int_at(one, "result/source/width"), 120);
        assert_int_equal(int_at(one, "result/source/height"), 80);
        assert_int_equal(vips_image_get_typeof(image, VIPS_META_EXIF_NAME), 0);
        assert_int_equal(vips_image_get_typeof(image, VIPS_META_ORIENTATION) != 0 &&
                             vips_image_get_orientation(image) != 1,
                         0);
        g_object_unref(image);
    }
    json_decref(job);
}

static void alpha_is_kept_and_flattened_for_jpeg(void **state)
{
    static const char *const names[] = {"alpha.png", "palette-alpha.png", "alpha.gif",
                                        "lossless.webp"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_t *job = run_job(
            json_pack("{s:[o,o,o]}", "images",
                      image_of(names[i], json_pack("{s:i, s:s}", "width", 60, "format", "png")),
                      image_of(names[i], json_pack("{s:i, s:s}", "width", 60, "format", "jpeg")),
                      image_of(names[i], json_pack("{s:i, s:s, s:s}", "width", 60, "format", "jpeg",
                                                   "background", "#1e1edc"))));
        VipsImage *image;
        double *pixel = NULL;
        int bands = 0;

        assert_completed(job);
        image = fetch_output(job, "images/0/result/output");
        assert_int_equal(vips_getpoint(image, &pixel, &bands, 15, 10, NULL), 0);
        assert_int_equal(bands, 4);
        assert_true(pixel[3] < 30); /* the hole */
        g_free(pixel);
        assert_colour(image, 45, 30, yellow);
        g_object_unref(image);
        image = fetch_output(job, "images/1/result/output");
        assert_colour(image, 15, 10, white);
        g_object_unref(image);
        image = fetch_output(job, "images/2/result/output");
        assert_colour(image, 15, 10, blue);
        assert_colour(image, 45, 10, green);
        g_object_unref(image);
        json_decref(job);
    }
}

static void animations_stay_animated_where_they_can(void **state)
{
    json_t *job = run_job(json_pack(
        "{s:[o,o,o,o]}", "images", image_of("animated.gif", json_pack("{s:i}", "width", 60)),
        image_of("animated.gif", json_pack("{s:i, s:s}", "width", 60, "format", "webp")),
        image_of("animated.webp", json_pack("{s:i, s:s}", "width", 60, "format", "gif")),
        image_of("animated.gif", json_pack("{s:i, s:s}", "width", 60, "format", "jpeg"))));

    (void)state;
    assert_completed(job);
    for (int i = 0; i < 4; i++) {
        char path[64];
        struct http_answer a;
        VipsImage *image;

        snprintf(path, sizeof path, "images/%d/result/output", i);
        target_send(text_at(job, path), NULL, &a);
        image = i < 3 ? vips_image_new_from_buffer(a.body, a.len, "", "n", -1, NULL)
                      : vips_image_new_from_buffer(a.body, a.len, "", NULL);
        assert_non_null(image);
        assert_int_equal(vips_image_get_n_pages(image), i < 3 ? 3 : 1);
        assert_int_equal(vips_image_get_page_height(image), 40);
        g_object_unref(image);
        http_answer_release(&a);
    }
    json_decref(job);
}

static void bad_images_fail_with_their_codes(void **state)
{
    static const struct {
        const char *name, *code;
    } cases[] = {
        {"truncated.jpg", "corrupt_image"},   {"truncated.png", "corrupt_image"},
        {"truncated.webp", "corrupt_image"},  {"truncated.gif", "corrupt_image"},
        {"truncated.avif", "corrupt_image"},  {"text.jpg", "unsupported_format"},
        {"empty.jpg", "unsupported_format"},  {"drawing.svg", "unsupported_format"},
        {"paper.pdf", "unsupported_format"},  {"phone.heic", "unsupported_format"},
        {"old.bmp", "unsupported_format"},    {"scan.tiff", "unsupported_format"},
        {"bomb.png", "resolution_too_large"}, {"nothing.jpg", "source_not_found"},
    };
    size_t n = sizeof cases / sizeof *cases;
    json_t *images = json_array(), *job;

    (void)state;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(images, image_of(cases[i].name, json_pack("{s:i}", "width", 10)));
    job = run_job(json_pack("{s:o}", "images", images));
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_array_get(at(job, "images"), i);

        if (!json_is_object(at(one, "error")) ||
            strcmp(text_at(one, "error/code"), cases[i].code) != 0)
            fail_msg("%s: %s instead of %s", cases[i].name, json_dumps(one, JSON_COMPACT),
                     cases[i].code);
        assert_int_equal(int_at(one, "attempts"), 1);
        assert_null(strstr(text_at(one, "error/message"), "/"));
    }
    json_decref(job);
}

/* ---- sizes */

static void every_fit_has_its_size(void **state)
{
    static const struct {
        const char *name, *fit;
        int width, height; /* 0: absent */
        bool enlarge;
        int out_width, out_height;
    } cases[] = {
        {"baseline.jpg", "inside", 60, 60, false, 60, 40},
        {"baseline.jpg", "inside", 30, 0, false, 30, 20},
        {"baseline.jpg", "inside", 0, 20, false, 30, 20},
        {"baseline.jpg", "inside", 1, 1, false, 1, 1},
        {"baseline.jpg", "inside", 240, 240, false, 120, 80},
        {"baseline.jpg", "inside", 240, 240, true, 240, 160},
        {"baseline.jpg", "outside", 60, 60, false, 90, 60},
        {"baseline.jpg", "outside", 240, 240, true, 360, 240},
        {"baseline.jpg", "fill", 50, 70, false, 50, 70},
        {"baseline.jpg", "fill", 200, 100, true, 200, 100},
        {"baseline.jpg", "cover", 50, 50, false, 50, 50},
        {"baseline.jpg", "cover", 200, 200, true, 200, 200},
        {"baseline.jpg", "contain", 60, 60, false, 60, 60},
        {"baseline.jpg", "contain", 200, 200, true, 200, 200},
        {"one.png", "inside", 100, 100, false, 1, 1},
        {"one.png", "inside", 100, 100, true, 100, 100},
        {"line.png", "inside", 100, 100, false, 100, 1},
    };
    size_t n = sizeof cases / sizeof *cases;
    json_t *images = json_array(), *job;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        json_t *members = json_pack("{s:s, s:b}", "fit", cases[i].fit, "enlarge", cases[i].enlarge);

        if (cases[i].width)
            json_object_set_new(members, "width", json_integer(cases[i].width));
        if (cases[i].height)
            json_object_set_new(members, "height", json_integer(cases[i].height));
        json_array_append_new(images, image_of(cases[i].name, members));
    }
    job = run_job(json_pack("{s:o}", "images", images));
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_array_get(at(job, "images"), i);
        VipsImage *image;

        if (strcmp(text_at(one, "status"), "completed") != 0)
            fail_msg("%s %s: %s", cases[i].name, cases[i].fit, json_dumps(one, JSON_COMPACT));
        image = fetch_output(one, "result/output");
        if (vips_image_get_width(image) != cases[i].out_width ||
            vips_image_get_height(image) != cases[i].out_height)
            fail_msg("%s %s %d x %d enlarge %d: %d x %d", cases[i].name, cases[i].fit,
                     cases[i].width, cases[i].height, cases[i].enlarge, vips_image_get_width(image),
                     vips_image_get_height(image));
        assert_int_equal(int_at(one, "result/width"), cases[i].out_width);
        assert_int_equal(int_at(one, "result/height"), cases[i].out_height);
        g_object_unref(image);
    }
    json_decref(job);
}

static void gravity_says_what_cover_keeps(void **state)
{
    static const struct {
        const char *gravity;
        const uint8_t *left, *right; /* of an 80 x 80 cut out of 120 x 80: at 10 and at 70, top */
    } cases[] = {
        {"west", red, green}, {"east", red, green}, {"center", red, green}, {"north", red, green}};
    /* The line between red and green is at 60 of 120: at 60, 20 and 40 of the cut. */
    static const int border[] = {60, 20, 40, 40};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json_t *job =
            run_image("rgb.png", json_pack("{s:i, s:i, s:s, s:s}", "width", 80, "height", 80, "fit",
                                           "cover", "gravity", cases[i].gravity));
        VipsImage *image;

        assert_completed(job);
        image = fetch_output(job, "images/0/result/output");
        assert_size(image, 80, 80);
        assert_colour(image, border[i] - 6, 10, cases[i].left);
        assert_colour(image, border[i] + 6, 10, cases[i].right);
        g_object_unref(image);
        json_decref(job);
    }
}

static void clever_gravities_cut_the_size_asked(void **state)
{
    static const char *const gravities[] = {"attention", "entropy"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *job =
            run_image("baseline.jpg", json_pack("{s:i, s:i, s:s, s:s}", "width", 40, "height", 60,
                                                "fit", "cover", "gravity", gravities[i]));
        VipsImage *image;

        assert_completed(job);
        image = fetch_output(job, "images/0/result/output");
        assert_size(image, 40, 60);
        g_object_unref(image);
        json_decref(job);
    }
}

static void contain_pads_with_the_background(void **state)
{
    json_t *job =
        run_image("baseline.jpg", json_pack("{s:i, s:i, s:s, s:s}", "width", 60, "height", 60,
                                            "fit", "contain", "background", "#1e1edc"));
    VipsImage *image;

    (void)state;
    assert_completed(job);
    image = fetch_output(job, "images/0/result/output");
    assert_size(image, 60, 60);
    assert_colour(image, 30, 3, blue);
    assert_colour(image, 15, 20, red);
    assert_colour(image, 30, 57, blue);
    g_object_unref(image);
    json_decref(job);
}

/* ---- outputs */

static void every_format_can_be_written(void **state)
{
    static const struct {
        const char *format, *type, *loader;
    } cases[] = {{"jpeg", "image/jpeg", "jpegload_buffer"},
                 {"png", "image/png", "pngload_buffer"},
                 {"webp", "image/webp", "webpload_buffer"},
                 {"gif", "image/gif", "gifload_buffer"},
                 {"avif", "image/avif", "heifload_buffer"}}; /* the last one, see below */
    const size_t n = sizeof cases / sizeof *cases - (writes_avif() ? 0 : 1);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        json_t *job = run_image("baseline.jpg",
                                json_pack("{s:i, s:s}", "width", 60, "format", cases[i].format));
        const char *loader;
        struct http_answer a;
        VipsImage *image;

        assert_completed(job);
        assert_string_equal(text_at(job, "images/0/result/format"), cases[i].format);
        target_send(text_at(job, "images/0/result/output"), NULL, &a);
        assert_string_equal(http_header(&a, "content-type"), cases[i].type);
        image = vips_image_new_from_buffer(a.body, a.len, "", NULL);
        assert_non_null(image);
        assert_int_equal(vips_image_get_string(image, "vips-loader", &loader), 0);
        assert_memory_equal(loader, cases[i].loader, strlen(cases[i].loader) - 7);
        assert_size(image, 60, 40);
        assert_quadrants(image, TOLERANCE);
        g_object_unref(image);
        http_answer_release(&a);
        json_decref(job);
    }
}

static void the_format_of_the_source_is_kept_where_it_is_one_of_ours(void **state)
{
    const char *const cases[][2] = {{"rgb.png", "png"},
                                    {"still.gif", "gif"},
                                    {"lossy.webp", "webp"},
                                    {"still.avif", writes_avif() ? "avif" : "jpeg"},
                                    {"cmyk.jpg", "jpeg"}};
    size_t n = sizeof cases / sizeof *cases;
    json_t *images = json_array(), *job;

    (void)state;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(images, image_of(cases[i][0], json_pack("{s:i}", "width", 60)));
    job = run_job(json_pack("{s:o}", "images", images));
    assert_completed(job);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(text_at(json_array_get(at(job, "images"), i), "result/format"),
                            cases[i][1]);
    json_decref(job);
}

static void quality_decides_the_size(void **state)
{
    char *url = sample_url(0);
    json_t *job = run_job(json_pack("{s:[{s:s, s:i, s:s, s:i}, {s:s, s:i, s:s, s:i}]}", "images",
                                    "input", url, "width", 200, "format", "jpeg", "quality", 20,
                                    "input", url, "width", 200, "format", "jpeg", "quality", 95));

    (void)state;
    free(url);
    assert_completed(job);
    assert_true(int_at(job, "images/0/result/bytes") * 2 < int_at(job, "images/1/result/bytes"));
    json_decref(job);
}

static void several_outputs_come_of_one_source(void **state)
{
    json_t *job = run_image(
        "baseline.jpg",
        json_pack("{s:[{s:s, s:i}, {s:s, s:i, s:i, s:s, s:s}, {s:s, s:i, s:s}]}", "outputs", "name",
                  "s", "width", 30, "name", "square", "width", 40, "height", 40, "fit", "cover",
                  "format", "webp", "name", "p", "width", 60, "format", "png"));
    VipsImage *image;

    (void)state;
    assert_completed(job);
    assert_int_equal(json_array_size(at(job, "images/0/result/outputs")), 3);
    assert_string_equal(text_at(job, "images/0/result/outputs/0/name"), "s");
    assert_string_equal(text_at(job, "images/0/result/output"),
                        text_at(job, "images/0/result/outputs/0/output"));
    assert_string_equal(text_at(job, "images/0/result/outputs/1/format"), "webp");
    image = fetch_output(job, "images/0/result/outputs/0/output");
    assert_size(image, 30, 20);
    g_object_unref(image);
    image = fetch_output(job, "images/0/result/outputs/1/output");
    assert_size(image, 40, 40);
    g_object_unref(image);
    image = fetch_output(job, "images/0/result/outputs/2/output");
    assert_size(image, 60, 40);
    assert_quadrants(image, TOLERANCE);
    g_object_unref(image);
    json_decref(job);
}

int run_image_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_source_keeps_its_colours_and_its_way_up),
        cmocka_unit_test(alpha_is_kept_and_flattened_for_jpeg),
        cmocka_unit_test(animations_stay_animated_where_they_can),
        cmocka_unit_test(bad_images_fail_with_their_codes),
        cmocka_unit_test(every_fit_has_its_size),
        cmocka_unit_test(gravity_says_what_cover_keeps),
        cmocka_unit_test(clever_gravities_cut_the_size_asked),
        cmocka_unit_test(contain_pads_with_the_background),
        cmocka_unit_test(every_format_can_be_written),
        cmocka_unit_test(the_format_of_the_source_is_kept_where_it_is_one_of_ours),
        cmocka_unit_test(quality_decides_the_size),
        cmocka_unit_test(several_outputs_come_of_one_source),
    };

    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
