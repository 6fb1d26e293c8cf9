/*
 * test_formation.c - the program formation from outside: a Procfile of small shell commands, its
 * output, and Heroku's formation calls.
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "http.h"

#define PATIENCE_MS 30000

static const char procfile[] = "release: exit 1\n"
                               "web: echo \"i am $PS on $PORT\"; exec sleep 1000\n"
                               "work: sleep 1000\n"
                               "stubborn: trap '' TERM; echo deaf; while :; do sleep 1; done\n"
                               "crash: echo oops >&2; exit 3\n";

struct fixture {
    char procfile[64];
    pid_t pid;
    int out_fd;
    struct buf out; /* all that it has written */
    char url[100];  /* of the app */
};

static void kill_and_wait(struct fixture *f, int signal_number)
{
    if (f->pid <= 0)
        return;
    kill(f->pid, signal_number);
    assert_int_equal(waitpid(f->pid, NULL, 0), f->pid);
    f->pid = 0;
}

/* Reads more output; false when there is none left to come, or not in time. */
static bool read_more(struct fixture *f, int64_t deadline)
{
    struct pollfd p = {.fd = f->out_fd, .events = POLLIN};
    char block[4096];
    ssize_t n;

    if (poll(&p, 1, clock_until_ms(deadline)) <= 0)
        return false;
    n = read(f->out_fd, block, sizeof block);
    return n > 0 && buf_append(&f->out, block, (size_t)n) == 0;
}

static void wait_for_output(struct fixture *f, const char *text)
{
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (!f->out.data || !strstr(f->out.data, text))
        if (!read_more(f, deadline))
            fail_msg("no '%s' in: %s", text, f->out.data ? f->out.data : "");
}

static void start_with(struct fixture *f, const char *scale, const char *more, const char *value)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    f->pid = fork();
    assert_true(f->pid >= 0);
    if (f->pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execl(FORMATION, "formation", f->procfile, "--app", "a", "--scale", scale, "--grace", "1",
              "--restart-max", "1", "--limit", "3", "--base-port", "7000", more, value,
              (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    f->out_fd = fds[0];
    wait_for_output(f, "/formation\n");
    assert_int_equal(sscanf(f->out.data, "formation | %80[^ \n]", f->url), 1);
    *strrchr(f->url, '/') = '\0';
}

static void start(struct fixture *f, const char *scale, const char *token_env)
{
    start_with(f, scale, token_env ? "--token-env" : NULL, token_env);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int fd;

    assert_non_null(f);
    snprintf(f->procfile, sizeof f->procfile, "/tmp/test-formation-XXXXXX");
    fd = mkstemp(f->procfile);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, procfile, strlen(procfile)), strlen(procfile));
    close(fd);
    f->out_fd = -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    kill_and_wait(f, SIGTERM);
    if (f->out_fd >= 0)
        close(f->out_fd);
    unlink(f->procfile);
    buf_release(&f->out);
    free(f);
    return 0;
}

/* One call; returns the answer's status, with its JSON (new) in *ret unless that is NULL. */
static long call(struct fixture *f, const char *method, const char *path, const char *body,
                 json_t **ret)
{
    struct http_request request = {.method = method, .body = body};
    struct http_answer answer;
    char url[200];
    long status;

    snprintf(url, sizeof url, "%s%s", f->url, path);
    http_send(url, &request, &answer);
    status = answer.status;
    if (ret)
        *ret = json_incref(answer.json);
    http_answer_release(&answer);
    return status;
}

static long patch(struct fixture *f, const char *path, const char *body)
{
    return call(f, "PATCH", path, body, NULL);
}

static int quantity_of(struct fixture *f, const char *type)
{
    char path[100];
    json_t *json;
    int quantity;

    snprintf(path, sizeof path, "/formation/%s", type);
    assert_int_equal(call(f, "GET", path, NULL, &json), 200);
    quantity = (int)json_integer_value(json_object_get(json, "quantity"));
    json_decref(json);
    return quantity;
}

/* The names and states of all dynos: "web.1 up, work.1 down". */
static void list_dynos(struct fixture *f, struct buf *ret)
{
    json_t *list, *dyno;
    size_t i;

    assert_int_equal(call(f, "GET", "/dynos", NULL, &list), 200);
    json_array_foreach(list, i, dyno)
        buf_printf(ret, "%s%s %s", i ? ", " : "", json_string_value(json_object_get(dyno, "name")),
                   json_string_value(json_object_get(dyno, "state")));
    json_decref(list);
}

static void assert_dynos(struct fixture *f, const char *want)
{
    AUTO(buf_release) struct buf dynos = BUF_INIT;

    list_dynos(f, &dynos);
    assert_string_equal(dynos.data ? dynos.data : "", want);
}

static pid_t pid_of(struct fixture *f, const char *name)
{
    json_t *list, *dyno;
    pid_t pid = 0;
    size_t i;

    assert_int_equal(call(f, "GET", "/dynos", NULL, &list), 200);
    json_array_foreach(
        list, i, dyno) if (strcmp(json_string_value(json_object_get(dyno, "name")), name) == 0)
        pid = (pid_t)json_integer_value(json_object_get(dyno, "pid"));
    json_decref(list);
    assert_true(pid > 0);
    return pid;
}

static void runs_so_many_of_each_type_but_never_release(void **state)
{
    struct fixture *f = *state;
    json_t *list, *web;

    start(f, "web=2,stubborn=0,crash=0", NULL);
    wait_for_output(f, "web.1     | i am web.1 on 7000\n");
    wait_for_output(f, "web.2     | i am web.2 on 7001\n");
    assert_dynos(f, "web.1 up, web.2 up, work.1 up");
    assert_int_equal(call(f, "GET", "/formation", NULL, &list), 200);
    assert_int_equal(json_array_size(list), 4);
    web = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(web, "type")), "web");
    assert_int_equal(json_integer_value(json_object_get(web, "quantity")), 2);
    assert_string_equal(json_string_value(json_object_get(json_object_get(web, "app"), "name")),
                        "a");
    json_decref(list);
}

static void scales_one_type_and_several(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=0,work=3", NULL);
    wait_for_output(f, "work.3 is up");
    assert_int_equal(patch(f, "/formation/work", "{\"quantity\": 1}"), 200);
    wait_for_output(f, "work.3 ended by signal 15");
    wait_for_output(f, "work.2 ended by signal 15");
    assert_dynos(f, "work.1 up");
    assert_int_equal(patch(f, "/formation",
                           "{\"updates\": [{\"type\": \"work\", \"quantity\": 0},"
                           "{\"type\": \"web\", \"quantity\": 2, \"size\": \"Eco\"}]}"),
                     200);
    wait_for_output(f, "work.1 ended by signal 15");
    wait_for_output(f, "web.2 is up");
    assert_dynos(f, "web.1 up, web.2 up");
}

static void refuses_bad_updates_and_makes_none_of_them(void **state)
{
    static const struct {
        const char *path, *body;
        long status;
    } cases[] = {
        {"/formation/work", "{\"quantity\": 4}", 422}, /* the limit is 3 */
        {"/formation/work", "{\"quantity\": -1}", 422},
        {"/formation/work", "{\"quantity\": \"2\"}", 422},
        {"/formation/work", "{}", 422},
        {"/formation/work", "{\"quantity\": 2, \"x\": 1}", 422},
        {"/formation/work", "[]", 400},
        {"/formation/work", "{\"quantity\"", 400},
        {"/formation/nobody", "{\"quantity\": 2}", 404},
        {"/formation/release", "{\"quantity\": 1}", 404},
        {"/formation", "{\"updates\": 2}", 422},
        {"/formation", "{\"updates\": [{\"process\": \"work\", \"quantity\": 2}]}", 422},
        {"/formation",
         "{\"updates\": [{\"type\": \"work\", \"quantity\": 2},"
         "{\"type\": \"nobody\", \"quantity\": 1}]}",
         404},
    };
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=0", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(patch(f, cases[i].path, cases[i].body), cases[i].status);
    assert_int_equal(quantity_of(f, "work"), 1);
    assert_int_equal(patch(f, "/formation/work", "{\"quantity\": 3}"), 200);
}

static void knows_its_paths_and_methods(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=0", NULL);
    assert_int_equal(call(f, "GET", "/nothing", NULL, NULL), 404);
    assert_int_equal(call(f, "GET", "b/dynos", NULL, NULL), 404); /* of another app */
    assert_int_equal(call(f, "POST", "/dynos", "{}", NULL), 405);
    assert_int_equal(call(f, "DELETE", "/formation", NULL, NULL), 405);
}

static void a_body_past_the_limit_is_refused(void **state)
{
    struct fixture *f = *state;
    char *body = malloc((64 * 1024) + 2);

    assert_non_null(body);
    memset(body, ' ', (64 * 1024) + 1);
    body[(64 * 1024) + 1] = '\0';
    start(f, "stubborn=0,crash=0,web=0", NULL);
    assert_int_equal(patch(f, "/formation", body), 413);
    body[64 * 1024] = '\0';
    assert_int_equal(patch(f, "/formation", body), 400); /* read, and not JSON */
    free(body);
}

static void wants_its_token(void **state)
{
    static const char *const with[] = {"Authorization: Bearer open sesame", NULL};
    struct http_request request = {.headers = with};
    struct fixture *f = *state;
    struct http_answer answer;
    char url[200];

    setenv("TEST_TOKEN", "open sesame", 1);
    start(f, "stubborn=0,crash=0,web=0", "TEST_TOKEN");
    assert_int_equal(call(f, "GET", "/dynos", NULL, NULL), 401);
    snprintf(url, sizeof url, "%s/dynos", f->url);
    http_send(url, &request, &answer);
    assert_int_equal(answer.status, 200);
    http_answer_release(&answer);
}

/* Until it runs (again): there is no line of its own for that, after the first. */
static void wait_for_dyno(struct fixture *f, const char *name)
{
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    char up[40];

    snprintf(up, sizeof up, "%s up", name);
    for (;;) {
        AUTO(buf_release) struct buf dynos = BUF_INIT;

        list_dynos(f, &dynos);
        if (strstr(dynos.data, up))
            return;
        if (!read_more(f, deadline)) /* each start is a line */
            fail_msg("%s does not come up: %s", name, dynos.data);
    }
}

/* The names in an answer's list of dynos: "work.1 work.2". */
static void assert_killed(struct fixture *f, const char *path, const char *want)
{
    AUTO(buf_release) struct buf names = BUF_INIT;
    json_t *list, *dyno;
    size_t i;

    assert_int_equal(call(f, "DELETE", path, NULL, &list), 200);
    json_array_foreach(list, i, dyno)
        buf_printf(&names, "%s%s", i ? " " : "", json_string_value(json_object_get(dyno, "name")));
    json_decref(list);
    assert_string_equal(names.data ? names.data : "", want);
}

static void kills_a_dyno_or_all_of_a_type_when_asked(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=1,work=3", NULL);
    wait_for_output(f, "work.3 is up");
    assert_killed(f, "/dynos/work.2?signal=KILL", "work.2");
    wait_for_output(f, "work.2 ended by signal 9; starts again in 0.1 s");
    wait_for_dyno(f, "work.2");
    assert_killed(f, "/dynos/work?signal=KILL", "work.1 work.2 work.3");
    wait_for_output(f, "work.2 ended by signal 9; starts again in 0.2 s");
    wait_for_dyno(f, "work.1");
    wait_for_dyno(f, "work.2");
    wait_for_dyno(f, "work.3");
    assert_killed(f, "/dynos/crash?signal=KILL", ""); /* none runs */
    assert_dynos(f, "web.1 up, work.1 up, work.2 up, work.3 up");
}

static void kills_nobody_for_a_call_it_does_not_know(void **state)
{
    static const struct {
        const char *method, *path;
        long status;
    } cases[] = {
        {"DELETE", "/dynos/work.1", 422},
        {"DELETE", "/dynos/work.1?signal=TERM", 422},
        {"DELETE", "/dynos/work.9?signal=KILL", 404},
        {"DELETE", "/dynos/nobody?signal=KILL", 404},
        {"DELETE", "/dynos/?signal=KILL", 404},
        {"DELETE", "/dynos?signal=KILL", 405},      /* not all of them at once */
        {"POST", "/dynos/work.1?signal=KILL", 405}, /* which pages of other sites could send */
        {"GET", "/dynos/work.1?signal=KILL", 405},
    };
    struct fixture *f = *state;
    pid_t pid;

    start(f, "stubborn=0,crash=0,web=0", NULL);
    wait_for_output(f, "work.1 is up");
    pid = pid_of(f, "work.1");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(call(f, cases[i].method, cases[i].path, NULL, NULL), cases[i].status);
    assert_int_equal(pid_of(f, "work.1"), pid);
}

/* ---- strict ---- */

#define ACCEPT "Accept: application/vnd.heroku+json; version=3"
#define BEARER "Authorization: Bearer x"
#define AGENT "User-Agent: test"
#define JSON "Content-Type: application/json"

static void send_strict(struct fixture *f, const char *method, const char *path, const char *body,
                        const char *const *headers, struct http_answer *ret)
{
    static const char *const good[] = {ACCEPT, BEARER, AGENT, JSON, NULL};
    struct http_request request = {
        .method = method, .body = body, .headers = headers ? headers : good};
    char url[200];

    /* The control calls are outside the app: http://127.0.0.1:PORT/__fail */
    snprintf(url, sizeof url, "%.*s%s",
             path[1] == '_' ? (int)(strstr(f->url, "/apps") - f->url) : (int)strlen(f->url), f->url,
             path);
    http_send(url, &request, ret);
}

static long strict_status(struct fixture *f, const char *method, const char *path, const char *body,
                          const char *const *headers)
{
    struct http_answer a;
    long status;

    send_strict(f, method, path, body, headers, &a);
    status = a.status;
    http_answer_release(&a);
    return status;
}

#define SCALE_WORK "{\"updates\": [{\"type\": \"work\", \"quantity\": 2}]}"

static void strict_refuses_what_heroku_would(void **state)
{
    static const struct {
        const char *headers[5], *method;
        long status;
    } cases[] = {
        {{ACCEPT, BEARER, AGENT, NULL}, "GET", 200},
        {{"Accept: application/json", BEARER, AGENT, NULL}, "GET", 406},
        {{"Accept:", BEARER, AGENT, NULL}, "GET", 406},
        {{ACCEPT, AGENT, NULL}, "GET", 401},
        {{ACCEPT, "Authorization: Bearer ", AGENT, NULL}, "GET", 401},
        {{ACCEPT, "Authorization: Basic x", AGENT, NULL}, "GET", 401},
        {{ACCEPT, BEARER, "User-Agent:", NULL}, "GET", 400},
        {{ACCEPT, BEARER, AGENT, "Content-Type: text/plain", NULL}, "PATCH", 415},
        {{ACCEPT, BEARER, AGENT, JSON, NULL}, "PATCH", 200},
    };
    struct fixture *f = *state;
    struct http_answer a;

    start_with(f, "stubborn=0,crash=0,web=0", "--strict", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(strict_status(f, cases[i].method, "/formation",
                                       cases[i].method[0] == 'P' ? SCALE_WORK : NULL,
                                       cases[i].headers),
                         cases[i].status);
    send_strict(f, "GET", "/__requests", NULL, NULL, &a);
    assert_int_equal(json_integer_value(json_object_get(a.json, "GET")), 7);
    assert_int_equal(json_integer_value(json_object_get(a.json, "PATCH")), 2);
    assert_int_equal(json_integer_value(json_object_get(a.json, "refused")), 7);
    http_answer_release(&a);
}

static void strict_fails_as_often_as_it_is_asked(void **state)
{
    struct fixture *f = *state;
    struct http_answer a;

    start_with(f, "stubborn=0,crash=0,web=0", "--strict", NULL);
    assert_int_equal(strict_status(f, "PUT", "/__fail", "{\"status\": 429, \"time\": 2}", NULL),
                     422);
    assert_int_equal(strict_status(f, "PUT", "/__fail",
                                   "{\"status\": 429, \"times\": 2, \"retry_after\": 7}", NULL),
                     200);
    send_strict(f, "GET", "/formation", NULL, NULL, &a);
    assert_int_equal(a.status, 429);
    assert_string_equal(http_header(&a, "retry-after"), "7");
    assert_string_equal(json_string_value(json_object_get(a.json, "id")), "rate_limit");
    http_answer_release(&a);
    assert_int_equal(strict_status(f, "PATCH", "/formation", SCALE_WORK, NULL), 429);
    assert_int_equal(strict_status(f, "PATCH", "/formation", SCALE_WORK, NULL), 200);

    assert_int_equal(strict_status(f, "PUT", "/__fail",
                                   "{\"status\": 422, \"method\": \"PATCH\", \"limit\": 1}", NULL),
                     200);
    assert_int_equal(strict_status(f, "GET", "/formation", NULL, NULL), 200);
    send_strict(f, "PATCH", "/formation", SCALE_WORK, NULL, &a);
    assert_int_equal(a.status, 422);
    assert_string_equal(json_string_value(json_object_get(a.json, "id")), "cannot_run_above_limit");
    assert_int_equal(json_integer_value(json_object_get(a.json, "limit")), 1);
    http_answer_release(&a);
}

static void strict_counts_the_rate_and_refuses_past_it(void **state)
{
    struct fixture *f = *state;
    struct http_answer a;

    start_with(f, "stubborn=0,crash=0,web=0", "--strict", NULL);
    send_strict(f, "GET", "/formation", NULL, NULL, &a);
    assert_string_equal(http_header(&a, "ratelimit-remaining"), "4499");
    assert_non_null(http_header(&a, "request-id"));
    http_answer_release(&a);
    assert_int_equal(strict_status(f, "PUT", "/__set", "{\"remaining\": 0}", NULL), 200);
    assert_int_equal(strict_status(f, "GET", "/formation", NULL, NULL), 429);
}

static void strict_gives_a_long_list_in_pages(void **state)
{
    const char *range[] = {ACCEPT, BEARER, AGENT, NULL, NULL};
    struct fixture *f = *state;
    struct http_answer a;
    char header[120] = "";
    size_t n = 0;

    start_with(f, "stubborn=0,crash=0,web=0", "--strict", NULL);
    assert_int_equal(strict_status(f, "PUT", "/__set", "{\"page\": 3}", NULL), 200);
    for (long status = 206; status == 206;) {
        send_strict(f, "GET", "/formation", NULL, range, &a);
        status = a.status;
        n += json_array_size(a.json);
        assert_true((status == 206) == (http_header(&a, "next-range") != NULL));
        if (status == 206)
            snprintf(header, sizeof header, "Range: %s", http_header(&a, "next-range"));
        range[3] = header;
        http_answer_release(&a);
    }
    assert_int_equal(n, 4); /* web, work, stubborn, crash */
}

static void there_are_no_control_calls_unless_it_is_strict(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=0", NULL);
    assert_int_equal(strict_status(f, "PUT", "/__fail", "{\"status\": 500}", NULL), 404);
    assert_int_equal(strict_status(f, "GET", "/__requests", NULL, NULL), 404);
    assert_int_equal(strict_status(f, "GET", "/formation", NULL, NULL), 200);
}

static void strict_lacks_the_call_that_heroku_lacks(void **state)
{
    struct fixture *f = *state;

    start_with(f, "stubborn=0,crash=0,web=0", "--strict", NULL);
    assert_int_equal(strict_status(f, "DELETE", "/dynos/work.1?signal=KILL", NULL, NULL), 404);
    assert_int_equal(strict_status(f, "DELETE", "/dynos/work?signal=KILL", NULL, NULL), 404);
}

static void restarts_what_dies_with_growing_delay(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,web=0,work=0", NULL);
    wait_for_output(f, "crash.1   | oops\n");
    wait_for_output(f, "crash.1 exited with status 3; starts again in 0.1 s");
    wait_for_output(f, "crash.1 exited with status 3; starts again in 0.2 s");
    wait_for_output(f, "crash.1 exited with status 3; starts again in 0.4 s");
    assert_dynos(f, "crash.1 crashed");
}

static void a_killed_dyno_comes_back_with_another_pid(void **state)
{
    struct fixture *f = *state;
    pid_t first;

    start(f, "stubborn=0,crash=0,web=0", NULL);
    wait_for_output(f, "work.1 is up");
    first = pid_of(f, "work.1");
    kill(first, SIGKILL);
    wait_for_output(f, "work.1 ended by signal 9; starts again in 0.1 s");
    wait_for_dyno(f, "work.1");
    assert_int_not_equal(pid_of(f, "work.1"), first);
}

static void sigterm_stops_all_and_kills_who_does_not_listen(void **state)
{
    struct fixture *f = *state;
    int status;

    start(f, "crash=0", NULL);
    wait_for_output(f, "deaf\n"); /* its trap is set */
    kill(f->pid, SIGTERM);
    kill(f->pid, SIGTERM); /* a second one changes nothing */
    wait_for_output(f, "work.1 ended by signal 15\n");
    wait_for_output(f, "stubborn.1 ended by signal 9\n");
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void dynos_do_not_outlive_a_killed_formation(void **state)
{
    struct fixture *f = *state;

    start(f, "stubborn=0,crash=0,web=0,work=2", NULL);
    wait_for_output(f, "work.2 is up");
    kill_and_wait(f, SIGKILL);
    /* Dynos hold no end of formation's own output, so their pipes' fate is not seen there; their
     * pids are: each is gone, or a zombie that nobody has collected yet. */
    for (int i = 1; i <= 2; i++) {
        char line[40];
        const char *at;
        int pid;

        snprintf(line, sizeof line, "work.%d is up, pid ", i);
        at = strstr(f->out.data, line);
        assert_non_null(at);
        pid = atoi(at + strlen(line));
        while (kill(pid, 0) == 0) {
            char path[40], state_of = 'Z';
            FILE *stat;

            snprintf(path, sizeof path, "/proc/%d/stat", pid);
            stat = fopen(path, "r");
            if (!stat)
                break;
            if (fscanf(stat, "%*d %*s %c", &state_of) != 1)
                state_of = 'Z'; /* it was collected just now */
            fclose(stat);
            if (state_of == 'Z')
                break;
        }
    }
}

#define formation_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        formation_test(runs_so_many_of_each_type_but_never_release),
        formation_test(scales_one_type_and_several),
        formation_test(kills_a_dyno_or_all_of_a_type_when_asked),
        formation_test(kills_nobody_for_a_call_it_does_not_know),
        formation_test(refuses_bad_updates_and_makes_none_of_them),
        formation_test(knows_its_paths_and_methods),
        formation_test(a_body_past_the_limit_is_refused),
        formation_test(wants_its_token),
        formation_test(strict_refuses_what_heroku_would),
        formation_test(strict_fails_as_often_as_it_is_asked),
        formation_test(strict_counts_the_rate_and_refuses_past_it),
        formation_test(strict_gives_a_long_list_in_pages),
        formation_test(there_are_no_control_calls_unless_it_is_strict),
        formation_test(strict_lacks_the_call_that_heroku_lacks),
        formation_test(restarts_what_dies_with_growing_delay),
        formation_test(a_killed_dyno_comes_back_with_another_pid),
        formation_test(sigterm_stops_all_and_kills_who_does_not_listen),
        formation_test(dynos_do_not_outlive_a_killed_formation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
