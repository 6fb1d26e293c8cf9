/*
 * bindings.h - what a graph means on an AMQP broker by MsgFlo's conventions: the queues and
 * exchanges of its ports and how they are bound. Pure: broker.h carries it out.
 *
 * Port IN of role resize has the queue (and exchange) resize.IN; an outport has the exchange of
 * that name (msgflo-nodejs src/amqp.coffee). Nodes of msgflo/RoundRobin and msgflo/PubSub are no
 * participants: they only say how the ports around them are bound.
 */
#ifndef MSGFLO_BINDINGS_H
#define MSGFLO_BINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "graph/graph.h"

/* AMQP 0-9-1 short strings hold 255 bytes, of which "dead-" takes five. */
#define TOPOLOGY_MAX_NAME 250
#define TOPOLOGY_MAX_BINDINGS 20000
#define TOPOLOGY_MAX_CANDIDATES 20000

enum binding_kind {
    BINDING_PUBSUB,     /* queue tgt gets what is published to exchange src */
    BINDING_ROUNDROBIN, /* the same, by way of the direct exchange out-src */
    BINDING_DEADLETTER  /* queue tgt gets what is rejected from queue src, by exchange dead-src */
};

struct binding {
    enum binding_kind kind;
    char *src, *tgt;
};

struct name_list {
    char **names; /* no name twice */
    size_t n;
};

/* The name is copied; one that is there already changes nothing. */
int name_list_add(struct name_list *list, const char *name, struct err *e) MUST_CHECK;
void name_list_release(struct name_list *list);

/* All in the order of the graph. */
struct topology {
    struct name_list roles;    /* of the participants */
    struct name_list inports;  /* queue names, each also the name of an exchange */
    struct name_list outports; /* exchange names */
    struct binding *bindings;  /* pubsub, then round robin and dead letter; none twice */
    size_t n_bindings;
};

/* One binding as the broker has it, always with the routing key "". */
struct link {
    char *source;      /* an exchange */
    char *destination; /* a queue, or an exchange if to_exchange */
    bool to_exchange;
};

struct link_list {
    struct link *links;
    size_t n;
};

/*
 * The result is the caller's, to topology_release(). Returns 0, or -1 with *e naming the node and
 * the port (ERR_INPUT, ERR_LIMIT, ERR_NOMEM); *ret then needs no release.
 */
int topology_from_graph(const struct graph *g, struct topology *ret, struct err *e) MUST_CHECK;
void topology_release(struct topology *t);

/* Which queue or exchange a port has where that is known better than by the convention. */
struct topology_queues {
    /* Its name, lent until the next call; NULL with *e: there is no such port. */
    const char *(*queue)(void *user, bool is_inport, const char *role, const char *port,
                         struct err *e);
    void *user;
};
int topology_with_queues(const struct graph *g, const struct topology_queues *queues,
                         struct topology *ret, struct err *e) MUST_CHECK;

/* The bindings the broker should have for it, a port's own ones included. */
int topology_links(const struct topology *t, struct link_list *ret, struct err *e) MUST_CHECK;

/*
 * The bindings that could exist between the ports the graph names and that the convention does not
 * want: what can be removed without knowing what there is. ERR_LIMIT beyond
 * TOPOLOGY_MAX_CANDIDATES.
 */
int topology_unwanted_candidates(const struct topology *t, struct link_list *ret,
                                 struct err *e) MUST_CHECK;

/*
 * Whether a binding is one that MsgFlo makes between two roles of this graph (perhaps between ports
 * that the graph no longer names) and that the graph does not want: what --prune removes. A port's
 * own binding, of its queue to its exchange, is never unwanted. `wanted` comes from
 * topology_links().
 */
bool topology_is_unwanted(const struct topology *t, const struct link_list *wanted,
                          const struct link *link);

/* Names are copied. */
int link_list_add(struct link_list *list, const char *source, const char *destination,
                  bool to_exchange, struct err *e) MUST_CHECK;
void link_list_release(struct link_list *list);

bool component_is_routing(const char *component);

#endif
