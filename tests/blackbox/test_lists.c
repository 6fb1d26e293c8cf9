/*
 * test_lists.c - lists of jobs and statistics, beside whatever else the deployment has and does.
 */
#include "target.h"

#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"

#define OWN_JOBS 5
#define PAGES_MAX 2000
#define AGAIN_MS 20000

/* An image that is refused when it is fetched: cheap, and fails the same everywhere. */
static json_t *refused_image(void)
{
    return json_pack("{s:s, s:i}", "input", "http://127.0.0.1:9/", "width", 10);
}

static json_t *get_json(const char *path)
{
    struct http_answer a;
    json_t *json;

    target_get(path, &a);
    if (a.status != 200)
        fail_msg("GET %s: %ld %s", path, a.status, a.body);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

static json_t *get_job(const char *id)
{
    char path[60];

    snprintf(path, sizeof path, "/jobs/%s", id);
    return get_json(path);
}

/* A time of a job, moved. */
static void time_near(json_t *job, const char *member, int64_t by_ms, char ret[TIMESTAMP_SIZE])
{
    int64_t ms;

    assert_int_equal(clock_parse_timestamp(text_at(job, member), &ms), 0);
    clock_timestamp(ms + by_ms, ret);
}

static bool lists(json_t *page, const char *id)
{
    json_t *job;
    size_t i;

    json_array_foreach(at(page, "jobs"), i, job)
    {
        if (strcmp(text_at(job, "id"), id) == 0)
            return true;
    }
    return false;
}

/* Walks the list by pages: each is newest first and so are they all. own: ids, oldest first, which
 * must be there, each once. */
static void assert_walk(const char *filters, int limit, char *const *own, size_t count)
{
    char path[400], cursor[200] = "", last[UUID_SIZE] = "~";
    size_t left = count;

    for (int pages = 0; pages < PAGES_MAX; pages++) {
        json_t *page, *job, *next;
        size_t i;

        snprintf(path, sizeof path, "/jobs?%s&limit=%d%s%s", filters, limit,
                 *cursor ? "&cursor=" : "", cursor);
        page = get_json(path);
        assert_true(json_array_size(at(page, "jobs")) <= (size_t)limit);
        json_array_foreach(at(page, "jobs"), i, job)
        {
            const char *id = text_at(job, "id");

            assert_true(strcmp(id, last) < 0);
            snprintf(last, sizeof last, "%s", id);
            if (left > 0 && strcmp(id, own[left - 1]) == 0)
                left--;
        }
        next = at(page, "next");
        if (json_is_null(next)) {
            json_decref(page);
            assert_int_equal(left, 0);
            return;
        }
        assert_int_equal(json_array_size(at(page, "jobs")), limit);
        snprintf(cursor, sizeof cursor, "%s", json_string_value(next));
        json_decref(page);
    }
    fail_msg("/jobs?%s has no end", filters);
}

static void jobs_are_listed_newest_first_by_pages(void **state)
{
    char *own[OWN_JOBS], since[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE], filters[200];
    json_t *first, *last;

    (void)state;
    for (size_t i = 0; i < OWN_JOBS; i++)
        own[i] = post_job(job_of(refused_image()));
    first = get_job(own[0]);
    last = get_job(own[OWN_JOBS - 1]);
    time_near(first, "created_at", 0, since);
    time_near(last, "created_at", 1, until);
    snprintf(filters, sizeof filters, "since=%s&until=%s", since, until);
    /* web processes are several, and their clocks may differ: order is that of ids */
    for (size_t i = 1; i < OWN_JOBS; i++)
        for (size_t k = i; k > 0 && strcmp(own[k - 1], own[k]) > 0; k--) {
            char *was = own[k];

            own[k] = own[k - 1];
            own[k - 1] = was;
        }
    if (strcmp(since, until) < 0) {
        assert_walk(filters, 2, own, OWN_JOBS);
        assert_walk(filters, 100, own, OWN_JOBS);
    }
    json_decref(first);
    json_decref(last);
    for (size_t i = 0; i < OWN_JOBS; i++)
        free(own[i]);
}

/* What stands in the list is the job without its images. */
static void a_list_finds_a_job_by_its_state_and_priority(void **state)
{
    json_t *job = run_job(
               json_pack("{s:[o], s:s}", "images", refused_image(), "priority", "interactive")),
           *page, *listed = NULL, *each;
    char since[TIMESTAMP_SIZE], until[TIMESTAMP_SIZE], path[300];
    static const struct {
        const char *filter;
        bool found;
    } cases[] = {{"", true},
                 {"&status=failed", true},
                 {"&status=completed,failed&priority=interactive", true},
                 {"&status=queued,running,completed,cancelled", false},
                 {"&priority=bulk", false},
                 {"&status=failed&priority=bulk", false}};
    size_t i;

    (void)state;
    assert_string_equal(text_at(job, "status"), "failed");
    time_near(job, "created_at", 0, since);
    time_near(job, "created_at", 1, until);
    for (i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "/jobs?since=%s&until=%s%s", since, until, cases[i].filter);
        page = get_json(path);
        if (lists(page, text_at(job, "id")) != cases[i].found)
            fail_msg("%s: %s", path, json_dumps(page, JSON_COMPACT));
        json_decref(page);
    }
    snprintf(path, sizeof path, "/jobs?since=%s&until=%s", since, until);
    page = get_json(path);
    json_array_foreach(at(page, "jobs"), i, each)
    {
        if (strcmp(text_at(each, "id"), text_at(job, "id")) == 0)
            listed = each;
    }
    assert_int_equal(json_object_del(job, "images"), 0);
    assert_true(json_equal(listed, job));
    json_decref(page);
    json_decref(job);
}

/* The parameters named by the faults, with blanks between. */
static void names_of(json_t *problem, char *ret, size_t size)
{
    json_t *fault;
    size_t i, len = 0;

    ret[0] = '\0';
    json_array_foreach(at(problem, "errors"), i, fault)
    {
        len += (size_t)snprintf(ret + len, size - len, "%s%s", i ? " " : "",
                                text_at(fault, "parameter"));
        assert_true(strlen(text_at(fault, "detail")) > 0);
        assert_null(json_object_get(fault, "pointer"));
    }
}

static void every_fault_of_a_query_is_named_at_once(void **state)
{
    static const struct {
        const char *path, *names;
    } cases[] = {
        {"/jobs?status=done&limit=0&sort=id", "sort status limit"},
        {"/jobs?status=failed&status=queued", "status"},
        {"/jobs?status=%66ailed&limit=%zz", "limit"}, /* f, and an escape that is none */
        {"/jobs?status=failed%00queued", "status"},
        {"/jobs?since=yesterday&until=0000-01-01T00:00:00Z", "since until"},
        {"/jobs?since=1h&until=2h", "since"},
        {"/jobs?since=1000000000d", "since"},
        {"/jobs?limit=1000000000", "limit"},
        {"/jobs?%3Cscript%3E=1&%ff=2", "<script> ?"},
        {"/stats?since=1h&until=2h", "since"},
        {"/stats?since=1000000000d&bucket=0s", "since bucket"},
        {"/stats?since=1h&bucket=1s", "bucket"},
        {"/stats?bucket=2d&status=failed", "status bucket"},
    };
    char names[200];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_answer a;

        target_get(cases[i].path, &a);
        assert_problem(&a, 422);
        names_of(a.json, names, sizeof names);
        if (strcmp(names, cases[i].names) != 0)
            fail_msg("%s: %s", cases[i].path, a.body);
        http_answer_release(&a);
    }
}

static void cursors_from_elsewhere_are_refused_by_name(void **state)
{
    char *id = post_job(job_of(refused_image())), path[300], names[100];
    json_t *page;
    const char *next;

    (void)state;
    free(id);
    free(post_job(job_of(refused_image())));
    page = get_json("/jobs?limit=1");
    next = text_at(page, "next");
    for (int i = 0; i < 4; i++) {
        struct http_answer a;

        if (i == 0)
            snprintf(path, sizeof path, "/jobs?cursor=eyJpZCI6MX0");
        else if (i == 1)
            snprintf(path, sizeof path, "/jobs?cursor=%s0", next);
        else if (i == 2)
            snprintf(path, sizeof path, "/jobs?cursor=%s&status=queued", next);
        else
            snprintf(path, sizeof path, "/jobs?cursor=%s&since=1h", next);
        target_get(path, &a);
        assert_problem(&a, 422);
        names_of(a.json, names, sizeof names);
        assert_string_equal(names, "cursor");
        http_answer_release(&a);
    }
    json_decref(page);
}

static void limits_are_those_that_are_described(void **state)
{
    struct http_answer a;
    char path[60];
    json_t *description = get_json("/openapi.json");
    const json_int_t most = int_at(description, "components/parameters/Limit/schema/maximum");

    (void)state;
    snprintf(path, sizeof path, "/jobs?limit=%lld", (long long)most);
    target_get(path, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    snprintf(path, sizeof path, "/jobs?limit=%lld", (long long)most + 1);
    target_get(path, &a);
    assert_problem(&a, 422);
    http_answer_release(&a);
    json_decref(description);
}

static void heads_have_no_body(void **state)
{
    static const char *const paths[] = {"/jobs?limit=1", "/stats?since=10s"};

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *url = target_url(paths[i]);
        struct http_answer a;

        target_send(url, &(struct http_request){.method = "HEAD"}, &a);
        assert_int_equal(a.status, 200);
        assert_int_equal(a.len, 0);
        assert_string_equal(http_header(&a, "content-type"), "application/json");
        assert_true(atoi(http_header(&a, "content-length")) > 0);
        http_answer_release(&a);
        free(url);
    }
}

/* ---- statistics */

static json_int_t sum_of(json_t *list, const char *priority, const char *member)
{
    json_int_t sum = 0;
    json_t *group;
    size_t i;

    json_array_foreach(list, i, group)
    {
        if (strcmp(text_at(group, "priority"), priority) == 0)
            sum += int_at(group, member);
    }
    return sum;
}

static void assert_percentiles(json_t *group)
{
    static const char *const members[] = {"waiting_s", "processing_s", "completion_s"};

    for (size_t i = 0; i < 3; i++) {
        json_t *p = at(group, members[i]);

        if (json_is_null(at(p, "p50"))) {
            assert_true(json_is_null(at(p, "p90")) && json_is_null(at(p, "p99")));
            continue;
        }
        assert_true(json_number_value(at(p, "p50")) >= 0);
        assert_true(json_number_value(at(p, "p50")) <= json_number_value(at(p, "p90")));
        assert_true(json_number_value(at(p, "p90")) <= json_number_value(at(p, "p99")));
    }
}

/* What must hold of any answer. */
static void assert_adds_up(json_t *stats)
{
    static const char *const members[] = {"arrived", "completed", "failed", "cancelled"};
    json_t *totals = at(stats, "totals"), *buckets = at(stats, "buckets"), *group, *failure;
    json_int_t failures = 0;
    size_t i;

    assert_int_equal(json_array_size(totals), 2);
    json_array_foreach(totals, i, group)
    {
        for (size_t m = 0; m < 4; m++)
            assert_int_equal(int_at(group, members[m]),
                             sum_of(buckets, text_at(group, "priority"), members[m]));
        assert_percentiles(group);
    }
    json_array_foreach(buckets, i, group)
    {
        assert_true(int_at(group, "arrived") + int_at(group, "completed") +
                        int_at(group, "failed") + int_at(group, "cancelled") >
                    0);
        assert_percentiles(group);
    }
    json_array_foreach(at(stats, "failures"), i, failure)
    {
        assert_true(strlen(text_at(failure, "code")) > 0);
        failures += int_at(failure, "images");
    }
    assert_int_equal(failures,
                     sum_of(totals, "interactive", "failed") + sum_of(totals, "bulk", "failed"));
}

/* Its images may have ended by a clock that is before the service's: asked until they are over. */
static void statistics_count_what_has_happened(void **state)
{
    const struct timespec between = {1, 0}; /* an answer may be a second old */
    const int64_t end_mono_ms = clock_mono_ms() + AGAIN_MS;
    json_t *job = run_job(json_pack("{s:[o,o]}", "images", refused_image(), refused_image())),
           *stats;
    char since[TIMESTAMP_SIZE], path[200];

    (void)state;
    time_near(job, "created_at", -5000, since);
    snprintf(path, sizeof path, "/stats?since=%s&bucket=1m", since);
    for (;;) {
        stats = get_json(path);
        if (sum_of(at(stats, "totals"), "interactive", "failed") >= 2 ||
            clock_until_ms(end_mono_ms) == 0)
            break;
        json_decref(stats);
        nanosleep(&between, NULL);
    }
    assert_true(sum_of(at(stats, "totals"), "interactive", "failed") >= 2);
    assert_true(sum_of(at(stats, "totals"), "interactive", "arrived") >= 2);
    assert_true(json_is_number(at(stats, "totals/0/completion_s/p99")));
    assert_string_equal(text_at(stats, "since"), since);
    assert_int_equal(int_at(stats, "bucket_s"), 60);
    assert_adds_up(stats);
    json_decref(stats);
    json_decref(job);
}

static void statistics_without_parameters_are_of_the_last_quarter_of_an_hour(void **state)
{
    struct http_answer a;
    int64_t since_ms, until_ms;

    (void)state;
    target_get("/stats", &a);
    if (a.status == 422) { /* a deployment that is busier than it makes statistics of says so */
        assert_non_null(strstr(a.body, "IMAGERESIZE_MAX_STATS"));
        http_answer_release(&a);
        return;
    }
    assert_int_equal(a.status, 200);
    assert_int_equal(clock_parse_timestamp(text_at(a.json, "since"), &since_ms), 0);
    assert_int_equal(clock_parse_timestamp(text_at(a.json, "until"), &until_ms), 0);
    assert_int_equal(until_ms - since_ms, 15 * 60000);
    assert_int_equal(int_at(a.json, "bucket_s"), 10);
    assert_adds_up(a.json);
    http_answer_release(&a);
}

static void other_paths_still_pass_over_what_they_do_not_know(void **state)
{
    struct http_answer a;

    (void)state;
    target_get("/healthz?probe=1&probe=2&%zz", &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
}

int run_list_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_listed_newest_first_by_pages),
        cmocka_unit_test(a_list_finds_a_job_by_its_state_and_priority),
        cmocka_unit_test(every_fault_of_a_query_is_named_at_once),
        cmocka_unit_test(cursors_from_elsewhere_are_refused_by_name),
        cmocka_unit_test(limits_are_those_that_are_described),
        cmocka_unit_test(heads_have_no_body),
        cmocka_unit_test(statistics_count_what_has_happened),
        cmocka_unit_test(statistics_without_parameters_are_of_the_last_quarter_of_an_hour),
        cmocka_unit_test(other_paths_still_pass_over_what_they_do_not_know),
    };

    return cmocka_run_group_tests_name("lists", tests, NULL, NULL);
}
