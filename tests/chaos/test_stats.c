/*
 * test_stats.c - statistics of many images: asked for by many at once, and of too many.
 */
#include "chaos.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/buf.h"

#define PAGES 40
#define LONG_AGO "9000 days" /* when nothing else has happened */

/* n jobs of one image, a second after the other, with ids of their time. */
static void fill(int n)
{
    char sql[1600];

    snprintf(sql, sizeof sql,
             "WITH made AS (SELECT at, lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, "
             "'0') AS h FROM (SELECT now() - interval '" LONG_AGO "' + n * interval '1 second' AS "
             "at FROM generate_series(1, %d) AS n) AS x), "
             "jobs_made AS (INSERT INTO jobs (id, status, priority, created_at, completed_at, "
             "total, queued, completed) SELECT (substr(h, 1, 8) || '-' || substr(h, 9) || "
             "'-7000-8000-000000000001')::uuid, 'completed', 'bulk', at, at, 1, 0, 1 FROM made "
             "RETURNING id, created_at) "
             "INSERT INTO images (id, job, position, input, parameters, status, created_at, "
             "started_at, completed_at) SELECT gen_random_uuid(), id, 0, 'https://a.example/', "
             "'{}', 'completed', created_at, created_at, created_at FROM jobs_made",
             n);
    free(sql_text(sql));
}

static void empty(void)
{
    free(sql_text("DELETE FROM jobs WHERE created_at < now() - interval '8000 days'"));
}

#define QUESTION "/stats?since=9001d&until=8998d"

static size_t keep_body(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

struct page {
    pthread_t thread;
    long status;
    struct buf body;
};

/* Not http_send(): cmocka's asserts belong to the main thread. */
static void *ask(void *arg)
{
    struct page *page = arg;
    CURL *curl = curl_easy_init();
    char url[400];

    snprintf(url, sizeof url, "%s" QUESTION, getenv("IMAGERESIZE_TEST_TARGET"));
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &page->body);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &page->status);
    curl_easy_cleanup(curl);
    return NULL;
}

/* A question says when it was put: "8998d" is another time for each. */
static void many_pages_cost_one_question(void **state)
{
    static struct page pages[PAGES];
    json_t *different = json_object();

    (void)state;
    fill(STATS_MAX / 2);
    for (int i = 0; i < PAGES; i++)
        assert_int_equal(pthread_create(&pages[i].thread, NULL, ask, &pages[i]), 0);
    for (int i = 0; i < PAGES; i++) {
        json_t *json;

        pthread_join(pages[i].thread, NULL);
        assert_int_equal(pages[i].status, 200);
        json = json_loadb(pages[i].body.data, pages[i].body.len, 0, NULL);
        json_object_set(different, json_string_value(json_object_get(json, "until")), json_true());
        assert_int_equal(json_integer_value(json_object_get(
                             json_array_get(json_object_get(json, "totals"), 1), "completed")),
                         STATS_MAX / 2);
        json_decref(json);
        buf_release(&pages[i].body);
    }
    /* Two, should the first answer have been old before the last had asked. */
    assert_in_range(json_object_size(different), 1, 2);
    json_decref(different);
    empty();
}

static void statistics_of_too_much_are_refused_by_the_settings_name(void **state)
{
    struct http_answer a;
    char url[400];

    (void)state;
    for (int more = 0; more <= 1; more++) {
        fill(STATS_MAX / 2 + more); /* a job and an image each */
        snprintf(url, sizeof url, "%s" QUESTION "&bucket=%dh", getenv("IMAGERESIZE_TEST_TARGET"),
                 1 + more); /* another question: an answer is kept for a while */
        http_send(url, NULL, &a);
        assert_int_equal(a.status, more ? 422 : 200);
        assert_true(!more == !strstr(a.body, "IMAGERESIZE_MAX_STATS"));
        assert_true(!more ==
                    !strstr(a.body, "\"parameter\":\"since\"")); /* as the page looks for */
        http_answer_release(&a);
        empty();
    }
}

int run_stats_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_pages_cost_one_question),
        cmocka_unit_test(statistics_of_too_much_are_refused_by_the_settings_name),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
