/*
 * memory_broker.h - a message broker in memory, for tests: its queues and bindings, which outlive
 * the connections to it (transport_memory.c). A broker belongs to the thread that named it first.
 */
#ifndef MSGFLO_MEMORY_BROKER_H
#define MSGFLO_MEMORY_BROKER_H

#include "error.h"

struct stored {
    struct stored *next;
    bool redelivered;
    size_t size;
    size_t header_count;
    char **headers;                  /* name, value, ... */
    char *content_type, *message_id; /* or NULL */
    char *body;                      /* a NUL after it */
};

struct memory_queue {
    struct memory_queue *next;
    char *name;
    struct stored *first;
};

struct memory_broker {
    struct memory_broker *next;
    char *name;
    struct memory_queue *queues;
    struct memory_binding *bindings;
    bool away, confirms_held;
    unsigned epoch; /* of connections: one more each time it went away */
    unsigned tries;
};

/* ---- for tests ---- */

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

/* ---- for its connections ---- */

/* A new message, for stored_free(), of copies of the header_count pairs and the body. NULL without
 * memory. */
struct stored *stored_new(const void *body, size_t size, const char *const *headers,
                          size_t header_count);
/* Returns s itself, or NULL without memory, and then s is freed. NULL for all of them is fine. */
struct stored *stored_identify(struct stored *s_take, const char *content_type,
                               const char *message_id);
void stored_free(struct stored *s);

/* Taken. */
void memory_queue_append(struct memory_queue *q, struct stored *s_take);
void memory_queue_put_back(struct memory_queue *q, struct stored *s_take); /* as redelivered */
/* The oldest, new; NULL: none waits. */
struct stored *memory_queue_pop(struct memory_queue *q);

/* Lent for the broker's life; NULL: there is none of that name. */
struct memory_queue *memory_broker_queue(const struct memory_broker *b, const char *name);
/* The number of queues that got a copy, or -1 without memory. */
int memory_broker_publish(struct memory_broker *b, const char *exchange, const struct stored *s);

#endif
