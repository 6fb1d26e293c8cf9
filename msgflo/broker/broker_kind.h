/*
 * broker_kind.h - what each kind of message broker does behind broker.h: one table of functions a
 * kind, chosen by the URL's scheme. Each function keeps the promises of its namesake there.
 */
#ifndef MSGFLO_BROKER_BROKER_KIND_H
#define MSGFLO_BROKER_BROKER_KIND_H

#include "broker/broker.h"

struct broker_kind {
    unsigned abilities; /* of enum broker_ability */
    /* Connects once, within timeout_ms; broker_open() tries again after ERR_UNAVAILABLE. */
    int (*open)(const struct broker_options *options, int timeout_ms, struct broker **ret,
                struct err *e);
    void (*close)(struct broker *b);
    int (*declare_inport)(struct broker *b, const char *queue, struct buf *warnings, struct err *e);
    int (*declare_outport)(struct broker *b, const char *exchange, struct buf *warnings,
                           struct err *e);
    int (*bind)(struct broker *b, const struct binding *binding, struct buf *warnings,
                struct err *e);
    int (*unbind)(struct broker *b, const struct binding *binding, struct err *e);
    int (*send)(struct broker *b, const char *queue, const struct broker_message *m, struct err *e);
    int (*consume)(struct broker *b, const char *queue, unsigned n, struct err *e);
    int (*ack)(struct broker *b, struct err *e);
    int (*observe)(struct broker *b, const char *outport, unsigned max_waiting, struct err *e);
    int (*unobserve)(struct broker *b, const char *outport, struct err *e);
    int (*follow_discovery)(struct broker *b, struct err *e);
    int (*next)(struct broker *b, int timeout_ms, struct broker_delivery *ret, struct err *e);
    int (*fd)(const struct broker *b);
    /* NULL where this kind of broker has no such thing; an announcement then is sent to `fbp`: */
    int (*announce)(struct broker *b, const char *body, unsigned expiration_ms, struct err *e);
    int (*recall_discovery)(struct broker *b, struct err *e);
    int (*unbind_link)(struct broker *b, const struct link *link, struct err *e);
    int (*queue_state)(struct broker *b, const char *queue, struct broker_queue_state *ret,
                       struct err *e);
    int (*hold)(struct broker *b, const char *name, struct err *e);
    int (*release_held)(struct broker *b, const char *name, const char *queue, struct err *e);
};

struct broker { /* each kind's own, which starts with this */
    const struct broker_kind *kind;
};

extern const struct broker_kind broker_amqp; /* amqp:// and amqps:// */
extern const struct broker_kind broker_mqtt; /* mqtt:// and mqtts:// */

#endif
