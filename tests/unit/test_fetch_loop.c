/*
 * test_fetch_loop.c - many downloads on one loop: the byte budget, callbacks that begin and cancel,
 * other people's descriptors, a silent name server, and nothing that grows.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "downloads.h"
#include "fetch/request.h"

static struct guard *guard;
static struct fetcher *fetcher;

static int set_up(void **state)
{
    struct fetcher_options options;

    (void)state;
    guard = guard_for_server();
    options = usual_options(guard);
    fetcher = fetcher_with(&options);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fetcher_free(fetcher);
    guard_free(guard);
    return 0;
}

static void poll_once(struct fetcher *f, int timeout_ms)
{
    struct err e = ERR_INIT;

    if (fetcher_poll(f, NULL, 0, timeout_ms, &e))
        fail_msg("%s", e.text);
}

/* --- no memory ---------------------------------------------------------------------------------
 */

static int handles_to_add = INT_MAX; /* then there is no memory for one more */

CURLMcode __real_curl_multi_add_handle(CURLM *multi, CURL *easy);
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
    if (handles_to_add == 0)
        return CURLM_OUT_OF_MEMORY;
    handles_to_add--;
    return __real_curl_multi_add_handle(multi, easy);
}

static void fails_when_there_is_no_memory_for_the_next_hop(void **state)
{
    struct outcome o;

    (void)state;
    handles_to_add = 1;
    download(fetcher, "/redirect/1/ok/" PICTURE, &o);
    handles_to_add = INT_MAX;
    assert_int_equal(o.result.outcome, FETCH_INTERNAL);
    assert_true(o.result.retryable);
    assert_int_equal(o.result.source_fd, -1);
    outcome_release(&o);
}

/* --- the byte budget ---------------------------------------------------------------------------
 */

#define MANY 8

/* Gives the bytes back at once. */
static void note_and_release(struct fetch *f, const struct fetch_result *result, void *user)
{
    note(f, result, user);
    fetcher_release_bytes(f->fetcher, result->bytes);
}

static void begin_many(struct fetcher *f, fetch_done_fn *done, struct outcome outcomes[MANY])
{
    char url[128];
    struct err e = ERR_INIT;

    snprintf(url, sizeof url, "%s/ok/" PICTURE, server.base);
    memset(outcomes, 0, MANY * sizeof *outcomes);
    for (int i = 0; i < MANY; i++)
        assert_non_null(fetcher_get(f, url, done, &outcomes[i], &e));
}

static size_t count_ended(const struct outcome *outcomes, size_t n)
{
    size_t ended = 0;

    for (size_t i = 0; i < n; i++)
        ended += outcomes[i].ended;
    return ended;
}

static void finishes_all_within_a_small_budget(void **state)
{
    static const int64_t budgets[] = {0, 1, 100000, PICTURE_BYTES, PICTURE_BYTES * 2 + 1};
    struct outcome outcomes[MANY];

    (void)state;
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        int64_t most = 0;

        fetcher->budget.max_bytes = budgets[i];
        begin_many(fetcher, note_and_release, outcomes);
        while (count_ended(outcomes, MANY) < MANY) {
            poll_once(fetcher, 10000);
            if (fetcher->budget.held > most)
                most = fetcher->budget.held;
        }
        for (int j = 0; j < MANY; j++) {
            assert_picture(&outcomes[j], PICTURE_BYTES);
            outcome_release(&outcomes[j]);
        }
        assert_in_range(most, 0, budgets[i] + PICTURE_BYTES);
        assert_int_equal(fetcher->budget.held, 0);
    }
}

static void waits_for_finished_sources_without_timing_out(void **state)
{
    struct outcome outcomes[MANY];
    struct fetcher_options options = usual_options(guard);
    struct fetcher *f;
    size_t released = 0;
    int64_t until_mono_ms;

    (void)state;
    options.timeout_ms = 1000;
    options.max_bytes_in_hand = PICTURE_BYTES;
    f = fetcher_with(&options);
    begin_many(f, note, outcomes);
    until_mono_ms = clock_mono_ms() + 2 * options.timeout_ms;
    while (clock_mono_ms() < until_mono_ms)
        poll_once(f, clock_until_ms(until_mono_ms));
    assert_in_range(count_ended(outcomes, MANY), 1, 2); /* the others are paused, not late */
    while (released < MANY) {
        for (; released < count_ended(outcomes, MANY); released++)
            fetcher_release_bytes(f, PICTURE_BYTES);
        if (released < MANY)
            poll_once(f, 10000);
    }
    for (int i = 0; i < MANY; i++) {
        assert_picture(&outcomes[i], PICTURE_BYTES);
        outcome_release(&outcomes[i]);
    }
    fetcher_free(f);
}

/* --- callbacks ---------------------------------------------------------------------------------
 */

struct chain {
    struct fetcher *fetcher;
    const char *url;
    int left;
};

static void begin_next(struct fetch *f, const struct fetch_result *result, void *user)
{
    struct chain *c = user;
    struct err e = ERR_INIT;

    (void)f;
    if (result->source_fd >= 0)
        close(result->source_fd);
    fetcher_release_bytes(c->fetcher, result->bytes);
    if (--c->left)
        assert_non_null(fetcher_get(c->fetcher, c->url, begin_next, c, &e));
}

static void lets_a_callback_begin_the_next(void **state)
{
    char ok[128];
    const char *urls[] = {ok, "file:///refused/at/once"};

    (void)state;
    snprintf(ok, sizeof ok, "%s/ok/" PICTURE, server.base);
    for (size_t i = 0; i < 2; i++) {
        struct chain c = {fetcher, urls[i], 5};
        struct err e = ERR_INIT;

        assert_non_null(fetcher_get(fetcher, c.url, begin_next, &c, &e));
        while (c.left)
            poll_once(fetcher, 10000);
    }
}

struct rivals {
    struct fetch *requests[2];
    int ended;
};

/* The first to end cancels the other, and itself, which does nothing. */
static void cancel_the_other(struct fetch *f, const struct fetch_result *result, void *user)
{
    struct rivals *r = user;

    if (result->source_fd >= 0)
        close(result->source_fd);
    fetcher_release_bytes(f->fetcher, result->bytes);
    r->ended++;
    fetch_cancel(r->requests[r->requests[0] == f]);
    fetch_cancel(f);
}

static void lets_a_callback_cancel_others(void **state)
{
    static const char *const paths[] = {"/hang", "/ok/" PICTURE, "refused/at/once"};
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct rivals r = {.ended = 0};

        for (int j = 0; j < 2; j++) {
            char url[128];

            snprintf(url, sizeof url, "%s%s", *paths[i] == '/' ? server.base : "",
                     j                  ? paths[i]
                     : *paths[i] == '/' ? "/ok/" PICTURE
                                        : paths[i]);
            r.requests[j] = fetcher_get(fetcher, url, cancel_the_other, &r, &e);
        }
        while (!r.ended)
            poll_once(fetcher, 10000);
        poll_once(fetcher, 0);
        assert_int_equal(r.ended, 1);
        assert_true(TAILQ_EMPTY(&fetcher->live) && TAILQ_EMPTY(&fetcher->ended));
        assert_int_equal(fetcher->budget.held, 0);
    }
}

static void cancels_at_any_moment_without_a_callback(void **state)
{
    (void)state;
    for (int polls = 0; polls < 12; polls++) {
        struct outcome o, paused;
        struct fetch *f = begin(fetcher, "/redirect/2/drip/4000/" PICTURE, &o);
        struct fetch *p = begin(fetcher, "/ok/" PICTURE, &paused);

        for (int i = 0; i < polls && !paused.ended; i++)
            poll_once(fetcher, 10);
        fetch_cancel(f);
        assert_false(o.ended);
        if (!paused.ended)
            fetch_cancel(p);
        else
            fetcher_release_bytes(fetcher, paused.result.bytes);
        outcome_release(&paused);
        assert_int_equal(fetcher->budget.held, 0);
    }
}

static void frees_with_downloads_under_way(void **state)
{
    struct outcome o[3];

    (void)state;
    begin(fetcher, "/drip/4000/" PICTURE, &o[0]);
    begin(fetcher, "/hang", &o[1]);
    poll_once(fetcher, 100);
    poll_once(fetcher, 100);
    begin(fetcher, "file:///refused/at/once", &o[2]);
    /* tear_down() frees; none of them is called */
}

/* --- the one wait ------------------------------------------------------------------------------
 */

static short wait_for(int fd, short events)
{
    struct pollfd fds[] = {{.fd = -1, .events = POLLIN}, {.fd = fd, .events = events}};
    struct err e = ERR_INIT;

    assert_int_equal(fetcher_poll(fetcher, fds, 2, 10000, &e), 0);
    assert_int_equal(fds[0].revents, 0);
    return fds[1].revents;
}

static void wakes_for_other_descriptors(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    assert_int_equal(wait_for(fds[0], POLLOUT), POLLOUT);
    assert_int_equal(write(fds[1], "x", 1), 1);
    assert_int_equal(wait_for(fds[0], POLLIN), POLLIN);
    assert_int_equal(wait_for(fds[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
    close(fds[1]);
    assert_int_equal(wait_for(fds[0], 0), POLLHUP); /* asked for or not, as poll() does */
    close(fds[0]);
}

static void waits_no_longer_than_it_is_told(void **state)
{
    int64_t start_mono_ms = clock_mono_ms();
    int fds[2];
    struct pollfd p;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    p = (struct pollfd){.fd = fds[0], .events = POLLIN, .revents = POLLIN};
    assert_int_equal(fetcher_poll(fetcher, &p, 1, 20, &e), 0);
    assert_int_equal(p.revents, 0);
    assert_true(clock_mono_ms() >= start_mono_ms + 19);
    close(fds[0]);
    close(fds[1]);
}

/* --- a name server that never answers ----------------------------------------------------------
 */

/* Gives this process a name server of its own, which never answers. Returns its socket, or -1 where
 * that is not permitted. */
static int silence_the_name_server(void)
{
    /* An address of its own, so that tests can run side by side. */
    uint32_t ip = 0x7f010000 | ((uint32_t)getpid() & 0xffff);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(ip)};
    char path[] = "/tmp/imageresize-resolv-XXXXXX";
    int fd = mkstemp(path), server_fd = socket(AF_INET, SOCK_DGRAM, 0);
    bool ok;

    ok = fd >= 0 && server_fd >= 0 &&
         dprintf(fd, "nameserver %s\noptions timeout:30 attempts:3\n", inet_ntoa(a.sin_addr)) > 0 &&
         bind(server_fd, (struct sockaddr *)&a, sizeof a) == 0 && unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount(path, "/etc/resolv.conf", "", MS_BIND, NULL) == 0;
    unlink(path);
    return ok ? server_fd : -1;
}

#define NOT_PERMITTED 77

/* In a process of its own: one that hangs is ended by the alarm, long before the resolver gives up.
 */
static void ask_the_silent_name_server(void)
{
    struct outcome silent, cancelled, other;
    struct fetch *f;
    int server_fd = silence_the_name_server();
    char byte;

    if (server_fd < 0)
        _exit(NOT_PERMITTED);
    alarm(20);
    fetcher->options.timeout_ms = 2000;
    begin(fetcher, "http://silent.example.org/a.jpg", &silent);
    f = begin(fetcher, "http://quiet.example.org/a.jpg", &cancelled);
    poll_once(fetcher, 0);
    assert_true(recv(server_fd, &byte, 1, 0) >= 0); /* it is asked */
    download(fetcher, "/ok/" PICTURE, &other);
    assert_picture(&other, PICTURE_BYTES);
    assert_false(silent.ended);
    fetch_cancel(f);
    await_all(fetcher, &silent, 1);
    assert_int_equal(silent.result.outcome, FETCH_UNREACHABLE);
    assert_true(silent.result.retryable);
    assert_string_equal(silent.detail, "the host's name was not resolved in time");
    begin(fetcher, "http://still.example.org/a.jpg", &cancelled);
    poll_once(fetcher, 10);
    fetcher_free(fetcher);
    _exit(0);
}

static void is_not_held_up_by_a_silent_name_server(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        ask_the_silent_name_server();
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_PERMITTED)
        skip(); /* needs root, for a mount of its own and port 53 */
    assert_int_equal(status, 0);
}

/* --- nothing grows -----------------------------------------------------------------------------
 */

static size_t count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static void download_rounds(int rounds)
{
    static const char *const paths[] = {
        "/ok/" PICTURE,      "/redirect/2/ok/" PICTURE, "/ok/none", "/lie-short/" PICTURE,
        "/huge/2000000",     "/chunked/" PICTURE,       "/close",   "/redirect-inward/0",
        "file:///a/refused", "/gzip/" PICTURE};

    for (int i = 0; i < rounds; i++) {
        struct outcome outcomes[sizeof paths / sizeof *paths];

        for (size_t j = 0; j < sizeof paths / sizeof *paths; j++)
            begin(fetcher, paths[j], &outcomes[j]);
        await_all(fetcher, outcomes, sizeof paths / sizeof *paths);
        for (size_t j = 0; j < sizeof paths / sizeof *paths; j++) {
            fetcher_release_bytes(fetcher, outcomes[j].result.bytes);
            outcome_release(&outcomes[j]);
        }
    }
}

static void keeps_neither_memory_nor_descriptors_over_1000_downloads(void **state)
{
    size_t descriptors, bytes;

    (void)state;
    download_rounds(10);
    descriptors = count_descriptors();
    bytes = mallinfo2().uordblks;
    download_rounds(100);
    assert_in_range(count_descriptors(), 0, descriptors + 2); /* connections kept open may vary */
    assert_in_range(mallinfo2().uordblks, 0, bytes + 65536);
    assert_int_equal(fetcher->budget.held, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fails_when_there_is_no_memory_for_the_next_hop),
        TEST(finishes_all_within_a_small_budget),
        TEST(waits_for_finished_sources_without_timing_out),
        TEST(lets_a_callback_begin_the_next),
        TEST(lets_a_callback_cancel_others),
        TEST(cancels_at_any_moment_without_a_callback),
        TEST(frees_with_downloads_under_way),
        TEST(wakes_for_other_descriptors),
        TEST(waits_no_longer_than_it_is_told),
        TEST(is_not_held_up_by_a_silent_name_server),
        TEST(keeps_neither_memory_nor_descriptors_over_1000_downloads),
    };

    return cmocka_run_group_tests_name("fetch_loop", tests, start_server, stop_server);
}
