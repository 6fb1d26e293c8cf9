/*
 * broker_worker.h - a broker behind a thread of its own, so that the coordinator's loop never waits
 * for it: commands go in, what came of them and what was heard comes out.
 *
 * The worker connects, connects again after an outage, follows discovery, and carries out commands
 * in the order they were given; while the broker is away they wait. After a new connection it makes
 * again what lives with a connection: observations, and on MQTT bindings. A minute after a new
 * connection it sends on what exact moves have left behind, be they of another process.
 * A command that ends with its connection is tried again on the next ones, five times in all; so a
 * message may be sent twice. An owner that does not keep up misses observed messages and
 * announcements beyond 10,000; it is told of connections and commands whatever happens.
 * All calls are the owner's thread's; events are told from broker_worker_service() only.
 */
#ifndef MSGFLO_BROKER_BROKER_WORKER_H
#define MSGFLO_BROKER_BROKER_WORKER_H

#include "broker/broker.h"

#define BROKER_WORKER_MAX_WAITING 10000 /* commands */

struct broker_worker;

struct broker_worker_events {
    void (*connected)(void *user, unsigned abilities);
    void (*disconnected)(void *user, const char *why); /* once an outage */
    /* An announcement, as it came. */
    void (*discovered)(void *user, const char *body, size_t size);
    void (*observed)(void *user, const char *outport, const char *body, size_t size);
    /* A command has been carried out (e is NULL) or refused. */
    void (*done)(void *user, uint64_t command, const struct err *e);
    void (*warning)(void *user, const char *text);
};

struct broker_worker_options {
    const char *url, *ca_file, *name; /* as in broker_options; copied */
    const char *management_url;       /* of RabbitMQ's management API, or NULL: no exact moves */
    unsigned observed_max_waiting;    /* messages, an outport each; oldest give way. 0: 1000 */
};

int broker_worker_start(const struct broker_worker_options *options,
                        const struct broker_worker_events *events, void *user,
                        struct broker_worker **ret, struct err *e) MUST_CHECK;
/* Carries out what waits if the broker is there (for at most timeout_ms), ends the thread, frees.
 * A step or a try to connect that is under way is waited for: 15 s at most, and up to a minute for
 * a move that waits for a management API without answers. NULL is fine. */
void broker_worker_stop(struct broker_worker *w, int timeout_ms);

int broker_worker_fd(const struct broker_worker *w); /* poll for reading, then service */
void broker_worker_service(struct broker_worker *w);

/*
 * Commands; texts are copied. Each returns its number (> 0), which done() names, or 0 when too many
 * wait already.
 */
uint64_t broker_worker_bind(struct broker_worker *w, const struct binding *binding);
uint64_t broker_worker_unbind(struct broker_worker *w, const struct binding *binding);
/*
 * Moves an edge of a source to another target while messages flow, losing none. `alone`: it is the
 * source's only edge; with the management API and BROKER_BINDS the move is then exact, each message
 * to one of the two: a policy gives the exchange an alternate exchange whose queue holds what comes
 * between the unbinding and the binding, and what was held is sent on after it. Else the new
 * binding is made before the old one goes: what is sent meanwhile reaches both, with the same
 * message id.
 */
uint64_t broker_worker_move(struct broker_worker *w, const struct binding *from,
                            const struct binding *to, bool alone);
uint64_t broker_worker_send(struct broker_worker *w, const char *queue, const void *body,
                            size_t size);
uint64_t broker_worker_observe(struct broker_worker *w, const char *outport);
uint64_t broker_worker_unobserve(struct broker_worker *w, const char *outport);

#endif
