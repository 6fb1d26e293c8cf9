/*
 * s3_address.h - where the objects of a bucket are. Pure, and without libcurl: for whoever only
 * tells the address, too.
 */
#ifndef FETCH_S3_ADDRESS_H
#define FETCH_S3_ADDRESS_H

#define S3_BUCKET_MARK "{bucket}"

/* The endpoint as a URL that ends without a slash, its mark replaced by the bucket's name. New, or
 * NULL at no memory or when it is too long. */
char *s3_endpoint_url(const char *endpoint, const char *bucket);

/*
 * The URL that the names of objects are appended to, with its slash. endpoint: as in struct
 * s3_options (s3.h), and NULL means Amazon's of the region; prefix: "" or "some/path". New, or NULL
 * as above.
 */
char *s3_base_url(const char *endpoint, const char *region, const char *bucket, const char *prefix);

#endif
