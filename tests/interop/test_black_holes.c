/*
 * test_black_holes.c - the programs while broker and database cannot be had: nobody listens there,
 * or somebody does and never says a word. web listens at once all the same and tells who asks; each
 * ends in order and in time when it is told to.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http.h"
#include "program.h"
#include "scratch_dir.h"
#include "system.h"

#include "unit.h"

#define SECONDS_TO_LISTEN 5
#define SECONDS_TO_END 25 /* Heroku gives 30 */

/* A place of which nothing can be had. */
struct hole {
    int fd;
    int port;
};

static struct hole broker, database;
static char broker_url[100], database_url[100], port_setting[20];
static int web_port;
static char folder[SCRATCH_DIR_SIZE], resize[SCRATCH_DIR_SIZE + 20];

/* resize looks for its decoder beside itself. */
static int install_resize(void **state)
{
    char command[1500];

    (void)state;
    assert_int_equal(scratch_dir(folder), 0);
    snprintf(resize, sizeof resize, "%s/imageresize-resize", folder);
    snprintf(command, sizeof command, "cp %s %s && ln -s %s %s", RESIZE, folder, DECODE, folder);
    return system(command);
}

static int remove_resize(void **state)
{
    char command[SCRATCH_DIR_SIZE + 20];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void open_hole(struct hole *h, bool listens)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;

    h->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(h->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(h->fd, (struct sockaddr *)&a, &len), 0);
    if (listens)
        assert_int_equal(listen(h->fd, 64), 0);
    h->port = ntohs(a.sin_port);
}

static int open_holes(bool listens)
{
    struct hole web;

    open_hole(&broker, listens);
    open_hole(&database, listens);
    snprintf(broker_url, sizeof broker_url, "MSGFLO_BROKER=amqp://127.0.0.1:%d", broker.port);
    snprintf(database_url, sizeof database_url, "DATABASE_URL=postgres://me@127.0.0.1:%d/x",
             database.port);
    open_hole(&web, false);
    web_port = web.port;
    snprintf(port_setting, sizeof port_setting, "PORT=%d", web_port);
    return close(web.fd);
}

static int refuse(void **state)
{
    (void)state;
    return open_holes(false);
}

static int swallow(void **state)
{
    (void)state;
    return open_holes(true);
}

static int close_holes(void **state)
{
    (void)state;
    return close(broker.fd) | close(database.fd);
}

static void start(struct program *p, const char *program)
{
    const char *const argv[] = {program, NULL};
    const char *const variables[] = {broker_url, database_url, port_setting, NULL};

    program_start(p, argv, variables);
}

/* Waits until somebody has come to a hole that listens, and leaves him there. */
static void await_visit(const struct hole *h)
{
    struct pollfd fd = {h->fd, POLLIN, 0};

    assert_int_equal(poll(&fd, 1, PROGRAM_PATIENCE_MS), 1);
}

static void assert_ends_in_time(struct program *p)
{
    int64_t began = clock_mono_ms();

    assert_int_equal(program_end(p, SIGTERM), 0);
    assert_true(clock_mono_ms() - began < SECONDS_TO_END * 1000);
    program_release(p);
}

static void ask_web(const char *host, const char *path, const char *body, long status)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct http_request request = {.body = body, .headers = headers};
    struct http_answer a;
    char url[100];

    snprintf(url, sizeof url, "http://%s:%d%s", host, web_port, path);
    http_send(url, &request, &a);
    assert_int_equal(a.status, status);
    if (status == 503)
        assert_non_null(http_header(&a, "retry-after"));
    http_answer_release(&a);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;

    close(fd);
    return has;
}

static void web_listens_at_once_on_both_stacks_and_says_503(void **state)
{
    struct program p;
    int64_t began = clock_mono_ms();

    (void)state;
    start(&p, WEB);
    program_expect(&p, "event=listening");
    assert_true(clock_mono_ms() - began < SECONDS_TO_LISTEN * 1000);
    ask_web("127.0.0.1", "/healthz", NULL, 200);
    if (has_ipv6())
        ask_web("[::1]", "/healthz", NULL, 200);
    ask_web("127.0.0.1", "/jobs", "{\"images\":[{\"input\":\"http://h/a.jpg\",\"width\":9}]}", 503);
    ask_web("127.0.0.1", "/readyz", NULL, 503);
    assert_ends_in_time(&p);
}

/* The default is too long for a test; that it is used as this one is, is the same code. */
static void an_idle_connection_is_kept_as_long_as_the_setting_says(void **state)
{
    static const char request[] = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n";
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t answered;
    struct program p;
    char answer[2000];

    (void)state;
    setenv("IMAGERESIZE_KEEP_ALIVE", "3", 1);
    start(&p, WEB);
    unsetenv("IMAGERESIZE_KEEP_ALIVE");
    program_expect(&p, "event=listening");
    a.sin_port = htons((uint16_t)web_port);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    for (int i = 0; i < 2; i++) { /* the second is on a connection that has been used */
        assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
        assert_true(recv(fd, answer, sizeof answer, 0) > 0);
        answered = clock_mono_ms();
        if (i == 0)
            assert_int_equal(poll(&(struct pollfd){fd, POLLIN, 0}, 1, 500), 0);
    }
    assert_int_equal(poll(&(struct pollfd){fd, POLLIN, 0}, 1, PROGRAM_PATIENCE_MS), 1);
    assert_int_equal(recv(fd, answer, sizeof answer, 0), 0); /* closed, and not before its time */
    assert_true(clock_mono_ms() - answered >= 2900);
    close(fd);
    assert_ends_in_time(&p);
}

/* Log routers cut longer lines: Heroku's at 10,000 bytes. */
static void what_clients_send_makes_no_long_log_line(void **state)
{
    char path[7000], id[7000], body[9000];
    const char *headers[] = {"Content-Type: application/json", id, NULL};
    struct http_request request = {.headers = headers};
    struct http_answer a;
    struct program p;
    char url[sizeof path + 40];

    (void)state;
    start(&p, WEB);
    program_expect(&p, "event=listening");
    memset(path, '"', sizeof path);
    path[sizeof path - 1] = '\0';
    snprintf(url, sizeof url, "http://127.0.0.1:%d/%s", web_port, path);
    snprintf(id, sizeof id, "X-Request-Id: %.6000s", path);
    http_send(url, &request, &a);
    assert_int_equal(a.status, 404);
    http_answer_release(&a);
    program_expect(&p, "status=404");

    snprintf(body, sizeof body, "{\"images\":[{\"input\":\"http://h/%0*d\",\"width\":9}]}", 8000,
             0);
    ask_web("127.0.0.1", "/jobs", body, 422);
    program_expect(&p, "status=422");
    assert_int_equal(program_end(&p, SIGTERM), 0);
    for (const char *line = p.out.data; *line; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") < 8192);
    program_release(&p);
}

static void store_ends_at_sigterm(void **state)
{
    struct program p;

    (void)state;
    start(&p, STORE);
    program_expect(&p, "event=broker_down");
    assert_ends_in_time(&p);
}

static void resize_ends_at_sigterm(void **state)
{
    struct program p;

    (void)state;
    start(&p, resize);
    program_expect(&p, "event=broker_down");
    assert_ends_in_time(&p);
}

static void resize_ends_at_sigterm_while_it_waits_for_an_answer(void **state)
{
    struct program p;

    (void)state;
    start(&p, resize);
    await_visit(&broker);
    assert_ends_in_time(&p);
}

static void store_ends_at_sigterm_while_it_waits_for_an_answer(void **state)
{
    struct program p;

    (void)state;
    start(&p, STORE);
    await_visit(&broker);
    assert_ends_in_time(&p);
}

static void guv_ends_at_sigterm(void **state)
{
    struct program p;
    const char *const argv[] = {GUV, "-f", SOURCE_DIR "/graphs/guv.yaml", NULL};
    char platform[100];
    const char *const variables[] = {broker_url, database_url, platform, "GUV_APP=a", NULL};

    (void)state;
    snprintf(platform, sizeof platform, "GUV_HEROKU_URL=http://127.0.0.1:%d", database.port);
    program_start(&p, argv, variables);
    program_expect(&p, "event=started");
    assert_ends_in_time(&p);
}

/* The decoders of a process, seen by their limit of data: that of the images, and 256 MB. */
static void resize_takes_no_more_than_the_memory_it_may_use(void **state)
{
    char path[40], command_line[400];
    struct program p;
    pid_t decoders[8];
    size_t n = 0;
    int fd;

    (void)state;
    setenv("IMAGERESIZE_MEMORY", "300", 1);
    start(&p, resize);
    unsetenv("IMAGERESIZE_MEMORY");
    program_expect(&p, "event=broker_down"); /* its decoders stand by then */
    n = children_of(p.pid, decoders, 8);
    assert_int_equal(n, 1);
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)decoders[0]);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = (size_t)read(fd, command_line, sizeof command_line - 1);
    close(fd);
    assert_non_null(memmem(command_line, n, "\000394264576", 10)); /* (120 + 256) MB */
    assert_ends_in_time(&p);
}

#define IN(place, test) cmocka_unit_test_setup_teardown(test, place, close_holes)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN(refuse, web_listens_at_once_on_both_stacks_and_says_503),
        IN(refuse, an_idle_connection_is_kept_as_long_as_the_setting_says),
        IN(refuse, what_clients_send_makes_no_long_log_line),
        IN(refuse, store_ends_at_sigterm),
        IN(refuse, resize_ends_at_sigterm),
        IN(refuse, resize_takes_no_more_than_the_memory_it_may_use),
        IN(refuse, guv_ends_at_sigterm),
        IN(swallow, web_listens_at_once_on_both_stacks_and_says_503),
        IN(swallow, store_ends_at_sigterm),
        IN(swallow, store_ends_at_sigterm_while_it_waits_for_an_answer),
        IN(swallow, resize_ends_at_sigterm),
        IN(swallow, resize_ends_at_sigterm_while_it_waits_for_an_answer),
        IN(swallow, guv_ends_at_sigterm),
    };

    return cmocka_run_group_tests(tests, install_resize, remove_resize);
}
