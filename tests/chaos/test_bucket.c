/*
 * test_bucket.c - a result store in a bucket that is away in every way there is: each image is
 * tried again, ends as store_failed when that goes on, and well when the bucket comes back in
 * between. A worker of our own takes the place of formation's resize workers; its bucket is on the
 * S3 server of tests/s3, which falls ill on command. Needs `npm install` there.
 */
#include "chaos.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "child.h"

#define ATTEMPTS 5 /* as main.c has it */
#define PATIENCE_MS 30000L

static struct child server = {.pid = -1, .stdin_fd = -1};
static pid_t worker = -1;

/* ---- the bucket */

static size_t keep_body(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

/* Whether the server has that illness: it says so, or takes no connection. */
static bool bucket_is(const char *illness)
{
    AUTO(buf_release) struct buf said = BUF_INIT;
    CURL *curl = curl_easy_init();
    char url[200];
    CURLcode code;

    snprintf(url, sizeof url, "%s/illness", server.line);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, PATIENCE_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &said);
    code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    if (strcmp(illness, "refuse") == 0)
        return code == CURLE_COULDNT_CONNECT;
    return code == CURLE_OK && said.data && strcmp(said.data, illness) == 0;
}

/* Tells the server, and waits until it does so. */
static void bucket_becomes(const char *illness)
{
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    assert_true(dprintf(server.stdin_fd, "%s\n", illness) > 0);
    while (!bucket_is(illness)) {
        if (clock_mono_ms() > deadline)
            fail_msg("the bucket does not become '%s'", illness);
        look_again();
    }
}

/* ---- the worker */

static void log_path(char *ret, size_t size)
{
    snprintf(ret, size, "%s/bucket-worker.log", system_dir());
}

static void be_the_worker(void)
{
    char program[128], log[128];
    int fd;

    setenv("BUCKETEER_BUCKET_NAME", "images", 1);
    setenv("BUCKETEER_AWS_REGION", "eu-north-1", 1);
    setenv("BUCKETEER_AWS_ACCESS_KEY_ID", "S3RVER", 1);
    setenv("BUCKETEER_AWS_SECRET_ACCESS_KEY", "S3RVER", 1);
    setenv("IMAGERESIZE_S3_ENDPOINT", server.line, 1);
    setenv("IMAGERESIZE_STORE_PATIENCE", "1", 1);
    log_path(log, sizeof log);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    snprintf(program, sizeof program, "%s/app/dist/bin/imageresize-resize", system_dir());
    execl(program, program, "--role", "resize", (char *)NULL);
    _exit(127);
}

static int start_worker(void **state)
{
    char folder[128];

    (void)state;
    snprintf(folder, sizeof folder, "%s/bucket", system_dir());
    if (child_start((const char *[]){"node", SOURCE_DIR "/tests/s3/server.js", folder, NULL},
                    &server))
        return -1;
    stop_all_of("resize");
    fflush(NULL);
    worker = fork();
    if (worker == 0)
        be_the_worker();
    return worker > 0 ? 0 : -1;
}

static int stop_worker(void **state)
{
    (void)state;
    if (worker > 0) {
        kill(worker, SIGKILL);
        waitpid(worker, NULL, 0);
    }
    child_stop(&server);
    system_scale("resize", 2);
    return 0;
}

static int worker_said(const char *text)
{
    char path[128], line[10000];
    int n = 0;
    FILE *file;

    log_path(path, sizeof path);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        n += strstr(line, text) != NULL;
    fclose(file);
    return n;
}

/* ---- what a client sees */

static json_t *get_json(const char *path)
{
    char url[256];
    struct http_answer a;
    json_t *json;

    snprintf(url, sizeof url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), path);
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

/* The image of a job that has ended, new. */
static json_t *image_of(const char *job)
{
    char path[64];
    json_t *json, *image;

    assert_true(job_ends(job, 60000));
    snprintf(path, sizeof path, "/jobs/%s", job);
    json = get_json(path);
    image = json_incref(json_array_get(json_object_get(json, "images"), 0));
    json_decref(json);
    assert_non_null(image);
    return image;
}

static const char *text_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

/* It is completed, after so many tries at the least, and the bucket gives its output to anybody. */
static void assert_stored(const char *job, int attempts)
{
    json_t *image = image_of(job);
    struct http_answer a;

    assert_string_equal(text_in(image, "status"), "completed");
    assert_true(json_integer_value(json_object_get(image, "attempts")) >= attempts);
    http_send(text_in(json_object_get(image, "result"), "output"), NULL, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
    json_decref(image);
}

static void wait_until_tried_again(const char *job)
{
    char sql[200];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM images WHERE job = '%s' AND retried >= 1", job);
    assert_true(sql_becomes(sql, 1, 30000));
}

/* A bulk image: formation's own worker takes it, whose store is Postgres. */
static void post_elsewhere(char ret_id[UUID_SIZE])
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char url[256], body[300];
    struct http_answer a;

    snprintf(url, sizeof url, "%s/jobs", getenv("IMAGERESIZE_TEST_TARGET"));
    snprintf(body, sizeof body,
             "{\"images\":[{\"input\":\"%s/baseline.jpg\",\"width\":32}],\"priority\":\"bulk\"}",
             getenv("IMAGERESIZE_TEST_SOURCES"));
    http_send(url, &(struct http_request){.body = body, .headers = headers}, &a);
    assert_int_equal(a.status, 202);
    snprintf(ret_id, UUID_SIZE, "%s", text_in(a.json, "id"));
    http_answer_release(&a);
}

/* ---- the tests */

static void an_image_whose_bucket_stays_away_ends_as_store_failed(void **state)
{
    char before[UUID_SIZE], job[UUID_SIZE], elsewhere[UUID_SIZE];
    json_t *image, *error;

    (void)state;
    assert_int_equal(post_images("ok/baseline.jpg", 1, before), 202);
    assert_stored(before, 1);
    bucket_becomes("refuse");
    assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
    post_elsewhere(elsewhere);
    image = image_of(elsewhere);
    assert_string_equal(text_in(image, "status"), "completed");
    json_decref(image);
    image = image_of(job);
    error = json_object_get(image, "error");
    assert_string_equal(text_in(image, "status"), "failed");
    assert_string_equal(text_in(error, "code"), "store_failed");
    assert_string_equal(text_in(error, "stage"), "store");
    assert_int_equal(json_integer_value(json_object_get(image, "attempts")), ATTEMPTS);
    json_decref(image);
    bucket_becomes("well");
    assert_stored(before, 1);
    assert_int_equal(worker_said("event=result_store_down"), 1); /* and not at each try */
    assert_int_equal(worker_said("event=store_failed"), ATTEMPTS);
}

static void an_image_ends_well_when_its_bucket_comes_back(void **state)
{
    static const char *const illnesses[] = {"refuse", "hang", "status 503", "status 403"};

    (void)state;
    for (size_t i = 0; i < sizeof illnesses / sizeof *illnesses; i++) {
        char job[UUID_SIZE];

        bucket_becomes(illnesses[i]);
        assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
        wait_until_tried_again(job);
        bucket_becomes("well");
        assert_stored(job, 2);
    }
}

/* More than the worker holds; those it does not hold wait, and cost no try. */
static void nothing_is_lost_in_an_outage(void **state)
{
    char job[UUID_SIZE], first[UUID_SIZE];

    (void)state;
    bucket_becomes("hang");
    assert_int_equal(post_images("ok/baseline.jpg", 1, first), 202);
    assert_int_equal(post_images("ok/baseline.jpg", 30, job), 202);
    wait_until_tried_again(first);
    bucket_becomes("well");
    assert_all_end_once(60000);
    assert_stored(first, 2);
    assert_stored(job, 1);
    assert_int_equal(
        sql_number("SELECT count(*) FROM images WHERE error->>'code' = 'store_failed'"), 1);
}

static void a_worker_that_waits_for_its_bucket_stops_in_time(void **state)
{
    char job[UUID_SIZE];
    int64_t began_mono_ms;
    int status;

    (void)state;
    bucket_becomes("hang");
    assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
    wait_until_tried_again(job);
    began_mono_ms = clock_mono_ms();
    kill(worker, SIGTERM);
    assert_int_equal(waitpid(worker, &status, 0), worker);
    worker = -1;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(clock_mono_ms() - began_mono_ms < 25000);
    system_scale("resize", 2); /* with a store that works it ends well */
    assert_all_end_once(60000);
    assert_true(job_ends(job, 0));
}

int run_bucket_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_whose_bucket_stays_away_ends_as_store_failed),
        cmocka_unit_test(an_image_ends_well_when_its_bucket_comes_back),
        cmocka_unit_test(nothing_is_lost_in_an_outage),
        cmocka_unit_test(a_worker_that_waits_for_its_bucket_stops_in_time),
    };

    return cmocka_run_group_tests_name("bucket", tests, start_worker, stop_worker);
}
