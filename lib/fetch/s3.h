/*
 * s3.h - putting objects into one S3 bucket, with AWS Signature Version 4.
 * The endpoint is our own configuration, so the guard for strangers' URLs does not apply here.
 */
#ifndef FETCH_S3_H
#define FETCH_S3_H

#include "fetch/fetch.h"

#define S3_BUCKET_MARK "{bucket}"

struct s3_bucket;

struct s3_options {
    /* http(s)://host[:port]: path style; with S3_BUCKET_MARK at its beginning the host is the
     * bucket's own: virtual-host style. NULL: Amazon's of the region, virtual-host style. */
    const char *endpoint;
    const char *region, *key, *secret;
    const char *bucket;
    const char *prefix; /* "" or "some/path", without slashes at its ends */
    int64_t timeout_ms;
};

enum s3_outcome {
    S3_OK,
    S3_REFUSED, /* 3xx, 4xx: credentials, no such bucket, another region */
    S3_FAILED   /* unreachable, timeout, 5xx: try again later */
};

/* How a put ended. The texts are lent, hold no secret, and are "" where there is nothing to say. */
struct s3_end {
    enum s3_outcome outcome;
    const char *detail; /* for the log */
    const char *code;   /* S3's word for the error: "SignatureDoesNotMatch" */
    const char *region; /* where the bucket is, told by a server that was asked in another region */
};

typedef void s3_done_fn(const struct s3_end *end, void *user);

/* Whether it is one, and one for that bucket (NULL: for any): 0, or -1 with *e (ERR_INPUT), which
 * s3_bucket_new() would give too. */
int s3_check_endpoint(const char *endpoint, const char *bucket, struct err *e) MUST_CHECK;

struct s3_bucket *s3_bucket_new(const struct s3_options *options, struct err *e) MUST_CHECK;
void s3_bucket_free(struct s3_bucket *b);

/* The public address of the object of that name. New, or NULL at no memory. */
char *s3_bucket_url(const struct s3_bucket *b, const char *name);

/*
 * Puts the len bytes at offset 0 of fd (lent until done is called) as prefix/name, on the fetcher's
 * loop. sha256_hex is of the bytes: 64 hex digits. name and prefix are of [A-Za-z0-9/._-], which no
 * signer escapes. Nothing else is needed once it has returned, not even b. Returns a request for
 * fetch_cancel(), or NULL with *e.
 */
struct fetch *s3_put(struct fetcher *f, struct s3_bucket *b, const char *name, const char *type,
                     int fd, int64_t len, const char *sha256_hex, s3_done_fn *done, void *user,
                     struct err *e) MUST_CHECK;

#endif
