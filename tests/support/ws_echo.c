#include "ws_echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_MS 30000
#define MAX_QUEUED_BYTES 1000000
#define LINGERING_MS 3000 /* more than the server waits for a client to close first */

int64_t clock_ahead_ms;

int64_t __real_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void);

int64_t __wrap_clock_mono_ms(void)
{
    return __real_clock_mono_ms() + clock_ahead_ms;
}

/* ---- the server */

void on_opened(void *user, uint64_t client)
{
    struct fixture *f = user;

    f->opened++;
    f->last_client = client;
}

void on_message(void *user, uint64_t client, const char *text, size_t len)
{
    struct fixture *f = user;

    f->messages++;
    if (f->echo)
        ws_server_send(f->server, client, text, len, WS_NEEDED);
}

void on_closed(void *user, uint64_t client)
{
    struct fixture *f = user;

    (void)client;
    f->closed++;
}

int set_up(void **state)
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

int tear_down(void **state)
{
    struct fixture *f = *state;

    ws_server_close(f->server);
    return 0;
}

void turn(struct fixture *f)
{
    struct pollfd p = {.fd = ws_server_fd(f->server), .events = POLLIN};
    int timeout_ms = ws_server_timeout_ms(f->server);

    poll(&p, 1, timeout_ms < 0 || timeout_ms > 5 ? 5 : timeout_ms);
    ws_server_service(f->server);
}

void turn_until(struct fixture *f, const unsigned *count, unsigned wanted)
{
    int64_t deadline = __real_clock_mono_ms() + PATIENCE_MS;

    while (*count < wanted && __real_clock_mono_ms() < deadline)
        turn(f);
    assert_int_equal(*count, wanted);
}

/* ---- a client */

int connect_to(struct fixture *f)
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

void put(struct fixture *f, int fd, const void *bytes, size_t len)
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

size_t get(struct fixture *f, int fd, void *ret, size_t size)
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

int get_head(struct fixture *f, int fd, char *ret, size_t size)
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

int request(struct fixture *f, int fd, const char *text, char *ret, size_t size)
{
    put(f, fd, text, strlen(text));
    return get_head(f, fd, ret, size);
}

int open_client(struct fixture *f)
{
    char head[1000];
    int fd = connect_to(f);
    unsigned opened = f->opened;

    assert_int_equal(request(f, fd, HANDSHAKE "\r\n", head, sizeof head), 101);
    turn_until(f, &f->opened, opened + 1);
    return fd;
}

void frame(struct buf *b, int first_byte, const void *payload, size_t len)
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

void put_frame(struct fixture *f, int fd, int first_byte, const void *payload, size_t len)
{
    AUTO(buf_release) struct buf b = BUF_INIT;

    frame(&b, first_byte, payload, len);
    put(f, fd, b.data, b.len);
}

int get_frame(struct fixture *f, int fd, struct buf *ret)
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

void expect_text(struct fixture *f, int fd, const char *text, size_t len)
{
    AUTO(buf_release) struct buf got = BUF_INIT;

    assert_int_equal(get_frame(f, fd, &got), TEXT);
    assert_int_equal(got.len, len);
    assert_memory_equal(got.data, text, len);
}

int close_code(const struct buf *payload)
{
    if (payload->len < 2)
        return NO_CODE;
    return (unsigned char)payload->data[0] << 8 | (unsigned char)payload->data[1];
}

void expect_close(struct fixture *f, int fd, int code)
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

void close_client(struct fixture *f, int fd)
{
    put_frame(f, fd, FIN | CLOSE, "\x03\xe8", 2);
    expect_close(f, fd, 1000);
}
