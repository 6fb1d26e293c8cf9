/*
 * test_web_graph.c - GET /graph and the panel "Try to break it" from outside: the real web with a
 * real RabbitMQ, a Postgres and formation, and management APIs that are away, silent or hostile.
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

#include "base/clock.h"
#include "http.h"
#include "program.h"
#include "scratch_broker.h"
#include "scratch_db.h"
#include "scratch_dir.h"

#define LINE 400
#define SETTINGS_MAX 12
#define PATIENCE_MS 60000
#define SECONDS_TO_END 25 /* Heroku gives 30 */

struct fixture {
    struct program web, worker, formation;
    char dir[SCRATCH_DIR_SIZE];
    char lines[SETTINGS_MAX][LINE];
    const char *settings[SETTINGS_MAX + 1];
    size_t n_settings;
    int port;
    struct MHD_Daemon *api; /* a management API of ours */
    const char *api_answer;
    atomic_int api_calls;
};

static void look_again(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
}

/* ---- web ---- */

static void set(struct fixture *f, const char *name, const char *value)
{
    assert_true(f->n_settings < SETTINGS_MAX);
    snprintf(f->lines[f->n_settings], LINE, "%s=%s", name, value);
    f->settings[f->n_settings] = f->lines[f->n_settings];
    f->n_settings++;
}

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof a;

    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char port[12];

    assert_non_null(f);
    assert_int_equal(scratch_dir(f->dir), 0);
    f->port = free_port();
    snprintf(port, sizeof port, "%d", f->port);
    set(f, "PORT", port);
    set(f, "DATABASE_URL", scratch_db_url());
    set(f, "MSGFLO_BROKER", scratch_broker_url());
    set(f, "MSGFLO_MANAGEMENT_URL", scratch_broker_management_url());
    set(f, "IMAGERESIZE_GRAPH", SOURCE_DIR "/graphs/imageresize.fbp");
    set(f, "IMAGERESIZE_DEMO", "0");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[SCRATCH_DIR_SIZE + 20];

    program_release(&f->web);
    program_release(&f->worker);
    program_release(&f->formation);
    if (f->api)
        MHD_stop_daemon(f->api);
    broker_delete_queue("resize.IN");
    broker_delete_queue("bulk.IN");
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    free(f);
    return system(command);
}

static void start_web(struct fixture *f)
{
    static const char *const argv[] = {WEB, NULL};

    program_start(&f->web, argv, f->settings);
    program_expect(&f->web, "event=listening");
}

static void start_worker(struct fixture *f, const char *queue)
{
    const char *const argv[] = {QUEUE_WORKER, scratch_broker_url(), queue, "1000000", NULL};
    static const char *const none[] = {NULL};

    program_start(&f->worker, argv, none);
}

/* ---- asking ---- */

static void ask(struct fixture *f, const char *method, const char *path, const char *body,
                const char *const *headers, struct http_answer *ret)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    const struct http_request request = {
        .method = method, .body = body, .headers = headers ? headers : json};
    char url[200];

    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", f->port, path);
    http_send(url, &request, ret);
}

static json_t *graph(struct fixture *f)
{
    struct http_answer a;
    json_t *json;

    ask(f, "GET", "/graph", NULL, NULL, &a);
    if (a.status != 200)
        fail_msg("%ld %s", a.status, a.body);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

static json_t *node(json_t *json, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(json, "nodes"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
            return item;
    }
    fail_msg("no node %s", name);
    return NULL;
}

/* A member as text: "3", "null", "true", "\"up\""; lent until the next call. */
static const char *text_of(const json_t *object, const char *key)
{
    static char text[200];
    char *dumped = json_dumps(json_object_get(object, key), JSON_ENCODE_ANY | JSON_COMPACT);

    snprintf(text, sizeof text, "%s", dumped ? dumped : "nothing");
    free(dumped);
    return text;
}

static const char *of_queue(json_t *json, const char *name, const char *key)
{
    return text_of(json_object_get(node(json, name), "queue"), key);
}

/* What is seen once it has come to be: each "object.member=value", where object is a node's queue,
 * a node after "@", or "" for the graph itself. */
static void wait_for(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    for (;;) {
        json_t *json = graph(f);
        const char *missing = NULL;
        char found[200] = "";

        for (size_t i = 0; wanted[i] && !missing; i++) {
            char object[60], key[60], value[60];

            assert_int_equal(sscanf(wanted[i], "%59[^.].%59[^=]=%59s", object, key, value), 3);
            snprintf(found, sizeof found, "%s",
                     *object == '!'   ? text_of(json, key)
                     : *object == '@' ? text_of(node(json, object + 1), key)
                                      : of_queue(json, object, key));
            if (strcmp(found, value) != 0)
                missing = wanted[i];
        }
        json_decref(json);
        if (!missing)
            return;
        if (clock_mono_ms() > deadline)
            fail_msg("%s is not seen, but %s", missing, found);
        look_again();
    }
}

#define wait_for_all(f, ...) wait_for(f, (const char *const[]){__VA_ARGS__, NULL})

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

/* ---- try to break it ---- */

static void start_formation(struct fixture *f, const char *procfile, const char *scale)
{
    char path[SCRATCH_DIR_SIZE + 12], address[60];
    const char *const argv[] = {FORMATION, path, "--app", "demo", "--scale", scale, NULL};
    static const char *const none[] = {NULL};
    FILE *file;

    snprintf(path, sizeof path, "%s/Procfile", f->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(procfile, file);
    fclose(file);
    program_start(&f->formation, argv, none);
    program_expect(&f->formation, "/apps/demo/formation\n");
    assert_int_equal(sscanf(strstr(f->formation.out.data, "http://"), "%50[^a]", address), 1);
    address[strlen(address) - 1] = '\0'; /* the slash before "apps" */
    set(f, "GUV_HEROKU_URL", address);
    set(f, "GUV_APP", "demo");
    set(f, "IMAGERESIZE_DEMO", "1");
}

#define PROCFILE                                                                                   \
    "web: exec sleep 1000\n"                                                                       \
    "resize: exec sleep 1000\n"                                                                    \
    "bulk: exec sleep 1000\n"                                                                      \
    "guv: exec sleep 1000\n"

/* The answer to an order, "STATUS BODY"; new. */
static char *order(struct fixture *f, const char *path, const char *body)
{
    struct http_answer a;
    char *text;

    ask(f, body ? "POST" : "GET", path, body, NULL, &a);
    assert_true(asprintf(&text, "%ld %s", a.status, a.body) > 0);
    http_answer_release(&a);
    return text;
}

static void assert_order(struct fixture *f, const char *path, const char *body, const char *wanted)
{
    char *text = order(f, path, body);

    if (strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("%s %s: %s", path, body ? body : "", text);
    free(text);
}

/* Until GET /demo has all of these texts. */
static void wait_for_demo(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    for (;;) {
        char *text = order(f, "/demo", NULL);
        size_t i = 0;

        while (wanted[i] && strstr(text, wanted[i]))
            i++;
        if (!wanted[i]) {
            free(text);
            return;
        }
        if (clock_mono_ms() > deadline)
            fail_msg("no %s in %s", wanted[i], text);
        free(text);
        look_again();
    }
}

#define wait_for_demo_all(f, ...) wait_for_demo(f, (const char *const[]){__VA_ARGS__, NULL})

/* The note number i of GET /graph, once it has so many. */
static void assert_notes(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    size_t n = 0;

    while (wanted[n])
        n++;
    for (;;) {
        json_t *json = graph(f);
        const json_t *notes = json_object_get(json, "notes");

        if (json_array_size(notes) >= n || clock_mono_ms() > deadline) {
            assert_int_equal(json_array_size(notes), n);
            for (size_t i = 0; i < n; i++)
                assert_string_equal(
                    json_string_value(json_object_get(json_array_get(notes, i), "text")),
                    wanted[i]);
            json_decref(json);
            return;
        }
        json_decref(json);
        look_again();
    }
}

static void kills_scales_and_hands_back_to_guv(void **state)
{
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=1,resize=2,bulk=0,guv=1");
    start_web(f);
    wait_for_demo_all(f, "200 ", "{\"type\":\"resize\",\"quantity\":2,\"up\":2}", "\"guv\":true");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\"}", "200 {\"killed\":[\"resize.1\"]}");
    program_expect(&f->formation, "resize.1 ended by signal 9");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":2,\"up\":2}");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\",\"all\":true}",
                 "200 {\"killed\":[\"resize.1\",\"resize.2\"]}");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":2,\"up\":2}");
    assert_order(f, "/demo/kill", "{\"type\":\"bulk\"}", "200 {\"killed\":[]}");
    assert_order(f, "/demo/scale", "{\"type\":\"resize\",\"quantity\":3}", "200 {\"formation\":");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":3,\"up\":3}",
                      "{\"type\":\"guv\",\"quantity\":0,\"up\":0}", "\"guv\":false");
    assert_order(f, "/demo/guv", "{\"on\":true}", "200 {\"formation\":");
    wait_for_demo_all(f, "{\"type\":\"guv\",\"quantity\":1,\"up\":1}", "\"guv\":true");
    assert_order(f, "/demo/guv", "{\"on\":false}", "200 ");
    wait_for_demo_all(f, "\"guv\":false");
    assert_notes(f, (const char *const[]){"one resize killed: resize.1",
                                          "every resize killed: resize.1, resize.2",
                                          "resize scaled by hand from 2 to 3; guv is off",
                                          "guv is on: it scales again", "guv is off", NULL});
    wait_for_all(f, "!.demo=true");
}

static void refuses_orders_that_do_not_fit(void **state)
{
    static const struct {
        const char *path, *body, *wanted;
    } cases[] = {
        {"/demo/kill", "{\"type\":\"web\",\"all\":true}", "422"},
        {"/demo/kill", "{\"type\":\"nobody\"}", "422"},
        {"/demo/kill", "{\"type\":\"../../formation\"}", "422"},
        {"/demo/kill", "{}", "422"},
        {"/demo/kill", "", "400"},
        {"/demo/kill", "[]", "400"},
        {"/demo/scale", "{\"type\":\"web\",\"quantity\":0}", "422"},
        {"/demo/scale", "{\"type\":\"guv\",\"quantity\":1}", "422"},
        {"/demo/scale", "{\"type\":\"resize\",\"quantity\":11}", "422"},
        {"/demo/guv", "{\"on\":1}", "422"},
    };
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=1,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_order(f, cases[i].path, cases[i].body, cases[i].wanted);
    assert_notes(f, (const char *const[]){NULL});
    assert_false(program_has_said(&f->formation, "signal 9"));
}

/* Of other sites, by all the ways a browser lets their pages send. */
static void listens_to_no_other_sites_pages(void **state)
{
    static const struct {
        const char *headers[4];
        long status;
    } cases[] = {
        {{"Content-Type: application/json", "Origin: https://evil.example", NULL}, 403},
        {{"Content-Type: application/json", "Origin: null", NULL}, 403},
        {{"Content-Type: application/json", "Sec-Fetch-Site: cross-site", NULL}, 403},
        {{"Content-Type: application/json", "Sec-Fetch-Site: same-site", NULL}, 403},
        {{"Content-Type: application/json", "Host: evil.example", "Origin: http://evil.example",
          NULL},
         403},
        {{"Content-Type: text/plain", NULL}, 415}, /* what a form may send */
        {{"Content-Type: application/x-www-form-urlencoded", NULL}, 415},
        {{"Content-Type:", NULL}, 415},
    };
    struct fixture *f = *state;
    struct http_answer a;

    start_formation(f, PROCFILE, "web=1,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(f, "POST", "/demo/kill", "{\"type\":\"resize\"}", cases[i].headers, &a);
        assert_int_equal(a.status, cases[i].status);
        http_answer_release(&a);
    }
    ask(f, "GET", "/demo", NULL, (const char *const[]){"Sec-Fetch-Site: cross-site", NULL}, &a);
    assert_int_equal(a.status, 403);
    http_answer_release(&a);
    /* What a browser asks before it lets another site's page send JSON: it is told nothing. */
    ask(f, "OPTIONS", "/demo/kill", NULL,
        (const char *const[]){"Origin: https://evil.example", "Access-Control-Request-Method: POST",
                              NULL},
        &a);
    assert_int_equal(a.status, 405);
    assert_null(http_header(&a, "access-control-allow-origin"));
    http_answer_release(&a);
    assert_false(program_has_said(&f->formation, "signal 9"));
}

static void formation_that_is_away_is_said(void **state)
{
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=0,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    assert_int_equal(program_end(&f->formation, SIGTERM), 0);
    assert_order(f, "/demo", NULL, "503 ");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\"}", "503 ");
    assert_order(f, "/healthz", NULL, "200 ");
    assert_int_equal(program_end(&f->web, SIGTERM), 0);
}

static void nothing_of_it_is_there_unless_it_is_asked_for(void **state)
{
    static const char *const paths[] = {"/demo/kill", "/demo/scale", "/demo/guv", "/demo"};
    struct fixture *f = *state;

    start_web(f);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_order(f, paths[i], "{\"type\":\"resize\"}", "404 ");
    assert_order(f, "/demo", NULL, "404 ");
}

#define graph_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        graph_test(tells_what_the_management_api_tells),
        graph_test(keeps_rates_and_utilisation),
        graph_test(a_full_queue_is_told),
        graph_test(an_answer_is_made_once_a_reading),
        graph_test(asks_over_amqp_while_somebody_looks),
        graph_test(a_hostile_management_api_does_no_harm),
        graph_test(reads_once_for_all_who_ask),
        graph_test(a_silent_management_api_holds_nothing_up),
        graph_test(a_broker_that_is_killed_is_told_and_comes_back),
        graph_test(without_its_graph_web_serves_all_else),
        graph_test(kills_scales_and_hands_back_to_guv),
        graph_test(refuses_orders_that_do_not_fit),
        graph_test(listens_to_no_other_sites_pages),
        graph_test(formation_that_is_away_is_said),
        graph_test(nothing_of_it_is_there_unless_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, start_services, end_services);
}
