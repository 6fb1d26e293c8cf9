#include "broker_node.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"
#include "scratch_broker.h"

static void on_connected(void *user, unsigned abilities)
{
    struct node *n = user;

    assert_true(abilities & BROKER_BINDS);
    n->connected++;
}

void on_disconnected(void *user, const char *why)
{
    struct node *n = user;

    snprintf(n->text, sizeof n->text, "%s", why);
    n->disconnected++;
}

static void on_discovered(void *user, const char *body, size_t size)
{
    assert_int_equal(strlen(body), size);
    ((struct node *)user)->discovered++;
}

static void on_observed(void *user, const char *outport, const char *body, size_t size)
{
    assert_true(strlen(outport) > 0);
    assert_int_equal(strlen(body), size);
    ((struct node *)user)->observed++;
}

static void on_done(void *user, uint64_t command, const struct err *e)
{
    struct node *n = user;

    assert_int_equal(command, ++n->done); /* in the order they were given */
    if (!e)
        return;
    n->refused++;
    snprintf(n->text, sizeof n->text, "%s", e->text);
}

static void on_warning(void *user, const char *text)
{
    struct node *n = user;

    n->warnings++;
    snprintf(n->text, sizeof n->text, "%s", text);
}

void start(struct node *n, const char *management_url)
{
    static const struct broker_worker_events events = {.connected = on_connected,
                                                       .disconnected = on_disconnected,
                                                       .discovered = on_discovered,
                                                       .observed = on_observed,
                                                       .done = on_done,
                                                       .warning = on_warning};
    const struct broker_worker_options options = {
        .url = scratch_broker_url(), .name = "test", .management_url = management_url};
    struct err e = ERR_INIT;

    memset(n, 0, sizeof *n);
    if (broker_worker_start(&options, &events, n, &n->w, &e))
        fail_msg("%s", e.text);
}

void wait_for(struct node *n, const size_t *what, size_t at_least)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (*what < at_least) {
        struct pollfd pfd = {broker_worker_fd(n->w), POLLIN, 0};

        if (poll(&pfd, 1, clock_until_ms(deadline)) != 1)
            fail_msg("%zu, not %zu: %s", *what, at_least, n->text);
        broker_worker_service(n->w);
    }
}

void wait_done(struct node *n, uint64_t command)
{
    assert_true(command > 0);
    wait_for(n, &n->done, command);
    if (n->refused || n->warnings)
        fail_msg("%s", n->text);
}

void name_it(char ret[NAME_SIZE], const char *what)
{
    static unsigned count;

    snprintf(ret, NAME_SIZE, "w%ld-%u.%s", (long)getpid(), ++count, what);
}

void wait_for_depth(const char *queue, int depth)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (broker_depth(queue) != depth)
        if (clock_until_ms(deadline) == 0)
            fail_msg("queue '%s' holds %d, not %d", queue, broker_depth(queue), depth);
}

int on_classic_queues(void **state)
{
    (void)state;
    return scratch_broker_use(false) ? 0 : -1;
}

int on_quorum_queues(void **state)
{
    (void)state;
    return scratch_broker_use(true) ? 0 : -1;
}
