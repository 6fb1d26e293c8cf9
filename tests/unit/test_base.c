#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/log.h"
#include "base/uuid.h"

#include "unit.h"

static void err_keeps_the_first_error(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(err_set(&e, ERR_INPUT, "port '%s'", "x"), -1);
    err_set(&e, ERR_BUG, "later");
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(e.text, "port 'x'");
    assert_string_equal(err_code_name(e.code), "input");
    err_clear(&e);
    err_set(&e, ERR_LIMIT, "again");
    assert_int_equal(e.code, ERR_LIMIT);
}

static void err_text_is_UTF_8_whatever_it_names(void **state)
{
    static const struct {
        const char *name, *told;
    } cases[] = {
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"a\xc3", "a?"},                /* cut */
        {"\xff\xc0\x80z", "???z"},      /* no UTF-8, too long a form */
        {"\xed\xa0\x80", "???"},        /* a surrogate */
        {"\xf4\x90\x80\x80z", "????z"}, /* past U+10FFFF */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = ERR_INIT;

        err_set(&e, ERR_INPUT, "%s", cases[i].name);
        assert_string_equal(e.text, cases[i].told);
    }
}

static void buf_grows_to_its_limit_and_not_past_it(void **state)
{
    AUTO(buf_release) struct buf b = {NULL, 0, 0, 5, false};
    char *text;

    (void)state;
    assert_int_equal(buf_text(&b, "abc"), 0);
    assert_int_equal(buf_printf(&b, "%d", 42), 0);
    assert_string_equal(b.data, "abc42");
    assert_int_equal(buf_text(&b, "x"), -1);
    assert_true(b.failed);
    assert_null(buf_detach(&b));
    buf_clear(&b);
    assert_int_equal(buf_text(&b, "12345"), 0);
    text = buf_detach(&b);
    assert_string_equal(text, "12345");
    free(text);
    text = buf_detach(&b);
    assert_string_equal(text, "");
    free(text);
}

static void timestamps_go_both_ways(void **state)
{
    static const struct {
        const char *text;
        const char *utc; /* NULL: refused */
    } cases[] = {
        {"2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05.678Z"},
        {"2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000Z"},
        {"2026-01-02T03:04:05.1+02:00", "2026-01-02T01:04:05.100Z"},
        {"2026-01-02 03:04:05.123456-00:30", "2026-01-02T03:34:05.123Z"},
        {"1970-01-01T00:00:00.000Z", "1970-01-01T00:00:00.000Z"},
        {"2026-01-02T03:04:05.Z", NULL},
        {"2026-01-02T03:04:05", NULL},
        {"2026-13-02T03:04:05Z", NULL},
        {"2026-01-02T25:04:05Z", NULL},
        {"2026-01-02T03:04:05Zx", NULL},
        {"1969-12-31T23:59:59Z", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[TIMESTAMP_SIZE];
        int64_t ms;
        int rc = clock_parse_timestamp(cases[i].text, &ms);

        assert_int_equal(rc, cases[i].utc ? 0 : -1);
        if (!cases[i].utc)
            continue;
        clock_timestamp(ms, text);
        assert_string_equal(text, cases[i].utc);
    }
}

static void uuids_hold_the_time_they_were_made_at(void **state)
{
    char id[UUID_SIZE], least[UUID_SIZE];
    const int64_t before = clock_wall_ms();

    (void)state;
    uuid_make(id);
    assert_true(uuid_wall_ms(id) >= before && uuid_wall_ms(id) <= clock_wall_ms());
    uuid_least(uuid_wall_ms(id), least);
    assert_true(uuid_is_valid(least));
    assert_true(strcmp(least, id) <= 0);
    uuid_least(uuid_wall_ms(id) + 1, least);
    assert_true(strcmp(least, id) > 0);
    uuid_least(INT64_C(253402300799999), least);
    assert_int_equal(uuid_wall_ms(least), INT64_C(253402300799999));
}

static void uuids_are_version_7_and_sort_by_time(void **state)
{
    char a[UUID_SIZE], b[UUID_SIZE];
    int64_t start = clock_wall_ms();

    (void)state;
    uuid_make(a);
    while (clock_wall_ms() <= start + 1)
        ; /* two ids of different milliseconds */
    uuid_make(b);
    assert_true(uuid_is_valid(a));
    assert_int_equal(a[14], '7');
    assert_non_null(strchr("89ab", a[19]));
    assert_true(strcmp(a, b) < 0);
    assert_false(uuid_is_valid("0192"));
    assert_false(uuid_is_valid("01920000-0000-7000-8000-00000000000g"));
    assert_false(uuid_is_valid("01920000-0000-7000-8000-0000000000000"));
}

static void log_quotes_and_hides_passwords(void **state)
{
    (void)state;
    assert_string_equal(log_quote("a \"b\"\\\n\x01"), "\"a \\\"b\\\"\\\\\\n\\u0001\"");
    assert_string_equal(log_url("amqp://me:s3c@ret@host:1/v"), "amqp://me:xxx@host:1/v");
    assert_string_equal(log_url("amqp://host:1/v?a@b:c"), "amqp://host:1/v?a@b:c");
    assert_string_equal(log_url("not a url"), "not a url");
}

/* What is written to standard output by one event, into ret: its length. */
static size_t log_long(size_t prefix_len, size_t text_len, char ret[2 * LOG_LINE_MAX])
{
    char *prefix = calloc(1, prefix_len + 1), *text = calloc(1, text_len + 1);
    int fds[2], out = dup(STDOUT_FILENO);
    ssize_t n;

    assert_true(prefix && text && out >= 0);
    memset(prefix, 'p', prefix_len);
    memset(text, '"', text_len); /* twice as long when it is quoted */
    assert_int_equal(pipe(fds), 0);
    fflush(stdout);
    dup2(fds[1], STDOUT_FILENO);
    log_init(prefix, LOG_INFO);
    log_info("long", "a=%s b=%s c=%s d=%s e=%s f=%s g=%s h=%s raw=%s", log_quote(text),
             log_quote(text), log_quote(text), log_quote(text), log_url(text), log_url(text),
             log_url(text), log_quote(text), text);
    log_init("", LOG_INFO);
    dup2(out, STDOUT_FILENO);
    close(out);
    close(fds[1]);
    n = read(fds[0], ret, 2 * LOG_LINE_MAX);
    close(fds[0]);
    free(prefix);
    free(text);
    assert_true(n > 0);
    return (size_t)n;
}

static void no_log_line_is_longer_than_its_limit(void **state)
{
    static const size_t lengths[] = {0, 1, 500, 8192, 100000};
    char line[2 * LOG_LINE_MAX];

    (void)state;
    assert_true(LOG_LINE_MAX <= 8192);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < 5; k++) {
            size_t len = log_long(lengths[i], lengths[k], line);

            assert_true(len <= LOG_LINE_MAX);
            assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
        }
    assert_int_equal(log_long(0, 8192, line), LOG_LINE_MAX);
    /* At the limit and one past it: all of it, and one byte less. */
    for (size_t len = 100; len < LOG_LINE_MAX; len++)
        if (log_long(len, 0, line) == LOG_LINE_MAX) {
            assert_int_equal(line[LOG_LINE_MAX - 2], '=');
            assert_int_equal(log_long(len + 1, 0, line), LOG_LINE_MAX);
            assert_int_equal(line[LOG_LINE_MAX - 2], 'w');
            return;
        }
    fail();
}

struct settings {
    int64_t port;
    const char *url;
    int64_t unused;
};

static int check_url(const char *value, struct buf *why)
{
    return strchr(value, ':') ? 0 : (buf_printf(why, "no scheme in '%s'", value), -1);
}

static const struct config_setting table[] = {
    {"T_PORT", NULL, CONFIG_NUMBER, "5000", 1, 65535, "", 1, offsetof(struct settings, port), NULL,
     ""},
    {"T_URL", "T_OTHER_URL", CONFIG_TEXT, NULL, 0, 0, "", 1, offsetof(struct settings, url),
     check_url, ""},
    {"T_UNUSED", NULL, CONFIG_NUMBER, "1", 1, 2, "", 2, offsetof(struct settings, unused), NULL,
     ""},
};

static void config_reads_defaults_fallbacks_and_reports_every_problem(void **state)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct settings s = {0};

    (void)state;
    setenv("T_UNUSED", "99", 1); /* not this program's: not looked at */
    assert_int_equal(config_load(table, 3, 1, &s, &problems), 0);
    assert_int_equal(s.port, 5000);
    assert_null(s.url);
    setenv("T_PORT", "", 1); /* empty counts as not set */
    setenv("T_OTHER_URL", "a:b", 1);
    assert_int_equal(config_load(table, 3, 1, &s, &problems), 0);
    assert_string_equal(s.url, "a:b");
    setenv("T_PORT", "65536", 1);
    setenv("T_OTHER_URL", "ab", 1);
    assert_int_equal(config_load(table, 3, 1, &s, &problems), -1);
    assert_string_equal(problems.data, "T_PORT: must be 1..65535, is '65536'\n"
                                       "T_OTHER_URL: no scheme in 'ab'\n");
}

static void numbers_are_decimal_and_whole(void **state)
{
    static const char *const bad[] = {"", "-", "1x", " 1", "0x1", "1.5", "9223372036854775808"};
    int64_t n;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(config_parse_number(bad[i], &n), -1);
    assert_int_equal(config_parse_number("9223372036854775807", &n), 0);
    assert_true(n == INT64_MAX);
}

static void tames_errors_but_keeps_their_lines(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    err_set(&e, ERR_INPUT, "queue '%s'\nline \xc3\xa4\xc2\xa0", "\033]0;x\007\r\x7f\xc2\x9b");
    assert_string_equal(e.text, "queue '?]0;x????"
                                "?'\nline \xc3\xa4\xc2\xa0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tames_errors_but_keeps_their_lines),
        cmocka_unit_test(err_keeps_the_first_error),
        cmocka_unit_test(err_text_is_UTF_8_whatever_it_names),
        cmocka_unit_test(buf_grows_to_its_limit_and_not_past_it),
        cmocka_unit_test(timestamps_go_both_ways),
        cmocka_unit_test(uuids_hold_the_time_they_were_made_at),
        cmocka_unit_test(uuids_are_version_7_and_sort_by_time),
        cmocka_unit_test(log_quotes_and_hides_passwords),
        cmocka_unit_test(no_log_line_is_longer_than_its_limit),
        cmocka_unit_test(config_reads_defaults_fallbacks_and_reports_every_problem),
        cmocka_unit_test(numbers_are_decimal_and_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
