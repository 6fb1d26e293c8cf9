#include "web/headers.h"

#include "base/uuid.h"
#include "unit.h"

static void reads_the_seconds_of_prefer_wait(void **state)
{
    static const struct {
        const char *prefer;
        int seconds; /* -1: passed over */
    } cases[] = {
        {NULL, -1},
        {"", -1},
        {"respond-async", -1},
        {"wait=10", 10},
        {"WAIT = 10", 10},
        {"wait=\"10\"", 10},
        {"wait=0", 0},
        {"wait=25", 25},
        {"wait=26", 25},
        {"wait=99999999999999999999", 25},
        {"respond-async, wait=5", 5},
        {"respond-async;foo=bar , wait=5;x", 5},
        {"wait=3, wait=9", 3},
        {"waiting=3", -1},
        {"wait", -1},
        {"wait=", -1},
        {"wait=x", -1},
        {"wait=-1", -1},
        {"wait=1.5", -1},
        {"wait=\"1", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int seconds = header_prefer_wait(cases[i].prefer);

        if (seconds != cases[i].seconds)
            fail_msg("%s: %d", cases[i].prefer, seconds);
    }
}

static void matches_the_tags_of_if_none_match_weakly(void **state)
{
    static const struct {
        const char *header, *etag;
        bool matches;
    } cases[] = {
        {NULL, "\"a\"", false},
        {"", "\"a\"", false},
        {"*", "\"a\"", true},
        {"\"a\"", "\"a\"", true},
        {"W/\"a\"", "\"a\"", true},
        {"\"a\"", "W/\"a\"", true},
        {"\"b\", W/\"a\"", "\"a\"", true},
        {"\"b\",\"c\"", "\"a\"", false},
        {"\"ab\"", "\"a\"", false},
        {"a", "\"a\"", false},
        {"\"a", "\"a\"", false},
        {"\"x,\", \"a\"", "\"a\"", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (header_none_match(cases[i].header, cases[i].etag) != cases[i].matches)
            fail_msg("%s against %s", cases[i].header, cases[i].etag);
}

static void keeps_a_sane_request_id_and_makes_one_otherwise(void **state)
{
    char longest[REQUEST_ID_SIZE], too_long[REQUEST_ID_SIZE + 1], ret[REQUEST_ID_SIZE];
    const char *kept[] = {"12345678", "a.b_c-D9", "01234567+89/abc==", longest};
    const char *replaced[] = {NULL,        "",           "1234567", "12345678\"",
                              "1234 5678", "12345678\n", too_long};

    (void)state;
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        header_request_id(kept[i], ret);
        assert_string_equal(ret, kept[i]);
    }
    for (size_t i = 0; i < sizeof replaced / sizeof *replaced; i++) {
        header_request_id(replaced[i], ret);
        assert_true(uuid_is_valid(ret));
    }
}

static void takes_json_in_utf8_alone(void **state)
{
    static const char *const taken[] = {"application/json", "Application/JSON",
                                        "application/json; charset=utf-8",
                                        "application/json;charset=\"UTF-8\""};
    static const char *const refused[] = {NULL,
                                          "",
                                          "text/plain",
                                          "application/jsonx",
                                          "application/x-www-form-urlencoded",
                                          "application/json; charset=latin1"};

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        assert_true(header_is_json(taken[i]));
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        assert_false(header_is_json(refused[i]));
}

static void makes_the_address_of_the_setting_or_of_the_request(void **state)
{
    static const struct {
        const char *setting, *proto, *host, *base; /* base NULL: refused */
    } cases[] = {
        {"https://x.org/", NULL, NULL, "https://x.org"},
        {"https://x.org/api", "http", "y", "https://x.org/api"},
        {NULL, NULL, "localhost:5000", "http://localhost:5000"},
        {NULL, "https", "x.org", "https://x.org"},
        {NULL, "https,http", "x.org", "https://x.org"},
        {NULL, "httpsx", "x.org", "http://x.org"},
        {NULL, NULL, "[::1]:80", "http://[::1]:80"},
        {NULL, NULL, NULL, NULL},
        {NULL, NULL, "", NULL},
        {NULL, NULL, "x.org/evil", NULL},
        {NULL, NULL, "u@x.org", NULL},
        {NULL, NULL, "x\"><script>", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char base[BASE_URL_SIZE];
        int result = header_base_url(cases[i].setting, cases[i].proto, cases[i].host, base);

        assert_int_equal(result, cases[i].base ? 0 : -1);
        if (cases[i].base)
            assert_string_equal(base, cases[i].base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_seconds_of_prefer_wait),
        cmocka_unit_test(matches_the_tags_of_if_none_match_weakly),
        cmocka_unit_test(keeps_a_sane_request_id_and_makes_one_otherwise),
        cmocka_unit_test(takes_json_in_utf8_alone),
        cmocka_unit_test(makes_the_address_of_the_setting_or_of_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
