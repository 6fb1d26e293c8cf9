/*
 * coordinator_state.h - what the parts of the coordinator share: its state, and what each part does
 * with it. Only msgflo/network includes it.
 */
#ifndef MSGFLO_NETWORK_COORDINATOR_STATE_H
#define MSGFLO_NETWORK_COORDINATOR_STATE_H

#include "network/coordinator.h"
#include "network/protocol.h"
#include "network/seen.h"

struct live_graph {
    struct live_graph *next;
    char *id;
    struct graph *g;
    uint64_t creator; /* a client, or 0 */
    bool is_main, started;
    bool is_halted; /* by network:stop: its processes are ended until it is started again */
    int64_t started_ms;
    int64_t settled_ms; /* until then, packets wait for edges */
    bool holds_packets; /* they do now */
};

enum wire_state {
    WIRE_NEW,    /* to be bound */
    WIRE_ASKED,  /* the broker has been told, or has done it */
    WIRE_REFUSED /* tried again at retry_ms */
};

/* A binding that we make, have made, or are about to remove. */
struct wire {
    struct wire *next;
    struct binding b;
    enum wire_state state;
    bool wanted;
    bool bound;        /* the broker has said so once */
    bool moving;       /* it is what `command` moves away from */
    bool told;         /* clients know that it was refused */
    int64_t unbind_ms; /* when it goes, while it is not wanted */
    int64_t retry_ms;
    uint64_t command; /* under way; else 0 */
};

/* An outport whose messages are copied to us. */
struct watch {
    struct watch *next;
    char *outport;
    bool wanted, asked;
    int64_t retry_ms;
    uint64_t command;
};

/* To be sent to an inport. */
struct packet {
    struct packet *next;
    char *graph, *node, *port;
    long index;
    json_t *data;
    uint64_t command; /* under way; else 0: it waits */
    bool is_initial;
    /* of one from outside (runtime:packet): */
    uint64_t client;
    char *request_id; /* or NULL */
    json_t *answer;   /* the payload of packetsent */
    int64_t give_up_ms;
};

struct client {
    struct client *next;
    uint64_t id;
    enum protocol_access access;
    json_t *selected; /* graph id: {key of an edge: {src, tgt}}, as network:edges told */
    json_t *packets;  /* ids of the graphs whose exported ports it uses: {id: true} */
};

/* A process we have asked to be started. */
struct staff {
    struct staff *next;
    char *role, *component;
    bool wanted;
};

struct coordinator {
    struct coordinator_actions act;
    void *user;
    char *runtime_id, *label, *name_space, *repository, *secret, *secret_read_only;
    char **ignored;
    size_t n_ignored;
    const struct library *library;
    int64_t wall_offset_ms, now_ms;
    int64_t heard_ms; /* the clock of c->seen, which stands still while there is no broker */

    struct live_graph *graphs; /* the main one first */
    struct seen *seen;
    struct participant **known; /* the last of each role that has gone */
    size_t n_known;
    struct wire *wires;
    struct watch *watches;
    struct packet *packets;
    struct client *clients;
    struct staff *staff;
    json_t *components; /* name: payload of component:component, of those announced */
    json_t *shown;      /* "GRAPH NODE": the icon clients know of */
    bool is_connected;  /* to the broker */
    int64_t due_ms;     /* when coordinator_tick() has something to do */
    bool must_retry;    /* an action found no room: again at the next tick */
};

/* ---- coordinator.c ---- */

/* Makes the broker, the processes and the clients' views follow the state. Bindings that are wanted
 * no longer go after grace_ms. */
void coordinator_settle(struct coordinator *c, int64_t grace_ms);
/* The same at the next tick, which is due at once, for all events until then. */
void coordinator_settle_soon(struct coordinator *c);
/* To be called first with the time of each event. */
void set_now(struct coordinator *c, int64_t now_ms);
struct live_graph *find_graph(const struct coordinator *c, const char *id);
/* Replaces the graph of that id, or adds one. NULL with *e. */
struct live_graph *put_graph(struct coordinator *c, const char *id, uint64_t creator,
                             struct err *e);

/* ---- resolve.c: from roles and ports to queues ---- */

bool is_routing(const struct graph *g, const char *node);
/* Of the role, as heard last; NULL: never. */
const struct participant *role_known(const struct coordinator *c, const char *role);
/* Of the memory of those that have gone: one is there again. */
void role_known_drop(struct coordinator *c, const char *role);
/* Its processes have been ended by us. */
void role_forget(struct coordinator *c, const char *role);
/* New, or NULL: the role has not been heard of. */
char *port_queue(const struct coordinator *c, const char *role, bool is_inport, const char *port);
/* src and tgt are NULL where they are not known yet. */
typedef void binding_fn(void *user, enum binding_kind kind, const char *src, const char *tgt);
void each_binding(const struct coordinator *c, const struct graph *g, binding_fn *fn, void *user);
/* The exchanges that what passes on the edge comes from, of those that are known. */
typedef void source_fn(void *user, const char *exchange);
void each_source(const struct coordinator *c, const struct graph *g, const struct graph_edge *edge,
                 source_fn *fn, void *user);

/* ---- wires.c: edges on the broker ---- */

void wires_settle(struct coordinator *c, int64_t grace_ms);
bool wires_done(struct coordinator *c, uint64_t command, const struct err *e);
/* They may have been lost: all, or those of a participant's ports. */
void wires_bind_again(struct coordinator *c, const struct participant *p);
/* Whether the broker has been told of every edge. */
bool wires_are_made(const struct coordinator *c, const struct graph *g);
/* The earlier of `at` and what is due next. */
int64_t wires_due_ms(const struct coordinator *c, int64_t at);
void wires_free(struct coordinator *c);

/* ---- watches.c: what passes on edges ---- */

void watches_settle(struct coordinator *c);
bool watches_done(struct coordinator *c, uint64_t command, const struct err *e);
void watches_observed(struct coordinator *c, const char *outport, const char *body, size_t size);
/* A participant has come that may have made what was refused. */
void watches_try_again(struct coordinator *c);
int64_t watches_due_ms(const struct coordinator *c, int64_t at);
void watches_free(struct coordinator *c);
/* An initial packet has been sent. */
void watches_tell_initial(struct coordinator *c, const struct packet *p);

/* ---- packets.c ---- */

/* The initial packet that is edge `edge` of the graph, to each process of its role. */
void packets_add_initial(struct coordinator *c, const struct live_graph *lg, size_t edge);
/* All those of a graph that has been started. */
void packets_of_graph(struct coordinator *c, const struct live_graph *lg);
/* Those of a process that has been heard of for the first time, one each. */
void packets_of_process(struct coordinator *c, const struct participant *p);
/* One from outside, to an exported port; it is answered once it has been sent. */
int packets_add(struct coordinator *c, const struct live_graph *lg, const struct client *client,
                const struct protocol_message *m, struct err *e) MUST_CHECK;
void packets_settle(struct coordinator *c);
bool packets_done(struct coordinator *c, uint64_t command, const struct err *e);
bool packets_under_way(const struct coordinator *c, const char *graph);
int64_t packets_due_ms(const struct coordinator *c, int64_t at);
void packets_free(struct coordinator *c);

/* ---- clients.c: who may what, and telling them ---- */

struct client *find_client(const struct coordinator *c, uint64_t id);
enum protocol_access access_of(const struct coordinator *c, const char *secret);
/* To one; the payload is taken. */
void tell(struct coordinator *c, const struct client *to, const char *protocol, const char *command,
          json_t *payload_take, const char *response_to);
/* To all who may look; the asker's copy (NULL: nobody asked) answers its request. */
void tell_all(struct coordinator *c, const char *protocol, const char *command,
              json_t *payload_take, const struct client *asker, const char *response_to);
/* To all, and to whoever runs the network. graph may be NULL. */
void tell_error(struct coordinator *c, const char *graph, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* From now on it is told of these edges of the graph, a list of {src, tgt}, and of no others. */
void client_select(struct client *client, const char *graph, const json_t *edges);
/* Whether what passes on the edge (its number in the graph) is to be told to the client. */
bool client_watches(const struct client *client, const struct live_graph *lg, size_t edge);
bool client_watches_initials(const struct client *client, const struct live_graph *lg);
bool client_uses_ports(const struct client *client, const struct live_graph *lg);
/* A node has another name: what clients watch is the same. */
void clients_rename_node(struct coordinator *c, const char *graph, const char *from,
                         const char *to);
void clients_free(struct coordinator *c);

/* ---- nodes.c: processes and what is told of them ---- */

void staff_settle(struct coordinator *c);
/* Whether we have started the role. */
bool staff_has(const struct coordinator *c, const char *role);
void nodes_show(struct coordinator *c);
/* All that is worth telling to somebody new. */
void nodes_show_to(struct coordinator *c, const struct client *to, const struct live_graph *lg);
void nodes_process_error(struct coordinator *c, const char *role, const char *text);
void staff_free(struct coordinator *c);

/* ---- components.c ---- */

void components_list(struct coordinator *c, const struct client *to, const char *response_to);
void components_heard(struct coordinator *c, const struct participant *p);
int components_source(struct coordinator *c, const struct client *to,
                      const struct protocol_message *m, struct err *e) MUST_CHECK;

/* ---- commands.c, graph_commands.c ---- */

int run_command(struct coordinator *c, struct client *client, const struct protocol_message *m,
                struct err *e) MUST_CHECK;
int run_graph_command(struct coordinator *c, struct client *client,
                      const struct protocol_message *m, struct err *e) MUST_CHECK;
void tell_ports(struct coordinator *c, const struct live_graph *lg, const struct client *to,
                const char *response_to);
void network_start(struct coordinator *c, struct live_graph *lg);

#endif
