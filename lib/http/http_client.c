#include "http/http_client.h"

#include <curl/curl.h>
#include <math.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"

#define KEPT_CONNECTIONS 16L
#define COUNT_MOST 1e9          /* what is more is no count of requests */
#define RETRY_AFTER_MOST_S 3600 /* a server's word is taken, but not for ever */

struct http_client {
    CURLM *multi;
    struct http_client_options options;
};

/* ---- beginning and end ---- */

int http_client_new(const struct http_client_options *options, struct http_client **ret,
                    struct err *e)
{
    struct http_client *c = calloc(1, sizeof(*c));

    if (!c || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        !(c->multi = curl_multi_init())) {
        free(c);
        return err_set(e, ERR_NOMEM, "no memory for an HTTP client");
    }
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    c->options = *options;
    *ret = c;
    return 0;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    curl_multi_cleanup(c->multi);
    curl_global_cleanup();
    free(c);
}

void http_call_clear(struct http_call *call)
{
    buf_clear(&call->answer);
    err_clear(&call->err);
    call->status = 0;
    call->rate_remaining = call->retry_after_s = (double)NAN;
    call->next_range[0] = '\0';
}

void http_call_release(struct http_call *call)
{
    buf_release(&call->answer);
}

/* ---- what comes back ---- */

/* CURLOPT_WRITEFUNCTION: another length than was given ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t n, void *arg)
{
    struct http_call *call = arg;

    return buf_append(&call->answer, bytes, size * n) ? 0 : size * n;
}

/* Seconds, or a date (RFC 9110, section 10.2.3). */
static double read_retry_after(const char *value)
{
    char *end;
    double seconds = strtod(value, &end);
    time_t date;

    if (end == value || *end) {
        date = curl_getdate(value, NULL);
        seconds = date < 0 ? (double)NAN : difftime(date, time(NULL));
    }
    if (seconds < 0)
        return 0;
    return seconds > RETRY_AFTER_MOST_S ? RETRY_AFTER_MOST_S : seconds;
}

static double read_count(const char *value)
{
    char *end;
    double number = strtod(value, &end);

    return end == value || *end || !(number >= 0 && number <= COUNT_MOST) ? (double)NAN : number;
}

/* value ends in a NUL and has no blanks around it. */
static void take_field(struct http_call *call, const char *name, size_t name_len, const char *value)
{
    if (name_len == 19 && strncasecmp(name, "RateLimit-Remaining", 19) == 0)
        call->rate_remaining = read_count(value);
    else if (name_len == 11 && strncasecmp(name, "Retry-After", 11) == 0)
        call->retry_after_s = read_retry_after(value);
    else if (name_len == 10 && strncasecmp(name, "Next-Range", 10) == 0 &&
             strlen(value) < HTTP_RANGE_SIZE)
        strcpy(call->next_range, value);
}

/* CURLOPT_HEADERFUNCTION: one line a call, with its end. */
static size_t take_header(char *bytes, size_t size, size_t n, void *arg)
{
    const char *colon = memchr(bytes, ':', size * n), *start, *end = bytes + size * n;
    char value[HTTP_RANGE_SIZE + 1];

    if (!colon)
        return size * n;
    start = colon + 1;
    while (start < end && (*start == ' ' || *start == '\t'))
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]))
        end--;
    if ((size_t)(end - start) < sizeof(value)) {
        memcpy(value, start, (size_t)(end - start));
        value[end - start] = '\0';
        take_field(arg, bytes, (size_t)(colon - bytes), value);
    }
    return size * n;
}

/* ---- what is asked ---- */

static struct curl_slist *make_headers(const struct http_call *call, bool *failed)
{
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < HTTP_HEADERS_MAX && call->headers[i]; i++) {
        struct curl_slist *longer = curl_slist_append(list, call->headers[i]);

        *failed |= !longer;
        list = longer ? longer : list;
    }
    return list;
}

static void set_options(const struct http_client *c, struct http_call *call, long timeout_ms)
{
    CURL *h = call->handle;

    curl_easy_setopt(h, CURLOPT_URL, call->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, call->method);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, call->header_list);
    if (call->user) {
        curl_easy_setopt(h, CURLOPT_USERNAME, call->user);
        curl_easy_setopt(h, CURLOPT_PASSWORD, call->password);
    }
    if (call->body)
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, call->body);
    if (call->is_direct)
        curl_easy_setopt(h, CURLOPT_PROXY, "");
    if (c->options.ca_file)
        curl_easy_setopt(h, CURLOPT_CAINFO, c->options.ca_file);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L); /* else its end awaits the resolver's thread */
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(h, CURLOPT_PRIVATE, call);
}

static void begin(const struct http_client *c, struct http_call *call, long timeout_ms)
{
    bool failed = false;

    http_call_clear(call);
    call->answer.max_bytes = call->max_bytes;
    call->handle = curl_easy_init();
    call->header_list = make_headers(call, &failed);
    if (!call->handle || failed) {
        err_set(&call->err, ERR_NOMEM, "no memory for a request");
        return;
    }
    set_options(c, call, timeout_ms);
    curl_multi_add_handle(c->multi, call->handle);
}

/* What has become of one call. libcurl's texts for its codes hold nothing that was sent. */
static void finish(struct http_call *call, CURLcode code)
{
    if (call->answer.failed)
        err_set(&call->err, ERR_LIMIT, "the answer is over %zu bytes", call->max_bytes);
    else if (code == CURLE_OPERATION_TIMEDOUT)
        err_set(&call->err, ERR_TIMEOUT, "no answer in time");
    else if (code != CURLE_OK)
        err_set(&call->err, ERR_UNAVAILABLE, "%s", curl_easy_strerror(code));
    else
        curl_easy_getinfo(call->handle, CURLINFO_RESPONSE_CODE, &call->status);
}

static void end(const struct http_client *c, struct http_call *call)
{
    if (call->status == 0 && call->err.code == ERR_NONE)
        err_set(&call->err, ERR_TIMEOUT, "no answer in time");
    if (call->handle) {
        curl_multi_remove_handle(c->multi, call->handle);
        curl_easy_cleanup(call->handle);
    }
    curl_slist_free_all(call->header_list);
    call->handle = call->header_list = NULL;
}

/* ---- the wait ---- */

static int shorter(int a_ms, int b_ms)
{
    return b_ms >= 0 && b_ms < a_ms ? b_ms : a_ms;
}

static void await_some(const struct http_client *c, int timeout_ms)
{
    const struct http_client_options *o = &c->options;
    struct curl_waitfd extra = {o->meanwhile_fd, CURL_WAIT_POLLIN, 0};
    bool is_busy = o->meanwhile && o->meanwhile_fd >= 0;

    if (is_busy)
        timeout_ms = shorter(timeout_ms, o->meanwhile_timeout_ms(o->arg));
    curl_multi_poll(c->multi, &extra, is_busy ? 1 : 0, timeout_ms, NULL);
    if (is_busy)
        o->meanwhile(o->arg);
}

void http_client_run(struct http_client *c, struct http_call *const *calls, size_t n,
                     int64_t deadline_mono_ms)
{
    int running = 0, left_ms = clock_until_ms(deadline_mono_ms), queued;
    CURLMsg *message;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        begin(c, calls[i], left_ms > 0 ? left_ms : 1);
    while (curl_multi_perform(c->multi, &running) == CURLM_OK && running > 0 &&
           (left_ms = clock_until_ms(deadline_mono_ms)) > 0)
        await_some(c, left_ms);
    while ((message = curl_multi_info_read(c->multi, &queued))) {
        char *call = NULL; /* what CURLINFO_PRIVATE gives */

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        finish((struct http_call *)(void *)call, message->data.result);
    }
    for (size_t i = 0; i < n; i++)
        end(c, calls[i]);
}
