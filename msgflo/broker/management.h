/*
 * management.h - RabbitMQ's management API, for what AMQP cannot tell or do: which bindings and
 * queues there are, how fast messages go, and policies. Hides libcurl. Belongs to one thread.
 *
 * Calls return 0, or -1 with *e saying why there is no answer: ERR_UNAVAILABLE, ERR_LIMIT,
 * ERR_NOMEM; ERR_INPUT: the API says no to this user, or to what was asked.
 */
#ifndef MSGFLO_BROKER_MANAGEMENT_H
#define MSGFLO_BROKER_MANAGEMENT_H

#include <stdint.h>

#include "graph/bindings.h"

struct management; /* opaque */

/*
 * For the virtual host, the user and the password of an AMQP broker's URL. base_url is the API's;
 * NULL: http://HOST:15672 for amqp://, https://HOST for amqps:// (where hosted brokers have it).
 * Connects to nothing yet. Returns 0 and a new one, or -1 (ERR_INPUT: no AMQP URL; ERR_NOMEM).
 */
int management_open(const char *broker_url, const char *base_url, const char *ca_file,
                    struct management **ret, struct err *e) MUST_CHECK;
/* NULL is fine. */
void management_close(struct management *m);

static inline void management_closep(struct management **m)
{
    management_close(*m);
}

/* Lent for m's life. */
const char *management_url(const struct management *m);
const char *management_vhost(const struct management *m);

/* All bindings of the virtual host that have an empty routing key and no arguments, as MsgFlo makes
 * them. */
int management_bindings(struct management *m, struct link_list *ret, struct err *e) MUST_CHECK;

struct queue_stats {
    char *name;
    uint64_t ready, unacked;             /* messages */
    uint64_t consumers;                  /* the broker's own count */
    double published_per_s, taken_per_s; /* as the broker measured last; 0 if it did not */
};

struct queue_stats_list {
    struct queue_stats *queues;
    size_t n;
};

/* All queues of the virtual host. */
int management_queues(struct management *m, struct queue_stats_list *ret, struct err *e) MUST_CHECK;
void queue_stats_list_release(struct queue_stats_list *list);

/* ---- policies on exchanges ---- */

/*
 * Gives one exchange an alternate exchange, which gets what no binding takes, by a policy of that
 * name. What the policy that applies so far says is part of it. Returns at once: the broker applies
 * policies a moment later. Doing it again changes nothing. ERR_INPUT also: the exchange has an
 * alternate by its declaration.
 */
int management_set_alternate(struct management *m, const char *policy, const char *exchange,
                             const char *alternate, struct err *e) MUST_CHECK;
/* Removes the policy. One that is gone is fine: *ret_was_there says so. */
int management_remove_policy(struct management *m, const char *policy, bool *ret_was_there,
                             struct err *e) MUST_CHECK;

/* What management_set_alternate() has set and nobody removed: links from exchanges to alternates
 * that bear the name of their policy. */
int management_alternates(struct management *m, struct link_list *ret, struct err *e) MUST_CHECK;

/* All bindings that lead away from the exchange. ERR_INPUT also: there is no such exchange. */
int management_bindings_of(struct management *m, const char *exchange, struct link_list *ret,
                           struct err *e) MUST_CHECK;

/* Whether the policy applies to the exchange now. */
int management_policy_applies(struct management *m, const char *policy, const char *exchange,
                              bool *ret, struct err *e) MUST_CHECK;

#endif
