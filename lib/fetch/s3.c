/*
 * s3.c - see s3.h. libcurl signs; what it needs from us (checked with 7.88): the hash of the body
 * as a header, and paths that need no escaping, because it signs the path as it is.
 */
#include "s3.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/buf.h"
#include "request.h"
#include "verdict.h"

#define MAX_ANSWER_BYTES 4096 /* of an error's XML; its code comes early */
#define MAX_URL_BYTES 2048
#define CONTINUE_MS 200

struct s3_bucket {
    char *base;  /* the URL that object names are appended to, with its slash */
    char *scope; /* "aws:amz:REGION:s3" */
    char *key, *secret;
    int64_t timeout_ms;
};

struct put {
    struct fetch request; /* first */
    struct curl_slist *headers;
    int fd;
    int64_t len, at;
    struct buf answer;
    s3_done_fn *done;
    void *user;
    enum s3_outcome outcome;
    char detail[160];
    char code[64], region[64];
};

/* --- the bucket --------------------------------------------------------------------------------
 */

static bool is_path(const char *text)
{
    static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";

    return !text[strspn(text, safe)] && *text != '/' && !strstr(text, "//") &&
           !strstr(text, "..") && strncmp(text, "./", 2) != 0 && !strstr(text, "/./");
}

static bool is_name(const char *text)
{
    return *text && is_path(text) && !strchr(text, '/');
}

/* The endpoint as a URL that ends without a slash, its mark replaced by the bucket's name. New. */
static char *endpoint_url(const char *endpoint, const char *bucket)
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

/* Before the host's first dot, and nowhere else. */
static bool mark_leads_the_host(const char *endpoint)
{
    const char *host = strstr(endpoint, "://");
    size_t len = strlen(S3_BUCKET_MARK);

    return host && strncmp(host + 3, S3_BUCKET_MARK ".", len + 1) == 0 &&
           !strstr(host + 3 + len, S3_BUCKET_MARK);
}

static bool is_http_url(const char *text)
{
    static const CURLUPart unwanted[] = {CURLUPART_QUERY, CURLUPART_FRAGMENT};
    CURLU *url = curl_url();
    char *part = NULL;
    bool ok = url && !curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) &&
              !curl_url_get(url, CURLUPART_SCHEME, &part, 0) && strncmp(part, "http", 4) == 0;

    for (size_t i = 0; ok && i < sizeof unwanted / sizeof *unwanted; i++) {
        curl_free(part);
        part = NULL;
        ok = curl_url_get(url, unwanted[i], &part, 0) != CURLUE_OK;
    }
    curl_free(part);
    curl_url_cleanup(url);
    return ok;
}

/* A certificate for "*.host" does not fit a bucket with a dot in its name. */
static int check_style(const char *endpoint, const char *bucket, struct err *e)
{
    if (strncasecmp(endpoint, "https", 5) != 0 || !strchr(bucket, '.') ||
        !strstr(endpoint, S3_BUCKET_MARK))
        return 0;
    return err_set(e, ERR_INPUT,
                   "S3 bucket '%s': no certificate fits a host of that name, which has a dot; "
                   "leave " S3_BUCKET_MARK ". out of the endpoint",
                   bucket);
}

/* Not quoted where it is refused: it may hold a password. */
int s3_check_endpoint(const char *endpoint, const char *bucket, struct err *e)
{
    AUTO(text_freep) char *url = endpoint_url(endpoint, "bucket");

    if (!url || (strstr(endpoint, S3_BUCKET_MARK) && !mark_leads_the_host(endpoint)) ||
        !is_http_url(url))
        return err_set(e, ERR_INPUT,
                       "the S3 endpoint must be http(s)://host[:port] or "
                       "http(s)://" S3_BUCKET_MARK ".host[:port], without a user");
    return bucket ? check_style(endpoint, bucket, e) : 0;
}

static int check_options(const struct s3_options *o, struct err *e)
{
    size_t len = strlen(o->prefix);

    if (!is_name(o->bucket))
        return err_set(e, ERR_INPUT, "S3 bucket '%s' is not a bucket's name", o->bucket);
    if (!is_name(o->region))
        return err_set(e, ERR_INPUT, "S3 region '%s' is not a region's name", o->region);
    if (!is_path(o->prefix) || (len && o->prefix[len - 1] == '/'))
        return err_set(e, ERR_INPUT,
                       "S3 prefix '%s': only letters, digits and . _ - between slashes", o->prefix);
    if (!*o->key || !*o->secret)
        return err_set(e, ERR_INPUT, "S3 key and secret are both needed");
    return o->endpoint ? s3_check_endpoint(o->endpoint, o->bucket, e) : 0;
}

/* A bucket with a dot in its name does not fit Amazon's certificate as a host. */
static char *base_of(const struct s3_options *o)
{
    struct buf b = {.max_bytes = MAX_URL_BYTES};
    AUTO(text_freep) char *endpoint = o->endpoint ? endpoint_url(o->endpoint, o->bucket) : NULL;

    if (o->endpoint && !endpoint)
        return NULL;
    if (endpoint && strstr(o->endpoint, S3_BUCKET_MARK))
        buf_printf(&b, "%s/", endpoint);
    else if (endpoint)
        buf_printf(&b, "%s/%s/", endpoint, o->bucket);
    else if (strchr(o->bucket, '.'))
        buf_printf(&b, "https://s3.%s.amazonaws.com/%s/", o->region, o->bucket);
    else
        buf_printf(&b, "https://%s.s3.%s.amazonaws.com/", o->bucket, o->region);
    if (*o->prefix)
        buf_printf(&b, "%s/", o->prefix);
    return buf_detach(&b);
}

static char *scope_of(const char *region)
{
    struct buf b = BUF_INIT;

    buf_printf(&b, "aws:amz:%s:s3", region);
    return buf_detach(&b);
}

struct s3_bucket *s3_bucket_new(const struct s3_options *o, struct err *e)
{
    struct s3_bucket *b;

    if (check_options(o, e))
        return NULL;
    b = calloc(1, sizeof *b);
    if (b) {
        b->base = base_of(o);
        b->scope = scope_of(o->region);
        b->key = strdup(o->key);
        b->secret = strdup(o->secret);
        b->timeout_ms = o->timeout_ms;
    }
    if (b && b->base && b->scope && b->key && b->secret)
        return b;
    err_set(e, ERR_NOMEM, "no memory for the S3 bucket, or its URL is too long");
    s3_bucket_free(b);
    return NULL;
}

void s3_bucket_free(struct s3_bucket *b)
{
    if (!b)
        return;
    free(b->base);
    free(b->scope);
    free(b->key);
    if (b->secret)
        explicit_bzero(b->secret, strlen(b->secret));
    free(b->secret);
    free(b);
}

char *s3_bucket_url(const struct s3_bucket *b, const char *name)
{
    struct buf url = BUF_INIT;

    buf_printf(&url, "%s%s", b->base, name);
    return buf_detach(&url);
}

/* --- a put -------------------------------------------------------------------------------------
 */

static size_t read_body(char *to, size_t size, size_t count, void *user)
{
    struct put *p = user;
    size_t len = size * count;
    ssize_t n;

    if ((int64_t)len > p->len - p->at)
        len = (size_t)(p->len - p->at);
    n = pread(p->fd, to, len, (off_t)p->at);
    if (n < 0 || (len && n == 0))
        return CURL_READFUNC_ABORT;
    p->at += n;
    return (size_t)n;
}

/* libcurl sends again when a kept connection turns out to be closed. */
static int seek_body(void *user, curl_off_t offset, int origin)
{
    struct put *p = user;

    if (origin != SEEK_SET || offset < 0 || offset > p->len)
        return CURL_SEEKFUNC_FAIL;
    p->at = offset;
    return CURL_SEEKFUNC_OK;
}

static size_t keep_answer(char *bytes, size_t size, size_t count, void *user)
{
    struct put *p = user;

    buf_append(&p->answer, bytes, size * count); /* what is past the limit is of no interest */
    return size * count;
}

/* Copies the run of letters, digits and hyphens that text begins with; "" when it does not fit. */
static void take_word(const char *text, char *ret, size_t size)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
    size_t len = strspn(text, word);

    if (len < size)
        memcpy(ret, text, len);
    ret[len < size ? len : 0] = '\0';
}

/* What follows the tag in the XML of an error. */
static void take_element(const struct put *p, const char *tag, char *ret, size_t size)
{
    const char *at = p->answer.data ? strstr(p->answer.data, tag) : NULL;

    if (at)
        take_word(at + strlen(tag), ret, size);
}

/* A redirect tells the region in a header, a refused signature in the XML. */
static void take_region(struct put *p)
{
    struct curl_header *header;

    if (curl_easy_header(p->request.easy, "x-amz-bucket-region", 0, CURLH_HEADER, -1, &header) ==
        CURLHE_OK)
        take_word(header->value, p->region, sizeof p->region);
    else
        take_element(p, "<Region>", p->region, sizeof p->region);
}

/* 4xx that are about the moment, not about us; S3 says 400 RequestTimeout where others say 408. */
static bool may_pass(long status, const char *code)
{
    return status >= 500 || status == 408 || status == 409 || status == 425 || status == 429 ||
           strcmp(code, "RequestTimeout") == 0;
}

static void decide_status(struct put *p, long status)
{
    take_element(p, "<Code>", p->code, sizeof p->code);
    take_region(p);
    p->outcome = may_pass(status, p->code) ? S3_FAILED : S3_REFUSED;
    snprintf(p->detail, sizeof p->detail, "the result store answered %ld%s%s", status,
             *p->code ? " " : "", p->code);
}

static bool put_ended(struct fetch *f, CURLcode code)
{
    struct put *p = (struct put *)f;
    long status = 0;

    curl_easy_getinfo(f->easy, CURLINFO_RESPONSE_CODE, &status);
    p->outcome = code ? S3_FAILED : S3_OK;
    if (status >= 300)
        decide_status(p, status); /* a server that refuses may well cut the upload short */
    else if (code == CURLE_OPERATION_TIMEDOUT)
        snprintf(p->detail, sizeof p->detail, "the result store did not answer in time");
    else if (code)
        snprintf(p->detail, sizeof p->detail, "the result store: %s", verdict_of_curl(code).detail);
    return true;
}

static void put_report(struct fetch *f)
{
    struct put *p = (struct put *)f;

    p->done(&(struct s3_end){p->outcome, p->detail, p->code, p->region}, p->user);
}

static void put_free(struct fetch *f)
{
    struct put *p = (struct put *)f;

    curl_slist_free_all(p->headers);
    buf_release(&p->answer);
    free(p);
}

static const struct request_kind put_kind = {put_ended, put_report, put_free};

static int add_header(struct put *p, const char *name, const char *value)
{
    char line[256];
    struct curl_slist *longer = NULL;

    if (snprintf(line, sizeof line, "%s: %s", name, value) < (int)sizeof line)
        longer = curl_slist_append(p->headers, line);
    if (!longer)
        return -1;
    p->headers = longer;
    return 0;
}

/* The texts, each of which is copied: an allocation that may fail. */
static int set_texts(struct put *p, const struct s3_bucket *b, const char *name, const char *type,
                     const char *sha256_hex, struct err *e)
{
    CURL *easy = p->request.easy;
    AUTO(text_freep) char *url = s3_bucket_url(b, name);

    if (!url || add_header(p, "Content-Type", type) ||
        add_header(p, "Cache-Control", "public, max-age=31536000, immutable") ||
        add_header(p, "x-amz-content-sha256", sha256_hex) ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, p->headers) ||
        curl_easy_setopt(easy, CURLOPT_URL, url) ||
        curl_easy_setopt(easy, CURLOPT_USERNAME, b->key) ||
        curl_easy_setopt(easy, CURLOPT_PASSWORD, b->secret) ||
        curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, b->scope))
        return err_set(e, ERR_NOMEM, "no memory for an S3 request");
    return 0;
}

static void set_options(struct put *p, const struct s3_bucket *b)
{
    CURL *easy = p->request.easy;

    curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)p->len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, p);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, seek_body);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, p);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, p);
    /* Taking out "Expect: 100-continue" would spoil the signature: 7.88 signs a header that is
     * taken out as one with an empty value. So do not wait long where it is not understood. */
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)CONTINUE_MS);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(b->timeout_ms / 2));
}

struct fetch *s3_put(struct fetcher *f, struct s3_bucket *b, const char *name, const char *type,
                     int fd, int64_t len, const char *sha256_hex, s3_done_fn *done, void *user,
                     struct err *e)
{
    struct put *p;

    if (!*name || !is_path(name)) {
        err_set(e, ERR_BUG, "'%s' cannot be an object's name", name);
        return NULL;
    }
    p = calloc(1, sizeof *p);
    if (!p) {
        err_set(e, ERR_NOMEM, "no memory for an S3 request");
        return NULL;
    }
    p->fd = fd;
    p->len = len;
    p->answer.max_bytes = MAX_ANSWER_BYTES;
    p->done = done;
    p->user = user;
    if (request_init(&p->request, f, &put_kind, b->timeout_ms, e) ||
        set_texts(p, b, name, type, sha256_hex, e)) {
        request_free(&p->request);
        return NULL;
    }
    set_options(p, b);
    if (request_start(&p->request, e)) {
        request_free(&p->request);
        return NULL;
    }
    return &p->request;
}
