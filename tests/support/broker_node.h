/*
 * broker_node.h - a broker behind its thread, in a test on a RabbitMQ: what it told is counted.
 */
#ifndef TESTS_BROKER_NODE_H
#define TESTS_BROKER_NODE_H

#include "broker/broker_worker.h"

#include "unit.h"

#define DEADLINE_MS 60000
#define NAME_SIZE 80

/* A worker with what it told. */
struct node {
    struct broker_worker *w;
    size_t connected, disconnected, discovered, observed, done, refused, warnings;
    char text[600]; /* of the latest refusal, warning or outage */
};

void start(struct node *n, const char *management_url);
void on_disconnected(void *user, const char *why);

/* Services it until *what reaches at_least. */
void wait_for(struct node *n, const size_t *what, size_t at_least);
/* And nothing was refused or warned of. */
void wait_done(struct node *n, uint64_t command);
void wait_for_depth(const char *queue, int depth);

/* A name that no other test and no other run uses. */
void name_it(char ret[NAME_SIZE], const char *what);

int on_classic_queues(void **state);
int on_quorum_queues(void **state);

#define ON_BOTH(test)                                                                              \
    {#test, test, on_classic_queues, NULL, NULL},                                                  \
    {                                                                                              \
#test "_on_quorum_queues", test, on_quorum_queues, NULL, NULL                              \
    }

#endif
