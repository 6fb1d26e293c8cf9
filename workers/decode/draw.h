/*
 * draw.h - one frame scaled, coloured, cropped or padded as planned.
 * Hides which libvips operations do it. Nothing is computed until the pixels are asked for.
 */
#ifndef WORKERS_DECODE_DRAW_H
#define WORKERS_DECODE_DRAW_H

#include <vips/vips.h>

#include "decode_protocol.h"
#include "plan.h"

struct drawing {
    const struct decode_output_request *request; /* lent */
    enum decode_format format;                   /* of the output, never NONE */
    struct plan plan;
};

/* Returns a new image to g_object_unref(), or NULL with libvips's error buffer filled. */
VipsImage *draw(VipsImage *frame, const struct drawing *d);

#endif
