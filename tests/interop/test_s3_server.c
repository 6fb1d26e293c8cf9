/*
 * test_s3_server.c - puts into a real S3-compatible server (tests/s3/server.js), which checks
 * signatures, regions and who may read, in path style and in virtual-host style. Needs
 * `npm install` in tests/s3.
 */
#include "unit.h"

#include <curl/curl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "child.h"
#include "fetch/s3.h"
#include "resize/result_store.h"
#include "scratch_dir.h"

/* `printf 'hello' | sha256sum`, and of a million zeros. */
#define SHA256_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define MILLION 1000000
#define SHA256_OF_MILLION "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"

#define REGION "eu-north-1" /* the server's */

static struct child server = {.pid = -1, .stdin_fd = -1};
static char folder[SCRATCH_DIR_SIZE];
static const char *endpoint;
static const char *ca_file; /* for the next put */

static int start_s3(void **state)
{
    (void)state;
    if (scratch_dir(folder) ||
        child_start((const char *[]){"node", SOURCE_DIR "/tests/s3/server.js", folder, NULL},
                    &server))
        return -1;
    endpoint = server.line;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static int stop_s3(void **state)
{
    (void)state;
    child_stop(&server);
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct put_result {
    bool ended;
    enum s3_outcome outcome;
    char detail[200];
};

static void note_put(const struct s3_end *end, void *user)
{
    struct put_result *r = user;

    r->ended = true;
    r->outcome = end->outcome;
    snprintf(r->detail, sizeof r->detail, "%s", end->detail);
}

static struct s3_options right_options(void)
{
    return (struct s3_options){.endpoint = endpoint,
                               .region = REGION,
                               .key = "S3RVER",
                               .secret = "S3RVER",
                               .bucket = "images",
                               .prefix = "some/path",
                               .timeout_ms = 30000};
}

/* Puts the bytes; returns the object's address, new. */
static char *put(const struct s3_options *options, const char *bytes, size_t len,
                 const char *sha256_hex, struct put_result *ret)
{
    struct err e = ERR_INIT;
    struct guard *guard = guard_new(NULL, &e);
    struct fetcher_options o = {
        .guard = guard, .timeout_ms = 1000, .user_agent = "test", .ca_file = ca_file};
    struct fetcher *f = fetcher_new(&o, &e);
    struct s3_bucket *b = s3_bucket_new(options, &e);
    int fd = memfd_create("test", MFD_CLOEXEC);
    char *url;

    *ret = (struct put_result){.ended = false};
    assert_int_equal(write(fd, bytes, len), len);
    if (!f || !b ||
        !s3_put(f, b, "0192-a_b.jpg", "image/jpeg", fd, (int64_t)len, sha256_hex, note_put, ret,
                &e))
        fail_msg("%s", e.text);
    while (!ret->ended)
        assert_int_equal(fetcher_poll(f, NULL, 0, 10000, &e), 0);
    url = s3_bucket_url(b, "0192-a_b.jpg");
    close(fd);
    s3_bucket_free(b);
    fetcher_free(f);
    guard_free(guard);
    return url;
}

static size_t to_buf(char *bytes, size_t size, size_t count, void *b)
{
    return buf_append(b, bytes, size * count) ? 0 : size * count;
}

/* Reads the object back, with its headers before it; by whoever asks, or signed by us. */
static struct buf get(const char *url, bool is_signed)
{
    struct buf b = BUF_INIT;
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HEADER, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &b);
    if (is_signed) {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(easy, CURLOPT_USERNAME, "S3RVER");
        curl_easy_setopt(easy, CURLOPT_PASSWORD, "S3RVER");
        curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:" REGION ":s3");
    }
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return b;
}

/* The server by another name of this machine. New. */
static char *endpoint_at(const char *host)
{
    char *url;

    assert_true(asprintf(&url, "http://%s%s", host, strrchr(endpoint, ':')) > 0);
    return url;
}

static void puts_an_object_that_can_be_read_back(void **state)
{
    struct s3_options o = right_options();
    struct put_result r;
    char *url = put(&o, "hello", 5, SHA256_OF_HELLO, &r);
    struct buf answer;

    (void)state;
    if (r.outcome != S3_OK)
        fail_msg("%s", r.detail);
    answer = get(url, true);
    assert_non_null(strcasestr(answer.data, "\r\nContent-Type: image/jpeg\r\n"));
    assert_non_null(
        strcasestr(answer.data, "\r\nCache-Control: public, max-age=31536000, immutable"));
    assert_string_equal(strstr(answer.data, "\r\n\r\n") + 4, "hello");
    buf_release(&answer);
    free(url);
}

static void puts_a_large_object_without_a_prefix(void **state)
{
    struct s3_options o = right_options();
    char *bytes = calloc(1, MILLION), *url;
    struct put_result r;
    struct buf answer;

    (void)state;
    o.prefix = "";
    url = put(&o, bytes, MILLION, SHA256_OF_MILLION, &r);
    if (r.outcome != S3_OK)
        fail_msg("%s", r.detail);
    answer = get(url, true);
    assert_true(answer.len > MILLION);
    assert_memory_equal(answer.data + answer.len - MILLION, bytes, MILLION);
    buf_release(&answer);
    free(url);
    free(bytes);
}

static void strangers_read_what_is_public_in_every_style(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "s3.localhost", "s3." REGION ".localhost",
                                        "{bucket}.s3.localhost",
                                        "{bucket}.s3." REGION ".localhost"};

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct s3_options o = right_options();
        char *at = endpoint_at(hosts[i]), *url;
        struct put_result r;
        struct buf answer;

        o.endpoint = at;
        o.prefix = "public";
        url = put(&o, "hello", 5, SHA256_OF_HELLO, &r);
        if (r.outcome != S3_OK)
            fail_msg("%s: %s", hosts[i], r.detail);
        assert_null(strchr(url, '{'));
        answer = get(url, false);
        assert_non_null(strstr(answer.data, " 200 "));
        assert_string_equal(strstr(answer.data, "\r\n\r\n") + 4, "hello");
        buf_release(&answer);
        free(url);
        free(at);
    }
}

static void strangers_read_nothing_else(void **state)
{
    struct s3_options o = right_options();
    struct put_result r;
    char *url = put(&o, "hello", 5, SHA256_OF_HELLO, &r);
    struct buf answer = get(url, false);

    (void)state;
    assert_int_equal(r.outcome, S3_OK);
    assert_non_null(strstr(answer.data, " 403 "));
    buf_release(&answer);
    free(url);
}

/* The whole result store, since that is what names settings. */
static void note_stored(enum store_outcome outcome, const char *detail, void *user)
{
    struct buf *told = user;

    assert_int_equal(outcome, STORE_REFUSED);
    buf_text(told, detail);
}

static void store_one(const struct settings *settings, struct buf *ret)
{
    const struct store_item item = {.name = "0192-a_b.jpg",
                                    .type = "image/jpeg",
                                    .sha256_hex = SHA256_OF_HELLO,
                                    .fd = memfd_create("test", MFD_CLOEXEC),
                                    .bytes = 5};
    struct err e = ERR_INIT;
    struct guard *guard = guard_new(NULL, &e);
    struct fetcher_options o = {.guard = guard, .timeout_ms = 1000, .user_agent = "test"};
    struct fetcher *f = fetcher_new(&o, &e);
    struct result_store *store = result_store_new(settings, f, &e);

    assert_int_equal(write(item.fd, "hello", 5), 5);
    if (!store || !result_store_put(store, &item, note_stored, ret, &e))
        fail_msg("%s", e.text);
    while (!ret->len)
        assert_int_equal(fetcher_poll(f, NULL, 0, 10000, &e), 0);
    result_store_free(store);
    fetcher_free(f);
    guard_free(guard);
    close(item.fd);
}

static void a_refusal_names_the_setting_to_change(void **state)
{
    static const struct {
        const char *host, *region, *key, *secret, *output, *told;
    } cases[] = {
        {"127.0.0.1", REGION, "S3RVER", "wrong-secret", "s3://images",
         "the result store answered 403 SignatureDoesNotMatch; look at IMAGERESIZE_S3_SECRET or "
         "BUCKETEER_AWS_SECRET_ACCESS_KEY"},
        {"127.0.0.1", REGION, "nobody", "S3RVER", "s3://images",
         "the result store answered 403 InvalidAccessKeyId; look at IMAGERESIZE_S3_KEY or "
         "BUCKETEER_AWS_ACCESS_KEY_ID"},
        {"127.0.0.1", REGION, "S3RVER", "S3RVER", "s3://none",
         "the result store answered 404 NoSuchBucket; look at IMAGERESIZE_OUTPUT or "
         "BUCKETEER_BUCKET_NAME"},
        {"127.0.0.1", "us-east-1", "S3RVER", "S3RVER", "s3://images",
         "the result store answered 400 AuthorizationHeaderMalformed; the bucket is in region "
         "eu-north-1; look at IMAGERESIZE_S3_REGION or BUCKETEER_AWS_REGION"},
        {"{bucket}.s3.us-east-1.localhost", "us-east-1", "S3RVER", "S3RVER", "s3://images",
         "the result store answered 301 PermanentRedirect; the bucket is in region "
         "eu-north-1; look at IMAGERESIZE_S3_REGION or BUCKETEER_AWS_REGION"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *at = endpoint_at(cases[i].host);
        const struct settings settings = {.output = cases[i].output,
                                          .s3_endpoint = at,
                                          .s3_region = cases[i].region,
                                          .s3_key = cases[i].key,
                                          .s3_secret = cases[i].secret};
        struct buf told = BUF_INIT;

        store_one(&settings, &told);
        assert_string_equal(told.data, cases[i].told);
        buf_release(&told);
        free(at);
    }
}

/* Its certificate is good but for who signed it: an authority that this machine does not know,
 * until it is told. */
static void a_server_that_proves_nothing_gets_nothing(void **state)
{
    char command[300], key[200], cert[200];
    struct child tls;
    struct s3_options o = right_options();
    struct put_result r;

    (void)state;
    snprintf(command, sizeof command, SOURCE_DIR "/bin/lib/services certificate %s s3.localhost",
             folder);
    assert_int_equal(system(command), 0);
    snprintf(key, sizeof key, "%s/tls/key.pem", folder);
    snprintf(cert, sizeof cert, "%s/tls/cert.pem", folder);
    assert_int_equal(child_start((const char *[]){"node", SOURCE_DIR "/tests/s3/server.js", folder,
                                                  key, cert, NULL},
                                 &tls),
                     0);
    snprintf(command, sizeof command, "https://s3.localhost%s", strrchr(tls.line, ':'));
    o.endpoint = command;
    free(put(&o, "hello", 5, SHA256_OF_HELLO, &r));
    assert_string_equal(r.detail, "the result store: the server's certificate is not valid");
    assert_int_equal(r.outcome, S3_FAILED);
    snprintf(cert, sizeof cert, "%s/tls/ca.pem", folder);
    ca_file = cert;
    free(put(&o, "hello", 5, SHA256_OF_HELLO, &r));
    if (r.outcome != S3_OK)
        fail_msg("%s", r.detail);
    snprintf(command, sizeof command, "https://127.0.0.1%s", strrchr(tls.line, ':'));
    free(put(&o, "hello", 5, SHA256_OF_HELLO, &r)); /* it is not for this name */
    assert_string_equal(r.detail, "the result store: the server's certificate is not valid");
    ca_file = NULL;
    child_stop(&tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_an_object_that_can_be_read_back),
        cmocka_unit_test(puts_a_large_object_without_a_prefix),
        cmocka_unit_test(strangers_read_what_is_public_in_every_style),
        cmocka_unit_test(strangers_read_nothing_else),
        cmocka_unit_test(a_refusal_names_the_setting_to_change),
        cmocka_unit_test(a_server_that_proves_nothing_gets_nothing),
    };

    return cmocka_run_group_tests_name("s3_server", tests, start_s3, stop_s3);
}
