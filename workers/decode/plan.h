/*
 * plan.h - the geometry of one output: how far the source is scaled, then cropped or padded.
 * Pure arithmetic. Sizes are as shown: after EXIF orientation.
 */
#ifndef WORKERS_DECODE_PLAN_H
#define WORKERS_DECODE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "decode_protocol.h"

struct plan {
    uint32_t scaled_width_px, scaled_height_px; /* the whole picture once scaled */
    uint32_t width_px, height_px;               /* the output */
    int32_t left_px, top_px; /* of the scaled picture on the output; below 0: cropped off */
    bool smart;              /* cropped where attention or entropy says; left and top are 0 */
};

/*
 * Plans one output of a source of this size (neither side 0). The fits are those of CSS and sharp:
 *   inside   as large as fits in the box, whole picture
 *   outside  as small as covers the box, whole picture
 *   cover    as outside, then cropped to the box by gravity
 *   contain  as inside, then padded to the box by gravity
 *   fill     each side by itself
 * With one side of the box absent, it follows from the other by the aspect ratio and all fits but
 * enlarge are the same. Sides are rounded to the nearest pixel and are at least 1.
 *
 * Without enlarge the picture is never scaled up (sharp's withoutEnlargement): inside, outside and
 * fill then give at most the source's own sides, cover gives the box cut down to the source, and
 * contain still gives the whole box, with the picture at its own size within it.
 *
 * A side past INT32_MAX is given as INT32_MAX, for the caller to refuse.
 */
void plan_make(uint32_t source_width_px, uint32_t source_height_px,
               const struct decode_output_request *request, struct plan *ret);

/*
 * The largest of libjpeg's scalings (1, 2, 4 or 8) at which a picture of width x height still has
 * the pixels needed on both sides, so that nothing is ever scaled up from a reduced one.
 */
uint32_t plan_jpeg_shrink(uint32_t width_px, uint32_t height_px, uint32_t needed_width_px,
                          uint32_t needed_height_px);

#endif
