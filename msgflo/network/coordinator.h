/*
 * coordinator.h - the live network as a state machine: graphs as they are wanted, participants as
 * they are seen, and what to do on the broker and tell to whom so that the one becomes the other.
 * No I/O and no clock: events and times come in by the functions below, actions go out by a table
 * of functions. One thread; actions are taken from within events only and must not call back.
 *
 * Design notes. In the tick after an event the state is compared with what it should be, and only
 * the difference is acted upon (coordinator_settle()): the bindings of all started graphs, the
 * processes of all nodes that the library has commands for, the outports that somebody watches. An
 * edge is bound as soon as both its ends have been announced, and again whenever they are announced
 * anew; a participant that falls silent keeps its bindings, since its queue keeps its messages.
 *
 * An edge that is removed stays bound for COORDINATOR_GRACE_MS. If an edge from the same port is
 * added meanwhile, the two are one move, which loses no message; an edge added before the other one
 * is removed is bound first anyway.
 *
 * A role is one place in the world: nodes of the same name in several graphs are the same queues,
 * and share the processes.
 */
#ifndef MSGFLO_NETWORK_COORDINATOR_H
#define MSGFLO_NETWORK_COORDINATOR_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "graph/bindings.h"
#include "graph/graph.h"
#include "graph/library.h"

#define COORDINATOR_MAIN_GRAPH "default/main" /* the id editors use for what runs */
#define COORDINATOR_GRACE_MS 500
#define COORDINATOR_SETTLE_MS 1000  /* packets wait so long for the edges of a fresh network */
#define COORDINATOR_PACKET_MS 10000 /* and so long for their participant */
#define COORDINATOR_RETRY_MS 5000   /* between tries of what the broker refused */
#define COORDINATOR_MAX_GRAPHS 100
#define COORDINATOR_MAX_PACKETS 10000 /* waiting to be sent */
#define COORDINATOR_MAX_AUTO_EDGES                                                                 \
    100 /* watched without being asked to, a client and graph each                                 \
         */

struct coordinator;

/* What the coordinator has done. Commands to the broker return their number, or 0 when too many
 * wait: they are then given again later. */
struct coordinator_actions {
    uint64_t (*bind)(void *user, const struct binding *binding);
    uint64_t (*unbind)(void *user, const struct binding *binding);
    /* alone: `from` was the only edge of its source, `to` is now. */
    uint64_t (*move)(void *user, const struct binding *from, const struct binding *to, bool alone);
    uint64_t (*send)(void *user, const char *queue, const char *body, size_t size);
    uint64_t (*observe)(void *user, const char *outport);
    uint64_t (*unobserve)(void *user, const char *outport);

    int (*child_start)(void *user, const char *role, const char *command, struct err *e);
    void (*child_stop)(void *user, const char *role);

    /* text is lent. droppable: may be left out for a slow client. */
    void (*to_client)(void *user, uint64_t client, const char *text, size_t len, bool droppable);
    /* The text of a component's source file, appended to ret. Returns 0, or -1: it cannot be read.
     */
    int (*read_source)(void *user, const char *file, struct buf *ret);
    /* Something that whoever runs the network should know, once. */
    void (*warn)(void *user, const char *text);
    /* The main graph has been changed by a client; lent. */
    void (*graph_changed)(void *user, const struct graph *g);
};

struct coordinator_options {                     /* texts are copied */
    const char *runtime_id;                      /* a UUID */
    const char *label, *name_space, *repository; /* or NULL */
    const char *secret;                          /* that allows everything; NULL: none is needed */
    const char *secret_read_only; /* that allows to look; of use beside `secret` only; or NULL */
    const char *const *ignored;   /* roles that are never started; lent for the call */
    size_t n_ignored;
    const struct library *library; /* lent for the coordinator's life; NULL: none */
    int64_t wall_offset_ms;        /* wall time = now_ms + this */
};

/*
 * main_take becomes the main graph, which is started; NULL: an empty one. actions are copied.
 * Returns 0 and a new one for coordinator_free(), or -1 (ERR_NOMEM) with main_take freed.
 */
int coordinator_new(const struct coordinator_options *options,
                    const struct coordinator_actions *actions, void *user, struct graph *main_take,
                    int64_t now_ms, struct coordinator **ret, struct err *e) MUST_CHECK;
/* Takes no action: bindings stay, and the children are the caller's to end. */
void coordinator_free(struct coordinator *c);

/* The main graph as it is now. Lent until the next event. */
const struct graph *coordinator_main(const struct coordinator *c);

/* ---- events; now_ms is of a clock that never goes back ---- */

void coordinator_opened(struct coordinator *c, uint64_t client, int64_t now_ms);
void coordinator_message(struct coordinator *c, uint64_t client, const char *text, size_t len,
                         int64_t now_ms);
void coordinator_closed(struct coordinator *c, uint64_t client, int64_t now_ms);

void coordinator_connected(struct coordinator *c, int64_t now_ms);
void coordinator_disconnected(struct coordinator *c, const char *why, int64_t now_ms);
/* e is NULL, or says why the broker refused. */
void coordinator_done(struct coordinator *c, uint64_t command, const struct err *e, int64_t now_ms);
/* An announcement. Returns 0, or -1 with *e if it is none: no harm is done. */
int coordinator_discovered(struct coordinator *c, const char *text, size_t len, int64_t now_ms,
                           struct err *e);
void coordinator_observed(struct coordinator *c, const char *outport, const char *body, size_t size,
                          int64_t now_ms);

/* A line of a child's output, or of the program's: to all clients. */
void coordinator_output(struct coordinator *c, const char *role, const char *line, int64_t now_ms);
void coordinator_child_ended(struct coordinator *c, const char *role, const char *text,
                             const char *last_stderr, int64_t now_ms);

/*
 * Does what events and time have made due; to be called at least every coordinator_timeout_ms(). In
 * a big graph that takes long: it is done once for all events that came together.
 */
void coordinator_tick(struct coordinator *c, int64_t now_ms);
int coordinator_timeout_ms(const struct coordinator *c, int64_t now_ms);

#endif
