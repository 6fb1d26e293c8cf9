#include "tool/ws_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/clock.h"

#define READ_SHARE_BYTES ((size_t)256 * 1024) /* so that no client keeps the others waiting */
#define MESSAGE_COST_BYTES ((size_t)128)      /* of memory, about, beside a queued message's text */
#define REASON_SIZE 124                       /* RFC 6455, section 5.5: 125 bytes with the code */
#define PING_EVERY_MS 30000                   /* Heroku's router gives a silent connection 55 s */
#define END_PATIENCE_MS 5000
#define LINGER_MS 2000
/* wslay keeps each piece of a message in memory of its own: of many small ones a message within its
 * limit would take a hundred times its length. Browsers make pieces of 128 KB. */
#define MESSAGE_MAX_FRAMES 4096

struct ws_client {
    struct ws_client_options options;
    wslay_event_context_ptr wslay;
    enum ws_client_state state;
    struct buf early; /* what options.early was */
    size_t early_used;
    size_t share;  /* bytes that the present ws_client_read() may still take */
    size_t frames; /* of the message that is coming in */
    bool broken;   /* the socket, or memory, has failed */
    bool full;     /* the socket took no more the last time */
    bool asked;    /* to end, with what follows */
    bool close_queued;
    uint16_t end_code;
    char end_reason[REASON_SIZE];
    uint64_t dropped;
    int64_t due_mono_ms;   /* of the next ping, or of the end of our patience */
    int64_t heard_mono_ms; /* anything, last */
    int64_t pinged_mono_ms;
};

/* ---- wslay's callbacks */

static ssize_t take_early(struct ws_client *c, uint8_t *ret, size_t size)
{
    size_t left = c->early.len - c->early_used;
    size_t n = left < size ? left : size;

    memcpy(ret, c->early.data + c->early_used, n);
    c->early_used += n;
    return (ssize_t)n;
}

static ssize_t on_recv(wslay_event_context_ptr wslay, uint8_t *ret, size_t size, int flags,
                       void *user)
{
    struct ws_client *c = user;
    ssize_t n;

    (void)flags;
    if (c->early_used < c->early.len)
        return take_early(c, ret, size);
    if (c->share == 0) {
        wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    do
        n = recv(c->options.fd, ret, size < c->share ? size : c->share, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        c->share -= (size_t)n;
        c->heard_mono_ms = clock_mono_ms();
        return n;
    }
    c->broken = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
    wslay_event_set_error(wslay, c->broken ? WSLAY_ERR_CALLBACK_FAILURE : WSLAY_ERR_WOULDBLOCK);
    return -1;
}

static ssize_t on_send(wslay_event_context_ptr wslay, const uint8_t *bytes, size_t len, int flags,
                       void *user)
{
    struct ws_client *c = user;
    int more = flags & WSLAY_MSG_MORE ? MSG_MORE : 0; /* a frame's head goes with its payload */
    ssize_t n;

    do
        n = send(c->options.fd, bytes, len, MSG_NOSIGNAL | more);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return n;
    c->full = errno == EAGAIN || errno == EWOULDBLOCK;
    wslay_event_set_error(wslay, c->full ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
}

static void on_frame_start(wslay_event_context_ptr wslay,
                           const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
    struct ws_client *c = user;

    if (wslay_is_ctrl_frame(arg->opcode))
        return;
    c->frames = arg->opcode == WSLAY_CONTINUATION_FRAME ? c->frames + 1 : 1;
    if (c->frames <= MESSAGE_MAX_FRAMES)
        return;
    ws_client_end(c, WSLAY_CODE_MESSAGE_TOO_BIG, "a message in too many pieces");
    wslay_event_shutdown_read(wslay);
}

static void on_msg_recv(wslay_event_context_ptr wslay,
                        const struct wslay_event_on_msg_recv_arg *arg, void *user)
{
    struct ws_client *c = user;

    (void)wslay;
    if (c->state != WS_CLIENT_OPEN || c->asked)
        return;
    if (arg->opcode == WSLAY_TEXT_FRAME)
        c->options.on_message(c->options.user, c->options.id,
                              arg->msg_length ? (const char *)arg->msg : "", arg->msg_length);
    else if (arg->opcode == WSLAY_BINARY_FRAME)
        ws_client_end(c, WSLAY_CODE_UNSUPPORTED_DATA, "text messages only");
}

/* ---- its life */

int ws_client_new(const struct ws_client_options *options, struct ws_client **ret, struct err *e)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = on_recv,
        .send_callback = on_send,
        .on_frame_recv_start_callback = on_frame_start,
        .on_msg_recv_callback = on_msg_recv,
    };
    struct ws_client *c = calloc(1, sizeof *c);

    if (!c)
        return err_set(e, ERR_NOMEM, "no memory for a client");
    c->options = *options;
    c->heard_mono_ms = c->pinged_mono_ms = clock_mono_ms();
    c->due_mono_ms = c->heard_mono_ms + PING_EVERY_MS;
    if (buf_append(&c->early, options->early, options->early_len) ||
        wslay_event_context_server_init(&c->wslay, &callbacks, c)) {
        ws_client_free(c);
        return err_set(e, ERR_NOMEM, "no memory for a client");
    }
    wslay_event_config_set_max_recv_msg_length(c->wslay, options->max_message_bytes);
    *ret = c;
    return 0;
}

void ws_client_free(struct ws_client *c)
{
    if (!c)
        return;
    if (c->wslay)
        wslay_event_context_free(c->wslay);
    buf_release(&c->early);
    free(c);
}

/* ---- reading and writing */

bool ws_client_wants_read(const struct ws_client *c)
{
    return c->state == WS_CLIENT_LINGERING ||
           (c->state != WS_CLIENT_GONE && wslay_event_want_read(c->wslay));
}

bool ws_client_wants_write(const struct ws_client *c)
{
    return c->state < WS_CLIENT_LINGERING && wslay_event_want_write(c->wslay);
}

/* What comes after the end is read to be forgotten: a socket that is closed with bytes unread is
 * reset, and the peer may then never see the code that it was closed with. */
static void drain(struct ws_client *c)
{
    char bytes[16384];
    ssize_t n;

    for (size_t left = READ_SHARE_BYTES; left > 0; left -= sizeof bytes) {
        n = recv(c->options.fd, bytes, sizeof bytes, 0);
        if (n <= 0) {
            c->broken = n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
            return;
        }
    }
}

void ws_client_read(struct ws_client *c)
{
    if (c->state == WS_CLIENT_LINGERING) {
        drain(c);
    } else if (ws_client_wants_read(c)) {
        c->share = READ_SHARE_BYTES;
        (void)wslay_event_recv(c->wslay); /* a failure ends reading, which the next step sees */
    }
}

static void flush(struct ws_client *c)
{
    if (!c->full && ws_client_wants_write(c) && wslay_event_send(c->wslay))
        c->broken = true;
}

void ws_client_write(struct ws_client *c)
{
    c->full = false;
    flush(c);
}

/* ---- messages out */

static size_t queued_bytes(const struct ws_client *c)
{
    return wslay_event_get_queued_msg_length(c->wslay) +
           wslay_event_get_queued_msg_count(c->wslay) * MESSAGE_COST_BYTES;
}

static void queue(struct ws_client *c, uint8_t opcode, const char *bytes, size_t len)
{
    struct wslay_event_msg msg = {opcode, (const uint8_t *)bytes, len};

    if (wslay_event_queue_msg(c->wslay, &msg))
        c->broken = true;
    flush(c);
}

void ws_client_send(struct ws_client *c, const char *text, size_t len, bool droppable)
{
    size_t queued = queued_bytes(c);

    if (c->state != WS_CLIENT_OPEN || c->asked || c->broken ||
        !wslay_event_get_read_enabled(c->wslay)) /* wslay has begun to end it */
        return;
    if (droppable && queued >= c->options.max_queued_bytes / 2)
        c->dropped++;
    else if (queued > c->options.max_queued_bytes)
        ws_client_end_now(c, WSLAY_CODE_POLICY_VIOLATION, "reads too slowly");
    else
        queue(c, WSLAY_TEXT_FRAME, text, len);
}

uint64_t ws_client_take_dropped(struct ws_client *c)
{
    uint64_t n = c->dropped;

    c->dropped = 0;
    return n;
}

/* ---- the end */

static void queue_close(struct ws_client *c)
{
    int rc = wslay_event_queue_close(c->wslay, c->end_code, (const uint8_t *)c->end_reason,
                                     strlen(c->end_reason));

    c->close_queued = true;
    if (rc && rc != WSLAY_ERR_NO_MORE_MSG) /* that: wslay has queued one of its own */
        c->broken = true;
    flush(c);
}

void ws_client_end(struct ws_client *c, uint16_t code, const char *reason)
{
    if (c->asked)
        return;
    c->asked = true;
    c->end_code = code;
    snprintf(c->end_reason, sizeof c->end_reason, "%s", reason);
}

void ws_client_end_now(struct ws_client *c, uint16_t code, const char *reason)
{
    ws_client_end(c, code, reason);
    if (!c->close_queued)
        queue_close(c);
}

/* The peer that has not answered the last ping in all the time since is away. */
static void ping(struct ws_client *c, int64_t now)
{
    if (c->heard_mono_ms < c->pinged_mono_ms) {
        c->broken = true;
        return;
    }
    c->pinged_mono_ms = now;
    c->due_mono_ms = now + PING_EVERY_MS;
    queue(c, WSLAY_PING, "", 0);
}

static void begin_state(struct ws_client *c, enum ws_client_state state, int64_t due_mono_ms)
{
    c->state = state;
    c->due_mono_ms = due_mono_ms;
}

enum ws_client_state ws_client_step(struct ws_client *c)
{
    int64_t now = clock_mono_ms();

    if (c->state == WS_CLIENT_OPEN && (c->asked || !wslay_event_get_read_enabled(c->wslay)))
        begin_state(c, WS_CLIENT_ENDING, now + END_PATIENCE_MS);
    else if (c->state == WS_CLIENT_OPEN && now >= c->due_mono_ms)
        ping(c, now);
    /* wslay sends a close ahead of the messages that wait, and then no more of them. */
    if (c->asked && !c->close_queued && !wslay_event_want_write(c->wslay))
        queue_close(c);
    if (c->state == WS_CLIENT_ENDING && !wslay_event_want_read(c->wslay) &&
        !wslay_event_want_write(c->wslay)) {
        /* One that has broken the protocol may be in the middle of sending, and would take the end
         * of the stream for a failure if it sees that before our code. */
        if (wslay_event_get_close_received(c->wslay))
            shutdown(c->options.fd, SHUT_WR);
        begin_state(c, WS_CLIENT_LINGERING, now + LINGER_MS);
    }
    if (c->broken || (c->state != WS_CLIENT_OPEN && now >= c->due_mono_ms))
        c->state = WS_CLIENT_GONE;
    return c->state;
}

int64_t ws_client_due_mono_ms(const struct ws_client *c)
{
    return c->due_mono_ms;
}
