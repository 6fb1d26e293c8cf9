/*
 * definition.h - a participant's definition: checked, copied, with the name of each port's queue.
 */
#ifndef MSGFLO_DEFINITION_H
#define MSGFLO_DEFINITION_H

#include "error.h"

/* AMQP's short strings hold 255 bytes (AMQP 0-9-1, 4.2.5.3); "dead-" goes before a queue's name. */
#define QUEUE_NAME_MAX 250

struct port {
    char *id;
    char *type;
    char *description; /* or NULL */
    char *queue;       /* NULL: a hidden port without one, which no broker hears of */
    bool hidden, transient;
    msgflo_input_fn *on_input; /* of an inport; NULL: that of the options */
};

struct definition {
    char *component;
    char *label;
    char *icon;
    char *role;
    struct port *inports;
    size_t inport_count;
    struct port *outports;
    size_t outport_count;
};

/* Copies `from` for the role into *ret, for the caller to definition_release(). Returns 0, or -1
 * with *e (MSGFLO_INVALID names what is wrong); *ret then needs no release. */
int definition_copy(const struct msgflo_definition *from, const char *role, struct definition *ret,
                    struct msgflo_error *e) MUST_CHECK;

void definition_release(struct definition *d);

#endif
