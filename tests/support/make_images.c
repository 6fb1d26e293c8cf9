/*
 * make_images - writes the images that tests decode into a folder: make_images FOLDER
 * Made rather than kept, so that every pixel is known: most are four quadrants, red and green over
 * blue and yellow, 120 x 80 as shown. The same files come out each time. bomb.png is small and says
 * it is 30,000 x 30,000.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vips/vips.h>

#define WIDTH_PX 120
#define HEIGHT_PX 80
#define FRAMES 3

static const uint8_t colours[4][3] = {{220, 30, 30}, {30, 200, 30}, {30, 30, 220}, {230, 220, 40}};

static void check(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "make_images: %s: %s\n", what, vips_error_buffer());
    exit(1);
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(name, "wb");

    check(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0 ? 0 : -1, name);
}

/* Where a stored pixel is shown (TIFF 6.0, tag Orientation); width and height as shown. */
static void shown_at(int orientation, int sx, int sy, int width, int height, int *x, int *y)
{
    bool swapped = orientation >= 5;
    int across = swapped ? sy : sx, down = swapped ? sx : sy;
    bool right = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    bool bottom = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;

    *x = right ? width - 1 - across : across;
    *y = bottom ? height - 1 - down : down;
}

/* The quadrants, stored so that they are upright when shown with this orientation. */
static VipsImage *quadrants(int width, int height, int orientation)
{
    int stored_width = orientation >= 5 ? height : width;
    int stored_height = orientation >= 5 ? width : height;
    size_t len = (size_t)width * (size_t)height * 3;
    uint8_t *pixels = g_malloc(len);
    VipsImage *memory, *image = NULL;

    for (int sy = 0; sy < stored_height; sy++) {
        for (int sx = 0; sx < stored_width; sx++) {
            int x, y;

            shown_at(orientation, sx, sy, width, height, &x, &y);
            memcpy(pixels + 3 * ((size_t)sy * (size_t)stored_width + (size_t)sx),
                   colours[(y >= height / 2 ? 2 : 0) + (x >= width / 2 ? 1 : 0)], 3);
        }
    }
    memory = vips_image_new_from_memory_copy(pixels, len, stored_width, stored_height, 3,
                                             VIPS_FORMAT_UCHAR);
    g_free(pixels);
    check(vips_copy(memory, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), "copy");
    g_object_unref(memory);
    if (orientation > 1)
        vips_image_set_int(image, VIPS_META_ORIENTATION, orientation);
    return image;
}

/* Saves and lets go. options as libvips writes them: "[Q=90]". */
static void save_take(VipsImage *image, const char *name, const char *options)
{
    char target[400];

    snprintf(target, sizeof(target), "%s%s", name, options);
    check(vips_image_write_to_file(image, target, NULL), name);
    g_object_unref(image);
}

static VipsImage *plain(void)
{
    return quadrants(WIDTH_PX, HEIGHT_PX, 1);
}

/* The red quadrant is transparent. */
static VipsImage *with_alpha(void)
{
    VipsImage *rgb = plain(), *alpha = NULL, *hole = NULL, *with = NULL;

    check(vips_black(&hole, WIDTH_PX / 2, HEIGHT_PX / 2, NULL), "hole");
    check(vips_embed(hole, &alpha, 0, 0, WIDTH_PX, HEIGHT_PX, "extend", VIPS_EXTEND_WHITE, NULL),
          "alpha");
    check(vips_bandjoin2(rgb, alpha, &with, NULL), "bandjoin");
    g_object_unref(rgb);
    g_object_unref(hole);
    g_object_unref(alpha);
    return with;
}

static VipsImage *in_space(VipsInterpretation space)
{
    VipsImage *rgb = plain(), *other = NULL;

    check(vips_colourspace(rgb, &other, space, NULL), "colourspace");
    g_object_unref(rgb);
    return other;
}

/* Frames of one colour each: red, green, blue; shown 100, 200 and 300 ms, played 5 times. */
static VipsImage *animation(void)
{
    size_t frame = WIDTH_PX * HEIGHT_PX * 3;
    uint8_t *pixels = g_malloc(FRAMES * frame);
    int delays[FRAMES] = {100, 200, 300};
    VipsImage *memory, *image = NULL;

    for (size_t i = 0; i < FRAMES * frame; i += 3)
        memcpy(pixels + i, colours[i / frame], 3);
    memory = vips_image_new_from_memory_copy(pixels, FRAMES * frame, WIDTH_PX, HEIGHT_PX * FRAMES,
                                             3, VIPS_FORMAT_UCHAR);
    g_free(pixels);
    check(vips_copy(memory, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), "copy");
    g_object_unref(memory);
    vips_image_set_int(image, VIPS_META_PAGE_HEIGHT, HEIGHT_PX);
    vips_image_set_array_int(image, "delay", delays, FRAMES);
    vips_image_set_int(image, "loop", 5);
    return image;
}

static void save_with_profile(const char *name, const char *profile)
{
    VipsImage *rgb = plain(), *other = NULL;

    check(vips_icc_transform(rgb, &other, profile, "input_profile", "srgb", NULL), name);
    g_object_unref(rgb);
    save_take(other, name, "[Q=95]");
}

/* The first `percent` of another file. */
static void cut(const char *from, const char *to, size_t percent)
{
    char *bytes;
    gsize len;

    check(g_file_get_contents(from, &bytes, &len, NULL) ? 0 : -1, from);
    write_bytes(to, bytes, len * percent / 100);
    g_free(bytes);
}

static void save_orientations(void)
{
    for (int orientation = 1; orientation <= 8; orientation++) {
        char name[40];

        snprintf(name, sizeof(name), "orientation-%d.jpg", orientation);
        save_take(quadrants(WIDTH_PX, HEIGHT_PX, orientation), name, "[Q=95]");
    }
}

static void save_odd_sizes(void)
{
    VipsImage *bomb = NULL;

    save_take(quadrants(1, 1, 1), "one.png", "");
    save_take(quadrants(1, 1, 1), "one.jpg", "");
    save_take(quadrants(10000, 1, 1), "line.png", "");
    save_take(quadrants(10000, 1, 1), "line.jpg", "");
    check(vips_black(&bomb, 30000, 30000, NULL), "bomb");
    save_take(bomb, "bomb.png", "[bitdepth=1,compression=9,filter=none]");
}

static void save_strangers(void)
{
    static const char text[] = "This is a letter, not a picture.\n";
    static const char svg[] =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>";
    static const char pdf[] = "%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n";
    static const char heic[] = "\0\0\0\x18"
                               "ftypheic\0\0\0\0mif1heic\0\0\0\x0cmeta\0\0\0\0";
    static const uint8_t bmp[] = {'B', 'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40,
                                  0,   0,   0,  1, 0, 0, 0, 1, 0, 0, 0,  1, 0, 24};

    write_bytes("text.jpg", text, sizeof(text) - 1);
    write_bytes("empty.jpg", "", 0);
    write_bytes("drawing.svg", svg, sizeof(svg) - 1);
    write_bytes("paper.pdf", pdf, sizeof(pdf) - 1);
    write_bytes("phone.heic", heic, sizeof(heic) - 1);
    write_bytes("old.bmp", bmp, sizeof(bmp));
    save_take(plain(), "scan.tiff", "");
}

int main(int argc, char **argv)
{
    if (argc != 2 || chdir(argv[1]) != 0) {
        fputs("usage: make_images FOLDER\n", stderr);
        return 2;
    }
    check(VIPS_INIT(argv[0]), "init");

    save_take(plain(), "baseline.jpg", "[Q=95]");
    save_take(plain(), "progressive.jpg", "[Q=95,interlace]");
    save_take(quadrants(4000, 4000, 1), "progressive-16mp.jpg", "[Q=95,interlace]");
    save_take(in_space(VIPS_INTERPRETATION_B_W), "grey.jpg", "[Q=95]");
    save_take(in_space(VIPS_INTERPRETATION_CMYK), "cmyk.jpg", "[Q=95]");
    save_with_profile("p3.jpg", "p3");
    save_orientations();
    save_take(plain(), "rgb.png", "");
    save_take(with_alpha(), "alpha.png", "");
    save_take(with_alpha(), "palette-alpha.png", "[palette,Q=100]");
    save_take(plain(), "interlaced.png", "[interlace]");
    save_take(in_space(VIPS_INTERPRETATION_RGB16), "wide.png", "");
    save_take(plain(), "still.gif", "");
    save_take(with_alpha(), "alpha.gif", "");
    save_take(animation(), "animated.gif", "");
    save_take(plain(), "lossy.webp", "[Q=95]");
    save_take(with_alpha(), "lossless.webp", "[lossless]");
    save_take(animation(), "animated.webp", "[Q=95]");
    save_take(plain(), "still.avif", "[Q=90,effort=1,compression=av1]");
    save_odd_sizes();
    save_strangers();
    cut("baseline.jpg", "truncated.jpg", 60);
    cut("rgb.png", "truncated.png", 60);
    cut("lossy.webp", "truncated.webp", 60);
    cut("still.gif", "truncated.gif", 60);
    cut("still.avif", "truncated.avif", 60);
    vips_shutdown();
    return 0;
}
