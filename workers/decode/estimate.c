/* estimate.c - memory by format. "px" below are pixels of one frame. */
#include "estimate.h"

/* Line buffers, tables, thread stacks: what even a 1-pixel image takes. */
#define FIXED_BYTES (6u << 20)
/* libvips works in strips of output rows; so many are in hand, with the source rows they need. */
#define STRIP_ROWS 100u
#define SPARE_ROWS 300u

/* Pieces too small to be mapped by themselves leave gaps in the heap when they grow; measured with
 * WebP, whose decoder has several of the picture's size. */
#define GAPS_BYTES (128u << 20)

static uint64_t px(uint32_t width_px, uint32_t height_px)
{
    return (uint64_t)width_px * height_px;
}

static uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return (a + b - 1) / b;
}

/* What lies between a decoder that goes row by row and the scaler. */
static uint64_t rows(const struct image_facts *s)
{
    uint64_t height_px = ceil_div(s->height_px, s->shrink);
    uint64_t count = SPARE_ROWS + (uint64_t)STRIP_ROWS * s->rows_each;

    return ceil_div(s->width_px, s->shrink) * (count < height_px ? count : height_px) *
           s->pixel_bytes;
}

uint64_t estimate_source(const struct image_facts *s)
{
    uint64_t whole = px(s->width_px, s->height_px);

    switch (s->format) {
    case DECODE_FORMAT_JPEG:
        return FIXED_BYTES + rows(s) + s->coefficient_bytes;
    case DECODE_FORMAT_PNG:
        return FIXED_BYTES + rows(s) + (s->interlaced ? whole * s->pixel_bytes : 0);
    case DECODE_FORMAT_WEBP: /* libwebp decodes a frame whole; an animation has a canvas beside it
                              */
        whole *= s->frames > 1 ? 12 : 8;
        return FIXED_BYTES + rows(s) + whole + (2 * whole < GAPS_BYTES ? 2 * whole : GAPS_BYTES);
    case DECODE_FORMAT_GIF: /* a canvas of RGBA, and the one before it to go back to */
        return FIXED_BYTES + rows(s) + whole * 8;
    case DECODE_FORMAT_AVIF: /* planes of the decoder and its references, then RGB */
        return FIXED_BYTES + rows(s) + whole * s->pixel_bytes * 4;
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        break;
    }
    return UINT64_MAX;
}

uint64_t estimate_shared_frame(const struct image_facts *s)
{
    return ceil_div(s->width_px, s->shrink) * ceil_div(s->height_px, s->shrink) * s->pixel_bytes;
}

uint64_t estimate_output(const struct output_facts *o)
{
    uint64_t pixels = px(o->width_px, o->height_px);
    uint64_t held = pixels * o->frames * 4;

    if (o->scaled_whole)
        held += px(o->scaled_width_px, o->scaled_height_px) * 4;
    switch (o->format) {
    case DECODE_FORMAT_JPEG:
    case DECODE_FORMAT_PNG: /* written row by row, but the file itself may be as large */
        return held * 2;
    case DECODE_FORMAT_WEBP:
        return held + pixels * 24;
    case DECODE_FORMAT_GIF:
        return held * 2 + pixels * 16;
    case DECODE_FORMAT_AVIF:
        return held + pixels * 60 + (16u << 20);
    case DECODE_FORMAT_NONE:
    case DECODE_FORMAT_COUNT:
        break;
    }
    return UINT64_MAX;
}
