/* core/Repeat: sends on what comes in, unchanged. */
#include <msgflo/program.h>

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
    const struct msgflo_message m = {.body = msgflo_delivery_body(d),
                                     .size = msgflo_delivery_size(d),
                                     .passes_on = d}; /* headers and content type */
    struct msgflo_error e;

    (void)user;
    if (msgflo_send(p, "out", &m, on_sent, d, &e) == 0)
        return;
    if (e.code == MSGFLO_UNAVAILABLE)
        msgflo_requeue(d);
    else
        msgflo_reject(d); /* it would never work: to the dead letters */
}

int main(int argc, char **argv)
{
    static const struct msgflo_port in = {.id = "in", .on_input = on_input}, out = {.id = "out"};
    static const struct msgflo_definition definition = {.component = "core/Repeat",
                                                        .label = "Sends on what comes in",
                                                        .icon = "file-word-o",
                                                        .inports = &in,
                                                        .inport_count = 1,
                                                        .outports = &out,
                                                        .outport_count = 1};
    const struct msgflo_options options = {.role = "repeat", .prefetch = 100};

    return msgflo_program(argc, argv, &definition, &options);
}
