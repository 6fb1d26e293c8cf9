#include "s3_address.h"

#include <string.h>

#include "base/buf.h"

#define MAX_URL_BYTES 2048

char *s3_endpoint_url(const char *endpoint, const char *bucket)
{
    struct buf b = {.max_bytes = MAX_URL_BYTES};
    const char *mark = strstr(endpoint, S3_BUCKET_MARK);
    size_t len = strlen(endpoint), before = mark ? (size_t)(mark - endpoint) : len;

    while (len && endpoint[len - 1] == '/')
        len--;
    if (mark)
        buf_printf(&b, "%.*s%s%.*s", (int)before, endpoint, bucket,
                   (int)(len - before - strlen(S3_BUCKET_MARK)), mark + strlen(S3_BUCKET_MARK));
    else
        buf_printf(&b, "%.*s", (int)len, endpoint);
    return buf_detach(&b);
}

/* A bucket with a dot in its name does not fit Amazon's certificate as a host. */
char *s3_base_url(const char *endpoint, const char *region, const char *bucket, const char *prefix)
{
    struct buf b = {.max_bytes = MAX_URL_BYTES};
    AUTO(text_freep) char *url = endpoint ? s3_endpoint_url(endpoint, bucket) : NULL;

    if (endpoint && !url)
        return NULL;
    if (url && strstr(endpoint, S3_BUCKET_MARK))
        buf_printf(&b, "%s/", url);
    else if (url)
        buf_printf(&b, "%s/%s/", url, bucket);
    else if (strchr(bucket, '.'))
        buf_printf(&b, "https://s3.%s.amazonaws.com/%s/", region, bucket);
    else
        buf_printf(&b, "https://%s.s3.%s.amazonaws.com/", bucket, region);
    if (*prefix)
        buf_printf(&b, "%s/", prefix);
    return buf_detach(&b);
}
