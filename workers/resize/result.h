/*
 * result.h - the `result` of an image that went well, as clients see it. Pure.
 *
 *     {"output": url, "width": 800, "height": 600, "bytes": 18234, "format": "webp",
 *      "source": {"width": 4000, "height": 3000, "format": "jpeg", "bytes": 2345678},
 *      "timings_ms": {"wait": 12, "fetch": 80, "decode": 21, "store": 9}}
 *
 * With `outputs` in the request the first stands there, and all in "outputs", each with its name.
 */
#ifndef WORKERS_RESIZE_RESULT_H
#define WORKERS_RESIZE_RESULT_H

#include <jansson.h>

#include "decode/decode_protocol.h"
#include "job/image.h"

struct timings {
    int64_t wait_ms; /* from the job's creation to the start; below 0 counts as 0 */
    int64_t fetch_ms, decode_ms, store_ms;
};

/* addresses: of the outputs, in their order. New, or NULL at no memory. */
json_t *result_make(const struct image_request *request, const struct decode_done *done,
                    const char *const *addresses, int64_t source_bytes,
                    const struct timings *timings) MUST_CHECK;

#endif
