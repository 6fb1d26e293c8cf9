#include "discovery.h"

#include <jansson.h>

/* A list of the ports that have a queue; NULL if it cannot be made. */
static json_t *ports_json(const struct port *ports, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < n; i++) {
        const struct port *p = &ports[i];
        json_t *port;

        if (!p->queue)
            continue;
        port = json_pack("{s:s, s:s, s:s, s:b, s:s*}", "id", p->id, "type", p->type, "queue",
                         p->queue, "hidden", p->hidden, "description", p->description);
        if (json_array_append_new(list, port)) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

char *discovery_text(const struct definition *d, const char *id, struct msgflo_error *e)
{
    /* Exactly these seven keys: msgflo's own suite (spec/heterogenous.coffee) fails on an eighth.
     */
    json_t *message = json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s, s:o, s:o}}", "protocol",
                                "discovery", "command", "participant", "payload", "id", id, "role",
                                d->role, "component", d->component, "label", d->label, "icon",
                                d->icon, "inports", ports_json(d->inports, d->inport_count),
                                "outports", ports_json(d->outports, d->outport_count));
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;

    json_decref(message);
    if (!text)
        fail(e, MSGFLO_INVALID, "the definition of '%s' makes no JSON: is all of it UTF-8?",
             d->component);
    return text;
}
