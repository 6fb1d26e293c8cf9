/*
 * packets.c - what waits to be sent to inports: initial packets, and those that clients send to
 * exported ports. While a network is fresh they wait until its edges are there, so that what they
 * set off arrives.
 */
#include <string.h>

#include "graph/graph_json.h"
#include "network/coordinator_state.h"
#include "network/graph_edit.h"

static void packet_free(struct packet *p)
{
    if (!p)
        return;
    free(p->graph);
    free(p->node);
    free(p->port);
    free(p->request_id);
    json_decref(p->data);
    json_decref(p->answer);
    free(p);
}

void packets_free(struct coordinator *c)
{
    for (struct packet *p = c->packets, *next; p; p = next) {
        next = p->next;
        packet_free(p);
    }
}

/* New, at the end of those that wait; NULL with *e. */
static struct packet *add_packet(struct coordinator *c, const struct live_graph *lg,
                                 const char *node, const char *port, json_t *data, struct err *e)
{
    struct packet **end = &c->packets, *p;
    size_t n = 0;

    for (; *end; end = &(*end)->next)
        n++;
    if (n >= COORDINATOR_MAX_PACKETS) {
        err_set(e, ERR_LIMIT, "more than %d packets wait to be sent", COORDINATOR_MAX_PACKETS);
        return NULL;
    }
    p = calloc(1, sizeof(*p));
    if (p) {
        p->graph = strdup(lg->id);
        p->node = strdup(node);
        p->port = strdup(port);
        p->index = GRAPH_NO_INDEX;
        p->data = json_incref(data);
    }
    if (!p || !p->graph || !p->node || !p->port) {
        packet_free(p);
        err_set(e, ERR_NOMEM, "no memory for a packet");
        return NULL;
    }
    *end = p;
    return p;
}

/* --- initial packets --------------------------------------------------------------------- */

/* One that is left out for want of room has its node told. */
static void add_once(struct coordinator *c, const struct live_graph *lg,
                     const struct graph_edge *edge)
{
    struct err e = ERR_INIT;
    struct packet *p = add_packet(c, lg, edge->tgt.node, edge->tgt.port, edge->data, &e);

    if (!p) {
        tell_error(c, lg->id, "an initial packet of '%s' is not sent: %s", edge->tgt.node, e.text);
        return;
    }
    p->index = edge->tgt.index;
    p->is_initial = true;
}

void packets_add_initial(struct coordinator *c, const struct live_graph *lg, size_t edge)
{
    const struct graph_edge *initial = &lg->g->edges[edge];

    if (is_routing(lg->g, initial->tgt.node))
        return;
    for (size_t i = 0; i < seen_count(c->seen); i++)
        if (strcmp(seen_at(c->seen, i)->role, initial->tgt.node) == 0)
            add_once(c, lg, initial);
}

/* A process of ours whose command has #IIPS was given them there. */
static bool has_them_by_command(const struct coordinator *c, const struct live_graph *lg,
                                const char *role)
{
    const struct graph_node *node = graph_node(lg->g, role);
    const struct library_component *component =
        node && c->library && staff_has(c, role) ? library_find(c->library, node->component) : NULL;

    return component && component->command && strstr(component->command, "#IIPS");
}

void packets_of_graph(struct coordinator *c, const struct live_graph *lg)
{
    for (size_t i = 0; i < lg->g->n_edges; i++)
        if (lg->g->edges[i].data && !has_them_by_command(c, lg, lg->g->edges[i].tgt.node))
            packets_add_initial(c, lg, i);
}

void packets_of_process(struct coordinator *c, const struct participant *p)
{
    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next) {
        if (!lg->started || has_them_by_command(c, lg, p->role))
            continue;
        for (size_t i = 0; i < lg->g->n_edges; i++)
            if (lg->g->edges[i].data && strcmp(lg->g->edges[i].tgt.node, p->role) == 0)
                add_once(c, lg, &lg->g->edges[i]);
    }
}

/* --- packets from outside ---------------------------------------------------------------- */

static const struct graph_export *find_inport(const struct graph *g, const char *name)
{
    for (size_t i = 0; i < g->inports.n; i++)
        if (strcmp(g->inports.items[i].name, name) == 0)
            return &g->inports.items[i];
    return NULL;
}

int packets_add(struct coordinator *c, const struct live_graph *lg, const struct client *client,
                const struct protocol_message *m, struct err *e)
{
    const char *port = payload_text(m->payload, "port");
    const struct graph_export *item = find_inport(lg->g, port);
    json_t *data = json_object_get(m->payload, "payload");
    struct packet *p;

    if (!item)
        return err_set(e, ERR_INPUT, "no port is exported as '%.100s'", port);
    if (strcmp(payload_text(m->payload, "event"), "data") != 0) { /* brackets mean nothing here */
        tell(c, client, "runtime", "packetsent", json_incref(m->payload), m->request_id);
        return 0;
    }
    if (!data)
        return err_set(e, ERR_INPUT, "payload: is missing");
    p = add_packet(c, lg, item->node, item->port, data, e);
    if (!p)
        return -1;
    p->client = client->id;
    p->request_id = m->request_id ? strdup(m->request_id) : NULL;
    p->answer = json_incref(m->payload);
    p->give_up_ms = c->now_ms + COORDINATOR_PACKET_MS;
    return 0;
}

/* --- sending ----------------------------------------------------------------------------- */

static void tell_failed(struct coordinator *c, const struct packet *p, const char *why)
{
    const struct client *client = find_client(c, p->client);
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "a packet to %s of '%s' is not sent: %s", p->port, p->node, why);
    if (p->is_initial)
        nodes_process_error(c, p->node, text.failed ? why : text.data);
    else if (client)
        tell(c, client, "runtime", "error", protocol_error(text.failed ? why : text.data),
             p->request_id);
}

static void tell_sent(struct coordinator *c, struct packet *p)
{
    const struct client *client = find_client(c, p->client);

    if (p->is_initial)
        watches_tell_initial(c, p);
    else if (client)
        tell(c, client, "runtime", "packetsent", json_incref(p->answer), p->request_id);
}

/* Returns whether it is done with. */
static bool send_one(struct coordinator *c, struct packet *p)
{
    const struct live_graph *lg = find_graph(c, p->graph);
    AUTO(text_freep) char *queue = NULL;
    AUTO(text_freep) char *body = NULL;

    if (!lg || (p->is_initial && !lg->started))
        return true;
    queue = port_queue(c, p->node, true, p->port);
    if (!queue && p->give_up_ms && p->give_up_ms <= c->now_ms) {
        tell_failed(c, p, "its participant has not been heard of");
        return true;
    }
    if (!queue || lg->holds_packets)
        return false;
    body = graph_value_text(p->data, JSON_COMPACT | JSON_ENCODE_ANY);
    p->command = body ? c->act.send(c->user, queue, body, strlen(body)) : 0;
    if (!p->command) {
        c->must_retry = true;
        return false;
    }
    tell_sent(c, p);
    return false; /* until the broker has it */
}

void packets_settle(struct coordinator *c)
{
    for (struct live_graph *lg = c->graphs; lg; lg = lg->next)
        lg->holds_packets = c->packets && lg->settled_ms > c->now_ms && !wires_are_made(c, lg->g);
    for (struct packet **at = &c->packets, *p; (p = *at);) {
        if (p->command || !send_one(c, p)) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        packet_free(p);
    }
}

bool packets_done(struct coordinator *c, uint64_t command, const struct err *e)
{
    struct packet **at = &c->packets, *p;

    while (*at && (*at)->command != command)
        at = &(*at)->next;
    p = *at;
    if (!p)
        return false;
    *at = p->next;
    if (e)
        tell_failed(c, p, e->text);
    packet_free(p);
    return true;
}

bool packets_under_way(const struct coordinator *c, const char *graph)
{
    for (const struct packet *p = c->packets; p; p = p->next)
        if (strcmp(p->graph, graph) == 0)
            return true;
    return false;
}

int64_t packets_due_ms(const struct coordinator *c, int64_t at)
{
    for (const struct packet *p = c->packets; p; p = p->next) {
        const struct live_graph *lg = p->command ? NULL : find_graph(c, p->graph);

        if (lg && lg->settled_ms > c->now_ms && lg->settled_ms < at)
            at = lg->settled_ms;
        if (lg && p->give_up_ms && p->give_up_ms < at)
            at = p->give_up_ms;
    }
    return at;
}
