#include "decode_request.h"

#include <string.h>

/* Both sides list the same words in the same order; a new one must come to both. */
#define SAME(a, b) _Static_assert((int)(a) == (int)(b), #a " is not " #b)
SAME(DECODE_FIT_INSIDE, FIT_INSIDE);
SAME(DECODE_FIT_OUTSIDE, FIT_OUTSIDE);
SAME(DECODE_GRAVITY_CENTER, GRAVITY_CENTER);
SAME(DECODE_GRAVITY_NORTHWEST, GRAVITY_NORTHWEST);
SAME(DECODE_GRAVITY_ENTROPY, GRAVITY_ENTROPY);
SAME(DECODE_FORMAT_NONE, FORMAT_OF_INPUT);
SAME(DECODE_FORMAT_JPEG, FORMAT_JPEG);
SAME(DECODE_FORMAT_GIF, FORMAT_GIF);
SAME(DECODE_FORMAT_AVIF, FORMAT_AVIF);
SAME(DECODE_MAX_OUTPUTS, IMAGE_OUTPUTS_MAX);

static void make_output(const struct image_output *output, struct decode_output_request *ret)
{
    ret->width_px = (uint32_t)output->width_px;
    ret->height_px = (uint32_t)output->height_px;
    ret->fit = (uint32_t)output->fit;
    ret->gravity = (uint32_t)output->gravity;
    ret->format = (uint32_t)output->format;
    ret->quality = (uint32_t)output->quality;
    ret->enlarge = output->enlarge;
    ret->has_background = output->has_background;
    memcpy(ret->background, output->background, sizeof ret->background);
}

void decode_request_make(const struct image_request *request, int64_t source_bytes,
                         const struct settings *settings, struct decode_work *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->output_count = (uint32_t)request->output_count;
    ret->source_bytes = (uint64_t)source_bytes;
    ret->max_pixels = (uint64_t)settings->max_megapixels * 1000000;
    ret->max_output_bytes = (uint64_t)(settings->max_output_mb * MEBIBYTE);
    ret->max_side_px = (uint32_t)settings->max_side_px;
    for (size_t i = 0; i < request->output_count; i++)
        make_output(&request->outputs[i], &ret->outputs[i]);
}

enum image_format decode_request_format(uint32_t decode_format)
{
    return (enum image_format)decode_format;
}
