/*
 * formats.c - libvips's loaders and savers behind one table each.
 *
 * Design notes. The encoder settings lean to little CPU at the quality that users expect of the
 * same numbers elsewhere: JPEG without optimised tables or trellis, WebP and AVIF at a lower effort
 * than libvips's default of 4 (2 and 1: fewer tries at a smaller file), PNG at zlib level 6 without
 * filters, GIF at effort 3 of 7.
 */
#include "formats.h"

/* 8.15 renamed `strip` to `keep` and deprecated the old name. */
#if VIPS_MAJOR_VERSION > 8 || (VIPS_MAJOR_VERSION == 8 && VIPS_MINOR_VERSION >= 15)
#define STRIP "keep", VIPS_FOREIGN_KEEP_NONE
#else
#define STRIP "strip", TRUE
#endif

#define LOAD_OPTIONS "access", VIPS_ACCESS_SEQUENTIAL, "fail_on", VIPS_FAIL_ON_ERROR

#define QUALITY_JPEG 80
#define QUALITY_WEBP 80
#define QUALITY_AVIF 50

static GLogWriterOutput drop_log(GLogLevelFlags level, const GLogField *fields, gsize n,
                                 gpointer data)
{
    (void)level;
    (void)fields;
    (void)n;
    (void)data;
    return G_LOG_WRITER_HANDLED;
}

static void drop_message(const gchar *domain, GLogLevelFlags level, const gchar *message,
                         gpointer data)
{
    (void)domain;
    (void)level;
    (void)message;
    (void)data;
}

int formats_init(const char *program)
{
    static const char *const loaders[] = {"VipsForeignLoadJpeg", "VipsForeignLoadPng",
                                          "VipsForeignLoadWebp", "VipsForeignLoadNsgif",
                                          "VipsForeignLoadHeif"};

    /* Libraries' chatter has nowhere to go: the cage has no standard error. */
    g_log_set_writer_func(drop_log, NULL, NULL);
    g_log_set_default_handler(drop_message, NULL);
    if (VIPS_INIT(program) != 0)
        return -1;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_operation_block_set("VipsForeignLoad", TRUE);
    for (size_t i = 0; i < G_N_ELEMENTS(loaders); i++)
        vips_operation_block_set(loaders[i], FALSE);
    return 0;
}

/* libvips takes its buffers without const and does not write to them. */
static void *lent(const uint8_t *bytes)
{
    union {
        const void *in;
        void *out;
    } cast = {bytes};

    return cast.out;
}

VipsImage *formats_open(enum decode_format format, const uint8_t *bytes, size_t len,
                        uint32_t shrink, bool all_frames)
{
    VipsImage *image = NULL;
    int n = all_frames ? -1 : 1;

    switch (format) {
    case DECODE_FORMAT_JPEG:
        vips_jpegload_buffer(lent(bytes), len, &image, "shrink", (int)shrink, LOAD_OPTIONS, NULL);
        break;
    case DECODE_FORMAT_PNG:
        vips_pngload_buffer(lent(bytes), len, &image, LOAD_OPTIONS, NULL);
        break;
    case DECODE_FORMAT_WEBP:
        vips_webpload_buffer(lent(bytes), len, &image, "n", n, LOAD_OPTIONS, NULL);
        break;
    case DECODE_FORMAT_GIF:
        vips_gifload_buffer(lent(bytes), len, &image, "n", n, LOAD_OPTIONS, NULL);
        break;
    case DECODE_FORMAT_AVIF:
        vips_heifload_buffer(lent(bytes), len, &image, LOAD_OPTIONS, NULL);
        break;
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        vips_error("decode", "no loader");
        break;
    }
    return image;
}

int formats_encode(VipsImage *image, enum decode_format format, uint32_t quality,
                   uint8_t **ret_bytes, size_t *ret_len)
{
    void *bytes = NULL;
    int q = (int)quality;
    int rc = -1;

    switch (format) {
    case DECODE_FORMAT_JPEG:
        rc = vips_jpegsave_buffer(image, &bytes, ret_len, "Q", q ? q : QUALITY_JPEG, STRIP, NULL);
        break;
    case DECODE_FORMAT_PNG:
        rc = vips_pngsave_buffer(image, &bytes, ret_len, "compression", 6, STRIP, NULL);
        break;
    case DECODE_FORMAT_WEBP:
        rc = vips_webpsave_buffer(image, &bytes, ret_len, "Q", q ? q : QUALITY_WEBP, "effort", 2,
                                  STRIP, NULL);
        break;
    case DECODE_FORMAT_GIF:
        rc = vips_gifsave_buffer(image, &bytes, ret_len, "effort", 3, STRIP, NULL);
        break;
    case DECODE_FORMAT_AVIF:
        rc = vips_heifsave_buffer(image, &bytes, ret_len, "Q", q ? q : QUALITY_AVIF, "compression",
                                  VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "effort", 1, STRIP, NULL);
        break;
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        vips_error("decode", "no saver");
        break;
    }
    if (rc == 0)
        *ret_bytes = bytes;
    return rc;
}

uint32_t formats_max_side_px(enum decode_format format)
{
    switch (format) {
    case DECODE_FORMAT_WEBP:
        return 16383; /* 14 bits (WebP container specification, VP8X) */
    case DECODE_FORMAT_AVIF:
        return 16384; /* libheif's limit */
    case DECODE_FORMAT_JPEG:
    case DECODE_FORMAT_PNG:
    case DECODE_FORMAT_GIF:
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        break;
    }
    return 65500; /* JPEG in libjpeg; GIF has 16 bits */
}
