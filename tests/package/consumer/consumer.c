/*
 * consumer.c - two participants in one process, on the broker in memory: what one sends to the
 * queue that they share by name comes to the other. Prints the library's version.
 */
#include <stdio.h>
#include <string.h>

#include <msgflo/json.h>
#include <msgflo/msgflo.h>
#include <msgflo/program.h>

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    json_t *value = msgflo_delivery_json(d, NULL);

    (void)p;
    *(int *)user = strcmp(json_string_value(value), "hello") == 0;
    json_decref(value);
    msgflo_ack(d);
}

int main(void)
{
    const struct msgflo_port out = {.id = "out", .queue = "shared"};
    const struct msgflo_port in = {.id = "in", .queue = "shared", .on_input = on_input};
    const struct msgflo_definition sender = {
        .component = "test/Sender", .outports = &out, .outport_count = 1};
    const struct msgflo_definition receiver = {
        .component = "test/Receiver", .inports = &in, .inport_count = 1};
    int heard = 0;
    const struct msgflo_options options = {
        .broker = "direct://consumer", .role = "r", .user = &heard};
    struct msgflo_participant *from = msgflo_new(&sender, &options, NULL);
    struct msgflo_participant *to = msgflo_new(&receiver, &options, NULL);
    json_t *value = json_string("hello");

    msgflo_service(to);
    msgflo_service(from);
    if (msgflo_send_json(from, "out", value, NULL, NULL, NULL, NULL))
        return 1;
    msgflo_service(to);
    json_decref(value);
    msgflo_free(from);
    msgflo_free(to);
    printf("%s\n", msgflo_version());
    return heard ? 0 : 1;
}
