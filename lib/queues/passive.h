/*
 * passive.h - asks a broker over AMQP how many messages of a queue wait and how many consumers it
 * has (queue.declare with `passive`): all that AMQP tells of a queue. Messages in the hands of
 * consumers are not counted. Hides rabbitmq-c. Belongs to one thread.
 */
#ifndef QUEUES_PASSIVE_H
#define QUEUES_PASSIVE_H

#include "queues/broker_address.h"

struct passive; /* opaque */

/* Connects and logs in. Returns 0 and a new one, or -1 (ERR_UNAVAILABLE, ERR_INPUT: refused). */
int passive_open(const struct broker_address *to, const char *ca_file, struct passive **ret,
                 struct err *e) MUST_CHECK;
void passive_close(struct passive *p); /* NULL is fine */

/*
 * Returns 0 with the counts, or with *ret_is_there false when there is no such queue; or -1 with
 * *e: the connection is of no use any more.
 */
int passive_count(struct passive *p, const char *queue, bool *ret_is_there, double *ret_ready,
                  double *ret_consumers, struct err *e) MUST_CHECK;

#endif
