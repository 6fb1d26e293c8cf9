/*
 * wires.c - the bindings that the started graphs ask for, held against those we have made. A wire
 * that is wanted no longer waits for a successor before it is unbound (coordinator.h).
 */
#include <string.h>

#include "network/coordinator_state.h"

static void wire_free(struct wire *w)
{
    free(w->b.src);
    free(w->b.tgt);
    free(w);
}

void wires_free(struct coordinator *c)
{
    for (struct wire *w = c->wires, *next; w; w = next) {
        next = w->next;
        wire_free(w);
    }
}

static struct wire *find_wire(const struct coordinator *c, enum binding_kind kind, const char *src,
                              const char *tgt)
{
    for (struct wire *w = c->wires; w; w = w->next)
        if (w->b.kind == kind && strcmp(w->b.src, src) == 0 && strcmp(w->b.tgt, tgt) == 0)
            return w;
    return NULL;
}

static struct wire *add_wire(struct coordinator *c, enum binding_kind kind, const char *src,
                             const char *tgt)
{
    struct wire **end = &c->wires, *w = calloc(1, sizeof(*w));

    if (!w)
        return NULL;
    w->b = (struct binding){kind, strdup(src), strdup(tgt)};
    if (!w->b.src || !w->b.tgt) {
        wire_free(w);
        return NULL;
    }
    while (*end)
        end = &(*end)->next;
    *end = w;
    return w;
}

/* One of binding_fn. Where both ends are the same queue, they are connected as they are. */
static void want(void *user, enum binding_kind kind, const char *src, const char *tgt)
{
    struct coordinator *c = user;
    struct wire *w;

    if (!src || !tgt || (kind != BINDING_DEADLETTER && strcmp(src, tgt) == 0))
        return;
    w = find_wire(c, kind, src, tgt);
    if (!w)
        w = add_wire(c, kind, src, tgt);
    if (w)
        w->wanted = true;
}

static bool is_leaving(const struct wire *w)
{
    return !w->wanted && w->state == WIRE_ASKED && !w->moving;
}

/* Whether no other wire of ours carries what the source sends. */
static bool is_alone(const struct coordinator *c, const struct wire *from, const struct wire *to)
{
    for (const struct wire *w = c->wires; w; w = w->next)
        if (w != from && w != to && w->b.kind != BINDING_DEADLETTER &&
            strcmp(w->b.src, from->b.src) == 0)
            return false;
    return true;
}

static void drop_wire(struct coordinator *c, struct wire *gone)
{
    struct wire **at = &c->wires;

    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    wire_free(gone);
}

static void asked(struct coordinator *c, struct wire *w, uint64_t command)
{
    if (!command) {
        c->must_retry = true;
        return;
    }
    w->state = WIRE_ASKED;
    w->command = command;
}

/* The wire that is moved away from is kept until the move is done: it may fail. */
static void move_or_bind(struct coordinator *c, struct wire *to)
{
    struct wire *from = c->wires;

    while (from &&
           !(is_leaving(from) && from->b.kind == to->b.kind && strcmp(from->b.src, to->b.src) == 0))
        from = from->next;
    if (!from) {
        asked(c, to, c->act.bind(c->user, &to->b));
        return;
    }
    asked(c, to, c->act.move(c->user, &from->b, &to->b, is_alone(c, from, to)));
    if (to->state != WIRE_ASKED)
        return;
    from->moving = true;
    from->command = to->command;
}

/* While a move is under way both its ends stay: were the new one unbound right after it, the source
 * would lose what comes before the old one, wanted again, is bound. */
static bool is_being_moved(const struct coordinator *c, const struct wire *w)
{
    for (const struct wire *from = c->wires; w->command && from; from = from->next)
        if (from->moving && from->command == w->command)
            return true;
    return false;
}

static void remove_unwanted(struct coordinator *c, int64_t grace_ms)
{
    for (struct wire *w = c->wires, *next; w; w = next) {
        next = w->next;
        if (w->wanted || is_being_moved(c, w))
            continue;
        if (w->state != WIRE_ASKED && !w->bound) {
            drop_wire(c, w);
            continue;
        }
        if (!w->unbind_ms)
            w->unbind_ms = c->now_ms + grace_ms;
        if (w->unbind_ms > c->now_ms)
            continue;
        if (c->act.unbind(c->user, &w->b))
            drop_wire(c, w);
        else
            c->must_retry = true;
    }
}

void wires_settle(struct coordinator *c, int64_t grace_ms)
{
    for (struct wire *w = c->wires; w; w = w->next)
        w->wanted = false;
    for (const struct live_graph *lg = c->graphs; lg; lg = lg->next)
        if (lg->started)
            each_binding(c, lg->g, want, c);
    for (struct wire *w = c->wires; w; w = w->next) {
        if (!w->wanted)
            continue;
        w->unbind_ms = 0;
        if (w->state == WIRE_NEW || (w->state == WIRE_REFUSED && w->retry_ms <= c->now_ms))
            move_or_bind(c, w);
    }
    remove_unwanted(c, grace_ms);
}

/* The move away from it has ended. After a failed one it stays until the other had another try. */
static void moved_away(struct coordinator *c, struct wire *w, const struct err *e)
{
    w->moving = false;
    c->due_ms = c->now_ms; /* what waited for the move */
    if (e) {
        w->state = WIRE_REFUSED; /* no second move starts from it */
        w->bound = true;
        w->unbind_ms = c->now_ms + COORDINATOR_RETRY_MS + COORDINATOR_GRACE_MS;
    } else if (w->wanted) { /* again, meanwhile */
        w->state = WIRE_NEW;
    } else {
        drop_wire(c, w);
    }
}

static void refused(struct coordinator *c, struct wire *w, const struct err *e)
{
    w->state = WIRE_REFUSED;
    w->retry_ms = c->now_ms + COORDINATOR_RETRY_MS;
    if (!w->told)
        tell_error(c, NULL, "%s -> %s is not bound: %s", w->b.src, w->b.tgt, e->text);
    w->told = true;
}

/* A move is the command of two wires. */
bool wires_done(struct coordinator *c, uint64_t command, const struct err *e)
{
    bool found = false;

    for (struct wire *w = c->wires, *next; w; w = next) {
        next = w->next;
        if (w->command != command)
            continue;
        found = true;
        w->command = 0;
        if (w->moving)
            moved_away(c, w, e);
        else if (e)
            refused(c, w, e);
        else
            w->bound = true;
    }
    return found;
}

static bool has_queue(const struct seen_port *ports, size_t n, const char *queue)
{
    for (size_t i = 0; i < n; i++)
        if (ports[i].queue && strcmp(ports[i].queue, queue) == 0)
            return true;
    return false;
}

static bool is_of(const struct wire *w, const struct participant *p)
{
    return has_queue(p->inports, p->n_inports, w->b.tgt) ||
           has_queue(p->inports, p->n_inports, w->b.src) ||
           has_queue(p->outports, p->n_outports, w->b.src);
}

void wires_bind_again(struct coordinator *c, const struct participant *p)
{
    for (struct wire *w = c->wires; w; w = w->next)
        if (w->wanted && !w->command && (!p || w->state == WIRE_REFUSED || is_of(w, p)))
            w->state = WIRE_NEW;
}

/* One of binding_fn: turns *user false for an edge that is not made. */
struct made {
    const struct coordinator *c;
    bool all;
};

static void check_made(void *user, enum binding_kind kind, const char *src, const char *tgt)
{
    struct made *made = user;
    const struct wire *w = src && tgt ? find_wire(made->c, kind, src, tgt) : NULL;

    if (src && tgt && strcmp(src, tgt) == 0)
        return;
    if (!w || w->state == WIRE_NEW)
        made->all = false;
}

bool wires_are_made(const struct coordinator *c, const struct graph *g)
{
    struct made made = {c, true};

    each_binding(c, g, check_made, &made);
    return made.all;
}

int64_t wires_due_ms(const struct coordinator *c, int64_t at)
{
    for (const struct wire *w = c->wires; w; w = w->next) {
        if (w->unbind_ms && !is_being_moved(c, w) && w->unbind_ms < at)
            at = w->unbind_ms;
        if (w->state == WIRE_REFUSED && w->retry_ms < at)
            at = w->retry_ms;
    }
    return at;
}
