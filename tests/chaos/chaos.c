#include "chaos.h"

#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"

#define LOG_MS 30000
#define GO_MS 60000 /* formation ends them for sure before then */

void ends_watch(void)
{
    free(sql_text("CREATE TABLE test_ends (image uuid, was text, became text);"
                  "CREATE FUNCTION test_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                  "INSERT INTO test_ends VALUES (new.id, old.status, new.status); RETURN NULL; "
                  "END $$;"
                  "CREATE TRIGGER test_end AFTER UPDATE ON images FOR EACH ROW "
                  "WHEN ((new.status IN ('completed', 'failed', 'cancelled') "
                  "OR old.status IN ('completed', 'failed', 'cancelled')) "
                  "AND old.error->>'code' IS DISTINCT FROM 'dead_lettered') "
                  "EXECUTE FUNCTION test_end()"));
}

static size_t keep_body(char *bytes, size_t size, size_t n, void *user)
{
    return buf_append(user, bytes, size * n) ? 0 : size * n;
}

/* Not http_send(): here no answer, status 0, is an answer too. A NULL body is a GET. */
static long ask(const char *path, const char *body, struct buf *answer)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    char url[256];
    long status = 0;

    snprintf(url, sizeof url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 30000L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return status;
}

long post_images(const char *source, int n, char *ret_id)
{
    AUTO(buf_release) struct buf body = BUF_INIT;
    AUTO(buf_release) struct buf answer = BUF_INIT;
    const char *sources = getenv("IMAGERESIZE_TEST_SOURCES");
    long status;
    json_t *json;

    for (int i = 0; i < n; i++)
        buf_printf(&body, "%s{\"input\":\"%.*s/%s\",\"width\":32}", i ? "," : "{\"images\":[",
                   (int)(strrchr(sources, '/') - sources), sources, source);
    buf_text(&body, "]}");
    status = ask("/jobs", body.data, &answer);
    if (status == 202 && ret_id) {
        json = json_loadb(answer.data, answer.len, 0, NULL);
        snprintf(ret_id, UUID_SIZE, "%s", json_string_value(json_object_get(json, "id")));
        json_decref(json);
    }
    return status;
}

long cancel_job(const char *id)
{
    AUTO(buf_release) struct buf answer = BUF_INIT;
    char path[60];

    snprintf(path, sizeof path, "/jobs/%s/cancel", id);
    return ask(path, "", &answer);
}

void post_until(const char *source, int n, int per_job, int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;

    for (int done = 0; done < n;) {
        if (post_images(source, per_job, NULL) == 202)
            done += per_job;
        else
            look_again();
        if (clock_mono_ms() > deadline)
            fail_msg("only %d of %d images were accepted in %lld ms", done, n,
                     (long long)timeout_ms);
    }
}

static int64_t messages_left(void)
{
    json_t *queues = rabbitmq_get("queues?columns=name,messages"), *queue;
    int64_t sum = 0;
    size_t i;

    json_array_foreach(queues, i, queue)
    {
        const char *name = json_string_value(json_object_get(queue, "name"));

        if (strcmp(name, "fbp") != 0) /* announcements: nobody has to read them */
            sum += json_integer_value(json_object_get(queue, "messages"));
    }
    json_decref(queues);
    return sum;
}

void assert_all_end_once(int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;

    if (!sql_becomes("SELECT count(*) FROM images WHERE status IN ('queued', 'running')", 0,
                     timeout_ms))
        fail_msg("%lld images have not ended, %lld rows in the outbox, %lld messages queued",
                 (long long)sql_number("SELECT count(*) FROM images "
                                       "WHERE status IN ('queued', 'running')"),
                 (long long)sql_number("SELECT count(*) FROM outbox"), (long long)messages_left());
    assert_true(sql_becomes("SELECT count(*) FROM outbox", 0, clock_until_ms(deadline)));
    while (messages_left() > 0) { /* the management API counts anew every few seconds */
        if (clock_mono_ms() > deadline)
            fail_msg("%lld messages are left in the queues", (long long)messages_left());
        look_again();
    }
    assert_int_equal(sql_number("SELECT count(*) FROM (SELECT image FROM test_ends "
                                "GROUP BY image HAVING count(*) > 1) AS twice"),
                     0);
    assert_int_equal(sql_number("SELECT count(*) FROM images WHERE NOT EXISTS "
                                "(SELECT FROM test_ends WHERE image = id)"),
                     0);
    assert_int_equal(sql_number("SELECT count(*) FROM jobs WHERE status IN ('queued', 'running') "
                                "OR completed + failed + cancelled <> total "
                                "OR completed <> (SELECT count(*) FROM images WHERE job = jobs.id "
                                "AND images.status = 'completed') "
                                "OR coalesce(completed_at, failed_at, cancelled_at) IS NULL"),
                     0);
}

static bool queues_are_consumed(void)
{
    static const char *const queues[] = {"resize.IN", "bulk.IN", "store.IN", "store.DEAD"};
    bool all = true;

    for (size_t i = 0; i < sizeof queues / sizeof *queues; i++) {
        char path[64];
        json_t *queue;

        snprintf(path, sizeof path, "queues/%%2f/%s", queues[i]);
        queue = rabbitmq_get(path);
        all = all && json_integer_value(json_object_get(queue, "consumers")) > 0;
        json_decref(queue);
    }
    return all;
}

void assert_recovers(int64_t timeout_ms)
{
    int64_t deadline = clock_mono_ms() + timeout_ms;

    for (;;) {
        AUTO(buf_release) struct buf answer = BUF_INIT;
        long status = ask("/readyz", NULL, &answer);

        if (status == 200 && !strstr(answer.data, "\"down\"") && system_is_settled() &&
            queues_are_consumed())
            return;
        if (clock_mono_ms() > deadline)
            fail_msg("not well again after %lld ms: %ld %s", (long long)timeout_ms, status,
                     answer.data ? answer.data : "");
        look_again();
    }
}

void stop_all_of(const char *type)
{
    int64_t deadline = clock_mono_ms() + GO_MS;
    pid_t pid;

    system_scale(type, 0);
    while (system_pids(type, &pid, 1) > 0) {
        if (clock_mono_ms() > deadline)
            fail_msg("process %d of %s has not gone in %d ms", (int)pid, type, GO_MS);
        look_again();
    }
}

/* Lines of formation's log: "resize.1  | level=info event=image_done ...". */
int log_count_of(const char *process, const char *text)
{
    char path[128], line[10000];
    size_t len = strlen(process);
    int n = 0;
    FILE *file;

    snprintf(path, sizeof path, "%s/formation.log", system_dir());
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        n += strncmp(line, process, len) == 0 && (!len || line[len] == ' ') &&
             strstr(line, text) != NULL;
    fclose(file);
    return n;
}

int log_count(const char *text)
{
    return log_count_of("", text);
}

void assert_log_grows(const char *text, int before, int n)
{
    int64_t deadline = clock_mono_ms() + LOG_MS;

    while (log_count(text) < before + n && clock_until_ms(deadline) > 0)
        look_again();
    if (log_count(text) != before + n)
        fail_msg("%d times '%s' instead of %d", log_count(text) - before, text, n);
}

int crashes(void)
{
    return log_count_of("formation", "; starts again in ");
}

static char *image_column(const char *job, const char *column)
{
    char sql[200];

    snprintf(sql, sizeof sql, "SELECT %s FROM images WHERE job = '%s' AND position = 0", column,
             job);
    return sql_text(sql);
}

char *image_code(const char *job)
{
    return image_column(job, "error->>'code'");
}

char *image_status(const char *job)
{
    return image_column(job, "status");
}

bool job_ends(const char *job, int64_t timeout_ms)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM images WHERE job = '%s' AND status IN ('queued', 'running')",
             job);
    return sql_becomes(sql, 0, timeout_ms);
}
