#include "definition.h"

#include <stdio.h>
#include <string.h>

static char *copy_text(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* Upper case of ASCII letters only, whatever the locale: two peers must make the same name. */
static char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* ROLE.ID, of which only the id is upper-cased (as msgflo-nodejs does). */
static char *default_queue(const char *role, const char *id)
{
    size_t size = strlen(role) + 1 + strlen(id) + 1;
    char *name = malloc(size);

    if (!name)
        return NULL;
    snprintf(name, size, "%s.%s", role, id);
    for (char *c = name + strlen(role) + 1; *c; c++)
        *c = ascii_upper(*c);
    return name;
}

static bool is_named(const char *text)
{
    return text && *text;
}

static int check_port(const struct msgflo_port *ports, size_t i, struct msgflo_error *e)
{
    if (!is_named(ports[i].id))
        return fail(e, MSGFLO_INVALID, "port %zu has no id", i);
    for (size_t k = 0; k < i; k++)
        if (strcmp(ports[k].id, ports[i].id) == 0)
            return fail(e, MSGFLO_INVALID, "two ports are called '%s'", ports[i].id);
    if (ports[i].queue && !*ports[i].queue)
        return fail(e, MSGFLO_INVALID, "port '%s': the queue's name is empty", ports[i].id);
    return 0;
}

static int copy_port(const struct msgflo_port *from, const char *role, struct port *to,
                     struct msgflo_error *e)
{
    bool nameless = from->hidden && !from->queue;

    to->id = strdup(from->id);
    to->type = strdup(from->type ? from->type : "any");
    to->description = copy_text(from->description);
    to->hidden = from->hidden;
    to->transient = from->transient;
    to->on_input = from->on_input;
    if (!nameless)
        to->queue = from->queue ? strdup(from->queue) : default_queue(role, from->id);
    if (!to->id || !to->type || (from->description && !to->description) ||
        (!nameless && !to->queue))
        return fail(e, MSGFLO_NOMEM, "no memory for port '%s'", from->id);
    if (to->queue && strlen(to->queue) > QUEUE_NAME_MAX)
        return fail(e, MSGFLO_INVALID, "port '%s': the queue's name is longer than %d bytes",
                    from->id, QUEUE_NAME_MAX);
    return 0;
}

static int copy_ports(const struct msgflo_port *from, size_t n, const char *role, struct port **ret,
                      size_t *ret_count, struct msgflo_error *e)
{
    if (n == 0)
        return 0;
    *ret = calloc(n, sizeof **ret);
    if (!*ret)
        return fail(e, MSGFLO_NOMEM, "no memory for %zu ports", n);
    *ret_count = n;
    for (size_t i = 0; i < n; i++)
        if (check_port(from, i, e) || copy_port(&from[i], role, &(*ret)[i], e))
            return -1;
    return 0;
}

int definition_copy(const struct msgflo_definition *from, const char *role, struct definition *ret,
                    struct msgflo_error *e)
{
    struct definition d = {0};

    if (!is_named(from->component))
        return fail(e, MSGFLO_INVALID, "the definition names no component");
    if (!is_named(role))
        return fail(e, MSGFLO_INVALID, "no role for '%s'", from->component);
    d.component = strdup(from->component);
    d.label = strdup(from->label ? from->label : "");
    d.icon = strdup(from->icon ? from->icon : "cog");
    d.role = strdup(role);
    if (!d.component || !d.label || !d.icon || !d.role) {
        fail(e, MSGFLO_NOMEM, "no memory for the definition of '%s'", from->component);
        goto failed;
    }
    if (copy_ports(from->inports, from->inport_count, role, &d.inports, &d.inport_count, e) ||
        copy_ports(from->outports, from->outport_count, role, &d.outports, &d.outport_count, e))
        goto failed;
    *ret = d;
    return 0;
failed:
    definition_release(&d);
    return -1;
}

static void release_ports(struct port *ports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(ports[i].id);
        free(ports[i].type);
        free(ports[i].description);
        free(ports[i].queue);
    }
    free(ports);
}

void definition_release(struct definition *d)
{
    free(d->component);
    free(d->label);
    free(d->icon);
    free(d->role);
    release_ports(d->inports, d->inport_count);
    release_ports(d->outports, d->outport_count);
    memset(d, 0, sizeof *d);
}
