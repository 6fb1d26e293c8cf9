/*
 * test_fetch.c - one download: what comes of each way in which a server may answer, and that nobody
 * is led to a place that is not public.
 */
#include "unit.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "downloads.h"
#include "fetch/request.h"

static struct guard *guard;
static struct fetcher *fetcher;

static int set_up(void **state)
{
    struct fetcher_options options;

    (void)state;
    guard = guard_for_server();
    options = usual_options(guard);
    fetcher = fetcher_with(&options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    guard_free(guard);
    return 0;
}

static void fetches_into_a_sealed_source(void **state)
{
    struct outcome o;

    (void)state;
    download(fetcher, "/ok/" PICTURE, &o);
    assert_picture(&o, PICTURE_BYTES);
    assert_int_equal(fcntl(o.result.source_fd, F_GET_SEALS),
                     F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    assert_int_equal(lseek(o.result.source_fd, 0, SEEK_CUR), 0);
    outcome_release(&o);
}

static void fetches_from_servers_that_are_odd_but_right(void **state)
{
    static const struct {
        const char *path;
        size_t bytes;
    } cases[] = {
        {"/chunked/" PICTURE, PICTURE_BYTES},
        {"/slow/100/" PICTURE, PICTURE_BYTES},
        {"/drip/3000000/" PICTURE, PICTURE_BYTES},
        {"/redirect/3/ok/" PICTURE, PICTURE_BYTES},
        {"/empty", 0},
        {"/lie-long/" PICTURE, PICTURE_BYTES / 2}, /* what it said is what is taken */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o;

        download(fetcher, cases[i].path, &o);
        assert_picture(&o, cases[i].bytes);
        outcome_release(&o);
    }
}

static void says_what_is_wrong_with_an_answer(void **state)
{
    static const struct {
        const char *path;
        enum fetch_outcome outcome;
        bool retryable;
        int status;
        const char *detail;
    } cases[] = {
        {"/ok/none", FETCH_NOT_FOUND, false, 404, "the server answered 404"},
        {"/status/403", FETCH_NOT_FOUND, false, 403, "the server answered 403"},
        {"/status/206", FETCH_UNREACHABLE, false, 206, "the server answered 206"},
        {"/status/304", FETCH_UNREACHABLE, false, 304, "the server answered 304"},
        {"/status/429/5", FETCH_UNREACHABLE, true, 429, "the server answered 429"},
        {"/status/503", FETCH_UNREACHABLE, true, 503, "the server answered 503"},
        {"/redirect/4/ok/" PICTURE, FETCH_UNREACHABLE, false, 302, "more than 3 redirects"},
        {"/loop", FETCH_UNREACHABLE, false, 302, "more than 3 redirects"},
        {"/redirect-nowhere", FETCH_UNREACHABLE, false, 302, "the server answered 302"},
        {"/lie-short/" PICTURE, FETCH_UNREACHABLE, true, 200, "the answer was cut short"},
        {"/cut-chunk/" PICTURE, FETCH_UNREACHABLE, true, 200, "the answer was cut short"},
        {"/garbage", FETCH_UNREACHABLE, true, 0, "the answer is not HTTP"},
        {"/close", FETCH_UNREACHABLE, true, 0, "the server hung up without an answer"},
        {"/gzip/" PICTURE, FETCH_UNREACHABLE, false, 200,
         "the server sent a Content-Encoding that was not asked for"},
        {"/many-headers", FETCH_UNREACHABLE, false, 200, "the answer's headers are too long"},
        {"/endless", FETCH_TOO_LARGE, false, 200, "the source is larger than 1048576 bytes"},
        {"/huge/1048577", FETCH_TOO_LARGE, false, 200, "the source is larger than 1048576 bytes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct outcome o;

        download(fetcher, cases[i].path, &o);
        if (o.result.outcome != cases[i].outcome || o.result.retryable != cases[i].retryable ||
            o.result.http_status != cases[i].status || strcmp(o.detail, cases[i].detail) != 0)
            fail_msg("%s: outcome %d, retryable %d, status %d, '%s'", cases[i].path,
                     o.result.outcome, o.result.retryable, o.result.http_status, o.detail);
        assert_int_equal(o.result.source_fd, -1);
        assert_int_equal(o.result.bytes, 0);
    }
    assert_int_equal(fetcher->budget.held, 0);
}

static void takes_a_source_of_exactly_the_limit(void **state)
{
    struct outcome o;

    (void)state;
    download(fetcher, "/huge/1048576", &o);
    assert_int_equal(o.result.outcome, FETCH_OK);
    assert_int_equal(o.result.bytes, 1048576);
    outcome_release(&o);
}

static void gives_up_after_the_time_for_all_hops(void **state)
{
    static const struct {
        const char *path, *detail;
    } cases[] = {
        {"/hang", "no answer within 1 s"},
        {"/slow/5000/" PICTURE, "no answer within 1 s"},
        {"/redirect-to?url=/slow/5000/" PICTURE, "no answer within 1 s"},
        {"/drip/2000/" PICTURE, "not all of it came within 1 s"},
    };
    struct fetcher_options options = usual_options(guard);
    struct outcome outcomes[sizeof cases / sizeof *cases];
    struct fetcher *f;

    (void)state;
    options.timeout_ms = 1000;
    f = fetcher_with(&options);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        begin(f, cases[i].path, &outcomes[i]);
    await_all(f, outcomes, sizeof cases / sizeof *cases);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(outcomes[i].detail, cases[i].detail);
        assert_int_equal(outcomes[i].result.outcome, FETCH_TIMEOUT);
        assert_true(outcomes[i].result.retryable);
    }
    fetcher_free(f);
}

static void gives_up_on_a_server_that_is_too_slow(void **state)
{
    struct fetcher_options options = usual_options(guard);
    struct fetcher *f;
    struct outcome o;

    (void)state;
    options.timeout_ms = 60000;
    options.slow_s = 1;
    f = fetcher_with(&options);
    download(f, "/drip/100/" PICTURE, &o);
    assert_int_equal(o.result.outcome, FETCH_TIMEOUT);
    assert_true(o.result.retryable);
    assert_string_equal(o.detail, "the server sent less than 1024 bytes a second");
    fetcher_free(f);
}

static void says_that_nobody_listens(void **state)
{
    struct err e = ERR_INIT;
    struct guard *g = guard_new("127.0.0.1/32:1", &e);
    struct fetcher_options options = usual_options(g);
    struct fetcher *f = fetcher_with(&options);
    struct outcome o;

    (void)state;
    download(f, "http://127.0.0.1:1/a.jpg", &o);
    assert_int_equal(o.result.outcome, FETCH_UNREACHABLE);
    assert_true(o.result.retryable);
    assert_string_equal(o.detail, "the server takes no connection");
    fetcher_free(f);
    guard_free(g);
}

static void goes_better_at_a_later_try(void **state)
{
    struct outcome o;

    (void)state;
    for (int i = 0; i < 2; i++) {
        download(fetcher, "/flaky/2/later/" PICTURE, &o);
        assert_int_equal(o.result.outcome, FETCH_UNREACHABLE);
        assert_true(o.result.retryable);
    }
    download(fetcher, "/flaky/2/later/" PICTURE, &o);
    assert_picture(&o, PICTURE_BYTES);
    outcome_release(&o);
    assert_int_equal(image_server_count(&server, "later"), 3);
}

static void refuses_urls_that_may_not_be_fetched(void **state)
{
    static const char *const urls[] = {"file:///etc/passwd", "gopher://127.0.0.1/",
                                       "ftp://127.0.0.1/", "http://me:pw@127.0.0.1/", "nonsense"};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct outcome o;

        begin(fetcher, urls[i], &o);
        assert_false(o.ended); /* never from inside fetcher_get() */
        await_all(fetcher, &o, 1);
        assert_int_equal(o.result.outcome, FETCH_FORBIDDEN);
        assert_false(o.result.retryable);
        assert_null(strstr(o.detail, "127.0.0.1"));
    }
}

/* However the address is written: the guard sees what is connected to. */
static void refuses_loopback_unless_it_is_listed(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",  "localhost",          "2130706433", "0x7f.1",
                                        "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0",    "[::]"};
    struct err e = ERR_INIT;
    struct guard *g = guard_new(NULL, &e);
    struct fetcher_options options = usual_options(g);
    struct fetcher *f = fetcher_with(&options);

    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        char url[128];
        struct outcome o;

        snprintf(url, sizeof url, "http://%s:%d/ok/" PICTURE "?key=inward", hosts[i], server.port);
        download(f, url, &o);
        if (o.result.outcome != FETCH_FORBIDDEN)
            fail_msg("%s: %s", url, o.detail);
        assert_string_equal(o.detail, "the address is not public");
        assert_false(o.result.retryable);
    }
    assert_int_equal(image_server_count(&server, "inward"), 0);
    fetcher_free(f);
    guard_free(g);
}

static void refuses_redirects_inward(void **state)
{
    struct outcome o;
    int i = 0;

    (void)state;
    for (;; i++) {
        char path[64];

        snprintf(path, sizeof path, "/redirect-inward/%d", i);
        download(fetcher, path, &o);
        if (o.result.outcome == FETCH_NOT_FOUND)
            break; /* past the last */
        if (o.result.outcome != FETCH_FORBIDDEN)
            fail_msg("%s: %s", path, o.detail);
        assert_false(o.result.retryable);
    }
    assert_true(i > 10);
}

/* "localhost" is ::1, which is refused, and 127.0.0.1, which is listed. */
static void takes_the_permitted_address_of_a_name(void **state)
{
    char url[128];
    struct outcome o;

    (void)state;
    snprintf(url, sizeof url, "http://localhost:%d/ok/" PICTURE, server.port);
    download(fetcher, url, &o);
    assert_picture(&o, PICTURE_BYTES);
    outcome_release(&o);
}

static void refuses_a_kept_connection_to_a_refused_address(void **state)
{
    struct err e = ERR_INIT;
    struct guard *strict = guard_new(NULL, &e);
    struct outcome o;

    (void)state;
    download(fetcher, "/ok/" PICTURE "?key=kept", &o);
    assert_picture(&o, PICTURE_BYTES);
    outcome_release(&o);
    fetcher->options.guard = strict; /* the connection, which is still open, came by the other */
    download(fetcher, "/ok/" PICTURE "?key=kept", &o);
    assert_int_equal(o.result.outcome, FETCH_FORBIDDEN);
    assert_int_equal(image_server_count(&server, "kept"), 1);
    guard_free(strict);
}

static void says_when_this_process_is_out_of_descriptors(void **state)
{
    struct rlimit before, tight;
    struct outcome o;
    int next = dup(0);

    (void)state;
    begin(fetcher, "/ok/" PICTURE, &o);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = before;
    tight.rlim_cur = (rlim_t)next;
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    await_all(fetcher, &o, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(o.result.outcome, FETCH_INTERNAL);
    assert_true(o.result.retryable);
    assert_string_equal(o.detail, "the service is out of descriptors");
}

static void refuses_authorities_that_cannot_be_read(void **state)
{
    struct fetcher_options options = {.user_agent = "test", .ca_file = "/nowhere/ca.pem"};
    struct err e = ERR_INIT;

    (void)state;
    assert_null(fetcher_new(&options, &e));
    assert_int_equal(e.code, ERR_INPUT);
    assert_non_null(strstr(e.text, "/nowhere/ca.pem"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fetches_into_a_sealed_source),
        TEST(fetches_from_servers_that_are_odd_but_right),
        TEST(says_what_is_wrong_with_an_answer),
        TEST(takes_a_source_of_exactly_the_limit),
        TEST(gives_up_after_the_time_for_all_hops),
        TEST(gives_up_on_a_server_that_is_too_slow),
        TEST(says_that_nobody_listens),
        TEST(goes_better_at_a_later_try),
        TEST(refuses_urls_that_may_not_be_fetched),
        TEST(refuses_loopback_unless_it_is_listed),
        TEST(refuses_redirects_inward),
        TEST(takes_the_permitted_address_of_a_name),
        TEST(refuses_a_kept_connection_to_a_refused_address),
        TEST(says_when_this_process_is_out_of_descriptors),
        cmocka_unit_test(refuses_authorities_that_cannot_be_read),
    };

    return cmocka_run_group_tests_name("fetch", tests, start_server, stop_server);
}
