/*
 * store_s3.c - outputs as objects of a bucket, which clients read from there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "fetch/s3.h"
#include "store_backend.h"

#define PUT_TIMEOUT_MS 20000

struct store_s3 {
    struct result_store base;
    struct fetcher *fetcher; /* lent */
    struct s3_bucket *bucket;
    char *address; /* of what is put, without its name */
    bool away_told;
};

static struct store_s3 *of(const struct result_store *store)
{
    return (struct store_s3 *)(uintptr_t)store;
}

/* Which setting an answer is about. */
static const struct {
    const char *code, *setting;
} culprits[] = {
    {"AuthorizationHeaderMalformed", "IMAGERESIZE_S3_REGION or BUCKETEER_AWS_REGION"},
    {"PermanentRedirect", "IMAGERESIZE_S3_REGION or BUCKETEER_AWS_REGION"},
    {"TemporaryRedirect", "IMAGERESIZE_S3_REGION or BUCKETEER_AWS_REGION"},
    {"InvalidAccessKeyId", "IMAGERESIZE_S3_KEY or BUCKETEER_AWS_ACCESS_KEY_ID"},
    {"SignatureDoesNotMatch", "IMAGERESIZE_S3_SECRET or BUCKETEER_AWS_SECRET_ACCESS_KEY"},
    {"NoSuchBucket", "IMAGERESIZE_OUTPUT or BUCKETEER_BUCKET_NAME"},
    {"AccessDenied", "what the key may do, the bucket or its prefix"},
    {"RequestTimeTooSkewed", "the clock of this machine"},
};

static const char *culprit_of(const char *code)
{
    for (size_t i = 0; i < sizeof culprits / sizeof *culprits; i++)
        if (strcmp(code, culprits[i].code) == 0)
            return culprits[i].setting;
    return "";
}

/* The detail, and what to look at. */
static void explain(const struct s3_end *end, struct buf *ret)
{
    const char *culprit = culprit_of(end->code);

    buf_text(ret, end->detail);
    if (*end->region)
        buf_printf(ret, "; the bucket is in region %s", end->region);
    if (*culprit)
        buf_printf(ret, "; look at %s", culprit);
}

/* An outage is told when it begins and when it ends. */
static void note_outage(struct store_s3 *s, enum s3_outcome outcome, const char *why)
{
    if (outcome == S3_FAILED && !s->away_told)
        log_warn("result_store_down", "at=%s message=%s", s->address, log_quote(why));
    else if (outcome == S3_OK && s->away_told)
        log_info("result_store_up", "at=%s", s->address);
    if (outcome != S3_REFUSED)
        s->away_told = outcome == S3_FAILED;
}

static void on_done(const struct s3_end *end, void *user)
{
    static const enum store_outcome outcomes[] = {
        [S3_OK] = STORE_OK, [S3_REFUSED] = STORE_REFUSED, [S3_FAILED] = STORE_AWAY};
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct store_put *put = user;
    const char *why;

    explain(end, &text);
    why = text.data ? text.data : end->detail;
    note_outage(of(put->store), end->outcome, why);
    store_put_end(put, outcomes[end->outcome], end->outcome == S3_OK ? NULL : why);
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
    free(of(store)->address);
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
    s->address = s->bucket ? s3_bucket_url(s->bucket, "") : NULL;
    if (!s->address) {
        err_set(e, ERR_NOMEM, "a result store");
        s3_store_free(&s->base);
        return NULL;
    }
    return &s->base;
}
