#include "topology.h"

#include <stdio.h>

#include "discovery.h"

/* What a declare names, in the answers' sentences. */
#define WHAT_SIZE (QUEUE_NAME_MAX + 50)

int topology_begin(struct topology_channel *t, struct msgflo_error *e)
{
    if (t->channel_open)
        return broker_link_begin(t->link, e);
    if (broker_link_begin(t->link, e))
        return -1;
    amqp_channel_open(t->link->conn, t->channel);
    if (broker_link_answer(t->link, t->channel, amqp_get_rpc_reply(t->link->conn), "channel", e))
        return -1;
    t->channel_open = true;
    return broker_link_begin(t->link, e);
}

int topology_answer(struct topology_channel *t, const char *what, struct msgflo_error *e)
{
    int rc = broker_link_answer(t->link, t->channel, amqp_get_rpc_reply(t->link->conn), what, e);

    if (rc)
        t->channel_open = false;
    amqp_maybe_release_buffers_on_channel(t->link->conn, t->channel);
    return rc;
}

static int declare_queue(struct topology_channel *t, const char *name, bool passive, bool transient,
                         const amqp_table_t *arguments, struct msgflo_error *e)
{
    char what[WHAT_SIZE];

    if (topology_begin(t, e))
        return -1;
    amqp_queue_declare(t->link->conn, t->channel, bytes_of(name), passive, !transient, 0, transient,
                       *arguments);
    snprintf(what, sizeof what, "queue '%s'", name);
    return topology_answer(t, what, e);
}

static int declare_exchange(struct topology_channel *t, const char *name, const char *type,
                            bool passive, bool transient, struct msgflo_error *e)
{
    char what[WHAT_SIZE];

    if (topology_begin(t, e))
        return -1;
    amqp_exchange_declare(t->link->conn, t->channel, bytes_of(name), bytes_of(type), passive,
                          !transient, transient, 0, amqp_empty_table);
    snprintf(what, sizeof what, "exchange '%s'", name);
    return topology_answer(t, what, e);
}

/* After a declare failed with *why: 0 if that is no reason to stop, since passively it worked. */
static int settle_for_passive(struct topology_channel *t, int passive,
                              const struct msgflo_error *why, struct msgflo_error *e)
{
    if (passive == 0) {
        t->warning(t->user, why->text);
        return 0;
    }
    if (e->code == MSGFLO_REFUSED)
        *e = *why; /* the first refusal is the telling one */
    return -1;
}

static int queue(struct topology_channel *t, const char *name, bool transient,
                 const amqp_table_t *arguments, struct msgflo_error *e)
{
    struct msgflo_error why;

    if (declare_queue(t, name, false, transient, arguments, e) == 0)
        return 0;
    if (e->code != MSGFLO_REFUSED)
        return -1;
    why = *e;
    return settle_for_passive(t, declare_queue(t, name, true, false, &amqp_empty_table, e), &why,
                              e);
}

static int exchange(struct topology_channel *t, const char *name, const char *type, bool transient,
                    struct msgflo_error *e)
{
    struct msgflo_error why;

    if (declare_exchange(t, name, type, false, transient, e) == 0)
        return 0;
    if (e->code != MSGFLO_REFUSED)
        return -1;
    why = *e;
    return settle_for_passive(t, declare_exchange(t, name, type, true, false, e), &why, e);
}

/* Makes "send to the outport of that name" reach the queue. Being refused it is no reason to stop:
 * the queue still gets what is sent to it directly and what is bound to it. */
static int bind_namesake(struct topology_channel *t, const char *name, struct msgflo_error *e)
{
    char what[WHAT_SIZE];

    if (topology_begin(t, e))
        return -1;
    amqp_queue_bind(t->link->conn, t->channel, bytes_of(name), bytes_of(name), bytes_of(""),
                    amqp_empty_table);
    snprintf(what, sizeof what, "binding of queue '%s' to its exchange", name);
    if (topology_answer(t, what, e) == 0)
        return 0;
    if (e->code != MSGFLO_REFUSED)
        return -1;
    t->warning(t->user, e->text);
    return 0;
}

int topology_inport(struct topology_channel *t, const char *name, bool transient,
                    struct msgflo_error *e)
{
    char dead[QUEUE_NAME_MAX + 6];
    amqp_table_entry_t entry = {.key = bytes_of("x-dead-letter-exchange")};
    amqp_table_t arguments = {1, &entry};

    snprintf(dead, sizeof dead, "dead-%s", name);
    entry.value.kind = AMQP_FIELD_KIND_UTF8; /* 'S', a long string */
    entry.value.value.bytes = bytes_of(dead);
    return queue(t, name, transient, &arguments, e) || exchange(t, name, "fanout", transient, e) ||
                   bind_namesake(t, name, e)
               ? -1
               : 0;
}

int topology_outport(struct topology_channel *t, const char *name, bool transient,
                     struct msgflo_error *e)
{
    return exchange(t, name, "fanout", transient, e);
}

int topology_discovery(struct topology_channel *t, struct msgflo_error *e)
{
    return queue(t, DISCOVERY_QUEUE, false, &amqp_empty_table, e);
}

int topology_exchange(struct topology_channel *t, const char *name, const char *type,
                      struct msgflo_error *e)
{
    return exchange(t, name, type, false, e);
}
