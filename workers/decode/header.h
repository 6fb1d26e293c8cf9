/*
 * header.h - what the first bytes of an image say about it, before any library sees them.
 * Pure: bytes in, facts out, nothing allocated. Every reader takes any bytes at all.
 */
#ifndef WORKERS_DECODE_HEADER_H
#define WORKERS_DECODE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode_protocol.h"

/*
 * The kind of image by its signature, or DECODE_FORMAT_NONE for what is not allowed; then
 * *ret_other names what it looks like ("heic", "svg", ...; lent for ever), or is NULL for
 * something unknown.
 */
enum decode_format header_sniff(const uint8_t *bytes, size_t len, const char **ret_other);

/* "jpeg", "png", ... as the API writes it. Lent for ever. */
const char *header_format_name(enum decode_format format);

struct jpeg_header {
    uint32_t width_px, height_px; /* as stored: before orientation */
    uint32_t components;
    /*
     * The decoder must hold every coefficient at once, because a later scan may refine any of
     * them: progressive, or sequential in several scans. Otherwise a few rows are enough.
     */
    bool buffered;
    uint64_t coefficient_bytes; /* what that takes: 2 bytes a coefficient, whole blocks */
};

/* Reads up to the first scan. Returns 0, or -1 if there is no frame header before it. */
int header_jpeg(const uint8_t *bytes, size_t len, struct jpeg_header *ret);

struct png_header {
    uint32_t width_px, height_px;
    uint32_t bits;     /* of a sample */
    uint32_t channels; /* once a palette is expanded; transparency may add one */
    bool interlaced;   /* every pass must be held: the whole picture */
};

/* Returns 0, or -1 if the file does not begin with a sound IHDR. */
int header_png(const uint8_t *bytes, size_t len, struct png_header *ret);

/*
 * Whether all pictures in an AVIF file are AV1. A file may call itself avif and hold HEVC, which
 * the same library would decode: no licence and no wish for that here.
 */
bool header_avif_is_av1(const uint8_t *bytes, size_t len);

#endif
