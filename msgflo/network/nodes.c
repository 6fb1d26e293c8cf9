/*
 * nodes.c - the processes we start for nodes, and how each node is shown: by an icon that tells
 * whether its role is there.
 */
#include <string.h>

#include "network/coordinator_state.h"

#define ICON_ALIVE "cog" /* where the participant names none; these are Font Awesome 4 names */
#define ICON_PENDING "clock-o"
#define ICON_STALE "question-circle"
#define ICON_GONE "unlink"

/* --- processes of ours -------------------------------------------------------------------- */

static void staff_free_one(struct staff *s)
{
    if (!s)
        return;
    free(s->role);
    free(s->component);
    free(s);
}

void staff_free(struct coordinator *c)
{
    for (struct staff *s = c->staff, *next; s; s = next) {
        next = s->next;
        staff_free_one(s);
    }
}

static struct staff *find_staff(const struct coordinator *c, const char *role)
{
    for (struct staff *s = c->staff; s; s = s->next)
        if (strcmp(s->role, role) == 0)
            return s;
    return NULL;
}

bool staff_has(const struct coordinator *c, const char *role)
{
    return find_staff(c, role) != NULL;
}

static bool is_ignored(const struct coordinator *c, const char *role)
{
    for (size_t i = 0; i < c->n_ignored; i++)
        if (strcmp(c->ignored[i], role) == 0)
            return true;
    return false;
}

static bool can_start(const struct coordinator *c, const struct graph_node *node)
{
    return c->library && !component_is_routing(node->component) && !is_ignored(c, node->name) &&
           library_find(c->library, node->component);
}

/* A role becomes a word of a command: a client must not be able to make several of it, or an
 * option. */
static bool is_plain_word(const char *role)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789._/:@+-";

    return role[0] != '-' && role[strspn(role, plain)] == '\0';
}

static int start_process(struct coordinator *c, const struct live_graph *lg,
                         const struct graph_node *node, struct err *e)
{
    AUTO(buf_release) struct buf command = BUF_INIT;

    if (!is_plain_word(node->name))
        return err_set(e, ERR_INPUT,
                       "a node whose participant is started has a name of letters, digits and "
                       "._/:@+-");
    if (library_command(c->library, lg->g, node, &command, e))
        return -1;
    return c->act.child_start(c->user, node->name, command.data, e);
}

/* It stays in the list even if it could not be started, so as not to be tried again and again. */
static void start_one(struct coordinator *c, struct live_graph *lg, const struct graph_node *node)
{
    struct staff *s = calloc(1, sizeof(*s));
    struct err e = ERR_INIT;

    if (!s)
        return;
    s->role = strdup(node->name);
    s->component = strdup(node->component);
    if (!s->role || !s->component) {
        staff_free_one(s);
        return;
    }
    s->wanted = true;
    s->next = c->staff;
    c->staff = s;
    lg->settled_ms = c->now_ms + COORDINATOR_SETTLE_MS;
    if (start_process(c, lg, node, &e))
        nodes_process_error(c, node->name, e.text);
}

static void want_staff(struct coordinator *c, struct live_graph *lg, bool start)
{
    for (size_t i = 0; i < lg->g->n_nodes; i++) {
        const struct graph_node *node = &lg->g->nodes[i];
        struct staff *s = find_staff(c, node->name);

        if (!can_start(c, node))
            continue;
        if (!s && start)
            start_one(c, lg, node);
        else if (s && strcmp(s->component, node->component) == 0)
            s->wanted = true;
    }
}

/* First those that are no longer wanted end, so that a node may come back as another component. */
void staff_settle(struct coordinator *c)
{
    for (struct staff *s = c->staff; s; s = s->next)
        s->wanted = false;
    for (struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (!lg->is_halted)
            want_staff(c, lg, false);
    for (struct staff **at = &c->staff, *s; (s = *at);) {
        if (s->wanted) {
            at = &s->next;
            continue;
        }
        c->act.child_stop(c->user, s->role);
        role_forget(c, s->role);
        *at = s->next;
        staff_free_one(s);
    }
    for (struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (!lg->is_halted)
            want_staff(c, lg, true);
}

/* --- how nodes are shown ------------------------------------------------------------------- */

/* NULL: nothing to tell yet, since we have just started it. */
static const char *node_icon(const struct coordinator *c, const struct graph_node *node)
{
    const struct participant *p = seen_role(c->seen, node->name, c->heard_ms);

    if (p && participant_is_stale(p, c->heard_ms))
        return ICON_STALE;
    if (p)
        return p->icon ? p->icon : ICON_ALIVE;
    if (role_known(c, node->name))
        return ICON_GONE;
    return staff_has(c, node->name) ? NULL : ICON_PENDING;
}

static json_t *icon_payload(const struct live_graph *lg, const char *node, const char *icon)
{
    return json_pack("{s:s, s:s, s:s}", "id", node, "icon", icon, "graph", lg->id);
}

static void show_one(struct coordinator *c, const struct live_graph *lg,
                     const struct graph_node *node, json_t *now_shown)
{
    const char *icon = node_icon(c, node), *before;
    AUTO(buf_release) struct buf key = BUF_INIT;

    buf_printf(&key, "%s %s", lg->id, node->name);
    if (key.failed)
        return;
    before = payload_text(c->shown, key.data);
    if (!icon)
        icon = before;
    if (!icon)
        return;
    if (!before || strcmp(before, icon) != 0)
        tell_all(c, "network", "icon", icon_payload(lg, node->name, icon), NULL, NULL);
    json_object_set_new(now_shown, key.data, json_string(icon));
}

void nodes_show(struct coordinator *c)
{
    json_t *now_shown = json_object();

    for (const struct live_graph *lg = c->graphs; now_shown && lg; lg = lg->next)
        for (size_t i = 0; i < lg->g->n_nodes; i++)
            if (!component_is_routing(lg->g->nodes[i].component))
                show_one(c, lg, &lg->g->nodes[i], now_shown);
    json_decref(c->shown);
    c->shown = now_shown;
}

void nodes_show_to(struct coordinator *c, const struct client *to, const struct live_graph *lg)
{
    for (size_t i = 0; i < lg->g->n_nodes; i++) {
        const struct graph_node *node = &lg->g->nodes[i];
        const char *icon = component_is_routing(node->component) ? NULL : node_icon(c, node);

        if (icon)
            tell(c, to, "network", "icon", icon_payload(lg, node->name, icon), NULL);
    }
}

void nodes_process_error(struct coordinator *c, const char *role, const char *text)
{
    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (graph_node(lg->g, role))
            tell_all(c, "network", "processerror",
                     json_pack("{s:s, s:o, s:s}", "id", role, "error", protocol_string(text),
                               "graph", lg->id),
                     NULL, NULL);
}
