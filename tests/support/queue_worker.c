/*
 * queue_worker.c - a worker for tests of what scales workers: takes jobs from a queue, one at a
 * time, and holds each for a set time.
 *   queue_worker URL QUEUE WORK_MS [crash|deaf]
 * crash: ends with status 1 before it consumes. deaf: hears no SIGTERM. Else SIGTERM lets it finish
 * the job it has, as a dyno should.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif

#define CHANNEL 1
#define FAILED 1

static volatile sig_atomic_t stopping;

static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static amqp_connection_state_t connect_to(char *url)
{
    amqp_connection_state_t c = amqp_new_connection();
    struct amqp_connection_info to;
    char root[] = "/";

    if (amqp_parse_url(url, &to) != AMQP_STATUS_OK ||
        amqp_socket_open(amqp_tcp_socket_new(c), to.host, to.port) != AMQP_STATUS_OK ||
        amqp_login(c, *to.vhost ? to.vhost : root, 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, to.user,
                   to.password)
                .reply_type != AMQP_RESPONSE_NORMAL ||
        !amqp_channel_open(c, CHANNEL) || !amqp_basic_qos(c, CHANNEL, 0, 1, 0)) {
        fputs("queue_worker: no broker\n", stderr);
        exit(FAILED);
    }
    return c;
}

/* Holds one job for its time, and acks it. */
static bool work(amqp_connection_state_t c, const amqp_envelope_t *job, int work_ms)
{
    struct pollfd nothing = {-1, 0, 0};

    poll(&nothing, 1, work_ms); /* the job itself: a signal cuts it short, which is fine */
    return amqp_basic_ack(c, CHANNEL, job->delivery_tag, 0) == 0;
}

static int serve(amqp_connection_state_t c, int work_ms)
{
    while (!stopping) {
        struct timeval step = {0, 100000}; /* how soon a SIGTERM is noticed */
        amqp_envelope_t job;
        amqp_rpc_reply_t reply = amqp_consume_message(c, &job, &step, 0);

        if (reply.reply_type == AMQP_RESPONSE_NORMAL) {
            bool done = work(c, &job, work_ms);

            amqp_destroy_envelope(&job);
            if (!done)
                return FAILED;
        } else if (reply.library_error != AMQP_STATUS_TIMEOUT) {
            fputs("queue_worker: the broker is lost\n", stderr);
            return FAILED; /* formation starts it again */
        }
        amqp_maybe_release_buffers(c);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *how = argc > 4 ? argv[4] : "";
    amqp_connection_state_t c;
    int status;

    if (argc < 4)
        return 2;
    if (strcmp(how, "crash") == 0)
        return FAILED;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that was killed leaves no workers */
    signal(SIGTERM, strcmp(how, "deaf") == 0 ? SIG_IGN : stop);
    c = connect_to(argv[1]);
    if (!amqp_basic_consume(c, CHANNEL, amqp_cstring_bytes(argv[2]), amqp_empty_bytes, 0, 0, 0,
                            amqp_empty_table))
        return FAILED;
    status = serve(c, atoi(argv[3]));
    amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(c);
    return status;
}
