#include "decode/header.h"

#include "unit.h"

/* A literal with its length, without the NUL. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static void sniffs_what_is_allowed_and_names_what_is_not(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        enum decode_format format;
        const char *other;
    } cases[] = {
        {"\xff\xd8\xff\xe0", 4, DECODE_FORMAT_JPEG, NULL},
        {"\xff\xd8", 2, DECODE_FORMAT_NONE, NULL},
        {"\x89PNG\r\n\x1a\n", 8, DECODE_FORMAT_PNG, NULL},
        {"\x89PNG\r\n\x1a", 7, DECODE_FORMAT_NONE, NULL},
        {"GIF87a", 6, DECODE_FORMAT_GIF, NULL},
        {"GIF89a", 6, DECODE_FORMAT_GIF, NULL},
        {"RIFF\1\2\3\4WEBPVP8 ", 16, DECODE_FORMAT_WEBP, NULL},
        {"RIFF\1\2\3\4WAVE", 12, DECODE_FORMAT_NONE, NULL},
        {"\0\0\0\x14"
         "ftypavif\0\0\0\0avif",
         20, DECODE_FORMAT_AVIF, NULL},
        {"\0\0\0\x18"
         "ftypmif1\0\0\0\0miafavif",
         24, DECODE_FORMAT_AVIF, NULL},
        {"\0\0\0\x18"
         "ftypheic\0\0\0\0mif1heic",
         24, DECODE_FORMAT_NONE, "heic"},
        {"\0\0\0\x14"
         "ftypmif1\0\0\0\0mif1avif",
         24, DECODE_FORMAT_NONE, "heic"},
        {"\0\0\0\x10"
         "ftypavif\0\0\0\0",
         16, DECODE_FORMAT_AVIF, NULL},
        /* the minor version is not a brand */
        {"\0\0\0\x10"
         "ftypheicavif",
         16, DECODE_FORMAT_NONE, "heic"},
        {"\0\0\0\x14"
         "ftypisom\0\0\0\0mp42",
         20, DECODE_FORMAT_NONE, "video"},
        {"BM....", 6, DECODE_FORMAT_NONE, "bmp"},
        {"II*\0", 4, DECODE_FORMAT_NONE, "tiff"},
        {"%PDF-1.4", 8, DECODE_FORMAT_NONE, "pdf"},
        {"<svg xmlns", 10, DECODE_FORMAT_NONE, "svg"},
        {"<html>", 6, DECODE_FORMAT_NONE, "html"},
        {"hello", 5, DECODE_FORMAT_NONE, NULL},
        {"", 0, DECODE_FORMAT_NONE, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *other = "unset";

        assert_int_equal(header_sniff((const uint8_t *)cases[i].bytes, cases[i].len, &other),
                         cases[i].format);
        if (cases[i].other)
            assert_string_equal(other, cases[i].other);
        else
            assert_null(other);
    }
}

/* SOI, APP0, then a frame of 640 x 480, three components, 4:2:0. */
#define SOI_APP0 "\xff\xd8\xff\xe0\0\4ab"
#define FRAME(marker) "\xff" marker "\0\x11\x08\1\xe0\2\x80\3\1\x22\0\2\x11\1\3\x11\1"
#define SCAN(components) "\xff\xda\0\4" components "x"

static void reads_a_jpeg_frame_header(void **state)
{
    struct jpeg_header h;

    (void)state;
    assert_int_equal(header_jpeg(BYTES(SOI_APP0 FRAME("\xc0") SCAN("\3")), &h), 0);
    assert_int_equal(h.width_px, 640);
    assert_int_equal(h.height_px, 480);
    assert_int_equal(h.components, 3);
    assert_false(h.buffered);
    /* whole 4:2:0: one and a half samples a pixel, two bytes each */
    assert_int_equal(h.coefficient_bytes, 640 * 480 * 3);
}

static void a_jpeg_that_comes_in_several_scans_is_buffered(void **state)
{
    struct jpeg_header h;

    (void)state;
    assert_int_equal(header_jpeg(BYTES(SOI_APP0 FRAME("\xc2") SCAN("\3")), &h), 0);
    assert_true(h.buffered);
    assert_int_equal(header_jpeg(BYTES(SOI_APP0 FRAME("\xca") SCAN("\3")), &h), 0);
    assert_true(h.buffered);
    assert_int_equal(header_jpeg(BYTES(SOI_APP0 FRAME("\xc0") SCAN("\1")), &h), 0);
    assert_true(h.buffered);
    /* not a frame header, though its number lies among theirs: tables */
    assert_int_equal(header_jpeg(BYTES("\xff\xd8\xff\xc4\0\4ab" FRAME("\xc1") SCAN("\3")), &h), 0);
    assert_false(h.buffered);
}

static void a_jpeg_cut_anywhere_is_no_harm(void **state)
{
    static const char whole[] = SOI_APP0 FRAME("\xc2") SCAN("\3");
    size_t frame_end = sizeof(SOI_APP0 FRAME("\xc2")) - 1;

    (void)state;
    for (size_t len = 0; len < sizeof(whole); len++) {
        /* a copy of that size, so that a sanitizer sees a read past it */
        uint8_t *copy = malloc(len ? len : 1);
        struct jpeg_header h;

        assert_non_null(copy);
        memcpy(copy, whole, len);
        assert_int_equal(header_jpeg(copy, len, &h), len >= frame_end ? 0 : -1);
        free(copy);
    }
}

static void reads_a_png_header(void **state)
{
    static const char plain[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x40\x08\2\0\0\0crc.";
    char changed[sizeof(plain)];
    struct png_header h;

    (void)state;
    assert_int_equal(header_png(BYTES(plain), &h), 0);
    assert_int_equal(h.width_px, 256);
    assert_int_equal(h.height_px, 64);
    assert_int_equal(h.bits, 8);
    assert_int_equal(h.channels, 3);
    assert_false(h.interlaced);
    memcpy(changed, plain, sizeof(plain));
    changed[28] = 1;
    changed[25] = 6;
    assert_int_equal(header_png((const uint8_t *)changed, sizeof(plain) - 1, &h), 0);
    assert_true(h.interlaced);
    assert_int_equal(h.channels, 4);
    changed[25] = 5; /* no such colour type */
    assert_int_equal(header_png((const uint8_t *)changed, sizeof(plain) - 1, &h), -1);
    assert_int_equal(header_png((const uint8_t *)plain, sizeof(plain) - 2, &h), -1);
}

/* meta (full box) with an iinf of `count` items, whose infe boxes follow. */
#define INFE(type) "\0\0\0\x15infe\2\0\0\0\0\1\0\0" type "\0"
#define FTYP                                                                                       \
    "\0\0\0\x10"                                                                                   \
    "ftypavif\0\0\0\0"

static void tells_av1_from_what_only_says_avif(void **state)
{
    (void)state;
    assert_true(header_avif_is_av1(
        BYTES(FTYP "\0\0\0\x2fmeta\0\0\0\0\0\0\0\x23iinf\0\0\0\0\0\1" INFE("av01"))));
    assert_true(header_avif_is_av1(
        BYTES(FTYP "\0\0\0\x44meta\0\0\0\0\0\0\0\x38iinf\0\0\0\0\0\2" INFE("av01") INFE("Exif"))));
    assert_false(header_avif_is_av1(
        BYTES(FTYP "\0\0\0\x2fmeta\0\0\0\0\0\0\0\x23iinf\0\0\0\0\0\1" INFE("hvc1"))));
    assert_false(header_avif_is_av1(
        BYTES(FTYP "\0\0\0\x44meta\0\0\0\0\0\0\0\x38iinf\0\0\0\0\0\2" INFE("av01") INFE("hvc1"))));
    assert_false(header_avif_is_av1(BYTES(FTYP)));
    /* a box longer than what holds it */
    assert_false(header_avif_is_av1(BYTES(FTYP "\0\0\0\xffmeta\0\0\0\0")));
}

static void an_avif_cut_anywhere_is_no_harm(void **state)
{
    static const char whole[] =
        FTYP "\0\0\0\x2fmeta\0\0\0\0\0\0\0\x23iinf\0\0\0\0\0\1" INFE("av01");

    (void)state;
    for (size_t len = 0; len < sizeof(whole) - 1; len++) {
        uint8_t *copy = malloc(len ? len : 1);
        const char *other;

        assert_non_null(copy);
        memcpy(copy, whole, len);
        header_sniff(copy, len, &other);
        assert_false(header_avif_is_av1(copy, len));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sniffs_what_is_allowed_and_names_what_is_not),
        cmocka_unit_test(reads_a_jpeg_frame_header),
        cmocka_unit_test(a_jpeg_that_comes_in_several_scans_is_buffered),
        cmocka_unit_test(a_jpeg_cut_anywhere_is_no_harm),
        cmocka_unit_test(reads_a_png_header),
        cmocka_unit_test(tells_av1_from_what_only_says_avif),
        cmocka_unit_test(an_avif_cut_anywhere_is_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
