/*
 * download.c - fetcher_get(): one source, over all its redirects, into a sealed memfd.
 *
 * Nothing that the server sends is believed: bytes are counted as they come, the status and the
 * headers are looked at before the first byte of a body is kept, and each hop's address passes the
 * guard when the socket is made and again before a request is sent on a connection that is reused.
 */
#include "fetch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "request.h"
#include "source.h"
#include "url.h"
#include "verdict.h"

#define MAX_HEADER_BYTES 65536 /* of one hop's answer */
#define SLOW_BYTES_PER_S 1024

/* A hop goes through these in order; a time-out says at which it was stuck. */
enum stage { STAGE_NAME, STAGE_CONNECT, STAGE_ANSWER, STAGE_BODY };

struct download {
    struct fetch request; /* first */
    CURLU *url;
    struct curl_slist *headers;
    int hops;
    int fd; /* -1: no body yet */
    int64_t bytes;
    fetch_done_fn *done;
    void *user;

    /* Of this hop. */
    enum stage stage;
    bool guard_refused;   /* an address: forbidden, unless */
    bool guard_permitted; /* another one of the same name */
    bool no_descriptors;
    bool body_wanted;
    size_t header_bytes;

    /* Why it ends: set by the first that knows. */
    bool decided;
    struct verdict verdict;
    char detail[120];
};

static void decide(struct download *d, struct verdict verdict, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static void decide(struct download *d, struct verdict verdict, const char *fmt, ...)
{
    va_list args;

    if (d->decided)
        return;
    d->decided = true;
    d->verdict = verdict;
    va_start(args, fmt);
    vsnprintf(d->detail, sizeof d->detail, fmt, args);
    va_end(args);
}

static void decide_curl(struct download *d, CURLcode code)
{
    struct verdict v = verdict_of_curl(code);

    decide(d, v, "%s", v.detail);
}

static const struct fetcher_options *options_of(const struct download *d)
{
    return &d->request.fetcher->options;
}

static long status_of(const struct download *d)
{
    long status = 0;

    curl_easy_getinfo(d->request.easy, CURLINFO_RESPONSE_CODE, &status);
    return status < 200 ? 0 : status; /* an interim answer is none */
}

/* The value of a header of the final answer, or NULL. Lent until the next transfer. */
static const char *header_of(const struct download *d, const char *name)
{
    struct curl_header *h;

    if (curl_easy_header(d->request.easy, name, 0, CURLH_HEADER, -1, &h))
        return NULL;
    return h->value;
}

/* The guard, at each new connection. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct download *d = user;
    int fd;

    (void)purpose;
    d->stage = STAGE_CONNECT;
    if (!guard_permits(options_of(d)->guard, &address->addr, address->addrlen)) {
        d->guard_refused = true;
        return CURL_SOCKET_BAD;
    }
    d->guard_permitted = true;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
        d->no_descriptors = true;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static bool permits_text(const struct guard *g, const char *ip, int port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return guard_permits(g, (struct sockaddr *)&v4, sizeof v4);
    if (inet_pton(AF_INET6, ip, &v6.sin6_addr) == 1)
        return guard_permits(g, (struct sockaddr *)&v6, sizeof v6);
    return false;
}

/* The guard again, before each request: a reused connection was not opened for this download. */
static int before_request(void *user, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
    struct download *d = user;

    (void)own_ip;
    (void)own_port;
    d->stage = STAGE_ANSWER;
    d->guard_permitted = permits_text(options_of(d)->guard, peer_ip, peer_port);
    d->guard_refused = !d->guard_permitted;
    return d->guard_permitted ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t on_header(char *line, size_t size, size_t count, void *user)
{
    struct download *d = user;
    size_t len = size * count;

    (void)line;
    d->header_bytes += len;
    if (d->header_bytes <= MAX_HEADER_BYTES)
        return len;
    decide(d, (struct verdict){FETCH_UNREACHABLE, false, NULL},
           "the answer's headers are too long");
    return 0;
}

static void decide_too_large(struct download *d)
{
    decide(d, (struct verdict){FETCH_TOO_LARGE, false, NULL},
           "the source is larger than %" PRId64 " bytes", options_of(d)->max_bytes);
}

static void decide_no_memory(struct download *d)
{
    decide(d, (struct verdict){FETCH_INTERNAL, true, NULL}, "the service is short of memory");
}

/* Looks at the answer before its first byte is kept. */
static bool wants_body(struct download *d)
{
    const char *encoding = header_of(d, "Content-Encoding");

    if (status_of(d) != 200)
        return false; /* the status says all; the connection is given up */
    if (encoding && *encoding && strcasecmp(encoding, "identity") != 0) {
        decide(d, (struct verdict){FETCH_UNREACHABLE, false, NULL},
               "the server sent a Content-Encoding that was not asked for");
        return false;
    }
    return true;
}

static bool keep(struct download *d, const char *bytes, size_t len)
{
    if (d->fd < 0)
        d->fd = source_open();
    if (d->fd >= 0 && source_append(d->fd, bytes, len) == 0)
        return true;
    decide_no_memory(d);
    return false;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct download *d = user;
    size_t len = size * count;

    d->stage = STAGE_BODY;
    if (!d->body_wanted && !(d->body_wanted = wants_body(d)))
        return 0;
    if ((int64_t)len > options_of(d)->max_bytes - d->bytes) {
        decide_too_large(d);
        return 0;
    }
    if (!budget_take(&d->request.fetcher->budget, d, (int64_t)len)) {
        request_paused(&d->request);
        return CURL_WRITEFUNC_PAUSE;
    }
    d->bytes += (int64_t)len;
    return keep(d, bytes, len) ? len : 0;
}

/* What is new at each hop. */
static void begin_hop(struct download *d)
{
    d->stage = STAGE_NAME;
    d->guard_refused = false;
    d->guard_permitted = false;
    d->no_descriptors = false;
    d->body_wanted = false;
    d->header_bytes = 0;
}

static int64_t connect_timeout_ms(const struct download *d)
{
    return options_of(d)->timeout_ms / 2;
}

static void decide_late(struct download *d)
{
    struct verdict late = {FETCH_TIMEOUT, true, NULL}, away = {FETCH_UNREACHABLE, true, NULL};
    double seconds = (double)options_of(d)->timeout_ms / 1000;

    if (d->stage == STAGE_NAME)
        decide(d, away, "the host's name was not resolved in time");
    else if (d->stage == STAGE_CONNECT)
        decide(d, away, "no connection to the server in time");
    else if (clock_mono_ms() < d->request.deadline_mono_ms)
        decide(d, late, "the server sent less than %d bytes a second", SLOW_BYTES_PER_S);
    else if (d->stage == STAGE_ANSWER)
        decide(d, late, "no answer within %g s", seconds);
    else
        decide(d, late, "not all of it came within %g s", seconds);
}

/* The transfer got so far that no answer of the server's decides. */
static void decide_failure(struct download *d, CURLcode code)
{
    if (code == CURLE_OPERATION_TIMEDOUT)
        decide_late(d);
    else if (code == CURLE_FILESIZE_EXCEEDED)
        decide_too_large(d);
    else
        decide_curl(d, code);
}

static void decide_status(struct download *d, long status)
{
    decide(d, verdict_of_status(status), "the server answered %ld", status);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Whether there is a next hop, for which d is then set up. */
static bool follow(struct download *d, long status)
{
    const char *location = header_of(d, "Location");
    struct err e = ERR_INIT;

    if (!location) {
        decide_status(d, status);
        return false;
    }
    if (d->hops == options_of(d)->max_redirects) {
        decide(d, (struct verdict){FETCH_UNREACHABLE, false, NULL}, "more than %d redirects",
               options_of(d)->max_redirects);
        return false;
    }
    d->hops++;
    if (url_follow(d->url, location, &e)) {
        if (e.code == ERR_NOMEM)
            decide_no_memory(d);
        decide(d, (struct verdict){FETCH_FORBIDDEN, false, NULL}, "a redirect: %s", e.text);
        return false;
    }
    begin_hop(d);
    return true;
}

static void seal(struct download *d)
{
    if (d->fd < 0)
        d->fd = source_open(); /* an empty body */
    if (d->fd < 0 || source_seal(d->fd))
        decide_no_memory(d);
    else
        decide(d, (struct verdict){FETCH_OK, false, NULL}, "fetched");
}

/* Whether the download has ended; else its next hop is set up. */
static bool judge(struct download *d, CURLcode code)
{
    long status = status_of(d);

    if (d->decided)
        return true;
    if (code && d->guard_refused && !d->guard_permitted)
        decide(d, (struct verdict){FETCH_FORBIDDEN, false, NULL}, "the address is not public");
    else if (code && d->no_descriptors)
        decide(d, (struct verdict){FETCH_INTERNAL, true, NULL},
               "the service is out of descriptors");
    else if (code == CURLE_OUT_OF_MEMORY) /* also: the next hop could not be begun */
        decide_no_memory(d);
    else if (is_redirect(status))
        return !follow(d, status);
    else if (status && status != 200)
        decide_status(d, status);
    else if (code)
        decide_failure(d, code);
    else if (wants_body(d)) /* asked here for a body that is empty */
        seal(d);
    return true;
}

static bool transfer_ended(struct fetch *f, CURLcode code)
{
    struct download *d = (struct download *)f;

    /* The deadline is for all hops: a redirect that comes after it does not matter any more. */
    if (clock_mono_ms() >= f->deadline_mono_ms && code == CURLE_OPERATION_TIMEDOUT)
        decide_late(d);
    return judge(d, code);
}

static void report(struct fetch *f)
{
    struct download *d = (struct download *)f;
    struct fetch_result result = {
        .outcome = d->verdict.outcome,
        .retryable = d->verdict.retryable,
        .source_fd = -1,
        .http_status = (int)status_of(d),
        .detail = d->detail,
    };

    if (result.outcome == FETCH_OK) {
        budget_finish(&f->fetcher->budget, d, d->bytes);
        result.bytes = d->bytes;
        result.source_fd = d->fd;
        d->fd = -1;
        d->bytes = 0;
    }
    d->done(f, &result, d->user);
}

static void download_free(struct fetch *f)
{
    struct download *d = (struct download *)f;

    budget_drop(&f->fetcher->budget, d, d->bytes);
    if (d->fd >= 0)
        close(d->fd);
    curl_url_cleanup(d->url);
    curl_slist_free_all(d->headers);
    free(d);
}

static const struct request_kind download_kind = {transfer_ended, report, download_free};

static void set_options(struct download *d)
{
    CURL *easy = d->request.easy;
    const struct fetcher_options *o = options_of(d);

    curl_easy_setopt(easy, CURLOPT_CURLU, d->url);
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L); /* follow() does, past the guard */
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, d);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, d);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, d);
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)o->max_bytes);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms(d));
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(o->slow_s ? o->slow_s : FETCH_SLOW_S));
}

static int set_headers(struct download *d, struct err *e)
{
    /* Formats are not listed by name: a server that knows AVIF would then send that, which costs
     * most to decode. */
    d->headers = curl_slist_append(NULL, "Accept: image/*,*/*;q=0.5");
    if (!d->headers || curl_easy_setopt(d->request.easy, CURLOPT_HTTPHEADER, d->headers))
        return err_set(e, ERR_NOMEM, "no memory for a request");
    return 0;
}

/* Starts it, or lets it end at the next fetcher_poll() if the URL may not be fetched. */
static int start(struct download *d, const char *url, struct err *e)
{
    struct err why = ERR_INIT;

    d->url = url_open(url, &why);
    if (!d->url && why.code == ERR_NOMEM)
        return err_set(e, why.code, "%s", why.text);
    if (!d->url) {
        decide(d, (struct verdict){FETCH_FORBIDDEN, false, NULL}, "%s", why.text);
        request_end_unstarted(&d->request);
        return 0;
    }
    set_options(d);
    begin_hop(d);
    return request_start(&d->request, e);
}

struct fetch *fetcher_get(struct fetcher *f, const char *url, fetch_done_fn *done, void *user,
                          struct err *e)
{
    struct download *d = calloc(1, sizeof *d);

    if (!d) {
        err_set(e, ERR_NOMEM, "no memory for a download");
        return NULL;
    }
    d->fd = -1;
    d->done = done;
    d->user = user;
    if (request_init(&d->request, f, &download_kind, f->options.timeout_ms, e) ||
        set_headers(d, e) || start(d, url, e)) {
        request_free(&d->request);
        return NULL;
    }
    return &d->request;
}
