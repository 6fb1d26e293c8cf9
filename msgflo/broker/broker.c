#include "broker/broker.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "broker/broker_kind.h"
#include "lib/discovery.h"

#define CONNECT_MS 10000 /* one try */
#define FIRST_DELAY_MS 100
#define MAX_DELAY_MS 3000

static const struct {
    const char *prefix;
    const struct broker_kind *kind;
} schemes[] = {
    {"amqp://", &broker_amqp},
    {"amqps://", &broker_amqp},
    {"mqtt://", &broker_mqtt},
    {"mqtts://", &broker_mqtt},
};

static const struct broker_kind *kind_of(const char *url)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
        if (strncmp(url, schemes[i].prefix, strlen(schemes[i].prefix)) == 0)
            return schemes[i].kind;
    return NULL;
}

/* Between two tries there is nothing to wait for but the clock. */
static void wait_ms(int ms)
{
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&t, NULL);
}

int broker_open(const struct broker_options *options, struct broker **ret, struct err *e)
{
    const struct broker_kind *kind = kind_of(options->url);
    int64_t deadline_mono_ms = clock_mono_ms() + options->timeout_ms;
    int delay_ms = FIRST_DELAY_MS;

    if (!kind)
        return err_set(e, ERR_INPUT, "'%.200s' is no amqp://, amqps://, mqtt:// or mqtts:// URL",
                       log_url(options->url));
    for (;;) {
        struct err cause = ERR_INIT;
        int left_ms = clock_until_ms(deadline_mono_ms);

        if (kind->open(options, left_ms > CONNECT_MS || !left_ms ? CONNECT_MS : left_ms, ret,
                       &cause) == 0)
            return 0;
        left_ms = clock_until_ms(deadline_mono_ms);
        if (cause.code != ERR_UNAVAILABLE || left_ms == 0)
            return err_set(e, cause.code, "%s", cause.text);
        wait_ms(delay_ms < left_ms ? delay_ms : left_ms);
        delay_ms = delay_ms * 2 < MAX_DELAY_MS ? delay_ms * 2 : MAX_DELAY_MS;
    }
}

void broker_close(struct broker *b)
{
    if (b)
        b->kind->close(b);
}

unsigned broker_abilities(const struct broker *b)
{
    return b->kind->abilities;
}

int broker_declare_inport(struct broker *b, const char *queue, struct buf *warnings, struct err *e)
{
    return b->kind->declare_inport(b, queue, warnings, e);
}

int broker_declare_outport(struct broker *b, const char *exchange, struct buf *warnings,
                           struct err *e)
{
    return b->kind->declare_outport(b, exchange, warnings, e);
}

/* A longer one is no port's, and to the client library would be the end of the connection. */
static int check_name(const char *name, struct err *e)
{
    if (strlen(name) <= TOPOLOGY_MAX_NAME)
        return 0;
    return err_set(e, ERR_INPUT, "'%.60s...': a port's name is no longer than %d bytes", name,
                   TOPOLOGY_MAX_NAME);
}

int broker_bind(struct broker *b, const struct binding *binding, struct buf *warnings,
                struct err *e)
{
    if (check_name(binding->src, e) || check_name(binding->tgt, e))
        return -1;
    return b->kind->bind(b, binding, warnings, e);
}

int broker_unbind(struct broker *b, const struct binding *binding, struct err *e)
{
    if (check_name(binding->src, e) || check_name(binding->tgt, e))
        return -1;
    return b->kind->unbind(b, binding, e);
}

static int not_here(const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "this kind of broker has no %s", what);
}

int broker_unbind_link(struct broker *b, const struct link *link, struct err *e)
{
    return b->kind->unbind_link ? b->kind->unbind_link(b, link, e) : not_here("bindings", e);
}

int broker_send(struct broker *b, const char *queue, const struct broker_message *m, struct err *e)
{
    return check_name(queue, e) ? -1 : b->kind->send(b, queue, m, e);
}

int broker_announce(struct broker *b, const char *body, unsigned expiration_ms, struct err *e)
{
    const struct broker_message m = {body, strlen(body), NULL};

    return b->kind->announce ? b->kind->announce(b, body, expiration_ms, e)
                             : b->kind->send(b, DISCOVERY_QUEUE, &m, e);
}

int broker_consume(struct broker *b, const char *queue, unsigned n, struct err *e)
{
    return b->kind->consume(b, queue, n, e);
}

int broker_ack(struct broker *b, struct err *e)
{
    return b->kind->ack(b, e);
}

int broker_observe(struct broker *b, const char *outport, unsigned max_waiting, struct err *e)
{
    return check_name(outport, e) ? -1 : b->kind->observe(b, outport, max_waiting, e);
}

int broker_unobserve(struct broker *b, const char *outport, struct err *e)
{
    return check_name(outport, e) ? -1 : b->kind->unobserve(b, outport, e);
}

int broker_follow_discovery(struct broker *b, struct err *e)
{
    return b->kind->follow_discovery(b, e);
}

int broker_recall_discovery(struct broker *b, struct err *e)
{
    return b->kind->recall_discovery ? b->kind->recall_discovery(b, e) : 0;
}

int broker_next(struct broker *b, int timeout_ms, struct broker_delivery *ret, struct err *e)
{
    return b->kind->next(b, timeout_ms, ret, e);
}

int broker_fd(const struct broker *b)
{
    return b->kind->fd(b);
}

int broker_queue_state(struct broker *b, const char *queue, struct broker_queue_state *ret,
                       struct err *e)
{
    return b->kind->queue_state ? b->kind->queue_state(b, queue, ret, e) : not_here("queues", e);
}

int broker_hold(struct broker *b, const char *name, struct err *e)
{
    return b->kind->hold ? b->kind->hold(b, name, e) : not_here("exchanges", e);
}

int broker_release_held(struct broker *b, const char *name, const char *queue, struct err *e)
{
    return b->kind->release_held ? b->kind->release_held(b, name, queue, e)
                                 : not_here("exchanges", e);
}
