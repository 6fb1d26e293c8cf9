#include "tool/ws_server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <microhttpd.h>

#include "base/clock.h"
#include "tool/ws_client.h"
#include "tool/ws_handshake.h"

#define DEFAULT_MAX_MESSAGE_BYTES ((size_t)8 * 1024 * 1024)
#define DEFAULT_MAX_CLIENTS ((size_t)100)
#define DEFAULT_MAX_QUEUED_BYTES ((size_t)16 * 1024 * 1024)
#define HTTP_CONNECTIONS 32 /* beside the clients: for the page, and for handshakes */
#define HTTP_IDLE_S 30
#define EVENTS_AT_ONCE 64
#define HTTPD_ID 0 /* what epoll calls libmicrohttpd; clients have ids from 1 */

struct conn {
    uint64_t id;
    struct ws_client *client;
    struct MHD_UpgradeResponseHandle *urh; /* closes the socket, which stays libmicrohttpd's */
    int fd;
    uint32_t watched; /* epoll events */
    bool closed;      /* and that has been told */
};

struct ws_server {
    struct ws_options options;
    struct ws_events events;
    void *user;
    struct MHD_Daemon *daemon;
    struct MHD_Response *page;
    int epoll_fd;
    uint64_t last_id;
    bool attend; /* a client's state has changed since the last service */
    size_t n_conns;
    struct conn *conns; /* room for max_clients, in the order they came */
};

/* ---- HTTP */

static int make_page(const char *html, size_t len, struct MHD_Response **ret, struct err *e)
{
    char *copy = malloc(len + 1);
    struct MHD_Response *page;

    if (!copy)
        return err_set(e, ERR_NOMEM, "no memory for a page");
    memcpy(copy, html, len);
    page = MHD_create_response_from_buffer(len, copy, MHD_RESPMEM_MUST_FREE);
    if (!page) {
        free(copy);
        return err_set(e, ERR_NOMEM, "no memory for a page");
    }
    MHD_add_response_header(page, MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8");
    MHD_add_response_header(page, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(page, "Content-Security-Policy",
                            "default-src 'none'; style-src 'unsafe-inline'; "
                            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    MHD_add_response_header(page, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(page, "Referrer-Policy", "no-referrer");
    *ret = page;
    return 0;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, const char *why)
{
    char *text = strdup(why);
    struct MHD_Response *r;
    enum MHD_Result result;

    if (!text)
        return MHD_NO; /* libmicrohttpd closes the connection */
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_UPGRADE_REQUIRED)
        MHD_add_response_header(r, "Sec-WebSocket-Version", "13");
    result = MHD_queue_response(connection, status, r);
    MHD_destroy_response(r);
    return result;
}

/* ---- clients */

static struct conn *find(struct ws_server *s, uint64_t id)
{
    for (size_t i = 0; i < s->n_conns; i++)
        if (s->conns[i].id == id)
            return &s->conns[i];
    return NULL;
}

/* Keeps what epoll waits for in step with what the client wants. */
static void watch(struct ws_server *s, struct conn *c)
{
    uint32_t events = (ws_client_wants_read(c->client) ? (uint32_t)EPOLLIN : 0) |
                      (ws_client_wants_write(c->client) ? (uint32_t)EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data = {.u64 = c->id}};

    if (events == c->watched)
        return;
    epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->watched = events;
}

/* After whatever was done to a client from outside ws_server_service(), which alone tells what
 * came of it. */
static void touched(struct ws_server *s, struct conn *c)
{
    if (ws_client_step(c->client) != WS_CLIENT_OPEN)
        s->attend = true;
    watch(s, c);
}

static void on_message(void *user, uint64_t client, const char *text, size_t len)
{
    struct ws_server *s = user;

    s->events.message(s->user, client, text, len);
}

static int prepare_socket(int fd)
{
    int flags = fcntl(fd, F_GETFL), on = 1;

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK))
        return -1;
    /* wslay sends a frame's head and its payload apart: with Nagle's algorithm each message would
     * wait for the peer's delayed acknowledgement, some 40 ms. */
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int add_conn(struct ws_server *s, int fd, const char *early, size_t early_len,
                    struct MHD_UpgradeResponseHandle *urh)
{
    struct conn *c = &s->conns[s->n_conns];
    struct ws_client_options options = {
        .fd = fd,
        .id = s->last_id + 1,
        .early = early,
        .early_len = early_len,
        .max_message_bytes = s->options.max_message_bytes,
        .max_queued_bytes = s->options.max_queued_bytes,
        .on_message = on_message,
        .user = s,
    };
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = options.id}};

    /* The room was looked for when it asked; another may have come in between. */
    if (s->n_conns == s->options.max_clients || prepare_socket(fd) ||
        ws_client_new(&options, &c->client, NULL))
        return -1;
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        ws_client_free(c->client);
        return -1;
    }
    c->id = ++s->last_id;
    c->urh = urh;
    c->fd = fd;
    c->watched = event.events;
    c->closed = false;
    s->n_conns++;
    return 0;
}

/* The 101 has gone out: the socket speaks WebSocket from here on. */
static void on_upgraded(void *arg, struct MHD_Connection *connection, void *req_cls,
                        const char *extra_in, size_t extra_in_size, MHD_socket fd,
                        struct MHD_UpgradeResponseHandle *urh)
{
    struct ws_server *s = arg;

    (void)connection;
    (void)req_cls;
    if (add_conn(s, fd, extra_in, extra_in_size, urh)) {
        MHD_upgrade_action(urh, MHD_UPGRADE_ACTION_CLOSE);
        return;
    }
    s->events.opened(s->user, s->last_id);
    ws_client_read(s->conns[s->n_conns - 1].client); /* what came with the handshake */
}

static enum MHD_Result upgrade(struct ws_server *s, struct MHD_Connection *connection,
                               const struct ws_request *request)
{
    const char *offered =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Sec-WebSocket-Protocol");
    struct MHD_Response *r = MHD_create_response_for_upgrade(on_upgraded, s);
    char accept_key[WS_ACCEPT_SIZE];
    enum MHD_Result result;

    if (!r)
        return MHD_NO;
    ws_accept_key(request->key, accept_key);
    MHD_add_response_header(r, MHD_HTTP_HEADER_UPGRADE, "websocket");
    MHD_add_response_header(r, "Sec-WebSocket-Accept", accept_key);
    if (s->options.subprotocol && ws_has_token(offered, s->options.subprotocol))
        MHD_add_response_header(r, "Sec-WebSocket-Protocol", s->options.subprotocol);
    result = MHD_queue_response(connection, MHD_HTTP_SWITCHING_PROTOCOLS, r);
    MHD_destroy_response(r);
    return result;
}

static struct ws_request read_request(struct MHD_Connection *c, const char *version)
{
    return (struct ws_request){
        .http_version = version,
        .host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST),
        .origin = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ORIGIN),
        .connection = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONNECTION),
        .upgrade = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_UPGRADE),
        .version = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-WebSocket-Version"),
        .key = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Sec-WebSocket-Key"),
    };
}

static enum MHD_Result answer(struct ws_server *s, struct MHD_Connection *connection,
                              const char *path, const char *method, const char *version)
{
    struct ws_request request = read_request(connection, version);
    struct ws_origins origins = {s->options.host, s->options.origins, s->options.n_origins};
    bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    const char *why;
    unsigned status;

    if (strcmp(path, "/") != 0)
        return refuse(connection, MHD_HTTP_NOT_FOUND, "There is only / here.");
    if (!is_get && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "Use GET.");
    if (!is_get || !ws_is_upgrade(&request))
        return MHD_queue_response(connection, MHD_HTTP_OK, s->page);
    status = ws_check_request(&request, &origins, &why);
    if (status != MHD_HTTP_SWITCHING_PROTOCOLS)
        return refuse(connection, status, why);
    if (s->n_conns >= s->options.max_clients)
        return refuse(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "Too many clients.");
    return upgrade(s, connection, &request);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **req_cls)
{
    (void)data;
    if (!*req_cls) { /* the head of the request; a body may follow, which means nothing here */
        *req_cls = arg;
        return MHD_YES;
    }
    if (*data_len > 0) {
        *data_len = 0;
        return MHD_YES;
    }
    return answer(arg, connection, path, method, version);
}

/* ---- its life */

static struct MHD_Daemon *start_daemon(struct ws_server *s, const struct addrinfo *a)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_UPGRADE;

    if (a->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    return MHD_start_daemon(flags, s->options.port, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
                            a->ai_addr, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S,
                            MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)s->options.max_clients + HTTP_CONNECTIONS, MHD_OPTION_END);
}

static int listen_on(struct ws_server *s, struct err *e)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char port[6];
    int rc;

    snprintf(port, sizeof port, "%u", s->options.port);
    rc = getaddrinfo(s->options.host, port, &hints, &addresses);
    if (rc)
        return err_set(e, ERR_INPUT, "host '%s': %s", s->options.host, gai_strerror(rc));
    for (struct addrinfo *a = addresses; a && !s->daemon; a = a->ai_next)
        s->daemon = start_daemon(s, a);
    freeaddrinfo(addresses);
    if (!s->daemon)
        return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s, port %u: %s", s->options.host,
                       s->options.port, strerror(errno));
    return 0;
}

static int httpd_fd(const struct ws_server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static int open_parts(struct ws_server *s, struct err *e)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.u64 = HTTPD_ID}};

    s->conns = calloc(s->options.max_clients, sizeof *s->conns);
    if (!s->conns)
        return err_set(e, ERR_NOMEM, "no memory for clients");
    if (make_page("", 0, &s->page, e) || listen_on(s, e))
        return -1;
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, httpd_fd(s), &event))
        return err_set(e, ERR_NOMEM, "epoll: %s", strerror(errno));
    return 0;
}

static void set_default(size_t *n, size_t value)
{
    if (*n == 0)
        *n = value;
}

int ws_server_open(const struct ws_options *options, const struct ws_events *events, void *user,
                   struct ws_server **ret, struct err *e)
{
    struct ws_server *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_NOMEM, "no memory for a server");
    s->options = *options;
    set_default(&s->options.max_message_bytes, DEFAULT_MAX_MESSAGE_BYTES);
    set_default(&s->options.max_clients, DEFAULT_MAX_CLIENTS);
    set_default(&s->options.max_queued_bytes, DEFAULT_MAX_QUEUED_BYTES);
    s->events = *events;
    s->user = user;
    s->epoll_fd = -1;
    if (open_parts(s, e)) {
        ws_server_close(s);
        return -1;
    }
    *ret = s;
    return 0;
}

static void release_conn(struct ws_server *s, struct conn *c)
{
    epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    ws_client_free(c->client);
    MHD_upgrade_action(c->urh, MHD_UPGRADE_ACTION_CLOSE);
}

void ws_server_close(struct ws_server *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_conns; i++) {
        ws_client_end_now(s->conns[i].client, 1001, "the server stops");
        release_conn(s, &s->conns[i]);
    }
    if (s->daemon) {
        MHD_run(s->daemon); /* it wants to see the sockets closed before it stops */
        MHD_stop_daemon(s->daemon);
    }
    if (s->page)
        MHD_destroy_response(s->page);
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
    free(s->conns);
    free(s);
}

uint16_t ws_server_port(const struct ws_server *s)
{
    return MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

int ws_server_set_page(struct ws_server *s, const char *html, size_t len, struct err *e)
{
    struct MHD_Response *page;

    if (make_page(html, len, &page, e))
        return -1;
    MHD_destroy_response(s->page); /* answers that are on their way hold it still */
    s->page = page;
    return 0;
}

/* ---- what the caller does to clients */

void ws_server_send(struct ws_server *s, uint64_t client, const char *text, size_t len,
                    enum ws_weight weight)
{
    struct conn *c = find(s, client);

    if (!c)
        return;
    ws_client_send(c->client, text, len, weight == WS_DROPPABLE);
    touched(s, c);
}

uint64_t ws_server_dropped(struct ws_server *s, uint64_t client)
{
    struct conn *c = find(s, client);

    return c ? ws_client_take_dropped(c->client) : 0;
}

void ws_server_end_client(struct ws_server *s, uint64_t client, uint16_t code, const char *reason)
{
    struct conn *c = find(s, client);

    if (!c)
        return;
    ws_client_end(c->client, code, reason);
    touched(s, c);
}

/* ---- the loop */

int ws_server_fd(const struct ws_server *s)
{
    return s->epoll_fd;
}

int ws_server_timeout_ms(const struct ws_server *s)
{
    MHD_UNSIGNED_LONG_LONG httpd_ms;
    int timeout_ms = INT_MAX;

    if (s->attend)
        return 0;
    if (MHD_get_timeout(s->daemon, &httpd_ms) == MHD_YES && httpd_ms < INT_MAX)
        timeout_ms = (int)httpd_ms;
    for (size_t i = 0; i < s->n_conns; i++) {
        int due_ms = clock_until_ms(ws_client_due_mono_ms(s->conns[i].client));

        if (due_ms < timeout_ms)
            timeout_ms = due_ms;
    }
    return timeout_ms == INT_MAX ? -1 : timeout_ms;
}

static void serve_ready(struct ws_server *s)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    int n = epoll_wait(s->epoll_fd, events, EVENTS_AT_ONCE, 0);

    for (int i = 0; i < n; i++) {
        struct conn *c = find(s, events[i].data.u64); /* none: it is libmicrohttpd */
        uint32_t failed = events[i].events & (EPOLLHUP | EPOLLERR);

        if (c && (events[i].events & EPOLLOUT || failed))
            ws_client_write(c->client);
        if (c && (events[i].events & EPOLLIN || failed))
            ws_client_read(c->client);
    }
}

static void tell_closed(struct ws_server *s, struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    s->events.closed(s->user, c->id);
}

/* Lets each client move on, and those go that are done. */
static void step_all(struct ws_server *s)
{
    size_t kept = 0;

    s->attend = false;
    for (size_t i = 0; i < s->n_conns; i++) {
        enum ws_client_state state = ws_client_step(s->conns[i].client);

        if (state != WS_CLIENT_OPEN)
            tell_closed(s, &s->conns[i]); /* which may change the state of any other */
        if (state != WS_CLIENT_GONE)
            watch(s, &s->conns[i]);
    }
    for (size_t i = 0; i < s->n_conns; i++) {
        struct conn *c = &s->conns[i];

        if (c->closed && ws_client_step(c->client) == WS_CLIENT_GONE)
            release_conn(s, c);
        else
            s->conns[kept++] = *c;
    }
    s->n_conns = kept;
}

void ws_server_service(struct ws_server *s)
{
    size_t before;

    MHD_run(s->daemon);
    serve_ready(s);
    before = s->n_conns;
    step_all(s);
    if (s->n_conns < before)
        MHD_run(s->daemon); /* closes their sockets */
}
