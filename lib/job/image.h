/*
 * image.h - what is asked of one image: its source and its outputs, from JSON and back.
 * The same members stand in a POST body, in images.parameters and in a message's payload, and are
 * read here alone.
 */
#ifndef JOB_IMAGE_H
#define JOB_IMAGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "job/problems.h"

#define IMAGE_OUTPUTS_MAX 8
#define IMAGE_REF_BYTES_MAX 200
#define IMAGE_OUTPUT_NAME_BYTES_MAX 32

enum image_fit { FIT_INSIDE, FIT_COVER, FIT_CONTAIN, FIT_FILL, FIT_OUTSIDE };

enum image_gravity {
    GRAVITY_CENTER,
    GRAVITY_NORTH,
    GRAVITY_NORTHEAST,
    GRAVITY_EAST,
    GRAVITY_SOUTHEAST,
    GRAVITY_SOUTH,
    GRAVITY_SOUTHWEST,
    GRAVITY_WEST,
    GRAVITY_NORTHWEST,
    GRAVITY_ATTENTION,
    GRAVITY_ENTROPY
};

enum image_format {
    FORMAT_OF_INPUT, /* keep it where we can write it, else jpeg */
    FORMAT_JPEG,
    FORMAT_PNG,
    FORMAT_WEBP,
    FORMAT_GIF,
    FORMAT_AVIF
};

struct image_output {
    char name[IMAGE_OUTPUT_NAME_BYTES_MAX + 1]; /* "" when the image has no `outputs` */
    int width_px, height_px;                    /* 0: absent; not both */
    enum image_fit fit;
    enum image_gravity gravity;
    enum image_format format;
    int quality; /* 1..100; 0: absent */
    bool enlarge;
    bool has_background;
    uint8_t background[4]; /* r g b a */
};

struct image_request {
    char *input;                       /* the source's URL: new, freed by image_request_release() */
    char ref[IMAGE_REF_BYTES_MAX + 1]; /* "" when absent */
    bool has_outputs;                  /* the list `outputs` was given */
    size_t output_count;               /* at least 1 */
    struct image_output outputs[IMAGE_OUTPUTS_MAX];
};

struct image_limits {
    int64_t max_url_bytes, max_side_px, max_outputs; /* each 0: no limit but the types' own */
    /* Members nobody knows are passed over: for a message's payload, which has `id` beside these,
     * and may come from a newer version. */
    bool allow_unknown;
};

void image_request_release(struct image_request *r);

/*
 * Reads one member of `images`. at is its JSON pointer ("/images/0"); every fault is added to
 * problems under it, unknown members too. Members of an image beside `outputs` are defaults for
 * each of its outputs. Returns 0 and fills ret, for image_request_release(); or -1 with at least
 * one problem added and nothing to release.
 */
int image_request_parse(const json_t *json, const struct image_limits *limits, const char *at,
                        struct problems *problems, struct image_request *ret) MUST_CHECK;

/*
 * What is asked of the outputs as JSON, without `input` and `ref`: what is stored as
 * images.parameters and sent as a message's payload (which has `id` and `input` beside it). Each of
 * several outputs is written out in full; only what differs from the default. New, or NULL at no
 * memory.
 */
json_t *image_request_parameters(const struct image_request *r);

/* The words of the API, lent for ever. */
const char *image_fit_name(enum image_fit fit);
const char *image_gravity_name(enum image_gravity gravity);
const char *image_format_name(enum image_format format);      /* NULL for FORMAT_OF_INPUT */
const char *image_format_type(enum image_format format);      /* "image/jpeg" */
const char *image_format_extension(enum image_format format); /* "jpg" */

#endif
