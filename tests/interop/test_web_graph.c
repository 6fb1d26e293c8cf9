/*
 * test_web_graph.c - GET /graph: how queues stand, with management APIs that are away, silent or
 * hostile.
 */
#include "web_live.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_broker.h"
#include "scratch_db.h"

#define SECONDS_TO_END 25 /* Heroku gives 30 */

static void start_worker(struct fixture *f, const char *queue)
{
    const char *const argv[] = {QUEUE_WORKER, scratch_broker_url(), queue, "1000000", NULL};
    static const char *const none[] = {NULL};

    program_start(&f->worker, argv, none);
}

/* ---- how queues stand ---- */

static void tells_what_the_management_api_tells(void **state)
{
    struct fixture *f = *state;

    assert_true(broker_declare_queue("resize.IN", NULL));
    for (int i = 0; i < 3; i++)
        broker_put("resize.IN", "job", 3);
    start_web(f);
    wait_for_all(f, "!.broker=\"up\"", "!.source=\"management\"", "resize.messages=3",
                 "resize.exists=true", "resize.full=false", "@resize.workers=0",
                 "@resize.deadline_s=30", "@bulk.deadline_s=600", "bulk.exists=false",
                 "@bulk.workers=0", "@web.workers=null", "@web.queue=null", "!.demo=false");
    start_worker(f, "resize.IN");
    wait_for_all(f, "@resize.workers=1", "resize.unacked=1", "resize.ready=2");
}

static const json_t *last_of_role(json_t *json, const char *role)
{
    const json_t *samples = json_object_get(json, "samples");
    const json_t *last = json_array_get(samples, json_array_size(samples) - 1);

    return json_object_get(json_object_get(last, "roles"), role);
}

/* What is put in makes a rate, who works on it is busy, and what is past is kept. */
static void keeps_rates_and_utilisation(void **state)
{
    struct fixture *f = *state;
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    double rate = 0;
    json_t *json;

    assert_true(broker_declare_queue("resize.IN", NULL));
    start_worker(f, "resize.IN");
    start_web(f);
    wait_for_all(f, "@resize.workers=1", "resize.messages=0");
    for (int i = 0; i < 50; i++)
        broker_put("resize.IN", "job", 3);
    while (rate <= 0 && clock_mono_ms() < deadline) {
        json = graph(f);
        rate = json_number_value(
            json_object_get(json_object_get(node(json, "resize"), "queue"), "in_per_second"));
        json_decref(json);
        look_again();
    }
    assert_true(rate > 0 && rate < 51);
    wait_for_all(f, "resize.unacked=1");
    for (;;) {
        json = graph(f);
        if (json_number_value(json_object_get(last_of_role(json, "resize"), "utilisation")) == 1)
            break; /* its worker takes one at a time, and has one */
        json_decref(json);
        assert_true(clock_mono_ms() < deadline);
        look_again();
    }
    assert_true(json_array_size(json_object_get(json, "samples")) > 1);
    json_decref(json);
}

static void a_full_queue_is_told(void **state)
{
    struct fixture *f = *state;

    assert_true(broker_declare_bounded_queue("bulk.IN", 2));
    broker_put("bulk.IN", "job", 3);
    start_web(f);
    wait_for_all(f, "bulk.messages=1", "bulk.full=false", "bulk.max_messages=2");
    broker_put("bulk.IN", "job", 3);
    wait_for_all(f, "bulk.messages=2", "bulk.full=true");
}

static void an_answer_is_made_once_a_reading(void **state)
{
    struct fixture *f = *state;
    const char *headers[] = {NULL, NULL};
    struct http_answer first, again;
    char line[100];

    start_web(f);
    wait_for_all(f, "!.source=\"management\"");
    ask(f, "GET", "/graph", NULL, NULL, &first);
    snprintf(line, sizeof line, "If-None-Match: %s", http_header(&first, "etag"));
    headers[0] = line;
    ask(f, "GET", "/graph", NULL, headers, &again);
    if (again.status == 200) { /* there was a reading between the two */
        http_answer_release(&again);
        http_answer_release(&first);
        ask(f, "GET", "/graph", NULL, NULL, &first);
        snprintf(line, sizeof line, "If-None-Match: %s", http_header(&first, "etag"));
        ask(f, "GET", "/graph", NULL, headers, &again);
    }
    assert_int_equal(again.status, 304);
    assert_int_equal(again.len, 0);
    http_answer_release(&again);
    ask(f, "HEAD", "/graph", NULL, NULL, &again);
    assert_int_equal(again.status, 200);
    assert_int_equal(again.len, 0);
    http_answer_release(&again);
    http_answer_release(&first);
}

/* ---- without a management API ---- */

/* The broker's connections, as its API tells them, some seconds late. */
static size_t connections(void)
{
    const char *vhost = strrchr(scratch_broker_url(), '/') + 1;
    struct http_answer a;
    char url[LINE];
    size_t n;

    snprintf(url, sizeof url, "%s/api/vhosts/%s/connections", scratch_broker_management_url(),
             strchr(vhost, '@') ? "%2F" : vhost);
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200);
    n = json_array_size(a.json);
    http_answer_release(&a);
    return n;
}

static void wait_for_connections(struct fixture *f, size_t n, bool asks)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (connections() != n) {
        if (clock_mono_ms() > deadline)
            fail_msg("%zu connections, not %zu", connections(), n);
        if (asks)
            json_decref(graph(f));
        look_again();
    }
}

/* A connection of its own, and only while somebody looks. */
static void asks_over_amqp_while_somebody_looks(void **state)
{
    struct fixture *f = *state;

    assert_true(broker_declare_queue("resize.IN", NULL));
    for (int i = 0; i < 3; i++)
        broker_put("resize.IN", "job", 3);
    set(f, "MSGFLO_MANAGEMENT_URL", "http://127.0.0.1:1");
    start_web(f);
    wait_for_connections(f, 1, false);
    wait_for_all(f, "!.source=\"passive\"", "!.broker=\"up\"", "resize.messages=3",
                 "resize.exists=true", "resize.unacked=null", "resize.in_per_second=null",
                 "resize.full=null", "@resize.workers=0", "bulk.exists=false");
    wait_for_connections(f, 2, true);
    wait_for_connections(f, 1, false);
}

static enum MHD_Result on_api(void *arg, struct MHD_Connection *c, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *data_len, void **req_cls)
{
    struct fixture *f = arg;
    struct MHD_Response *r;
    enum MHD_Result result;

    (void)path;
    (void)method;
    (void)version;
    (void)data;
    (void)data_len;
    if (!*req_cls) {
        *req_cls = f;
        return MHD_YES;
    }
    atomic_fetch_add(&f->api_calls, 1);
    r = MHD_create_response_from_buffer(strlen(f->api_answer), (void *)(uintptr_t)f->api_answer,
                                        MHD_RESPMEM_PERSISTENT);
    result = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return result;
}

static void start_api(struct fixture *f, const char *answer)
{
    char url[60];

    f->api_answer = answer;
    f->api =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_api, f, MHD_OPTION_END);
    assert_non_null(f->api);
    snprintf(url, sizeof url, "http://127.0.0.1:%u",
             MHD_get_daemon_info(f->api, MHD_DAEMON_INFO_BIND_PORT)->port);
    set(f, "MSGFLO_MANAGEMENT_URL", url);
}

/* Answers that are no JSON, no list, without end: web is well, and asks over AMQP. */
static void a_hostile_management_api_does_no_harm(void **state)
{
    struct fixture *f = *state;
    char *huge = malloc(((size_t)4 * 1024 * 1024) + 1);

    assert_non_null(huge);
    memset(huge, '[', (size_t)4 * 1024 * 1024);
    huge[(size_t)4 * 1024 * 1024] = '\0';
    assert_true(broker_declare_queue("resize.IN", NULL));
    start_api(f, huge);
    start_web(f);
    wait_for_all(f, "!.source=\"passive\"", "resize.messages=0");
    program_expect(&f->web, "event=queues_not_read");
    assert_int_equal(program_end(&f->web, SIGTERM), 0);
    program_release(&f->web);
    MHD_stop_daemon(f->api);
    start_api(f, "[1, {\"name\": 7}, {\"name\":\"resize.IN\",\"messages\":-1,\"consumers\":"
                 "\"<script>\",\"arguments\":[],\"message_stats\":\"x\"}, null]");
    start_web(f);
    wait_for_all(f, "!.source=\"management\"", "resize.messages=null", "@resize.workers=null",
                 "resize.exists=true", "bulk.exists=false");
    free(huge);
}

#define CALLS_A_READING 3
#define ASKED 300

/* Whoever asks, and however often: a reading each 2 s, and those at the edges of the time. */
static void reads_once_for_all_who_ask(void **state)
{
    struct fixture *f = *state;
    int64_t began_mono_ms;
    int before, most;

    start_api(f, "[]");
    start_web(f);
    wait_for_all(f, "!.source=\"management\"");
    began_mono_ms = clock_mono_ms();
    before = atomic_load(&f->api_calls);
    for (int i = 0; i < ASKED; i++)
        json_decref(graph(f));
    most = CALLS_A_READING * (int)((clock_mono_ms() - began_mono_ms) / 2000 + 2);
    assert_in_range(atomic_load(&f->api_calls) - before, 0, most);
    assert_true(most < ASKED); /* else this shows nothing */
}

/* It takes connections, and never says a word. */
static void a_silent_management_api_holds_nothing_up(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof a;
    int64_t began_mono_ms;
    char url[60];

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(listen(fd, 64), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(a.sin_port));
    set(f, "MSGFLO_MANAGEMENT_URL", url);
    assert_true(broker_declare_queue("resize.IN", NULL));
    start_web(f);
    json_decref(graph(f)); /* which is answered though nothing is known */
    wait_for_all(f, "!.source=\"passive\"", "resize.messages=0");
    began_mono_ms = clock_mono_ms();
    assert_int_equal(program_end(&f->web, SIGTERM), 0);
    assert_true(clock_mono_ms() - began_mono_ms < SECONDS_TO_END * 1000);
    close(fd);
}

/* ---- what is away ---- */

static void a_broker_that_is_killed_is_told_and_comes_back(void **state)
{
    struct fixture *f = *state;

    assert_true(broker_declare_queue("resize.IN", NULL));
    broker_put("resize.IN", "job", 3);
    start_web(f);
    wait_for_all(f, "!.broker=\"up\"", "!.source=\"management\"", "resize.messages=1");
    scratch_broker_kill();
    wait_for_all(f, "!.broker=\"down\"", "!.source=null", "resize.messages=null",
                 "resize.exists=null", "@resize.workers=null");
    scratch_broker_resume();
    wait_for_all(f, "!.broker=\"up\"", "!.source=\"management\"", "resize.exists=true",
                 "@resize.workers=0");
}

static void without_its_graph_web_serves_all_else(void **state)
{
    static const char *const body =
        "{\"images\":[{\"input\":\"http://example.org/a\",\"width\":1}]}";
    struct fixture *f = *state;
    struct http_answer a;

    set(f, "IMAGERESIZE_GRAPH", "/nowhere/graph.fbp");
    start_web(f);
    assert_true(program_has_said(&f->web, "event=no_graph"));
    ask(f, "GET", "/graph", NULL, NULL, &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(json_string_value(json_object_get(a.json, "detail")),
                        "the graph '/nowhere/graph.fbp': No such file or directory");
    http_answer_release(&a);
    ask(f, "POST", "/jobs", body, NULL, &a);
    assert_int_equal(a.status, 202);
    http_answer_release(&a);
    assert_int_equal(program_end(&f->web, SIGTERM), 0);
}

static int start_services(void **state)
{
    /* Its own: a test kills it. */
    return !scratch_broker_make_private() || scratch_db_start(state);
}

static int end_services(void **state)
{
    return scratch_broker_end(state) | scratch_db_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(tells_what_the_management_api_tells),
        live_test(keeps_rates_and_utilisation),
        live_test(a_full_queue_is_told),
        live_test(an_answer_is_made_once_a_reading),
        live_test(asks_over_amqp_while_somebody_looks),
        live_test(a_hostile_management_api_does_no_harm),
        live_test(reads_once_for_all_who_ask),
        live_test(a_silent_management_api_holds_nothing_up),
        live_test(a_broker_that_is_killed_is_told_and_comes_back),
        live_test(without_its_graph_web_serves_all_else),
    };

    return cmocka_run_group_tests(tests, start_services, end_services);
}
