/*
 * repeat.c - core/Repeat: sends on what comes in, unchanged.
 *     msgflo-repeat --role NAME [--broker URL]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgflo/msgflo.h>

/* The input is acked once the broker has the copy, so that none is lost in between. */
static void on_sent(struct msgflo_participant *p, enum msgflo_fate fate, void *delivery)
{
    (void)p;
    if (fate == MSGFLO_CONFIRMED)
        msgflo_ack(delivery);
    else
        msgflo_requeue(delivery);
}

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    struct msgflo_message m = {.body = msgflo_delivery_body(d), .size = msgflo_delivery_size(d)};

    (void)user;
    if (msgflo_send(p, "out", &m, on_sent, d, NULL))
        msgflo_requeue(d);
}

/* The first line on standard output tells whoever started it that it is there. */
static void on_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                     void *user)
{
    static const char *const names[] = {"connected", "disconnected", "warning"};

    (void)p;
    (void)user;
    printf("%s: %s\n", names[state], text);
    fflush(stdout);
}

static volatile int stop;

static void on_signal(int number)
{
    stop = number;
}

int main(int argc, char **argv)
{
    static const struct msgflo_port in = {.id = "in"}, out = {.id = "out"};
    static const struct msgflo_definition definition = {.component = "core/Repeat",
                                                        .label = "Sends on what comes in",
                                                        .icon = "file-word-o",
                                                        .inports = &in,
                                                        .inport_count = 1,
                                                        .outports = &out,
                                                        .outport_count = 1};
    const char *broker = getenv("MSGFLO_BROKER");
    struct msgflo_options options = {.broker = broker ? broker : "amqp://localhost",
                                     .role = "repeat",
                                     .on_input = on_input,
                                     .on_state = on_state};
    struct msgflo_error e = {MSGFLO_OK, ""};
    struct msgflo_participant *p;

    if (argc == 2 && strcmp(argv[1], "--version") == 0)
        return puts(msgflo_version()) == EOF;
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--role") == 0)
            options.role = argv[i + 1];
        else if (strcmp(argv[i], "--broker") == 0)
            options.broker = argv[i + 1];
    p = msgflo_new(&definition, &options, &e);
    if (!p) {
        fprintf(stderr, "msgflo-repeat: %s\n", e.text);
        return 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    msgflo_run(p, &stop);
    msgflo_free(p);
    return 0;
}
