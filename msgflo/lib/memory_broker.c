#include "memory_broker.h"

#include <string.h>

struct memory_binding {
    struct memory_binding *next;
    char *exchange;
    struct memory_queue *queue;
};

static _Thread_local struct memory_broker *brokers;

/* ---- stored messages ---- */

void stored_free(struct stored *s)
{
    if (!s)
        return;
    for (size_t i = 0; s->headers && i < 2 * s->header_count; i++)
        free(s->headers[i]);
    free(s->headers);
    free(s->content_type);
    free(s->message_id);
    free(s->body);
    free(s);
}

struct stored *stored_new(const void *body, size_t size, const char *const *headers,
                          size_t header_count)
{
    struct stored *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    s->size = size;
    s->header_count = header_count;
    s->body = calloc(1, size + 1);
    s->headers = calloc(2 * header_count + 1, sizeof *s->headers);
    if (!s->body || !s->headers)
        goto failed;
    if (size)
        memcpy(s->body, body, size);
    for (size_t i = 0; i < 2 * header_count; i++) {
        s->headers[i] = strdup(headers[i]);
        if (!s->headers[i])
            goto failed;
    }
    return s;
failed:
    stored_free(s);
    return NULL;
}

struct stored *stored_identify(struct stored *s_take, const char *content_type,
                               const char *message_id)
{
    if (!s_take)
        return NULL;
    s_take->content_type = content_type ? strdup(content_type) : NULL;
    s_take->message_id = message_id ? strdup(message_id) : NULL;
    if ((!content_type || s_take->content_type) && (!message_id || s_take->message_id))
        return s_take;
    stored_free(s_take);
    return NULL;
}

static struct stored *stored_copy(const struct stored *s)
{
    struct stored *copy =
        stored_new(s->body, s->size, (const char *const *)s->headers, s->header_count);

    return stored_identify(copy, s->content_type, s->message_id);
}

void memory_queue_append(struct memory_queue *q, struct stored *s_take)
{
    struct stored **end = &q->first;

    while (*end)
        end = &(*end)->next;
    s_take->next = NULL;
    *end = s_take;
}

void memory_queue_put_back(struct memory_queue *q, struct stored *s_take)
{
    s_take->redelivered = true;
    s_take->next = q->first;
    q->first = s_take;
}

struct stored *memory_queue_pop(struct memory_queue *q)
{
    struct stored *s = q->first;

    if (s)
        q->first = s->next;
    return s;
}

/* ---- the broker ---- */

struct memory_queue *memory_broker_queue(const struct memory_broker *b, const char *name)
{
    struct memory_queue *q = b->queues;

    while (q && strcmp(q->name, name) != 0)
        q = q->next;
    return q;
}

static struct memory_queue *declare_queue(struct memory_broker *b, const char *name)
{
    struct memory_queue *q = memory_broker_queue(b, name);

    if (q)
        return q;
    q = calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->name = strdup(name);
    if (!q->name) {
        free(q);
        return NULL;
    }
    q->next = b->queues;
    b->queues = q;
    return q;
}

int memory_broker_bind(struct memory_broker *b, const char *exchange, const char *queue)
{
    struct memory_queue *q = declare_queue(b, queue);
    struct memory_binding *bound;

    for (bound = b->bindings; bound; bound = bound->next)
        if (bound->queue == q && strcmp(bound->exchange, exchange) == 0)
            return 0;
    bound = calloc(1, sizeof *bound);
    if (!bound || !q || !(bound->exchange = strdup(exchange))) {
        free(bound);
        return -1;
    }
    bound->queue = q;
    bound->next = b->bindings;
    b->bindings = bound;
    return 0;
}

int memory_broker_publish(struct memory_broker *b, const char *exchange, const struct stored *s)
{
    int count = 0;

    for (struct memory_binding *bound = b->bindings; bound; bound = bound->next) {
        struct stored *copy;

        if (strcmp(bound->exchange, exchange) != 0)
            continue;
        copy = stored_copy(s);
        if (!copy)
            return -1;
        memory_queue_append(bound->queue, copy);
        count++;
    }
    return count;
}

int memory_broker_put(struct memory_broker *b, const char *queue, const void *body, size_t size)
{
    struct memory_queue *q = declare_queue(b, queue);
    struct stored *s = q ? stored_new(body, size, NULL, 0) : NULL;

    if (!s)
        return -1;
    memory_queue_append(q, s);
    return 0;
}

char *memory_broker_take(struct memory_broker *b, const char *queue)
{
    struct memory_queue *q = memory_broker_queue(b, queue);
    struct stored *s = q ? memory_queue_pop(q) : NULL;
    char *body;

    if (!s)
        return NULL;
    body = s->body;
    s->body = NULL;
    stored_free(s);
    return body;
}

size_t memory_broker_depth(const struct memory_broker *b, const char *queue)
{
    const struct memory_queue *q = memory_broker_queue(b, queue);
    size_t n = 0;

    for (const struct stored *s = q ? q->first : NULL; s; s = s->next)
        n++;
    return n;
}

void memory_broker_set_away(struct memory_broker *b, bool away)
{
    if (away && !b->away)
        b->epoch++;
    b->away = away;
}

void memory_broker_hold_confirms(struct memory_broker *b, bool hold)
{
    b->confirms_held = hold;
}

unsigned memory_broker_tries(const struct memory_broker *b)
{
    return b->tries;
}

struct memory_broker *memory_broker_named(const char *name)
{
    struct memory_broker *b = brokers;

    while (b && strcmp(b->name, name) != 0)
        b = b->next;
    if (b)
        return b;
    b = calloc(1, sizeof *b);
    if (!b || !(b->name = strdup(name))) {
        free(b);
        return NULL;
    }
    b->next = brokers;
    brokers = b;
    return b;
}

static void broker_free(struct memory_broker *b)
{
    while (b->bindings) {
        struct memory_binding *bound = b->bindings;

        b->bindings = bound->next;
        free(bound->exchange);
        free(bound);
    }
    while (b->queues) {
        struct memory_queue *q = b->queues;
        struct stored *s;

        b->queues = q->next;
        while ((s = memory_queue_pop(q)))
            stored_free(s);
        free(q->name);
        free(q);
    }
    free(b->name);
    free(b);
}

void memory_broker_free_all(void)
{
    while (brokers) {
        struct memory_broker *b = brokers;

        brokers = b->next;
        broker_free(b);
    }
}
