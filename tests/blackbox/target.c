#include "target.h"

#include <curl/curl.h>
#include <time.h>

#include "base/clock.h"

#define COLD_START_MS 60000
#define JOB_MS 120000

static const char *target;
static const char *sources;

/* One try that may fail, unlike http_send(): the deployment may still be starting. */
static bool answers(const char *url)
{
    CURL *curl = curl_easy_init();
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 10000L);
    curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status == 200;
}

void target_init(void)
{
    const struct timespec between = {0, 200000000}; /* a poll of something that tells no event */
    int64_t deadline = clock_mono_ms() + COLD_START_MS;
    char *url;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    target = getenv("IMAGERESIZE_TEST_TARGET");
    sources = getenv("IMAGERESIZE_TEST_SOURCES");
    if (!target || !*target) {
        fprintf(stderr, "IMAGERESIZE_TEST_TARGET: set it to the address of a deployment\n");
        exit(2);
    }
    if (sources && !*sources)
        sources = NULL;
    url = target_url("/readyz");
    while (!answers(url)) {
        if (clock_mono_ms() > deadline) {
            fprintf(stderr, "%s is not ready after %d s\n", url, COLD_START_MS / 1000);
            exit(2);
        }
        nanosleep(&between, NULL);
    }
    free(url);
}

bool target_has_sources(void)
{
    return sources != NULL;
}

static char *join(const char *a, const char *b)
{
    size_t len = strlen(a);
    char *text;

    while (len && a[len - 1] == '/')
        len--;
    assert_true(asprintf(&text, "%.*s%s", (int)len, a, b) > 0);
    return text;
}

char *target_url(const char *path)
{
    return join(target, path);
}

char *source_url(const char *name)
{
    char *path, *url;

    assert_non_null(sources);
    assert_true(asprintf(&path, "/%s", name) > 0);
    url = join(sources, path);
    free(path);
    return url;
}

char *sample_url(size_t i)
{
    static json_t *index; /* ["a.jpg", ...], in /static/samples */
    char *path, *url;

    if (!index) {
        struct http_answer a;

        target_get("/static/samples/index.json", &a);
        assert_int_equal(a.status, 200);
        index = json_incref(a.json);
        assert_true(json_array_size(index) >= 3);
        http_answer_release(&a);
    }
    assert_true(asprintf(&path, "/static/samples/%s",
                         json_string_value(json_array_get(index, i % json_array_size(index)))) > 0);
    url = target_url(path);
    free(path);
    return url;
}

void target_get(const char *path, struct http_answer *ret)
{
    char *url = target_url(path);

    http_send(url, NULL, ret);
    free(url);
}

void target_post(const char *path, const char *body, struct http_answer *ret)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char *url = target_url(path);

    http_send(url, &(struct http_request){.body = body, .headers = headers}, ret);
    free(url);
}

char *post_job(json_t *body)
{
    char *text = json_dumps(body, JSON_COMPACT), *id;
    struct http_answer a;

    assert_non_null(text);
    json_decref(body);
    target_post("/jobs", text, &a);
    if (a.status != 202 && a.status != 200)
        fail_msg("POST /jobs %s: %ld %s", text, a.status, a.body);
    id = strdup(text_at(a.json, "id"));
    http_answer_release(&a);
    free(text);
    return id;
}

json_t *wait_job(const char *id)
{
    static const char *const headers[] = {"Prefer: wait=10", NULL};
    int64_t deadline = clock_mono_ms() + JOB_MS;
    char *path, *url;

    assert_true(asprintf(&path, "/jobs/%s", id) > 0);
    url = target_url(path);
    for (;;) {
        struct http_answer a;
        json_t *job;

        http_send(url, &(struct http_request){.headers = headers}, &a);
        assert_int_equal(a.status, 200);
        job = json_incref(a.json);
        http_answer_release(&a);
        if (json_is_string(at(job, "completed_at")) || json_is_string(at(job, "failed_at"))) {
            free(path);
            free(url);
            return job;
        }
        if (clock_mono_ms() > deadline)
            fail_msg("job %s has not ended: %s", id, json_dumps(job, JSON_COMPACT));
        json_decref(job);
    }
}

json_t *run_job(json_t *body)
{
    char *id = post_job(body);
    json_t *job = wait_job(id);

    free(id);
    return job;
}

json_t *job_of(json_t *image)
{
    assert_non_null(image);
    return json_pack("{s:[o]}", "images", image);
}

json_t *at(json_t *json, const char *path)
{
    char *copy = strdup(path), *rest = copy, *key;
    json_t *value = json;

    while ((key = strsep(&rest, "/")))
        value = json_is_array(value) ? json_array_get(value, (size_t)atoi(key))
                                     : json_object_get(value, key);
    free(copy);
    if (!value)
        fail_msg("no %s in %s", path, json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY));
    return value;
}

const char *text_at(json_t *json, const char *path)
{
    json_t *value = at(json, path);

    if (!json_is_string(value))
        fail_msg("%s is no text in %s", path, json_dumps(json, JSON_COMPACT));
    return json_string_value(value);
}

json_int_t int_at(json_t *json, const char *path)
{
    json_t *value = at(json, path);

    if (!json_is_integer(value))
        fail_msg("%s is no whole number in %s", path, json_dumps(json, JSON_COMPACT));
    return json_integer_value(value);
}

void assert_problem(const struct http_answer *a, int status)
{
    const char *type = http_header(a, "content-type");

    if (a->status != status)
        fail_msg("status %ld instead of %d: %s", a->status, status, a->body);
    assert_non_null(type);
    assert_string_equal(type, "application/problem+json");
    assert_non_null(a->json);
    assert_int_equal(int_at(a->json, "status"), status);
    assert_true(strncmp(text_at(a->json, "type"), "/problems/", 10) == 0);
    assert_true(strlen(text_at(a->json, "title")) > 0);
    assert_true(strlen(text_at(a->json, "detail")) > 0);
    assert_non_null(http_header(a, "x-request-id"));
}
