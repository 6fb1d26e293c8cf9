#include "http.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/message.h"
#include "web/job_query.h"
#include "web/outbox_item.h"
#include "web/outputs.h"
#include "web/pages.h"
#include "web/request.h"
#include "web/respond.h"
#include "web/sampler.h"
#include "web/stats_query.h"

#define BODY_TIMEOUT_MS 30000
#define DRAIN_FACTOR 4 /* times the limit on bodies that are still read, to be refused */
#define THREADS_MAX 4

struct http {
    struct web *web;
    struct MHD_Daemon *daemon;
    atomic_size_t in_hand, arriving;
};

/* ---- headers */

static const char *header(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* What every request may have. Returns -1 with a 400 when a header cannot be understood. */
static int read_headers(struct web *web, struct request *r)
{
    const bool is_post = strcmp(r->method, "POST") == 0;
    const char *tags = is_post ? NULL : header(r, "If-None-Match");

    header_request_id(header(r, "X-Request-Id"), r->id);
    r->wait_s = header_prefer_wait(header(r, "Prefer"));
    if (header_base_url(web->settings.public_url, header(r, "X-Forwarded-Proto"), header(r, "Host"),
                        r->base_url)) {
        answer_problem(&r->answer, 400, "header Host is missing or is not a host");
        return -1;
    }
    if (tags && !(r->if_none_match = strdup(tags))) {
        answer_problem(&r->answer, 503, "out of memory");
        return -1;
    }
    return 0;
}

static void answer_too_large(const struct web *web, struct request *r)
{
    answer_problem(&r->answer, 413, "the body must be at most %" PRId64 " bytes",
                   web->settings.max_body_bytes);
}

/* The length the headers tell is at most max. One that they do not tell is counted as it comes. */
static bool is_at_most(const struct request *r, int64_t max)
{
    const char *length = header(r, "Content-Length");
    int64_t bytes;

    return !length || (config_parse_number(length, &bytes) == 0 && bytes <= max);
}

/*
 * A request that is refused by its headers is answered before its body is read where the client
 * asked first (Expect) or the body is much too large. Another's is read and thrown away: a client
 * that writes on while its connection is closed may see a reset, and not the answer.
 */
static bool is_read_all_the_same(const struct web *web, const struct request *r)
{
    return !header(r, "Expect") && is_at_most(r, web->settings.max_body_bytes * DRAIN_FACTOR);
}

/* Returns -1 with an answer when POST /jobs is refused by its headers alone. */
static int check_create_headers(struct web *web, struct request *r)
{
    const char *encoding = header(r, "Content-Encoding");

    if (header(r, "Idempotency-Key")) {
        answer_problem(&r->answer, 400, "header Idempotency-Key is not supported yet");
        return -1;
    }
    if (!header_is_json(header(r, "Content-Type"))) {
        answer_problem(&r->answer, 415, "header Content-Type must be application/json");
        return -1;
    }
    if (encoding && strcasecmp(encoding, "identity") != 0) {
        answer_problem(&r->answer, 415, "header Content-Encoding must not be there");
        return -1;
    }
    if (!is_at_most(r, web->settings.max_body_bytes)) {
        answer_too_large(web, r);
        return -1;
    }
    return 0;
}

/* Returns -1 with an answer when the demonstration is refused by the headers alone. */
static int check_demo_headers(const struct web *web, struct request *r)
{
    const struct demo_sender sender = {.host = header(r, "Host"),
                                       .origin = header(r, "Origin"),
                                       .fetch_site = header(r, "Sec-Fetch-Site"),
                                       .public_url = web->settings.public_url};
    const char *refusal = demo_refusal(&sender);

    if (refusal) {
        answer_problem(&r->answer, 403, "%s", refusal);
        return -1;
    }
    if (r->order.verb == DEMO_LOOK)
        return 0;
    if (!header_is_json(header(r, "Content-Type"))) {
        answer_problem(&r->answer, 415, "header Content-Type must be application/json");
        return -1;
    }
    if (!is_at_most(r, web->settings.max_body_bytes)) {
        answer_too_large(web, r);
        return -1;
    }
    return 0;
}

/* Whether the request is of the demonstration; its order then says which. */
static bool is_of_demo(struct request *r)
{
    switch (r->route.id) {
    case ROUTE_DEMO_STATE:
        r->order.verb = DEMO_LOOK;
        return true;
    case ROUTE_DEMO_KILL:
        r->order.verb = DEMO_KILL;
        return true;
    case ROUTE_DEMO_SCALE:
        r->order.verb = DEMO_SCALE;
        return true;
    case ROUTE_DEMO_GUV:
        r->order.verb = DEMO_GUV;
        return true;
    default:
        return false;
    }
}

/* Returns -1 with an answer when the headers alone are enough to refuse it. */
static int check_headers(struct web *web, struct request *r)
{
    if (r->route.id == ROUTE_CREATE_JOB)
        return check_create_headers(web, r);
    return is_of_demo(r) ? check_demo_headers(web, r) : 0;
}

/* ---- the body */

/* Whether its body is read, and not thrown away. */
static bool takes_body(const struct request *r)
{
    return r->route.id == ROUTE_CREATE_JOB || r->order.verb != DEMO_LOOK;
}

static enum MHD_Result take_body(struct web *web, struct request *r, const char *bytes, size_t len)
{
    const int64_t max = web->settings.max_body_bytes;

    if (clock_mono_ms() - r->started_mono_ms > BODY_TIMEOUT_MS)
        return respond_mid_body(r, 408, "the body must arrive within 30 s");
    if (r->refusal || !takes_body(r))
        return MHD_YES; /* read to its end, so that the client sees the answer */
    if (len > (size_t)max - r->body.len) {
        r->refusal = 413;
    } else if (request_reserve(r, &web->held_bytes, len, HELD_BYTES_MAX) ||
               buf_append(&r->body, bytes, len)) {
        r->refusal = 503;
    }
    if (r->refusal)
        buf_release(&r->body);
    return MHD_YES;
}

/* ---- handing over */

/* From here on the request is somebody else's too: it may be resumed before this returns. */
static enum MHD_Result hand_over(struct web *web, struct request *r, struct queue *queue)
{
    const int64_t now = clock_mono_ms();
    struct answer refusal = ANSWER_INIT;

    r->handed_over = true;
    r->waiter.give_up_mono_ms = now + GIVE_UP_MS;
    if (r->wait_s >= 0) {
        r->waiter.wait_until_mono_ms = now + r->wait_s * INT64_C(1000);
        if (r->waiter.give_up_mono_ms < r->waiter.wait_until_mono_ms + AFTER_WAIT_MS)
            r->waiter.give_up_mono_ms = r->waiter.wait_until_mono_ms + AFTER_WAIT_MS;
    }
    request_hold(r);
    MHD_suspend_connection(r->connection);
    if (waiters_enter(web->waiters, &r->waiter)) {
        answer_problem(&refusal, 503, "this process is stopping");
        request_settle(r, &refusal);
    } else if (queue_push(queue, r)) {
        answer_problem(&refusal, 503, "too many requests are in hand");
        request_settle(r, &refusal);
    }
    return MHD_YES;
}

/* The outbox item of a job that is about to be saved. NULL at no memory. */
static struct outbox_item *item_of_job(const struct new_job *job)
{
    struct outbox_item *item = outbox_item_new(job->id, job->priority, job->image_count);
    struct err e = ERR_INIT;

    for (size_t i = 0; item && i < job->image_count; i++) {
        const struct new_image *image = &job->images[i];
        struct outbox_message *m = &item->messages[i];

        memcpy(m->image, image->id, sizeof m->image);
        m->text = message_todo(job->id, image->id, image->input, image->parameters, 1,
                               job->created_at, &e);
        if (!m->text) {
            outbox_item_free(item);
            return NULL;
        }
    }
    return item;
}

static enum MHD_Result create_job(struct web *web, struct request *r)
{
    AUTO(problems_release) struct problems problems = PROBLEMS_INIT;
    struct err e = ERR_INIT;
    struct new_job *job = new_job_parse(r->body.data, r->body.len, &web->limits, &problems, &e);

    buf_release(&r->body);
    if (!job) {
        if (problems.count > 0)
            answer_validation(&r->answer, &problems);
        else if (e.code == ERR_INPUT)
            answer_problem(&r->answer, 400, "%s", e.text);
        else
            answer_err(&r->answer, &e);
        return respond(r, atomic_load(&web->stopping));
    }
    memcpy(r->waiter.job, job->id, sizeof job->id);
    r->row = new_job_row(job);
    r->job_text = new_job_json(job);
    r->item = item_of_job(job);
    new_job_free(job);
    if (!r->row || !r->job_text || !r->item) {
        answer_problem(&r->answer, 503, "out of memory");
        return respond(r, atomic_load(&web->stopping));
    }
    return hand_over(web, r, web->to_write);
}

/* ---- routes */

/* The id in the path, in lower case. Returns -1 for what is none. */
static int read_job_id(struct request *r)
{
    char id[UUID_SIZE] = "";

    if (r->route.argument_len != sizeof id - 1)
        return -1;
    for (size_t i = 0; i < sizeof id - 1; i++) {
        const char c = r->route.argument[i];

        id[i] = (char)(c >= 'A' && c <= 'F' ? c | 0x20 : c);
    }
    if (!uuid_is_valid(id))
        return -1;
    memcpy(r->waiter.job, id, sizeof id);
    return 0;
}

/* The job's own paths: they go to the thread whose queue it is. */
static enum MHD_Result work_on_job(struct web *web, struct request *r, struct queue *queue)
{
    if (read_job_id(r)) {
        answer_problem(&r->answer, 404, "there is no such job");
        return respond(r, atomic_load(&web->stopping));
    }
    return hand_over(web, r, queue);
}

static enum MHD_Result take_parameter(void *cls, enum MHD_ValueKind kind, const char *name,
                                      size_t name_len, const char *value, size_t value_len)
{
    (void)kind;
    parameters_take(cls, name, name_len, value, value_len);
    return MHD_YES;
}

static void read_parameters(const struct request *r, const char *const *names,
                            struct parameters *ret)
{
    parameters_init(ret, names);
    MHD_get_connection_values_n(r->connection, MHD_GET_ARGUMENT_KIND, take_parameter, ret);
}

static enum MHD_Result list_jobs(struct web *web, struct request *r)
{
    AUTO(parameters_release) struct parameters p;

    r->wait_s = -1;
    read_parameters(r, job_query_names, &p);
    if (!(r->list = malloc(sizeof *r->list)))
        answer_problem(&r->answer, 503, "out of memory");
    else if (job_query_parse(&p, clock_wall_ms(), web->settings.max_page, r->list))
        answer_validation(&r->answer, &p.problems);
    else
        return hand_over(web, r, web->to_read);
    return respond(r, atomic_load(&web->stopping));
}

static enum MHD_Result get_stats(struct web *web, struct request *r)
{
    AUTO(parameters_release) struct parameters p;

    r->wait_s = -1;
    read_parameters(r, stats_query_names, &p);
    if (!(r->stats = malloc(sizeof *r->stats)))
        answer_problem(&r->answer, 503, "out of memory");
    else if (stats_query_parse(&p, clock_wall_ms(), r->stats))
        answer_validation(&r->answer, &p.problems);
    else
        return hand_over(web, r, web->to_read);
    return respond(r, atomic_load(&web->stopping));
}

/* Returns -1 with an answer. HEAD needs none. */
static int open_stream(struct web *web, struct request *r, const char *job)
{
    const char *last = header(r, "Last-Event-ID");
    struct err e = ERR_INIT;

    if (last && strlen(last) <= LAST_EVENT_ID_MAX && !(r->last_event_id = strdup(last)))
        err_set(&e, ERR_NOMEM, "out of memory");
    else if (r->route.head)
        return 0;
    else
        r->stream = stream_open(web->streams, r->connection, r->base_url, job, last, &e);
    if (r->stream)
        return 0;
    answer_problem(&r->answer, 503, "%s", e.text);
    return -1;
}

static enum MHD_Result get_events(struct web *web, struct request *r)
{
    if (open_stream(web, r, NULL) == 0)
        answer_stream(&r->answer);
    return respond(r, atomic_load(&web->stopping));
}

static enum MHD_Result get_job_events(struct web *web, struct request *r)
{
    r->wait_s = -1;
    if (read_job_id(r))
        answer_problem(&r->answer, 404, "there is no such job");
    else if (open_stream(web, r, r->waiter.job) == 0)
        return hand_over(web, r, web->to_read);
    return respond(r, atomic_load(&web->stopping));
}

static enum MHD_Result get_output(struct web *web, struct request *r)
{
    const char *name = r->route.argument; /* to the path's end */

    r->wait_s = -1;
    if (!output_name_is_valid(name) || web->target.kind == OUTPUT_S3) {
        answer_problem(&r->answer, 404, "there is no such output");
        return respond(r, atomic_load(&web->stopping));
    }
    outputs_describe(&r->answer, name);
    if (header_none_match(r->if_none_match, r->answer.etag)) {
        r->answer.status = 304; /* whoever has these bytes has them all: they never change */
        return respond(r, atomic_load(&web->stopping));
    }
    answer_release(&r->answer);
    if (web->target.kind == OUTPUT_FILE) {
        outputs_open_file(&r->answer, &web->target, name);
        return respond(r, atomic_load(&web->stopping));
    }
    snprintf(r->output, sizeof r->output, "%s", name);
    return hand_over(web, r, web->to_read);
}

static enum MHD_Result get_graph(struct web *web, struct request *r)
{
    if (!web->sampler)
        answer_problem(&r->answer, 503, "%s", web->graph_trouble.text);
    else
        sampler_answer(web->sampler, &r->answer, r->if_none_match);
    /* They are shared, but whoever reads slowly keeps old ones from going. */
    if (r->answer.shared &&
        request_reserve(r, &web->held_bytes, r->answer.body_len, HELD_BYTES_MAX)) {
        answer_release(&r->answer);
        answer_problem(&r->answer, 503, "too much is in hand already");
    }
    return respond(r, atomic_load(&web->stopping));
}

static enum MHD_Result demonstrate(struct web *web, struct request *r)
{
    AUTO(problems_release) struct problems problems = PROBLEMS_INIT;
    struct err e = ERR_INIT;

    r->wait_s = -1;
    if (r->order.verb == DEMO_LOOK || demo_parse(r->order.verb, r->body.data ? r->body.data : "",
                                                 r->body.len, &r->order, &problems, &e) == 0)
        return hand_over(web, r, web->to_control);
    if (problems.count > 0)
        answer_validation(&r->answer, &problems);
    else
        answer_problem(&r->answer, 400, "%s", e.text);
    return respond(r, atomic_load(&web->stopping));
}

static enum MHD_Result answer_route(struct web *web, struct request *r)
{
    switch (r->route.id) {
    case ROUTE_CREATE_JOB:
        return create_job(web, r);
    case ROUTE_LIST_JOBS:
        return list_jobs(web, r);
    case ROUTE_GET_JOB:
        return work_on_job(web, r, web->to_read);
    case ROUTE_CANCEL_JOB:
        r->wait_s = -1;
        return work_on_job(web, r, web->to_write);
    case ROUTE_STATS:
        return get_stats(web, r);
    case ROUTE_JOB_EVENTS:
        return get_job_events(web, r);
    case ROUTE_EVENTS:
        return get_events(web, r);
    case ROUTE_GET_OUTPUT:
        return get_output(web, r);
    case ROUTE_READY:
        r->wait_s = -1;
        return hand_over(web, r, web->to_read);
    case ROUTE_GRAPH:
        return get_graph(web, r);
    case ROUTE_DEMO_STATE:
    case ROUTE_DEMO_KILL:
    case ROUTE_DEMO_SCALE:
    case ROUTE_DEMO_GUV:
        return demonstrate(web, r);
    case ROUTE_HEALTH:
        r->answer.status = 200;
        r->answer.content_type = "application/json";
        r->answer.static_body = "{\"status\":\"alive\"}";
        r->answer.body_len = strlen(r->answer.static_body);
        break;
    case ROUTE_PAGE:
        pages_answer(&r->answer, r->path, r->if_none_match);
        break;
    case ROUTE_BAD_METHOD:
        answer_problem(&r->answer, 405, "the methods here are %s", r->route.allow);
        r->answer.allow = r->route.allow;
        break;
    case ROUTE_NOT_FOUND:
        answer_problem(&r->answer, 404, "there is nothing at this path");
        break;
    }
    return respond(r, atomic_load(&web->stopping));
}

/* ---- libmicrohttpd's callbacks */

static unsigned keep_alive_s(const struct web *web)
{
    return (unsigned)web->settings.keep_alive_s;
}

/* While a body arrives, a connection that says nothing is closed sooner. */
static void set_arriving(struct http *http, struct request *r, bool arriving)
{
    if (r->arriving == arriving)
        return;
    r->arriving = arriving;
    if (arriving)
        atomic_fetch_add(&http->arriving, 1);
    else
        atomic_fetch_sub(&http->arriving, 1);
    MHD_set_connection_option(r->connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              arriving ? BODY_TIMEOUT_MS / 1000U : keep_alive_s(http->web));
}

/* The first call for a request: its headers are there, its body is not. */
static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, const char *path,
                             const char *method, void **req_cls)
{
    struct web *web = http->web;
    struct request *r = request_new(web->waiters, connection, method, path);

    if (!r)
        return MHD_NO;
    *req_cls = r;
    atomic_fetch_add(&http->in_hand, 1);
    r->body.max_bytes = (size_t)web->settings.max_body_bytes;
    if (r->route.demo && !web->settings.demo)
        r->route.id = ROUTE_NOT_FOUND;
    if (read_headers(web, r) || check_headers(web, r)) {
        if (!is_read_all_the_same(web, r))
            return respond(r, true);
        r->refusal = r->answer.status;
    }
    set_arriving(http, r, true);
    return MHD_YES;
}

static enum MHD_Result finish_refused(struct web *web, struct request *r)
{
    if (r->answer.status != 0)
        return respond(r, true); /* by its headers */
    if (r->refusal == 413)
        answer_too_large(web, r);
    else
        answer_problem(&r->answer, 503, "too much is in hand already");
    return respond(r, true);
}

/*
 * The answer of a stream has begun. A request that goes on for hours is not in hand: nobody waits
 * for its end when this process stops. What the kernel keeps for a slow reader is little, and given
 * up once the reader has taken nothing of it for too long.
 */
static void set_streaming(struct http *http, struct request *r)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    const unsigned patience_s = (unsigned)http->web->settings.stream_patience_s;
    const unsigned patience_ms = patience_s * 1000;
    const int unsent = STREAM_UNSENT_BYTES;

    atomic_fetch_sub(&http->in_hand, 1);
    MHD_set_connection_option(r->connection, MHD_CONNECTION_OPTION_TIMEOUT, patience_s);
    if (!info)
        return;
    setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &unsent, sizeof unsent);
    setsockopt(info->connect_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

static enum MHD_Result go_on(struct http *http, struct request *r, const char *upload,
                             size_t *upload_len)
{
    if (*upload_len > 0) {
        const size_t len = *upload_len;

        *upload_len = 0;
        return take_body(http->web, r, upload, len);
    }
    set_arriving(http, r, false);
    if (r->handed_over)
        return request_is_settled(r) ? respond(r, atomic_load(&http->web->stopping)) : MHD_YES;
    if (r->refusal)
        return finish_refused(http->web, r);
    return answer_route(http->web, r);
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *connection, const char *path,
                                 const char *method, const char *version, const char *upload,
                                 size_t *upload_len, void **req_cls)
{
    struct http *http = cls;
    struct request *r = *req_cls;
    enum MHD_Result result;

    (void)version;
    if (!r)
        return begin(http, connection, path, method, req_cls);
    result = go_on(http, r, upload, upload_len);
    if (r->streaming)
        set_streaming(http, r);
    return result;
}

/* What is asked each few seconds, by machines and open pages. */
static bool is_polled(enum route_id id)
{
    return id == ROUTE_HEALTH || id == ROUTE_GRAPH || id == ROUTE_STATS || id == ROUTE_DEMO_STATE;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **req_cls,
                         enum MHD_RequestTerminationCode code)
{
    struct http *http = cls;
    struct request *r = *req_cls;
    enum log_level level;

    (void)connection;
    if (!r)
        return;
    if (r->arriving)
        atomic_fetch_sub(&http->arriving, 1); /* cut off: its connection is going */
    level = is_polled(r->route.id) && r->answer.status < 400 ? LOG_DEBUG : LOG_INFO;
    log_event(level, "request", "method=%s path=%s status=%u took_ms=%" PRId64 " request_id=%s%s",
              log_quote(r->method), log_quote(r->path), r->answer.status,
              clock_mono_ms() - r->started_mono_ms, r->id,
              code == MHD_REQUEST_TERMINATED_COMPLETED_OK ? "" : " cut=true");
    *req_cls = NULL;
    if (!r->streaming)
        atomic_fetch_sub(&http->in_hand, 1);
    request_drop(r);
}

/* ---- the daemon */

static struct MHD_Daemon *start_daemon(struct http *http, unsigned family)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const unsigned threads = cores < 2 ? 2 : cores > THREADS_MAX ? THREADS_MAX : (unsigned)cores;

    return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME |
                                family,
                            (uint16_t)http->web->settings.port, NULL, NULL, on_access, http,
                            MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_TIMEOUT,
                            keep_alive_s(http->web), MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS_MAX, MHD_OPTION_LISTEN_BACKLOG_SIZE, 1024U,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

struct http *http_start(struct web *web, struct err *e)
{
    struct http *http = calloc(1, sizeof *http);

    if (!http) {
        err_set(e, ERR_NOMEM, "the HTTP server");
        return NULL;
    }
    http->web = web;
    http->daemon = start_daemon(http, MHD_USE_DUAL_STACK);
    if (!http->daemon)
        http->daemon = start_daemon(http, MHD_NO_FLAG);
    if (http->daemon)
        return http;
    err_set(e, ERR_UNAVAILABLE, "cannot listen on port %" PRId64 ": %s", web->settings.port,
            strerror(errno));
    free(http);
    return NULL;
}

void http_stop_accepting(struct http *http)
{
    MHD_socket socket = MHD_quiesce_daemon(http->daemon);

    if (socket != MHD_INVALID_SOCKET)
        close(socket);
}

size_t http_in_hand(struct http *http)
{
    return atomic_load(&http->in_hand);
}

size_t http_arriving(struct http *http)
{
    return atomic_load(&http->arriving);
}

void http_stop(struct http *http)
{
    MHD_stop_daemon(http->daemon);
    free(http);
}
