/*
 * participant.c - a participant's life on any transport: connecting again and again, announcing,
 * sending, and handing deliveries to the program.
 *
 * Design notes
 * - Acks are gathered (inport.h) and written before and after each service's reading. A delivery
 *   acked outside a service makes the next one due at once.
 * - A paused port may still get what was on its way: those wait in its list, not handed over yet.
 *   A stopped port gives them back instead, for another worker to take.
 * - Every message has a publish_seq and the id ID-SEQ, which is how a transport knows a returned
 *   message again.
 */
#include "msgflo/msgflo.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "broker_url.h"
#include "discovery.h"
#include "fates.h"
#include "inport.h"
#include "message.h"
#include "transport.h"

#define PREFETCH_DEFAULT 2 /* as msgflo-nodejs */
#define DISCOVERY_PERIOD_DEFAULT_S 60
#define DISCOVERY_PERIOD_MAX_S 86400
#define CONNECT_TIMEOUT_DEFAULT_MS 5000
#define HEARTBEAT_DEFAULT_S 20
#define MESSAGE_MAX_DEFAULT_BYTES ((size_t)16 << 20)
#define RETRY_FIRST_MS 500
#define RETRY_MAX_MS 30000
#define RETRY_CALM_MS 10000 /* after a connection that held so long the delays start anew */

/* How long msgflo_run() may overlook a stop flag that was set just before it began to wait. */
#define STOP_FLAG_LATENCY_MS 250

struct msgflo_participant {
    struct definition definition;
    struct inport *inports; /* definition.inport_count of them */
    char id[300];
    char *broker, *ca_file;
    struct msgflo_options options; /* its texts are the copies above */
    struct transport *transport;
    struct fates fates;
    char *announcement;
    size_t announcement_size;
    bool connected, outage_told, paused, inputs_stopped, run_stopped;
    int64_t retry_at_mono_ms, announce_at_mono_ms;
    int64_t retry_delay_ms, connected_at_mono_ms;
};

static void tell_state(struct msgflo_participant *p, enum msgflo_state state, const char *text)
{
    if (p->options.on_state)
        p->options.on_state(p, state, text, p->options.user);
}

static void hand_over(struct msgflo_participant *p, struct inport *in)
{
    msgflo_input_fn *fn = in->port->on_input ? in->port->on_input : p->options.on_input;
    struct msgflo_delivery *d;

    while (p->connected && !p->paused && !p->inputs_stopped && (d = inport_next(in)))
        fn(p, d, p->options.user);
}

static void write_all_acks(struct msgflo_participant *p)
{
    for (size_t i = 0; i < p->definition.inport_count; i++)
        inport_write_acks(&p->inports[i]);
}

/* ---- what the transport tells ---- */

static void delivered(void *user, size_t inport, struct msgflo_delivery *d_take)
{
    struct msgflo_participant *p = user;
    struct inport *in = &p->inports[inport];

    inport_add(in, d_take);
    if (p->inputs_stopped)
        inport_give_back_waiting(in);
    else
        hand_over(p, in);
}

static void inport_voided(void *user, size_t inport)
{
    struct msgflo_participant *p = user;

    inport_void(&p->inports[inport]);
}

static void returned(void *user, uint64_t publish_seq)
{
    struct msgflo_participant *p = user;

    fates_returned(&p->fates, publish_seq);
}

static void confirmed(void *user, uint64_t publish_seq, bool upto, bool kept)
{
    struct msgflo_participant *p = user;

    fates_settle(&p->fates, publish_seq, upto, kept ? MSGFLO_CONFIRMED : MSGFLO_NACKED, p);
}

static void unconfirmed_lost(void *user)
{
    struct msgflo_participant *p = user;

    fates_lose_all(&p->fates, p);
}

static void warning(void *user, const char *text)
{
    tell_state(user, MSGFLO_WARNING, text);
}

static const struct transport_events events = {delivered, inport_voided,    returned,
                                               confirmed, unconfirmed_lost, warning};

/* ---- making one ---- */

static const struct transport_table *transport_for(const char *url, struct msgflo_error *e)
{
    static const struct transport_table *const tables[] = {[BROKER_URL_AMQP] = &transport_amqp,
                                                           [BROKER_URL_MQTT] = &transport_mqtt,
                                                           [BROKER_URL_DIRECT] = &transport_memory};
    const struct transport_table *table;
    struct broker_url parts;

    if (broker_url_parse(url, strlen(url), &parts, e))
        return NULL;
    table = tables[parts.kind];
    broker_url_release(&parts);
    return table;
}

static void set_defaults(struct msgflo_options *o)
{
    if (o->prefetch == 0)
        o->prefetch = PREFETCH_DEFAULT;
    if (o->discovery_period_s == 0)
        o->discovery_period_s = DISCOVERY_PERIOD_DEFAULT_S;
    if (o->connect_timeout_ms == 0)
        o->connect_timeout_ms = CONNECT_TIMEOUT_DEFAULT_MS;
    if (o->heartbeat_s == 0)
        o->heartbeat_s = HEARTBEAT_DEFAULT_S;
    if (o->max_message_bytes == 0)
        o->max_message_bytes = MESSAGE_MAX_DEFAULT_BYTES;
}

static int check_options(const struct msgflo_definition *definition, const struct msgflo_options *o,
                         struct msgflo_error *e)
{
    if (o->prefetch > UINT16_MAX)
        return fail(e, MSGFLO_INVALID, "prefetch %u is above %d", o->prefetch, UINT16_MAX);
    if (o->discovery_period_s > DISCOVERY_PERIOD_MAX_S)
        return fail(e, MSGFLO_INVALID, "the discovery period of %u s is above %d s",
                    o->discovery_period_s, DISCOVERY_PERIOD_MAX_S);
    if (o->heartbeat_s > UINT16_MAX)
        return fail(e, MSGFLO_INVALID, "a heartbeat of %u s is above %d s", o->heartbeat_s,
                    UINT16_MAX);
    for (size_t i = 0; !o->on_input && i < definition->inport_count; i++)
        if (!definition->inports[i].on_input)
            return fail(e, MSGFLO_INVALID, "no on_input function for inport %zu", i);
    return 0;
}

static int make_inports(struct msgflo_participant *p, struct msgflo_error *e)
{
    size_t n = p->definition.inport_count;

    if (n == 0)
        return 0;
    p->inports = calloc(n, sizeof *p->inports);
    if (!p->inports)
        return fail(e, MSGFLO_NOMEM, "no memory for %zu ports", n);
    for (size_t i = 0; i < n; i++) {
        p->inports[i].index = i;
        p->inports[i].port = &p->definition.inports[i];
    }
    return 0;
}

static int make_transport(struct msgflo_participant *p, struct msgflo_error *e)
{
    const struct transport_table *table = transport_for(p->broker, e);
    struct transport_config config = {.url = p->broker,
                                      .id = p->id,
                                      .definition = &p->definition,
                                      .prefetch = p->options.prefetch,
                                      .connect_timeout_ms = p->options.connect_timeout_ms,
                                      .heartbeat_s = p->options.heartbeat_s,
                                      .max_message_bytes = p->options.max_message_bytes,
                                      .ca_file = p->ca_file};

    if (!table)
        return -1;
    p->transport = table->new (&config, &events, p, e);
    if (!p->transport)
        return -1;
    for (size_t i = 0; i < p->definition.inport_count; i++) {
        p->inports[i].transport = p->transport;
        if (p->inports[i].port->queue)
            table->consume(p->transport, i, TRANSPORT_RUN);
    }
    return 0;
}

static int fill(struct msgflo_participant *p, const struct msgflo_definition *definition,
                const struct msgflo_options *options, struct msgflo_error *e)
{
    char uuid[UUID_SIZE];

    if (check_options(definition, options, e) ||
        definition_copy(definition, options->role, &p->definition, e))
        return -1;
    p->options = *options;
    set_defaults(&p->options);
    p->broker = strdup(options->broker ? options->broker : "");
    p->ca_file = options->ca_file ? strdup(options->ca_file) : NULL;
    if (!p->broker || (options->ca_file && !p->ca_file))
        return fail(e, MSGFLO_NOMEM, "no memory for the options of '%s'", options->role);
    p->options.broker = p->broker;
    p->options.ca_file = p->ca_file;
    p->options.role = p->definition.role;
    uuid_make(uuid);
    if (snprintf(p->id, sizeof p->id, "%s-%s", p->definition.role, uuid) > QUEUE_NAME_MAX - 21)
        return fail(e, MSGFLO_INVALID,
                    "the role's name is too long"); /* ID-SEQ is a short string */
    p->announcement = discovery_text(&p->definition, p->id, e);
    if (!p->announcement)
        return -1;
    p->announcement_size = strlen(p->announcement);
    return make_inports(p, e) || make_transport(p, e) ? -1 : 0;
}

struct msgflo_participant *msgflo_new(const struct msgflo_definition *definition,
                                      const struct msgflo_options *options, struct msgflo_error *e)
{
    struct msgflo_participant *p = calloc(1, sizeof *p);
    struct msgflo_error unwanted;

    if (!e)
        e = &unwanted;
    if (!p) {
        fail(e, MSGFLO_NOMEM, "no memory for a participant");
        return NULL;
    }
    fates_init(&p->fates);
    if (fill(p, definition, options, e)) {
        msgflo_free(p);
        return NULL;
    }
    return p;
}

void msgflo_free(struct msgflo_participant *p)
{
    if (!p)
        return;
    if (p->transport) {
        write_all_acks(p);
        p->transport->table->close(p->transport);
        p->connected = false;
        fates_lose_all(&p->fates, p);
    }
    for (size_t i = 0; p->inports && i < p->definition.inport_count; i++)
        inport_release(&p->inports[i]);
    if (p->transport)
        p->transport->table->free(p->transport);
    free(p->inports);
    fates_release(&p->fates);
    definition_release(&p->definition);
    free(p->announcement);
    free(p->broker);
    free(p->ca_file);
    free(p);
}

/* ---- sending ---- */

static int find_outport(const struct msgflo_participant *p, const char *id, size_t *ret,
                        struct msgflo_error *e)
{
    for (size_t i = 0; i < p->definition.outport_count; i++)
        if (strcmp(p->definition.outports[i].id, id) == 0 && p->definition.outports[i].queue) {
            *ret = i;
            return 0;
        }
    return fail(e, MSGFLO_INVALID, "'%s' has no outport '%s'", p->definition.role, id);
}

/* Fills in the message's number and id. Its number is taken only by fates_add(). */
static int number_message(struct msgflo_participant *p, const struct msgflo_message *m, char *id,
                          size_t id_size, struct transport_message *ret, struct msgflo_error *e)
{
    if (fates_reserve(&p->fates))
        return fail(e, MSGFLO_NOMEM, "no memory for a message under way");
    snprintf(id, id_size, "%s-%llu", p->id, (unsigned long long)p->fates.next);
    *ret = (struct transport_message){m, p->fates.next, id};
    return 0;
}

int msgflo_send(struct msgflo_participant *p, const char *outport, const struct msgflo_message *m,
                msgflo_sent_fn *sent, void *user, struct msgflo_error *e)
{
    AUTO(outgoing_release) struct outgoing o = {.headers = NULL};
    struct transport_message tm;
    struct msgflo_error unwanted;
    char id[sizeof p->id + 21];
    size_t i = 0;

    if (!e)
        e = &unwanted;
    if (find_outport(p, outport, &i, e) || outgoing_prepare(m, &o, e))
        return -1;
    if (!p->connected)
        return fail(e, MSGFLO_UNAVAILABLE, "'%s' is not connected to its broker",
                    p->definition.role);
    if (number_message(p, &o.m, id, sizeof id, &tm, e) ||
        p->transport->table->send(p->transport, i, &tm, e))
        return -1;
    fates_add(&p->fates, sent, user);
    return 0;
}

size_t msgflo_unconfirmed(const struct msgflo_participant *p)
{
    return p->fates.with_fn;
}

/* ---- life ---- */

static int announce(struct msgflo_participant *p, struct msgflo_error *e)
{
    unsigned period_ms = p->options.discovery_period_s * 1000;
    struct msgflo_message m = {.body = p->announcement, .size = p->announcement_size};
    struct transport_message tm;
    char id[sizeof p->id + 21];

    p->announce_at_mono_ms = clock_mono_ms() + (int64_t)(period_ms / 2.2);
    if (number_message(p, &m, id, sizeof id, &tm, e) ||
        p->transport->table->announce(p->transport, &tm, period_ms, e))
        return -1;
    fates_add(&p->fates, NULL, NULL);
    return 0;
}

/* Somewhere between half and all of ms, so that many participants do not come back at once. */
static int64_t jittered(int64_t ms)
{
    uint32_t r = 0;

    if (getrandom(&r, sizeof r, GRND_NONBLOCK) != (ssize_t)sizeof r)
        r = (uint32_t)clock_mono_ms();
    return ms / 2 + r % (ms / 2 + 1);
}

static void disconnect(struct msgflo_participant *p, const struct msgflo_error *why)
{
    if (p->connected && clock_mono_ms() - p->connected_at_mono_ms > RETRY_CALM_MS)
        p->retry_delay_ms = 0;
    p->connected = false;
    p->transport->table->close(p->transport);
    for (size_t i = 0; i < p->definition.inport_count; i++)
        inport_voided(p, i);
    p->retry_delay_ms = p->retry_delay_ms ? 2 * p->retry_delay_ms : RETRY_FIRST_MS;
    if (p->retry_delay_ms > RETRY_MAX_MS)
        p->retry_delay_ms = RETRY_MAX_MS;
    p->retry_at_mono_ms = clock_mono_ms() + jittered(p->retry_delay_ms);
    fates_lose_all(&p->fates, p);
    if (!p->outage_told) {
        p->outage_told = true;
        tell_state(p, MSGFLO_DISCONNECTED, why->text);
    }
}

static void connect_now(struct msgflo_participant *p)
{
    struct msgflo_error e = {MSGFLO_OK, ""};

    if (p->transport->table->open(p->transport, &e)) {
        disconnect(p, &e);
        return;
    }
    p->connected = true;
    p->connected_at_mono_ms = clock_mono_ms();
    if (announce(p, &e)) {
        disconnect(p, &e);
        return;
    }
    p->outage_told = false;
    tell_state(p, MSGFLO_CONNECTED, p->id);
}

void msgflo_service(struct msgflo_participant *p)
{
    struct msgflo_error e = {MSGFLO_OK, ""};

    if (!p->connected) {
        if (clock_mono_ms() >= p->retry_at_mono_ms)
            connect_now(p);
        return;
    }
    write_all_acks(p);
    for (size_t i = 0; i < p->definition.inport_count; i++)
        hand_over(p, &p->inports[i]);
    if (p->transport->table->service(p->transport, &e)) {
        disconnect(p, &e);
        return;
    }
    write_all_acks(p);
    if (clock_mono_ms() >= p->announce_at_mono_ms && announce(p, &e) &&
        e.code != MSGFLO_UNAVAILABLE) /* which has been told when it began */
        tell_state(p, MSGFLO_WARNING, e.text);
}

static bool has_work(const struct msgflo_participant *p)
{
    for (size_t i = 0; i < p->definition.inport_count; i++)
        if (p->inports[i].done_count || (p->inports[i].waiting && !p->paused))
            return true;
    return false;
}

int msgflo_timeout_ms(const struct msgflo_participant *p)
{
    int64_t left = p->connected ? p->announce_at_mono_ms : p->retry_at_mono_ms;
    int transport_ms;

    if (p->connected && has_work(p))
        return 0;
    left -= clock_mono_ms();
    if (left < 0)
        left = 0;
    transport_ms = p->connected ? p->transport->table->timeout_ms(p->transport) : -1;
    return transport_ms >= 0 && transport_ms < left ? transport_ms : (int)left;
}

int msgflo_fd(const struct msgflo_participant *p)
{
    return p->connected ? p->transport->table->fd(p->transport) : -1;
}

bool msgflo_connected(const struct msgflo_participant *p)
{
    return p->connected;
}

const char *msgflo_id(const struct msgflo_participant *p)
{
    return p->id;
}

size_t msgflo_in_hand(const struct msgflo_participant *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->definition.inport_count; i++)
        n += inport_in_hand(&p->inports[i]);
    return n;
}

static void consume_all(struct msgflo_participant *p, enum transport_flow flow)
{
    for (size_t i = 0; i < p->definition.inport_count; i++)
        if (p->inports[i].port->queue)
            p->transport->table->consume(p->transport, i, flow);
}

void msgflo_stop_inputs(struct msgflo_participant *p)
{
    if (p->inputs_stopped)
        return;
    p->inputs_stopped = true;
    consume_all(p, TRANSPORT_STOP);
    for (size_t i = 0; i < p->definition.inport_count; i++)
        inport_give_back_waiting(&p->inports[i]);
}

bool msgflo_drained(const struct msgflo_participant *p)
{
    const struct transport_table *table = p->transport->table;

    return msgflo_in_hand(p) == 0 && msgflo_unconfirmed(p) == 0 &&
           !(p->connected && table->gives_back && table->gives_back(p->transport));
}

void msgflo_pause_inputs(struct msgflo_participant *p, bool paused)
{
    if (p->inputs_stopped || p->paused == paused)
        return;
    p->paused = paused;
    consume_all(p, paused ? TRANSPORT_PAUSE : TRANSPORT_RUN);
}

int msgflo_run(struct msgflo_participant *p, const volatile int *stop_flag)
{
    while (!p->run_stopped && !(stop_flag && *stop_flag)) {
        struct pollfd pfd = {msgflo_fd(p), POLLIN, 0};
        int timeout_ms = msgflo_timeout_ms(p);

        if (stop_flag && timeout_ms > STOP_FLAG_LATENCY_MS)
            timeout_ms = STOP_FLAG_LATENCY_MS;
        poll(&pfd, 1, timeout_ms); /* a negative descriptor is passed over: poll(2) */
        msgflo_service(p);
    }
    p->run_stopped = false;
    return 0;
}

void msgflo_stop(struct msgflo_participant *p)
{
    p->run_stopped = true;
}

const char *msgflo_version(void)
{
    return MSGFLO_VERSION;
}
