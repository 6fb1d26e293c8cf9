/*
 * test_ws_server.c - the WebSocket server against clients made of plain sockets, which write the
 * bytes of frames themselves: well and badly.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#include "base/buf.h"
#include "base/clock.h"
#include "tool/ws_server.h"

#define PATIENCE_MS 30000
#define MAX_PIECES 4096 /* of a message */
#define MAX_MESSAGE_BYTES 100000
#define MAX_QUEUED_BYTES 1000000
#define MAX_CLIENTS 50
#define LINGERING_MS 3000 /* more than the server waits for a client to close first */
#define MANY_MESSAGES 400 /* of BIG_BYTES: more than any socket buffer and the queue hold */
#define BIG_BYTES 50000

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80 };

static int64_t clock_ahead_ms; /* of the real one */

int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return __real_clock_mono_ms() + clock_ahead_ms;
}

/* ---- the server: it answers each message with the same */

struct fixture {
    struct ws_server *server;
    unsigned opened, closed, messages;
    uint64_t last_client;
    bool echo;
};

static void on_opened(void *user, uint64_t client)
{
    struct fixture *f = user;

    f->opened++;
    f->last_client = client;
}

static void on_message(void *user, uint64_t client, const char *text, size_t len)
{
    struct fixture *f = user;

    f->messages++;
    if (f->echo)
        ws_server_send(f->server, client, text, len, WS_NEEDED);
}

static void on_closed(void *user, uint64_t client)
{
    struct fixture *f = user;

    (void)client;
    f->closed++;
}

static int set_up(void **state)
{
    static const char *const origins[] = {"https://app.flowhub.io"};
    static const struct ws_options options = {
        .host = "127.0.0.1",
        .subprotocol = "noflo",
        .origins = origins,
        .n_origins = 1,
        .max_message_bytes = MAX_MESSAGE_BYTES,
        .max_clients = MAX_CLIENTS,
        .max_queued_bytes = MAX_QUEUED_BYTES,
    };
    static const struct ws_events events = {on_opened, on_message, on_closed};
    static struct fixture f;
    struct err e = ERR_INIT;

    memset(&f, 0, sizeof f);
    f.echo = true;
    clock_ahead_ms = 0;
    if (ws_server_open(&options, &events, &f, &f.server, &e))
        fail_msg("%s", e.text);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    ws_server_close(f->server);
    return 0;
}

/* One turn of its loop, which waits no longer than the test needs. */
static void turn(struct fixture *f)
{
    struct pollfd p = {.fd = ws_server_fd(f->server), .events = POLLIN};
    int timeout_ms = ws_server_timeout_ms(f->server);

    poll(&p, 1, timeout_ms < 0 || timeout_ms > 5 ? 5 : timeout_ms);
    ws_server_service(f->server);
}

static void turn_until(struct fixture *f, const unsigned *count, unsigned wanted)
{
    int64_t deadline = __real_clock_mono_ms() + PATIENCE_MS;

    while (*count < wanted && __real_clock_mono_ms() < deadline)
        turn(f);
    assert_int_equal(*count, wanted);
}

/* ---- a client */

static int connect_to(struct fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(ws_server_port(f->server)),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void put(struct fixture *f, int fd, const void *bytes, size_t len)
{
    const char *p = bytes;
    int64_t deadline = __real_clock_mono_ms() + PATIENCE_MS;

    while (len > 0) {
        ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN)
            return; /* the server has closed: what it said before is what the test reads next */
        assert_true(__real_clock_mono_ms() < deadline);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        } else {
            turn(f);
        }
    }
}

/* Reads up to size bytes; returns fewer at the end of the stream only. */
static size_t get(struct fixture *f, int fd, void *ret, size_t size)
{
    int64_t deadline = __real_clock_mono_ms() + PATIENCE_MS;
    size_t got = 0;

    while (got < size) {
        ssize_t n = recv(fd, (char *)ret + got, size - got, MSG_DONTWAIT);

        assert_true(__real_clock_mono_ms() < deadline);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        if (n > 0)
            got += (size_t)n;
        else
            turn(f);
    }
    return got;
}

/* The status and head of an answer; *ret ends in the empty line. */
static int get_head(struct fixture *f, int fd, char *ret, size_t size)
{
    size_t len = 0;
    int status = 0;

    while (len < size - 1 && (len < 4 || memcmp(ret + len - 4, "\r\n\r\n", 4) != 0) &&
           get(f, fd, ret + len, 1) == 1)
        len++;
    ret[len] = '\0';
    sscanf(ret, "HTTP/1.1 %d", &status);
    return status;
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define HANDSHAKE "GET / HTTP/1.1\r\nHost: localhost\r\n" UPGRADE VERSION KEY

/* Sends a request and returns the status; the answer's head goes to *ret. */
static int request(struct fixture *f, int fd, const char *text, char *ret, size_t size)
{
    put(f, fd, text, strlen(text));
    return get_head(f, fd, ret, size);
}

static int open_client(struct fixture *f)
{
    char head[1000];
    int fd = connect_to(f);
    unsigned opened = f->opened;

    assert_int_equal(request(f, fd, HANDSHAKE "\r\n", head, sizeof head), 101);
    turn_until(f, &f->opened, opened + 1);
    return fd;
}

/* Appends a frame as a client has to send it: masked. */
static void frame(struct buf *b, int first_byte, const void *payload, size_t len)
{
    static const unsigned char mask[4] = {0x12, 0x34, 0x56, 0x78};
    const unsigned char *bytes = payload;

    if (len < 126)
        buf_append(b, (unsigned char[]){(unsigned char)first_byte, (unsigned char)(0x80 | len)}, 2);
    else if (len < 65536)
        buf_append(b,
                   (unsigned char[]){(unsigned char)first_byte, 0x80 | 126,
                                     (unsigned char)(len >> 8), (unsigned char)len},
                   4);
    else
        buf_append(b,
                   (unsigned char[]){(unsigned char)first_byte, 0x80 | 127, 0, 0, 0, 0,
                                     (unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                     (unsigned char)(len >> 8), (unsigned char)len},
                   10);
    buf_append(b, mask, sizeof mask);
    for (size_t i = 0; i < len; i++)
        buf_append(b, (unsigned char[]){bytes[i] ^ mask[i % 4]}, 1);
    assert_false(b->failed);
}

static void put_frame(struct fixture *f, int fd, int first_byte, const void *payload, size_t len)
{
    AUTO(buf_release) struct buf b = BUF_INIT;

    frame(&b, first_byte, payload, len);
    put(f, fd, b.data, b.len);
}

/* The next frame's opcode, or -1 at the end of the stream. The server's are whole and unmasked. */
static int get_frame(struct fixture *f, int fd, struct buf *ret)
{
    unsigned char head[2], more[8];
    char chunk[4096];
    size_t len, extra, n;

    buf_clear(ret);
    if (get(f, fd, head, 2) < 2)
        return -1;
    assert_int_equal(head[0] & FIN, FIN);
    assert_int_equal(head[1] & 0x80, 0);
    len = head[1];
    extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    if (extra) {
        len = 0;
        assert_int_equal(get(f, fd, more, extra), extra);
        for (size_t i = 0; i < extra; i++)
            len = len << 8 | more[i];
    }
    for (; len > 0; len -= n) {
        n = len < sizeof chunk ? len : sizeof chunk;
        if (get(f, fd, chunk, n) < n)
            return -1;
        buf_append(ret, chunk, n);
    }
    buf_append(ret, "", 0);
    return head[0] & 0x0f;
}

static void expect_text(struct fixture *f, int fd, const char *text, size_t len)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    assert_int_equal(get_frame(f, fd, &got), TEXT);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, text, len);
}

#define NO_CODE 0 /* of a close frame: what wslay sends for a frame whose head is wrong */

static int close_code(const struct buf *payload)
{
    if (payload->len < 2)
        return NO_CODE;
    return (unsigned char)payload->data[0] << 8 | (unsigned char)payload->data[1];
}

/* Reads on to the close frame, which must be the next, and to the end of the stream. */
static void expect_close(struct fixture *f, int fd, int code)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    assert_int_equal(get_frame(f, fd, &got), CLOSE);
    assert_int_equal(close_code(&got), code);
    put_frame(f, fd, FIN | CLOSE, got.data, code == NO_CODE ? 0 : 2);
    clock_ahead_ms += LINGERING_MS;
    assert_int_equal(get_frame(f, fd, &got), -1);
    close(fd);
    turn_until(f, &f->closed, f->opened);
}

static void close_client(struct fixture *f, int fd)
{
    put_frame(f, fd, FIN | CLOSE, "\x03\xe8", 2);
    expect_close(f, fd, 1000);
}

/* ---- HTTP */

static void serves_the_page_it_was_given(void **state)
{
    static const char html[] = "<!DOCTYPE html><title>x</title>";
    struct fixture *f = *state;
    char head[1000], body[sizeof html] = "";
    struct err e = ERR_INIT;
    int fd = connect_to(f);

    assert_int_equal(ws_server_set_page(f->server, html, sizeof html - 1, &e), 0);
    assert_int_equal(request(f, fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", head, sizeof head), 200);
    assert_non_null(strstr(head, "text/html; charset=utf-8"));
    assert_non_null(strstr(head, "Content-Security-Policy: default-src 'none'"));
    assert_int_equal(get(f, fd, body, sizeof html - 1), sizeof html - 1);
    assert_string_equal(body, html);
    close(fd);
    assert_int_equal(f->opened, 0);
}

static void refuses_what_is_no_proper_request(void **state)
{
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"GET /else HTTP/1.1\r\nHost: x\r\n\r\n", 404},
        {"GET /else HTTP/1.1\r\nHost: x\r\n" UPGRADE VERSION KEY "\r\n", 404},
        {"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 405},
        {"POST / HTTP/1.1\r\nHost: x\r\n" UPGRADE VERSION KEY "Content-Length: 0\r\n\r\n", 405},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE VERSION "\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\n" UPGRADE KEY "\r\n", 426},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n" VERSION KEY "\r\n", 400},
        {"GET / HTTP/1.0\r\nHost: x\r\n" UPGRADE VERSION KEY "\r\n", 400},
        {HANDSHAKE "Origin: https://evil.example\r\n\r\n", 403},
    };
    struct fixture *f = *state;
    char head[1000];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = connect_to(f);
        int status = request(f, fd, cases[i].request, head, sizeof head);

        close(fd);
        if (status != cases[i].status)
            fail_msg("%s is answered %s", cases[i].request, head);
    }
    assert_int_equal(f->opened, 0);
}

static void answers_a_handshake_with_its_key_and_the_subprotocol(void **state)
{
    struct fixture *f = *state;
    char head[1000];
    int fd = connect_to(f);

    assert_int_equal(request(f, fd,
                             HANDSHAKE "Origin: https://app.flowhub.io\r\n"
                                       "Sec-WebSocket-Protocol: other, noflo\r\n\r\n",
                             head, sizeof head),
                     101);
    assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: noflo\r\n"));
    turn_until(f, &f->opened, 1);
    close_client(f, fd);
}

static void offers_no_subprotocol_of_its_own(void **state)
{
    struct fixture *f = *state;
    char head[1000];
    int fd = connect_to(f);

    assert_int_equal(
        request(f, fd, HANDSHAKE "Sec-WebSocket-Protocol: other\r\n\r\n", head, sizeof head), 101);
    assert_null(strstr(head, "Sec-WebSocket-Protocol"));
    close(fd);
}

/* ---- messages */

static void carries_messages_of_any_length_up_to_its_limit(void **state)
{
    static const size_t lengths[] = {0, 1, 125, 126, 65535, 65536, MAX_MESSAGE_BYTES};
    struct fixture *f = *state;
    AUTO(text_freep) char *text = malloc(MAX_MESSAGE_BYTES);
    int fd = open_client(f);

    memset(text, 'a', MAX_MESSAGE_BYTES);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        put_frame(f, fd, FIN | TEXT, text, lengths[i]);
        expect_text(f, fd, text, lengths[i]);
    }
    close_client(f, fd);
}

static void takes_a_handshake_and_a_message_byte_by_byte(void **state)
{
    static const char handshake[] = HANDSHAKE "\r\n";
    struct fixture *f = *state;
    AUTO(buf_release) struct buf bytes = BUF_INIT;
    char head[1000];
    int fd = connect_to(f);

    for (size_t i = 0; i < sizeof handshake - 1; i++) {
        put(f, fd, handshake + i, 1);
        turn(f);
    }
    assert_int_equal(get_head(f, fd, head, sizeof head), 101);
    frame(&bytes, FIN | TEXT, "{\"x\":\"\xc3\xa9\"}", 10);
    for (size_t i = 0; i < bytes.len; i++) {
        put(f, fd, bytes.data + i, 1);
        turn(f);
    }
    expect_text(f, fd, "{\"x\":\"\xc3\xa9\"}", 10);
    close_client(f, fd);
}

static void loses_no_message_that_comes_with_the_handshake(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf bytes = BUF_INIT;
    char head[1000];
    int fd = connect_to(f);

    buf_text(&bytes, HANDSHAKE "\r\n");
    frame(&bytes, FIN | TEXT, "first", 5);
    frame(&bytes, FIN | TEXT, "second", 6);
    put(f, fd, bytes.data, bytes.len);
    assert_int_equal(get_head(f, fd, head, sizeof head), 101);
    expect_text(f, fd, "first", 5);
    expect_text(f, fd, "second", 6);
    close_client(f, fd);
}

static void joins_fragments_with_a_ping_between_them(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf got = BUF_INIT;
    int fd = open_client(f);

    put_frame(f, fd, TEXT, "one \xc3", 5); /* cut within a character */
    put_frame(f, fd, FIN | PING, "still there?", 12);
    put_frame(f, fd, CONTINUATION, "\xa9 two ", 6);
    put_frame(f, fd, FIN | CONTINUATION, "three", 5);
    assert_int_equal(get_frame(f, fd, &got), PONG);
    assert_string_equal(got.data, "still there?");
    expect_text(f, fd, "one \xc3\xa9 two three", 16);
    close_client(f, fd);
}

static void serves_fifty_clients_at_once(void **state)
{
    struct fixture *f = *state;
    int fds[MAX_CLIENTS];
    char text[64];

    for (int i = 0; i < MAX_CLIENTS; i++)
        fds[i] = open_client(f);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MAX_CLIENTS; i++) {
            snprintf(text, sizeof text, "round %d of %d", round, i);
            put_frame(f, fds[i], FIN | TEXT, text, strlen(text));
        }
        for (int i = MAX_CLIENTS; i-- > 0;) {
            snprintf(text, sizeof text, "round %d of %d", round, i);
            expect_text(f, fds[i], text, strlen(text));
        }
    }
    for (int i = 0; i < MAX_CLIENTS; i++)
        close(fds[i]);
    turn_until(f, &f->closed, MAX_CLIENTS);
}

static void refuses_one_client_too_many_until_another_goes(void **state)
{
    struct fixture *f = *state;
    int fds[MAX_CLIENTS], fd;
    char head[1000];

    for (int i = 0; i < MAX_CLIENTS; i++)
        fds[i] = open_client(f);
    fd = connect_to(f);
    assert_int_equal(request(f, fd, HANDSHAKE "\r\n", head, sizeof head), 503);
    close(fd);
    close(fds[7]);
    turn_until(f, &f->closed, 1);
    fds[7] = open_client(f);
    for (int i = 0; i < MAX_CLIENTS; i++)
        close(fds[i]);
    turn_until(f, &f->closed, MAX_CLIENTS + 1);
}

/* ---- faults of clients */

static void ends_a_client_that_breaks_the_protocol(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int code;
    } cases[] = {
        {"\x81\x05hello", 7, 1002},                        /* not masked */
        {"\xc1\x80\x12\x34\x56\x78", 6, 1002},             /* a reserved bit */
        {"\x83\x80\x12\x34\x56\x78", 6, 1002},             /* an opcode without a meaning */
        {"\x80\x80\x12\x34\x56\x78", 6, 1002},             /* goes on with nothing */
        {"\x09\x80\x12\x34\x56\x78", 6, NO_CODE},          /* a ping in fragments */
        {"\x89\xfe\x00\x80\x12\x34\x56\x78", 8, NO_CODE},  /* a ping of 128 bytes */
        {"\x81\x82\x00\x00\x00\x00\xc3\x28", 8, 1007},     /* no UTF-8 */
        {"\x81\x83\x00\x00\x00\x00\xed\xa0\x80", 9, 1007}, /* a surrogate */
        {"\x81\x81\x00\x00\x00\x00\xc3", 7, 1007},         /* ends within a character */
        {"\x82\x81\x00\x00\x00\x00x", 7, 1003},            /* binary */
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00x", 15, 1009}, /* 2^63 - 1 */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = open_client(f);

        put(f, fd, cases[i].bytes, cases[i].len);
        expect_close(f, fd, cases[i].code);
    }
    assert_int_equal(f->messages, 0);
}

static void ends_a_client_with_a_message_over_the_limit(void **state)
{
    struct fixture *f = *state;
    AUTO(text_freep) char *text = calloc(MAX_MESSAGE_BYTES, 1);
    int fd = open_client(f);

    memset(text, 'a', MAX_MESSAGE_BYTES);
    put_frame(f, fd, TEXT, text, MAX_MESSAGE_BYTES);
    put_frame(f, fd, FIN | CONTINUATION, text, 1);
    expect_close(f, fd, 1009);
    assert_int_equal(f->messages, 0);
}

static void ends_a_client_with_a_message_in_too_many_pieces(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf pieces = BUF_INIT, echo = BUF_INIT;
    int fd = open_client(f);

    frame(&pieces, TEXT, "a", 1);
    for (int i = 1; i < MAX_PIECES - 1; i++)
        frame(&pieces, CONTINUATION, "a", 1);
    put(f, fd, pieces.data, pieces.len);
    put_frame(f, fd, FIN | CONTINUATION, "a", 1);
    assert_int_equal(get_frame(f, fd, &echo), TEXT);
    assert_int_equal(echo.len, MAX_PIECES);
    put(f, fd, pieces.data, pieces.len);
    put_frame(f, fd, CONTINUATION, "a", 1);
    put_frame(f, fd, FIN | CONTINUATION, "a", 1);
    expect_close(f, fd, 1009);
    assert_int_equal(f->messages, 1);
}

static void a_client_that_only_closes_its_side_is_gone(void **state)
{
    struct fixture *f = *state;
    int fd = open_client(f);

    put_frame(f, fd, FIN | TEXT, "last", 4);
    shutdown(fd, SHUT_WR);
    turn_until(f, &f->closed, 1);
    assert_int_equal(f->messages, 1);
    close(fd);
}

static void a_client_that_vanishes_within_a_message_is_gone(void **state)
{
    struct fixture *f = *state;
    int fd = open_client(f);

    put(f, fd, "\x81\x85\x12\x34", 4);
    turn(f);
    close(fd);
    turn_until(f, &f->closed, 1);
    assert_int_equal(f->messages, 0);
}

static void a_client_that_answers_no_ping_is_gone(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf got = BUF_INIT;
    int fd = open_client(f);

    clock_ahead_ms += 31000;
    assert_int_equal(get_frame(f, fd, &got), PING);
    put_frame(f, fd, FIN | PONG, "", 0);
    put_frame(f, fd, FIN | TEXT, "here", 4);
    expect_text(f, fd, "here", 4);
    clock_ahead_ms += 31000;
    assert_int_equal(get_frame(f, fd, &got), PING);
    assert_int_equal(f->closed, 0);
    clock_ahead_ms += 31000;
    assert_int_equal(get_frame(f, fd, &got), -1);
    turn_until(f, &f->closed, 1);
    close(fd);
}

/* ---- clients that do not read */

static void drops_what_may_be_dropped_for_a_slow_reader(void **state)
{
    struct fixture *f = *state;
    AUTO(text_freep) char *text = malloc(BIG_BYTES);
    AUTO(buf_release) struct buf got = BUF_INIT;
    unsigned received = 0;
    uint64_t dropped;
    int fd = open_client(f);

    memset(text, 'd', BIG_BYTES);
    for (int i = 0; i < MANY_MESSAGES; i++)
        ws_server_send(f->server, f->last_client, text, BIG_BYTES, WS_DROPPABLE);
    dropped = ws_server_dropped(f->server, f->last_client);
    assert_true(dropped > 0);
    assert_int_equal(ws_server_dropped(f->server, f->last_client), 0);
    ws_server_send(f->server, f->last_client, "end", 3, WS_NEEDED); /* there is room for it */
    while (get_frame(f, fd, &got) == TEXT && got.len != 3)
        received++;
    assert_string_equal(got.data, "end");
    assert_int_equal(received + dropped, MANY_MESSAGES);
    close_client(f, fd);
}

static void ends_a_reader_too_slow_for_what_it_needs(void **state)
{
    struct fixture *f = *state;
    AUTO(text_freep) char *text = malloc(BIG_BYTES);
    AUTO(buf_release) struct buf got = BUF_INIT;
    int fd = open_client(f), opcode;

    memset(text, 'n', BIG_BYTES);
    for (int i = 0; i < MANY_MESSAGES; i++)
        ws_server_send(f->server, f->last_client, text, BIG_BYTES, WS_NEEDED);
    assert_int_equal(f->closed, 0); /* it is not told from within a send */
    turn_until(f, &f->closed, 1);
    while ((opcode = get_frame(f, fd, &got)) == TEXT)
        ;
    assert_int_equal(opcode, CLOSE);
    assert_int_equal(close_code(&got), 1008);
    close(fd);
}

/* ---- ends of our own */

static void ends_a_client_after_what_was_sent_to_it(void **state)
{
    struct fixture *f = *state;
    AUTO(text_freep) char *text = malloc(BIG_BYTES);
    int fd = open_client(f);

    memset(text, 's', BIG_BYTES);
    for (int i = 0; i < 10; i++)
        ws_server_send(f->server, f->last_client, text, BIG_BYTES, WS_NEEDED);
    ws_server_end_client(f->server, f->last_client, 4001, "wrong secret");
    ws_server_send(f->server, f->last_client, "too late", 8, WS_NEEDED);
    for (int i = 0; i < 10; i++)
        expect_text(f, fd, text, BIG_BYTES);
    expect_close(f, fd, 4001);
}

static void an_ended_client_that_never_answers_is_let_go(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf got = BUF_INIT;
    int fd = open_client(f);

    ws_server_end_client(f->server, f->last_client, 1000, "");
    put_frame(f, fd, FIN | TEXT, "unheard", 7);
    assert_int_equal(get_frame(f, fd, &got), CLOSE);
    turn_until(f, &f->closed, 1);
    assert_int_equal(f->messages, 0);
    clock_ahead_ms += 6000;
    assert_int_equal(get_frame(f, fd, &got), -1);
    close(fd);
}

static void says_goodbye_when_it_stops(void **state)
{
    struct fixture *f = *state;
    AUTO(buf_release) struct buf got = BUF_INIT;
    unsigned char bytes[2];
    int fd = open_client(f);

    ws_server_close(f->server);
    f->server = NULL;
    assert_int_equal(recv(fd, bytes, 2, 0), 2);
    assert_int_equal(bytes[0], FIN | CLOSE);
    assert_int_equal(recv(fd, bytes, 2, 0), 2);
    assert_int_equal(bytes[0] << 8 | bytes[1], 1001);
    close(fd);
}

static void sending_to_a_client_that_has_gone_is_nothing(void **state)
{
    struct fixture *f = *state;
    int fd = open_client(f);

    close_client(f, fd);
    ws_server_send(f->server, f->last_client, "x", 1, WS_NEEDED);
    ws_server_end_client(f->server, f->last_client, 1000, "");
    assert_int_equal(ws_server_dropped(f->server, f->last_client), 0);
    assert_int_equal(f->closed, 1);
}

/* ---- what cannot be opened */

static void a_taken_port_and_a_bad_host_are_told_apart(void **state)
{
    struct fixture *f = *state;
    static const struct ws_events events = {on_opened, on_message, on_closed};
    struct ws_options options = {.host = "127.0.0.1", .port = ws_server_port(f->server)};
    struct ws_server *other = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(ws_server_open(&options, &events, f, &other, &e), -1);
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "Address already in use"));
    err_clear(&e);
    options.host = "not a host";
    assert_int_equal(ws_server_open(&options, &events, f, &other, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_null(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(serves_the_page_it_was_given),
        TEST(refuses_what_is_no_proper_request),
        TEST(answers_a_handshake_with_its_key_and_the_subprotocol),
        TEST(offers_no_subprotocol_of_its_own),
        TEST(carries_messages_of_any_length_up_to_its_limit),
        TEST(takes_a_handshake_and_a_message_byte_by_byte),
        TEST(loses_no_message_that_comes_with_the_handshake),
        TEST(joins_fragments_with_a_ping_between_them),
        TEST(serves_fifty_clients_at_once),
        TEST(refuses_one_client_too_many_until_another_goes),
        TEST(ends_a_client_that_breaks_the_protocol),
        TEST(ends_a_client_with_a_message_over_the_limit),
        TEST(ends_a_client_with_a_message_in_too_many_pieces),
        TEST(a_client_that_only_closes_its_side_is_gone),
        TEST(a_client_that_vanishes_within_a_message_is_gone),
        TEST(a_client_that_answers_no_ping_is_gone),
        TEST(drops_what_may_be_dropped_for_a_slow_reader),
        TEST(ends_a_reader_too_slow_for_what_it_needs),
        TEST(ends_a_client_after_what_was_sent_to_it),
        TEST(an_ended_client_that_never_answers_is_let_go),
        TEST(says_goodbye_when_it_stops),
        TEST(sending_to_a_client_that_has_gone_is_nothing),
        TEST(a_taken_port_and_a_bad_host_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
