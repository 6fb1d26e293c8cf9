/*
 * watches.c - the outports that somebody watches, and what passes there told to whoever does.
 */
#include <string.h>

#include "network/coordinator_state.h"
#include "network/graph_edit.h"

static void watch_free(struct watch *w)
{
    free(w->outport);
    free(w);
}

void watches_free(struct coordinator *c)
{
    for (struct watch *w = c->watches, *next; w; w = next) {
        next = w->next;
        watch_free(w);
    }
}

/* One of source_fn. */
static void want(void *user, const char *exchange)
{
    struct coordinator *c = user;
    struct watch *w = c->watches;

    while (w && strcmp(w->outport, exchange) != 0)
        w = w->next;
    if (!w) {
        w = calloc(1, sizeof(*w));
        if (!w)
            return;
        w->outport = strdup(exchange);
        w->next = c->watches;
        c->watches = w;
    }
    w->wanted = w->outport != NULL;
}

static void want_edges(struct coordinator *c, const struct live_graph *lg,
                       const struct client *client)
{
    for (size_t i = 0; i < lg->g->n_edges; i++)
        if (!lg->g->edges[i].data && client_watches(client, lg, i))
            each_source(c, lg->g, &lg->g->edges[i], want, c);
}

static void want_outports(struct coordinator *c, const struct live_graph *lg)
{
    for (size_t i = 0; i < lg->g->outports.n; i++) {
        const struct graph_export *item = &lg->g->outports.items[i];
        AUTO(text_freep) char *exchange = port_queue(c, item->node, false, item->port);

        if (exchange)
            want(c, exchange);
    }
}

static void observe(struct coordinator *c, struct watch *w)
{
    w->command = c->act.observe(c->user, w->outport);
    w->asked = w->command != 0;
    c->must_retry |= !w->asked;
}

static void settle_one(struct coordinator *c, struct watch **at)
{
    struct watch *w = *at;

    if (w->wanted) {
        if (!w->asked && w->retry_ms <= c->now_ms)
            observe(c, w);
        return;
    }
    if (w->asked && !c->act.unobserve(c->user, w->outport)) {
        c->must_retry = true;
        return;
    }
    *at = w->next;
    watch_free(w);
}

void watches_settle(struct coordinator *c)
{
    for (struct watch *w = c->watches; w; w = w->next)
        w->wanted = false;
    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next)
        for (const struct client *client = c->clients; client; client = client->next) {
            want_edges(c, lg, client);
            if (client_uses_ports(client, lg))
                want_outports(c, lg);
        }
    for (struct watch **at = &c->watches, *w; (w = *at);) {
        settle_one(c, at);
        if (*at == w)
            at = &w->next;
    }
}

bool watches_done(struct coordinator *c, uint64_t command, const struct err *e)
{
    struct watch *w = c->watches;

    while (w && w->command != command)
        w = w->next;
    if (!w)
        return false;
    w->command = 0;
    if (e) {
        w->asked = false;
        w->retry_ms = c->now_ms + COORDINATOR_RETRY_MS;
    }
    return true;
}

void watches_try_again(struct coordinator *c)
{
    for (struct watch *w = c->watches; w; w = w->next)
        w->retry_ms = 0;
}

int64_t watches_due_ms(const struct coordinator *c, int64_t at)
{
    for (const struct watch *w = c->watches; w; w = w->next)
        if (w->wanted && !w->asked && w->retry_ms < at)
            at = w->retry_ms;
    return at;
}

/* --- telling what was seen ---------------------------------------------------------------- */

/* `a() OUT -> IN b()`, as a line of .fbp would have it. */
static void write_port(struct buf *out, const struct graph_end *end)
{
    size_t at = out->len;

    buf_text(out, end->port);
    for (size_t i = at; i < out->len; i++)
        if (out->data[i] >= 'a' && out->data[i] <= 'z')
            out->data[i] = (char)(out->data[i] - 'a' + 'A');
    if (end->index != GRAPH_NO_INDEX)
        buf_printf(out, "[%ld]", end->index);
}

static char *edge_id(const struct graph_edge *edge)
{
    struct buf out = BUF_INIT;

    if (edge->src.node) {
        buf_printf(&out, "%s() ", edge->src.node);
        write_port(&out, &edge->src);
    } else {
        buf_text(&out, "DATA");
    }
    buf_text(&out, " -> ");
    write_port(&out, &edge->tgt);
    buf_printf(&out, " %s()", edge->tgt.node);
    return buf_detach(&out);
}

/* New text of network:data. */
static char *data_text(const struct live_graph *lg, const struct graph_edge *edge, json_t *value)
{
    AUTO(text_freep) char *id = edge_id(edge);
    json_t *payload = json_pack("{s:s, s:s, s:o, s:O}", "id", id ? id : "", "graph", lg->id, "tgt",
                                graph_end_to_json(&edge->tgt), "data", value);

    if (edge->src.node)
        json_object_set_new(payload, "src", graph_end_to_json(&edge->src));
    return protocol_text("network", "data", payload, NULL);
}

/* One of source_fn. */
struct match {
    const char *outport;
    bool found;
};

static void check_match(void *user, const char *exchange)
{
    struct match *match = user;

    match->found |= strcmp(match->outport, exchange) == 0;
}

static void tell_edge(struct coordinator *c, const struct live_graph *lg, size_t edge,
                      json_t *value)
{
    AUTO(text_freep) char *text = NULL;

    for (const struct client *client = c->clients; client; client = client->next) {
        if (!client_watches(client, lg, edge))
            continue;
        if (!text)
            text = data_text(lg, &lg->g->edges[edge], value);
        if (text)
            c->act.to_client(c->user, client->id, text, strlen(text), true);
    }
}

static void tell_outports(struct coordinator *c, const struct live_graph *lg, const char *outport,
                          json_t *value)
{
    for (size_t i = 0; i < lg->g->outports.n; i++) {
        const struct graph_export *item = &lg->g->outports.items[i];
        AUTO(text_freep) char *exchange = port_queue(c, item->node, false, item->port);

        if (!exchange || strcmp(exchange, outport) != 0)
            continue;
        for (const struct client *client = c->clients; client; client = client->next)
            if (client_uses_ports(client, lg))
                tell(c, client, "runtime", "packet",
                     json_pack("{s:s, s:s, s:s, s:O}", "port", item->name, "event", "data", "graph",
                               lg->id, "payload", value),
                     NULL);
    }
}

void watches_observed(struct coordinator *c, const char *outport, const char *body, size_t size)
{
    json_t *value = protocol_value(body, size);

    for (const struct live_graph *lg = c->graphs; value && lg; lg = lg->next) {
        if (!lg->started)
            continue;
        for (size_t i = 0; i < lg->g->n_edges; i++) {
            struct match match = {outport, false};

            if (!lg->g->edges[i].data)
                each_source(c, lg->g, &lg->g->edges[i], check_match, &match);
            if (match.found)
                tell_edge(c, lg, i, value);
        }
        tell_outports(c, lg, outport, value);
    }
    json_decref(value);
}

void watches_tell_initial(struct coordinator *c, const struct packet *p)
{
    const struct live_graph *lg = find_graph(c, p->graph);
    struct graph_edge edge = {
        .src = {NULL, NULL, GRAPH_NO_INDEX, 0},
        .tgt = {p->node, p->port, p->index, 0},
    };
    AUTO(text_freep) char *text = lg ? data_text(lg, &edge, p->data) : NULL;

    for (const struct client *client = c->clients; text && client; client = client->next)
        if (client_watches_initials(client, lg))
            c->act.to_client(c->user, client->id, text, strlen(text), true);
}
