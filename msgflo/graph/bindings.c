/*
 * bindings.c - see the header. Round robin is MsgFlo's word: SRC goes through a direct exchange
 * out-SRC to each target queue, and the processes of a role that share a queue take turns.
 */
#include "graph/bindings.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define ROUND_ROBIN "msgflo/RoundRobin"
#define PUB_SUB "msgflo/PubSub"

bool component_is_routing(const char *component)
{
    return strcmp(component, ROUND_ROBIN) == 0 || strcmp(component, PUB_SUB) == 0;
}

/* --- lists ------------------------------------------------------------------------------- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for the bindings");
}

static bool list_has(const struct name_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->names[i], name) == 0)
            return true;
    return false;
}

int name_list_add(struct name_list *list, const char *name, struct err *e)
{
    char **grown;

    if (list_has(list, name))
        return 0;
    grown = reallocarray(list->names, list->n + 1, sizeof(*grown));
    if (!grown)
        return no_memory(e);
    list->names = grown;
    grown[list->n] = strdup(name);
    if (!grown[list->n])
        return no_memory(e);
    list->n++;
    return 0;
}

void name_list_release(struct name_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->names[i]);
    free(list->names);
}

void topology_release(struct topology *t)
{
    name_list_release(&t->roles);
    name_list_release(&t->inports);
    name_list_release(&t->outports);
    for (size_t i = 0; i < t->n_bindings; i++) {
        free(t->bindings[i].src);
        free(t->bindings[i].tgt);
    }
    free(t->bindings);
    memset(t, 0, sizeof(*t));
}

static int add_binding(struct topology *t, enum binding_kind kind, const char *src, const char *tgt,
                       struct err *e)
{
    struct binding *grown, *b;

    for (size_t i = 0; i < t->n_bindings; i++)
        if (t->bindings[i].kind == kind && strcmp(t->bindings[i].src, src) == 0 &&
            strcmp(t->bindings[i].tgt, tgt) == 0)
            return 0;
    if (t->n_bindings == TOPOLOGY_MAX_BINDINGS)
        return err_set(e, ERR_LIMIT, "more than %d bindings", TOPOLOGY_MAX_BINDINGS);
    grown = reallocarray(t->bindings, t->n_bindings + 1, sizeof(*grown));
    if (!grown)
        return no_memory(e);
    t->bindings = grown;
    b = &grown[t->n_bindings];
    *b = (struct binding){kind, strdup(src), strdup(tgt)};
    t->n_bindings++;
    return b->src && b->tgt ? 0 : no_memory(e);
}

/* --- from the graph ---------------------------------------------------------------------- */

struct source {
    const struct graph *g;
    const struct topology_queues *queues; /* or NULL: all by convention */
};

static bool is_participant(const struct source *s, const char *node)
{
    return !component_is_routing(graph_node(s->g, node)->component);
}

/* ROLE.PORT with the port in upper case, new. NULL with *e set. */
static char *conventional_name(const char *role, const char *port, struct err *e)
{
    AUTO(buf_release) struct buf name = {.max_bytes = TOPOLOGY_MAX_NAME};
    size_t at = strlen(role) + 1;

    buf_printf(&name, "%s.%s", role, port);
    if (name.failed) {
        err_set(e, ERR_LIMIT, "port '%s' of '%.80s': the name of its queue is over %d bytes", port,
                role, TOPOLOGY_MAX_NAME);
        return NULL;
    }
    for (size_t i = at; i < name.len; i++)
        if (name.data[i] >= 'a' && name.data[i] <= 'z')
            name.data[i] = (char)(name.data[i] - 'a' + 'A');
    return buf_detach(&name);
}

/* New. NULL with *e set. */
static char *queue_name(const struct source *s, bool is_inport, const char *role, const char *port,
                        struct err *e)
{
    const char *name;
    char *copy;

    if (!s->queues)
        return conventional_name(role, port, e);
    name = s->queues->queue(s->queues->user, is_inport, role, port, e);
    copy = name && strlen(name) <= TOPOLOGY_MAX_NAME ? strdup(name) : NULL;
    if (name && !copy)
        err_set(e, ERR_LIMIT, "port '%s' of '%.80s': the name of its queue is over %d bytes", port,
                role, TOPOLOGY_MAX_NAME);
    return copy;
}

static int add_port(const struct source *s, bool is_inport, struct name_list *list,
                    const char *role, const char *port, struct err *e)
{
    AUTO(text_freep) char *name = queue_name(s, is_inport, role, port, e);

    return name ? name_list_add(list, name, e) : -1;
}

static int add_ports(const struct source *s, struct topology *t, struct err *e)
{
    for (size_t i = 0; i < s->g->n_nodes; i++)
        if (is_participant(s, s->g->nodes[i].name) &&
            name_list_add(&t->roles, s->g->nodes[i].name, e))
            return -1;
    for (size_t i = 0; i < s->g->n_edges; i++) {
        const struct graph_edge *edge = &s->g->edges[i];

        if (!edge->data && is_participant(s, edge->src.node) &&
            add_port(s, false, &t->outports, edge->src.node, edge->src.port, e))
            return -1;
        if (is_participant(s, edge->tgt.node) &&
            add_port(s, true, &t->inports, edge->tgt.node, edge->tgt.port, e))
            return -1;
    }
    for (size_t i = 0; i < s->g->inports.n; i++)
        if (is_participant(s, s->g->inports.items[i].node) &&
            add_port(s, true, &t->inports, s->g->inports.items[i].node, s->g->inports.items[i].port,
                     e))
            return -1;
    for (size_t i = 0; i < s->g->outports.n; i++)
        if (is_participant(s, s->g->outports.items[i].node) &&
            add_port(s, false, &t->outports, s->g->outports.items[i].node,
                     s->g->outports.items[i].port, e))
            return -1;
    return 0;
}

static int add_plain_edges(const struct source *s, struct topology *t, struct err *e)
{
    for (size_t i = 0; i < s->g->n_edges; i++) {
        const struct graph_edge *edge = &s->g->edges[i];
        AUTO(text_freep) char *src = NULL;
        AUTO(text_freep) char *tgt = NULL;

        if (edge->data || !is_participant(s, edge->src.node) || !is_participant(s, edge->tgt.node))
            continue;
        src = queue_name(s, false, edge->src.node, edge->src.port, e);
        tgt = queue_name(s, true, edge->tgt.node, edge->tgt.port, e);
        if (!src || !tgt || add_binding(t, BINDING_PUBSUB, src, tgt, e))
            return -1;
    }
    return 0;
}

/* What stands around one routing node, as queue names. */
struct routing {
    struct name_list sources, targets, dead_letters;
};

static void routing_release(struct routing *r)
{
    name_list_release(&r->sources);
    name_list_release(&r->targets);
    name_list_release(&r->dead_letters);
}

static int routing_edge(const struct source *s, const struct graph_node *node,
                        const struct graph_edge *edge, struct routing *r, struct err *e)
{
    bool round_robin = strcmp(node->component, ROUND_ROBIN) == 0;
    const char *port = edge->src.port;

    if (strcmp(edge->tgt.node, node->name) == 0) {
        if (edge->data)
            return err_set(e, ERR_INPUT, "port '%s' of '%s' (%s): takes no IIP", edge->tgt.port,
                           node->name, node->component);
        if (!is_participant(s, edge->src.node))
            return err_set(e, ERR_INPUT,
                           "port '%s' of '%s' goes to '%s': a routing node cannot follow another",
                           edge->src.port, edge->src.node, node->name);
        return add_port(s, false, &r->sources, edge->src.node, edge->src.port, e);
    }
    if (edge->data || strcmp(edge->src.node, node->name) != 0)
        return 0;
    if (strcasecmp(port, "out") == 0)
        return add_port(s, true, &r->targets, edge->tgt.node, edge->tgt.port, e);
    if (round_robin && strcasecmp(port, "deadletter") == 0)
        return add_port(s, true, &r->dead_letters, edge->tgt.node, edge->tgt.port, e);
    return err_set(e, ERR_INPUT, "port '%s' of '%s': %s has no such outport, only %s", port,
                   node->name, node->component, round_robin ? "out and deadletter" : "out");
}

static int routing_check(const struct graph_node *node, const struct routing *r, struct err *e)
{
    if (r->targets.n == 0)
        return err_set(e, ERR_INPUT, "port 'out' of '%s' (%s) is not connected", node->name,
                       node->component);
    if (r->sources.n == 0 && r->dead_letters.n == 0)
        return err_set(e, ERR_INPUT, "port 'in' of '%s' (%s) is not connected", node->name,
                       node->component);
    return 0;
}

static int add_pairs(struct topology *t, enum binding_kind kind, const struct name_list *src,
                     const struct name_list *tgt, struct err *e)
{
    for (size_t i = 0; i < src->n; i++)
        for (size_t j = 0; j < tgt->n; j++)
            if (add_binding(t, kind, src->names[i], tgt->names[j], e))
                return -1;
    return 0;
}

static int add_routing_node(const struct source *s, const struct graph_node *node,
                            struct topology *t, struct err *e)
{
    AUTO(routing_release) struct routing r = {0};
    bool round_robin = strcmp(node->component, ROUND_ROBIN) == 0;

    for (size_t i = 0; i < s->g->n_edges; i++)
        if (routing_edge(s, node, &s->g->edges[i], &r, e))
            return -1;
    if (routing_check(node, &r, e))
        return -1;
    if (!round_robin)
        return add_pairs(t, BINDING_PUBSUB, &r.sources, &r.targets, e);
    if (add_pairs(t, BINDING_DEADLETTER, &r.targets, &r.dead_letters, e))
        return -1;
    return add_pairs(t, BINDING_ROUNDROBIN, &r.sources, &r.targets, e);
}

static int add_routing(const struct source *s, struct topology *t, const char *component,
                       struct err *e)
{
    for (size_t i = 0; i < s->g->n_nodes; i++)
        if (strcmp(s->g->nodes[i].component, component) == 0 &&
            add_routing_node(s, &s->g->nodes[i], t, e))
            return -1;
    return 0;
}

int topology_with_queues(const struct graph *g, const struct topology_queues *queues,
                         struct topology *ret, struct err *e)
{
    const struct source s = {g, queues};
    struct topology t = {0};

    if (add_ports(&s, &t, e) || add_plain_edges(&s, &t, e) || add_routing(&s, &t, PUB_SUB, e) ||
        add_routing(&s, &t, ROUND_ROBIN, e)) {
        topology_release(&t);
        return -1;
    }
    *ret = t;
    return 0;
}

int topology_from_graph(const struct graph *g, struct topology *ret, struct err *e)
{
    return topology_with_queues(g, NULL, ret, e);
}

/* --- as the broker has them -------------------------------------------------------------- */

void link_list_release(struct link_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->links[i].source);
        free(list->links[i].destination);
    }
    free(list->links);
    memset(list, 0, sizeof(*list));
}

static bool links_have(const struct link_list *list, const char *source, const char *destination,
                       bool to_exchange)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->links[i].to_exchange == to_exchange &&
            strcmp(list->links[i].source, source) == 0 &&
            strcmp(list->links[i].destination, destination) == 0)
            return true;
    return false;
}

int link_list_add(struct link_list *list, const char *source, const char *destination,
                  bool to_exchange, struct err *e)
{
    struct link *link;

    if ((list->n & (list->n - 1)) == 0) { /* full at each power of two */
        struct link *grown = reallocarray(list->links, list->n ? list->n * 2 : 1, sizeof(*grown));

        if (!grown)
            return no_memory(e);
        list->links = grown;
    }
    link = &list->links[list->n];
    *link = (struct link){strdup(source), strdup(destination), to_exchange};
    if (!link->source || !link->destination) {
        free(link->source);
        free(link->destination);
        return no_memory(e);
    }
    list->n++;
    return 0;
}

/* Adds it, with the prefixes put before the names, unless the list has it. */
static int add_link(struct link_list *list, const char *source_prefix, const char *source,
                    const char *destination_prefix, const char *destination, struct err *e)
{
    char from[TOPOLOGY_MAX_NAME + 6], to[TOPOLOGY_MAX_NAME + 6];
    bool to_exchange = destination_prefix[0] != '\0';

    snprintf(from, sizeof(from), "%s%s", source_prefix, source);
    snprintf(to, sizeof(to), "%s%s", destination_prefix, destination);
    return links_have(list, from, to, to_exchange) ? 0
                                                   : link_list_add(list, from, to, to_exchange, e);
}

int topology_links(const struct topology *t, struct link_list *ret, struct err *e)
{
    struct link_list list = {0};
    int rc = 0;

    for (size_t i = 0; !rc && i < t->inports.n; i++)
        rc = add_link(&list, "", t->inports.names[i], "", t->inports.names[i], e);
    for (size_t i = 0; !rc && i < t->n_bindings; i++) {
        const struct binding *b = &t->bindings[i];

        switch (b->kind) {
        case BINDING_PUBSUB:
            rc = add_link(&list, "", b->src, "", b->tgt, e);
            break;
        case BINDING_ROUNDROBIN:
            rc = add_link(&list, "", b->src, "out-", b->src, e) ||
                 add_link(&list, "out-", b->src, "", b->tgt, e);
            break;
        case BINDING_DEADLETTER:
            rc = add_link(&list, "dead-", b->src, "", b->tgt, e);
            break;
        }
    }
    if (rc) {
        link_list_release(&list);
        return -1;
    }
    *ret = list;
    return 0;
}

/* The role of this graph that the name is a port of by convention: ROLE.PORT, PORT in upper case.
 * So a role "a" does not claim the queues of a role "a.b" that the graph does not know. */
static bool is_port_name(const struct topology *t, const char *name)
{
    for (size_t i = 0; i < t->roles.n; i++) {
        size_t n = strlen(t->roles.names[i]);
        const char *port = name + n + 1;

        if (strncmp(name, t->roles.names[i], n) != 0 || name[n] != '.' || !*port)
            continue;
        while (*port && !(*port >= 'a' && *port <= 'z'))
            port++;
        if (!*port)
            return true;
    }
    return false;
}

static const char *without_prefix(const char *name, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(name, prefix, n) == 0 ? name + n : NULL;
}

bool topology_is_unwanted(const struct topology *t, const struct link_list *wanted,
                          const struct link *link)
{
    const char *out = without_prefix(link->source, "out-");
    const char *dead = without_prefix(link->source, "dead-");
    const char *to = link->destination;

    if (links_have(wanted, link->source, to, link->to_exchange))
        return false;
    if (link->to_exchange) {
        to = without_prefix(to, "out-");
        return to && strcmp(to, link->source) == 0 && is_port_name(t, to);
    }
    if (strcmp(link->source, to) == 0 || !is_port_name(t, to))
        return false;
    return is_port_name(t, link->source) || (out && is_port_name(t, out)) ||
           (dead && is_port_name(t, dead));
}

/* Each of links that is unwanted goes to the front; the others are freed. */
static void keep_unwanted(const struct topology *t, const struct link_list *wanted,
                          struct link_list *links)
{
    size_t kept = 0;

    for (size_t i = 0; i < links->n; i++) {
        if (topology_is_unwanted(t, wanted, &links->links[i])) {
            links->links[kept++] = links->links[i];
        } else {
            free(links->links[i].source);
            free(links->links[i].destination);
        }
    }
    links->n = kept;
}

static int add_candidates(struct link_list *list, const char *source, bool is_inport,
                          const struct topology *t, struct err *e)
{
    int rc = is_inport ? 0 : add_link(list, "", source, "out-", source, e);

    for (size_t i = 0; !rc && i < t->inports.n; i++) {
        const char *queue = t->inports.names[i];

        rc = add_link(list, "", source, "", queue, e) ||
             add_link(list, is_inport ? "dead-" : "out-", source, "", queue, e);
    }
    return rc ? -1 : 0;
}

int topology_unwanted_candidates(const struct topology *t, struct link_list *ret, struct err *e)
{
    AUTO(link_list_release) struct link_list wanted = {0};
    struct link_list list = {0};
    int rc;

    if ((t->outports.n + t->inports.n) * (2 * t->inports.n + 1) > TOPOLOGY_MAX_CANDIDATES)
        return err_set(e, ERR_LIMIT, "more than %d bindings are possible between the graph's ports",
                       TOPOLOGY_MAX_CANDIDATES);
    rc = topology_links(t, &wanted, e);
    for (size_t i = 0; !rc && i < t->outports.n; i++)
        rc = add_candidates(&list, t->outports.names[i], false, t, e);
    for (size_t i = 0; !rc && i < t->inports.n; i++)
        rc = add_candidates(&list, t->inports.names[i], true, t, e);
    if (rc) {
        link_list_release(&list);
        return -1;
    }
    keep_unwanted(t, &wanted, &list);
    *ret = list;
    return 0;
}
