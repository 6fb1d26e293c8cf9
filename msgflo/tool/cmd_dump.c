/*
 * cmd_dump.c - msgflo dump: takes messages from a queue and prints them, as npm's
 * msgflo-dump-message. They are acked only once they are printed.
 */
#include <jansson.h>
#include <string.h>

#include "broker/broker.h"
#include "tool/command.h"

#define CONNECT_S 30
#define AMOUNT_MAX 10000
#define TIMEOUT_MAX_S 3600

struct dump_options {
    const char *broker, *queue;
    int64_t amount;
    int64_t timeout_s; /* of each message; < 0: none */
};

#define AT(member) .offset = offsetof(struct dump_options, member)
static const struct option_spec options_table[] = {
    {.name = "queue",
     .kind = OPTION_TEXT,
     .value = "NAME",
     AT(queue),
     .help = "the queue, such as store.IN; it must be there. On MQTT, the topic"},
    {.name = "amount",
     .letter = 'n',
     .kind = OPTION_NUMBER,
     .value = "N",
     AT(amount),
     .value_default = "1",
     .min = 1,
     .max = AMOUNT_MAX,
     .help = "how many"},
    {.name = "timeout",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(timeout_s),
     .max = TIMEOUT_MAX_S,
     .unit = "seconds",
     .help = "how long to wait for each (for ever)"},
    COMMAND_BROKER(struct dump_options, broker),
};

/* The body as compact JSON; one that is no JSON becomes a JSON text, as npm prints it, or null if
 * it is no text at all. */
static void put_body(struct buf *out, const char *body, size_t size)
{
    json_t *json = json_loadb(body, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    AUTO(text_freep) char *text = NULL;

    if (!json)
        json = json_stringn(body, size);
    if (!json)
        json = json_null();
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
    json_decref(json);
    out->failed |= !text;
    if (text)
        buf_text(out, text);
}

static int take(struct broker *b, const struct dump_options *options, struct buf *out,
                struct err *e)
{
    int timeout_ms = options->timeout_s < 0 ? -1 : (int)options->timeout_s * 1000;

    if (broker_consume(b, options->queue, (unsigned)options->amount, e))
        return -1;
    for (int64_t i = 0; i < options->amount; i++) {
        struct broker_delivery d;

        if (broker_next(b, timeout_ms, &d, e))
            return -1;
        buf_text(out, options->amount == 1 ? "" : i ? "," : "[");
        put_body(out, d.body, d.size);
    }
    return buf_text(out, options->amount == 1 ? "\n" : "]\n")
               ? err_set(e, ERR_NOMEM, "no memory for the messages")
               : 0;
}

static int run(const struct command *self, int argc, char **argv)
{
    AUTO(broker_closep) struct broker *b = NULL;
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct dump_options options = {.timeout_s = -1};
    struct option_texts rest;
    struct err e = ERR_INIT;
    int status = command_options(self, argc, argv, &options, &rest);

    if (status != EXIT_DONE)
        return status;
    if (!options.queue || rest.n)
        return command_usage(self, "--queue is needed, and nothing but options");
    if (command_connect(self, options.broker, CONNECT_S, &b, &e) || take(b, &options, &out, &e))
        return command_failed(self, &e);
    status = command_print(self, &out);
    if (status == EXIT_DONE && broker_ack(b, &e))
        return command_failed(self, &e);
    return status;
}

const struct command command_dump = {
    .name = "dump",
    .summary = "take messages from a queue and print them",
    .arguments = "",
    .about = "Prints N messages as JSON, as a list if N is above 1, and removes them from\n"
             "the queue. If fewer come in time, none is removed.\n",
    .options = {options_table, sizeof(options_table) / sizeof(*options_table)},
    .run = run,
};
