/*
 * clients.c - who may what, what each wants to be told, and telling it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "network/coordinator_state.h"
#include "network/graph_edit.h"

#define SECRET_MAX PROTOCOL_MAX_TEXT

struct client *find_client(const struct coordinator *c, uint64_t id)
{
    for (struct client *client = c->clients; client; client = client->next)
        if (client->id == id)
            return client;
    return NULL;
}

static void client_free(struct client *client)
{
    json_decref(client->selected);
    json_decref(client->packets);
    free(client);
}

void clients_free(struct coordinator *c)
{
    for (struct client *client = c->clients, *next; client; client = next) {
        next = client->next;
        client_free(client);
    }
}

void coordinator_opened(struct coordinator *c, uint64_t id, int64_t now_ms)
{
    struct client *client = calloc(1, sizeof(*client));

    (void)now_ms;
    if (!client)
        return;
    client->id = id;
    client->access = access_of(c, "");
    client->selected = json_object();
    client->packets = json_object();
    client->next = c->clients;
    c->clients = client;
}

void coordinator_closed(struct coordinator *c, uint64_t id, int64_t now_ms)
{
    struct client **at = &c->clients, *gone;

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    gone = *at;
    if (!gone)
        return;
    *at = gone->next;
    client_free(gone);
    set_now(c, now_ms);
    coordinator_settle_soon(c); /* what only it watched is watched no longer */
}

/* --- access ------------------------------------------------------------------------------ */

/* Takes as long whatever the first difference is. A secret that is not set matches nothing. */
static bool secret_is(const char *wanted, const char *given)
{
    size_t n = wanted ? strlen(wanted) : 0, m = strnlen(given, SECRET_MAX);
    unsigned char different = n != m;

    for (size_t i = 0; i < m; i++)
        different |= (unsigned char)(given[i] ^ (n ? wanted[i % n] : 0));
    return n && !different;
}

enum protocol_access access_of(const struct coordinator *c, const char *secret)
{
    bool edits = secret_is(c->secret, secret), reads = secret_is(c->secret_read_only, secret);

    if (!c->secret || edits)
        return ACCESS_EDIT;
    return reads ? ACCESS_READ : ACCESS_NONE;
}

/* --- telling ----------------------------------------------------------------------------- */

void tell(struct coordinator *c, const struct client *to, const char *protocol, const char *command,
          json_t *payload_take, const char *response_to)
{
    AUTO(text_freep) char *text = protocol_text(protocol, command, payload_take, response_to);

    if (text)
        c->act.to_client(c->user, to->id, text, strlen(text), false);
}

void tell_all(struct coordinator *c, const char *protocol, const char *command,
              json_t *payload_take, const struct client *asker, const char *response_to)
{
    AUTO(text_freep) char *text = protocol_text(protocol, command, json_incref(payload_take), NULL);

    for (const struct client *client = c->clients; text && client; client = client->next)
        if (client == asker)
            tell(c, client, protocol, command, json_incref(payload_take), response_to);
        else if (client->access >= ACCESS_READ)
            c->act.to_client(c->user, client->id, text, strlen(text), false);
    json_decref(payload_take);
}

void tell_error(struct coordinator *c, const char *graph, const char *fmt, ...)
{
    struct err text = ERR_INIT; /* cut to its size without breaking UTF-8 */
    json_t *payload;
    char line[sizeof(text.text)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    err_set(&text, ERR_INPUT, "%s", line);
    payload = protocol_error(text.text);
    if (graph)
        json_object_set_new(payload, "graph", json_string(graph));
    tell_all(c, "network", "error", payload, NULL, NULL);
    if (c->act.warn)
        c->act.warn(c->user, text.text);
}

/* --- what a client wants to be told -------------------------------------------------------- */

/* With the lengths, so that no two ends are spelt alike. */
static void write_end(struct buf *out, const char *node, const char *port, long index)
{
    buf_printf(out, "%zu %s %zu %s %ld ", strlen(node), node, strlen(port), port, index);
}

/* By {src, tgt}. */
static void select_one(json_t *selected, json_t *edge)
{
    struct graph_end_ref src = graph_end_from_json(json_object_get(edge, "src"));
    struct graph_end_ref tgt = graph_end_from_json(json_object_get(edge, "tgt"));
    AUTO(buf_release) struct buf key = BUF_INIT;

    write_end(&key, src.node.at, src.port.at, src.index);
    write_end(&key, tgt.node.at, tgt.port.at, tgt.index);
    if (!key.failed)
        json_object_set(selected, key.data, edge);
}

void client_select(struct client *client, const char *graph, const json_t *edges)
{
    json_t *selected = json_object(), *edge;
    size_t i;

    json_array_foreach(edges, i, edge)
    {
        select_one(selected, edge);
    }
    json_object_set_new(client->selected, graph, selected);
}

/* Of all edges of big graphs this is asked again and again: hence the keys. */
static bool is_selected(const json_t *selected, const struct graph_edge *edge)
{
    AUTO(buf_release) struct buf key = BUF_INIT;

    if (edge->data || json_object_size(selected) == 0)
        return false;
    write_end(&key, edge->src.node, edge->src.port, edge->src.index);
    write_end(&key, edge->tgt.node, edge->tgt.port, edge->tgt.index);
    return !key.failed && json_object_get(selected, key.data);
}

bool client_watches(const struct client *client, const struct live_graph *lg, size_t edge)
{
    const json_t *selected = json_object_get(client->selected, lg->id);

    if (client->access < ACCESS_READ)
        return false;
    if (selected)
        return is_selected(selected, &lg->g->edges[edge]);
    return lg->creator == client->id && edge < COORDINATOR_MAX_AUTO_EDGES;
}

bool client_watches_initials(const struct client *client, const struct live_graph *lg)
{
    return client->access >= ACCESS_READ && lg->creator == client->id &&
           !json_object_get(client->selected, lg->id);
}

bool client_uses_ports(const struct client *client, const struct live_graph *lg)
{
    return client->access >= ACCESS_READ &&
           (lg->creator == client->id || json_object_get(client->packets, lg->id));
}

static void rename_end(json_t *end, const char *from, const char *to)
{
    const char *node = payload_text(end, "node");

    if (node && strcmp(node, from) == 0)
        json_object_set_new(end, "node", json_string(to));
}

void clients_rename_node(struct coordinator *c, const char *graph, const char *from, const char *to)
{
    for (struct client *client = c->clients; client; client = client->next) {
        json_t *before = json_object_get(client->selected, graph), *edge;
        json_t *after = before ? json_object() : NULL;
        const char *key;

        json_object_foreach(before, key, edge)
        {
            rename_end(json_object_get(edge, "src"), from, to);
            rename_end(json_object_get(edge, "tgt"), from, to);
            select_one(after, edge);
        }
        if (after)
            json_object_set_new(client->selected, graph, after);
    }
}
