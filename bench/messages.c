/*
 * messages.c - messages/s through a participant that sends on what comes in.
 *     bench-messages URL ROLE COUNT SIZE BROKER_PID -- COMMAND...
 * Fills the queue ROLE.IN with COUNT persistent messages of SIZE bytes (JSON), then starts COMMAND,
 * the participant, and waits until as many have come by way of the exchange ROLE.OUT into a durable
 * queue, whose consumer, here, acks them by the hundred. The time runs from the first to the last,
 * so that no start counts. Prints messages/s, and microseconds of CPU a message of the participant
 * and of the broker.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#include "base/buf.h"
#include "base/clock.h"

#define CHANNEL_FEED 1
#define CHANNEL_SINK 2
#define DELIVERY_PERSISTENT 2
#define FRAME_MAX 131072
#define WINDOW 1000 /* unconfirmed when filling, unacked when reading */
#define ACK_EVERY 100
#define SILENCE_S 30 /* so long without any message is a failure */

struct names {
    char in[200], dead[210], out[200], sink[200];
};

static amqp_connection_state_t conn;
static pid_t participant;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench-messages: %s\n", what);
    if (participant > 0)
        kill(participant, SIGKILL);
    exit(1);
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

    if (amqp_parse_url(url, &to))
        die("bad URL");
    conn = amqp_new_connection();
    socket = conn ? amqp_tcp_socket_new(conn) : NULL;
    if (!socket || amqp_socket_open(socket, to.host, to.port))
        die("no broker");
    if (amqp_login(conn, to.vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, to.user, to.password)
            .reply_type != AMQP_RESPONSE_NORMAL)
        die("login refused");
    for (amqp_channel_t channel = CHANNEL_FEED; channel <= CHANNEL_SINK; channel++) {
        amqp_channel_open(conn, channel);
        check_reply("no channel");
    }
}

static void declare_port(const char *name)
{
    amqp_exchange_declare(conn, CHANNEL_FEED, amqp_cstring_bytes(name),
                          amqp_cstring_bytes("fanout"), 0, 1, 0, 0, amqp_empty_table);
    check_reply(name);
}

static void declare_queue(const char *name, amqp_table_t arguments, const char *exchange)
{
    amqp_queue_declare(conn, CHANNEL_FEED, amqp_cstring_bytes(name), 0, 1, 0, 0, arguments);
    check_reply(name);
    amqp_queue_bind(conn, CHANNEL_FEED, amqp_cstring_bytes(name), amqp_cstring_bytes(exchange),
                    amqp_empty_bytes, amqp_empty_table);
    check_reply(name);
    amqp_queue_purge(conn, CHANNEL_FEED, amqp_cstring_bytes(name));
    check_reply(name);
}

/* Just as participants declare it, so that they may, too. */
static void declare(const struct names *names)
{
    amqp_table_entry_t dead = {
        .key = amqp_cstring_bytes("x-dead-letter-exchange"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(names->dead)}};

    declare_port(names->in);
    declare_port(names->out);
    declare_queue(names->in, (amqp_table_t){1, &dead}, names->in);
    declare_queue(names->sink, amqp_empty_table, names->out);
}

/* The next frame that is a method, whatever else comes in between. */
static void wait_method(amqp_frame_t *f)
{
    do {
        struct timeval silence = {SILENCE_S, 0};

        amqp_maybe_release_buffers(conn);
        if (amqp_simple_wait_frame_noblock(conn, f, &silence))
            die("no message comes any more");
    } while (f->frame_type != AMQP_FRAME_METHOD);
}

static uint64_t wait_confirm(void)
{
    const amqp_basic_ack_t *confirm;
    amqp_frame_t f;

    wait_method(&f);
    confirm = f.payload.method.decoded;
    if (f.payload.method.id != AMQP_BASIC_ACK_METHOD)
        die("a message was not confirmed");
    return confirm->delivery_tag;
}

static void fill(const char *queue, uint64_t count, size_t size)
{
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG |
                                                    AMQP_BASIC_CONTENT_TYPE_FLAG,
                                          .delivery_mode = DELIVERY_PERSISTENT,
                                          .content_type = amqp_cstring_bytes("application/json")};
    AUTO(buf_release) struct buf body = BUF_INIT;

    buf_text(&body, "{\"text\":\"");
    while (body.len + 2 < size && !body.failed)
        buf_text(&body, "x");
    buf_text(&body, "\"}");
    amqp_confirm_select(conn, CHANNEL_FEED);
    check_reply("no confirms");
    for (uint64_t sent = 1; sent <= count; sent++) {
        if (amqp_basic_publish(conn, CHANNEL_FEED, amqp_empty_bytes, amqp_cstring_bytes(queue), 0,
                               0, &properties, (amqp_bytes_t){body.len, body.data}))
            die("publish");
        /* a tag confirms all below it here, as one queue takes them in order */
        while (sent % WINDOW == 0 || sent == count)
            if (wait_confirm() == sent)
                break;
    }
}

static void start(char **command)
{
    participant = fork();
    if (participant < 0)
        die("no process");
    if (participant == 0) {
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execvp(command[0], command);
        perror(command[0]);
        _exit(127);
    }
}

/* Seconds of CPU that the process has used; 0 once it is gone. */
static double cpu_s(pid_t pid)
{
    unsigned long long user = 0, sys = 0;
    char path[64], stat[1024] = "", *end;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    file = fopen(path, "r");
    if (!file)
        return 0;
    if (!fgets(stat, sizeof(stat), file))
        stat[0] = '\0';
    fclose(file);
    end = strrchr(stat, ')');
    if (!end ||
        sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &sys) != 2)
        return 0;
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

struct look {
    int64_t at_mono_ms;
    double participant_s, broker_s;
};

static struct look look(pid_t broker)
{
    return (struct look){clock_mono_ms(), cpu_s(participant), cpu_s(broker)};
}

static void measure(const char *queue, uint64_t count, pid_t broker)
{
    struct look first = {0}, last;
    double ms;

    amqp_basic_qos(conn, CHANNEL_SINK, 0, WINDOW, 0);
    check_reply("no prefetch");
    amqp_basic_consume(conn, CHANNEL_SINK, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    check_reply("no consumer");
    for (uint64_t seen = 0; seen < count;) {
        amqp_frame_t f;

        wait_method(&f);
        if (f.payload.method.id != AMQP_BASIC_DELIVER_METHOD)
            continue;
        if (seen++ == 0)
            first = look(broker);
        if (seen % ACK_EVERY == 0 && amqp_basic_ack(conn, CHANNEL_SINK, seen, 1))
            die("ack");
    }
    last = look(broker);
    ms = (double)(last.at_mono_ms - first.at_mono_ms);
    printf("%.0f %.1f %.1f\n", 1000 * (double)(count - 1) / ms,
           1e6 * (last.participant_s - first.participant_s) / (double)count,
           1e6 * (last.broker_s - first.broker_s) / (double)count);
}

static void stop(void)
{
    kill(participant, SIGTERM);
    waitpid(participant, NULL, 0);
}

int main(int argc, char **argv)
{
    struct names names;
    uint64_t count;

    if (argc < 8 || strcmp(argv[6], "--") != 0) {
        fprintf(stderr, "usage: %s URL ROLE COUNT SIZE BROKER_PID -- COMMAND...\n", argv[0]);
        return 2;
    }
    snprintf(names.in, sizeof(names.in), "%s.IN", argv[2]);
    snprintf(names.dead, sizeof(names.dead), "dead-%s", names.in);
    snprintf(names.out, sizeof(names.out), "%s.OUT", argv[2]);
    snprintf(names.sink, sizeof(names.sink), "%s.SINK", argv[2]);
    count = strtoull(argv[3], NULL, 10);
    open_connection(argv[1]);
    declare(&names);
    fill(names.in, count, strtoull(argv[4], NULL, 10));
    start(argv + 7);
    measure(names.sink, count, atoi(argv[5]));
    stop();
    amqp_destroy_connection(conn);
    return 0;
}
