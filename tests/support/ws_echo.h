/*
 * ws_echo.h - a WebSocket server that answers each message with the same, and clients made of plain
 * sockets, which write the bytes of frames themselves: well and badly. Its program is linked with
 * --wrap=clock_mono_ms.
 */
#ifndef TESTS_WS_ECHO_H
#define TESTS_WS_ECHO_H

#include "unit.h"

#include "base/buf.h"
#include "tool/ws_server.h"

#define MAX_MESSAGE_BYTES 100000
#define MAX_CLIENTS 50

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80 };

extern int64_t clock_ahead_ms; /* of the real one */

struct fixture {
    struct ws_server *server;
    unsigned opened, closed, messages;
    uint64_t last_client;
    bool echo;
};

int set_up(void **state);
int tear_down(void **state);

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- the server */

/* What it is told. */
void on_opened(void *user, uint64_t client);
void on_message(void *user, uint64_t client, const char *text, size_t len);
void on_closed(void *user, uint64_t client);

/* One turn of its loop, which waits no longer than the test needs. */
void turn(struct fixture *f);
void turn_until(struct fixture *f, const unsigned *count, unsigned wanted);

/* ---- a client */

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define HANDSHAKE "GET / HTTP/1.1\r\nHost: localhost\r\n" UPGRADE VERSION KEY

int connect_to(struct fixture *f);
void put(struct fixture *f, int fd, const void *bytes, size_t len);
/* Reads up to size bytes; returns fewer at the end of the stream only. */
size_t get(struct fixture *f, int fd, void *ret, size_t size);
/* The status and head of an answer; *ret ends in the empty line. */
int get_head(struct fixture *f, int fd, char *ret, size_t size);
/* Sends a request and returns the status; the answer's head goes to *ret. */
int request(struct fixture *f, int fd, const char *text, char *ret, size_t size);
int open_client(struct fixture *f);

/* Appends a frame as a client has to send it: masked. */
void frame(struct buf *b, int first_byte, const void *payload, size_t len);
void put_frame(struct fixture *f, int fd, int first_byte, const void *payload, size_t len);
/* The next frame's opcode, or -1 at the end of the stream. The server's are whole and unmasked. */
int get_frame(struct fixture *f, int fd, struct buf *ret);
void expect_text(struct fixture *f, int fd, const char *text, size_t len);

#define NO_CODE 0 /* of a close frame: what wslay sends for a frame whose head is wrong */

int close_code(const struct buf *payload);
/* Reads on to the close frame, which must be the next, and to the end of the stream. */
void expect_close(struct fixture *f, int fd, int code);
void close_client(struct fixture *f, int fd);

#endif
