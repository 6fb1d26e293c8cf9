/*
 * cmd_dump.c - msgflo dump: takes messages from a queue and prints them, as npm's
 * msgflo-dump-message. They are acked only once they are printed.
 */
#include <getopt.h>
#include <jansson.h>
#include <string.h>

#include "broker/broker.h"
#include "tool/command.h"

#define CONNECT_S 30
#define AMOUNT_MAX 10000
#define TIMEOUT_MAX_S 3600

struct dump_options {
    const char *broker, *queue;
    unsigned amount;
    int timeout_ms; /* of each message; < 0: none */
};

static const struct option long_options[] = {
    {"broker", required_argument, NULL, 'b'}, {"queue", required_argument, NULL, 'q'},
    {"amount", required_argument, NULL, 'n'}, {"timeout", required_argument, NULL, 't'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static int parse_options(const struct command *self, int argc, char **argv,
                         struct dump_options *ret)
{
    int64_t number;
    int option;

    *ret = (struct dump_options){NULL, NULL, 1, -1};
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1)
        switch (option) {
        case 'b':
            ret->broker = optarg;
            break;
        case 'q':
            ret->queue = optarg;
            break;
        case 'n':
            if (command_number(optarg, 1, AMOUNT_MAX, &number))
                return command_usage(self, "--amount: 1 to %d, not '%s'", AMOUNT_MAX, optarg);
            ret->amount = (unsigned)number;
            break;
        case 't':
            if (command_number(optarg, 0, TIMEOUT_MAX_S, &number))
                return command_usage(self, "--timeout: 0 to %d seconds, not '%s'", TIMEOUT_MAX_S,
                                     optarg);
            ret->timeout_ms = (int)number * 1000;
            break;
        case 'h':
            return COMMAND_HELP;
        default:
            return command_usage(self, "wrong option");
        }
    if (!ret->queue || optind < argc)
        return command_usage(self, "--queue is needed, and nothing but options");
    return EXIT_DONE;
}

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
    if (broker_consume(b, options->queue, options->amount, e))
        return -1;
    for (unsigned i = 0; i < options->amount; i++) {
        struct broker_delivery d;

        if (broker_next(b, options->timeout_ms, &d, e))
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
    struct dump_options options;
    struct err e = ERR_INIT;
    int status = parse_options(self, argc, argv, &options);

    if (status != EXIT_DONE)
        return status;
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
    .usage = "usage: msgflo dump --queue NAME [--amount N] [--timeout S] [--broker URL]\n\n"
             "Prints N messages as JSON, as a list if N is above 1, and removes them from the\n"
             "queue. If fewer come in time, none is removed.\n\n"
             "  --queue NAME   the queue, such as store.IN; it must be there\n"
             "  --amount N     how many (1)\n"
             "  --timeout S    how long to wait for each (for ever)\n"
             "  --broker URL   amqp:// or amqps:// (MSGFLO_BROKER, CLOUDAMQP_URL,\n"
             "                 amqp://localhost)\n",
    .run = run,
};
