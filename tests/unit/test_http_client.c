/*
 * test_http_client.c - several calls at a time against a small server: deadlines, limits and
 * the headers that are read back.
 */
#include <math.h>
#include <microhttpd.h>
#include <netdb.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "http/http_client.h"

/* The resolver of this program, libcurl's threads too: of names it knows none, and not soon. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **ret)
{
    (void)name;
    (void)service;
    (void)hints;
    (void)ret;
    sleep(6);
    return EAI_AGAIN;
}

#define LIMIT_MS 1000 /* time enough for those that answer */

struct fixture {
    struct MHD_Daemon *daemon;
    struct MHD_Connection *suspended;
    struct http_client *client;
    char url[3][80];
    struct http_call call[3], *calls[3];
    const char *header, *value; /* of each answer */
    unsigned status;
    char asked[200]; /* the method and two headers of the last request */
};

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **req_cls)
{
    struct fixture *f = arg;
    struct MHD_Response *r;
    enum MHD_Result result;
    const char *agent, *basic;

    (void)version;
    (void)data;
    if (!*req_cls || *data_len > 0) {
        *req_cls = f;
        *data_len = 0;
        return MHD_YES;
    }
    if (strcmp(path, "/never") == 0) {
        MHD_suspend_connection(c);
        f->suspended = c;
        return MHD_YES;
    }
    agent = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "User-Agent");
    basic = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization");
    snprintf(f->asked, sizeof f->asked, "%s %s %s", method, agent ? agent : "-",
             basic ? basic : "-");
    r = MHD_create_response_from_buffer(10, (void *)(uintptr_t) "0123456789",
                                        MHD_RESPMEM_PERSISTENT);
    if (f->header)
        MHD_add_response_header(r, f->header, f->value);
    result = MHD_queue_response(c, f->status, r);
    MHD_destroy_response(r);
    return result;
}

static int set_up(void **state)
{
    static const struct http_client_options options = {.meanwhile_fd = -1};
    static const char *const paths[] = {"/a", "/b", "/never"};
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = ERR_INIT;

    assert_non_null(f);
    f->status = 200;
    f->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0,
                                 NULL, NULL, on_request, f, MHD_OPTION_END);
    assert_non_null(f->daemon);
    for (size_t i = 0; i < 3; i++) {
        snprintf(f->url[i], sizeof f->url[i], "http://127.0.0.1:%u%s",
                 MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_BIND_PORT)->port, paths[i]);
        f->call[i] = (struct http_call){.method = "GET", .url = f->url[i], .max_bytes = 10};
        f->calls[i] = &f->call[i];
    }
    assert_int_equal(http_client_new(&options, &f->client, &e), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_client_free(f->client);
    if (f->suspended)
        MHD_resume_connection(f->suspended);
    MHD_stop_daemon(f->daemon);
    for (size_t i = 0; i < 3; i++)
        http_call_release(&f->call[i]);
    free(f);
    return 0;
}

static struct http_call *one(struct fixture *f)
{
    http_client_run(f->client, f->calls, 1, clock_mono_ms() + 10000);
    return &f->call[0];
}

static void all_are_answered_but_the_one_that_is_not(void **state)
{
    struct fixture *f = *state;
    int64_t began = clock_mono_ms();

    http_client_run(f->client, f->calls, 3, clock_mono_ms() + LIMIT_MS);
    assert_in_range(clock_mono_ms() - began, LIMIT_MS - 50, 5000);
    assert_int_equal(f->call[0].status, 200);
    assert_int_equal(f->call[1].status, 200);
    assert_memory_equal(f->call[1].answer.data, "0123456789", 10);
    assert_int_equal(f->call[2].status, 0);
    assert_int_equal(f->call[2].err.code, ERR_TIMEOUT);
    assert_int_equal(one(f)->status, 200); /* and it goes on */
}

static void a_resolver_that_does_not_answer_is_not_awaited(void **state)
{
    struct fixture *f = *state;
    int64_t began = clock_mono_ms();

    f->call[0].url = "http://name.invalid/";
    http_client_run(f->client, f->calls, 2, clock_mono_ms() + LIMIT_MS);
    assert_in_range(clock_mono_ms() - began, LIMIT_MS - 50, 5000); /* the resolver takes longer */
    assert_int_equal(f->call[0].err.code, ERR_TIMEOUT);
    assert_int_equal(f->call[1].status, 200);
}

static void an_answer_past_the_limit_is_none(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(one(f)->status, 200);
    f->call[0].max_bytes = 9;
    assert_int_equal(one(f)->status, 0);
    assert_int_equal(f->call[0].err.code, ERR_LIMIT);
}

static void sends_method_headers_and_credentials(void **state)
{
    struct fixture *f = *state;

    f->call[0].method = "PATCH";
    f->call[0].body = "{}";
    f->call[0].headers[0] = "User-Agent: me";
    f->call[0].user = "u";
    f->call[0].password = "p";
    assert_int_equal(one(f)->status, 200);
    assert_string_equal(f->asked, "PATCH me Basic dTpw");
}

/* Of a proxy that the environment names, which is away: a peer on this machine is not asked by it.
 */
static void a_direct_call_goes_by_no_proxy(void **state)
{
    struct fixture *f = *state;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(one(f)->status, 0);
    f->call[0].is_direct = true;
    assert_int_equal(one(f)->status, 200);
    unsetenv("http_proxy");
}

static void reads_the_headers_it_knows(void **state)
{
    static const struct {
        const char *header, *value;
        double retry_after_s, rate_remaining;
        const char *next_range;
    } cases[] = {
        {NULL, NULL, NAN, NAN, ""},
        {"Retry-After", "7", 7, NAN, ""},
        {"retry-after", "99999", 3600, NAN, ""},
        {"Retry-After", "-1", 0, NAN, ""},
        {"Retry-After", "soon", NAN, NAN, ""},
        {"Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT", 0, NAN, ""},
        {"RateLimit-Remaining", "449", NAN, 449, ""},
        {"RateLimit-Remaining", "449x", NAN, NAN, ""},
        {"RateLimit-Remaining", "-1", NAN, NAN, ""},
        {"RateLimit-Remaining", "1e300", NAN, NAN, ""},
        {"Next-Range", "id ]a-b..; max=200", NAN, NAN, "id ]a-b..; max=200"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f->header = cases[i].header;
        f->value = cases[i].value;
        f->status = 429;
        assert_int_equal(one(f)->status, 429);
        assert_true(isnan(cases[i].retry_after_s)
                        ? isnan(f->call[0].retry_after_s)
                        : f->call[0].retry_after_s == cases[i].retry_after_s);
        assert_true(isnan(cases[i].rate_remaining)
                        ? isnan(f->call[0].rate_remaining)
                        : f->call[0].rate_remaining == cases[i].rate_remaining);
        assert_string_equal(f->call[0].next_range, cases[i].next_range);
    }
}

static void an_error_says_why_and_holds_nothing_that_was_sent(void **state)
{
    struct fixture *f = *state;

    f->call[0].url = "http://127.0.0.1:1/secret-path";
    f->call[0].headers[0] = "Authorization: Bearer secret";
    f->call[0].user = "secret";
    f->call[0].password = "secret";
    assert_int_equal(one(f)->status, 0);
    assert_int_equal(f->call[0].err.code, ERR_UNAVAILABLE);
    assert_string_equal(f->call[0].err.text, "Couldn't connect to server");
    f->call[0].url = "file:///etc/passwd";
    assert_int_equal(one(f)->status, 0);
    assert_null(strstr(f->call[0].err.text, "secret"));
}

#define http_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        http_test(all_are_answered_but_the_one_that_is_not),
        http_test(a_resolver_that_does_not_answer_is_not_awaited),
        http_test(an_answer_past_the_limit_is_none),
        http_test(sends_method_headers_and_credentials),
        http_test(a_direct_call_goes_by_no_proxy),
        http_test(reads_the_headers_it_knows),
        http_test(an_error_says_why_and_holds_nothing_that_was_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
