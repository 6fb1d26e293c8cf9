/*
 * test_ws_handshake.c - which requests become a WebSocket, and from whose pages.
 */
#include "unit.h"

#include "tool/ws_handshake.h"

static void the_accept_key_is_that_of_the_rfc(void **state)
{
    char key[WS_ACCEPT_SIZE];

    (void)state;
    ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", key); /* RFC 6455, section 1.3 */
    assert_string_equal(key, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void tokens_are_found_in_lists_of_any_spelling(void **state)
{
    static const struct {
        const char *list;
        bool found;
    } cases[] = {
        {"upgrade", true},
        {"Upgrade", true},
        {"keep-alive, Upgrade", true},
        {" keep-alive ,UPGRADE\t,", true},
        {"upgrades", false},
        {"keep-alive", false},
        {"up grade", false},
        {"", false},
        {",,", false},
        {NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(ws_has_token(cases[i].list, "upgrade"), cases[i].found);
}

static const struct ws_request good = {
    .http_version = "HTTP/1.1",
    .host = "localhost:3569",
    .connection = "Upgrade",
    .upgrade = "websocket",
    .version = "13",
    .key = "dGhlIHNhbXBsZSBub25jZQ==",
};
static const struct ws_origins no_origins = {.host = "127.0.0.1"};

static unsigned status_of(const struct ws_request *r)
{
    const char *why = "";
    unsigned status = ws_check_request(r, &no_origins, &why);

    assert_int_equal(status == 101, why == NULL);
    return status;
}

static void a_request_must_be_whole(void **state)
{
    struct ws_request r = good;

    (void)state;
    assert_int_equal(status_of(&r), 101);
    r.http_version = "HTTP/1.0";
    assert_int_equal(status_of(&r), 400);
    r = good;
    r.upgrade = "h2c";
    assert_int_equal(status_of(&r), 400);
    r.upgrade = NULL;
    assert_int_equal(status_of(&r), 400);
    r = good;
    r.connection = "keep-alive";
    assert_int_equal(status_of(&r), 400);
    r = good;
    r.version = "8";
    assert_int_equal(status_of(&r), 426);
    r.version = NULL;
    assert_int_equal(status_of(&r), 426);
}

static void a_key_is_sixteen_bytes_as_base64(void **state)
{
    static const char *const keys[] = {
        NULL,
        "",
        "dGhlIHNhbXBsZSBub25jZQ=",
        "dGhlIHNhbXBsZSBub25jZQ===",
        "dGhlIHNhbXBsZSBub25jZQAA",
        "dGhlIHNhbXBsZSBub25j Q==",
    };
    struct ws_request r = good;

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        r.key = keys[i];
        assert_int_equal(status_of(&r), 400);
    }
}

static void a_request_that_asks_badly_still_asks(void **state)
{
    static const struct ws_request page = {.http_version = "HTTP/1.1", .connection = "keep-alive"};
    static const struct ws_request half = {.http_version = "HTTP/1.1", .connection = "Upgrade"};

    (void)state;
    assert_true(ws_is_upgrade(&good));
    assert_true(ws_is_upgrade(&half));
    assert_false(ws_is_upgrade(&page));
}

static void only_listed_origins_and_our_own_page_may_connect(void **state)
{
    static const char *const listed[] = {"https://app.flowhub.io", "http://ide.example:8080"};
    static const struct ws_origins origins = {"flow.example", listed, 2};
    static const struct {
        const char *origin, *host;
        bool allowed;
    } cases[] = {
        {"https://app.flowhub.io", "localhost:3569", true},
        {"HTTPS://App.Flowhub.io", "localhost:3569", true},
        {"http://app.flowhub.io", "localhost:3569", false},
        {"https://app.flowhub.io.evil.example", "localhost:3569", false},
        {"http://ide.example", "localhost:3569", false},
        {"null", "localhost:3569", false},
        {"http://localhost:3569", "localhost:3569", true},
        {"http://localhost:3570", "localhost:3569", false},
        {"https://localhost:3569", "localhost:3569", false},
        {"http://127.0.0.1:3569", "127.0.0.1:3569", true},
        {"http://[::1]:3569", "[::1]:3569", true},
        {"http://flow.example", "flow.example", true},
        /* A stranger's name that points at us. */
        {"http://rebound.example:3569", "rebound.example:3569", false},
        {"http://127.0.0.1.evil.example", "127.0.0.1.evil.example", false},
        {"http://[::1", "[::1", false},
        {"http://", "", false},
        {"http://localhost:3569", NULL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (ws_origin_is_allowed(cases[i].origin, cases[i].host, &origins) != cases[i].allowed)
            fail_msg("%s at %s", cases[i].origin, cases[i].host);
}

static void a_star_lets_any_page_connect(void **state)
{
    static const char *const any[] = {"*"};
    static const struct ws_origins origins = {"127.0.0.1", any, 1};

    (void)state;
    assert_true(ws_origin_is_allowed("https://anywhere.example", "localhost", &origins));
}

static void a_page_of_another_origin_is_refused(void **state)
{
    struct ws_request r = good;

    (void)state;
    r.origin = "https://evil.example";
    assert_int_equal(status_of(&r), 403);
    r.origin = "http://localhost:3569";
    assert_int_equal(status_of(&r), 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_accept_key_is_that_of_the_rfc),
        cmocka_unit_test(tokens_are_found_in_lists_of_any_spelling),
        cmocka_unit_test(a_request_must_be_whole),
        cmocka_unit_test(a_key_is_sixteen_bytes_as_base64),
        cmocka_unit_test(a_request_that_asks_badly_still_asks),
        cmocka_unit_test(only_listed_origins_and_our_own_page_may_connect),
        cmocka_unit_test(a_star_lets_any_page_connect),
        cmocka_unit_test(a_page_of_another_origin_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
