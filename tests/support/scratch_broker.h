/*
 * scratch_broker.h - a RabbitMQ for one test program, and what an operator does to one. Hides where
 * it comes from: MSGFLO_TEST_BROKER (and, with quorum queues by default,
 * MSGFLO_TEST_BROKER_QUORUM; its API: MSGFLO_TEST_MANAGEMENT); or virtual hosts of its own on the
 * server that test programs share, in the folder IMAGERESIZE_TEST_SERVICES (bin/lib/services); or
 * else a private server started for it. A call that fails fails the test.
 */
#ifndef TESTS_SCRATCH_BROKER_H
#define TESTS_SCRATCH_BROKER_H

#include <stdbool.h>
#include <stddef.h>

/* Group set-up and tear-down for cmocka_run_group_tests(). */
int scratch_broker_start(void **state);
int scratch_broker_end(void **state);

/* Whose calls and URL are meant from now on: the plain virtual host, or the one whose queues are
 * quorum queues unless said otherwise. False: there is no such one. */
bool scratch_broker_use(bool quorum);
const char *scratch_broker_url(void);
const char *scratch_broker_management_url(void); /* NULL: not known */

/* From here on a private server is used, if it is not yet; for tests that stop theirs. False: where
 * MSGFLO_TEST_BROKER is given, there is none. */
bool scratch_broker_make_private(void);
/* Stops the private server, or kills it, and starts it again where it was, with what it kept. */
void scratch_broker_stop(void);
void scratch_broker_kill(void);
void scratch_broker_resume(void);

/* Declares a durable queue: dead_exchange is its x-dead-letter-exchange, or NULL for no argument.
 * False: the broker refuses, since there is another of that name. */
bool broker_declare_queue(const char *queue, const char *dead_exchange);
/* One that takes no more than so many messages. */
bool broker_declare_bounded_queue(const char *queue, int max_waiting);
/* The same for a durable fanout exchange. */
bool broker_declare_exchange(const char *exchange);
/* And both as msgflo-nodejs does for a port with persistent: false. */
bool broker_declare_transient_queue(const char *queue, const char *dead_exchange);
bool broker_declare_transient_exchange(const char *exchange);
/* Whether there is an exchange of that name. */
bool broker_has_exchange(const char *exchange);
void broker_delete_queue(const char *queue);
void broker_delete_exchange(const char *exchange);
void broker_bind_queue(const char *queue, const char *exchange);
void broker_unbind_queue(const char *queue, const char *exchange);
void broker_put(const char *queue, const void *body, size_t size);
void broker_publish(const char *exchange, const void *body, size_t size);
/* The same many times, on one connection that belongs to one thread: new, for operator_close(). */
struct operator_session *operator_open(void);
void operator_publish(struct operator_session *o, const char *exchange, const char *message_id,
                      const char *body);
void operator_settle(struct operator_session *o); /* once all of them are routed */
/* n persistent ones that come to the broker all at once: who measures a queue then hardly ever sees
 * a part of them. */
void operator_publish_burst(struct operator_session *o, const char *exchange, const char *body,
                            int n);
/* A persistent one, which the broker has confirmed. */
void operator_put(struct operator_session *o, const char *exchange, const char *body);
/* The body of the first message, new; NULL: none waits. */
char *operator_take(struct operator_session *o, const char *queue);
void operator_close(struct operator_session *o); /* once the broker has all of them */
void operator_free(struct operator_session *o);  /* of a broker that has gone */

/* Takes the first message and rejects it. */
void broker_reject(const char *queue);

/* Takes a message: its body, new, with a NUL after it, or NULL if none waits. Its expiration goes
 * to ret_expiration (16 bytes, or NULL). */
char *broker_take(const char *queue, char *ret_expiration);

/* The names of all queues, exchanges or policies (`kind`, as the management API calls them) of the
 * virtual host, with more around them; new. */
char *management_names(const char *kind);

/* Messages waiting, those delivered and unacked not counted; -1: no such queue. */
int broker_depth(const char *queue);

#endif
