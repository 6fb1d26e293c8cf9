/* The queries of GET /jobs and GET /stats. */
#include "base/clock.h"
#include "unit.h"
#include "web/job_query.h"
#include "web/stats_query.h"

#define NOW_MS INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z */
#define DAY_MS INT64_C(86400000)

/* "name=value&..." as libmicrohttpd gives them, without escapes. Texts are cut up in place. */
static void take_query(struct parameters *p, char *query)
{
    char *pair;

    while ((pair = strsep(&query, "&"))) {
        char *value = strchr(pair, '=');

        if (value)
            *value++ = '\0';
        parameters_take(p, pair, strlen(pair), value, value ? strlen(value) : 0);
    }
}

/* Adds "parameter: detail" lines of all faults to text. */
static void write_faults(const struct parameters *p, char *text, size_t size)
{
    size_t i, len = 0;
    json_t *fault;

    text[0] = '\0';
    json_array_foreach(p->problems.list, i, fault)
    {
        len += (size_t)snprintf(text + len, size - len, "%s: %s\n",
                                json_string_value(json_object_get(fault, "parameter")),
                                json_string_value(json_object_get(fault, "detail")));
    }
}

static char copy[400], faults[2000];

static int parse_jobs(const char *query, struct job_query *ret)
{
    struct parameters p;
    int rc;

    snprintf(copy, sizeof copy, "%s", query);
    parameters_init(&p, job_query_names);
    take_query(&p, copy);
    rc = job_query_parse(&p, NOW_MS, 100, ret);
    write_faults(&p, faults, sizeof faults);
    parameters_release(&p);
    return rc;
}

static int parse_stats(const char *query, struct stats_query *ret)
{
    struct parameters p;
    int rc;

    snprintf(copy, sizeof copy, "%s", query);
    parameters_init(&p, stats_query_names);
    take_query(&p, copy);
    rc = stats_query_parse(&p, NOW_MS, ret);
    write_faults(&p, faults, sizeof faults);
    parameters_release(&p);
    return rc;
}

/* ---- jobs */

static void without_parameters_all_jobs_are_listed(void **state)
{
    struct job_query q;

    (void)state;
    assert_int_equal(parse_jobs("", &q), 0);
    assert_string_equal(q.statuses, "{queued,running,completed,failed,cancelled}");
    assert_string_equal(q.priorities, "{interactive,bulk}");
    assert_string_equal(q.from, "00000000-0000-0000-0000-000000000000");
    assert_string_equal(q.before, "ffffffff-ffff-ffff-ffff-ffffffffffff");
    assert_int_equal(q.limit, 50);
}

static void filters_are_states_priorities_and_times(void **state)
{
    struct job_query q;
    char wanted[UUID_SIZE];

    (void)state;
    assert_int_equal(parse_jobs("status=failed,queued,failed&priority=bulk&since=15m&limit=100&"
                                "until=2026-01-02T03:04:05Z",
                                &q),
                     0);
    assert_string_equal(q.statuses, "{queued,failed}");
    assert_string_equal(q.priorities, "{bulk}");
    assert_int_equal(q.limit, 100);
    uuid_least(NOW_MS - 15 * 60000, wanted);
    assert_string_equal(q.from, wanted);
    uuid_least(NOW_MS - 678, wanted);
    assert_string_equal(q.before, wanted);
}

static void moments_are_times_or_spans_back(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"90s", NOW_MS - 90000},
        {"24h", NOW_MS - DAY_MS},
        {"7d", NOW_MS - 7 * DAY_MS},
        {"20000d", NOW_MS - 20000 * DAY_MS},
        {"2026-01-02T03:04:05.678Z", NOW_MS},
        {"2026-01-02T05:04:05.678+02:00", NOW_MS},
        {"2026-01-02T05:04:05.678 02:00", NOW_MS}, /* what a "+" becomes */
        {"1970-01-01T00:00:00Z", 0},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char query[80], wanted[UUID_SIZE];
        struct job_query q;

        snprintf(query, sizeof query, "since=%s", cases[i].text);
        if (parse_jobs(query, &q))
            fail_msg("%s: %s", query, faults);
        uuid_least(cases[i].ms, wanted);
        assert_string_equal(q.from, wanted);
    }
}

static void every_fault_of_a_query_is_told_at_once(void **state)
{
    static const struct {
        const char *query, *faults;
    } cases[] = {
        {"status=failed&status=done&limit=0&order=asc&since=x",
         "status: is given more than once\n"
         "order: unknown parameter; there are status, priority, since, until, limit, cursor\n"
         "limit: must be 1..100\n"
         "since: must be a time from 1970 to 9999"},
        {"status=", "status: must be one or several of"},
        {"status", "status: must be one or several of"},
        {"status=failed,", "status: must be one or several of"},
        {"status=Failed", "status: must be one or several of"},
        {"status=failed, queued", "status: must be one or several of"},
        {"status=%zz", "status: holds a percent-escape that is none\n"},
        {"priority=urgent", "priority: must be interactive or bulk"},
        {"limit=101", "limit: must be 1..100\n"},
        {"limit=-1", "limit: must be 1..100\n"},
        {"limit=1e1", "limit: must be 1..100\n"},
        {"limit=99999999999999999999", "limit: must be 1..100\n"},
        {"since=0000-01-01T00:00:00Z", "since: must be a time from 1970 to 9999"},
        {"since=9999-12-31T23:59:59-00:01", "since: must be a time from 1970 to 9999"},
        {"since=2026-13-01T00:00:00Z", "since: must be a time from 1970 to 9999"},
        {"since=1970-01-01T00:00:00+01:00", "since: must be a time from 1970 to 9999"},
        {"since=1000000000d", "since: must not be before 1970\n"},
        {"since=99999999999d", "since: must be a time from 1970 to 9999"},
        {"since=0s", "since: must be a time from 1970 to 9999"},
        {"since=15", "since: must be a time from 1970 to 9999"},
        {"since=15mm", "since: must be a time from 1970 to 9999"},
        {"since=-15m", "since: must be a time from 1970 to 9999"},
        {"since=2026-01-02T03:04:05Z                              ",
         "since: must be a time from 1970 to 9999"},
        {"since=10m&until=15m", "since: must be before until\n"},
        {"since=15m&until=15m", "since: must be before until\n"},
        {"cursor=", "cursor: must be one that an answer of this list gave as next\n"},
        {"cursor=MTIz", "cursor: must be one that an answer of this list gave as next\n"},
        {"x=1&y=2", "x: unknown parameter; there are status, priority, since, until, limit, "
                    "cursor\ny: unknown"},
        {"=1", ": unknown parameter"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job_query q;

        assert_int_equal(parse_jobs(cases[i].query, &q), -1);
        if (strncmp(faults, cases[i].faults, strlen(cases[i].faults)) != 0)
            fail_msg("%s: %s", cases[i].query, faults);
    }
}

static void a_value_with_a_nul_in_it_is_not_cut_there(void **state)
{
    struct parameters p;
    struct job_query q;

    (void)state;
    parameters_init(&p, job_query_names);
    parameters_take(&p, "status", 6, "failed\0x", 8);
    parameters_take(&p, "limit\0x", 7, "1", 1);
    assert_int_equal(job_query_parse(&p, NOW_MS, 100, &q), -1);
    assert_int_equal(p.problems.count, 2);
    parameters_release(&p);
}

static void limits_below_the_default_are_the_default(void **state)
{
    struct parameters p;
    struct job_query q;

    (void)state;
    parameters_init(&p, job_query_names);
    assert_int_equal(job_query_parse(&p, NOW_MS, 7, &q), 0);
    assert_int_equal(q.limit, 7);
    parameters_release(&p);
}

#define LAST "0192a1b2-c3d4-7e5f-8071-92a3b4c5d6e7"

static void a_cursor_leads_to_what_comes_after(void **state)
{
    static const char filters[] = "status=failed&since=15m";
    struct job_query first, second;
    char cursor[CURSOR_SIZE], query[200];

    (void)state;
    assert_int_equal(parse_jobs(filters, &first), 0);
    job_query_next(&first, LAST, cursor);
    assert_int_equal(strlen(cursor), CURSOR_SIZE - 1);
    snprintf(query, sizeof query, "%s&limit=7&cursor=%s", filters, cursor);
    if (parse_jobs(query, &second))
        fail_msg("%s", faults);
    assert_string_equal(second.before, LAST);
    assert_string_equal(second.from, first.from);
    assert_string_equal(second.statuses, first.statuses);
    assert_int_equal(second.limit, 7);
}

/* Half an hour on, 15 minutes ago is another time, and the list is the same. */
static void a_cursor_keeps_the_start_of_its_list(void **state)
{
    struct job_query first, second;
    struct parameters p;
    char cursor[CURSOR_SIZE];

    (void)state;
    assert_int_equal(parse_jobs("since=15m&until=2026-01-02T03:04:05Z", &first), 0);
    job_query_next(&first, LAST, cursor);
    parameters_init(&p, job_query_names);
    parameters_take(&p, "since", 5, "15m", 3);
    parameters_take(&p, "until", 5, "2026-01-02T03:04:05Z", 20);
    parameters_take(&p, "cursor", 6, cursor, strlen(cursor));
    assert_int_equal(job_query_parse(&p, NOW_MS + 1800000, 100, &second), 0);
    assert_string_equal(second.from, first.from);
    parameters_release(&p);
}

static void a_cursor_goes_with_its_own_filters_alone(void **state)
{
    static const char *const others[] = {"",
                                         "status=failed",
                                         "status=failed&since=15m&priority=bulk",
                                         "status=failed,queued&since=15m",
                                         "status=failed&since=16m",
                                         "status=failed&since=15m&until=1m",
                                         "status=failed&until=15m"};
    struct job_query q;
    char cursor[CURSOR_SIZE], query[200];

    (void)state;
    assert_int_equal(parse_jobs("status=failed&since=15m", &q), 0);
    job_query_next(&q, LAST, cursor);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(query, sizeof query, "%s&cursor=%s", others[i], cursor);
        assert_int_equal(parse_jobs(query, &q), -1);
        if (strncmp(faults, "cursor: belongs to a list with other filters", 44) != 0)
            fail_msg("%s: %s", query, faults);
    }
}

static void a_cursor_with_any_byte_changed_is_none(void **state)
{
    struct job_query q;
    char cursor[CURSOR_SIZE], query[200];

    (void)state;
    assert_int_equal(parse_jobs("", &q), 0);
    job_query_next(&q, LAST, cursor);
    for (size_t i = 0; cursor[i]; i++) {
        const char was = cursor[i];

        cursor[i] = was == '0' ? '1' : '0';
        snprintf(query, sizeof query, "cursor=%s", cursor);
        assert_int_equal(parse_jobs(query, &q), -1);
        assert_memory_equal(faults, "cursor: must be one", 19);
        cursor[i] = was;
    }
    snprintf(query, sizeof query, "cursor=%.*s", CURSOR_SIZE - 2, cursor);
    assert_int_equal(parse_jobs(query, &q), -1);
    snprintf(query, sizeof query, "cursor=%s0", cursor);
    assert_int_equal(parse_jobs(query, &q), -1);
}

/* ---- statistics */

static void statistics_are_of_a_quarter_of_an_hour_unless_asked_otherwise(void **state)
{
    struct stats_query q;

    (void)state;
    assert_int_equal(parse_stats("", &q), 0);
    assert_int_equal(q.since_ms, NOW_MS - 15 * 60000);
    assert_int_equal(q.until_ms, NOW_MS);
    assert_int_equal(q.bucket_ms, 10000);
    assert_int_equal(stats_query_buckets(&q), 91); /* it begins within one */
}

static void buckets_are_round_and_about_90(void **state)
{
    static const struct {
        const char *since;
        int bucket_s;
    } cases[] = {{"10s", 1},
                 {"90s", 1},
                 {"91s", 2},
                 {"1h", 60},
                 {"24h", 1800},
                 {"7d", 7200},
                 {"90d", DAY_MS / 1000},
                 {"1000d", DAY_MS / 1000}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char query[40];
        struct stats_query q;

        snprintf(query, sizeof query, "since=%s", cases[i].since);
        assert_int_equal(parse_stats(query, &q), 0);
        if (q.bucket_ms != cases[i].bucket_s * INT64_C(1000))
            fail_msg("%s: %lld", cases[i].since, (long long)q.bucket_ms);
        assert_true(stats_query_buckets(&q) <= STATS_BUCKETS_MAX + 1);
    }
}

static void a_thousand_buckets_and_no_more(void **state)
{
    static const struct {
        const char *query, *faults;
    } cases[] = {
        {"since=1000s&bucket=1s", ""},
        {"since=1001s&bucket=1s",
         "bucket: must be at least 2s for this range: there are at most 1000 buckets\n"},
        {"since=1001s&bucket=2s", ""},
        {"since=1000d&bucket=1d", ""},
        {"since=1001d", "since: must be at most 1000 days before until\n"},
        {"since=1001d&until=2d", ""},
        {"bucket=24h", ""},
        {"bucket=86401s", "bucket: must be 1s..1d"},
        {"bucket=0s", "bucket: must be 1s..1d"},
        {"bucket=500ms", "bucket: must be 1s..1d"},
        {"bucket=10", "bucket: must be 1s..1d"},
        {"bucket=9999999999d", "bucket: must be 1s..1d"},
        {"since=2999-01-01T00:00:00Z", "since: must be before now\n"},
        {"since=1m&until=1h", "since: must be before until\n"},
        {"until=9999-01-01T00:00:00Z", "since: must be at most 1000 days before until\n"},
        {"limit=1&since=x&bucket=y", "limit: unknown parameter; there are since, until, bucket\n"
                                     "since: must be a time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct stats_query q;
        const int rc = parse_stats(cases[i].query, &q);

        assert_int_equal(rc, cases[i].faults[0] ? -1 : 0);
        if (strncmp(faults, cases[i].faults, strlen(cases[i].faults)) != 0)
            fail_msg("%s: %s", cases[i].query, faults);
    }
}

static void equal_questions_have_equal_keys(void **state)
{
    struct stats_query a, b;

    (void)state;
    assert_int_equal(parse_stats("since=1h&bucket=1m", &a), 0);
    assert_int_equal(parse_stats("bucket=1m&since=1h", &b), 0);
    assert_string_equal(a.key, b.key);
    assert_int_equal(parse_stats("since=1h&until=1m", &b), 0);
    assert_string_not_equal(a.key, b.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_parameters_all_jobs_are_listed),
        cmocka_unit_test(filters_are_states_priorities_and_times),
        cmocka_unit_test(moments_are_times_or_spans_back),
        cmocka_unit_test(every_fault_of_a_query_is_told_at_once),
        cmocka_unit_test(a_value_with_a_nul_in_it_is_not_cut_there),
        cmocka_unit_test(limits_below_the_default_are_the_default),
        cmocka_unit_test(a_cursor_leads_to_what_comes_after),
        cmocka_unit_test(a_cursor_keeps_the_start_of_its_list),
        cmocka_unit_test(a_cursor_goes_with_its_own_filters_alone),
        cmocka_unit_test(a_cursor_with_any_byte_changed_is_none),
        cmocka_unit_test(statistics_are_of_a_quarter_of_an_hour_unless_asked_otherwise),
        cmocka_unit_test(buckets_are_round_and_about_90),
        cmocka_unit_test(a_thousand_buckets_and_no_more),
        cmocka_unit_test(equal_questions_have_equal_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
