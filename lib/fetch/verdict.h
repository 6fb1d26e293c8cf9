/*
 * verdict.h - what an HTTP status or an error of libcurl means for whoever wanted the source. Pure.
 */
#ifndef FETCH_VERDICT_H
#define FETCH_VERDICT_H

#include <curl/curl.h>

#include "fetch/fetch.h"

struct verdict {
    enum fetch_outcome outcome;
    bool retryable;
    const char *detail; /* a constant; NULL: the status says it */
};

/* Of a final status that is neither 200 nor a redirect that can be followed. */
struct verdict verdict_of_status(long status);

/* Of a transfer that failed. */
struct verdict verdict_of_curl(CURLcode code);

#endif
