/*
 * fetcher.c - the loop: requests on one curl_multi, their deadlines, and the descriptors of others.
 *
 * Design notes
 * - Callbacks into the program run at the end of fetcher_poll() only, when no function of libcurl
 * is on the stack. So they may begin and cancel requests as they like.
 * - Deadlines are kept here and not by CURLOPT_TIMEOUT_MS, because they span redirects and stand
 *   still while a download waits for memory.
 * - CURLOPT_QUICK_EXIT: libcurl asks the name server in a thread, for which it waits by default
 *   when a transfer is ended. One silent name server would so stop the whole loop. With it the
 *   thread is left to end by itself, within the resolver's own limit.
 */
#include "fetch.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "request.h"

#define IDLE_CONNECTIONS 32
#define CONNECTIONS_PER_HOST 10

struct fetcher *fetcher_new(const struct fetcher_options *options, struct err *e)
{
    struct fetcher *f = calloc(1, sizeof *f);

    if (!f || curl_global_init(CURL_GLOBAL_DEFAULT)) {
        err_set(e, ERR_NOMEM, "no memory for the HTTP client");
        free(f);
        return NULL;
    }
    TAILQ_INIT(&f->live);
    TAILQ_INIT(&f->ended);
    f->options = *options;
    f->budget.max_bytes = options->max_bytes_in_hand;
    f->user_agent = strdup(options->user_agent);
    f->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
    f->multi = curl_multi_init();
    if (!f->user_agent || !f->multi || (options->ca_file && !f->ca_file)) {
        err_set(e, ERR_NOMEM, "no memory for the HTTP client");
        fetcher_free(f);
        return NULL;
    }
    f->options.user_agent = f->user_agent;
    f->options.ca_file = f->ca_file;
    if (f->ca_file && access(f->ca_file, R_OK)) {
        err_set(e, ERR_INPUT, "certificate authorities '%s': %s", f->ca_file, strerror(errno));
        fetcher_free(f);
        return NULL;
    }
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    curl_multi_setopt(f->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)CONNECTIONS_PER_HOST);
    return f;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    while (!TAILQ_EMPTY(&f->live))
        fetch_cancel(TAILQ_FIRST(&f->live));
    while (!TAILQ_EMPTY(&f->ended))
        fetch_cancel(TAILQ_FIRST(&f->ended));
    curl_multi_cleanup(f->multi);
    curl_global_cleanup();
    free(f->wait);
    free(f->user_agent);
    free(f->ca_file);
    free(f);
}

int request_init(struct fetch *f, struct fetcher *fetcher, const struct request_kind *kind,
                 int64_t timeout_ms, struct err *e)
{
    f->kind = kind;
    f->fetcher = fetcher;
    f->deadline_mono_ms = clock_mono_ms() + timeout_ms;
    f->easy = curl_easy_init();
    if (!f->easy || curl_easy_setopt(f->easy, CURLOPT_PROTOCOLS_STR, "http,https") ||
        curl_easy_setopt(f->easy, CURLOPT_PROXY, "") ||
        curl_easy_setopt(f->easy, CURLOPT_USERAGENT, fetcher->user_agent) ||
        (fetcher->ca_file && curl_easy_setopt(f->easy, CURLOPT_CAINFO, fetcher->ca_file)))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    curl_easy_setopt(f->easy, CURLOPT_PRIVATE, (void *)f);
    curl_easy_setopt(f->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(f->easy, CURLOPT_QUICK_EXIT, 1L);
    /* One transfer a connection: a download that is paused must not hold up another one, as it
     * would where both are streams of one HTTP/2 connection. */
    curl_easy_setopt(f->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    return 0;
}

int request_start(struct fetch *f, struct err *e)
{
    if (curl_multi_add_handle(f->fetcher->multi, f->easy))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    f->state = FETCH_LIVE;
    TAILQ_INSERT_TAIL(&f->fetcher->live, f, link);
    return 0;
}

void request_end_unstarted(struct fetch *f)
{
    f->state = FETCH_ENDED;
    TAILQ_INSERT_TAIL(&f->fetcher->ended, f, link);
}

void request_paused(struct fetch *f)
{
    f->paused_mono_ms = clock_mono_ms();
}

void request_free(struct fetch *f)
{
    if (f->state == FETCH_LIVE)
        curl_multi_remove_handle(f->fetcher->multi, f->easy);
    curl_easy_cleanup(f->easy);
    f->kind->free(f);
}

void fetch_cancel(struct fetch *f)
{
    if (f->state == FETCH_REPORTING)
        return; /* by its own callback: it is freed when that returns */
    if (f->state == FETCH_LIVE)
        TAILQ_REMOVE(&f->fetcher->live, f, link);
    else
        TAILQ_REMOVE(&f->fetcher->ended, f, link);
    request_free(f);
}

static void transfer_ended(struct fetch *f, CURLcode code)
{
    struct fetcher *fetcher = f->fetcher;

    curl_multi_remove_handle(fetcher->multi, f->easy);
    f->paused_mono_ms = 0;
    if (!f->kind->transfer_ended(f, code)) {
        if (curl_multi_add_handle(fetcher->multi, f->easy) == CURLM_OK)
            return;
        f->kind->transfer_ended(f, CURLE_OUT_OF_MEMORY);
    }
    TAILQ_REMOVE(&fetcher->live, f, link);
    request_end_unstarted(f);
}

/*
 * Lets paused downloads go on, the oldest first. libcurl hands over what it kept from inside the
 * call, so a download may pause again, and a failure of its callback is only told here.
 */
static void resume_paused(struct fetcher *fetcher)
{
    struct fetch *f, *next;

    for (f = TAILQ_FIRST(&fetcher->live); f; f = next) {
        CURLcode code;

        next = TAILQ_NEXT(f, link);
        if (!f->paused_mono_ms || !budget_would_give(&fetcher->budget, f, CURL_MAX_WRITE_SIZE))
            continue;
        f->deadline_mono_ms += clock_mono_ms() - f->paused_mono_ms;
        f->paused_mono_ms = 0;
        code = curl_easy_pause(f->easy, CURLPAUSE_CONT);
        if (code)
            transfer_ended(f, code);
    }
}

void fetcher_release_bytes(struct fetcher *f, int64_t bytes)
{
    budget_release(&f->budget, bytes); /* the next fetcher_poll() resumes */
}

/* How long to wait: not past timeout_ms, nor past the first deadline. */
static int wait_ms(const struct fetcher *fetcher, int timeout_ms)
{
    const struct fetch *f;
    int least = timeout_ms < 0 ? INT_MAX : timeout_ms;

    if (!TAILQ_EMPTY(&fetcher->ended))
        return 0;
    TAILQ_FOREACH(f, &fetcher->live, link)
    {
        int left = clock_until_ms(f->deadline_mono_ms);

        if (!f->paused_mono_ms && left < least)
            least = left;
    }
    return least;
}

static int fit_wait(struct fetcher *f, size_t count, struct err *e)
{
    struct curl_waitfd *bigger;

    if (count <= f->wait_size)
        return 0;
    bigger = reallocarray(f->wait, count, sizeof *bigger);
    if (!bigger)
        return err_set(e, ERR_NOMEM, "no memory to wait for %zu descriptors", count);
    f->wait = bigger;
    f->wait_size = count;
    return 0;
}

static short curl_events(short poll_events)
{
    int events = 0;

    if (poll_events & POLLIN)
        events |= CURL_WAIT_POLLIN;
    if (poll_events & POLLPRI)
        events |= CURL_WAIT_POLLPRI;
    if (poll_events & POLLOUT)
        events |= CURL_WAIT_POLLOUT;
    return (short)events;
}

static int wait_for_events(struct fetcher *f, struct pollfd *fds, size_t count, int timeout_ms,
                           struct err *e)
{
    CURLMcode code;

    if (fit_wait(f, count, e))
        return -1;
    for (size_t i = 0; i < count; i++)
        f->wait[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = curl_events(fds[i].events)};
    code = curl_multi_poll(f->multi, f->wait, (unsigned)count, wait_ms(f, timeout_ms), NULL);
    if (code)
        return err_set(e, ERR_BUG, "waiting: %s", curl_multi_strerror(code));
    /* libcurl does not pass on POLLHUP and POLLERR: ask again ourselves. Only EINTR can come, and
     * then the descriptors are asked about next time. */
    if (count && poll(fds, count, 0) < 0)
        for (size_t i = 0; i < count; i++)
            fds[i].revents = 0;
    return 0;
}

static void take_finished_transfers(struct fetcher *fetcher)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(fetcher->multi, &left))) {
        CURLcode code = m->data.result; /* m is gone once the handle is removed */
        char *f = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &f);
        transfer_ended((struct fetch *)(void *)f, code);
    }
}

static void end_late_ones(struct fetcher *fetcher)
{
    int64_t now = clock_mono_ms();
    struct fetch *f, *next;

    for (f = TAILQ_FIRST(&fetcher->live); f; f = next) {
        next = TAILQ_NEXT(f, link);
        if (!f->paused_mono_ms && now >= f->deadline_mono_ms)
            transfer_ended(f, CURLE_OPERATION_TIMEDOUT);
    }
}

/* Those that had ended by now: one that a callback begins and that ends at once waits for the next
 * round, so that a round is sure to end. */
static void report_ended(struct fetcher *fetcher)
{
    struct fetch *f;
    size_t n = 0;

    TAILQ_FOREACH(f, &fetcher->ended, link)
    n++;
    for (; n && (f = TAILQ_FIRST(&fetcher->ended)); n--) {
        TAILQ_REMOVE(&fetcher->ended, f, link);
        f->state = FETCH_REPORTING;
        f->kind->report(f);
        request_free(f);
    }
}

int fetcher_poll(struct fetcher *f, struct pollfd *fds, size_t count, int timeout_ms, struct err *e)
{
    CURLMcode code;
    int running;

    resume_paused(f);
    if (wait_for_events(f, fds, count, timeout_ms, e))
        return -1;
    code = curl_multi_perform(f->multi, &running);
    if (code)
        return err_set(e, code == CURLM_OUT_OF_MEMORY ? ERR_NOMEM : ERR_BUG, "transfers: %s",
                       curl_multi_strerror(code));
    take_finished_transfers(f);
    end_late_ones(f);
    report_ended(f);
    return 0;
}
