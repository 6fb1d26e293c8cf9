/* core/Drop: takes what comes in and forgets it. */
#include <msgflo/program.h>

static void on_input(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    (void)p;
    (void)user;
    msgflo_ack(d);
}

int main(int argc, char **argv)
{
    static const struct msgflo_port in = {.id = "in", .on_input = on_input};
    static const struct msgflo_definition definition = {.component = "core/Drop",
                                                        .label = "Forgets what comes in",
                                                        .icon = "trash-o",
                                                        .inports = &in,
                                                        .inport_count = 1};
    const struct msgflo_options options = {.role = "drop", .prefetch = 100};

    return msgflo_program(argc, argv, &definition, &options);
}
