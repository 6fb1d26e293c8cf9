/*
 * strict.h - what `formation --strict` adds, so that a program that scales can be tested against it
 * as against Heroku's Platform API: requests are refused for what that API refuses them for,
 * answers have its headers, and three control calls make it fail as it can:
 *
 * - PUT /__fail {"status": 429, "times": 2, "method": "PATCH", "retry_after": 1, "limit": 2}
 * - PUT /__set {"remaining": 100, "page": 1}
 * - GET /__requests: how many of each method came, and how many were refused by strict_check().
 *
 * Does no I/O. Knows no HTTP library: api.c asks it.
 */
#ifndef FORMATION_STRICT_H
#define FORMATION_STRICT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define STRICT_RATE_MOST 4500   /* requests an hour of one account (Heroku's limits) */
#define STRICT_RATE_A_MINUTE 75 /* they come back */
#define STRICT_METHOD_SIZE 8    /* "DELETE" and its NUL */
#define STRICT_PAGE_DEFAULT 200 /* items an answer holds at most, as Heroku's */

struct strict {
    double remaining; /* requests that may still be made */
    int64_t remaining_mono_ms;
    int page;

    int fail_status, fail_times;          /* 0 times: none */
    char fail_method[STRICT_METHOD_SIZE]; /* "": any */
    int fail_retry_after_s;               /* -1: the answer does not say */
    int fail_limit;                       /* of a 422; -1: the answer does not say */

    unsigned gets, patches, others, refused;
};

/* What a request brought; NULL: not there. Lent for the call. */
struct strict_request {
    const char *method, *accept, *content_type, *user_agent, *authorization;
};

struct strict_refusal {
    unsigned status;
    const char *id, *message; /* constants */
    int retry_after_s, limit; /* -1: none */
};

void strict_init(struct strict *s, int64_t now_mono_ms);

/* Counts the request. Whether it is refused, for what is wrong with it, for the rate, or because a
 * failure was asked for: *ret is then what to answer. */
bool strict_check(struct strict *s, const struct strict_request *r, int64_t now_mono_ms,
                  struct strict_refusal *ret);

/* Takes the body of a control call; path is "/__fail" or "/__set". Returns whether it was taken;
 * if not, nothing has changed. */
bool strict_control(struct strict *s, const char *path, const json_t *body);

/* What /__requests answers; new. */
json_t *strict_requests_json(const struct strict *s);

#endif
