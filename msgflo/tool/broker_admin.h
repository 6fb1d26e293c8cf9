/*
 * broker_admin.h - declares, binds, sends and takes, one step at a time, each waited for.
 * Hides rabbitmq-c. The broker closes the channel of a step that fails: the next step gets a fresh
 * one. Belongs to one thread.
 */
#ifndef MSGFLO_TOOL_BROKER_ADMIN_H
#define MSGFLO_TOOL_BROKER_ADMIN_H

#include "base/buf.h"
#include "base/err.h"
#include "graph/bindings.h"

struct broker_admin; /* opaque */

/* A broker's URL taken apart. */
struct broker_url {
    char *text; /* what the others point into */
    const char *user, *password, *host, *vhost;
    int port;
    bool tls;
};

/* Returns 0, or -1 with ERR_INPUT. */
int broker_url_parse(const char *url, struct broker_url *ret, struct err *e) MUST_CHECK;
void broker_url_release(struct broker_url *u);

/*
 * Connects and logs in; tries again with growing delay until timeout_ms have passed. The
 * certificate and host name of an amqps:// broker are verified against ca_file. Returns 0 and a new
 * one for broker_admin_close(), or -1 (ERR_INPUT: the broker refuses us; ERR_UNAVAILABLE: no broker
 * in time).
 */
int broker_admin_open(const struct broker_url *to, const char *ca_file, int timeout_ms,
                      struct broker_admin **ret, struct err *e) MUST_CHECK;
void broker_admin_close(struct broker_admin *b);

static inline void broker_admin_closep(struct broker_admin **b)
{
    broker_admin_close(*b);
}

/*
 * Durable, with the one argument x-dead-letter-exchange = dead-NAME: exactly what MsgFlo's
 * participants declare, so that neither is refused after the other. A queue that is there with
 * other properties is used as it is, and a line about it appended to warnings.
 */
int broker_admin_queue(struct broker_admin *b, const char *name, struct buf *warnings,
                       struct err *e) MUST_CHECK;

/* A durable exchange of the type ("fanout", "direct"); with prefix put before its name. The rest as
 * broker_admin_queue(). */
int broker_admin_exchange(struct broker_admin *b, const char *prefix, const char *name,
                          const char *type, struct buf *warnings, struct err *e) MUST_CHECK;

/* Doing either again changes nothing. */
int broker_admin_bind(struct broker_admin *b, const struct link *link, struct err *e) MUST_CHECK;
int broker_admin_unbind(struct broker_admin *b, const struct link *link, struct err *e) MUST_CHECK;

/* Puts a persistent JSON message into the queue and waits until the broker has it. ERR_INPUT: there
 * is no such queue. */
int broker_admin_send(struct broker_admin *b, const char *queue, const char *json,
                      struct err *e) MUST_CHECK;

/* Starts taking up to n messages from the queue. What is not acked goes back when b is closed. */
int broker_admin_consume(struct broker_admin *b, const char *queue, unsigned n,
                         struct err *e) MUST_CHECK;

/* Waits for the next one and appends its body. timeout_ms < 0: for ever. ERR_TIMEOUT: none came. */
int broker_admin_next(struct broker_admin *b, int timeout_ms, struct buf *body,
                      struct err *e) MUST_CHECK;

/* Of all messages so far. */
int broker_admin_ack(struct broker_admin *b, struct err *e) MUST_CHECK;

#endif
