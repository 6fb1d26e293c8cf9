/*
 * cmd_send.c - msgflo send: puts one message into a queue, as npm's msgflo-send-message.
 */
#include <jansson.h>
#include <string.h>

#include "broker/broker.h"
#include "tool/command.h"

#define CONNECT_S 30

struct send_options {
    const char *broker, *queue, *json;
};

#define AT(member) .offset = offsetof(struct send_options, member)
static const struct option_spec options_table[] = {
    {.name = "queue",
     .kind = OPTION_TEXT,
     .value = "NAME",
     AT(queue),
     .help = "the queue, such as resize.IN; it must be there. On MQTT, the topic"},
    {.name = "json",
     .kind = OPTION_TEXT,
     .value = "TEXT",
     AT(json),
     .help = "the message, any JSON value"},
    COMMAND_BROKER(struct send_options, broker),
};

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
    struct send_options options = {0};
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &options, &rest);

    if (status != EXIT_DONE)
        return status;
    if (!options.queue || !options.json || rest.n)
        return command_usage(self, "--queue and --json are needed, and nothing but options");
    return send_message(self, &options, &e) ? command_failed(self, &e) : EXIT_DONE;
}

const struct command command_send = {
    .name = "send",
    .summary = "put a message into a queue",
    .arguments = "",
    .about = "Sends one persistent message and waits until the broker has it.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
