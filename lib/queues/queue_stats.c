#include "queues/queue_stats.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define UNKNOWN ((double)NAN)

static const char queue_columns[] =
    "?columns=name,messages,messages_ready,messages_unacknowledged,consumers,message_bytes_ready,"
    "arguments,effective_policy_definition,"
    "message_stats.publish,message_stats.publish_details.rate,message_stats.ack,"
    "message_stats.ack_details.rate,message_stats.deliver_get_details.rate";
static const char exchange_columns[] = "?columns=name,message_stats.publish_in";
static const char consumer_columns[] = "?columns=queue.name,prefetch_count";

struct queue_stats queue_stats_unknown(void)
{
    return (struct queue_stats){.messages = UNKNOWN,
                                .ready = UNKNOWN,
                                .unacked = UNKNOWN,
                                .consumers = UNKNOWN,
                                .published = UNKNOWN,
                                .acked = UNKNOWN,
                                .publish_rate = UNKNOWN,
                                .ack_rate = UNKNOWN,
                                .deliver_rate = UNKNOWN,
                                .max_messages = UNKNOWN};
}

static char *path_of(const char *what, const char *vhost, const char *columns)
{
    struct buf path = BUF_INIT;

    buf_printf(&path, "/api/%s/", what);
    for (const char *c = vhost; *c; c++) { /* RFC 3986, section 2.3: what needs no escape */
        bool plain = (*c >= '0' && *c <= '9') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= 'a' && *c <= 'z') || strchr("-._~", *c);

        if (plain)
            buf_append(&path, c, 1);
        else
            buf_printf(&path, "%%%02X", (unsigned)(unsigned char)*c);
    }
    buf_text(&path, columns);
    return buf_detach(&path);
}

char *queue_stats_path(const char *vhost)
{
    return path_of("queues", vhost, queue_columns);
}

char *exchange_stats_path(const char *vhost)
{
    return path_of("exchanges", vhost, exchange_columns);
}

char *consumer_stats_path(const char *vhost)
{
    return path_of("consumers", vhost, consumer_columns);
}

/* ---- answers ---- */

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    double number = json_number_value(value);

    return json_is_number(value) && number >= 0 && number <= QUEUE_STATS_MAX ? number : UNKNOWN;
}

static double rate_of(const json_t *stats, const char *details)
{
    return number_of(json_object_get(stats, details), "rate");
}

/* A limit of the queue: the smaller one where its declaration and a policy both set one. */
static double limit_of(const json_t *queue, const char *argument, const char *policy_key)
{
    double declared = number_of(json_object_get(queue, "arguments"), argument);

    return fmin(declared, number_of(json_object_get(queue, "effective_policy_definition"),
                                    policy_key)); /* fmin() passes over a NAN */
}

static void fill(struct queue_stats *ret, const json_t *queue)
{
    const json_t *stats = json_object_get(queue, "message_stats");

    *ret = (struct queue_stats){
        .is_there = true,
        .messages = number_of(queue, "messages"),
        .ready = number_of(queue, "messages_ready"),
        .unacked = number_of(queue, "messages_unacknowledged"),
        .consumers = number_of(queue, "consumers"),
        .published = number_of(stats, "publish"),
        .acked = number_of(stats, "ack"),
        .publish_rate = rate_of(stats, "publish_details"),
        .ack_rate = rate_of(stats, "ack_details"),
        .deliver_rate = rate_of(stats, "deliver_get_details"),
        .max_messages = limit_of(queue, "x-max-length", "max-length"),
    };
    ret->is_full = ret->ready >= ret->max_messages ||
                   number_of(queue, "message_bytes_ready") >=
                       limit_of(queue, "x-max-length-bytes", "max-length-bytes");
    if (isnan(ret->messages)) /* the two are sampled together, their sum too */
        ret->messages = ret->ready + ret->unacked;
}

static json_t *list_of(const char *bytes, size_t len, const char *what, struct err *e)
{
    json_t *list = json_loadb(bytes, len, 0, NULL);

    if (json_is_array(list))
        return list;
    json_decref(list);
    err_set(e, ERR_UNAVAILABLE, "the management API's answer is no list of %s", what);
    return NULL;
}

int queue_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                      struct queue_stats *ret, struct err *e)
{
    json_auto_t *list = list_of(bytes, len, "queues", e);
    const json_t *queue;
    size_t i;

    for (size_t k = 0; k < n; k++)
        ret[k] = queue_stats_unknown();
    if (!list)
        return -1;
    json_array_foreach(list, i, queue)
    {
        const char *name = json_string_value(json_object_get(queue, "name"));

        for (size_t k = 0; name && k < n; k++)
            if (strcmp(name, names[k]) == 0)
                fill(&ret[k], queue);
    }
    return 0;
}

int exchange_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                         double *ret, struct err *e)
{
    json_auto_t *list = list_of(bytes, len, "exchanges", e);
    const json_t *exchange;
    size_t i;

    for (size_t k = 0; k < n; k++)
        ret[k] = UNKNOWN;
    if (!list)
        return -1;
    json_array_foreach(list, i, exchange)
    {
        const char *name = json_string_value(json_object_get(exchange, "name"));
        double published = number_of(json_object_get(exchange, "message_stats"), "publish_in");

        for (size_t k = 0; name && k < n; k++)
            if (strcmp(name, names[k]) == 0) /* it tells none before the first one */
                ret[k] = isnan(published) ? 0 : published;
    }
    return 0;
}

int consumer_stats_parse(const char *bytes, size_t len, const char *const *names, size_t n,
                         double *ret, struct err *e)
{
    json_auto_t *list = list_of(bytes, len, "consumers", e);
    const json_t *consumer;
    size_t i;

    for (size_t k = 0; k < n; k++)
        ret[k] = list ? 0 : UNKNOWN;
    if (!list)
        return -1;
    json_array_foreach(list, i, consumer)
    {
        const json_t *queue = json_object_get(consumer, "queue");
        const char *name = json_string_value(json_object_get(queue, "name"));
        double prefetch = number_of(consumer, "prefetch_count");

        for (size_t k = 0; name && k < n; k++)
            if (strcmp(name, names[k]) == 0) /* 0 is no limit (AMQP 0-9-1, basic.qos) */
                ret[k] += prefetch > 0 ? prefetch : UNKNOWN;
    }
    return 0;
}

/* ---- staleness ---- */

static bool stands_still(double rate, double counter, double before)
{
    return rate > 0 && counter == before; /* never for a NAN */
}

bool staleness_look(struct staleness *s, const struct queue_stats *q, int64_t now_mono_ms,
                    int64_t limit_ms)
{
    if (!stands_still(q->publish_rate, q->published, s->published) &&
        !stands_still(q->ack_rate, q->acked, s->acked))
        s->since_mono_ms = 0;
    else if (s->since_mono_ms == 0)
        s->since_mono_ms = now_mono_ms;
    s->published = q->published;
    s->acked = q->acked;
    return s->since_mono_ms != 0 && now_mono_ms - s->since_mono_ms > limit_ms;
}
