/*
 * test_guv_csv.c - rows of CSV, and the traces made from them.
 */
#include "unit.h"

#include <math.h>

#include "guv_roles.h"
#include "simulate/csv.h"
#include "simulate/history.h"
#include "simulate/trace_csv.h"

/* ---- rows */

static void splits_rows_into_fields(void **state)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a, b ,c\r\n"
                               "\n  \n"
                               "\"x, \"\"y\"\"\" ,,3\n"
                               "last";
    AUTO(csv_release) struct csv c;
    struct err e = ERR_INIT;

    (void)state;
    csv_init(&c, text, sizeof text - 1);
    assert_int_equal(csv_next(&c, &e), 1);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.fields[0], "a");
    assert_string_equal(c.fields[1], "b");
    assert_int_equal(csv_column(&c, "C"), 2);
    assert_int_equal(csv_column(&c, "d"), -1);
    assert_int_equal(csv_next(&c, &e), 1);
    assert_int_equal(c.line, 4);
    assert_string_equal(c.fields[0], "x, \"y\"");
    assert_string_equal(c.fields[1], "");
    assert_string_equal(c.fields[2], "3");
    assert_int_equal(csv_next(&c, &e), 1);
    assert_int_equal(c.n, 1);
    assert_int_equal(csv_next(&c, &e), 0);
    assert_int_equal(csv_next(&c, &e), 0);
}

static void refuses_what_is_no_row(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } cases[] = {
        {"a\n\"b", 4, "line 2: a quote is not closed"},
        {"\"b\"c", 4, "line 1: a quote"},
        {"a\0b", 3, "line 1: has a NUL byte"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(csv_release) struct csv c;
        struct err e = ERR_INIT;
        int got;

        csv_init(&c, cases[i].text, cases[i].len);
        while ((got = csv_next(&c, &e)) > 0)
            ;
        assert_int_equal(got, -1);
        assert_non_null(strstr(e.text, cases[i].says));
    }
}

static void holds_its_limits(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct err e = ERR_INIT;
    struct csv c;

    (void)state;
    for (int i = 0; i < CSV_MAX_FIELDS - 1; i++)
        buf_text(&text, "1,");
    buf_text(&text, "1\n");
    csv_init(&c, text.data, text.len);
    assert_int_equal(csv_next(&c, &e), 1);
    assert_int_equal(c.n, CSV_MAX_FIELDS);
    csv_release(&c);
    text.data[text.len - 1] = ',';
    csv_init(&c, text.data, text.len);
    assert_int_equal(csv_next(&c, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    csv_release(&c);
    err_clear(&e);
    buf_clear(&text);
    for (int i = 0; i < CSV_MAX_LINE; i++)
        buf_text(&text, "1");
    csv_init(&c, text.data, text.len);
    assert_int_equal(csv_next(&c, &e), 1);
    csv_release(&c);
    buf_text(&text, "1");
    csv_init(&c, text.data, text.len);
    assert_int_equal(csv_next(&c, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    csv_release(&c);
}

static void numbers_are_decimal(void **state)
{
    static const char *const wrong[] = {"", "x", "1x", "0x10", "nan", "inf", "1e999", "1 2", "--1"};
    double n;

    (void)state;
    assert_int_equal(csv_number("-1.5e3", &n), 0);
    assert_true(n < -1499 && n > -1501);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(csv_number(wrong[i], &n), -1);
}

/* ---- traces */

static int read(const char *text, struct trace *ret, struct err *e)
{
    const struct role_settings role = scrape_role();

    return trace_from_csv(text, strlen(text), &role, 1, ret, e);
}

static void assert_trace(const char *text, double duration_s, size_t n,
                         const struct trace_job *jobs)
{
    struct err e = ERR_INIT;
    struct trace t;

    if (read(text, &t, &e))
        fail_msg("%s: %s", text, e.text);
    assert_int_equal(t.n, n);
    assert_true(fabs(t.duration_s - duration_s) < 1e-9);
    for (size_t i = 0; i < n; i++) {
        assert_true(fabs(t.jobs[i].arrives_s - jobs[i].arrives_s) < 1e-6);
        if (isnan(jobs[i].takes_s))
            assert_true(t.jobs[i].takes_s > 0);
        else
            assert_true(fabs(t.jobs[i].takes_s - jobs[i].takes_s) < 1e-9);
    }
    trace_release(&t);
}

static void reads_times_and_seconds(void **state)
{
    (void)state;
    assert_trace("10,2\n12.5,3\n12.5,\n", 2.5, 3,
                 (const struct trace_job[]){{0, 2}, {2.5, 3}, {2.5, NAN}});
    assert_trace("7\n9\n", 2, 2, (const struct trace_job[]){{0, NAN}, {2, NAN}});
    assert_trace("seconds,other,at\n4,x,2026-01-31T10:00:00Z\n5,y,2026-01-31T11:00:01.5+01:00\n",
                 1.5, 2, (const struct trace_job[]){{0, 4}, {1.5, 5}});
}

static void spreads_a_rows_jobs_until_the_next_row(void **state)
{
    (void)state;
    assert_trace("at,jobs,seconds\n0,2,1\n60,0,1\n120,3,2\n", 180, 5,
                 (const struct trace_job[]){{0, 1}, {30, 1}, {120, 2}, {140, 2}, {160, 2}});
    assert_trace("at,jobs\n5,2\n", 0, 2, (const struct trace_job[]){{0, NAN}, {0, NAN}});
}

static void says_what_is_wrong_and_where(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "there are no rows"},
        {"at,jobs\n", "no rows below the header"},
        {"time,jobs\n1,2\n", "line 1: neither begins with a time nor names a column 'at'"},
        {"at,jobs\n1,2\nsoon,2\n", "line 3, at: must be seconds or an RFC 3339 time, is 'soon'"},
        {"at,jobs\n1,1.5\n", "line 2, jobs: must be a whole number, is '1.5'"},
        {"at,jobs\n1,-1\n", "line 2, jobs: must be a whole number"},
        {"1,-2\n", "line 1, seconds: must be seconds a job takes, is '-2'"},
        {"5,1\n4,1\n", "line 2, at: is before the row above it"},
        {"at,jobs\n0,20000001\n1,1\n", "more than 20000000 jobs"},
        {"0,1\n40000000,1\n", "more than a year"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        struct trace t;

        assert_int_equal(read(cases[i].text, &t, &e), -1);
        if (!strstr(e.text, cases[i].says))
            fail_msg("%s: %s", cases[i].text, e.text);
    }
}

/* ---- moments */

static void reads_moments(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"7d", 1000000000000 - 7 * 86400000LL},
                 {"12h", 1000000000000 - 12 * 3600000LL},
                 {"1.5m", 1000000000000 - 90000},
                 {"90s", 1000000000000 - 90000},
                 {"1970-01-02", 86400000},
                 {"1970-01-01T00:00:01+00:00", 1000}};
    static const char *const wrong[] = {"", "7", "7w", "d", "yesterday", "1970-13-01", "99999d"};
    struct err e = ERR_INIT;
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(history_time(cases[i].text, 1000000000000, &ms, &e), 0);
        assert_true(ms == cases[i].ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(history_time(wrong[i], 1000000000000, &ms, &e), -1);
}

static void history_needs_a_query(void **state)
{
    const struct role_settings role = scrape_role();
    struct history h = {.url = "postgres://localhost:1/none", .until_ms = 1000};
    struct err e = ERR_INIT;
    struct trace t;

    (void)state;
    assert_int_equal(history_read(&h, &role, 1, &t, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_non_null(strstr(e.text, "role 'scrape' has no jobs query"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_rows_into_fields),
        cmocka_unit_test(refuses_what_is_no_row),
        cmocka_unit_test(holds_its_limits),
        cmocka_unit_test(numbers_are_decimal),
        cmocka_unit_test(reads_times_and_seconds),
        cmocka_unit_test(spreads_a_rows_jobs_until_the_next_row),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(reads_moments),
        cmocka_unit_test(history_needs_a_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
