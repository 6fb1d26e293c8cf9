/*
 * test_streams.c - streams of events over what breaks: web restarted, Postgres away, readers that
 * stop reading; and a thousand of them at once.
 */
#include "chaos.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "sse.h"

#define EVENT_MS 60000
#define STREAMS 1000 /* IMAGERESIZE_MAX_STREAMS */

static char *url_of(const char *path)
{
    char *url;

    assert_true(asprintf(&url, "%s%s", getenv("IMAGERESIZE_TEST_TARGET"), path) > 0);
    return url;
}

static struct sse *open_path(const char *path, const char *last_event_id)
{
    char line[160], *url = url_of(path);
    const char *const headers[] = {line, NULL};
    struct sse *s;

    snprintf(line, sizeof line, "Last-Event-ID: %s", last_event_id ? last_event_id : "");
    s = sse_open(url, last_event_id ? headers : NULL);
    free(url);
    return s;
}

static struct sse *open_job(const char *job, const char *last_event_id)
{
    char path[80];

    snprintf(path, sizeof path, "/jobs/%s/events", job);
    return open_path(path, last_event_id);
}

/* A job that stays queued until resize runs again. */
static void post_waiting(char job[UUID_SIZE], int images)
{
    stop_all_of("resize");
    assert_int_equal(post_images("ok/baseline.jpg", images, job), 202);
}

static pid_t web_pid(void)
{
    pid_t pid = 0;

    assert_int_equal(system_pids("web", &pid, 1), 1);
    return pid;
}

static void assert_gone(pid_t pid, int64_t timeout_ms)
{
    const int64_t deadline = clock_mono_ms() + timeout_ms;

    while (kill(pid, 0) == 0) {
        if (clock_mono_ms() > deadline)
            fail_msg("web is still there after %lld ms", (long long)timeout_ms);
        look_again();
    }
}

/* Reads the stream to its end: the status of the last event of the job. */
static void follow(struct sse *s, char last_id[100], char status[20])
{
    const struct sse_event *event;

    while (sse_next(s, EVENT_MS, &event))
        if (strcmp(event->name, "job") == 0) {
            snprintf(last_id, 100, "%s", event->id);
            snprintf(status, 20, "%s", json_string_value(json_object_get(event->data, "status")));
        }
}

/* ---- sockets that a test reads itself, or does not */

#define LITTLE_ID "reads-little"

/* Sends a request; little: the kernel keeps little for who does not read, and the log knows it by
 * LITTLE_ID. */
static int send_raw(const char *method, const char *path, const char *version, bool little)
{
    const char *target = getenv("IMAGERESIZE_TEST_TARGET");
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)atoi(strrchr(target, ':') + 1))};
    const int small = 4096, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[300];
    int len;

    assert_true(fd >= 0);
    if (little)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    len = snprintf(request, sizeof request, "%s %s HTTP/%s\r\nHost: localhost\r\n%s\r\n", method,
                   path, version, little ? "X-Request-Id: " LITTLE_ID "\r\n" : "");
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
    return fd;
}

static int get_raw(const char *path, const char *version, bool little)
{
    return send_raw("GET", path, version, little);
}

/* Reads until `wanted` has come; fails the test when the stream ends or is silent before, with what
 * has come. */
static void read_until(int fd, const char *wanted, struct buf *ret)
{
    const int64_t deadline = clock_mono_ms() + EVENT_MS;

    while (!ret->data || !strstr(ret->data, wanted)) {
        struct pollfd poll_fd = {fd, POLLIN, 0};
        char bytes[16384];
        ssize_t n;

        if (poll(&poll_fd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("no '%s' in %d ms, after: %s", wanted, EVENT_MS, ret->data ? ret->data : "");
        n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            fail_msg("the stream ends before '%s', after: %s", wanted, ret->data ? ret->data : "");
        buf_append(ret, bytes, (size_t)n);
    }
}

/* The other side has ended the connection, after all that it has sent. */
static void assert_cut(int fd)
{
    const int64_t deadline = clock_mono_ms() + EVENT_MS;
    struct pollfd poll_fd = {fd, POLLIN, 0};
    char bytes[16384];

    do {
        if (poll(&poll_fd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("the connection is not ended in %d ms", EVENT_MS);
    } while (recv(fd, bytes, sizeof bytes, 0) > 0);
}

/* ---- the tests */

static void a_quiet_stream_has_heartbeats_and_http_1_0_has_streams_too(void **state)
{
    AUTO(buf_release) struct buf old = BUF_INIT;
    char job[UUID_SIZE], path[80];
    struct sse *s;
    int fd;

    (void)state;
    post_waiting(job, 1);
    s = open_job(job, NULL);
    sse_expect(s, "job", EVENT_MS);
    for (int i = 0; i < 3; i++)
        sse_expect(s, ":", EVENT_MS);
    snprintf(path, sizeof path, "/jobs/%s/events", job);
    fd = get_raw(path, "1.0", false);
    read_until(fd, "event: job\n", &old);
    assert_null(strcasestr(old.data, "transfer-encoding"));
    assert_non_null(strstr(old.data, "\r\n\r\nretry: 2000\n\n"));
    system_scale("resize", 2);
    read_until(fd, "\"status\":\"completed\"", &old);
    close(fd);
    sse_close(s);
    assert_all_end_once(60000);
}

/* What came after its headers a router would take for the beginning of the next answer. */
static void head_of_a_stream_is_its_headers_alone(void **state)
{
    const int fd = send_raw("HEAD", "/events", "1.1", false);
    AUTO(buf_release) struct buf answer = BUF_INIT;
    struct timeval patience = {EVENT_MS / 1000, 0};
    char bytes[4096];
    ssize_t n;

    (void)state;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        buf_append(&answer, bytes, (size_t)n);
    assert_int_equal(n, 0);
    assert_non_null(strstr(answer.data, "text/event-stream"));
    assert_string_equal(strstr(answer.data, "\r\n\r\n"), "\r\n\r\n");
    close(fd);
}

static void every_web_process_tells_of_every_job(void **state)
{
    const char *target = getenv("IMAGERESIZE_TEST_TARGET");
    const char *port = strrchr(target, ':') + 1;
    char job[UUID_SIZE], url[200];
    const int64_t deadline = clock_mono_ms() + EVENT_MS;
    const struct sse_event *event;
    struct sse *s = NULL;

    (void)state;
    system_scale("web", 2);
    snprintf(url, sizeof url, "%.*s%d/events", (int)(port - target), target, atoi(port) + 1);
    while (log_count_of("web.2", "event=listening") == 0) {
        if (clock_mono_ms() > deadline)
            fail_msg("a second web does not listen in %d ms", EVENT_MS);
        look_again();
    }
    s = sse_open(url, NULL);
    sse_expect(s, "reset", EVENT_MS);
    stop_all_of("resize");
    assert_int_equal(post_images("ok/baseline.jpg", 1, job), 202);
    do {
        event = sse_expect(s, "job", EVENT_MS);
    } while (strcmp(json_string_value(json_object_get(event->data, "id")), job) != 0);
    assert_string_equal(json_string_value(json_object_get(event->data, "status")), "queued");
    system_scale("resize", 2);
    sse_close(s);
    system_scale("web", 1);
    assert_recovers(60000);
    assert_all_end_once(60000);
}

/* Told to stop it ends all streams at once, one that is not read too; a job is followed to its end
 * in the next process. */
static void a_stream_goes_on_where_it_was_after_web_is_restarted(void **state)
{
    char job[UUID_SIZE], last_id[100] = "", all_id[100] = "", status[20] = "";
    const struct sse_event *event;
    struct sse *s, *all;
    pid_t pid = web_pid();
    int stalled;

    (void)state;
    post_waiting(job, 3);
    stalled = get_raw("/events", "1.1", true);
    s = open_job(job, NULL);
    sse_expect(s, "job", EVENT_MS);
    all = open_path("/events", NULL);
    snprintf(all_id, sizeof all_id, "%s", sse_expect(all, "reset", EVENT_MS)->id);
    kill(pid, SIGTERM);
    follow(s, last_id, status);
    assert_true(sse_ended_well(s));
    while (sse_next(all, EVENT_MS, &event))
        continue;
    assert_true(sse_ended_well(all));
    assert_gone(pid, 15000); /* it may have asked the broker something just before */
    sse_close(s);
    sse_close(all);
    close(stalled);
    system_scale("resize", 2);
    assert_recovers(60000);
    s = open_job(job, last_id);
    follow(s, last_id, status);
    assert_string_equal(status, "completed");
    sse_close(s);
    s = open_job(job, last_id);
    assert_int_equal(sse_status(s), 204);
    sse_close(s);
    all = open_path("/events", all_id); /* of a process that is gone */
    sse_expect(all, "reset", EVENT_MS);
    sse_close(all);
    assert_all_end_once(60000);
}

static void streams_stay_open_while_postgres_is_away(void **state)
{
    char job[UUID_SIZE], last_id[100], status[20] = "";
    struct sse *s, *all;

    (void)state;
    post_waiting(job, 2);
    s = open_job(job, NULL);
    sse_expect(s, "job", EVENT_MS);
    all = open_path("/events", NULL);
    sse_expect(all, "reset", EVENT_MS);
    system_service("postgres", "stop");
    sse_expect(s, ":", EVENT_MS);
    sse_expect(all, ":", EVENT_MS);
    system_service("postgres", "start");
    sse_expect(all, "reset", EVENT_MS); /* it may have missed something */
    system_scale("resize", 2);
    follow(s, last_id, status);
    assert_string_equal(status, "completed");
    sse_close(s);
    sse_close(all);
    assert_recovers(60000);
    assert_all_end_once(60000);
}

/* What it does not read is not kept for it, and others do not wait for it. */
static void a_reader_that_stops_reading_is_cut_off(void **state)
{
    static const char cut[] =
        "request_id=" LITTLE_ID; /* others go only now that were closed before */
    const int before = log_count_of("web.1", cut);
    const int64_t deadline = clock_mono_ms() + EVENT_MS;
    const int stalled = get_raw("/events", "1.1", true);
    struct sse *s = open_path("/events", NULL);
    int64_t memory;

    (void)state;
    sse_expect(s, "reset", EVENT_MS);
    memory = resident_kib(web_pid());
    while (log_count_of("web.1", cut) == before) {
        if (clock_mono_ms() > deadline)
            fail_msg("it is not cut off in %d ms", EVENT_MS);
        post_images("ok/baseline.jpg", 20, NULL);
        sse_expect(s, "job", EVENT_MS);
    }
    assert_true(resident_kib(web_pid()) < memory + 32 * 1024);
    assert_cut(stalled);
    close(stalled);
    sse_expect(s, "job", EVENT_MS);
    sse_close(s);
    assert_all_end_once(120000);
}

static void assert_refused(void)
{
    char *url = url_of("/events");
    struct http_answer a;

    http_send(url, NULL, &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(http_header(&a, "content-type"), "application/problem+json");
    assert_non_null(http_header(&a, "retry-after"));
    assert_non_null(strstr(a.body, "1000 streams"));
    http_answer_release(&a);
    free(url);
}

static int64_t web_kib(void)
{
    return resident_kib(web_pid());
}

static void assert_takes_streams_again(void)
{
    const int64_t deadline = clock_mono_ms() + EVENT_MS;
    long status;

    do {
        struct sse *s = open_path("/events", NULL);

        status = sse_status(s);
        sse_close(s);
        assert_true(status == 200 || status == 503);
        if (clock_mono_ms() > deadline)
            fail_msg("the streams that have gone still count");
        look_again();
    } while (status != 200);
}

#define COMPLETED "\"status\":\"completed\""

/* One of many streams that are read together. */
struct reading {
    int fd;
    bool completed;              /* has told of a job that is */
    char tail[sizeof COMPLETED]; /* the end of what has come, NUL-terminated */
};

static void read_some(struct reading *r)
{
    char bytes[sizeof r->tail + 16384];
    const size_t kept = strlen(r->tail);
    size_t len;
    ssize_t n;

    memcpy(bytes, r->tail, kept);
    n = recv(r->fd, bytes + kept, sizeof bytes - kept - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 && !r->completed)
        fail_msg("a stream ends before it has told of a job's end");
    if (n <= 0) {
        close(r->fd);
        r->fd = -1;
        return;
    }
    bytes[kept + (size_t)n] = '\0';
    r->completed |= strstr(bytes, COMPLETED) != NULL;
    len = kept + (size_t)n < sizeof r->tail ? kept + (size_t)n : sizeof r->tail - 1;
    memcpy(r->tail, bytes + kept + (size_t)n - len, len + 1);
}

/* Reads all of them until all jobs have ended and each has told of one. */
static void read_all(struct reading *readings)
{
    static struct pollfd fds[STREAMS];
    const int64_t deadline = clock_mono_ms() + 2 * EVENT_MS;
    int completed = 0;

    while (completed < STREAMS ||
           sql_number("SELECT count(*) FROM images WHERE status IN ('queued', 'running')") > 0) {
        if (clock_mono_ms() > deadline)
            fail_msg("%d of %d streams have told of a job's end", completed, STREAMS);
        for (int i = 0; i < STREAMS; i++)
            fds[i] = (struct pollfd){readings[i].fd, POLLIN, 0};
        poll(fds, STREAMS, 1000);
        completed = 0;
        for (int i = 0; i < STREAMS; i++) {
            if (fds[i].revents)
                read_some(&readings[i]);
            completed += readings[i].completed;
        }
    }
}

/* Opens a stream and reads until `wanted` has come. Those of the tests before, closed by now, count
 * until a heartbeat finds them gone: till then there may be no room. */
static int open_raw(const char *path, const char *wanted)
{
    const int64_t deadline = clock_mono_ms() + EVENT_MS;

    for (;;) {
        AUTO(buf_release) struct buf first = BUF_INIT;
        const int fd = get_raw(path, "1.1", false);

        read_until(fd, "\r\n\r\n", &first);
        if (strncmp(first.data, "HTTP/1.1 503 ", 13) != 0) {
            read_until(fd, wanted, &first);
            return fd;
        }
        close(fd);
        if (clock_mono_ms() > deadline)
            fail_msg("no stream in %d ms: %s", EVENT_MS, first.data);
        look_again();
    }
}

/* Half of all jobs, half of one; jobs run, and all are told. */
static void a_thousand_streams_are_told_all_in_flat_memory(void **state)
{
    static struct reading readings[STREAMS];
    char job[UUID_SIZE], path[80];
    int64_t none = web_kib(), opened, told;

    (void)state;
    post_waiting(job, 1);
    snprintf(path, sizeof path, "/jobs/%s/events", job);
    for (int i = 0; i < STREAMS; i++)
        readings[i].fd =
            open_raw(i % 2 ? path : "/events", i % 2 ? "event: job\n" : "event: reset\n");
    assert_refused();
    opened = web_kib();
    post_until("ok/baseline.jpg", 400, 4, EVENT_MS);
    system_scale("resize", 2);
    read_all(readings);
    told = web_kib();
    print_message("resident: %lld KiB without streams, %lld with %d, %lld after 100 jobs\n",
                  (long long)none, (long long)opened, STREAMS, (long long)told);
    assert_true(opened < none + 64 * STREAMS);
    assert_true(told < opened + opened / 3);
    for (int i = 0; i < STREAMS; i++)
        if (readings[i].fd >= 0)
            close(readings[i].fd);
    assert_takes_streams_again();
    assert_recovers(60000);
    assert_all_end_once(60000);
}

int run_stream_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_stream_has_heartbeats_and_http_1_0_has_streams_too),
        cmocka_unit_test(head_of_a_stream_is_its_headers_alone),
        cmocka_unit_test(every_web_process_tells_of_every_job),
        cmocka_unit_test(a_stream_goes_on_where_it_was_after_web_is_restarted),
        cmocka_unit_test(streams_stay_open_while_postgres_is_away),
        cmocka_unit_test(a_reader_that_stops_reading_is_cut_off),
        cmocka_unit_test(a_thousand_streams_are_told_all_in_flat_memory),
    };

    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
