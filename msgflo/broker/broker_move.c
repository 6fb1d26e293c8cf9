#include "broker/broker_move.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/uuid.h"

#define HELD_PREFIX "msgflo-held-"
#define POLICY_MS 10000 /* for a policy to apply, or to be gone */
#define POLICY_LOOK_MS 20

/* ---- names ---- */

/* 0, or -1: the target's name leaves no room. */
static int name_held(const char *target, char ret[TOPOLOGY_MAX_NAME + 1])
{
    char id[UUID_SIZE];
    int len;

    uuid_make(id);
    len = snprintf(ret, TOPOLOGY_MAX_NAME + 1, HELD_PREFIX "%s-%s", id, target);
    return len > TOPOLOGY_MAX_NAME ? -1 : 0;
}

/* The target of what is held under that name, and when that began; NULL: it is none of ours. */
static const char *held_for(const char *name, int64_t *ret_since_wall_ms)
{
    const char *id = name + strlen(HELD_PREFIX);
    char high[9], low[5];

    if (strncmp(name, HELD_PREFIX, strlen(HELD_PREFIX)) != 0 || strlen(id) < UUID_SIZE ||
        id[UUID_SIZE - 1] != '-')
        return NULL;
    snprintf(high, sizeof(high), "%.8s", id);
    snprintf(low, sizeof(low), "%.4s", id + 9);
    *ret_since_wall_ms =
        (int64_t)(strtoull(high, NULL, 16) << 16) + (int64_t)strtoull(low, NULL, 16);
    return id + UUID_SIZE;
}

/* ---- the policy ---- */

/* The management API has no way to wait: so it is asked again, with a little time between. */
static int await_policy(struct management *m, const char *policy, const char *exchange, bool wanted,
                        struct err *e)
{
    const struct timespec a_little = {0, POLICY_LOOK_MS * 1000000L};
    int64_t deadline_mono_ms = clock_mono_ms() + POLICY_MS;
    bool applies;

    for (;;) {
        if (management_policy_applies(m, policy, exchange, &applies, e))
            return -1;
        if (applies == wanted)
            return 0;
        if (clock_until_ms(deadline_mono_ms) == 0)
            return err_set(e, ERR_UNAVAILABLE, "RabbitMQ is slow to apply a policy");
        nanosleep(&a_little, NULL);
    }
}

static int remove_policy(struct management *m, const char *policy, const char *exchange,
                         struct err *e)
{
    bool was_there;

    return management_remove_policy(m, policy, &was_there, e) ||
                   await_policy(m, policy, exchange, false, e)
               ? -1
               : 0;
}

/* ---- the exact move ---- */

static enum broker_move_end not_exact(const struct err *why, struct err *e)
{
    err_set(e, why->code, "%s", why->text);
    return BROKER_MOVE_NOT_EXACT;
}

/* A refused step changed nothing; after any other the connection is of no use. */
static enum broker_move_end end_of(const struct err *why, struct err *e)
{
    err_set(e, why->code, "%s", why->text);
    return why->code == ERR_INPUT ? BROKER_MOVE_NOT_EXACT : BROKER_MOVE_FAILED;
}

/* 0: nothing else would take the messages of the gap. */
static int check_alone(struct management *m, const char *exchange, size_t at_least, struct err *e)
{
    AUTO(link_list_release) struct link_list there = {0};

    if (management_bindings_of(m, exchange, &there, e))
        return -1;
    if (there.n < at_least || there.n > 1)
        return err_set(e, ERR_INPUT, "exchange '%s' has %zu bindings", exchange, there.n);
    return 0;
}

static int check(struct broker *b, struct management *m, const struct binding *from,
                 const struct binding *to, struct broker_move *move, struct err *e)
{
    struct broker_queue_state state;

    if (from->kind != BINDING_PUBSUB || to->kind != BINDING_PUBSUB ||
        strcmp(from->src, to->src) != 0)
        return err_set(e, ERR_INPUT, "only an edge of one source can be moved exactly");
    if (broker_queue_state(b, to->tgt, &state, e) || check_alone(m, from->src, 1, e))
        return -1;
    if (name_held(to->tgt, move->held)) {
        move->held[0] = '\0';
        return err_set(e, ERR_INPUT, "the name '%s' is too long", to->tgt);
    }
    return 0;
}

/* From here on the exchange loses nothing while it is unbound; unless another one has come to look
 * on meanwhile. The management API's failures are told apart from the broker's: *ret_back, what was
 * begun must be taken back. */
static int begin_to_hold(struct broker *b, struct management *m, const char *exchange,
                         const char *held, bool *ret_back, struct err *e)
{
    *ret_back = false;
    if (broker_hold(b, held, e))
        return -1;
    *ret_back = true;
    return management_set_alternate(m, held, exchange, held, e) ||
                   await_policy(m, held, exchange, true, e) || check_alone(m, exchange, 0, e)
               ? -1
               : 0;
}

static int send_on_what_is_held(struct broker *b, struct management *m, const char *exchange,
                                const char *held, const char *target, struct buf *warnings,
                                struct err *e)
{
    struct err why = ERR_INIT;

    if (remove_policy(m, held, exchange, &why)) {
        buf_printf(warnings,
                   "the policy %s could not be removed yet (%s); messages for '%s' may wait in the "
                   "queue of that name until it is\n",
                   held, why.text, target);
        return 0;
    }
    if (broker_release_held(b, held, target, &why) == 0)
        return 0;
    buf_printf(warnings, "messages for '%s' wait in queue '%s': %s\n", target, held, why.text);
    return why.code == ERR_INPUT ? 0 : err_set(e, why.code, "%s", why.text);
}

static enum broker_move_end rebind(struct broker *b, struct management *m,
                                   const struct binding *from, const struct binding *to,
                                   struct broker_move *move, struct buf *warnings, struct err *e)
{
    struct err why = ERR_INIT;
    bool refused;

    if (broker_unbind(b, from, e))
        return BROKER_MOVE_FAILED;
    refused = broker_bind(b, to, warnings, &why) != 0;
    if (refused && (why.code != ERR_INPUT || broker_bind(b, from, warnings, e))) {
        err_set(e, why.code, "%s", why.text);
        return BROKER_MOVE_FAILED;
    }
    if (send_on_what_is_held(b, m, from->src, move->held, refused ? from->tgt : to->tgt, warnings,
                             e))
        return BROKER_MOVE_FAILED;
    move->held[0] = '\0';
    if (!refused)
        return BROKER_MOVED;
    err_set(e, why.code, "%s", why.text);
    return BROKER_MOVE_FAILED;
}

/* Nothing has been moved, or it was by a try before: then the old edge has to be there again before
 * what holds is taken away. Where that cannot be, it goes on holding until it is swept. */
static int take_back(struct broker *b, struct management *m, const struct binding *from,
                     bool may_be_unbound, struct broker_move *move, struct buf *warnings,
                     struct err *e)
{
    struct err why = ERR_INIT;

    if (may_be_unbound && broker_bind(b, from, warnings, &why))
        return why.code == ERR_INPUT ? 0 : err_set(e, why.code, "%s", why.text);
    if (send_on_what_is_held(b, m, from->src, move->held, from->tgt, warnings, e))
        return -1;
    move->held[0] = '\0';
    return 0;
}

enum broker_move_end broker_move_exactly(struct broker *b, struct management *m,
                                         const struct binding *from, const struct binding *to,
                                         struct broker_move *move, struct buf *warnings,
                                         struct err *e)
{
    struct err why = ERR_INIT, cause = ERR_INIT;
    bool again = move->held[0] != '\0', back;

    if (!again && check(b, m, from, to, move, &why))
        return not_exact(&why, e);
    if (begin_to_hold(b, m, from->src, move->held, &back, &why) == 0)
        return rebind(b, m, from, to, move, warnings, e);
    if (!back)
        return end_of(&why, e);
    if (take_back(b, m, from, again, move, warnings, &cause))
        return end_of(&cause, e);
    return not_exact(&why, e);
}

int broker_move_overlapping(struct broker *b, const struct binding *from, const struct binding *to,
                            struct buf *warnings, struct err *e)
{
    return broker_bind(b, to, warnings, e) || broker_unbind(b, from, e) ? -1 : 0;
}

/* ---- what was left behind ---- */

/* Whether anything takes what the exchange gets; observers do not count. One that is gone gets
 * nothing. */
static int is_bound(struct management *m, const char *exchange, bool *ret, struct err *e)
{
    AUTO(link_list_release) struct link_list there = {0};
    struct err why = ERR_INIT;

    *ret = true;
    if (management_bindings_of(m, exchange, &there, &why))
        return why.code == ERR_INPUT ? 0 : err_set(e, why.code, "%s", why.text);
    *ret = false;
    for (size_t i = 0; i < there.n; i++)
        *ret |= strncmp(there.links[i].destination, BROKER_WATCH_PREFIX,
                        strlen(BROKER_WATCH_PREFIX)) != 0;
    return 0;
}

/* A move that ended between the unbinding and the binding holds on: what it holds would be lost.
 * Whoever binds the exchange may need long, as its participants are not announced at once. */
static int sweep_policy(struct management *m, const struct link *alternate, struct buf *warnings,
                        struct err *e)
{
    bool bound, was_there;

    if (is_bound(m, alternate->source, &bound, e))
        return -1;
    if (bound)
        return management_remove_policy(m, alternate->destination, &was_there, e);
    buf_printf(warnings,
               "a move of the edge from '%s' was cut off: what comes is held in queue '%s' until "
               "that edge is bound\n",
               alternate->source, alternate->destination);
    return 0;
}

/* Each is to be looked at again: it is young, or holds on, or has its queue left. */
static int sweep_policies(struct management *m, const struct link_list *alternates,
                          int64_t min_age_ms, bool *ret_more, struct buf *warnings, struct err *e)
{
    int64_t since_wall_ms;

    for (size_t i = 0; i < alternates->n; i++) {
        if (!held_for(alternates->links[i].destination, &since_wall_ms))
            continue;
        *ret_more = true;
        if (clock_wall_ms() - since_wall_ms >= min_age_ms &&
            sweep_policy(m, &alternates->links[i], warnings, e))
            return -1;
    }
    return 0;
}

static bool is_alternate(const struct link_list *alternates, const char *name)
{
    for (size_t i = 0; i < alternates->n; i++)
        if (strcmp(alternates->links[i].destination, name) == 0)
            return true;
    return false;
}

/* The queue goes at the sweep after its policy's: who knows how soon the broker heeds that. */
static int sweep_queue(struct broker *b, struct management *m, const char *held, const char *target,
                       bool *ret_more, struct buf *warnings, struct err *e)
{
    struct err why = ERR_INIT;
    bool was_there;

    if (management_remove_policy(m, held, &was_there, &why) == 0) {
        if (was_there) {
            *ret_more = true;
            return 0;
        }
        if (broker_release_held(b, held, target, &why) == 0)
            return 0;
        if (why.code != ERR_INPUT)
            return err_set(e, why.code, "%s", why.text);
    }
    *ret_more = true;
    buf_printf(warnings, "messages for '%s' wait in queue '%s': %s\n", target, held, why.text);
    return 0;
}

static int sweep_queues(struct broker *b, struct management *m, const struct queue_stats_list *list,
                        const struct link_list *alternates, int64_t min_age_ms, bool *ret_more,
                        struct buf *warnings, struct err *e)
{
    int64_t since_wall_ms;

    for (size_t i = 0; i < list->n; i++) {
        const char *held = list->queues[i].name, *target = held_for(held, &since_wall_ms);

        if (!target || is_alternate(alternates, held))
            continue;
        if (clock_wall_ms() - since_wall_ms < min_age_ms)
            *ret_more = true;
        else if (sweep_queue(b, m, held, target, ret_more, warnings, e))
            return -1;
    }
    return 0;
}

/* A user who may not see policies made none. */
static int look_at_alternates(struct management *m, struct link_list *ret, struct err *e)
{
    struct err why = ERR_INIT;

    if (management_alternates(m, ret, &why) == 0 || why.code == ERR_INPUT)
        return 0;
    return err_set(e, why.code, "%s", why.text);
}

int broker_sweep_held(struct broker *b, struct management *m, int64_t min_age_ms, bool *ret_more,
                      struct buf *warnings, struct err *e)
{
    AUTO(queue_stats_list_release) struct queue_stats_list list = {0};
    AUTO(link_list_release) struct link_list alternates = {0};
    struct err why = ERR_INIT;

    *ret_more = false;
    if (look_at_alternates(m, &alternates, &why) ||
        sweep_policies(m, &alternates, min_age_ms, ret_more, warnings, &why) ||
        management_queues(m, &list, &why)) {
        *ret_more |= why.code != ERR_INPUT;
        buf_printf(warnings, "no look at messages that were held: %s\n", why.text);
        return 0;
    }
    return sweep_queues(b, m, &list, &alternates, min_age_ms, ret_more, warnings, e);
}
