/*
 * fetch.h - downloads of untrusted URLs, many at once, and requests to our own S3 bucket, on one
 * curl_multi. Hides libcurl.
 *
 * What a stranger's URL may reach is judged on the address that is connected to, at every hop
 * (guard.h), so that neither a redirect nor a name that resolves anew gets behind it.
 *
 * One thread owns a fetcher; callbacks run in fetcher_poll(), and may call anything here but
 * fetcher_poll() and fetcher_free(). Name resolution runs in libcurl's threads, so a name server
 * that never answers holds up nothing but its own request.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "fetch/guard.h"

struct fetcher;
struct fetch; /* one request under way */

#define FETCH_SLOW_S 10

struct fetcher_options {
    const struct guard *guard; /* lent for the fetcher's life */
    int64_t timeout_ms;        /* of a whole download, over all hops; of a connection: half of it */
    int max_redirects;
    int slow_s;                /* below 1 KB/s for so long ends it; 0: FETCH_SLOW_S */
    int64_t max_bytes;         /* of one source */
    int64_t max_bytes_in_hand; /* of all sources; above it downloads pause, and one at a time goes
                                  on while no finished source waits to be released (budget.h) */
    const char *user_agent;
    const char *ca_file; /* authorities for https, PEM; NULL: the system's */
};

enum fetch_outcome {
    FETCH_OK,
    FETCH_FORBIDDEN,   /* the guard refused the scheme, the URL or the address */
    FETCH_NOT_FOUND,   /* 4xx but 408, 425 and 429 */
    FETCH_UNREACHABLE, /* no name, no connection, 5xx, 408, 425, 429, a cut or malformed answer, a
                          2xx but 200, a compressed answer, too many redirects or one to nowhere */
    FETCH_TIMEOUT,     /* connected, but not done in time, or slower than 1 KB/s for too long */
    FETCH_TOO_LARGE,
    FETCH_INTERNAL /* no memory, no descriptors */
};

/* Lent to the callback. */
struct fetch_result {
    enum fetch_outcome outcome;
    bool retryable;     /* another try may go better */
    int source_fd;      /* FETCH_OK: a sealed memfd, taken by the callback: it closes it */
    int64_t bytes;      /* what it holds; may be 0 */
    int http_status;    /* of the last answer; 0: none came */
    const char *detail; /* a sentence for the API's error message: no address, no path */
};

/* Called once for each request that was started and not cancelled. The request is gone after. */
typedef void fetch_done_fn(struct fetch *f, const struct fetch_result *result, void *user);

/* New, or NULL with *e (ERR_INPUT: ca_file cannot be read). */
struct fetcher *fetcher_new(const struct fetcher_options *options, struct err *e) MUST_CHECK;

/* Cancels what is under way, without callbacks. NULL is fine. */
void fetcher_free(struct fetcher *f);

/*
 * Begins a download; url is copied. Never calls back before it returns. NULL with *e at no memory.
 * A URL that may not be fetched at all ends in FETCH_FORBIDDEN through the callback.
 */
struct fetch *fetcher_get(struct fetcher *f, const char *url, fetch_done_fn *done, void *user,
                          struct err *e) MUST_CHECK;

/* Ends it without a callback. From inside its own callback it does nothing. */
void fetch_cancel(struct fetch *f);

/*
 * The bytes of a finished source count against max_bytes_in_hand until they are given back here,
 * when nothing needs them any more. Wakes paused downloads.
 */
void fetcher_release_bytes(struct fetcher *f, int64_t bytes);

/*
 * The program's one wait: for transfers, for the descriptors given (as poll(2); revents are set),
 * or until timeout_ms is over (negative: never), or a signal; then runs callbacks. Returns 0, or -1
 * with *e.
 */
int fetcher_poll(struct fetcher *f, struct pollfd *fds, size_t count, int timeout_ms,
                 struct err *e) MUST_CHECK;

#endif
