/*
 * test_s3.c - a bucket's settings and URLs, and what comes of a put when the server refuses, fails
 * or goes. That signatures are right is for tests/interop/test_s3_server.c to show.
 */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "downloads.h"
#include "fetch/s3.h"

#define SHA256_OF_NOTHING "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct s3_options usual_bucket(const char *endpoint)
{
    return (struct s3_options){.endpoint = endpoint,
                               .region = "eu-west-1",
                               .key = "key",
                               .secret = "secret",
                               .bucket = "images",
                               .prefix = "public",
                               .timeout_ms = 5000};
}

static void names_the_address_of_an_object(void **state)
{
    static const struct {
        const char *endpoint, *bucket, *prefix, *wanted;
    } cases[] = {
        {NULL, "images", "public", "https://images.s3.eu-west-1.amazonaws.com/public/a.jpg"},
        {NULL, "images", "", "https://images.s3.eu-west-1.amazonaws.com/a.jpg"},
        {NULL, "my.images", "", "https://s3.eu-west-1.amazonaws.com/my.images/a.jpg"},
        {"http://127.0.0.1:9000", "images", "a/b", "http://127.0.0.1:9000/images/a/b/a.jpg"},
        {"https://s3.example.org/", "images", "", "https://s3.example.org/images/a.jpg"},
        {"https://{bucket}.s3.example.org/", "images", "a",
         "https://images.s3.example.org/a/a.jpg"},
        {"http://{bucket}.localhost:9000", "my.images", "",
         "http://my.images.localhost:9000/a.jpg"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_options o = usual_bucket(cases[i].endpoint);
        struct err e = ERR_INIT;
        struct s3_bucket *b;
        char *url;

        o.bucket = cases[i].bucket;
        o.prefix = cases[i].prefix;
        b = s3_bucket_new(&o, &e);
        assert_non_null(b);
        url = s3_bucket_url(b, "a.jpg");
        assert_string_equal(url, cases[i].wanted);
        free(url);
        s3_bucket_free(b);
    }
}

static void refuses_settings_that_cannot_work(void **state)
{
    static const struct {
        const char *endpoint, *region, *key, *bucket, *prefix, *named;
    } cases[] = {
        {"ftp://a", "r", "k", "b", "", "endpoint"},
        {"example.org", "r", "k", "b", "", "endpoint"},
        {"http://me:pw@a", "r", "k", "b", "", "endpoint"},
        {"http://a/?x", "r", "k", "b", "", "endpoint"},
        {"http://a/{bucket}", "r", "k", "b", "", "{bucket}.host"},
        {"http://a.{bucket}.c", "r", "k", "b", "", "endpoint"},
        {"http://{bucket}", "r", "k", "b", "", "endpoint"},
        {"http://{bucket}.{bucket}.c", "r", "k", "b", "", "endpoint"},
        {"http://{bucket}.a/?x", "r", "k", "b", "", "endpoint"},
        {"https://{bucket}.a", "r", "k", "b.c", "", "bucket 'b.c'"},
        {NULL, "", "k", "b", "", "region ''"},
        {NULL, "r:s3", "k", "b", "", "region 'r:s3'"},
        {NULL, "r", "", "b", "", "key"},
        {NULL, "r", "k", "", "", "bucket ''"},
        {NULL, "r", "k", "a/b", "", "bucket 'a/b'"},
        {NULL, "r", "k", "b", "/a", "prefix '/a'"},
        {NULL, "r", "k", "b", "a/", "prefix 'a/'"},
        {NULL, "r", "k", "b", "a//b", "prefix 'a//b'"},
        {NULL, "r", "k", "b", "a/../b", "prefix 'a/../b'"},
        {NULL, "r", "k", "b", "a b", "prefix 'a b'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_options o = usual_bucket(cases[i].endpoint);
        struct err e = ERR_INIT;

        o.region = cases[i].region;
        o.key = cases[i].key;
        o.bucket = cases[i].bucket;
        o.prefix = cases[i].prefix;
        assert_null(s3_bucket_new(&o, &e));
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(strstr(e.text, "pw"));
        if (!strstr(e.text, cases[i].named))
            fail_msg("%s, not of %s", e.text, cases[i].named);
        assert_null(strstr(e.text, "pw")); /* the log is no place for passwords */
    }
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

static struct fetch *begin_put(struct fetcher *f, struct s3_bucket *b, int fd, int64_t len,
                               struct put_result *ret)
{
    struct err e = ERR_INIT;
    struct fetch *put;

    *ret = (struct put_result){.ended = false};
    put = s3_put(f, b, "a.jpg", "image/jpeg", fd, len, SHA256_OF_NOTHING, note_put, ret, &e);
    if (!put)
        fail_msg("%s", e.text);
    return put;
}

static void await_put(struct fetcher *f, const struct put_result *r)
{
    struct err e = ERR_INIT;

    while (!r->ended)
        assert_int_equal(fetcher_poll(f, NULL, 0, 10000, &e), 0);
}

/* A bucket at "/path" of the image server, which so chooses what becomes of a put. */
static struct s3_bucket *bucket_at(const char *path, int64_t timeout_ms)
{
    char endpoint[128];
    struct s3_options o;
    struct err e = ERR_INIT;
    struct s3_bucket *b;

    snprintf(endpoint, sizeof endpoint, "%s%s", server.base, path);
    o = usual_bucket(endpoint);
    o.timeout_ms = timeout_ms;
    b = s3_bucket_new(&o, &e);
    assert_non_null(b);
    return b;
}

static int some_bytes(size_t len)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_int_equal(ftruncate(fd, (off_t)len), 0);
    return fd;
}

static struct fetcher *new_fetcher(struct guard **ret_guard)
{
    struct err e = ERR_INIT;
    struct fetcher_options options;

    *ret_guard = guard_new(NULL, &e); /* which lets nobody here in: it is not for S3 */
    options = usual_options(*ret_guard);
    return fetcher_with(&options);
}

static void tells_a_refusal_from_a_failure(void **state)
{
    static const struct {
        const char *path;
        enum s3_outcome outcome;
        const char *detail;
    } cases[] = {
        {"/empty", S3_OK, ""},
        {"/status/403", S3_REFUSED, "the result store answered 403"},
        {"/status/404", S3_REFUSED, "the result store answered 404"},
        {"/status/307", S3_REFUSED, "the result store answered 307"},
        {"/status/429", S3_FAILED, "the result store answered 429"},
        {"/status/503", S3_FAILED, "the result store answered 503"},
        {"/hang", S3_FAILED, "the result store did not answer in time"},
        {"/close", S3_FAILED, "the result store: the server hung up without an answer"},
    };
    struct guard *guard;
    struct fetcher *f = new_fetcher(&guard);
    int fd = some_bytes(3000000);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool hangs = strcmp(cases[i].path, "/hang") == 0;
        struct s3_bucket *b = bucket_at(cases[i].path, hangs ? 300 : 10000);
        struct put_result r;

        begin_put(f, b, fd, 3000000, &r);
        s3_bucket_free(b); /* which a put under way does not need */
        await_put(f, &r);
        if (r.outcome != cases[i].outcome || strcmp(r.detail, cases[i].detail) != 0)
            fail_msg("%s: %d, '%s'", cases[i].path, r.outcome, r.detail);
    }
    close(fd);
    fetcher_free(f);
    guard_free(guard);
}

static void sends_again_when_a_kept_connection_was_closed(void **state)
{
    struct guard *guard;
    struct fetcher *f = new_fetcher(&guard);
    struct s3_bucket *b = bucket_at("/once", 5000);
    long before = image_server_count(&server, "body-bytes");
    int fd = some_bytes(200000);
    struct put_result r;

    (void)state;
    for (int i = 0; i < 2; i++) {
        begin_put(f, b, fd, 200000, &r);
        await_put(f, &r);
        if (r.outcome != S3_OK)
            fail_msg("put %d: %s", i, r.detail);
    }
    /* the second was sent on the first one's connection, and whole again on another */
    assert_int_equal(image_server_count(&server, "body-bytes") - before, 3 * 200000);
    close(fd);
    s3_bucket_free(b);
    fetcher_free(f);
    guard_free(guard);
}

static void fails_when_there_are_fewer_bytes_than_said(void **state)
{
    struct guard *guard;
    struct fetcher *f = new_fetcher(&guard);
    struct s3_bucket *b = bucket_at("/empty", 5000);
    int fd = some_bytes(1000);
    struct put_result r;

    (void)state;
    begin_put(f, b, fd, 2000, &r);
    await_put(f, &r);
    assert_int_equal(r.outcome, S3_FAILED);
    close(fd);
    s3_bucket_free(b);
    fetcher_free(f);
    guard_free(guard);
}

static void cancels_without_a_callback_and_refuses_odd_names(void **state)
{
    static const char *const names[] = {"", "/a", "a b", "a?b", "../a", "a//b", "\xc3\xa9"};
    struct guard *guard;
    struct fetcher *f = new_fetcher(&guard);
    struct s3_bucket *b = bucket_at("/hang", 5000);
    int fd = some_bytes(1000);
    struct put_result r;
    struct err e = ERR_INIT;
    struct fetch *put = begin_put(f, b, fd, 1000, &r);

    (void)state;
    assert_int_equal(fetcher_poll(f, NULL, 0, 10, &e), 0);
    fetch_cancel(put);
    assert_false(r.ended);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_null(
            s3_put(f, b, names[i], "image/jpeg", fd, 1000, SHA256_OF_NOTHING, note_put, &r, &e));
    close(fd);
    s3_bucket_free(b);
    fetcher_free(f);
    guard_free(guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_address_of_an_object),
        cmocka_unit_test(refuses_settings_that_cannot_work),
        cmocka_unit_test(tells_a_refusal_from_a_failure),
        cmocka_unit_test(sends_again_when_a_kept_connection_was_closed),
        cmocka_unit_test(fails_when_there_are_fewer_bytes_than_said),
        cmocka_unit_test(cancels_without_a_callback_and_refuses_odd_names),
    };

    return cmocka_run_group_tests_name("s3", tests, start_server, stop_server);
}
