/*
 * test_run_page.c - the live address and the page around it.
 */
#include "unit.h"

#include "tool/run_page.h"

static const struct run_page page = {
    .ide = "https://app.flowhub.io",
    .ws_address = "ws://127.0.0.1:3569",
    .runtime_id = "5c3b2b80-2f1f-4d9a-9d3e-1f2a3b4c5d6e",
    .label = "Resize & <store> \"all\"",
};

#define LIVE                                                                                       \
    "https://app.flowhub.io#runtime/endpoint?protocol%3Dwebsocket%26address%3Dws%3A%2F%2F127.0.0." \
    "1%3A3569%26id%3D5c3b2b80-2f1f-4d9a-9d3e-1f2a3b4c5d6e"

static void the_live_address_is_that_of_editors(void **state)
{
    AUTO(buf_release) struct buf url = BUF_INIT;

    (void)state;
    assert_int_equal(run_page_live_url(&page, NULL, &url), 0);
    assert_string_equal(url.data, LIVE);
}

static void a_secret_survives_both_encodings(void **state)
{
    AUTO(buf_release) struct buf url = BUF_INIT;

    (void)state;
    assert_int_equal(run_page_live_url(&page, "a&b %\xc3\xa9", &url), 0);
    assert_string_equal(url.data, LIVE "%26secret%3Da%2526b%2520%2525%25C3%25A9");
}

static void the_page_links_to_it_and_escapes_the_label(void **state)
{
    AUTO(buf_release) struct buf html = BUF_INIT;

    (void)state;
    assert_int_equal(run_page_html(&page, false, &html), 0);
    assert_non_null(strstr(html.data, "<a id=\"flowhub_url\" href=\"" LIVE "\">"));
    assert_non_null(strstr(html.data, "<h1>Resize &amp; &lt;store&gt; &quot;all&quot;</h1>"));
    assert_non_null(strstr(html.data, "<code>ws://127.0.0.1:3569</code>"));
    assert_null(strstr(html.data, "secret"));
}

static void the_page_says_that_a_secret_is_needed(void **state)
{
    AUTO(buf_release) struct buf html = BUF_INIT;

    (void)state;
    assert_int_equal(run_page_html(&page, true, &html), 0);
    assert_non_null(strstr(html.data, "It asks for a secret"));
}

static void text_that_does_not_fit_is_a_failure(void **state)
{
    AUTO(buf_release) struct buf html = BUF_INIT;

    (void)state;
    html.max_bytes = 100;
    assert_int_equal(run_page_html(&page, true, &html), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_live_address_is_that_of_editors),
        cmocka_unit_test(a_secret_survives_both_encodings),
        cmocka_unit_test(the_page_links_to_it_and_escapes_the_label),
        cmocka_unit_test(the_page_says_that_a_secret_is_needed),
        cmocka_unit_test(text_that_does_not_fit_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
