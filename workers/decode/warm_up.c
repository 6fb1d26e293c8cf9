/*
 * warm_up.c - tiny images through the real pipeline, in every variant that is decoded or encoded
 * by other code than the rest.
 */
#include "warm_up.h"

#include <vips/vips.h>

#include "formats.h"
#include "resize.h"

#define SIDE_PX 16
#define FRAMES 2

/*
 * An AVIF of 16 x 16 pixels, so that reading is tried where writing is not installed. Made by
 * libvips from a black image.
 */
static const uint8_t avif[] = {
    0x00, 0x00, 0x00, 0x1c, 0x66, 0x74, 0x79, 0x70, 0x61, 0x76, 0x69, 0x66, 0x00, 0x00, 0x00, 0x00,
    0x61, 0x76, 0x69, 0x66, 0x6d, 0x69, 0x66, 0x31, 0x6d, 0x69, 0x61, 0x66, 0x00, 0x00, 0x00, 0xea,
    0x6d, 0x65, 0x74, 0x61, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x68, 0x64, 0x6c, 0x72,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x70, 0x69, 0x63, 0x74, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0e, 0x70, 0x69, 0x74,
    0x6d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x22, 0x69, 0x6c, 0x6f, 0x63, 0x00,
    0x00, 0x00, 0x00, 0x44, 0x40, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x01, 0x0e, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x00, 0x23, 0x69, 0x69, 0x6e,
    0x66, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x15, 0x69, 0x6e, 0x66, 0x65, 0x02,
    0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x61, 0x76, 0x30, 0x31, 0x00, 0x00, 0x00, 0x00, 0x6a,
    0x69, 0x70, 0x72, 0x70, 0x00, 0x00, 0x00, 0x4b, 0x69, 0x70, 0x63, 0x6f, 0x00, 0x00, 0x00, 0x13,
    0x63, 0x6f, 0x6c, 0x72, 0x6e, 0x63, 0x6c, 0x78, 0x00, 0x02, 0x00, 0x02, 0x00, 0x06, 0x80, 0x00,
    0x00, 0x00, 0x0c, 0x61, 0x76, 0x31, 0x43, 0x81, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x00, 0x14, 0x69,
    0x73, 0x70, 0x65, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x10, 0x00,
    0x00, 0x00, 0x10, 0x70, 0x69, 0x78, 0x69, 0x00, 0x00, 0x00, 0x00, 0x03, 0x08, 0x08, 0x08, 0x00,
    0x00, 0x00, 0x17, 0x69, 0x70, 0x6d, 0x61, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00,
    0x01, 0x04, 0x81, 0x82, 0x03, 0x84, 0x00, 0x00, 0x00, 0x24, 0x6d, 0x64, 0x61, 0x74, 0x12, 0x00,
    0x0a, 0x09, 0x18, 0x0c, 0xff, 0xd8, 0x20, 0x40, 0x40, 0xd0, 0x80, 0x32, 0x0d, 0x18, 0x00, 0x0a,
    0x28, 0xa2, 0x84, 0x00, 0x39, 0x53, 0x8f, 0x34, 0x40, 0xa0,
};

/* How a sample differs from a plain sRGB picture. */
enum sample_kind {
    SAMPLE_PLAIN,
    SAMPLE_ALPHA,
    SAMPLE_GREY,
    SAMPLE_WIDE, /* 16 bits a sample */
    SAMPLE_CMYK,
    SAMPLE_PROFILE,
    SAMPLE_ANIMATED
};

static VipsImage *make_sample(enum sample_kind kind)
{
    VipsImage *black = NULL, *cast = NULL, *sample = NULL;
    VipsBlob *profile = NULL;
    int bands = kind == SAMPLE_GREY ? 1 : kind == SAMPLE_CMYK || kind == SAMPLE_ALPHA ? 4 : 3;
    int height_px = kind == SAMPLE_ANIMATED ? SIDE_PX * FRAMES : SIDE_PX;
    VipsInterpretation type = kind == SAMPLE_GREY   ? VIPS_INTERPRETATION_B_W
                              : kind == SAMPLE_CMYK ? VIPS_INTERPRETATION_CMYK
                              : kind == SAMPLE_WIDE ? VIPS_INTERPRETATION_RGB16
                                                    : VIPS_INTERPRETATION_sRGB;

    if (vips_black(&black, SIDE_PX, height_px, "bands", bands, NULL) == 0 &&
        vips_cast(black, &cast, kind == SAMPLE_WIDE ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR,
                  NULL) == 0 &&
        vips_copy(cast, &sample, "interpretation", type, NULL) == 0) {
        if (kind == SAMPLE_ANIMATED)
            vips_image_set_int(sample, VIPS_META_PAGE_HEIGHT, SIDE_PX);
        if (kind == SAMPLE_PROFILE && vips_profile_load("srgb", &profile, NULL) == 0) {
            size_t len;
            const void *bytes = vips_blob_get(profile, &len);

            vips_image_set_blob_copy(sample, VIPS_META_ICC_NAME, bytes, len);
            vips_area_unref(VIPS_AREA(profile));
        }
    }
    g_clear_object(&black);
    g_clear_object(&cast);
    return sample;
}

static int drop_output(void *data, uint32_t output, const uint8_t *bytes, size_t len,
                       struct failure *f)
{
    (void)data;
    (void)output;
    (void)bytes;
    (void)len;
    (void)f;
    return 0;
}

#define BASIC_OUTPUTS 2

/* Ways to scale, crop and pad: the basic ones for every source, all for one of them, because the
 * search for what to crop costs most of a start. The encoders have had their turn. */
static const struct decode_output_request requests[] = {
    {.format = DECODE_FORMAT_PNG},
    {.format = DECODE_FORMAT_JPEG, .fit = DECODE_FIT_CONTAIN},
    {.format = DECODE_FORMAT_PNG, .fit = DECODE_FIT_CONTAIN},
    {.format = DECODE_FORMAT_JPEG, .fit = DECODE_FIT_COVER},
    {.format = DECODE_FORMAT_JPEG, .fit = DECODE_FIT_COVER, .gravity = DECODE_GRAVITY_ATTENTION},
    {.format = DECODE_FORMAT_JPEG, .fit = DECODE_FIT_COVER, .gravity = DECODE_GRAVITY_ENTROPY},
};

/* Whether a source could be read and made into the first outputs of the table. */
static bool try_source(const uint8_t *bytes, size_t len, uint32_t can_write, uint32_t outputs)
{
    struct decode_work work = {.output_count = outputs,
                               .max_pixels = 1 << 20,
                               .max_memory_bytes = UINT64_MAX,
                               .max_output_bytes = 1 << 20,
                               .max_side_px = 1 << 10};
    struct decode_done done;
    struct failure f = FAILURE_INIT;
    struct resize *r = NULL;
    bool ok;

    for (uint32_t i = 0; i < outputs; i++) {
        work.outputs[i] = requests[i];
        work.outputs[i].width_px = 8;
        work.outputs[i].height_px = 6;
    }
    ok = resize_open(bytes, len, &work, UINT32_MAX, can_write, &done, &r, &f) == 0 &&
         resize_run(r, drop_output, NULL, &done, &f) == 0;
    resize_close(r);
    return ok;
}

static void try_file(const char *suffix, enum sample_kind kind, uint32_t can_write)
{
    VipsImage *sample = make_sample(kind);
    void *bytes = NULL;
    size_t len;

    if (sample && vips_image_write_to_buffer(sample, suffix, &bytes, &len, NULL) == 0)
        try_source(bytes, len, can_write,
                   kind == SAMPLE_ALPHA ? G_N_ELEMENTS(requests) : BASIC_OUTPUTS);
    g_free(bytes);
    g_clear_object(&sample);
    vips_error_clear();
}

static uint32_t try_writing(void)
{
    VipsImage *sample = make_sample(SAMPLE_PLAIN);
    uint32_t can_write = 0;

    for (uint32_t format = 1; sample && format < DECODE_FORMAT_COUNT; format++) {
        uint8_t *bytes = NULL;
        size_t len;

        if (formats_encode(sample, (enum decode_format)format, 0, &bytes, &len) == 0)
            can_write |= 1u << format;
        g_free(bytes);
        vips_error_clear();
    }
    g_clear_object(&sample);
    return can_write;
}

static uint32_t try_reading(uint32_t can_write)
{
    VipsImage *sample = make_sample(SAMPLE_PLAIN);
    uint32_t can_read = 0;

    for (uint32_t format = 1; sample && format < DECODE_FORMAT_COUNT; format++) {
        uint8_t *bytes = NULL;
        size_t len;

        if (format != DECODE_FORMAT_AVIF &&
            formats_encode(sample, (enum decode_format)format, 0, &bytes, &len) == 0 &&
            try_source(bytes, len, can_write, BASIC_OUTPUTS))
            can_read |= 1u << format;
        g_free(bytes);
    }
    if (try_source(avif, sizeof(avif), can_write, BASIC_OUTPUTS))
        can_read |= 1u << DECODE_FORMAT_AVIF;
    g_clear_object(&sample);
    return can_read;
}

void warm_up(uint32_t *ret_can_read, uint32_t *ret_can_write)
{
    static const struct {
        const char *suffix; /* with libvips's save options */
        enum sample_kind kind;
    } variants[] = {
        {".jpg[interlace]", SAMPLE_PLAIN},
        {".jpg", SAMPLE_GREY},
        {".jpg", SAMPLE_CMYK},
        {".jpg", SAMPLE_PROFILE},
        {".png[interlace]", SAMPLE_ALPHA},
        {".png", SAMPLE_WIDE},
        {".png[palette]", SAMPLE_PLAIN},
        {".gif", SAMPLE_ANIMATED},
        {".webp[lossless]", SAMPLE_PLAIN},
        {".webp", SAMPLE_ANIMATED},
    };

    *ret_can_write = try_writing();
    *ret_can_read = try_reading(*ret_can_write);
    for (size_t i = 0; i < G_N_ELEMENTS(variants); i++)
        try_file(variants[i].suffix, variants[i].kind, *ret_can_write);
    vips_error_clear();
}
