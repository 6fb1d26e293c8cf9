/*
 * repeater.c - bare rabbitmq-c that sends on what comes in: the most that a participant on one
 * connection can do here, next to which libmsgflo is measured.
 *     bench-repeater URL ROLE PREFETCH
 * From the queue ROLE.IN to the exchange ROLE.OUT, persistent, acked once the copy is confirmed: as
 * many as have been by one ack, whenever nothing more is there to read. One channel does it all,
 * so the nth delivery has the tag of the nth confirm. No properties, headers, discovery,
 * reconnecting; no copy of a body that comes in one frame. Ends by any mistake or signal.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#define CHANNEL 1
#define DELIVERY_PERSISTENT 2
#define FRAME_MAX 131072

static amqp_connection_state_t conn;
static bool confirmed[UINT16_MAX + 1]; /* by the tag modulo their number: never so many are open */
static uint64_t all_upto, acked_upto;  /* tags: confirmed without a gap; told to the broker */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-repeater: %s\n", what);
    exit(1);
}

static void check(int status, const char *what)
{
    if (status < 0)
        die(what);
}

static void check_reply(const char *what)
{
    if (amqp_get_rpc_reply(conn).reply_type != AMQP_RESPONSE_NORMAL)
        die(what);
}

static void open_connection(char *url)
{
    struct amqp_connection_info to;
    amqp_socket_t *socket;

    check(amqp_parse_url(url, &to), "bad URL");
    conn = amqp_new_connection();
    socket = conn ? amqp_tcp_socket_new(conn) : NULL;
    if (!socket || amqp_socket_open(socket, to.host, to.port))
        die("no broker");
    if (amqp_login(conn, to.vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, to.user, to.password)
            .reply_type != AMQP_RESPONSE_NORMAL)
        die("login refused");
    amqp_channel_open(conn, CHANNEL);
    check_reply("no channel");
}

static void start(const char *queue, int prefetch)
{
    amqp_confirm_select(conn, CHANNEL);
    check_reply("no confirms");
    amqp_basic_qos(conn, CHANNEL, 0, (uint16_t)prefetch, 0);
    check_reply("no prefetch");
    amqp_basic_consume(conn, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    check_reply("no consumer");
}

static void wait_frame(amqp_frame_t *f)
{
    check(amqp_simple_wait_frame(conn, f), "connection lost");
}

/* Publishes the delivery whose first frame has been read. */
static void send_on(const char *exchange)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                          .delivery_mode = DELIVERY_PERSISTENT};
    amqp_bytes_t body = amqp_empty_bytes;
    amqp_frame_t f;
    uint64_t size;

    wait_frame(&f);
    size = f.payload.properties.body_size;
    if (size > 0) {
        wait_frame(&f);
        body = f.payload.body_fragment;
        if (body.len != size)
            die("a message of more than one frame");
    }
    check(amqp_basic_publish(conn, CHANNEL, amqp_cstring_bytes(exchange), amqp_empty_bytes, 0, 0,
                             &properties, body),
          "publish");
}

/* Confirms come in any order. */
static void take_confirm(uint64_t tag, bool multiple)
{
    for (uint64_t t = multiple ? all_upto + 1 : tag; t <= tag; t++)
        confirmed[(uint16_t)t] = true;
    while (confirmed[(uint16_t)(all_upto + 1)])
        confirmed[(uint16_t)++all_upto] = false;
}

static void ack_confirmed(void)
{
    if (acked_upto == all_upto || amqp_frames_enqueued(conn) || amqp_data_in_buffer(conn))
        return;
    check(amqp_basic_ack(conn, CHANNEL, all_upto, 1), "ack");
    acked_upto = all_upto;
}

static void take(const amqp_frame_t *f, const char *exchange)
{
    const amqp_basic_ack_t *confirm = f->payload.method.decoded;

    switch (f->payload.method.id) {
    case AMQP_BASIC_DELIVER_METHOD:
        send_on(exchange);
        return;
    case AMQP_BASIC_ACK_METHOD:
        take_confirm(confirm->delivery_tag, confirm->multiple);
        return;
    default:
        die("the broker says something else");
    }
}

int main(int argc, char **argv)
{
    char queue[256], exchange[256];

    if (argc != 4) {
        fprintf(stderr, "usage: %s URL ROLE PREFETCH\n", argv[0]);
        return 2;
    }
    snprintf(queue, sizeof(queue), "%s.IN", argv[2]);
    snprintf(exchange, sizeof(exchange), "%s.OUT", argv[2]);
    open_connection(argv[1]);
    start(queue, atoi(argv[3]));
    for (;;) {
        amqp_frame_t f;

        wait_frame(&f);
        if (f.frame_type == AMQP_FRAME_METHOD)
            take(&f, exchange);
        ack_confirmed();
        amqp_maybe_release_buffers(conn);
    }
}
