#include "target.h"

#include <curl/curl.h>
#include <stdarg.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"

#define COLD_START_MS 60000
#define NAME_MS                                                                                    \
    5000 /* a name server may be cold too; one that knows no such name will not change */
#define AGAIN_MS 120000
#define JOB_MS 120000
#define BULK_JOB_MS 900000

static const char *target;
static const char *sources;
static char run[32];

/* ---- finding it */

/* One look at /readyz, which may fail, unlike http_send(). */
struct look {
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    long status;
    char *redirect; /* new, or NULL */
    struct buf body;
};

static void look_release(struct look *l)
{
    free(l->redirect);
    buf_release(&l->body);
}

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

static void look_at(const char *url, struct look *ret)
{
    CURL *curl = curl_easy_init();
    char *redirect = NULL;

    *ret = (struct look){.body = {.max_bytes = 1 << 20}};
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CAINFO, http_ca_file());
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     30000L); /* a router holds a request while it starts */
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, ret->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &ret->body);
    ret->code = curl_easy_perform(curl);
    if (!ret->error[0])
        snprintf(ret->error, sizeof ret->error, "%s", curl_easy_strerror(ret->code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
    curl_easy_getinfo(curl, CURLINFO_REDIRECT_URL, &redirect);
    ret->redirect = redirect ? strdup(redirect) : NULL;
    curl_easy_cleanup(curl);
}

static void give_up(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void give_up(const char *fmt, ...)
{
    va_list args;

    fprintf(stderr, "IMAGERESIZE_TEST_TARGET: ");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

bool may_pass(long status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* Ends the program at what waiting does not change. */
static void give_up_on_others(const char *url, const struct look *l, bool is_late)
{
    if (l->code == CURLE_URL_MALFORMAT)
        give_up("'%s' is not an address", target);
    if (l->code == CURLE_COULDNT_RESOLVE_HOST && is_late)
        give_up("%s: %s", target, l->error);
    if (l->code == CURLE_PEER_FAILED_VERIFICATION || l->code == CURLE_SSL_CACERT_BADFILE)
        give_up("%s: %s (SSL_CERT_FILE names other authorities)", target, l->error);
    if (l->code)
        return;
    if (l->redirect)
        give_up("%s leads to %s: name the address it leads to", url, l->redirect);
    if (l->status != 200 && !may_pass(l->status))
        give_up("%s answers %ld: this is no imageresize, or not all of its address", url,
                l->status);
}

/* Whether it is ready and has all it needs; that of another service ends the program. */
static bool is_ready(const char *url, const struct look *l)
{
    json_t *json;
    const char *postgres, *broker;
    bool up;

    if (l->code || l->status != 200)
        return false;
    json = l->body.data ? json_loadb(l->body.data, l->body.len, 0, NULL) : NULL;
    postgres = json_string_value(json_object_get(json, "postgres"));
    broker = json_string_value(json_object_get(json, "broker"));
    if (!postgres || !broker)
        give_up("%s answers 200, but not as imageresize does", url);
    up = strcmp(postgres, "up") == 0 && strcmp(broker, "up") == 0;
    json_decref(json);
    return up;
}

static void wait_until_ready(const char *url)
{
    const struct timespec between = {0, 200000000}; /* a poll of something that tells no event */
    int64_t began_mono_ms = clock_mono_ms();

    for (;;) {
        struct look l;
        int64_t took_ms;
        bool ready;

        look_at(url, &l);
        took_ms = clock_mono_ms() - began_mono_ms;
        give_up_on_others(url, &l, took_ms > NAME_MS);
        ready = is_ready(url, &l);
        if (!ready && took_ms > COLD_START_MS) {
            if (l.code)
                give_up("%s is not reached in %d s: %s", target, COLD_START_MS / 1000, l.error);
            give_up("%s is not ready after %d s: %ld %.500s", url, COLD_START_MS / 1000, l.status,
                    l.body.data ? l.body.data : "");
        }
        look_release(&l);
        if (ready)
            return;
        nanosleep(&between, NULL);
    }
}

void target_init(void)
{
    char id[UUID_SIZE], *url;

    curl_global_init(CURL_GLOBAL_DEFAULT);
    target = getenv("IMAGERESIZE_TEST_TARGET");
    sources = getenv("IMAGERESIZE_TEST_SOURCES");
    if (!target || !*target)
        give_up("set it to the address of a deployment");
    if (strncmp(target, "http://", 7) != 0 && strncmp(target, "https://", 8) != 0)
        give_up("'%s' does not begin with http:// or https://", target);
    if (sources && !*sources)
        sources = NULL;
    url = target_url("/readyz");
    wait_until_ready(url);
    free(url);
    uuid_make(id);
    snprintf(run, sizeof run, "blackbox-%.8s%.8s", id, id + UUID_SIZE - 9);
    printf("%s against %s\n", run, target);
}

const char *target_run(void)
{
    return run;
}

/* ---- addresses */

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

/* ---- requests */

/* As long as the answer asks for, within reason. */
static void wait_as_told(const struct http_answer *a)
{
    const char *header = http_header(a, "retry-after");
    int s = header ? atoi(header) : 1;

    nanosleep(&(struct timespec){s < 1 ? 1 : s > 30 ? 30 : s, 0}, NULL);
}

void target_send(const char *url, const struct http_request *request, struct http_answer *ret)
{
    int64_t end_mono_ms = clock_mono_ms() + AGAIN_MS;

    for (;;) {
        http_send(url, request, ret);
        if (!may_pass(ret->status) || clock_until_ms(end_mono_ms) == 0)
            return;
        wait_as_told(ret);
        http_answer_release(ret);
    }
}

void target_get(const char *path, struct http_answer *ret)
{
    char *url = target_url(path);

    target_send(url, NULL, ret);
    free(url);
}

void target_post(const char *path, const char *body, struct http_answer *ret)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char *url = target_url(path);

    target_send(url, &(struct http_request){.body = body, .headers = headers}, ret);
    free(url);
}

/* ---- jobs */

char *post_job(json_t *body)
{
    char *text, *id;
    struct http_answer a;

    if (!json_object_get(body, "metadata"))
        json_object_set_new(body, "metadata", json_pack("{s:s}", "test_run", run));
    text = json_dumps(body, JSON_COMPACT);
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
    int64_t began_mono_ms = clock_mono_ms();
    char *path, *url;

    assert_true(asprintf(&path, "/jobs/%s", id) > 0);
    url = target_url(path);
    for (;;) {
        struct http_answer a;
        json_t *job;
        bool bulk;

        target_send(url, &(struct http_request){.headers = headers}, &a);
        assert_int_equal(a.status, 200);
        job = json_incref(a.json);
        http_answer_release(&a);
        if (json_is_string(at(job, "completed_at")) || json_is_string(at(job, "failed_at")) ||
            json_is_string(at(job, "cancelled_at"))) {
            free(path);
            free(url);
            return job;
        }
        bulk = strcmp(text_at(job, "priority"), "bulk") == 0;
        if (clock_mono_ms() - began_mono_ms > (bulk ? BULK_JOB_MS : JOB_MS))
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

/* ---- what answers hold */

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

/* A number, or the first one in a text. */
static size_t number_at(json_t *json, const char *path)
{
    json_t *value = at(json, path);
    const char *text = json_string_value(value);
    long long n = text ? atoll(text + strcspn(text, "0123456789")) : json_integer_value(value);

    assert_true(n > 0);
    return (size_t)n;
}

const struct target_limits *target_limits(void)
{
    static struct target_limits limits;
    struct http_answer a;
    json_t *schemas, *image, *job;

    if (limits.body_bytes)
        return &limits;
    target_get("/openapi.json", &a);
    assert_int_equal(a.status, 200);
    schemas = at(a.json, "components/schemas");
    job = at(schemas, "JobRequest/properties");
    image = at(schemas, "ImageRequest/properties");
    limits.images = number_at(job, "images/maxItems");
    limits.metadata_bytes = number_at(job, "metadata/description");
    limits.outputs = number_at(image, "outputs/maxItems");
    limits.url_bytes = number_at(image, "input/maxLength");
    limits.ref_bytes = number_at(image, "ref/maxLength");
    limits.side_px = (int)number_at(image, "width/maximum");
    limits.body_bytes =
        number_at(json_object_get(at(a.json, "paths"), "/jobs"), "post/requestBody/description");
    http_answer_release(&a);
    return &limits;
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
