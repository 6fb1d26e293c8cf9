/*
 * test_ws_server.c - the WebSocket server against clients made of plain sockets: its HTTP, and the
 * messages it carries.
 */
#include <unistd.h>

#include "ws_echo.h"

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
        TEST(a_taken_port_and_a_bad_host_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
