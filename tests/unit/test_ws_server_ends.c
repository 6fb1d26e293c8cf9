/*
 * test_ws_server_ends.c - how clients of the WebSocket server end: by a fault of theirs, because
 * they do not read, and because it is done with them.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "ws_echo.h"

#define MAX_PIECES 4096   /* of a message */
#define MANY_MESSAGES 400 /* of BIG_BYTES: more than any socket buffer and the queue hold */
#define BIG_BYTES 50000

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
