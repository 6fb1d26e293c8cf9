/*
 * transport_memory.h - a message broker in memory, for tests: direct://NAME.
 * Exchanges, queues, prefetch, confirms, returns and dead letters behave as AMQP's do. All
 * participants of one thread meet at the brokers of that thread, by name; no descriptor is needed.
 */
#ifndef MSGFLO_TRANSPORT_MEMORY_H
#define MSGFLO_TRANSPORT_MEMORY_H

#include "transport.h"

struct memory_broker;

/* The broker of that name; made when first asked for. NULL without memory. Lent until
 * memory_broker_free_all(), which may be called once no participant is left. */
struct memory_broker *memory_broker_named(const char *name);
void memory_broker_free_all(void);

/* Binds queue to exchange; both are made if they are not there. 0, or -1 without memory. */
int memory_broker_bind(struct memory_broker *b, const char *exchange, const char *queue);

/* Puts a message into a queue, which is made if it is not there. 0, or -1 without memory. */
int memory_broker_put(struct memory_broker *b, const char *queue, const void *body, size_t size);

/* Takes the oldest waiting message's body: new, NUL after it; NULL if none waits. */
char *memory_broker_take(struct memory_broker *b, const char *queue);

/* Messages waiting in a queue, those handed over and not ended not counted. */
size_t memory_broker_depth(const struct memory_broker *b, const char *queue);

/* Away, it drops all its connections and refuses new ones. Its queues stay. */
void memory_broker_set_away(struct memory_broker *b, bool away);

/* Keeps confirms back until switched off again. */
void memory_broker_hold_confirms(struct memory_broker *b, bool hold);

/* Times that somebody tried to connect. */
unsigned memory_broker_tries(const struct memory_broker *b);

#endif
