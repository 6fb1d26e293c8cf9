#include "tool/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SERVICE_MS 1000 /* broker_fd() asks for it */
#define OWN_FDS 3
#define DELIVERIES 100 /* handled in one step, so that a signal does not wait behind a flood */

static void stop_signals(sigset_t *ret)
{
    sigemptyset(ret);
    sigaddset(ret, SIGINT);
    sigaddset(ret, SIGTERM);
}

int loop_open(struct loop *l, struct err *e)
{
    sigset_t set;

    *l = (struct loop){.stop_fd = -1, .input_fd = -1, .has_more = true};
    stop_signals(&set);
    l->stop_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (l->stop_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL))
        return err_set(e, ERR_UNAVAILABLE, "signals: %s", strerror(errno));
    return 0;
}

static bool take_signal(const struct loop *l)
{
    struct signalfd_siginfo info;

    return read(l->stop_fd, &info, sizeof(info)) == sizeof(info);
}

void loop_release(struct loop *l)
{
    sigset_t set;

    if (l->stop_fd <= 0)
        return;
    while (take_signal(l)) /* one that is left would end us, unblocked */
        ;
    close(l->stop_fd);
    l->stop_fd = -1;
    stop_signals(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int take_deliveries(struct loop *l, struct err *e)
{
    l->has_more = false;
    for (int i = 0; i < DELIVERIES; i++) {
        struct broker_delivery d;
        struct err cause = ERR_INIT;

        if (broker_next(l->broker, 0, &d, &cause))
            return cause.code == ERR_TIMEOUT ? 0 : err_set(e, cause.code, "%s", cause.text);
        if (l->delivered)
            l->delivered(l->user, &d);
    }
    l->has_more = true;
    return 0;
}

/* The shorter of two waits, of which < 0 is for ever. */
static int sooner(int a, int b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int loop_step(struct loop *l, int timeout_ms, struct err *e)
{
    struct pollfd fds[OWN_FDS + CHILDREN_MAX * 3] = {
        {.fd = l->stop_fd, .events = POLLIN},
        {.fd = l->broker ? broker_fd(l->broker) : -1, .events = POLLIN},
        {.fd = l->input_fd, .events = POLLIN}};
    size_t n = OWN_FDS;

    if (l->broker)
        timeout_ms = l->has_more ? 0 : sooner(timeout_ms, SERVICE_MS);
    if (l->children) {
        n += children_fds(l->children, fds + n, CHILDREN_MAX * 3);
        timeout_ms = sooner(timeout_ms, children_timeout_ms(l->children));
    }
    poll(fds, n, timeout_ms);
    if (take_signal(l)) {
        l->stopped = true;
        return 0;
    }
    if (l->input && fds[2].revents)
        l->input(l->user);
    if (l->children)
        children_service(l->children);
    return l->broker ? take_deliveries(l, e) : 0;
}

int loop_catch_up(struct loop *l, struct err *e)
{
    l->has_more = l->broker != NULL;
    while (l->has_more && !l->stopped)
        if (loop_step(l, 0, e))
            return -1;
    return 0;
}
