#include "samples.h"

#include <math.h>
#include <strings.h>

#include "base/clock.h"

#define UNKNOWN ((double)NAN)
#define DEAD_LETTERS "deadletter" /* the outport of msgflo/RoundRobin for them */

/* How one queue stands, and what its counters said. */
struct standing {
    struct queue_stats stats;
    double in_per_s, out_per_s, utilisation;
};

/* The counters of one reading: of queues, published and acked, then of exchanges. */
struct counters {
    int64_t mono_ms;
    double *values;
};

struct sample {
    int64_t wall_ms, mono_ms;
    struct figures {
        double messages, workers, in_per_s, out_per_s, utilisation;
    } * roles; /* of the nodes that have a queue, in their order */
};

struct samples {
    struct samples_options options;
    size_t n_roles, n_counters;

    int64_t wall_ms, mono_ms; /* of the last reading; 0: there was none */
    bool broker_is_up;
    enum queues_source source;
    struct standing *queues;
    double *exchange_per_s;

    struct counters counters[SAMPLES_COUNTERS_MAX]; /* rings */
    struct sample samples[SAMPLES_MAX];
    size_t counters_first, counters_n, samples_first, samples_n;

    double *values;        /* what the counters' values are parts of */
    struct figures *roles; /* and the samples' roles */
};

/* ---- beginning and end ---- */

static struct standing unknown(void)
{
    return (struct standing){queue_stats_unknown(), UNKNOWN, UNKNOWN, UNKNOWN};
}

struct samples *samples_new(const struct samples_options *options, struct err *e)
{
    const struct architecture *a = options->architecture;
    struct samples *s = calloc(1, sizeof *s);

    if (!s)
        goto no_memory;
    s->options = *options;
    for (size_t i = 0; i < a->n_nodes; i++)
        s->n_roles += a->nodes[i].queue != ARCHITECTURE_NONE;
    s->n_counters = 2 * a->n_queues + a->n_exchanges;
    s->queues = calloc(a->n_queues + 1, sizeof *s->queues);
    s->exchange_per_s = calloc(a->n_exchanges + 1, sizeof *s->exchange_per_s);
    s->values = calloc(SAMPLES_COUNTERS_MAX * s->n_counters + 1, sizeof *s->values);
    s->roles = calloc(SAMPLES_MAX * s->n_roles + 1, sizeof *s->roles);
    if (!s->queues || !s->exchange_per_s || !s->values || !s->roles)
        goto no_memory;
    for (size_t i = 0; i < SAMPLES_COUNTERS_MAX; i++)
        s->counters[i].values = s->values + i * s->n_counters;
    for (size_t i = 0; i < SAMPLES_MAX; i++)
        s->samples[i].roles = s->roles + i * s->n_roles;
    for (size_t i = 0; i < a->n_queues; i++)
        s->queues[i] = unknown();
    for (size_t i = 0; i < a->n_exchanges; i++)
        s->exchange_per_s[i] = UNKNOWN;
    return s;
no_memory:
    samples_free(s);
    err_set(e, ERR_NOMEM, "the samples");
    return NULL;
}

void samples_free(struct samples *s)
{
    if (!s)
        return;
    free(s->queues);
    free(s->exchange_per_s);
    free(s->values);
    free(s->roles);
    free(s);
}

/* ---- rates ---- */

/* The counters to compare those of now with; NULL: there are none yet. */
static const struct counters *earlier(const struct samples *s, int64_t now_mono_ms)
{
    const struct counters *found = NULL;

    for (size_t i = s->counters_n; i-- > 0;) { /* the newest first */
        const struct counters *c = &s->counters[(s->counters_first + i) % SAMPLES_COUNTERS_MAX];
        const int64_t age_ms = now_mono_ms - c->mono_ms;

        if (age_ms > RATE_OVER_MOST_MS)
            break;
        if (age_ms >= RATE_OVER_LEAST_MS)
            found = c;
        if (age_ms >= RATE_OVER_MS - SAMPLES_EACH_MS / 4)
            break;
    }
    return found;
}

/* Counters start again at 0 with their broker or their queue: what came in between is not known. */
static double rate(double before, double now, int64_t over_ms)
{
    return now >= before ? (now - before) * 1000 / (double)over_ms : UNKNOWN;
}

/* The broker tells no counter of a queue that nothing has gone through, but its messages. */
static double counter(double value, double messages)
{
    return isnan(value) && !isnan(messages) ? 0 : value;
}

static void keep_counters(struct samples *s, const struct reading *r)
{
    const struct architecture *a = s->options.architecture;
    struct counters *c = &s->counters[(s->counters_first + s->counters_n) % SAMPLES_COUNTERS_MAX];
    double *value = c->values;

    if (s->counters_n < SAMPLES_COUNTERS_MAX)
        s->counters_n++;
    else
        s->counters_first = (s->counters_first + 1) % SAMPLES_COUNTERS_MAX;
    c->mono_ms = r->mono_ms;
    for (size_t i = 0; i < a->n_queues; i++) {
        *value++ = counter(r->queues[i].published, r->queues[i].messages);
        *value++ = counter(r->queues[i].acked, r->queues[i].messages);
    }
    for (size_t i = 0; i < a->n_exchanges; i++)
        *value++ = r->published[i];
}

static void take_rates(struct samples *s, const struct reading *r)
{
    const struct architecture *a = s->options.architecture;
    const struct counters *before = earlier(s, r->mono_ms);
    const int64_t over_ms = before ? r->mono_ms - before->mono_ms : 0;

    for (size_t i = 0; before && i < a->n_queues; i++) {
        const double messages = r->queues[i].messages;
        const double *values = before->values + 2 * i;

        s->queues[i].in_per_s = rate(values[0], counter(r->queues[i].published, messages), over_ms);
        s->queues[i].out_per_s = rate(values[1], counter(r->queues[i].acked, messages), over_ms);
    }
    for (size_t i = 0; before && i < a->n_exchanges; i++)
        s->exchange_per_s[i] = rate(before->values[2 * a->n_queues + i], r->published[i], over_ms);
    keep_counters(s, r); /* last: it may write over those */
}

/* ---- readings ---- */

/* The share of the workers' places for messages that is taken: what guv means by it too. */
static double utilisation(double unacked, double places)
{
    return places > 0 && !isnan(unacked) ? fmin(unacked / places, 1) : UNKNOWN;
}

static void keep_sample(struct samples *s)
{
    const struct architecture *a = s->options.architecture;
    struct sample *sample = &s->samples[(s->samples_first + s->samples_n) % SAMPLES_MAX];
    struct figures *role = sample->roles;

    if (s->samples_n < SAMPLES_MAX)
        s->samples_n++;
    else
        s->samples_first = (s->samples_first + 1) % SAMPLES_MAX;
    sample->wall_ms = s->wall_ms;
    sample->mono_ms = s->mono_ms;
    for (size_t i = 0; i < a->n_nodes; i++) {
        const struct standing *q;

        if (a->nodes[i].queue == ARCHITECTURE_NONE)
            continue;
        q = &s->queues[a->nodes[i].queue];
        *role++ = (struct figures){q->stats.messages, q->stats.consumers, q->in_per_s, q->out_per_s,
                                   q->utilisation};
    }
}

void samples_add(struct samples *s, const struct reading *r)
{
    const struct architecture *a = s->options.architecture;
    const struct sample *last =
        s->samples_n > 0 ? &s->samples[(s->samples_first + s->samples_n - 1) % SAMPLES_MAX] : NULL;

    s->wall_ms = r->wall_ms;
    s->mono_ms = r->mono_ms;
    s->broker_is_up = r->broker_is_up;
    s->source = r->source;
    for (size_t i = 0; i < a->n_queues; i++) {
        s->queues[i] = unknown();
        s->queues[i].stats = r->queues[i];
        if (r->source != QUEUES_NONE && !r->queues[i].is_there)
            s->queues[i].stats.consumers = 0; /* nobody can consume what is not there */
        s->queues[i].utilisation = utilisation(r->queues[i].unacked, r->places[i]);
    }
    for (size_t i = 0; i < a->n_exchanges; i++)
        s->exchange_per_s[i] = UNKNOWN;
    take_rates(s, r);
    if (!last || r->mono_ms - last->mono_ms >= SAMPLES_EACH_MS)
        keep_sample(s);
}

/* ---- the answer ---- */

static json_t *number(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *count(double value)
{
    return isnan(value) ? json_null() : json_integer((json_int_t)value);
}

static json_t *timestamp(int64_t wall_ms)
{
    char text[TIMESTAMP_SIZE];

    clock_timestamp(wall_ms, text);
    return json_string(text);
}

/* Whether the queue is there, and is full: nobody knows while the broker is not read, and over AMQP
 * nobody tells its limits. */
static json_t *known(bool is_known, bool value)
{
    return is_known ? json_boolean(value) : json_null();
}

static json_t *queue_json(const struct samples *s, size_t i)
{
    const struct standing *q = &s->queues[i];

    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                     s->options.architecture->queues[i], "exists",
                     known(s->source != QUEUES_NONE, q->stats.is_there), "messages",
                     count(q->stats.messages), "ready", count(q->stats.ready), "unacked",
                     count(q->stats.unacked), "consumers", count(q->stats.consumers),
                     "in_per_second", number(q->in_per_s), "out_per_second", number(q->out_per_s),
                     "max_messages", count(q->stats.max_messages), "full",
                     known(s->source == QUEUES_MANAGEMENT && q->stats.is_there, q->stats.is_full));
}

static json_t *node_json(const struct samples *s, const struct architecture_node *n)
{
    const bool has_queue = n->queue != ARCHITECTURE_NONE;
    const int64_t deadline_s = n->priority && strcasecmp(n->priority, "bulk") == 0
                                   ? s->options.deadline_bulk_s
                                   : s->options.deadline_s;

    return json_pack("{s:s, s:s, s:b, s:s?, s:o, s:o, s:o}", "name", n->name, "component",
                     n->component, "role", n->is_role, "priority", n->priority, "deadline_s",
                     n->priority ? json_integer(deadline_s) : json_null(), "workers",
                     has_queue ? count(s->queues[n->queue].stats.consumers) : json_null(), "queue",
                     has_queue ? queue_json(s, n->queue) : json_null());
}

/* What comes along an edge: what is published for it; behind a routing node what is published to
 * that one. The broker does not count dead letters. */
static double edge_per_s(const struct samples *s, const struct architecture_edge *edge)
{
    const struct architecture *a = s->options.architecture;
    double sum = 0;

    if (edge->exchange != ARCHITECTURE_NONE)
        return s->exchange_per_s[edge->exchange];
    if (strcasecmp(edge->from_port, DEAD_LETTERS) == 0)
        return UNKNOWN;
    for (size_t i = 0; i < a->n_edges; i++)
        if (a->edges[i].target == edge->source && a->edges[i].exchange != ARCHITECTURE_NONE)
            sum += s->exchange_per_s[a->edges[i].exchange];
    return sum;
}

static json_t *edge_json(const struct samples *s, const struct architecture_edge *edge)
{
    const double messages =
        edge->queue == ARCHITECTURE_NONE ? UNKNOWN : s->queues[edge->queue].stats.messages;

    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "from", edge->from, "from_port",
                     edge->from_port, "to", edge->to, "to_port", edge->to_port, "messages",
                     count(messages), "per_second", number(edge_per_s(s, edge)));
}

static json_t *sample_json(const struct samples *s, const struct sample *sample)
{
    const struct architecture *a = s->options.architecture;
    const struct figures *role = sample->roles;
    json_t *roles = json_object();

    for (size_t i = 0; i < a->n_nodes; i++) {
        if (a->nodes[i].queue == ARCHITECTURE_NONE)
            continue;
        json_object_set_new(roles, a->nodes[i].name,
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "messages",
                                      count(role->messages), "workers", count(role->workers),
                                      "in_per_second", number(role->in_per_s), "out_per_second",
                                      number(role->out_per_s), "utilisation",
                                      number(role->utilisation)));
        role++;
    }
    return json_pack("{s:o, s:o}", "at", timestamp(sample->wall_ms), "roles", roles);
}

static json_t *samples_list(const struct samples *s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < s->samples_n; i++) {
        const struct sample *sample = &s->samples[(s->samples_first + i) % SAMPLES_MAX];

        if (s->mono_ms - sample->mono_ms <= SAMPLES_LAST_MS)
            json_array_append_new(list, sample_json(s, sample));
    }
    return list;
}

static const char *source_name(enum queues_source source)
{
    switch (source) {
    case QUEUES_MANAGEMENT:
        return "management";
    case QUEUES_AMQP:
        return "passive";
    case QUEUES_NONE:
        break;
    }
    return NULL;
}

json_t *samples_json(const struct samples *s, int64_t now_wall_ms)
{
    const struct architecture *a = s->options.architecture;
    json_t *nodes = json_array(), *edges = json_array();

    for (size_t i = 0; i < a->n_nodes; i++)
        json_array_append_new(nodes, node_json(s, &a->nodes[i]));
    for (size_t i = 0; i < a->n_edges; i++)
        json_array_append_new(edges, edge_json(s, &a->edges[i]));
    return json_pack("{s:o, s:s, s:s?, s:o, s:o, s:o}", "at",
                     timestamp(s->wall_ms ? s->wall_ms : now_wall_ms), "broker",
                     s->broker_is_up ? "up" : "down", "source", source_name(s->source), "nodes",
                     nodes, "edges", edges, "samples", samples_list(s));
}
