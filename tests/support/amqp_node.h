/*
 * amqp_node.h - a participant in a test on a RabbitMQ: what it was told is counted.
 */
#ifndef TESTS_AMQP_NODE_H
#define TESTS_AMQP_NODE_H

#include "msgflo/msgflo.h"

#include "unit.h"

#define DEADLINE_MS 30000
#define KEPT_MAX 100

/* A participant with what it was told. */
struct node {
    struct msgflo_participant *p;
    char role[60];
    char in[80], out[80], loose[80], dead_exchange[90]; /* names on the broker */
    bool transient;                                     /* its ports in and out are */
    bool keeps;                                         /* keeps deliveries rather than ack them */
    bool repeats;                                       /* sends them on, and acks once confirmed */
    bool stops;                                         /* ends msgflo_run() at each */
    struct msgflo_delivery *kept[KEPT_MAX];
    size_t kept_count;
    size_t got, redelivered;
    size_t fates[4], told; /* told: all fates together */
    size_t connected, disconnected, warnings;
    char text[600];      /* of the latest state */
    unsigned char *seen; /* repeats of the 10,000: one flag a message, by number */
};

/* Roles that no other test and no other run uses. */
void name_node(struct node *n);
struct msgflo_participant *make_participant(struct node *n, const char *url, unsigned prefetch,
                                            size_t max_message_bytes);
/* Makes its participant and waits until it is connected; and the end of both it and its ports. */
void join(struct node *n, unsigned prefetch);
void leave(struct node *n);

/* Services all of them until *what reaches at_least. */
void wait_for(const size_t *what, size_t at_least, struct node **nodes, size_t n);
void wait_for_one(struct node *n, const size_t *what, size_t at_least);
/* Services until the queue holds that many: for acks and rejects, which nobody confirms. */
void wait_for_depth(struct node *n, const char *queue, int depth);

int send_text(struct node *n, const char *outport, const char *text);

/* Group set-ups, of classic queues first. */
int use_classic(void **state);
int use_quorum(void **state);

#endif
