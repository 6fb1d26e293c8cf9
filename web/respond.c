#include "respond.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "web/shared_text.h"
#include "web/streams.h"

/* Never called: only HEAD is answered with a length and no bytes. */
static ssize_t no_bytes(void *cls, uint64_t pos, char *buf, size_t max)
{
    (void)cls;
    (void)pos;
    (void)buf;
    (void)max;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void drop_shared(void *shared)
{
    shared_text_drop(shared);
}

/* ---- streams */

/* What the response of a stream holds. */
struct streamer {
    struct stream *stream;
    struct MHD_Connection *connection;
};

/* Suspends first and parks then: who is parked may be resumed at once. */
static ssize_t read_stream(void *cls, uint64_t pos, char *buf, size_t max)
{
    const struct streamer *s = cls;
    const ssize_t n = stream_read(s->stream, buf, max);

    (void)pos;
    if (n == STREAM_ENDS)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == STREAM_CUT)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (n > 0)
        return n;
    MHD_suspend_connection(s->connection);
    if (!stream_park(s->stream))
        MHD_resume_connection(s->connection);
    return 0;
}

static void end_stream(void *cls)
{
    struct streamer *s = cls;

    stream_close(s->stream);
    free(s);
}

/*
 * HEAD has no stream, and the same headers but for that of the chunks: this libmicrohttpd (0.9.75)
 * would end them with the last chunk, and an answer to HEAD has nothing after its headers.
 */
static struct MHD_Response *no_stream_response(void)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, no_bytes, NULL, NULL);

    if (response)
        MHD_set_response_options(response, MHD_RF_HTTP_VERSION_1_0_ONLY, MHD_RO_END);
    return response;
}

/* The stream passes to the response. */
static struct MHD_Response *stream_response(struct request *r)
{
    struct streamer *s;
    struct MHD_Response *response;

    if (!r->stream)
        return no_stream_response();
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    *s = (struct streamer){r->stream, r->connection};
    response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1024, read_stream, s, end_stream);
    if (!response) {
        free(s);
        return NULL;
    }
    r->stream = NULL;
    r->streaming = true;
    return response;
}

/* ---- answers */

/* What passes to the response is the answer's still when there is no memory for one. */
static struct MHD_Response *make_response(struct request *r)
{
    static char nothing[1];
    struct answer *a = &r->answer;
    struct MHD_Response *response;

    if (a->is_stream)
        return stream_response(r);
    if (a->fd >= 0) {
        response = MHD_create_response_from_fd64(a->body_len, a->fd);
        if (response)
            a->fd = -1;
        return response;
    }
    if (a->body) {
        response = MHD_create_response_from_buffer(a->body_len, a->body, MHD_RESPMEM_MUST_FREE);
        if (response)
            a->body = NULL;
        return response;
    }
    if (a->shared) {
        const char *bytes = shared_text_bytes(a->shared, &a->body_len);

        response = MHD_create_response_from_buffer_with_free_callback_cls(
            a->body_len, (void *)(uintptr_t)bytes, drop_shared, a->shared);
        if (response)
            a->shared = NULL;
        return response;
    }
    if (a->static_body)
        return MHD_create_response_from_buffer(a->body_len, (char *)(uintptr_t)a->static_body,
                                               MHD_RESPMEM_PERSISTENT);
    if (a->body_len > 0)
        return MHD_create_response_from_callback(a->body_len, 1024, no_bytes, NULL, NULL);
    return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
}

static void add(struct MHD_Response *response, const char *name, const char *value)
{
    if (value && *value)
        MHD_add_response_header(response, name, value);
}

static void add_headers(struct MHD_Response *response, const struct request *r, bool close)
{
    const struct answer *a = &r->answer;
    char number[40];

    add(response, "X-Request-Id", r->id);
    add(response, "X-Content-Type-Options", "nosniff");
    add(response, "Content-Type", a->status == 304 ? NULL : a->content_type);
    add(response, "Cache-Control", a->cache_control ? a->cache_control : "no-store");
    add(response, "ETag", a->etag);
    add(response, "Location", a->location);
    add(response, "Allow", a->allow);
    add(response, "Content-Security-Policy", a->content_security_policy);
    if (a->retry_after_s > 0) {
        snprintf(number, sizeof number, "%d", a->retry_after_s);
        add(response, "Retry-After", number);
    }
    if (a->waited_s >= 0) {
        snprintf(number, sizeof number, "wait=%d", a->waited_s);
        add(response, "Preference-Applied", number);
    }
    if (a->is_stream)
        add(response, "X-Accel-Buffering", "no"); /* nginx would hold events back */
    if (close || a->is_stream)
        add(response, "Connection", "close");
}

enum MHD_Result respond(struct request *r, bool close)
{
    struct MHD_Response *response = make_response(r);
    enum MHD_Result result;

    if (!response)
        return MHD_NO; /* no memory: the connection is closed */
    add_headers(response, r, close);
    result = MHD_queue_response(r->connection, r->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result respond_mid_body(struct request *r, unsigned status, const char *detail)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    AUTO(buf_release) struct buf text = BUF_INIT;

    answer_release(&r->answer); /* its headers may have been refused */
    answer_problem(&r->answer, status, "%s", detail);
    buf_printf(&text,
               "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
               "X-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n"
               "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
               status, MHD_get_reason_phrase_for(status), r->answer.content_type,
               r->answer.body_len, r->id);
    buf_append(&text, r->answer.body ? r->answer.body : r->answer.static_body, r->answer.body_len);
    /* Nothing has been written to this socket for this request, and so little fits. */
    if (info && !text.failed &&
        send(info->connect_fd, text.data, text.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        /* the client has gone */
    }
    return MHD_NO;
}
