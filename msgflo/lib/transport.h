/*
 * transport.h - what a kind of message broker can do for a participant: one table of functions for
 * each kind, chosen by the scheme of the broker's URL.
 * A transport knows queues, connections and confirms. Timing, reconnecting, announcing and all
 * that a program sees are the participant's.
 */
#ifndef MSGFLO_TRANSPORT_H
#define MSGFLO_TRANSPORT_H

#include "definition.h"
#include "delivery.h"

struct transport_config { /* all lent for the transport's life */
    const char *url;
    const char *id;                      /* the participant's: names the connection */
    const struct definition *definition; /* ports are named by their index in it */
    unsigned prefetch;
    unsigned connect_timeout_ms;
    unsigned heartbeat_s;
    size_t max_message_bytes;
    const char *ca_file; /* or NULL */
};

/* What a transport tells its participant, from within open(), service() and close() only. */
struct transport_events {
    void (*delivered)(void *user, size_t inport, struct msgflo_delivery *d_take);
    /* Deliveries of that port which have not ended are somebody else's now. */
    void (*inport_voided)(void *user, size_t inport);
    void (*returned)(void *user, uint64_t publish_seq);
    void (*confirmed)(void *user, uint64_t publish_seq, bool upto, bool kept);
    /* Whatever was sent and has no fate gets none any more. */
    void (*unconfirmed_lost)(void *user);
    void (*warning)(void *user, const char *text);
};

/* An outgoing message with what the participant adds. */
struct transport_message {
    const struct msgflo_message *m;
    uint64_t publish_seq;
    const char *message_id;
};

enum transport_end { TRANSPORT_REJECT, TRANSPORT_REQUEUE };

enum transport_flow {
    TRANSPORT_PAUSE, /* at first */
    TRANSPORT_RUN,
    TRANSPORT_STOP /* for good: what comes still is given back */
};

struct transport; /* each kind's own; starts with the table */

struct transport_table {
    /* New, for free(). It checks the URL and connects to nothing. NULL with *e. */
    struct transport *(*new)(const struct transport_config *config,
                             const struct transport_events *events, void *user,
                             struct msgflo_error *e);
    void (*free)(struct transport *t);

    /* Connects, declares all ports and the discovery queue, and begins to consume from the inports
     * that consume() has set to run. Blocks for at most connect_timeout_ms. -1 with *e: closed. */
    int (*open)(struct transport *t, struct msgflo_error *e);
    /* Ends the connection; it may be broken or closed already. Tells no events. */
    void (*close)(struct transport *t);
    /* Reads what has come, for a bounded time, and mends what broke. -1 with *e: the connection is
     * lost, close() is next. */
    int (*service)(struct transport *t, struct msgflo_error *e);
    int (*fd)(const struct transport *t);
    int (*timeout_ms)(const struct transport *t); /* -1: waits for the descriptor only */

    /* Sends on an outport. 0, or -1 with *e: nothing of it was sent, or the connection is lost (and
     * the next service() says so). */
    int (*send)(struct transport *t, size_t outport, const struct transport_message *m,
                struct msgflo_error *e);
    /* Sends to the discovery queue, as send(); the message goes away after ttl_ms. */
    int (*announce)(struct transport *t, const struct transport_message *m, unsigned ttl_ms,
                    struct msgflo_error *e);

    /* These never fail: a lost connection shows in the next service(). */
    void (*consume)(struct transport *t, size_t inport, enum transport_flow flow);
    /* The deliveries with these tags are done, and every tag below lowest_open has ended. */
    void (*ack)(struct transport *t, size_t inport, const uint64_t *tags, size_t n,
                uint64_t lowest_open);
    /* d is freed by the caller. */
    void (*end)(struct transport *t, size_t inport, const struct msgflo_delivery *d,
                enum transport_end how);
    /* Whether close() would lose something that is on its way from or back to a queue. NULL: the
     * broker takes back what was not acked. */
    bool (*gives_back)(const struct transport *t);
};

struct transport {
    const struct transport_table *table;
};

extern const struct transport_table transport_amqp;   /* amqp:// and amqps:// */
extern const struct transport_table transport_mqtt;   /* mqtt:// and mqtts:// */
extern const struct transport_table transport_memory; /* direct://NAME, within one thread */

#endif
