/*
 * management.h - asks RabbitMQ's management API what AMQP cannot tell: which bindings there are.
 */
#ifndef MSGFLO_TOOL_MANAGEMENT_H
#define MSGFLO_TOOL_MANAGEMENT_H

#include "graph/bindings.h"
#include "tool/broker_admin.h"

/* http://host:15672 for amqp://, https://host for amqps:// (where hosted brokers have it). New, or
 * NULL without memory. */
char *management_url(const struct broker_url *broker);

/*
 * All bindings of the broker URL's virtual host that have an empty routing key and no arguments, as
 * MsgFlo makes them. base_url is the API's; the broker's user and password are used.
 * Returns 0, or -1 with *e saying why there is no answer (ERR_UNAVAILABLE, ERR_LIMIT, ERR_NOMEM).
 */
int management_bindings(const char *base_url, const struct broker_url *broker, const char *ca_file,
                        struct link_list *ret, struct err *e) MUST_CHECK;

#endif
