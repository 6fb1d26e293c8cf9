/*
 * commands.c - what clients ask of the runtime, of its components and of whole networks.
 */
#include <string.h>

#include "base/clock.h"
#include "network/coordinator_state.h"

/* --- runtime ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    enum protocol_access least, most; /* who has it */
} capabilities[] = {
    {"protocol:runtime", ACCESS_EDIT, ACCESS_EDIT},
    {"protocol:graph", ACCESS_EDIT, ACCESS_EDIT},
    {"graph:readonly", ACCESS_READ, ACCESS_READ},
    {"protocol:component", ACCESS_READ, ACCESS_EDIT},
    {"component:getsource", ACCESS_READ, ACCESS_EDIT},
    {"protocol:network", ACCESS_EDIT, ACCESS_EDIT},
    {"network:status", ACCESS_READ, ACCESS_EDIT},
    {"network:data", ACCESS_READ, ACCESS_EDIT},
    {"network:control", ACCESS_EDIT, ACCESS_EDIT},
};

static json_t *capabilities_json(enum protocol_access access, bool all)
{
    json_t *list = json_array();

    for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++)
        if (all || (access >= capabilities[i].least && access <= capabilities[i].most))
            json_array_append_new(list, json_string(capabilities[i].name));
    return list;
}

static void set_text(json_t *payload, const char *key, const char *value)
{
    if (value)
        json_object_set_new(payload, key, json_string(value));
}

/* Whoever may not look is told so by an empty list of capabilities, and nothing more. */
static void get_runtime(struct coordinator *c, const struct client *client,
                        const struct protocol_message *m)
{
    enum protocol_access access = access_of(c, m->secret);
    json_t *payload =
        json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", c->runtime_id, "type", "msgflo", "version",
                  PROTOCOL_VERSION, "capabilities", capabilities_json(access, false),
                  "allCapabilities", capabilities_json(access, true));

    set_text(payload, "label", c->label);
    if (access >= ACCESS_READ) {
        set_text(payload, "graph", c->graphs->id);
        set_text(payload, "namespace", c->name_space);
        set_text(payload, "repository", c->repository);
    }
    tell(c, client, "runtime", "runtime", payload, m->request_id);
    if (access >= ACCESS_READ)
        tell_ports(c, c->graphs, client, m->request_id);
}

static const char *port_type(const struct coordinator *c, const struct graph_export *item,
                             bool is_inport)
{
    const struct participant *p = role_known(c, item->node);
    size_t n = !p ? 0 : is_inport ? p->n_inports : p->n_outports;

    for (size_t i = 0; i < n; i++) {
        const struct seen_port *port = is_inport ? &p->inports[i] : &p->outports[i];

        if (strcmp(port->id, item->port) == 0)
            return port->type;
    }
    return "any";
}

static json_t *exports_json(const struct coordinator *c, const struct graph_exports *list,
                            bool is_inport)
{
    json_t *ports = json_array();

    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(ports, json_pack("{s:s, s:s}", "id", list->items[i].name, "type",
                                               port_type(c, &list->items[i], is_inport)));
    return ports;
}

void tell_ports(struct coordinator *c, const struct live_graph *lg, const struct client *to,
                const char *response_to)
{
    json_t *payload = json_pack("{s:s, s:o, s:o}", "graph", lg->id, "inPorts",
                                exports_json(c, &lg->g->inports, true), "outPorts",
                                exports_json(c, &lg->g->outports, false));

    if (to)
        tell(c, to, "runtime", "ports", payload, response_to);
    else
        tell_all(c, "runtime", "ports", payload, NULL, NULL);
}

static int packet(struct coordinator *c, struct client *client, struct live_graph *lg,
                  const struct protocol_message *m, struct err *e)
{
    json_object_set_new(client->packets, lg->id, json_true());
    return packets_add(c, lg, client, m, e);
}

/* --- network ----------------------------------------------------------------------------- */

static json_t *network_json(const struct live_graph *lg, bool running)
{
    return json_pack("{s:s, s:b, s:b}", "graph", lg->id, "started", lg->started, "running",
                     running);
}

static void set_time(const struct coordinator *c, json_t *payload)
{
    char text[TIMESTAMP_SIZE];

    clock_timestamp(c->now_ms + c->wall_offset_ms, text);
    json_object_set_new(payload, "time", json_string(text));
}

void network_start(struct coordinator *c, struct live_graph *lg)
{
    lg->started = true;
    lg->is_halted = false;
    lg->started_ms = c->now_ms;
    lg->settled_ms = c->now_ms + COORDINATOR_SETTLE_MS;
    packets_of_graph(c, lg);
}

static void start(struct coordinator *c, const struct client *client, struct live_graph *lg,
                  const struct protocol_message *m)
{
    json_t *payload;

    if (!lg->started)
        network_start(c, lg);
    payload = network_json(lg, true);
    set_time(c, payload);
    tell_all(c, "network", "started", payload, client, m->request_id);
}

static void stop(struct coordinator *c, const struct client *client, struct live_graph *lg,
                 const struct protocol_message *m)
{
    double uptime = lg->started ? (double)(c->now_ms - lg->started_ms) / 1000 : 0;
    json_t *payload;

    lg->started = false;
    lg->is_halted = true;
    coordinator_settle(c, 0); /* nothing is to flow any more, and nothing comes in its place */
    payload = network_json(lg, false);
    set_time(c, payload);
    json_object_set_new(payload, "uptime", json_real(uptime));
    tell_all(c, "network", "stopped", payload, client, m->request_id);
}

static int network_command(struct coordinator *c, struct client *client, struct live_graph *lg,
                           const struct protocol_message *m)
{
    if (strcmp(m->command, "start") == 0) {
        start(c, client, lg, m);
    } else if (strcmp(m->command, "stop") == 0) {
        stop(c, client, lg, m);
    } else if (strcmp(m->command, "edges") == 0) {
        client_select(client, lg->id, json_object_get(m->payload, "edges"));
        tell(c, client, "network", "edges", json_incref(m->payload), m->request_id);
    } else { /* getstatus, and debug, which changes nothing here */
        tell(c, client, "network", "status",
             network_json(lg, lg->started && packets_under_way(c, lg->id)), m->request_id);
    }
    return 0;
}

/* --- all --------------------------------------------------------------------------------- */

static int runtime_command(struct coordinator *c, struct client *client,
                           const struct protocol_message *m, struct err *e)
{
    struct live_graph *lg;

    if (strcmp(m->command, "getruntime") == 0) {
        get_runtime(c, client, m);
        return 0;
    }
    lg = find_graph(c, payload_text(m->payload, "graph"));
    return lg ? packet(c, client, lg, m, e) : err_set(e, ERR_INPUT, "Requested graph not found");
}

static int component_command(struct coordinator *c, struct client *client,
                             const struct protocol_message *m, struct err *e)
{
    if (strcmp(m->command, "getsource") == 0)
        return components_source(c, client, m, e);
    components_list(c, client, m->request_id);
    return 0;
}

int run_command(struct coordinator *c, struct client *client, const struct protocol_message *m,
                struct err *e)
{
    struct live_graph *lg;

    if (strcmp(m->protocol, "runtime") == 0)
        return runtime_command(c, client, m, e);
    if (strcmp(m->protocol, "component") == 0)
        return component_command(c, client, m, e);
    if (strcmp(m->protocol, "graph") == 0)
        return run_graph_command(c, client, m, e);
    lg = find_graph(c, payload_text(m->payload, "graph"));
    return lg ? network_command(c, client, lg, m)
              : err_set(e, ERR_INPUT, "Requested graph not found");
}
