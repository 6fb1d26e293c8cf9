#include "live/metrics_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>

#include "live/report.h"

#define IDLE_TIMEOUT_S 30
#define MAX_CONNECTIONS 16
#define CONNECTION_BYTES ((size_t)4096) /* of memory: a request here is a line */

struct metrics_server {
    struct MHD_Daemon *daemon;
    const struct view *(*get_view)(void *arg);
    void *arg;
};

/* ---- answers ---- */

struct page {
    unsigned status;
    const char *type;
    char *text; /* new; NULL: no memory */
};

static struct page metrics_page(const struct view *v)
{
    struct buf text = BUF_INIT;

    report_metrics(v, &text);
    return (struct page){MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                         buf_detach(&text)};
}

static struct page status_page(const struct view *v)
{
    json_auto_t *status = report_status(v);

    return (struct page){MHD_HTTP_OK, "application/json", json_dumps(status, JSON_COMPACT)};
}

static struct page refuse(unsigned status, const char *text)
{
    return (struct page){status, "text/plain; charset=utf-8", strdup(text)};
}

static struct page page_of(const struct metrics_server *s, const char *method, const char *path)
{
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    if (strcmp(path, "/metrics") == 0)
        return metrics_page(s->get_view(s->arg));
    if (strcmp(path, "/status") == 0)
        return status_page(s->get_view(s->arg));
    return refuse(MHD_HTTP_NOT_FOUND, "/metrics or /status\n");
}

static enum MHD_Result send_page(struct MHD_Connection *connection, const struct page *p)
{
    struct MHD_Response *response;
    enum MHD_Result result;

    if (!p->text)
        return MHD_NO; /* libmicrohttpd closes the connection */
    response = MHD_create_response_from_buffer(strlen(p->text), p->text, MHD_RESPMEM_MUST_FREE);
    if (!response) {
        free(p->text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, p->type);
    if (p->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    result = MHD_queue_response(connection, p->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **req_cls)
{
    static int seen_head;
    struct page page;

    (void)version;
    (void)data;
    if (!*req_cls) { /* the head of the request; a body, if any, follows and is not read */
        *req_cls = &seen_head;
        return MHD_YES;
    }
    if (*data_len > 0) {
        *data_len = 0;
        return MHD_YES;
    }
    page = page_of(arg, method, path);
    return send_page(connection, &page);
}

/* ---- life ---- */

int metrics_server_open(unsigned port, const struct view *(*get_view)(void *arg), void *arg,
                        struct metrics_server **ret, struct err *e)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    struct metrics_server *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for the metrics");
    s->get_view = get_view;
    s->arg = arg;
    s->daemon = MHD_start_daemon(MHD_USE_EPOLL, (uint16_t)port, NULL, NULL, on_request, s,
                                 MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 CONNECTION_BYTES, MHD_OPTION_END);
    if (!s->daemon) {
        free(s);
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on 127.0.0.1:%u: %s", port,
                       strerror(errno));
    }
    *ret = s;
    return 0;
}

void metrics_server_close(struct metrics_server *s)
{
    if (!s)
        return;
    MHD_stop_daemon(s->daemon);
    free(s);
}

unsigned metrics_server_port(const struct metrics_server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

int metrics_server_fd(const struct metrics_server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int metrics_server_timeout_ms(const struct metrics_server *s)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;

    if (MHD_get_timeout(s->daemon, &timeout_ms) != MHD_YES)
        return -1;
    return timeout_ms > INT_MAX ? INT_MAX : (int)timeout_ms;
}

void metrics_server_run(struct metrics_server *s)
{
    MHD_run(s->daemon);
}
