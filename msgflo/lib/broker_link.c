#include "broker_link.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include "base/clock.h"

#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt" /* Debian, Ubuntu, Alpine */
#define FRAME_MAX_BYTES 131072                               /* what RabbitMQ offers */
#define GOODBYE_MS 2000

/* A peer that takes nothing for so long is given up. The kernel counts both a peer that does not
 * acknowledge and one whose window stays shut (tcp(7), TCP_USER_TIMEOUT): without it, a write in
 * the middle of a frame could hold the thread for ever. */
#define WRITE_STALL_MS 5000

/* ---- answers as sentences ---- */

int broker_link_status(int status, const char *what, struct msgflo_error *e)
{
    if (status == AMQP_STATUS_OK)
        return 0;
    if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
        status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED)
        return fail(e, MSGFLO_REFUSED, "%s: its certificate is not trusted for this name", what);
    /* EINPROGRESS is what rabbitmq-c leaves there when connecting without blocking has failed. */
    if (status == AMQP_STATUS_SOCKET_ERROR && errno == EINPROGRESS)
        return fail(e, MSGFLO_UNAVAILABLE, "%s: cannot be reached", what);
    if (status == AMQP_STATUS_SOCKET_ERROR && errno)
        return fail(e, MSGFLO_UNAVAILABLE, "%s: %s", what, strerror(errno));
    return fail(e, MSGFLO_UNAVAILABLE, "%s: %s", what, amqp_error_string2(status));
}

static int text_len(amqp_bytes_t text)
{
    return text.len > 300 ? 300 : (int)text.len;
}

int broker_link_channel_closed(struct broker_link *l, amqp_channel_t channel,
                               const amqp_channel_close_t *close, const char *what,
                               struct msgflo_error *e)
{
    amqp_channel_close_ok_t ok = {0};

    fail(e, MSGFLO_REFUSED, "%s: %.*s", what, text_len(close->reply_text),
         (const char *)close->reply_text.bytes);
    return broker_link_status(amqp_send_method(l->conn, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok),
                              what, e);
}

/* 402 to 404 and 530: login, virtual host; 320 and the rest: shutting down, or by force. */
static enum msgflo_code code_of(int reply_code)
{
    bool refused = (reply_code >= 402 && reply_code <= 404) || reply_code == AMQP_NOT_ALLOWED;

    return refused ? MSGFLO_REFUSED : MSGFLO_UNAVAILABLE;
}

static int connection_closed(struct broker_link *l, const amqp_connection_close_t *close,
                             const char *what, enum msgflo_code code, struct msgflo_error *e)
{
    amqp_connection_close_ok_t ok = {0};

    fail(e, code, "%s: %.*s", what, text_len(close->reply_text),
         (const char *)close->reply_text.bytes);
    (void)amqp_send_method(l->conn, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok);
    return -1;
}

int broker_link_closed(struct broker_link *l, const amqp_connection_close_t *close,
                       struct msgflo_error *e)
{
    return connection_closed(l, close, "the broker closed the connection",
                             code_of(close->reply_code), e);
}

/* Closing the connection, the broker refuses more than one channel's step, unless that is the
 * login. */
static int server_exception(struct broker_link *l, amqp_channel_t channel, amqp_method_t method,
                            const char *what, struct msgflo_error *e)
{
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        (void)broker_link_channel_closed(l, channel, method.decoded, what, e);
        return -1;
    }
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *close = method.decoded;

        return connection_closed(l, close, what,
                                 channel ? MSGFLO_UNAVAILABLE : code_of(close->reply_code), e);
    }
    return fail(e, MSGFLO_UNAVAILABLE, "%s: an answer nobody asked for", what);
}

int broker_link_answer(struct broker_link *l, amqp_channel_t channel, amqp_rpc_reply_t reply,
                       const char *what, struct msgflo_error *e)
{
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return 0;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return server_exception(l, channel, reply.reply, what, e);
    case AMQP_RESPONSE_NONE:
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
    default:
        if (reply.library_error == AMQP_STATUS_OK)
            reply.library_error = AMQP_STATUS_UNEXPECTED_STATE;
        return broker_link_status(reply.library_error, what, e);
    }
}

/* ---- time ---- */

void broker_link_set_deadline(struct broker_link *l, unsigned timeout_ms)
{
    l->deadline_mono_ms = clock_mono_ms() + timeout_ms;
}

static struct timeval time_left(const struct broker_link *l)
{
    int ms = clock_until_ms(l->deadline_mono_ms);

    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

int broker_link_begin(struct broker_link *l, struct msgflo_error *e)
{
    struct timeval left = time_left(l);

    if (left.tv_sec == 0 && left.tv_usec == 0)
        return fail(e, MSGFLO_UNAVAILABLE, "the broker takes too long to answer");
    return broker_link_status(amqp_set_rpc_timeout(l->conn, &left), "timeout", e);
}

/* ---- connecting ---- */

static int prepare_tls(amqp_socket_t *socket, const char *ca_file, struct msgflo_error *e)
{
    if (!ca_file)
        ca_file = CA_FILE_DEFAULT;
    /* Both are rabbitmq-c's defaults too; said here because so much hangs on them. */
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_cacert(socket, ca_file) != AMQP_STATUS_OK)
        return fail(e, MSGFLO_INVALID, "'%s' holds no certificates that can be read", ca_file);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK)
        return fail(e, MSGFLO_INVALID, "TLS 1.2 is not there");
    return 0;
}

/* By rabbitmq-c itself, with a connection that is never opened: nobody else can say what it takes.
 */
int broker_link_check_tls(const struct broker_url *url, const char *ca_file, struct msgflo_error *e)
{
    amqp_connection_state_t conn = url->tls ? amqp_new_connection() : NULL;
    amqp_socket_t *socket = conn ? amqp_ssl_socket_new(conn) : NULL;
    int rc;

    if (!url->tls)
        return 0;
    rc = socket ? prepare_tls(socket, ca_file, e)
                : fail(e, MSGFLO_NOMEM, "no memory for a connection");
    if (conn)
        amqp_destroy_connection(conn);
    return rc;
}

static int open_socket(struct broker_link *l, const struct broker_url *to, const char *ca_file,
                       struct msgflo_error *e)
{
    struct timeval left = time_left(l);
    unsigned stall_ms = WRITE_STALL_MS;
    amqp_socket_t *socket = to->tls ? amqp_ssl_socket_new(l->conn) : amqp_tcp_socket_new(l->conn);
    char what[300];
    int fd;

    if (!socket)
        return fail(e, MSGFLO_NOMEM, "no memory for a socket");
    if (to->tls && prepare_tls(socket, ca_file, e))
        return -1;
    snprintf(what, sizeof what, "broker %.200s:%d", to->host, to->port);
    errno = 0;
    if (broker_link_status(amqp_socket_open_noblock(socket, to->host, to->port, &left), what, e))
        return -1;
    fd = amqp_get_sockfd(l->conn);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &stall_ms, sizeof stall_ms);
    return 0;
}

static amqp_table_entry_t ability(const char *name)
{
    amqp_table_entry_t entry = {.key = bytes_of(name)};

    entry.value.kind = AMQP_FIELD_KIND_BOOLEAN;
    entry.value.value.boolean = 1;
    return entry;
}

static int login(struct broker_link *l, const struct broker_url *to,
                 const struct transport_config *config, struct msgflo_error *e)
{
    /* Without these the broker would not tell of a deleted queue, nor of an alarm, nor of a wrong
     * password (RabbitMQ, "Consumer Cancel Notification", "Blocked Connections"). */
    amqp_table_entry_t abilities[] = {
        ability("authentication_failure_close"), ability("basic.nack"),
        ability("connection.blocked"),           ability("consumer_cancel_notify"),
        ability("publisher_confirms"),           ability("exchange_exchange_bindings")};
    amqp_table_entry_t properties[2] = {{.key = bytes_of("capabilities")},
                                        {.key = bytes_of("connection_name")}};
    amqp_table_t table = {2, properties};
    struct timeval left = time_left(l);
    amqp_rpc_reply_t reply;
    char what[300];

    properties[0].value.kind = AMQP_FIELD_KIND_TABLE;
    properties[0].value.value.table =
        (amqp_table_t){sizeof abilities / sizeof *abilities, abilities};
    properties[1].value.kind = AMQP_FIELD_KIND_UTF8;
    properties[1].value.value.bytes = bytes_of(config->id);
    if (broker_link_begin(l, e) ||
        broker_link_status(amqp_set_handshake_timeout(l->conn, &left), "timeout", e))
        return -1;
    reply =
        amqp_login_with_properties(l->conn, to->vhost, 0, FRAME_MAX_BYTES, (int)config->heartbeat_s,
                                   &table, AMQP_SASL_METHOD_PLAIN, to->user, to->password);
    snprintf(what, sizeof what, "broker %.200s:%d", to->host, to->port);
    return broker_link_answer(l, 0, reply, what, e);
}

int broker_link_open(struct broker_link *l, const struct broker_url *url,
                     const struct transport_config *config, struct msgflo_error *e)
{
    broker_link_set_deadline(l, config->connect_timeout_ms);
    l->conn = amqp_new_connection();
    if (!l->conn)
        return fail(e, MSGFLO_NOMEM, "no memory for a connection");
    if (open_socket(l, url, config->ca_file, e) || login(l, url, config, e)) {
        broker_link_close(l, false);
        return -1;
    }
    return 0;
}

void broker_link_close(struct broker_link *l, bool polite)
{
    struct msgflo_error e;

    if (!l->conn)
        return;
    broker_link_set_deadline(l, GOODBYE_MS);
    if (polite && broker_link_writable(l, 0) && broker_link_begin(l, &e) == 0)
        (void)amqp_connection_close(l->conn, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(l->conn);
    l->conn = NULL;
}

bool broker_link_writable(const struct broker_link *l, int timeout_ms)
{
    struct pollfd pfd = {amqp_get_sockfd(l->conn), POLLOUT, 0};

    return poll(&pfd, 1, timeout_ms) == 1 && (pfd.revents & POLLOUT);
}
