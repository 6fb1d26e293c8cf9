/*
 * test_s3_server.c - puts into a real S3-compatible server that checks signatures: the one of
 * IMAGERESIZE_TEST_S3 (bucket images, key and secret S3RVER), else one of its own, which needs
 * `npm install` in tests/s3.
 */
#include "unit.h"

#include <curl/curl.h>
#include <ftw.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/config.h"
#include "child.h"
#include "fetch/s3.h"
#include "scratch_dir.h"

/* `printf 'hello' | sha256sum`, and of a million zeros. */
#define SHA256_OF_HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define MILLION 1000000
#define SHA256_OF_MILLION "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"

static struct child server = {.pid = -1, .stdin_fd = -1};
static char folder[SCRATCH_DIR_SIZE];
static const char *endpoint;

static int start_s3(void **state)
{
    (void)state;
    endpoint = config_env("IMAGERESIZE_TEST_S3");
    if (endpoint)
        return 0;
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
    bool own = server.pid > 0;

    (void)state;
    child_stop(&server);
    return own ? nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) : 0;
}

struct put_result {
    bool ended;
    enum s3_outcome outcome;
    char detail[200];
};

static void note_put(enum s3_outcome outcome, const char *detail, void *user)
{
    struct put_result *r = user;

    r->ended = true;
    r->outcome = outcome;
    snprintf(r->detail, sizeof r->detail, "%s", detail);
}

static struct s3_options right_options(void)
{
    return (struct s3_options){.endpoint = endpoint,
                               .region = "us-east-1",
                               .key = "S3RVER",
                               .secret = "S3RVER",
                               .bucket = "images",
                               .prefix = "some/path",
                               .timeout_ms = 10000};
}

/* Puts the bytes; returns the object's address, new. */
static char *put(const struct s3_options *options, const char *bytes, size_t len,
                 const char *sha256_hex, struct put_result *ret)
{
    struct err e = ERR_INIT;
    struct guard *guard = guard_new(NULL, &e);
    struct fetcher_options o = {.guard = guard, .timeout_ms = 1000, .user_agent = "test"};
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

/* Reads the object back, with its headers before it. */
static struct buf get(const char *url)
{
    struct buf b = BUF_INIT;
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_HEADER, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, to_buf);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &b);
    curl_easy_setopt(easy, CURLOPT_USERNAME, "S3RVER");
    curl_easy_setopt(easy, CURLOPT_PASSWORD, "S3RVER");
    curl_easy_setopt(easy, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:s3");
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return b;
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
    answer = get(url);
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
    answer = get(url);
    assert_true(answer.len > MILLION);
    assert_memory_equal(answer.data + answer.len - MILLION, bytes, MILLION);
    buf_release(&answer);
    free(url);
    free(bytes);
}

static void is_told_why_it_is_refused(void **state)
{
    static const struct {
        const char *key, *secret, *bucket, *detail;
    } cases[] = {
        {"S3RVER", "wrong", "images", "the result store answered 403 SignatureDoesNotMatch"},
        {"nobody", "S3RVER", "images", "the result store answered 403 InvalidAccessKeyId"},
        {"S3RVER", "S3RVER", "none", "the result store answered 404 NoSuchBucket"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_options o = right_options();
        struct put_result r;

        o.key = cases[i].key;
        o.secret = cases[i].secret;
        o.bucket = cases[i].bucket;
        free(put(&o, "hello", 5, SHA256_OF_HELLO, &r));
        assert_string_equal(r.detail, cases[i].detail);
        assert_int_equal(r.outcome, S3_REFUSED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_an_object_that_can_be_read_back),
        cmocka_unit_test(puts_a_large_object_without_a_prefix),
        cmocka_unit_test(is_told_why_it_is_refused),
    };

    return cmocka_run_group_tests_name("s3_server", tests, start_s3, stop_s3);
}
