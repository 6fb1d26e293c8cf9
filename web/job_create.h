/*
 * job_create.h - the body of POST /jobs: bytes in, a new job or all that is wrong with them out.
 * No I/O; ids and the time are given to the job here.
 */
#ifndef WEB_JOB_CREATE_H
#define WEB_JOB_CREATE_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/uuid.h"
#include "job/image.h"
#include "job/problems.h"

#define METADATA_DEPTH_MAX 16

struct new_image {
    char id[UUID_SIZE];
    char ref[IMAGE_REF_BYTES_MAX + 1]; /* "" when absent */
    char *input;
    char *parameters; /* JSON */
};

struct new_job {
    char id[UUID_SIZE];
    char created_at[TIMESTAMP_SIZE];
    const char *priority; /* lent for ever */
    char *metadata;       /* compact JSON; NULL: none */
    size_t image_count;
    struct new_image *images;
};

struct new_job_limits {
    struct image_limits image;
    int64_t max_images, max_metadata_bytes;
};

/*
 * Returns 0 and a job for new_job_free(); or NULL, with *e (ERR_INPUT: not JSON, with the
 * position; ERR_NOMEM), or with every fault added to problems and *e untouched.
 */
struct new_job *new_job_parse(const void *bytes, size_t len, const struct new_job_limits *limits,
                              struct problems *problems, struct err *e) MUST_CHECK;
void new_job_free(struct new_job *job);

/* The job as one element of sql/queries/web_create_jobs.sql's $1. New, or NULL at no memory. */
char *new_job_row(const struct new_job *job);

/* What the API answers about it while it is queued. New, or NULL at no memory. */
char *new_job_json(const struct new_job *job);

#endif
