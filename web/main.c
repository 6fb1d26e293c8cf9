/*
 * imageresize-web: the HTTP API, and the participant imageresize/HttpApi.
 *
 * Threads, and what each owns:
 *   http (2 to 4)  libmicrohttpd's: connections, parsing, validation. Never the database.
 *   writer         its connection to Postgres: new jobs, the outbox.
 *   reader         its connection: jobs and outputs for GET.
 *   listener       its connection: hears which jobs have changed, wakes who waits for them.
 *   publisher      the participant and its connection to the broker.
 *   main           starts and stops the others, and keeps the deadlines of suspended requests.
 * A request is suspended and goes through the bounded queues to_write and to_read; an outbox row
 * goes from the writer to the publisher and back. Whoever takes an item from a queue owns it.
 *
 * SIGTERM: takes no more connections, finishes what is in hand, awaits confirms, gives back what is
 * not sent, and ends with status 0 within 25 s; the limits below add up to less.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "start/start.h"
#include "web/http.h"
#include "web/job_publisher.h"
#include "web/listener.h"
#include "web/pages.h"
#include "web/reader.h"
#include "web/request.h"
#include "web/web.h"
#include "web/writer.h"

#define DEADLINE_STEP_MS 100
#define DRAIN_MS 8000    /* requests in hand */
#define ARRIVE_MS 2000   /* requests that have not arrived whole */
#define CONFIRMS_MS 4000 /* messages under way */

/* ---- the waiters' hooks */

static struct web the_web;

static void hold(struct waiter *w)
{
    request_hold(request_of(w));
}

static void give_up(struct waiter *w)
{
    struct answer a = ANSWER_INIT;

    answer_problem(&a, 503, "the database has not answered in time");
    request_settle(request_of(w), &a);
}

static void wake(struct waiter *w)
{
    struct answer a = ANSWER_INIT;

    if (queue_push(the_web.to_read, request_of(w)) == 0)
        return;
    answer_problem(&a, 503, "too many requests are in hand");
    request_settle(request_of(w), &a);
}

/* ---- start */

static int fill_web(struct web *web, struct err *e)
{
    static const struct waiters_hooks hooks = {hold, give_up, wake};
    const struct settings *s = &web->settings;

    if (output_target_parse(s->output, s->s3_bucketeer_bucket, &web->target, e) ||
        pages_prepare(s, &web->target, e))
        return -1;
    web->limits = (struct new_job_limits){
        .image = {.max_url_bytes = s->max_url_bytes,
                  .max_side_px = s->max_side_px,
                  .max_outputs = s->max_outputs},
        .max_images = s->max_images,
        .max_metadata_bytes = s->max_metadata_bytes,
    };
    web->waiters = waiters_new(&hooks, (size_t)s->max_waiters, e);
    web->to_write = queue_new(CONNECTIONS_MAX, e);
    web->to_read = queue_new(CONNECTIONS_MAX, e);
    return web->waiters && web->to_write && web->to_read ? 0 : -1;
}

/* Signals are read from a descriptor, by main alone: blocked before any thread starts. */
static int open_signals(struct err *e)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    signal(SIGPIPE, SIG_IGN);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd >= 0 ? fd : err_set(e, ERR_UNAVAILABLE, "signalfd: %s", strerror(errno));
}

/* ---- life */

/* Keeps the deadlines until a signal comes. */
static void serve(struct web *web, int signal_fd)
{
    struct pollfd fds[] = {{signal_fd, POLLIN, 0}, {waiters_fd(web->waiters), POLLIN, 0}};
    size_t entered = 0;

    while (!(fds[0].revents & POLLIN)) {
        poll(fds, 2, entered > 0 ? DEADLINE_STEP_MS : -1);
        entered = waiters_expire(web->waiters, clock_mono_ms(), false);
    }
}

/* Whether somebody may still be answered, so long after the signal. */
static bool is_in_hand(struct http *http, int64_t since_ms)
{
    const size_t in_hand = http_in_hand(http);

    return since_ms < ARRIVE_MS ? in_hand > 0
                                : since_ms < DRAIN_MS && in_hand > http_arriving(http);
}

/* Answers what is in hand, or gives it up. */
static void drain(struct web *web, struct http *http)
{
    const int64_t start = clock_mono_ms();

    atomic_store(&web->stopping, true);
    http_stop_accepting(http);
    waiters_close(web->waiters);
    while (is_in_hand(http, clock_mono_ms() - start)) {
        struct pollfd nothing = {-1, 0, 0};

        waiters_expire(web->waiters, clock_mono_ms(), false);
        poll(&nothing, 1, DEADLINE_STEP_MS);
    }
    waiters_expire(web->waiters, clock_mono_ms(), true);
}

struct threads {
    struct http *http;
    struct writer *writer;
    struct reader *reader;
    struct listener *listener;
};

/* Drops what was given up while it was in the queue. */
static void empty(struct queue *requests)
{
    void *r;

    while (queue_take(requests, &r, 1))
        request_drop(r);
}

/* In an order in which nobody hands work to one that has gone. */
static void stop(struct web *web, struct threads *t)
{
    if (t->http)
        drain(web, t->http);
    if (t->listener)
        listener_stop(t->listener);
    if (web->publisher)
        job_publisher_stop(web->publisher, CONFIRMS_MS);
    if (t->writer)
        writer_stop(t->writer);
    if (t->reader)
        reader_stop(t->reader);
    if (!t->http)
        return;
    http_stop(t->http);
    empty(web->to_write);
    empty(web->to_read);
}

static int start(struct web *web, const char *role, struct queue *done, struct threads *t,
                 struct err *e)
{
    web->publisher = job_publisher_start(&web->settings, role, PUBLISHER_ITEMS, done, e);
    if (!web->publisher || !(t->writer = writer_start(web, done, e)) ||
        !(t->reader = reader_start(web, e)) || !(t->listener = listener_start(web, e)) ||
        !(t->http = http_start(web, e)))
        return -1;
    return 0;
}

static int run(struct web *web, const char *role)
{
    struct threads threads = {NULL, NULL, NULL, NULL};
    struct err e = ERR_INIT;
    struct queue *done = NULL;
    int signal_fd, status = 0;

    if ((signal_fd = open_signals(&e)) < 0 || fill_web(web, &e) ||
        !(done = queue_new(PUBLISHER_ITEMS, &e)) || start(web, role, done, &threads, &e)) {
        log_error("cannot_start", "message=%s", log_quote(e.text));
        status = e.code == ERR_INPUT ? 2 : 1;
    } else {
        log_info("listening", "port=%d version=%s", (int)web->settings.port, PROJECT_VERSION);
        serve(web, signal_fd);
        log_info("stopping", "in_hand=%zu", http_in_hand(threads.http));
    }
    stop(web, &threads);
    job_publisher_free(web->publisher);
    queue_free(done);
    queue_free(web->to_read);
    queue_free(web->to_write);
    waiters_free(web->waiters);
    if (signal_fd >= 0)
        close(signal_fd);
    if (status == 0)
        log_info("stopped", "status=0");
    return status;
}

static int usage(void)
{
    fputs("usage: imageresize-web [--role NAME] | --check | --version\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *role = "web";
    char prefix[120];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("imageresize-web " PROJECT_VERSION);
            return 0;
        }
        if (strcmp(argv[i], "--check") == 0)
            return start_check(PROGRAM_WEB, NULL);
        if (strcmp(argv[i], "--role") != 0 || i + 1 == argc)
            return usage();
        role = argv[++i];
    }
    snprintf(prefix, sizeof prefix, "role=%.100s", role);
    log_init(prefix, LOG_INFO);
    if (start_load(PROGRAM_WEB, NULL, &the_web.settings))
        return START_REFUSED;
    log_init(prefix, start_log_level(&the_web.settings));
    return run(&the_web, role);
}
