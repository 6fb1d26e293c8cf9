#include "tool/broker_admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#include "base/clock.h"
#include "base/log.h"

#define CHANNEL 1
#define ANSWER_MS 15000
#define CONNECT_MS 10000
#define FIRST_DELAY_MS 100
#define MAX_DELAY_MS 3000
#define FRAME_MAX_BYTES 131072 /* what RabbitMQ offers */

struct broker_admin {
    amqp_connection_state_t conn;
    bool channel_is_open;
    uint64_t last_delivery_tag;
};

/* How a step ended, beside its error. */
enum answer { ANSWER_OK, ANSWER_OTHER_PROPERTIES, ANSWER_FAILED };

static amqp_bytes_t bytes_of(const char *text)
{
    return amqp_cstring_bytes(text);
}

/* --- address ----------------------------------------------------------------------------- */

int broker_url_parse(const char *url, struct broker_url *ret, struct err *e)
{
    char *text = strdup(url), *query;
    struct amqp_connection_info info;

    if (!text)
        return err_set(e, ERR_NOMEM, "no memory for the broker's URL");
    query = strchr(text, '?'); /* options meant for other clients */
    if (query)
        *query = '\0';
    if (amqp_parse_url(text, &info) != AMQP_STATUS_OK || !info.host[0]) {
        free(text);
        return err_set(e, ERR_INPUT, "'%s' is no amqp:// or amqps:// URL", log_url(url));
    }
    *ret = (struct broker_url){.text = text,
                               .user = info.user,
                               .password = info.password,
                               .host = info.host,
                               /* "amqp://host/" would name the vhost "", which nobody means */
                               .vhost = info.vhost[0] ? info.vhost : "/",
                               .port = info.port,
                               .tls = info.ssl};
    return 0;
}

void broker_url_release(struct broker_url *u)
{
    free(u->text);
    u->text = NULL;
}

/* --- answers ----------------------------------------------------------------------------- */

static int text_len(amqp_bytes_t text)
{
    return text.len > 200 ? 200 : (int)text.len;
}

/* The broker closed the channel, and with it refused one step. */
static enum answer channel_closed(struct broker_admin *b, const amqp_channel_close_t *close,
                                  const char *what, struct err *e)
{
    amqp_channel_close_ok_t ok = {0};

    b->channel_is_open = false;
    amqp_send_method(b->conn, CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok);
    amqp_maybe_release_buffers(b->conn);
    err_set(e, ERR_INPUT, "%s: %.*s", what, text_len(close->reply_text),
            (const char *)close->reply_text.bytes);
    return close->reply_code == AMQP_PRECONDITION_FAILED ? ANSWER_OTHER_PROPERTIES : ANSWER_FAILED;
}

static enum answer connection_closed(const amqp_connection_close_t *close, const char *what,
                                     struct err *e)
{
    /* 402 to 404 and 530 speak of the login or the virtual host; 320 and the rest of the broker. */
    bool refused = (close->reply_code >= 402 && close->reply_code <= 404) ||
                   close->reply_code == AMQP_NOT_ALLOWED;

    err_set(e, refused ? ERR_INPUT : ERR_UNAVAILABLE, "%s: %.*s", what, text_len(close->reply_text),
            (const char *)close->reply_text.bytes);
    return ANSWER_FAILED;
}

static enum answer library_failed(int status, const char *what, struct err *e)
{
    if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED ||
        status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED)
        err_set(e, ERR_INPUT, "%s: its certificate is not trusted for this name", what);
    else if (status == AMQP_STATUS_SOCKET_ERROR && errno == EINPROGRESS)
        /* what a refused connection leaves behind: the errno of its beginning */
        err_set(e, ERR_UNAVAILABLE, "%s: cannot be reached", what);
    else if (status == AMQP_STATUS_SOCKET_ERROR && errno)
        err_set(e, ERR_UNAVAILABLE, "%s: %s", what, strerror(errno));
    else
        err_set(e, ERR_UNAVAILABLE, "%s: %s", what, amqp_error_string2(status));
    return ANSWER_FAILED;
}

static enum answer answer_of(struct broker_admin *b, amqp_rpc_reply_t reply, const char *what,
                             struct err *e)
{
    if (reply.reply_type == AMQP_RESPONSE_NORMAL)
        return ANSWER_OK;
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION)
        return library_failed(reply.library_error, what, e);
    if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD)
        return channel_closed(b, reply.reply.decoded, what, e);
    if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD)
        return connection_closed(reply.reply.decoded, what, e);
    return library_failed(AMQP_STATUS_UNEXPECTED_STATE, what, e);
}

/* --- connecting -------------------------------------------------------------------------- */

static int set_tls(amqp_socket_t *socket, const char *ca_file, struct err *e)
{
    /* Both are rabbitmq-c's defaults too; said here because so much hangs on them. */
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_cacert(socket, ca_file) != AMQP_STATUS_OK)
        return err_set(e, ERR_INPUT, "'%s' holds no certificates that can be read", ca_file);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK)
        return err_set(e, ERR_INPUT, "TLS 1.2 is not there");
    return 0;
}

/* timeout_ms is for the connection and as long again for the login. */
static int connect_once(struct broker_admin *b, const struct broker_url *to, const char *ca_file,
                        int timeout_ms, struct err *e)
{
    struct timeval connect_time = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    const struct timeval login_time = connect_time, answer_time = {ANSWER_MS / 1000, 0};
    amqp_socket_t *socket;
    char what[300];
    int status;

    snprintf(what, sizeof(what), "broker %.200s:%d", to->host, to->port);
    b->channel_is_open = false;
    b->conn = amqp_new_connection();
    if (!b->conn)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    socket = to->tls ? amqp_ssl_socket_new(b->conn) : amqp_tcp_socket_new(b->conn);
    if (!socket)
        return err_set(e, ERR_NOMEM, "no memory for a socket");
    if (to->tls && set_tls(socket, ca_file, e))
        return -1;
    errno = 0;
    status = amqp_socket_open_noblock(socket, to->host, to->port, &connect_time);
    if (status != AMQP_STATUS_OK) {
        library_failed(status, what, e);
        return -1;
    }
    amqp_set_rpc_timeout(b->conn, &answer_time);
    amqp_set_handshake_timeout(b->conn, &login_time);
    if (answer_of(b,
                  amqp_login(b->conn, to->vhost, 0, FRAME_MAX_BYTES, 0, AMQP_SASL_METHOD_PLAIN,
                             to->user, to->password),
                  what, e) != ANSWER_OK)
        return -1;
    return 0;
}

static void disconnect(struct broker_admin *b)
{
    if (b->conn)
        amqp_destroy_connection(b->conn);
    b->conn = NULL;
}

/* Between two tries there is nothing to wait for but the clock. */
static void wait_ms(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

int broker_admin_open(const struct broker_url *to, const char *ca_file, int timeout_ms,
                      struct broker_admin **ret, struct err *e)
{
    struct broker_admin *b = calloc(1, sizeof(*b));
    int64_t deadline_mono_ms = clock_mono_ms() + timeout_ms;
    int delay_ms = FIRST_DELAY_MS;

    if (!b)
        return err_set(e, ERR_NOMEM, "no memory for a connection");
    for (;;) {
        struct err cause = ERR_INIT;
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (connect_once(b, to, ca_file, left_ms > CONNECT_MS || !left_ms ? CONNECT_MS : left_ms,
                         &cause) == 0) {
            *ret = b;
            return 0;
        }
        disconnect(b);
        left_ms = clock_until_ms(deadline_mono_ms);
        if (cause.code != ERR_UNAVAILABLE || left_ms == 0) {
            free(b);
            return err_set(e, cause.code, "%s", cause.text);
        }
        wait_ms(delay_ms < left_ms ? delay_ms : left_ms);
        delay_ms = delay_ms * 2 < MAX_DELAY_MS ? delay_ms * 2 : MAX_DELAY_MS;
    }
}

void broker_admin_close(struct broker_admin *b)
{
    if (!b)
        return;
    amqp_connection_close(b->conn, AMQP_REPLY_SUCCESS);
    disconnect(b);
    free(b);
}

/* --- steps ------------------------------------------------------------------------------- */

static int open_channel(struct broker_admin *b, struct err *e)
{
    if (b->channel_is_open)
        return 0;
    amqp_channel_open(b->conn, CHANNEL);
    if (answer_of(b, amqp_get_rpc_reply(b->conn), "channel", e) != ANSWER_OK)
        return -1;
    b->channel_is_open = true;
    return 0;
}

/* What came of the step just taken. */
static enum answer last_answer(struct broker_admin *b, const char *kind, const char *name,
                               struct err *e)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(b->conn);
    char what[300];
    enum answer answer;

    snprintf(what, sizeof(what), "%s '%s'", kind, name);
    answer = answer_of(b, reply, what, e);
    amqp_maybe_release_buffers(b->conn);
    return answer;
}

/* That it was there with other properties, for the user; it is used as it is. */
static void warn_other_properties(struct buf *warnings, const struct err *cause)
{
    buf_printf(warnings, "%s; used as it is\n", cause->text);
}

static enum answer declare_queue(struct broker_admin *b, const char *name, bool passive,
                                 struct err *e)
{
    char dead[TOPOLOGY_MAX_NAME + 6];
    amqp_table_entry_t entry = {.key = bytes_of("x-dead-letter-exchange")};
    amqp_table_t arguments = {1, &entry};

    if (open_channel(b, e))
        return ANSWER_FAILED;
    snprintf(dead, sizeof(dead), "dead-%s", name);
    entry.value.kind = AMQP_FIELD_KIND_UTF8;
    entry.value.value.bytes = bytes_of(dead);
    amqp_queue_declare(b->conn, CHANNEL, bytes_of(name), passive, true, false, false, arguments);
    return last_answer(b, "queue", name, e);
}

int broker_admin_queue(struct broker_admin *b, const char *name, struct buf *warnings,
                       struct err *e)
{
    struct err cause = ERR_INIT;

    switch (declare_queue(b, name, false, &cause)) {
    case ANSWER_OK:
        return 0;
    case ANSWER_OTHER_PROPERTIES:
        warn_other_properties(warnings, &cause);
        return declare_queue(b, name, true, e) == ANSWER_OK ? 0 : -1;
    case ANSWER_FAILED:
    default:
        return err_set(e, cause.code, "%s", cause.text);
    }
}

static enum answer declare_exchange(struct broker_admin *b, const char *name, const char *type,
                                    bool passive, struct err *e)
{
    if (open_channel(b, e))
        return ANSWER_FAILED;
    amqp_exchange_declare(b->conn, CHANNEL, bytes_of(name), bytes_of(type), passive, true, false,
                          false, amqp_empty_table);
    return last_answer(b, "exchange", name, e);
}

int broker_admin_exchange(struct broker_admin *b, const char *prefix, const char *name,
                          const char *type, struct buf *warnings, struct err *e)
{
    char full[TOPOLOGY_MAX_NAME + 6];
    struct err cause = ERR_INIT;

    snprintf(full, sizeof(full), "%s%s", prefix, name);
    switch (declare_exchange(b, full, type, false, &cause)) {
    case ANSWER_OK:
        return 0;
    case ANSWER_OTHER_PROPERTIES:
        warn_other_properties(warnings, &cause);
        return declare_exchange(b, full, type, true, e) == ANSWER_OK ? 0 : -1;
    case ANSWER_FAILED:
    default:
        return err_set(e, cause.code, "%s", cause.text);
    }
}

int broker_admin_bind(struct broker_admin *b, const struct link *link, struct err *e)
{
    amqp_bytes_t source = bytes_of(link->source), destination = bytes_of(link->destination);

    if (open_channel(b, e))
        return -1;
    if (link->to_exchange)
        amqp_exchange_bind(b->conn, CHANNEL, destination, source, amqp_empty_bytes,
                           amqp_empty_table);
    else
        amqp_queue_bind(b->conn, CHANNEL, destination, source, amqp_empty_bytes, amqp_empty_table);
    return last_answer(b, "binding to", link->destination, e) == ANSWER_OK ? 0 : -1;
}

int broker_admin_unbind(struct broker_admin *b, const struct link *link, struct err *e)
{
    amqp_bytes_t source = bytes_of(link->source), destination = bytes_of(link->destination);

    if (open_channel(b, e))
        return -1;
    if (link->to_exchange)
        amqp_exchange_unbind(b->conn, CHANNEL, destination, source, amqp_empty_bytes,
                             amqp_empty_table);
    else
        amqp_queue_unbind(b->conn, CHANNEL, destination, source, amqp_empty_bytes,
                          amqp_empty_table);
    return last_answer(b, "binding to", link->destination, e) == ANSWER_OK ? 0 : -1;
}

/* --- messages ---------------------------------------------------------------------------- */

/* Reads on until the broker confirms the one message that was published. */
static int await_confirm(struct broker_admin *b, const char *what, struct err *e)
{
    const struct timeval answer_time = {ANSWER_MS / 1000, 0};
    bool returned = false;
    amqp_frame_t frame;

    for (;;) {
        int status = amqp_simple_wait_frame_noblock(b->conn, &frame, &answer_time);

        if (status != AMQP_STATUS_OK) {
            library_failed(status, what, e);
            return -1;
        }
        if (frame.frame_type != AMQP_FRAME_METHOD)
            continue; /* the body of a message that comes back */
        switch (frame.payload.method.id) {
        case AMQP_BASIC_RETURN_METHOD:
            returned = true;
            break;
        case AMQP_BASIC_ACK_METHOD:
            return returned ? err_set(e, ERR_INPUT, "%s: is gone", what) : 0;
        case AMQP_BASIC_NACK_METHOD:
            return err_set(e, ERR_UNAVAILABLE, "%s: takes no more messages", what);
        case AMQP_CHANNEL_CLOSE_METHOD:
            channel_closed(b, frame.payload.method.decoded, what, e);
            return -1;
        case AMQP_CONNECTION_CLOSE_METHOD:
            connection_closed(frame.payload.method.decoded, what, e);
            return -1;
        default:
            break;
        }
    }
}

int broker_admin_send(struct broker_admin *b, const char *queue, const char *json, struct err *e)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CONTENT_TYPE_FLAG |
                                                    AMQP_BASIC_DELIVERY_MODE_FLAG,
                                          .content_type = bytes_of("application/json"),
                                          .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    char what[300];
    int status;

    snprintf(what, sizeof(what), "queue '%s'", queue);
    if (declare_queue(b, queue, true, e) != ANSWER_OK)
        return -1;
    amqp_confirm_select(b->conn, CHANNEL);
    if (last_answer(b, "queue", queue, e) != ANSWER_OK)
        return -1;
    status = amqp_basic_publish(b->conn, CHANNEL, amqp_empty_bytes, bytes_of(queue), true, false,
                                &properties, bytes_of(json));
    if (status != AMQP_STATUS_OK) {
        library_failed(status, what, e);
        return -1;
    }
    return await_confirm(b, what, e);
}

int broker_admin_consume(struct broker_admin *b, const char *queue, unsigned n, struct err *e)
{
    if (open_channel(b, e))
        return -1;
    amqp_basic_qos(b->conn, CHANNEL, 0, n > UINT16_MAX ? UINT16_MAX : (uint16_t)n, false);
    if (last_answer(b, "queue", queue, e) != ANSWER_OK)
        return -1;
    amqp_basic_consume(b->conn, CHANNEL, bytes_of(queue), amqp_empty_bytes, false, false, false,
                       amqp_empty_table);
    return last_answer(b, "queue", queue, e) == ANSWER_OK ? 0 : -1;
}

int broker_admin_next(struct broker_admin *b, int timeout_ms, struct buf *body, struct err *e)
{
    struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    amqp_envelope_t envelope;
    amqp_rpc_reply_t reply =
        amqp_consume_message(b->conn, &envelope, timeout_ms < 0 ? NULL : &wait, 0);
    int rc;

    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_TIMEOUT)
        return err_set(e, ERR_TIMEOUT, "no message came in time");
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) /* a cancel: the queue was deleted */
        return err_set(e, ERR_UNAVAILABLE, "the broker gives no more messages of this queue");
    if (answer_of(b, reply, "message", e) != ANSWER_OK)
        return -1;
    b->last_delivery_tag = envelope.delivery_tag;
    rc = buf_append(body, envelope.message.body.bytes, envelope.message.body.len);
    amqp_destroy_envelope(&envelope);
    return rc ? err_set(e, ERR_NOMEM, "no memory for a message") : 0;
}

int broker_admin_ack(struct broker_admin *b, struct err *e)
{
    int status = amqp_basic_ack(b->conn, CHANNEL, b->last_delivery_tag, true);

    if (status == AMQP_STATUS_OK)
        return 0;
    library_failed(status, "ack", e);
    return -1;
}
