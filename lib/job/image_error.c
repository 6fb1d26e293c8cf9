#include "image_error.h"

#include <string.h>

static const struct image_error_kind kinds[IMAGE_ERROR_COUNT] = {
    [IMAGE_SOURCE_FORBIDDEN] = {"source_forbidden", "fetch", false},
    [IMAGE_SOURCE_NOT_FOUND] = {"source_not_found", "fetch", false},
    [IMAGE_SOURCE_UNREACHABLE] = {"source_unreachable", "fetch", true},
    [IMAGE_SOURCE_TIMEOUT] = {"source_timeout", "fetch", true},
    [IMAGE_SOURCE_TOO_LARGE] = {"source_too_large", "fetch", false},
    [IMAGE_UNSUPPORTED_FORMAT] = {"unsupported_format", "decode", false},
    [IMAGE_CORRUPT] = {"corrupt_image", "decode", false},
    [IMAGE_RESOLUTION_TOO_LARGE] = {"resolution_too_large", "decode", false},
    [IMAGE_OUTPUT_TOO_LARGE] = {"output_too_large", "decode", false},
    [IMAGE_PROCESSING_TIMEOUT] = {"processing_timeout", "decode", false},
    [IMAGE_DECODER_CRASHED] = {"decoder_crashed", "decode", false},
    [IMAGE_STORE_FAILED] = {"store_failed", "store", true},
    [IMAGE_DEAD_LETTERED] = {"dead_lettered", "queue", false},
    [IMAGE_CANCELLED] = {"cancelled", "queue", false},
    [IMAGE_INTERNAL] = {"internal", "queue", false},
};

const struct image_error_kind *image_error_kind(enum image_error_code code)
{
    return &kinds[code];
}

enum image_error_code image_error_find(const char *code)
{
    int i;

    for (i = 0; i < IMAGE_ERROR_COUNT; i++)
        if (strcmp(kinds[i].code, code) == 0)
            break;
    return (enum image_error_code)i;
}

json_t *image_error_cancelled(void)
{
    const struct image_error_kind *kind = &kinds[IMAGE_CANCELLED];

    return json_pack("{s:s, s:s, s:b, s:s}", "code", kind->code, "message",
                     "cancelled before it was done", "retryable", kind->retryable, "stage",
                     kind->stage);
}
