/*
 * components.c - the components that nodes can be of: those of the library, those that have been
 * announced (which alone tells their ports), and the routing ones.
 */
#include <string.h>

#include "graph/graph_json.h"
#include "network/coordinator_state.h"

static json_t *port_json(const char *id, const char *type, const char *description)
{
    json_t *port = json_pack("{s:s, s:s}", "id", id, "type", type);

    if (description)
        json_object_set_new(port, "description", json_string(description));
    return port;
}

static json_t *ports_json(const struct seen_port *ports, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, port_json(ports[i].id, ports[i].type, ports[i].description));
    return list;
}

static json_t *component_json(const char *name, const char *description, const char *icon,
                              json_t *inports_take, json_t *outports_take)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "name", name, "description",
                     description ? description : "", "icon", icon ? icon : "cog", "subgraph", 0,
                     "inPorts", inports_take, "outPorts", outports_take);
}

void components_heard(struct coordinator *c, const struct participant *p)
{
    json_t *now =
        component_json(p->component, p->label, p->icon, ports_json(p->inports, p->n_inports),
                       ports_json(p->outports, p->n_outports));

    if (!now || json_object_size(c->components) >= LIBRARY_MAX_COMPONENTS ||
        json_equal(now, json_object_get(c->components, p->component))) {
        json_decref(now);
        return;
    }
    json_object_set(c->components, p->component, now);
    tell_all(c, "component", "component", now, NULL, NULL);
}

static json_t *routing_json(const char *name, const char *description, bool dead_letters)
{
    json_t *outports = json_array();

    json_array_append_new(outports, port_json("out", "any", NULL));
    if (dead_letters)
        json_array_append_new(outports, port_json("deadletter", "any", NULL));
    return component_json(name, description, "random",
                          json_pack("[o]", port_json("in", "any", NULL)), outports);
}

/* By the name that graphs use: with the library's namespace. */
static void list_library_component(const struct coordinator *c, const char *name, json_t *all)
{
    const char *space = strchr(name, '/') ? NULL : library_namespace(c->library);
    AUTO(buf_release) struct buf full = BUF_INIT;

    buf_printf(&full, "%s%s%s", space ? space : "", space ? "/" : "", name);
    if (!full.failed)
        json_object_set_new(all, full.data,
                            component_json(full.data, NULL, NULL, json_array(), json_array()));
}

void components_list(struct coordinator *c, const struct client *to, const char *response_to)
{
    json_t *all = json_object(), *component;
    size_t in_library = c->library ? library_count(c->library) : 0;
    const char *name;

    for (size_t i = 0; i < in_library; i++)
        list_library_component(c, library_component(c->library, i)->name, all);
    json_object_update(all, c->components);
    name = "msgflo/RoundRobin";
    json_object_set_new(all, name, routing_json(name, "Shares messages among its targets", true));
    name = "msgflo/PubSub";
    json_object_set_new(all, name, routing_json(name, "Copies messages to its targets", false));
    json_object_foreach(all, name, component)
    {
        tell(c, to, "component", "component", json_incref(component), response_to);
    }
    tell(c, to, "component", "componentsready", json_integer((json_int_t)json_object_size(all)),
         response_to);
    json_decref(all);
}

/* --- sources ------------------------------------------------------------------------------ */

static json_t *source_json(const char *name, const char *language, const char *code)
{
    const char *slash = strrchr(name, '/');

    return json_pack("{s:s, s:s, s:s, s:s%}", "name", slash ? slash + 1 : name, "language",
                     language, "code", code, "library", slash ? name : "default",
                     slash ? (size_t)(slash - name) : strlen("default"));
}

static int graph_source(struct coordinator *c, const struct client *to, const struct live_graph *lg,
                        const char *response_to, struct err *e)
{
    json_t *json = graph_to_json(lg->g);
    AUTO(text_freep) char *code = json ? graph_value_text(json, JSON_INDENT(2)) : NULL;

    json_decref(json);
    if (!code)
        return err_set(e, ERR_NOMEM, "no memory for a graph");
    tell(c, to, "component", "source", source_json(lg->id, "json", code), response_to);
    nodes_show_to(c, to, lg);
    return 0;
}

int components_source(struct coordinator *c, const struct client *to,
                      const struct protocol_message *m, struct err *e)
{
    const char *name = payload_text(m->payload, "name");
    const struct live_graph *lg = find_graph(c, name);
    const struct library_component *component;
    AUTO(buf_release) struct buf code = BUF_INIT;
    const char *language = "sh";

    if (lg)
        return graph_source(c, to, lg, m->request_id, e);
    component = c->library ? library_find(c->library, name) : NULL;
    if (!component)
        return err_set(e, ERR_INPUT, "the source of component '%.100s' is not here", name);
    if (component->file && c->act.read_source &&
        c->act.read_source(c->user, component->file, &code) == 0) {
        language = component->language ? component->language : "text";
    } else {
        buf_clear(&code);
        buf_text(&code, component->command); /* what runs it is all there is to see */
    }
    if (code.failed)
        return err_set(e, ERR_NOMEM, "no memory for a component's source");
    tell(c, to, "component", "source",
         source_json(component->name, language, code.data ? code.data : ""), m->request_id);
    return 0;
}
