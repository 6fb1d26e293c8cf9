/*
 * graph_commands.c - what clients do to graphs: each command is one edit and one answer, which goes
 * to everybody. What follows from it, on the broker and elsewhere, coordinator_settle() finds out.
 */
#include <string.h>

#include "network/coordinator_state.h"
#include "network/graph_edit.h"

/* One command on its way. */
struct request {
    struct coordinator *c;
    struct client *client;
    const struct protocol_message *m;
    struct live_graph *lg;
    json_t *payload; /* the message's */
};

static void answer_with(const struct request *r, const char *command, json_t *payload_take)
{
    tell_all(r->c, "graph", command, payload_take, r->client, r->m->request_id);
}

/* What was asked is what was done, but that a null in metadata asks for no such member. */
static int answer(const struct request *r)
{
    json_t *payload = json_copy(r->payload);
    json_t *metadata = json_copy(json_object_get(payload, "metadata"));
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(metadata, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(metadata, key);
    }
    if (metadata)
        json_object_set_new(payload, "metadata", metadata);
    answer_with(r, r->m->command, payload);
    return 0;
}

static const char *text(const struct request *r, const char *key)
{
    return payload_text(r->payload, key);
}

static const json_t *metadata(const struct request *r)
{
    return json_object_get(r->payload, "metadata");
}

static struct graph_end_ref end(const struct request *r, const char *key)
{
    return graph_end_from_json(json_object_get(r->payload, key));
}

static json_t *metadata_or_none(json_t *value)
{
    return value ? json_incref(value) : json_object();
}

/* --- nodes ------------------------------------------------------------------------------- */

static int add_node(struct request *r, struct err *e)
{
    if (graph_edit_add_node(r->lg->g, text(r, "id"), text(r, "component"), metadata(r), e))
        return -1;
    return answer(r);
}

static void tell_dropped_edge(const struct request *r, const struct graph_edge *edge)
{
    json_t *src =
        edge->data ? json_pack("{s:O}", "data", edge->data) : graph_end_to_json(&edge->src);

    answer_with(r, edge->data ? "removeinitial" : "removeedge",
                json_pack("{s:o, s:o, s:s}", "src", src, "tgt", graph_end_to_json(&edge->tgt),
                          "graph", r->lg->id));
}

/* Its edges are told to have gone before it has: editors need that order. */
static int remove_node(struct request *r, struct err *e)
{
    const char *id = text(r, "id");
    struct graph *g = r->lg->g;
    size_t n_exports = g->inports.n + g->outports.n;

    for (size_t i = 0; graph_node(g, id) && i < g->n_edges;) {
        const struct graph_edge *edge = &g->edges[i];

        if (strcmp(edge->tgt.node, id) != 0 && (edge->data || strcmp(edge->src.node, id) != 0)) {
            i++;
            continue;
        }
        tell_dropped_edge(r, edge);
        graph_edit_drop_edge(g, i);
    }
    if (graph_edit_remove_node(g, id, e))
        return -1;
    answer(r);
    if (g->inports.n + g->outports.n != n_exports)
        tell_ports(r->c, r->lg, NULL, NULL);
    return 0;
}

static int rename_node(struct request *r, struct err *e)
{
    if (graph_edit_rename_node(r->lg->g, text(r, "from"), text(r, "to"), e))
        return -1;
    clients_rename_node(r->c, r->lg->id, text(r, "from"), text(r, "to"));
    return answer(r);
}

static int change_node(struct request *r, struct err *e)
{
    const char *id = text(r, "id");

    if (graph_edit_change_node(r->lg->g, id, metadata(r), e))
        return -1;
    answer_with(r, "changenode",
                json_pack("{s:s, s:o, s:s}", "id", id, "metadata",
                          metadata_or_none(graph_node(r->lg->g, id)->metadata), "graph",
                          r->lg->id));
    return 0;
}

/* --- edges ------------------------------------------------------------------------------- */

static int add_edge(struct request *r, struct err *e)
{
    struct graph_end_ref src = end(r, "src"), tgt = end(r, "tgt");

    return graph_edit_add_edge(r->lg->g, &src, &tgt, metadata(r), e) ? -1 : answer(r);
}

static json_t *edge_metadata(const struct graph *g, const struct graph_end_ref *src,
                             const struct graph_end_ref *tgt)
{
    for (size_t i = 0; i < g->n_edges; i++)
        if (!g->edges[i].data && graph_end_is(&g->edges[i].src, src) &&
            graph_end_is(&g->edges[i].tgt, tgt))
            return g->edges[i].metadata;
    return NULL;
}

static int change_edge(struct request *r, struct err *e)
{
    struct graph_end_ref src = end(r, "src"), tgt = end(r, "tgt");
    json_t *payload;

    if (graph_edit_change_edge(r->lg->g, &src, &tgt, metadata(r), e))
        return -1;
    payload = json_copy(r->payload);
    json_object_set_new(payload, "metadata", metadata_or_none(edge_metadata(r->lg->g, &src, &tgt)));
    answer_with(r, "changeedge", payload);
    return 0;
}

static int remove_edge(struct request *r, struct err *e)
{
    struct graph_end_ref src = end(r, "src"), tgt = end(r, "tgt");

    return graph_edit_remove_edge(r->lg->g, &src, &tgt, e) ? -1 : answer(r);
}

static int add_initial(struct request *r, struct err *e)
{
    struct graph_end_ref tgt = end(r, "tgt");
    const json_t *data = json_object_get(json_object_get(r->payload, "src"), "data");

    if (graph_edit_add_initial(r->lg->g, data, &tgt, metadata(r), e))
        return -1;
    answer(r);
    if (r->lg->started)
        packets_add_initial(r->c, r->lg, r->lg->g->n_edges - 1);
    return 0;
}

static int remove_initial(struct request *r, struct err *e)
{
    struct graph_end_ref tgt = end(r, "tgt");
    json_t *data;

    if (graph_edit_remove_initial(r->lg->g, &tgt, &data, e))
        return -1;
    answer_with(r, "removeinitial",
                json_pack("{s:{s:o}, s:O, s:s}", "src", "data", data, "tgt",
                          json_object_get(r->payload, "tgt"), "graph", r->lg->id));
    return 0;
}

/* --- exported ports ---------------------------------------------------------------------- */

/* addinport, addoutport and so on: the list that the command's name tells. */
static struct graph_exports *exports_of(const struct request *r)
{
    return strstr(r->m->command, "inport") ? &r->lg->g->inports : &r->lg->g->outports;
}

static int answer_ports(const struct request *r)
{
    answer(r);
    tell_ports(r->c, r->lg, NULL, NULL);
    return 0;
}

static int add_export(struct request *r, struct err *e)
{
    if (graph_edit_add_export(r->lg->g, exports_of(r), text(r, "public"), text(r, "node"),
                              text(r, "port"), metadata(r), e))
        return -1;
    return answer_ports(r);
}

static int remove_export(struct request *r, struct err *e)
{
    return graph_edit_remove_export(exports_of(r), text(r, "public"), e) ? -1 : answer_ports(r);
}

static int rename_export(struct request *r, struct err *e)
{
    if (graph_edit_rename_export(exports_of(r), text(r, "from"), text(r, "to"), e))
        return -1;
    return answer_ports(r);
}

/* --- groups ------------------------------------------------------------------------------ */

static int add_group(struct request *r, struct err *e)
{
    if (graph_edit_add_group(r->lg->g, text(r, "name"), json_object_get(r->payload, "nodes"),
                             metadata(r), e))
        return -1;
    return answer(r);
}

static int remove_group(struct request *r, struct err *e)
{
    return graph_edit_remove_group(r->lg->g, text(r, "name"), e) ? -1 : answer(r);
}

static int rename_group(struct request *r, struct err *e)
{
    return graph_edit_rename_group(r->lg->g, text(r, "from"), text(r, "to"), e) ? -1 : answer(r);
}

static int change_group(struct request *r, struct err *e)
{
    return graph_edit_change_group(r->lg->g, text(r, "name"), metadata(r), e) ? -1 : answer(r);
}

/* --- all --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*run)(struct request *r, struct err *e);
} commands[] = {
    {"addnode", add_node},
    {"removenode", remove_node},
    {"renamenode", rename_node},
    {"changenode", change_node},
    {"addedge", add_edge},
    {"changeedge", change_edge},
    {"removeedge", remove_edge},
    {"addinitial", add_initial},
    {"removeinitial", remove_initial},
    {"addinport", add_export},
    {"addoutport", add_export},
    {"removeinport", remove_export},
    {"removeoutport", remove_export},
    {"renameinport", rename_export},
    {"renameoutport", rename_export},
    {"addgroup", add_group},
    {"removegroup", remove_group},
    {"renamegroup", rename_group},
    {"changegroup", change_group},
};

/* Whoever creates a graph is told of all its data until it chooses edges. */
static int clear(struct request *r, struct err *e)
{
    r->lg = put_graph(r->c, text(r, "id"), r->client->id, e);
    if (!r->lg)
        return -1;
    json_object_del(r->client->selected, r->lg->id);
    return answer(r);
}

int run_graph_command(struct coordinator *c, struct client *client,
                      const struct protocol_message *m, struct err *e)
{
    struct request r = {c, client, m, NULL, m->payload};
    int rc = -1;

    if (strcmp(m->command, "clear") == 0) {
        rc = clear(&r, e);
    } else {
        r.lg = find_graph(c, text(&r, "graph"));
        if (!r.lg)
            return err_set(e, ERR_INPUT, "Requested graph not found");
        for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
            if (strcmp(commands[i].name, m->command) == 0)
                rc = commands[i].run(&r, e);
    }
    if (!rc && r.lg->is_main && c->act.graph_changed)
        c->act.graph_changed(c->user, r.lg->g);
    return rc;
}
