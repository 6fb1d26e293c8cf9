/*
 * job_json.h - a job and its images, as rows of the database, to what the API answers. Pure.
 */
#ifndef WEB_JOB_JSON_H
#define WEB_JOB_JSON_H

#include <stddef.h>

#include "base/err.h"

/* All texts are lent; NULL is SQL's null. Times are RFC 3339 in UTC. */
struct image_row {
    const char *id, *ref, *input, *status;
    const char *parameters, *result, *error; /* JSON */
    int attempts;
    const char *created_at, *started_at, *completed_at, *failed_at, *cancelled_at;
};

struct job_row {
    const char *id, *status, *priority;
    long long version;
    int total, queued, running, completed, failed, cancelled;
    const char *created_at, *started_at, *completed_at, *failed_at, *cancelled_at;
    const char *metadata; /* JSON */
};

/*
 * base_url goes before the URLs of outputs that web serves itself ("/outputs/..."). New, for
 * free(); or NULL at no memory or when a member holds no JSON.
 */
char *job_json(const struct job_row *job, const struct image_row *images, size_t n,
               const char *base_url) MUST_CHECK;

/* The same without its images, as lists and events of jobs hold it. New, for free(); or NULL as
 * above. */
char *job_summary_json(const struct job_row *job) MUST_CHECK;

/* What an `image` event holds: {"job", "version", "image"}. New, for free(); or NULL as above. */
char *image_event_json(const char *job, long long version, const struct image_row *image,
                       const char *base_url) MUST_CHECK;

#endif
