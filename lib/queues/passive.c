#include "queues/passive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#define CA_FILE_DEFAULT "/etc/ssl/certs/ca-certificates.crt" /* Debian, Ubuntu, Alpine */
#define STEP_S 2 /* connecting, logging in, an answer: each at most */
#define FRAME_MAX_BYTES 131072
#define CHANNEL 1 /* a fresh one for each queue: a missing queue closes it (AMQP 0-9-1, 404) */

struct passive {
    amqp_connection_state_t conn;
};

/* ---- answers as sentences ---- */

static int say(const char *what, amqp_bytes_t text, enum err_code code, struct err *e)
{
    return err_set(e, code, "%s: %.*s", what, (int)(text.len > 200 ? 200 : text.len),
                   (const char *)text.bytes);
}

static int failed(amqp_rpc_reply_t reply, const char *what, struct err *e)
{
    const void *decoded = reply.reply.decoded;

    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
        return say(what, ((const amqp_connection_close_t *)decoded)->reply_text, ERR_UNAVAILABLE,
                   e);
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
        reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        return say(what, ((const amqp_channel_close_t *)decoded)->reply_text, ERR_UNAVAILABLE, e);
    return err_set(e, ERR_UNAVAILABLE, "%s: %s", what,
                   reply.library_error == AMQP_STATUS_OK ? "an answer nobody asked for"
                                                         : amqp_error_string2(reply.library_error));
}

/* ---- opening ---- */

static int prepare_tls(amqp_socket_t *socket, const char *ca_file, struct err *e)
{
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_cacert(socket, ca_file ? ca_file : CA_FILE_DEFAULT) != AMQP_STATUS_OK)
        return err_set(e, ERR_INPUT, "'%s' holds no certificates that can be read",
                       ca_file ? ca_file : CA_FILE_DEFAULT);
    return 0;
}

static int open_socket(struct passive *p, const struct broker_address *to, const char *ca_file,
                       struct err *e)
{
    struct timeval step = {STEP_S, 0};
    amqp_socket_t *socket = to->tls ? amqp_ssl_socket_new(p->conn) : amqp_tcp_socket_new(p->conn);
    int status, fd;

    if (!socket)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    if (to->tls && prepare_tls(socket, ca_file, e))
        return -1;
    status = amqp_socket_open_noblock(socket, to->host, to->port, &step);
    if (status != AMQP_STATUS_OK)
        return err_set(e, ERR_UNAVAILABLE, "broker %.200s:%d: %s", to->host, to->port,
                       status == AMQP_STATUS_SOCKET_ERROR ? "cannot be reached"
                                                          : amqp_error_string2(status));
    fd = amqp_get_sockfd(p->conn);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

int passive_open(const struct broker_address *to, const char *ca_file, struct passive **ret,
                 struct err *e)
{
    struct passive *p = calloc(1, sizeof(*p));
    struct timeval step = {STEP_S, 0};
    amqp_rpc_reply_t reply;

    if (!p || !(p->conn = amqp_new_connection())) {
        free(p);
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    }
    amqp_set_handshake_timeout(p->conn, &step);
    amqp_set_rpc_timeout(p->conn, &step);
    if (open_socket(p, to, ca_file, e)) {
        passive_close(p);
        return -1;
    }
    /* No heartbeats: they would have to be sent between two polls. */
    reply = amqp_login(p->conn, to->vhost, 0, FRAME_MAX_BYTES, 0, AMQP_SASL_METHOD_PLAIN, to->user,
                       to->password);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        failed(reply, "the broker's login", e);
        passive_close(p);
        return -1;
    }
    *ret = p;
    return 0;
}

void passive_close(struct passive *p)
{
    if (!p)
        return;
    amqp_connection_close(p->conn, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(p->conn);
    free(p);
}

/* ---- counting ---- */

static bool is_not_found(amqp_rpc_reply_t reply)
{
    return reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION &&
           reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD &&
           ((const amqp_channel_close_t *)reply.reply.decoded)->reply_code == AMQP_NOT_FOUND;
}

int passive_count(struct passive *p, const char *queue, bool *ret_is_there, double *ret_ready,
                  double *ret_consumers, struct err *e)
{
    amqp_channel_close_ok_t close_ok = {0};
    amqp_queue_declare_ok_t *counts;
    amqp_rpc_reply_t reply;

    *ret_is_there = false;
    if (!amqp_channel_open(p->conn, CHANNEL))
        return failed(amqp_get_rpc_reply(p->conn), "opening a channel", e);
    counts = amqp_queue_declare(p->conn, CHANNEL, amqp_cstring_bytes(queue), 1, 0, 0, 0,
                                amqp_empty_table);
    reply = amqp_get_rpc_reply(p->conn);
    if (is_not_found(reply)) {
        if (amqp_send_method(p->conn, CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &close_ok))
            return err_set(e, ERR_UNAVAILABLE, "the broker's connection is lost");
        return 0;
    }
    if (!counts)
        return failed(reply, "counting a queue", e);
    *ret_is_there = true;
    *ret_ready = counts->message_count;
    *ret_consumers = counts->consumer_count;
    reply = amqp_channel_close(p->conn, CHANNEL, AMQP_REPLY_SUCCESS);
    amqp_maybe_release_buffers(p->conn);
    return reply.reply_type == AMQP_RESPONSE_NORMAL ? 0 : failed(reply, "closing a channel", e);
}
