/*
 * image_failure.h - why an image failed, in the API's words, from what fetching, decoding and
 * storing said. Pure. Messages hold no address, path or text of a stranger but what these modules
 * promise to be fit for users.
 */
#ifndef WORKERS_RESIZE_IMAGE_FAILURE_H
#define WORKERS_RESIZE_IMAGE_FAILURE_H

#include <stdbool.h>

#include "decoder_pool.h"
#include "fetch/fetch.h"
#include "job/image_error.h"

struct image_failure {
    enum image_error_code code;
    bool retryable;
    char message[256]; /* a sentence without a full stop */
};

void image_failure_of_fetch(const struct fetch_result *result, struct image_failure *ret);

/* Of any outcome but DECODE_SUCCEEDED. cpu_limit_s: for the sentence about it. */
void image_failure_of_decode(const struct decode_result *result, int64_t cpu_limit_s,
                             struct image_failure *ret);

void image_failure_of_store(struct image_failure *ret);

/* Of this process itself: no memory, no descriptors. Another try may go better. */
void image_failure_of_ours(struct image_failure *ret);

#endif
