#include "image_failure.h"

#include <inttypes.h>
#include <stdio.h>

static void set(struct image_failure *ret, enum image_error_code code, bool retryable,
                const char *message)
{
    ret->code = code;
    ret->retryable = retryable;
    snprintf(ret->message, sizeof ret->message, "%s", message);
}

void image_failure_of_ours(struct image_failure *ret)
{
    set(ret, IMAGE_INTERNAL, true, "the worker ran out of memory or descriptors");
}

void image_failure_of_fetch(const struct fetch_result *result, struct image_failure *ret)
{
    static const enum image_error_code codes[] = {
        [FETCH_FORBIDDEN] = IMAGE_SOURCE_FORBIDDEN, [FETCH_NOT_FOUND] = IMAGE_SOURCE_NOT_FOUND,
        [FETCH_TIMEOUT] = IMAGE_SOURCE_TIMEOUT,     [FETCH_UNREACHABLE] = IMAGE_SOURCE_UNREACHABLE,
        [FETCH_TOO_LARGE] = IMAGE_SOURCE_TOO_LARGE,
    };

    if (result->outcome == FETCH_OK || result->outcome == FETCH_INTERNAL)
        image_failure_of_ours(ret);
    else
        set(ret, codes[result->outcome], result->retryable, result->detail);
}

static void set_by_status(const struct decode_done *done, struct image_failure *ret)
{
    static const struct {
        enum image_error_code code;
        const char *message; /* where the decoder gives none */
    } kinds[] = {
        [DECODE_OK] = {IMAGE_INTERNAL, "the decoder failed"},
        [DECODE_UNSUPPORTED] = {IMAGE_UNSUPPORTED_FORMAT, "the source is not an image we read"},
        [DECODE_CORRUPT] = {IMAGE_CORRUPT, "the image is broken or cut short"},
        [DECODE_TOO_LARGE] = {IMAGE_RESOLUTION_TOO_LARGE, "the image has too many pixels"},
        [DECODE_OUTPUT_TOO_LARGE] = {IMAGE_OUTPUT_TOO_LARGE, "an output would be too large"},
        [DECODE_OUTPUT_UNSUPPORTED] = {IMAGE_UNSUPPORTED_FORMAT,
                                       "that output format cannot be written here"},
        [DECODE_INTERNAL] = {IMAGE_INTERNAL, "the decoder failed"},
    };
    enum image_error_code code = kinds[done->status].code;

    set(ret, code, image_error_kind(code)->retryable,
        done->message[0] ? done->message : kinds[done->status].message);
}

void image_failure_of_decode(const struct decode_result *result, int64_t cpu_limit_s,
                             struct image_failure *ret)
{
    switch (result->outcome) {
    case DECODE_FAILED:
        set_by_status(result->done, ret);
        break;
    case DECODE_TIMED_OUT:
        set(ret, IMAGE_PROCESSING_TIMEOUT, false, "");
        snprintf(ret->message, sizeof ret->message,
                 "the image took more than %" PRId64 " s to process", cpu_limit_s);
        break;
    case DECODE_CRASHED:
        set(ret, IMAGE_DECODER_CRASHED, false, "the image crashed its decoder");
        break;
    case DECODE_KILLED:
        set(ret, IMAGE_DECODER_CRASHED, true, "the decoder was ended by the system");
        break;
    case DECODE_SUCCEEDED:
    case DECODE_UNABLE:
        image_failure_of_ours(ret);
        break;
    }
}

void image_failure_of_store(struct image_failure *ret)
{
    set(ret, IMAGE_STORE_FAILED, image_error_kind(IMAGE_STORE_FAILED)->retryable,
        "the result could not be stored");
}
