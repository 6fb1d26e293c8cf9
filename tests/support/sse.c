#include "sse.h"

#include <ctype.h>
#include <curl/curl.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http.h"
#include "unit.h"

#define HEADERS_MS 30000

struct sse {
    CURLM *multi;
    CURL *curl;
    struct curl_slist *sent;
    json_t *headers;
    bool headers_done, ended;
    CURLcode result;
    struct buf unread; /* begins with what has not been read as events */
    struct sse_event event;
};

static size_t take_header(char *line, size_t size, size_t n, void *user)
{
    struct sse *s = user;
    const size_t len = size * n;
    char *colon = memchr(line, ':', len), name[80];
    size_t name_len, value_len;

    if (len <= 2)
        s->headers_done = true;
    if (!colon || (name_len = (size_t)(colon - line)) >= sizeof name)
        return len;
    for (size_t i = 0; i < name_len; i++)
        name[i] = (char)tolower((unsigned char)line[i]);
    name[name_len] = '\0';
    for (colon++; colon < line + len && *colon == ' ';)
        colon++;
    value_len = (size_t)(line + len - colon);
    while (value_len > 0 && isspace((unsigned char)colon[value_len - 1]))
        value_len--;
    json_object_set_new(s->headers, name, json_stringn_nocheck(colon, value_len));
    return len;
}

static size_t take_body(char *bytes, size_t size, size_t n, void *user)
{
    struct sse *s = user;

    return buf_append(&s->unread, bytes, size * n) ? 0 : size * n;
}

struct sse *sse_open(const char *url, const char *const *headers)
{
    struct sse *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->headers = json_object();
    s->multi = curl_multi_init();
    s->curl = curl_easy_init();
    for (; headers && *headers; headers++)
        s->sent = curl_slist_append(s->sent, *headers);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(s->curl, CURLOPT_CAINFO, http_ca_file());
    curl_easy_setopt(s->curl, CURLOPT_HTTPHEADER, s->sent);
    curl_easy_setopt(s->curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(s->curl, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, s);
    assert_int_equal(curl_multi_add_handle(s->multi, s->curl), CURLM_OK);
    return s;
}

void sse_close(struct sse *s)
{
    if (!s)
        return;
    curl_multi_remove_handle(s->multi, s->curl);
    curl_easy_cleanup(s->curl);
    curl_multi_cleanup(s->multi);
    curl_slist_free_all(s->sent);
    json_decref(s->headers);
    json_decref(s->event.data);
    free(s->event.text);
    buf_release(&s->unread);
    free(s);
}

/* Takes what has come, or waits until something comes or timeout_ms is over. */
static void go_on(struct sse *s, int timeout_ms)
{
    int running, left;
    const CURLMsg *message;

    assert_int_equal(curl_multi_perform(s->multi, &running), CURLM_OK);
    while ((message = curl_multi_info_read(s->multi, &left))) {
        s->ended = true;
        s->result = message->data.result;
    }
    if (!s->ended)
        curl_multi_poll(s->multi, NULL, 0, timeout_ms, NULL);
}

static const char *url_of(const struct sse *s)
{
    const char *url = "";

    curl_easy_getinfo(s->curl, CURLINFO_EFFECTIVE_URL, &url);
    return url;
}

static void await_headers(struct sse *s)
{
    const int64_t deadline = clock_mono_ms() + HEADERS_MS;

    while (!s->headers_done && !s->ended) {
        if (clock_until_ms(deadline) == 0)
            fail_msg("%s gives no answer in %d s", url_of(s), HEADERS_MS / 1000);
        go_on(s, clock_until_ms(deadline));
    }
    if (!s->headers_done)
        fail_msg("%s: %s", url_of(s), curl_easy_strerror(s->result));
}

long sse_status(struct sse *s)
{
    long status = 0;

    await_headers(s);
    curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *sse_header(struct sse *s, const char *name)
{
    await_headers(s);
    return json_string_value(json_object_get(s->headers, name));
}

/* One line of an event: "name: value", or a comment. */
static void take_line(struct sse_event *event, struct buf *data, const char *line, size_t len)
{
    const size_t name = strcspn(line, ":\n"), value = name + 1 + (line[name + 1] == ' ');
    const char *text = line + (value < len ? value : len);
    const int text_len = value < len ? (int)(len - value) : 0;

    if (name == 0) {
        snprintf(event->name, sizeof event->name, ":");
        buf_printf(data, "%.*s", text_len, text);
    } else if (strncmp(line, "event", name) == 0) {
        snprintf(event->name, sizeof event->name, "%.*s", text_len, text);
    } else if (strncmp(line, "id", name) == 0) {
        snprintf(event->id, sizeof event->id, "%.*s", text_len, text);
    } else if (strncmp(line, "data", name) == 0) {
        buf_printf(data, "%.*s", text_len, text);
    } else if (strncmp(line, "retry", name) == 0) {
        snprintf(event->name, sizeof event->name, "retry");
        buf_printf(data, "%.*s", text_len, text);
    } else {
        fail_msg("a line of no event: %.*s", (int)len, line);
    }
}

/* Takes one event out of what has come, if it is there whole. */
static bool take_event(struct sse *s)
{
    const char *end = s->unread.data ? strstr(s->unread.data, "\n\n") : NULL;
    struct buf data = BUF_INIT;
    size_t len, rest;

    if (!end)
        return false;
    json_decref(s->event.data);
    free(s->event.text);
    memset(&s->event, 0, sizeof s->event);
    for (const char *line = s->unread.data; line < end + 1; line += len + 1) {
        len = strcspn(line, "\n");
        take_line(&s->event, &data, line, len);
    }
    rest = s->unread.len - (size_t)(end + 2 - s->unread.data);
    memmove(s->unread.data, end + 2, rest + 1);
    s->unread.len = rest;
    s->event.text = buf_detach(&data);
    s->event.data = json_loads(s->event.text, 0, NULL);
    return true;
}

bool sse_next(struct sse *s, int64_t timeout_ms, const struct sse_event **ret)
{
    const int64_t deadline = clock_mono_ms() + timeout_ms;

    while (!take_event(s)) {
        if (s->ended)
            return false;
        if (clock_until_ms(deadline) == 0)
            fail_msg("%s tells nothing in %lld ms after an event %s", url_of(s),
                     (long long)timeout_ms, s->event.text ? s->event.name : "of none");
        go_on(s, clock_until_ms(deadline));
    }
    *ret = &s->event;
    return true;
}

const struct sse_event *sse_expect(struct sse *s, const char *name, int64_t timeout_ms)
{
    const int64_t deadline = clock_mono_ms() + timeout_ms;
    const struct sse_event *event;

    do {
        if (!sse_next(s, clock_until_ms(deadline), &event))
            fail_msg("%s answers %ld and ends before an event %s: %s%s%s", url_of(s), sse_status(s),
                     name, curl_easy_strerror(s->result), s->unread.len > 0 ? ", after " : "",
                     s->unread.len > 0 ? s->unread.data : "");
    } while (strcmp(event->name, name) != 0);
    return event;
}

bool sse_ended_well(const struct sse *s)
{
    return s->ended && s->result == CURLE_OK;
}
