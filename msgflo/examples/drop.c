/*
 * drop.c - core/Drop: takes what comes in and forgets it.
 *     msgflo-drop --role NAME [--broker URL]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <msgflo/msgflo.h>

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)p;
    (void)user;
    msgflo_ack(d);
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
    static const struct msgflo_port in = {.id = "in"};
    static const struct msgflo_definition definition = {.component = "core/Drop",
                                                        .label = "Forgets what comes in",
                                                        .icon = "trash-o",
                                                        .inports = &in,
                                                        .inport_count = 1};
    const char *broker = getenv("MSGFLO_BROKER");
    struct msgflo_options options = {.broker = broker ? broker : "amqp://localhost",
                                     .role = "drop",
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
        fprintf(stderr, "msgflo-drop: %s\n", e.text);
        return 1;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    msgflo_run(p, &stop);
    msgflo_free(p);
    return 0;
}
