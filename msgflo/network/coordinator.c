/*
 * coordinator.c - the events and the order in which what follows from them is worked out. See the
 * design notes of the header.
 */
#include "network/coordinator.h"

#include <string.h>

#include "network/coordinator_state.h"

#define TICK_MS 1000 /* participants fall silent without an event */
#define RETRY_SOON_MS 100

/* --- life -------------------------------------------------------------------------------- */

static void live_graph_free(struct live_graph *lg)
{
    if (!lg)
        return;
    free(lg->id);
    graph_free(lg->g);
    free(lg);
}

void coordinator_free(struct coordinator *c)
{
    if (!c)
        return;
    packets_free(c);
    watches_free(c);
    wires_free(c);
    staff_free(c);
    clients_free(c);
    for (struct live_graph *lg = c->graphs, *next; lg; lg = next) {
        next = lg->next;
        live_graph_free(lg);
    }
    for (size_t i = 0; i < c->n_known; i++)
        participant_free(c->known[i]);
    free(c->known);
    seen_free(c->seen);
    json_decref(c->components);
    json_decref(c->shown);
    for (size_t i = 0; i < c->n_ignored; i++)
        free(c->ignored[i]);
    free(c->ignored);
    free(c->runtime_id);
    free(c->label);
    free(c->name_space);
    free(c->repository);
    free(c->secret);
    free(c->secret_read_only);
    free(c);
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_options(struct coordinator *c, const struct coordinator_options *options)
{
    c->library = options->library;
    c->wall_offset_ms = options->wall_offset_ms;
    c->ignored = calloc(options->n_ignored ? options->n_ignored : 1, sizeof(*c->ignored));
    for (size_t i = 0; c->ignored && i < options->n_ignored; i++)
        if (!copy_text(&c->ignored[c->n_ignored++], options->ignored[i]))
            return false;
    return c->ignored && copy_text(&c->runtime_id, options->runtime_id) &&
           copy_text(&c->label, options->label) && copy_text(&c->name_space, options->name_space) &&
           copy_text(&c->repository, options->repository) &&
           copy_text(&c->secret, options->secret) &&
           copy_text(&c->secret_read_only, options->secret_read_only);
}

/* g is taken. */
static struct live_graph *add_graph(struct coordinator *c, const char *id, struct graph *g)
{
    struct live_graph **end = &c->graphs, *lg = calloc(1, sizeof(*lg));

    if (lg) {
        lg->g = g ? g : graph_new();
        lg->id = strdup(id);
    } else {
        graph_free(g);
    }
    if (!lg || !lg->g || !lg->id) {
        live_graph_free(lg);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    *end = lg;
    return lg;
}

int coordinator_new(const struct coordinator_options *options,
                    const struct coordinator_actions *actions, void *user, struct graph *main_take,
                    int64_t now_ms, struct coordinator **ret, struct err *e)
{
    struct coordinator *c = calloc(1, sizeof(*c));
    struct live_graph *lg = NULL;

    if (!c) {
        graph_free(main_take);
        return err_set(e, ERR_NOMEM, "no memory for a coordinator");
    }
    c->act = *actions;
    c->user = user;
    c->now_ms = now_ms;
    c->seen = seen_new();
    c->components = json_object();
    c->shown = json_object();
    lg = add_graph(c, COORDINATOR_MAIN_GRAPH, main_take);
    if (!lg || !c->seen || !c->components || !c->shown || !copy_options(c, options)) {
        coordinator_free(c);
        return err_set(e, ERR_NOMEM, "no memory for a coordinator");
    }
    lg->is_main = true;
    network_start(c, lg);
    *ret = c;
    return 0;
}

const struct graph *coordinator_main(const struct coordinator *c)
{
    return c->graphs->g;
}

/* --- graphs ------------------------------------------------------------------------------ */

struct live_graph *find_graph(const struct coordinator *c, const char *id)
{
    for (struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (strcmp(lg->id, id) == 0)
            return lg;
    return NULL;
}

static size_t count_graphs(const struct coordinator *c)
{
    size_t n = 0;

    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next)
        n++;
    return n;
}

/* What graph:clear has emptied, whose client has gone: the protocol has no other end of a graph. */
static bool is_given_up(const struct coordinator *c, const struct live_graph *lg)
{
    return !lg->is_main && lg->g->n_nodes == 0 && !find_client(c, lg->creator);
}

static void make_room(struct coordinator *c)
{
    struct live_graph **at = &c->graphs, *gone;

    while (*at && !is_given_up(c, *at))
        at = &(*at)->next;
    gone = *at;
    if (!gone)
        return;
    *at = gone->next;
    live_graph_free(gone);
}

struct live_graph *put_graph(struct coordinator *c, const char *id, uint64_t creator, struct err *e)
{
    struct live_graph *lg = find_graph(c, id);
    struct graph *g = NULL;

    if (!lg && count_graphs(c) >= COORDINATOR_MAX_GRAPHS)
        make_room(c);
    if (!lg && count_graphs(c) >= COORDINATOR_MAX_GRAPHS) {
        err_set(e, ERR_LIMIT, "more than %d graphs", COORDINATOR_MAX_GRAPHS);
        return NULL;
    }
    if (lg) {
        g = graph_new();
        if (g) {
            graph_free(lg->g);
            lg->g = g;
            lg->started = lg->is_main;
            lg->is_halted = false;
        }
    } else {
        lg = add_graph(c, id, NULL);
        g = lg ? lg->g : NULL;
    }
    if (!g) {
        err_set(e, ERR_NOMEM, "no memory for a graph");
        return NULL;
    }
    lg->creator = creator;
    return lg;
}

/* --- what follows from an event ------------------------------------------------------------ */

/* Participants are not held to have fallen silent while there was no broker to hear them by. */
void set_now(struct coordinator *c, int64_t now_ms)
{
    if (c->is_connected)
        c->heard_ms += now_ms - c->now_ms;
    c->now_ms = now_ms;
}

/* In this order: an edge is bound, and its data watched, before a packet sets anything off. */
void coordinator_settle(struct coordinator *c, int64_t grace_ms)
{
    c->must_retry = false;
    staff_settle(c);
    wires_settle(c, grace_ms);
    watches_settle(c);
    packets_settle(c);
    nodes_show(c);
    c->due_ms = packets_due_ms(c, watches_due_ms(c, wires_due_ms(c, c->now_ms + TICK_MS)));
    if (c->must_retry || c->due_ms <= c->now_ms)
        c->due_ms = c->now_ms + RETRY_SOON_MS;
}

void coordinator_settle_soon(struct coordinator *c)
{
    c->due_ms = c->now_ms;
}

/* --- clients ----------------------------------------------------------------------------- */

static const char *error_protocol(const char *protocol)
{
    static const char *const known[] = {"runtime", "graph", "component", "network"};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (strcmp(known[i], protocol) == 0)
            return protocol;
    return "runtime";
}

static int check_access(const struct coordinator *c, struct client *client,
                        const struct protocol_message *m, struct err *e)
{
    enum protocol_access access = access_of(c, m->secret);

    if (access > client->access)
        client->access = access; /* from now on it is told what happens */
    if (access >= m->needs)
        return 0;
    return err_set(e, ERR_INPUT,
                   access == ACCESS_NONE ? "the secret is missing or wrong"
                                         : "this secret allows to look, not to change anything");
}

void coordinator_message(struct coordinator *c, uint64_t id, const char *text, size_t len,
                         int64_t now_ms)
{
    AUTO(protocol_release) struct protocol_message m = {0};
    struct client *client = find_client(c, id);
    struct err e = ERR_INIT;

    if (!client)
        return;
    set_now(c, now_ms);
    if (protocol_parse(text, len, &m, &e) || check_access(c, client, &m, &e) ||
        run_command(c, client, &m, &e))
        tell(c, client, error_protocol(m.protocol), "error", protocol_error(e.text), m.request_id);
    coordinator_settle_soon(c);
}

/* There can be many of these: a slow client is spared some. */
void coordinator_output(struct coordinator *c, const char *role, const char *line, int64_t now_ms)
{
    AUTO(buf_release) struct buf message = BUF_INIT;
    AUTO(text_freep) char *text = NULL;

    set_now(c, now_ms);
    buf_printf(&message, "%s: %s", role, line);
    if (!message.failed)
        text = protocol_text(
            "network", "output",
            json_pack("{s:o, s:s}", "message", protocol_string(message.data), "type", "message"),
            NULL);
    for (const struct client *client = c->clients; text && client; client = client->next)
        if (client->access >= ACCESS_READ)
            c->act.to_client(c->user, client->id, text, strlen(text), true);
}

void coordinator_child_ended(struct coordinator *c, const char *role, const char *text,
                             const char *last_stderr, int64_t now_ms)
{
    AUTO(buf_release) struct buf error = BUF_INIT;

    set_now(c, now_ms);
    buf_text(&error, text);
    if (last_stderr && *last_stderr)
        buf_printf(&error, "\n%s", last_stderr);
    nodes_process_error(c, role, error.failed ? text : error.data);
}

/* --- the broker -------------------------------------------------------------------------- */

void coordinator_connected(struct coordinator *c, int64_t now_ms)
{
    set_now(c, now_ms);
    c->is_connected = true;
    wires_bind_again(c, NULL);
    coordinator_settle_soon(c);
}

static json_t *broker_away(const char *why)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "the broker is away: %s", why);
    return protocol_error(text.failed ? why : text.data);
}

void coordinator_disconnected(struct coordinator *c, const char *why, int64_t now_ms)
{
    set_now(c, now_ms);
    c->is_connected = false;
    tell_all(c, "network", "error", broker_away(why), NULL, NULL);
}

void coordinator_done(struct coordinator *c, uint64_t command, const struct err *e, int64_t now_ms)
{
    set_now(c, now_ms);
    if ((wires_done(c, command, e) || watches_done(c, command, e) || packets_done(c, command, e)) &&
        e)
        coordinator_settle_soon(c);
}

/* --- participants ------------------------------------------------------------------------ */

static bool is_wanted(const struct coordinator *c, const char *role)
{
    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (graph_node(lg->g, role))
            return true;
    return false;
}

/* The last process of a role of ours has gone: its ports are remembered. */
static void keep_known(struct coordinator *c, struct participant *p_take)
{
    struct participant **grown;

    role_known_drop(c, p_take->role);
    grown = reallocarray(c->known, c->n_known + 1, sizeof(struct participant *));
    if (!grown) {
        participant_free(p_take);
        return;
    }
    c->known = grown;
    c->known[c->n_known++] = p_take;
}

static void take_gone(struct coordinator *c)
{
    struct participant *p;

    while ((p = seen_take_gone(c->seen, c->heard_ms))) {
        if (seen_role(c->seen, p->role, c->heard_ms) || !is_wanted(c, p->role)) {
            participant_free(p);
            continue;
        }
        keep_known(c, p);
        nodes_process_error(c, p->role, "no process of this role has been heard of for long");
    }
}

static void heard(struct coordinator *c, const struct participant *p, enum seen_change change)
{
    if (change == SEEN_SAME) {
        nodes_show(c); /* it may have been stale */
        return;
    }
    role_known_drop(c, p->role);
    components_heard(c, p);
    wires_bind_again(c, p);
    watches_try_again(c);
    if (change == SEEN_NEW)
        packets_of_process(c, p);
    coordinator_settle_soon(c);
}

int coordinator_discovered(struct coordinator *c, const char *text, size_t len, int64_t now_ms,
                           struct err *e)
{
    struct participant *p;
    enum seen_change change;

    set_now(c, now_ms);
    if (participant_parse(text, len, &p, e) || seen_heard(c->seen, p, c->heard_ms, &change, e))
        return -1;
    heard(c, p, change);
    return 0;
}

void coordinator_observed(struct coordinator *c, const char *outport, const char *body, size_t size,
                          int64_t now_ms)
{
    set_now(c, now_ms);
    watches_observed(c, outport, body, size);
}

/* --- time -------------------------------------------------------------------------------- */

void coordinator_tick(struct coordinator *c, int64_t now_ms)
{
    set_now(c, now_ms);
    if (now_ms < c->due_ms)
        return;
    take_gone(c);
    coordinator_settle(c, COORDINATOR_GRACE_MS);
}

int coordinator_timeout_ms(const struct coordinator *c, int64_t now_ms)
{
    return c->due_ms > now_ms ? (int)(c->due_ms - now_ms) : 0;
}
