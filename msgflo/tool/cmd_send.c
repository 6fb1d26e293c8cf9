/*
 * cmd_send.c - msgflo send: puts one message into a queue, as npm's msgflo-send-message.
 */
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "broker/broker.h"
#include "tool/command.h"

#define CONNECT_S 30

struct send_options {
    const char *broker, *queue, *json;
};

static const struct option long_options[] = {
    {"broker", required_argument, NULL, 'b'},
    {"queue", required_argument, NULL, 'q'},
    {"json", required_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int parse_options(const struct command *self, int argc, char **argv,
                         struct send_options *ret)
{
    int option;

    *ret = (struct send_options){NULL, NULL, NULL};
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        switch (option) {
        case 'b':
            ret->broker = optarg;
            break;
        case 'q':
            ret->queue = optarg;
            break;
        case 'j':
            ret->json = optarg;
            break;
        case 'h':
            return COMMAND_HELP;
        default:
            return command_usage(self, "wrong option");
        }
    if (!ret->queue || !ret->json || optind < argc)
        return command_usage(self, "--queue and --json are needed, and nothing else");
    return EXIT_DONE;
}

static int send_message(const struct command *self, const struct send_options *options,
                        struct err *e)
{
    AUTO(broker_closep) struct broker *b = NULL;
    const struct broker_message m = {options->json, strlen(options->json), NULL};
    json_error_t je;
    json_t *json = json_loads(options->json, JSON_DECODE_ANY | JSON_ALLOW_NUL, &je);

    if (!json)
        return err_set(e, ERR_INPUT, "--json: column %d: %s", je.column, je.text);
    json_decref(json); /* it is sent as it was written */
    if (command_connect(self, options->broker, CONNECT_S, &b, e))
        return -1;
    return broker_send(b, options->queue, &m, e);
}

static int run(const struct command *self, int argc, char **argv)
{
    struct send_options options;
    struct err e = ERR_INIT;
    int status = parse_options(self, argc, argv, &options);

    if (status != EXIT_DONE)
        return status;
    return send_message(self, &options, &e) ? command_failed(self, &e) : EXIT_DONE;
}

const struct command command_send = {
    .name = "send",
    .summary = "put a message into a queue",
    .usage = "usage: msgflo send --queue NAME --json TEXT [--broker URL]\n\n"
             "Sends one persistent message and waits until the broker has it.\n\n"
             "  --queue NAME   the queue, such as resize.IN; it must be there\n"
             "  --json TEXT    the message, any JSON value\n"
             "  --broker URL   amqp:// or amqps:// (MSGFLO_BROKER, CLOUDAMQP_URL,\n"
             "                 amqp://localhost)\n",
    .run = run,
};
