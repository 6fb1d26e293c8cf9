/*
 * image_error.h - the one table of reasons why an image fails: the code in the API, where it
 * happened, and whether another try may help.
 */
#ifndef JOB_IMAGE_ERROR_H
#define JOB_IMAGE_ERROR_H

#include <jansson.h>
#include <stdbool.h>

enum image_error_code {
    IMAGE_SOURCE_FORBIDDEN,
    IMAGE_SOURCE_NOT_FOUND,
    IMAGE_SOURCE_UNREACHABLE,
    IMAGE_SOURCE_TIMEOUT,
    IMAGE_SOURCE_TOO_LARGE,
    IMAGE_UNSUPPORTED_FORMAT,
    IMAGE_CORRUPT,
    IMAGE_RESOLUTION_TOO_LARGE,
    IMAGE_OUTPUT_TOO_LARGE,
    IMAGE_PROCESSING_TIMEOUT,
    IMAGE_DECODER_CRASHED,
    IMAGE_STORE_FAILED,
    IMAGE_DEAD_LETTERED,
    IMAGE_CANCELLED,
    IMAGE_INTERNAL,
    IMAGE_ERROR_COUNT
};

struct image_error_kind {
    const char *code;  /* in JSON and SQL */
    const char *stage; /* "fetch", "decode", "store", "queue" */
    bool retryable;    /* by default; one failure may say otherwise (an HTTP 404 and a 503 are both
                          the source's) */
};

/* Lent for ever. */
const struct image_error_kind *image_error_kind(enum image_error_code code);

/* The code of that name, or IMAGE_ERROR_COUNT. */
enum image_error_code image_error_find(const char *code);

/* The error of an image that was cancelled. New, or NULL at no memory. */
json_t *image_error_cancelled(void);

#endif
