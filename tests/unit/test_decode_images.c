/*
 * Whole images through the real program, caged. The sources are those of make_images; outputs are
 * decoded again with libvips here and looked at.
 */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vips/vips.h>

#include "decoder_client.h"
#include "scratch_dir.h"
#include "unit.h"

/* Of a colour value: lossy formats, chroma at half resolution; and a printer has no such green. */
#define TOLERANCE 14
#define TOLERANCE_CMYK 100

static const uint8_t red[3] = {220, 30, 30}, green[3] = {30, 200, 30}, blue[3] = {30, 30, 220},
                     yellow[3] = {230, 220, 40}, white[3] = {255, 255, 255};

static char folder[SCRATCH_DIR_SIZE];
static struct decoder_client client;

/* ---- one image there and back ---- */

struct result {
    struct decode_done done;
    uint64_t memory_bytes;
    struct decoder_output outputs[DECODE_MAX_OUTPUTS];
    size_t count;
};

static void result_release(struct result *r)
{
    decoder_output_release(r->outputs, r->count);
}

static void run_bytes(const void *bytes, size_t len, struct decode_work *work, struct result *ret)
{
    ret->count = work->output_count;
    decoder_client_run(&client, bytes, len, work, &ret->done, ret->outputs, &ret->memory_bytes);
}

static void run(const char *name, struct decode_work *work, struct result *ret)
{
    char path[300];
    char *bytes;
    gsize len;

    snprintf(path, sizeof(path), "%s/%s", name[0] == '/' ? "" : folder, name);
    assert_true(g_file_get_contents(path, &bytes, &len, NULL));
    run_bytes(bytes, len, work, ret);
    g_free(bytes);
}

static void assert_done(const struct result *r)
{
    if (r->done.status != DECODE_OK)
        fail_msg("status %u: %s", r->done.status, r->done.message);
    assert_int_equal(r->done.output_count, r->count);
}

/* What an output says of itself, decoded whole. */
static VipsImage *look(const struct result *r, size_t i, const char *loader)
{
    VipsImage *image;
    const char *nick = NULL;

    image = vips_image_new_from_buffer(r->outputs[i].bytes, r->outputs[i].len, "", NULL);
    assert_non_null(image);
    assert_int_equal(vips_image_get_string(image, VIPS_META_LOADER, &nick), 0);
    if (loader)
        assert_int_equal(strncmp(nick, loader, strlen(loader)), 0);
    assert_int_equal(vips_image_get_width(image), r->done.outputs[i].width_px);
    assert_int_equal(vips_image_get_page_height(image), r->done.outputs[i].height_px);
    assert_int_equal(r->outputs[i].len, r->done.outputs[i].bytes);
    return image;
}

static void assert_near(VipsImage *image, int x, int y, const uint8_t want[3], int tolerance)
{
    VipsImage *rgb = NULL;
    double *got;
    int n;

    assert_int_equal(vips_colourspace(image, &rgb, VIPS_INTERPRETATION_sRGB, NULL), 0);
    assert_int_equal(vips_getpoint(rgb, &got, &n, x, y, NULL), 0);
    assert_true(n >= 3);
    for (int i = 0; i < 3; i++) {
        if (got[i] < want[i] - tolerance || got[i] > want[i] + tolerance)
            fail_msg("at %d,%d: %.0f %.0f %.0f, wanted %d %d %d", x, y, got[0], got[1], got[2],
                     want[0], want[1], want[2]);
    }
    g_free(got);
    g_object_unref(rgb);
}

static void assert_colour(VipsImage *image, int x, int y, const uint8_t want[3])
{
    assert_near(image, x, y, want, TOLERANCE);
}

static double alpha_at(VipsImage *image, int x, int y)
{
    double *got, alpha;
    int n;

    assert_int_equal(vips_getpoint(image, &got, &n, x, y, NULL), 0);
    alpha = n == 4 ? got[3] : 255;
    g_free(got);
    return alpha;
}

/* The middles of the four quadrants; one may be NULL where it is transparent. */
static void assert_quadrants_near(VipsImage *image, const uint8_t *top_left, int tolerance)
{
    int w = vips_image_get_width(image), h = vips_image_get_page_height(image);

    if (top_left)
        assert_near(image, w / 4, h / 4, top_left, tolerance);
    assert_near(image, w * 3 / 4, h / 4, green, tolerance);
    assert_near(image, w / 4, h * 3 / 4, blue, tolerance);
    assert_near(image, w * 3 / 4, h * 3 / 4, yellow, tolerance);
}

static void assert_quadrants(VipsImage *image, const uint8_t *top_left)
{
    assert_quadrants_near(image, top_left, TOLERANCE);
}

/* ---- what goes in ---- */

struct source_case {
    const char *name;
    enum decode_format format;
    int tolerance;
    bool hole; /* the red quadrant is transparent */
};

static void assert_output_of(const struct source_case *source, const struct result *r, size_t i)
{
    static const char *const loaders[] = {"",         "jpegload", "pngload",
                                          "webpload", "gifload",  "heifload"};
    uint32_t format = r->done.outputs[i].format;
    bool filled = !source->hole || format == DECODE_FORMAT_JPEG;
    VipsImage *image = look(r, i, loaders[format]);

    assert_int_equal(vips_image_get_width(image), 60);
    assert_int_equal(vips_image_get_height(image), 40);
    assert_quadrants_near(image, !filled ? NULL : source->hole ? white : red, source->tolerance);
    assert_int_equal((int)alpha_at(image, 15, 10), filled ? 255 : 0);
    g_object_unref(image);
}

/* Asks for each format that can be written. */
static struct decode_work work_for_all_formats(void)
{
    struct decode_work work = decoder_client_work(60, 60);

    work.output_count = 0;
    for (uint32_t f = 1; f < DECODE_FORMAT_COUNT; f++) {
        if (client.ready.can_write & (1u << f)) {
            work.outputs[work.output_count] = work.outputs[0];
            work.outputs[work.output_count++].format = f;
        }
    }
    return work;
}

static void every_kind_of_source_becomes_every_kind_of_output(void **state)
{
    static const struct source_case sources[] = {
        {"baseline.jpg", DECODE_FORMAT_JPEG, TOLERANCE, false},
        {"progressive.jpg", DECODE_FORMAT_JPEG, TOLERANCE, false},
        {"cmyk.jpg", DECODE_FORMAT_JPEG, TOLERANCE_CMYK, false},
        {"p3.jpg", DECODE_FORMAT_JPEG, TOLERANCE, false},
        {"rgb.png", DECODE_FORMAT_PNG, TOLERANCE, false},
        {"interlaced.png", DECODE_FORMAT_PNG, TOLERANCE, false},
        {"wide.png", DECODE_FORMAT_PNG, TOLERANCE, false},
        {"alpha.png", DECODE_FORMAT_PNG, TOLERANCE, true},
        {"palette-alpha.png", DECODE_FORMAT_PNG, TOLERANCE, true},
        {"lossy.webp", DECODE_FORMAT_WEBP, TOLERANCE, false},
        {"lossless.webp", DECODE_FORMAT_WEBP, TOLERANCE, true},
        {"still.gif", DECODE_FORMAT_GIF, TOLERANCE, false},
        {"alpha.gif", DECODE_FORMAT_GIF, TOLERANCE, true},
        {"still.avif", DECODE_FORMAT_AVIF, TOLERANCE, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct decode_work work = work_for_all_formats();
        struct result r;

        if (!(client.ready.can_read & (1u << sources[i].format)))
            continue;
        run(sources[i].name, &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.source_format, sources[i].format);
        assert_int_equal(r.done.source_width_px, 120);
        assert_int_equal(r.done.source_height_px, 80);
        for (size_t o = 0; o < r.count; o++) {
            assert_int_equal(r.done.outputs[o].format, work.outputs[o].format);
            assert_output_of(&sources[i], &r, o);
        }
        result_release(&r);
    }
}

static void all_that_this_system_should_do_it_does(void **state)
{
    (void)state;
    for (uint32_t f = DECODE_FORMAT_JPEG; f <= DECODE_FORMAT_GIF; f++) {
        assert_true(client.ready.can_read & (1u << f));
        assert_true(client.ready.can_write & (1u << f));
    }
}

static void a_format_left_open_is_the_sources(void **state)
{
    static const struct {
        const char *name;
        enum decode_format format;
    } cases[] = {{"baseline.jpg", DECODE_FORMAT_JPEG},
                 {"rgb.png", DECODE_FORMAT_PNG},
                 {"lossy.webp", DECODE_FORMAT_WEBP},
                 {"still.gif", DECODE_FORMAT_GIF}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(60, 60);
        struct result r;

        run(cases[i].name, &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.outputs[0].format, cases[i].format);
        result_release(&r);
    }
}

static void every_orientation_is_upright_and_forgotten(void **state)
{
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        struct decode_work work = decoder_client_work(90, 90);
        struct result r;
        VipsImage *image;
        char name[40];

        work.output_count = 2;
        work.outputs[1] = work.outputs[0];
        work.outputs[1].fit = DECODE_FIT_FILL;
        work.outputs[1].height_px = 30;
        snprintf(name, sizeof(name), "orientation-%d.jpg", orientation);
        run(name, &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.source_width_px, 120);
        assert_int_equal(r.done.source_height_px, 80);
        for (size_t i = 0; i < 2; i++) {
            image = look(&r, i, "jpegload");
            assert_int_equal(vips_image_get_width(image), 90);
            assert_int_equal(vips_image_get_height(image), i == 0 ? 60 : 30);
            assert_int_equal(vips_image_get_orientation(image), 1);
            assert_quadrants(image, red);
            g_object_unref(image);
        }
        result_release(&r);
    }
}

static void metadata_is_left_behind(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;
    VipsImage *image;

    (void)state;
    run("p3.jpg", &work, &r);
    assert_done(&r);
    image = look(&r, 0, "jpegload");
    assert_int_equal(vips_image_get_typeof(image, VIPS_META_ICC_NAME), 0);
    assert_int_equal(vips_image_get_typeof(image, VIPS_META_EXIF_NAME), 0);
    g_object_unref(image);
    result_release(&r);
}

static void grey_stays_grey(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;
    VipsImage *image;

    (void)state;
    run("grey.jpg", &work, &r);
    assert_done(&r);
    image = look(&r, 0, "jpegload");
    assert_int_equal(vips_image_get_bands(image), 1);
    g_object_unref(image);
    result_release(&r);
}

/* ---- what comes out ---- */

static void contain_pads_with_the_background_or_nothing(void **state)
{
    static const struct {
        enum decode_format format;
        bool given;
        uint8_t background[4];
        uint8_t want[3];
        int alpha;
    } cases[] = {
        {DECODE_FORMAT_PNG, false, {0}, {0, 0, 0}, 0},
        {DECODE_FORMAT_PNG, true, {10, 200, 250, 255}, {10, 200, 250}, 255},
        {DECODE_FORMAT_PNG, true, {10, 200, 250, 128}, {10, 200, 250}, 128},
        {DECODE_FORMAT_WEBP, false, {0}, {0, 0, 0}, 0},
        {DECODE_FORMAT_JPEG, false, {0}, {255, 255, 255}, 255},
        {DECODE_FORMAT_JPEG, true, {10, 200, 250, 255}, {10, 200, 250}, 255},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(100, 100);
        struct decode_output_request *o = &work.outputs[0];
        struct result r;
        VipsImage *image, *picture = NULL;

        o->fit = DECODE_FIT_CONTAIN;
        o->format = cases[i].format;
        o->has_background = cases[i].given;
        memcpy(o->background, cases[i].background, 4);
        run("rgb.png", &work, &r);
        assert_done(&r);
        image = look(&r, 0, NULL);
        assert_int_equal(vips_image_get_width(image), 100);
        assert_int_equal(vips_image_get_height(image), 100);
        assert_int_equal((int)alpha_at(image, 50, 4), cases[i].alpha);
        if (cases[i].alpha > 0)
            assert_colour(image, 50, 4, cases[i].want);
        /* 100 x 67 in the middle */
        assert_int_equal(vips_extract_area(image, &picture, 0, 16, 100, 67, NULL), 0);
        assert_quadrants(picture, red);
        g_object_unref(picture);
        g_object_unref(image);
        result_release(&r);
    }
}

static void a_grey_source_is_padded_in_colour(void **state)
{
    struct decode_work work = decoder_client_work(100, 100);
    struct result r;
    VipsImage *image;

    (void)state;
    work.outputs[0].fit = DECODE_FIT_CONTAIN;
    work.outputs[0].has_background = 1;
    memcpy(work.outputs[0].background, (uint8_t[]){220, 30, 30, 255}, 4);
    run("grey.jpg", &work, &r);
    assert_done(&r);
    image = look(&r, 0, "jpegload");
    assert_colour(image, 50, 4, red);
    g_object_unref(image);
    result_release(&r);
}

static void alpha_is_flattened_on_the_background_asked_for(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;
    VipsImage *image;

    (void)state;
    work.outputs[0].format = DECODE_FORMAT_JPEG;
    work.outputs[0].has_background = 1;
    memcpy(work.outputs[0].background, yellow, 3);
    run("alpha.png", &work, &r);
    assert_done(&r);
    image = look(&r, 0, "jpegload");
    assert_quadrants(image, yellow);
    g_object_unref(image);
    result_release(&r);
}

static void cover_shows_the_part_that_gravity_names(void **state)
{
    static const struct {
        enum decode_gravity gravity;
        const uint8_t *left, *right; /* of the upper half */
    } cases[] = {
        {DECODE_GRAVITY_WEST, red, red},
        {DECODE_GRAVITY_EAST, green, green},
        {DECODE_GRAVITY_CENTER, red, green},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(30, 40);
        struct result r;
        VipsImage *image;

        work.outputs[0].fit = DECODE_FIT_COVER;
        work.outputs[0].gravity = cases[i].gravity;
        run("rgb.png", &work, &r);
        assert_done(&r);
        image = look(&r, 0, "pngload");
        assert_int_equal(vips_image_get_width(image), 30);
        assert_int_equal(vips_image_get_height(image), 40);
        assert_colour(image, 4, 10, cases[i].left);
        assert_colour(image, 25, 10, cases[i].right);
        g_object_unref(image);
        result_release(&r);
    }
}

static void attention_and_entropy_give_the_size_asked_for(void **state)
{
    (void)state;
    for (uint32_t gravity = DECODE_GRAVITY_ATTENTION; gravity <= DECODE_GRAVITY_ENTROPY;
         gravity++) {
        struct decode_work work = decoder_client_work(100, 250);
        struct result r;

        work.outputs[0].fit = DECODE_FIT_COVER;
        work.outputs[0].gravity = gravity;
        run(SOURCE_DIR "/static/samples/boats.jpg", &work, &r);
        assert_done(&r);
        g_object_unref(look(&r, 0, "jpegload"));
        assert_int_equal(r.done.outputs[0].width_px, 100);
        assert_int_equal(r.done.outputs[0].height_px, 250);
        result_release(&r);
    }
}

static void an_animation_stays_one_for_gif_and_webp(void **state)
{
    static const struct {
        const char *name;
        uint32_t format;
    } cases[] = {{"animated.gif", DECODE_FORMAT_GIF},
                 {"animated.gif", DECODE_FORMAT_WEBP},
                 {"animated.webp", DECODE_FORMAT_WEBP},
                 {"animated.webp", DECODE_FORMAT_GIF}};
    static const int delays[] = {100, 200, 300};
    static const uint8_t *const frames[] = {red, green, blue};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(60, 60);
        struct result r;
        VipsImage *image;
        int *got, n;

        work.outputs[0].format = cases[i].format;
        run(cases[i].name, &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.source_frames, 3);
        assert_int_equal(r.done.outputs[0].frames, 3);
        assert_int_equal(r.done.outputs[0].height_px, 40);
        image = vips_image_new_from_buffer(r.outputs[0].bytes, r.outputs[0].len, "[n=-1]", NULL);
        assert_non_null(image);
        assert_int_equal(vips_image_get_n_pages(image), 3);
        assert_int_equal(vips_image_get_page_height(image), 40);
        assert_int_equal(vips_image_get_array_int(image, "delay", &got, &n), 0);
        assert_int_equal(n, 3);
        assert_memory_equal(got, delays, sizeof(delays));
        assert_int_equal(vips_image_get_int(image, "loop", &n), 0);
        assert_int_equal(n, 5);
        /* each frame alone, up to its edges */
        for (int f = 0; f < 3; f++) {
            assert_colour(image, 30, 40 * f, frames[f]);
            assert_colour(image, 30, 40 * f + 39, frames[f]);
        }
        g_object_unref(image);
        result_release(&r);
    }
}

static void an_animation_gives_its_first_frame_otherwise(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct decode_work work = decoder_client_work(60, 40);
        struct result r;
        VipsImage *image;

        work.outputs[0].fit = i == 0 ? DECODE_FIT_COVER : DECODE_FIT_INSIDE;
        work.outputs[0].format = i == 1 ? DECODE_FORMAT_PNG : i == 2 ? DECODE_FORMAT_JPEG : 0;
        run("animated.gif", &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.outputs[0].frames, 1);
        image = look(&r, 0, NULL);
        assert_colour(image, 30, 20, red);
        g_object_unref(image);
        result_release(&r);
    }
}

static void animated_and_still_outputs_come_from_one_source(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;
    VipsImage *image;

    (void)state;
    work.output_count = 3;
    work.outputs[0].format = DECODE_FORMAT_PNG;
    work.outputs[1] = (struct decode_output_request){.width_px = 30, .format = DECODE_FORMAT_WEBP};
    work.outputs[2] = (struct decode_output_request){.width_px = 90, .format = DECODE_FORMAT_GIF};
    run("animated.gif", &work, &r);
    assert_done(&r);
    assert_int_equal(r.done.outputs[0].frames, 1);
    assert_int_equal(r.done.outputs[1].frames, 3);
    assert_int_equal(r.done.outputs[2].frames, 3);
    image = look(&r, 0, "pngload");
    assert_colour(image, 30, 20, red);
    g_object_unref(image);
    result_release(&r);
}

static void several_sizes_come_from_one_source(void **state)
{
    static const uint32_t widths[] = {100, 17, 64, 33};
    struct decode_work work = decoder_client_work(100, 0);
    struct result shared, apart;

    (void)state;
    work.output_count = 4;
    for (size_t i = 0; i < 4; i++)
        work.outputs[i] = (struct decode_output_request){.width_px = widths[i]};
    run("baseline.jpg", &work, &shared);
    assert_done(&shared);
    /* Not enough memory to keep the decoded picture: decoded for each, with the same result. */
    work.max_memory_bytes = shared.memory_bytes - 1;
    run("baseline.jpg", &work, &apart);
    assert_done(&apart);
    assert_true(apart.memory_bytes < shared.memory_bytes);
    for (size_t i = 0; i < 4; i++) {
        VipsImage *image = look(&shared, i, "jpegload");

        assert_int_equal(vips_image_get_width(image), widths[i]);
        assert_quadrants(image, red);
        g_object_unref(image);
        assert_int_equal(shared.outputs[i].len, apart.outputs[i].len);
        assert_memory_equal(shared.outputs[i].bytes, apart.outputs[i].bytes, shared.outputs[i].len);
    }
    result_release(&shared);
    result_release(&apart);
}

static void quality_changes_the_size_of_the_file(void **state)
{
    static const uint32_t formats[] = {DECODE_FORMAT_JPEG, DECODE_FORMAT_WEBP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct decode_work work = decoder_client_work(400, 400);
        struct result r;

        work.output_count = 3;
        work.outputs[0].format = formats[i];
        work.outputs[2] = work.outputs[1] = work.outputs[0];
        work.outputs[0].quality = 30;
        work.outputs[2].quality = 95;
        run(SOURCE_DIR "/static/samples/boats.jpg", &work, &r);
        assert_done(&r);
        assert_true(r.outputs[0].len < r.outputs[1].len);
        assert_true(r.outputs[1].len < r.outputs[2].len);
        result_release(&r);
    }
}

static void the_samples_are_photographs_that_can_be_read(void **state)
{
    DIR *dir = opendir(SOURCE_DIR "/static/samples");
    struct dirent *entry;
    int n = 0;

    (void)state;
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        struct decode_work work = decoder_client_work(300, 300);
        struct result r;
        char path[600];

        if (!strstr(entry->d_name, ".jpg"))
            continue;
        snprintf(path, sizeof(path), SOURCE_DIR "/static/samples/%s", entry->d_name);
        run(path, &work, &r);
        assert_done(&r);
        assert_true(r.done.outputs[0].width_px == 300 || r.done.outputs[0].height_px == 300);
        result_release(&r);
        n++;
    }
    closedir(dir);
    assert_true(n >= 4);
}

/* ---- sizes at the edge ---- */

static void one_pixel_and_one_row_are_images_too(void **state)
{
    static const struct {
        const char *name;
        uint32_t fit, enlarge;
        uint32_t width, height;
    } cases[] = {
        {"one.png", DECODE_FIT_INSIDE, 0, 1, 1},     {"one.jpg", DECODE_FIT_INSIDE, 0, 1, 1},
        {"one.png", DECODE_FIT_INSIDE, 1, 40, 40},   {"one.jpg", DECODE_FIT_COVER, 1, 40, 60},
        {"one.png", DECODE_FIT_CONTAIN, 0, 40, 60},  {"line.png", DECODE_FIT_INSIDE, 0, 40, 1},
        {"line.jpg", DECODE_FIT_INSIDE, 0, 40, 1},   {"line.jpg", DECODE_FIT_FILL, 0, 40, 1},
        {"line.png", DECODE_FIT_COVER, 0, 40, 1},    {"line.jpg", DECODE_FIT_COVER, 1, 40, 60},
        {"line.png", DECODE_FIT_CONTAIN, 0, 40, 60},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(40, 60);
        struct result r;

        work.outputs[0].fit = cases[i].fit;
        work.outputs[0].enlarge = cases[i].enlarge;
        run(cases[i].name, &work, &r);
        assert_done(&r);
        assert_int_equal(r.done.outputs[0].width_px, cases[i].width);
        assert_int_equal(r.done.outputs[0].height_px, cases[i].height);
        g_object_unref(look(&r, 0, NULL));
        result_release(&r);
    }
}

/* ---- what is refused ---- */

static void assert_refused(const char *name, struct decode_work *work, enum decode_status status,
                           const char *words)
{
    struct result r;

    run(name, work, &r);
    if (r.done.status != status || (words && !strstr(r.done.message, words)) ||
        r.done.message[0] == '\0')
        fail_msg("%s: status %u, '%s'", name, r.done.status, r.done.message);
    assert_int_equal(r.done.output_count, 0);
    result_release(&r);
}

static void what_is_not_an_image_of_ours_is_unsupported(void **state)
{
    static const struct {
        const char *name;
        const char *words;
    } cases[] = {{"text.jpg", "not an image"}, {"empty.jpg", "empty"}, {"drawing.svg", "svg"},
                 {"paper.pdf", "pdf"},         {"phone.heic", "heic"}, {"old.bmp", "bmp"},
                 {"scan.tiff", "tiff"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decode_work work = decoder_client_work(60, 60);

        assert_refused(cases[i].name, &work, DECODE_UNSUPPORTED, cases[i].words);
    }
}

static void a_truncated_image_is_corrupt_not_grey(void **state)
{
    static const char *const names[] = {"truncated.jpg", "truncated.png", "truncated.webp",
                                        "truncated.gif"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct decode_work work = decoder_client_work(60, 60);

        assert_refused(names[i], &work, DECODE_CORRUPT, "broken");
    }
    if (client.ready.can_read & (1u << DECODE_FORMAT_AVIF)) {
        struct decode_work work = decoder_client_work(60, 60);

        assert_refused("truncated.avif", &work, DECODE_CORRUPT, "broken");
    }
}

/* Each byte of a file changed in turn, and each length cut: any answer, but an answer. */
static void a_damaged_image_is_answered(void **state)
{
    static const char *const names[] = {"baseline.jpg", "palette-alpha.png", "lossy.webp",
                                        "animated.gif", "still.avif"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[300], *bytes;
        gsize len;

        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        assert_true(g_file_get_contents(path, &bytes, &len, NULL));
        for (size_t at = 0; at < len; at += 1 + len / 60) {
            struct decode_work work = decoder_client_work(20, 20);
            struct result r;
            char was = bytes[at];

            work.outputs[0].format = DECODE_FORMAT_JPEG;
            bytes[at] = (char)(was ^ 0x5a);
            run_bytes(bytes, len, &work, &r);
            result_release(&r);
            bytes[at] = was;
            run_bytes(bytes, at, &work, &r);
            assert_true(at == 0 || r.done.message[0] || r.done.status == DECODE_OK);
            result_release(&r);
        }
        g_free(bytes);
    }
}

static void a_bomb_is_refused_by_its_header(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    uint64_t before_kb = decoder_client_memory_kb(&client, "VmRSS");

    (void)state;
    assert_refused("bomb.png", &work, DECODE_TOO_LARGE, "30000 x 30000");
    assert_true(decoder_client_memory_kb(&client, "VmRSS") < before_kb + 4096);
}

static void pixels_are_limited_at_the_limit_and_not_before(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;

    (void)state;
    work.max_pixels = 120 * 80;
    run("baseline.jpg", &work, &r);
    assert_done(&r);
    result_release(&r);
    work.max_pixels--;
    assert_refused("baseline.jpg", &work, DECODE_TOO_LARGE, "120 x 80");
    /* all frames of an animation count, whatever becomes of it */
    work.max_pixels = 120 * 80 * 3;
    run("animated.gif", &work, &r);
    assert_done(&r);
    result_release(&r);
    work.max_pixels--;
    work.outputs[0].format = DECODE_FORMAT_PNG;
    assert_refused("animated.gif", &work, DECODE_TOO_LARGE, "3 frames");
}

static void memory_is_limited_at_what_was_asked_for(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;

    (void)state;
    run("progressive.jpg", &work, &r);
    assert_done(&r);
    work.max_memory_bytes = r.memory_bytes;
    result_release(&r);
    run("progressive.jpg", &work, &r);
    assert_done(&r);
    result_release(&r);
    work.max_memory_bytes--;
    assert_refused("progressive.jpg", &work, DECODE_TOO_LARGE, "memory");
}

static void sides_and_bytes_of_an_output_are_limited(void **state)
{
    struct decode_work work = decoder_client_work(60, 60);
    struct result r;

    (void)state;
    work.max_side_px = 60;
    run("baseline.jpg", &work, &r);
    assert_done(&r);
    work.max_output_bytes = r.done.outputs[0].bytes;
    result_release(&r);
    run("baseline.jpg", &work, &r);
    assert_done(&r);
    result_release(&r);
    work.max_output_bytes--;
    assert_refused("baseline.jpg", &work, DECODE_OUTPUT_TOO_LARGE, "bytes");
    work.max_side_px = 59;
    assert_refused("baseline.jpg", &work, DECODE_OUTPUT_TOO_LARGE, "60 x 40");
    /* a box that was asked for is within; what covers it is not */
    work.max_side_px = 100;
    work.outputs[0].fit = DECODE_FIT_OUTSIDE;
    assert_refused("line.png", &work, DECODE_OUTPUT_TOO_LARGE, "10000 x 1");
}

/* ---- the estimate and the long run; a sanitizer keeps what was freed ---- */

#if !defined(__SANITIZE_ADDRESS__)

/* Resets VmHWM, so that it shows the peak of what comes next (proc(5), clear_refs). */
static bool forget_peak(void)
{
    char path[64];
    int fd;
    bool ok;

    snprintf(path, sizeof(path), "/proc/%d/clear_refs", (int)client.pid);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    ok = fd >= 0 && write(fd, "5", 1) == 1;
    close(fd);
    return ok;
}

/* A photograph made large, as bytes of a file. New, for g_free(). */
static void *large(const char *suffix, size_t *ret_len)
{
    VipsImage *in = vips_image_new_from_file(SOURCE_DIR "/static/samples/boats.jpg", NULL);
    VipsImage *out = NULL;
    void *bytes;

    assert_non_null(in);
    assert_int_equal(
        vips_thumbnail_image(in, &out, 3000, "height", 2000, "size", VIPS_SIZE_FORCE, NULL), 0);
    g_object_unref(in);
    assert_int_equal(vips_image_write_to_buffer(out, suffix, &bytes, ret_len, NULL), 0);
    g_object_unref(out);
    return bytes;
}

static void no_image_takes_more_memory_than_was_estimated(void **state)
{
    static const char *const suffixes[] = {".jpg", ".jpg[interlace]",
                                           ".png[compression=1,interlace]",
                                           ".webp[lossless,effort=0]", ".gif[effort=1]"};

    static const uint32_t formats[] = {DECODE_FORMAT_JPEG, DECODE_FORMAT_WEBP};

    (void)state;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t len;
        void *bytes = large(suffixes[i], &len);

        for (size_t f = 0; f < 2; f++) {
            struct decode_work work = decoder_client_work(1000, 1000);
            uint64_t before_kb = decoder_client_memory_kb(&client, "VmRSS"), peak_kb;
            struct result r;

            work.outputs[0].format = formats[f];
            if (!forget_peak())
                skip();
            run_bytes(bytes, len, &work, &r);
            peak_kb = decoder_client_memory_kb(&client, "VmHWM");
            assert_done(&r);
            /* the source's own bytes are the parent's, shared */
            if (peak_kb * 1024 > before_kb * 1024 + r.memory_bytes + len)
                fail_msg("%s to %u: from %llu to %llu kB, estimated %llu kB", suffixes[i],
                         formats[f], (unsigned long long)before_kb, (unsigned long long)peak_kb,
                         (unsigned long long)r.memory_bytes / 1024);
            result_release(&r);
        }
        g_free(bytes);
    }
}

static void memory_is_flat_over_many_images(void **state)
{
    static const char *const names[] = {"baseline.jpg",  "progressive.jpg", "cmyk.jpg",
                                        "rgb.png",       "animated.gif",    "lossless.webp",
                                        "animated.webp", "truncated.jpg",   "text.jpg"};
    uint64_t settled_kb = 0;

    (void)state;
    for (int i = 0; i < 270; i++) {
        struct decode_work work = decoder_client_work(60, 60);
        struct result r;

        run(names[i % 9], &work, &r);
        result_release(&r);
        if (i == 90)
            settled_kb = decoder_client_memory_kb(&client, "VmRSS");
    }
    assert_true(decoder_client_memory_kb(&client, "VmRSS") < settled_kb + 2048);
}
#endif

/* ---- set-up ---- */

static int make_all(void **state)
{
    char program[] = MAKE_IMAGES, *argv[] = {program, folder, NULL}, *env[] = {NULL};
    int status;
    pid_t pid;

    (void)state;
    if (scratch_dir(folder) || posix_spawn(&pid, program, NULL, NULL, argv, env) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
        return -1;
    decoder_client_start(DECODER, NULL, NULL, &client);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_all(void **state)
{
    (void)state;
    decoder_client_stop(&client);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_this_system_should_do_it_does),
        cmocka_unit_test(every_kind_of_source_becomes_every_kind_of_output),
        cmocka_unit_test(a_format_left_open_is_the_sources),
        cmocka_unit_test(every_orientation_is_upright_and_forgotten),
        cmocka_unit_test(metadata_is_left_behind),
        cmocka_unit_test(grey_stays_grey),
        cmocka_unit_test(contain_pads_with_the_background_or_nothing),
        cmocka_unit_test(a_grey_source_is_padded_in_colour),
        cmocka_unit_test(alpha_is_flattened_on_the_background_asked_for),
        cmocka_unit_test(cover_shows_the_part_that_gravity_names),
        cmocka_unit_test(attention_and_entropy_give_the_size_asked_for),
        cmocka_unit_test(an_animation_stays_one_for_gif_and_webp),
        cmocka_unit_test(an_animation_gives_its_first_frame_otherwise),
        cmocka_unit_test(animated_and_still_outputs_come_from_one_source),
        cmocka_unit_test(several_sizes_come_from_one_source),
        cmocka_unit_test(quality_changes_the_size_of_the_file),
        cmocka_unit_test(the_samples_are_photographs_that_can_be_read),
        cmocka_unit_test(one_pixel_and_one_row_are_images_too),
        cmocka_unit_test(what_is_not_an_image_of_ours_is_unsupported),
        cmocka_unit_test(a_truncated_image_is_corrupt_not_grey),
        cmocka_unit_test(a_damaged_image_is_answered),
        cmocka_unit_test(a_bomb_is_refused_by_its_header),
        cmocka_unit_test(pixels_are_limited_at_the_limit_and_not_before),
        cmocka_unit_test(memory_is_limited_at_what_was_asked_for),
        cmocka_unit_test(sides_and_bytes_of_an_output_are_limited),
#if !defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(no_image_takes_more_memory_than_was_estimated),
        cmocka_unit_test(memory_is_flat_over_many_images),
#endif
    };

    (void)argc;
    setenv("VIPS_WARNING", "0", 1); /* it warns of every profile it leaves out */
    if (VIPS_INIT(argv[0]) != 0)
        return 1;
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
