/*
 * topology.h - declares what a participant's ports need on an AMQP broker, exactly as every other
 * MsgFlo implementation does: a single argument more or less is PRECONDITION_FAILED for a peer
 * (measured with msgflo-nodejs on RabbitMQ 3.10). Stronger queues come from policies and from the
 * virtual host's default queue type, never from here.
 */
#ifndef MSGFLO_TOPOLOGY_H
#define MSGFLO_TOPOLOGY_H

#include "broker_link.h"

struct topology_channel {
    struct broker_link *link;
    amqp_channel_t channel; /* a failed declare costs a channel: nothing else is on this one */
    bool channel_open;
    void (*warning)(void *user, const char *text);
    void *user;
};

/*
 * Each returns 0, or -1 with *e (MSGFLO_REFUSED: neither declared nor there; else the connection is
 * of no use). What is there with other properties is used as it is, after a warning. A transient
 * port (msgflo-nodejs: persistent: false) is not durable, and gone with its last user.
 */
int topology_inport(struct topology_channel *t, const char *queue, bool transient,
                    struct msgflo_error *e) MUST_CHECK;
int topology_outport(struct topology_channel *t, const char *exchange, bool transient,
                     struct msgflo_error *e) MUST_CHECK;
int topology_discovery(struct topology_channel *t, struct msgflo_error *e) MUST_CHECK;
/* A durable exchange of the type ("fanout", "direct") between ports. */
int topology_exchange(struct topology_channel *t, const char *name, const char *type,
                      struct msgflo_error *e) MUST_CHECK;

/*
 * Around any other call of rabbitmq-c on this channel that waits for an answer: opens the channel
 * if a refusal closed it; and the answer, with `what` naming the thing: "queue 'x'".
 */
int topology_begin(struct topology_channel *t, struct msgflo_error *e) MUST_CHECK;
int topology_answer(struct topology_channel *t, const char *what,
                    struct msgflo_error *e) MUST_CHECK;

#endif
