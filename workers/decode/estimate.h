/*
 * estimate.h - what an image will take in memory, from its header alone.
 * Pure arithmetic, on the high side: the numbers were measured as peak resident memory above that
 * of an idle decoder, without the source's own bytes, which are the parent's; a test decodes large
 * images to hold them to that.
 */
#ifndef WORKERS_DECODE_ESTIMATE_H
#define WORKERS_DECODE_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "decode_protocol.h"

struct image_facts {
    enum decode_format format;
    uint32_t width_px, height_px; /* of a frame, as stored */
    uint32_t frames;
    uint32_t pixel_bytes; /* of a decoded pixel: bands x bytes a sample */
    uint32_t shrink;      /* scaling done by the decoder itself, JPEG only; else 1 */
    uint32_t rows_each;   /* decoded rows that go into one of the smallest output; at least 1 */
    bool interlaced;      /* PNG */
    uint64_t coefficient_bytes; /* JPEG whose coefficients are all held; else 0 */
};

struct output_facts {
    enum decode_format format;
    uint32_t width_px, height_px; /* of a frame */
    uint32_t scaled_width_px, scaled_height_px;
    uint32_t frames;
    bool scaled_whole; /* the scaled picture is held before it is cropped */
};

/* Bytes to decode the source once, row by row or whole as its format demands. */
uint64_t estimate_source(const struct image_facts *source);

/* Bytes to keep one decoded frame, so that several outputs are made from it. */
uint64_t estimate_shared_frame(const struct image_facts *source);

/* Bytes to scale, hold and encode one output. */
uint64_t estimate_output(const struct output_facts *output);

#endif
