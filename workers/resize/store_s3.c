/*
 * store_s3.c - outputs as objects of a bucket, which clients read from there.
 */
#include <stdlib.h>
#include <string.h>

#include "fetch/s3.h"
#include "store_backend.h"

#define PUT_TIMEOUT_MS 20000

struct store_s3 {
    struct result_store base;
    struct fetcher *fetcher; /* lent */
    struct s3_bucket *bucket;
};

static struct store_s3 *of(const struct result_store *store)
{
    return (struct store_s3 *)(uintptr_t)store;
}

static void on_done(enum s3_outcome outcome, const char *detail, void *user)
{
    static const enum store_outcome outcomes[] = {
        [S3_OK] = STORE_OK, [S3_REFUSED] = STORE_REFUSED, [S3_FAILED] = STORE_AWAY};

    store_put_end(user, outcomes[outcome], detail);
}

static int s3_store_put(struct store_put *put, struct err *e)
{
    const struct store_item *item = &put->item;
    struct store_s3 *s = of(put->store);

    put->request = s3_put(s->fetcher, s->bucket, item->name, item->type, item->fd, item->bytes,
                          item->sha256_hex, on_done, put, e);
    return put->request ? 0 : -1;
}

static void s3_store_cancel(struct store_put *put)
{
    fetch_cancel(put->request);
    free(put);
}

static char *s3_store_address(const struct result_store *store, const char *name)
{
    return s3_bucket_url(of(store)->bucket, name);
}

static void s3_store_free(struct result_store *store)
{
    s3_bucket_free(of(store)->bucket);
    free(of(store));
}

struct result_store *store_s3_new(const struct settings *settings,
                                  const struct output_target *target, struct fetcher *fetcher,
                                  struct err *e)
{
    static const struct store_kind kind = {.put = s3_store_put,
                                           .cancel = s3_store_cancel,
                                           .address = s3_store_address,
                                           .free = s3_store_free};
    const struct s3_options options = {.endpoint = settings->s3_endpoint,
                                       .region = settings->s3_region,
                                       .key = settings->s3_key,
                                       .secret = settings->s3_secret,
                                       .bucket = target->bucket,
                                       .prefix = target->prefix,
                                       .timeout_ms = PUT_TIMEOUT_MS};
    struct store_s3 *s;

    if (!settings->s3_key || !settings->s3_secret) {
        err_set(e, ERR_INPUT, "%s: must be set when outputs go to s3://",
                settings->s3_key ? "IMAGERESIZE_S3_SECRET" : "IMAGERESIZE_S3_KEY");
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_NOMEM, "a result store");
        return NULL;
    }
    s->base.kind = &kind;
    s->fetcher = fetcher;
    s->bucket = s3_bucket_new(&options, e);
    if (!s->bucket) {
        free(s);
        return NULL;
    }
    return &s->base;
}
