/*
 * resolve.c - from roles and ports to queues and exchanges: by what was announced, and by MsgFlo's
 * convention (ROLE.PORT) where an announcement does not tell. Sees through routing nodes.
 */
#include <string.h>
#include <strings.h>

#include "network/coordinator_state.h"

#define ROUND_ROBIN "msgflo/RoundRobin"

bool is_routing(const struct graph *g, const char *node)
{
    const struct graph_node *found = graph_node(g, node);

    return found && component_is_routing(found->component);
}

static bool is_round_robin(const struct graph *g, const char *node)
{
    const struct graph_node *found = graph_node(g, node);

    return found && strcmp(found->component, ROUND_ROBIN) == 0;
}

const struct participant *role_known(const struct coordinator *c, const char *role)
{
    const struct participant *p = seen_role(c->seen, role, c->heard_ms);

    for (size_t i = 0; !p && i < c->n_known; i++)
        if (strcmp(c->known[i]->role, role) == 0)
            p = c->known[i];
    return p;
}

void role_known_drop(struct coordinator *c, const char *role)
{
    for (size_t i = c->n_known; i-- > 0;) {
        if (strcmp(c->known[i]->role, role) != 0)
            continue;
        participant_free(c->known[i]);
        c->known[i] = c->known[--c->n_known];
    }
}

void role_forget(struct coordinator *c, const char *role)
{
    seen_forget(c->seen, role);
    role_known_drop(c, role);
}

static char *queue_by_convention(const char *role, const char *port)
{
    struct buf name = BUF_INIT;
    size_t at = strlen(role) + 1;

    buf_printf(&name, "%s.%s", role, port);
    for (size_t i = at; i < name.len; i++)
        if (name.data[i] >= 'a' && name.data[i] <= 'z')
            name.data[i] = (char)(name.data[i] - 'a' + 'A');
    return buf_detach(&name);
}

char *port_queue(const struct coordinator *c, const char *role, bool is_inport, const char *port)
{
    const struct participant *p = role_known(c, role);
    const char *queue;

    if (!p)
        return NULL;
    queue = participant_queue(p, is_inport, port);
    return queue ? strdup(queue) : queue_by_convention(role, port);
}

/* --- bindings ---------------------------------------------------------------------------- */

static void emit(const struct coordinator *c, enum binding_kind kind, const struct graph_end *src,
                 const struct graph_end *tgt, binding_fn *fn, void *user)
{
    AUTO(text_freep) char *from = port_queue(c, src->node, kind == BINDING_DEADLETTER, src->port);
    AUTO(text_freep) char *to = port_queue(c, tgt->node, true, tgt->port);

    fn(user, kind, from, to);
}

static bool leads_out_of(const struct graph_edge *edge, const char *node, const char *port)
{
    return !edge->data && strcmp(edge->src.node, node) == 0 &&
           strcasecmp(edge->src.port, port) == 0;
}

/* Into a routing node: on to each of its targets. */
static void each_target(const struct coordinator *c, const struct graph *g,
                        const struct graph_edge *edge, binding_fn *fn, void *user)
{
    const char *node = edge->tgt.node;
    enum binding_kind kind = is_round_robin(g, node) ? BINDING_ROUNDROBIN : BINDING_PUBSUB;

    for (size_t i = 0; i < g->n_edges; i++)
        if (leads_out_of(&g->edges[i], node, "out") && !is_routing(g, g->edges[i].tgt.node))
            emit(c, kind, &edge->src, &g->edges[i].tgt, fn, user);
}

/* Out of a round robin's port for dead letters: from each of its targets. */
static void each_dead_letter(const struct coordinator *c, const struct graph *g,
                             const struct graph_edge *edge, binding_fn *fn, void *user)
{
    for (size_t i = 0; i < g->n_edges; i++)
        if (leads_out_of(&g->edges[i], edge->src.node, "out") &&
            !is_routing(g, g->edges[i].tgt.node))
            emit(c, BINDING_DEADLETTER, &g->edges[i].tgt, &edge->tgt, fn, user);
}

static bool is_dead_letter(const struct graph *g, const struct graph_edge *edge)
{
    return is_round_robin(g, edge->src.node) && strcasecmp(edge->src.port, "deadletter") == 0;
}

void each_binding(const struct coordinator *c, const struct graph *g, binding_fn *fn, void *user)
{
    for (size_t i = 0; i < g->n_edges; i++) {
        const struct graph_edge *edge = &g->edges[i];

        if (edge->data)
            continue;
        if (is_dead_letter(g, edge)) {
            if (!is_routing(g, edge->tgt.node))
                each_dead_letter(c, g, edge, fn, user);
        } else if (!is_routing(g, edge->src.node)) {
            if (is_routing(g, edge->tgt.node))
                each_target(c, g, edge, fn, user);
            else
                emit(c, BINDING_PUBSUB, &edge->src, &edge->tgt, fn, user);
        }
    }
}

/* --- sources ----------------------------------------------------------------------------- */

static void emit_source(const struct coordinator *c, const struct graph_end *end, source_fn *fn,
                        void *user)
{
    AUTO(text_freep) char *exchange = port_queue(c, end->node, false, end->port);

    if (exchange)
        fn(user, exchange);
}

static void emit_dead_source(const struct coordinator *c, const struct graph_end *end,
                             source_fn *fn, void *user)
{
    AUTO(text_freep) char *queue = port_queue(c, end->node, true, end->port);
    AUTO(buf_release) struct buf exchange = BUF_INIT;

    if (queue && buf_printf(&exchange, "dead-%s", queue) == 0)
        fn(user, exchange.data);
}

void each_source(const struct coordinator *c, const struct graph *g, const struct graph_edge *edge,
                 source_fn *fn, void *user)
{
    const char *node = edge->src.node;

    if (!is_routing(g, node)) {
        emit_source(c, &edge->src, fn, user);
        return;
    }
    for (size_t i = 0; i < g->n_edges; i++) {
        const struct graph_edge *other = &g->edges[i];

        if (other->data)
            continue;
        if (is_dead_letter(g, edge)) {
            if (leads_out_of(other, node, "out") && !is_routing(g, other->tgt.node))
                emit_dead_source(c, &other->tgt, fn, user);
        } else if (strcmp(other->tgt.node, node) == 0 && !is_routing(g, other->src.node)) {
            emit_source(c, &other->src, fn, user);
        }
    }
}
