/*
 * test_fetch_parts.c - the parts of a download that need no server: URLs, verdicts, the byte budget
 * and the sealed source.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fetch/budget.h"
#include "fetch/source.h"
#include "fetch/url.h"
#include "fetch/verdict.h"

static void takes_http_and_https_urls(void **state)
{
    static const char *const urls[] = {
        "http://example.org/a.jpg", "HTTPS://example.org:8443/a.jpg?x=1#y", "http://[2a00::1]/",
        "http://example.org/a b.jpg", "http://example.org/?a=http://me:pw@b/"};

    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct err e = ERR_INIT;
        CURLU *url = url_open(urls[i], &e);

        if (!url)
            fail_msg("%s: %s", urls[i], e.text);
        curl_url_cleanup(url);
    }
}

static void refuses_urls_of_other_kinds_and_says_why(void **state)
{
    static const struct {
        const char *url, *why;
    } cases[] = {
        {"ftp://example.org/a", "scheme"},
        {"file:///etc/passwd", "scheme"},
        {"gopher://example.org/", "scheme"},
        {"javascript://example.org/", "scheme"},
        {"http://me@example.org/", "user"},
        {"http://me:pw@example.org/", "user"},
        {"http://:pw@example.org/", "user"},
        {"http://@example.org/", "user"},
        {"http://a@b@c/", "user"},
        {"", "not valid"},
        {"example.org/a.jpg", "not valid"},
        {"/a.jpg", "not valid"},
        {"http://", "not valid"},

        {"http://a:99999/", "not valid"},
        {"http://a:x/", "not valid"},
        {"http://exa mple.org/", "not valid"},
        {"http://[::1/", "not valid"},
        {"data:image/png;base64,AA", "not valid"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        CURLU *url = url_open(cases[i].url, &e);

        if (url || e.code != ERR_INPUT || !strstr(e.text, cases[i].why))
            fail_msg("'%s': %s", cases[i].url, url ? "taken" : e.text);
    }
}

static void bounds_the_length_of_a_url(void **state)
{
    static char text[URL_MAX_BYTES + 2];
    struct err e = ERR_INIT;
    CURLU *url;

    (void)state;
    memset(text, 'a', sizeof text - 1);
    memcpy(text, "http://a/", 9);
    assert_null(url_open(text, &e));
    assert_non_null(strstr(e.text, "longer than 8192 bytes"));
    text[URL_MAX_BYTES] = '\0';
    url = url_open(text, &e);
    assert_non_null(url);
    curl_url_cleanup(url);
}

static void resolves_a_location_against_its_url(void **state)
{
    static const struct {
        const char *location, *wanted;
    } cases[] = {
        {"b.jpg", "http://a.org/x/b.jpg"},    {"/b.jpg", "http://a.org/b.jpg"},
        {"?q=2", "http://a.org/x/y.jpg?q=2"}, {"//b.org/c", "http://b.org/c"},
        {"https://b.org/", "https://b.org/"}, {"../b c.jpg", "http://a.org/b%20c.jpg"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        CURLU *url = url_open("http://a.org/x/y.jpg?q=1", &e);
        char *text = NULL;

        assert_int_equal(url_follow(url, cases[i].location, &e), 0);
        assert_int_equal(curl_url_get(url, CURLUPART_URL, &text, 0), CURLUE_OK);
        assert_string_equal(text, cases[i].wanted);
        curl_free(text);
        curl_url_cleanup(url);
    }
}

static void refuses_a_location_of_another_kind(void **state)
{
    static const char *const locations[] = {"file:///etc/passwd", "//me:pw@b.org/", "gopher://b/"};

    (void)state;
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++) {
        struct err e = ERR_INIT;
        CURLU *url = url_open("https://a.org/", &e);

        assert_int_equal(url_follow(url, locations[i], &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        curl_url_cleanup(url);
    }
}

static void judges_statuses(void **state)
{
    static const struct {
        long status;
        enum fetch_outcome outcome;
        bool retryable;
    } cases[] = {
        {201, FETCH_UNREACHABLE, false}, {204, FETCH_UNREACHABLE, false},
        {206, FETCH_UNREACHABLE, false}, {300, FETCH_UNREACHABLE, false},
        {304, FETCH_UNREACHABLE, false}, {400, FETCH_NOT_FOUND, false},
        {401, FETCH_NOT_FOUND, false},   {403, FETCH_NOT_FOUND, false},
        {404, FETCH_NOT_FOUND, false},   {408, FETCH_UNREACHABLE, true},
        {410, FETCH_NOT_FOUND, false},   {425, FETCH_UNREACHABLE, true},
        {429, FETCH_UNREACHABLE, true},  {451, FETCH_NOT_FOUND, false},
        {500, FETCH_UNREACHABLE, true},  {503, FETCH_UNREACHABLE, true},
        {599, FETCH_UNREACHABLE, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct verdict v = verdict_of_status(cases[i].status);

        if (v.outcome != cases[i].outcome || v.retryable != cases[i].retryable)
            fail_msg("%ld: %d, %d", cases[i].status, v.outcome, v.retryable);
    }
}

/* Two downloads, told apart by their addresses. */
static const char first, second;

static void gives_bytes_up_to_the_budget_at_once(void **state)
{
    struct budget b = {.max_bytes = 100};

    (void)state;
    assert_true(budget_take(&b, &first, 60));
    assert_true(budget_take(&b, &second, 40));
    assert_null(b.over);
    assert_true(budget_take(&b, &second, 1)); /* the first past it, and the only one */
    assert_false(budget_take(&b, &first, 1));
    assert_true(budget_take(&b, &second, 50));
}

static void gives_the_right_to_go_over_to_the_next_when_it_is_free(void **state)
{
    struct budget b = {.max_bytes = 100};

    (void)state;
    assert_true(budget_take(&b, &first, 90));
    assert_true(budget_take(&b, &second, 50));
    assert_false(budget_take(&b, &first, 20));
    budget_drop(&b, &second, 50); /* failed */
    assert_true(budget_take(&b, &first, 20));
    assert_ptr_equal(b.over, &first);
}

static void lets_nobody_over_while_a_finished_source_is_held(void **state)
{
    struct budget b = {.max_bytes = 100};

    (void)state;
    assert_true(budget_take(&b, &first, 100));
    assert_true(budget_take(&b, &second, 30));
    budget_finish(&b, &second, 30);
    assert_false(budget_take(&b, &first, 1));
    assert_false(budget_would_give(&b, &first, 1));
    budget_release(&b, 30);
    assert_true(budget_would_give(&b, &first, 1));
    assert_true(budget_take(&b, &first, 1));
    budget_finish(&b, &first, 101);
    budget_release(&b, 101);
    assert_int_equal(b.held, 0);
}

static void seals_a_source_against_any_change(void **state)
{
    int fd = source_open();
    char text[6] = "";

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(source_append(fd, "ab", 2), 0);
    assert_int_equal(source_append(fd, "cde", 3), 0);
    assert_int_equal(source_seal(fd), 0);
    assert_int_equal(read(fd, text, sizeof text), 5); /* from its start */
    assert_string_equal(text, "abcde");
    assert_int_equal(source_append(fd, "x", 1), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 2), -1);
    assert_int_equal(ftruncate(fd, 20), -1);
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
    assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_http_and_https_urls),
        cmocka_unit_test(refuses_urls_of_other_kinds_and_says_why),
        cmocka_unit_test(bounds_the_length_of_a_url),
        cmocka_unit_test(resolves_a_location_against_its_url),
        cmocka_unit_test(refuses_a_location_of_another_kind),
        cmocka_unit_test(judges_statuses),
        cmocka_unit_test(gives_bytes_up_to_the_budget_at_once),
        cmocka_unit_test(gives_the_right_to_go_over_to_the_next_when_it_is_free),
        cmocka_unit_test(lets_nobody_over_while_a_finished_source_is_held),
        cmocka_unit_test(seals_a_source_against_any_change),
    };

    return cmocka_run_group_tests_name("fetch_parts", tests, NULL, NULL);
}
