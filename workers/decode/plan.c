/* plan.c - fits, gravity and rounding. */
#include "plan.h"

#include <math.h>

/* A side in pixels after scaling: rounded, at least 1, at most INT32_MAX. */
static uint32_t scaled_side(uint32_t side_px, double scale)
{
    double px = round((double)side_px * scale);

    if (px < 1)
        return 1;
    return px > INT32_MAX ? INT32_MAX : (uint32_t)px;
}

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Gravity along an axis: 0 the near edge, 1 the middle, 2 the far edge. */
static void gravity_steps(enum decode_gravity gravity, int *ret_x, int *ret_y)
{
    static const struct {
        int x, y;
    } steps[] = {
        [DECODE_GRAVITY_CENTER] = {1, 1},    [DECODE_GRAVITY_NORTH] = {1, 0},
        [DECODE_GRAVITY_NORTHEAST] = {2, 0}, [DECODE_GRAVITY_EAST] = {2, 1},
        [DECODE_GRAVITY_SOUTHEAST] = {2, 2}, [DECODE_GRAVITY_SOUTH] = {1, 2},
        [DECODE_GRAVITY_SOUTHWEST] = {0, 2}, [DECODE_GRAVITY_WEST] = {0, 1},
        [DECODE_GRAVITY_NORTHWEST] = {0, 0}, [DECODE_GRAVITY_ATTENTION] = {1, 1},
        [DECODE_GRAVITY_ENTROPY] = {1, 1},
    };

    *ret_x = steps[gravity].x;
    *ret_y = steps[gravity].y;
}

static void place(const struct decode_output_request *request, struct plan *p)
{
    bool cropped = p->width_px < p->scaled_width_px || p->height_px < p->scaled_height_px;
    int x, y;

    if (cropped && (request->gravity == DECODE_GRAVITY_ATTENTION ||
                    request->gravity == DECODE_GRAVITY_ENTROPY)) {
        p->smart = true;
        return;
    }
    gravity_steps((enum decode_gravity)request->gravity, &x, &y);
    p->left_px = (int32_t)(((int64_t)p->width_px - p->scaled_width_px) * x / 2);
    p->top_px = (int32_t)(((int64_t)p->height_px - p->scaled_height_px) * y / 2);
}

void plan_make(uint32_t source_width_px, uint32_t source_height_px,
               const struct decode_output_request *request, struct plan *ret)
{
    uint32_t fit = request->fit;
    double scale_x = (double)request->width_px / source_width_px;
    double scale_y = (double)request->height_px / source_height_px;

    if (request->width_px == 0 || request->height_px == 0) {
        scale_x = scale_y = request->width_px ? scale_x : scale_y;
        fit = DECODE_FIT_INSIDE;
    } else if (fit == DECODE_FIT_INSIDE || fit == DECODE_FIT_CONTAIN) {
        scale_x = scale_y = fmin(scale_x, scale_y);
    } else if (fit == DECODE_FIT_COVER || fit == DECODE_FIT_OUTSIDE) {
        scale_x = scale_y = fmax(scale_x, scale_y);
    }
    if (!request->enlarge) {
        scale_x = fmin(scale_x, 1);
        scale_y = fmin(scale_y, 1);
    }

    *ret = (struct plan){0};
    ret->scaled_width_px = scaled_side(source_width_px, scale_x);
    ret->scaled_height_px = scaled_side(source_height_px, scale_y);
    ret->width_px = ret->scaled_width_px;
    ret->height_px = ret->scaled_height_px;
    if (fit == DECODE_FIT_COVER) {
        ret->width_px = min_u32(request->width_px, ret->scaled_width_px);
        ret->height_px = min_u32(request->height_px, ret->scaled_height_px);
        place(request, ret);
    } else if (fit == DECODE_FIT_CONTAIN) {
        ret->width_px = request->width_px;
        ret->height_px = request->height_px;
        place(request, ret);
    }
}

uint32_t plan_jpeg_shrink(uint32_t width_px, uint32_t height_px, uint32_t needed_width_px,
                          uint32_t needed_height_px)
{
    for (uint32_t shrink = 8; shrink > 1; shrink /= 2) {
        /* Rounded down as libvips does, which drops what is not a whole block: a side of 1 scaled
         * by 8 is no pixel at all to it, and it aborts. */
        if (width_px / shrink >= needed_width_px && height_px / shrink >= needed_height_px)
            return shrink;
    }
    return 1;
}
