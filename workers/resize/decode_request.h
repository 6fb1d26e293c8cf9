/*
 * decode_request.h - what is asked of an image, from the API's words to the decoder's. Pure.
 */
#ifndef WORKERS_RESIZE_DECODE_REQUEST_H
#define WORKERS_RESIZE_DECODE_REQUEST_H

#include "decode/decode_protocol.h"
#include "job/image.h"
#include "job/settings.h"

/* All of a work but what the pool fills in. */
void decode_request_make(const struct image_request *request, int64_t source_bytes,
                         const struct settings *settings, struct decode_work *ret);

/* The API's format of a decoder's, which has been checked. */
enum image_format decode_request_format(uint32_t decode_format);

#endif
