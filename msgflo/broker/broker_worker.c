/*
 * broker_worker.c - the thread of broker_worker.h, and its owner's side.
 *
 * Design notes
 * - All that is in struct worker's second half is the thread's alone; two queues (worker_queue.h)
 *   are all that both sides touch.
 * - A command that is cut off by the end of a connection is tried again on the next one, up to
 *   TRIES_MAX times: each may be carried out twice, and doing so changes nothing; a message that is
 *   sent twice is what at least once means.
 * - An owner that does not keep up hears less, rather than that memory grows: observed messages and
 *   announcements beyond HEARD_MAX are dropped.
 */
#include "broker/broker_worker.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "broker/worker_queue.h"

#define FIRST_DELAY_MS 250
#define MAX_DELAY_MS 10000
#define TURN_MS 1000 /* heartbeats ask for a look at the connection so often */
#define TAKEN_PER_TURN 500
#define COMMANDS_PER_TURN 100
#define TOLD_PER_SERVICE 1000 /* so that a flood does not keep the owner's loop from turning */
#define TRIES_MAX 5
#define HEARD_MAX 10000 /* events that wait for the owner */
#define HEARD_MAX_BYTES (64 * 1024 * 1024)
#define OBSERVED_DEFAULT 1000
#define SWEEP_AGE_MS 60000 /* a move takes seconds: what is older was left behind */

struct broker_worker {
    struct broker_worker_events events;
    void *user;
    char *url, *ca_file, *name, *management_url;
    unsigned observed_max_waiting;
    struct worker_queue commands, told;
    pthread_t thread;
    uint64_t last_number;                 /* owner: the caller's thread, as the next */
    size_t undone;                        /* commands whose done() is not told yet */
    atomic_int_least64_t give_up_mono_ms; /* once ended: when to leave what waits undone */
    /* owner: the worker's thread */
    struct broker *broker; /* NULL: away */
    struct management *management;
    struct name_list observed;
    struct worker_item *bindings; /* that live with a connection */
    struct worker_item *again;    /* a command that its connection did not outlive; NULL: none */
    bool outage_told;
    int delay_ms;
    int64_t connect_at_mono_ms, sweep_at_mono_ms;
};

/* ---- what the thread tells ---- */

static void tell(struct broker_worker *w, enum worker_item_kind kind, const char *name,
                 const void *body, size_t size)
{
    struct worker_item *item = worker_item_new(kind, name, body, size);

    if (item)
        (void)worker_queue_offer(&w->told, item, HEARD_MAX, HEARD_MAX_BYTES);
}

/* Which must not be missed, however many wait. */
static void tell_state(struct broker_worker *w, enum worker_item_kind kind, const char *why,
                       unsigned abilities)
{
    struct worker_item *item = worker_item_new(kind, NULL, why, strlen(why));

    if (!item)
        return;
    item->abilities = abilities;
    worker_queue_put(&w->told, item);
}

static void warn(struct broker_worker *w, const char *what, const struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_printf(&text, "%s: %s", what, e->text);
    if (!text.failed)
        tell(w, WORKER_WARNING, NULL, text.data, text.len);
}

static void warn_lines(struct broker_worker *w, struct buf *lines)
{
    const char *from = lines->data, *end;

    for (; from && (end = strchr(from, '\n')); from = end + 1)
        tell(w, WORKER_WARNING, NULL, from, (size_t)(end - from));
    buf_clear(lines);
}

/* ---- connection ---- */

static bool is_lost(const struct err *e)
{
    return e->code != ERR_INPUT && e->code != ERR_LIMIT;
}

static void disconnected(struct broker_worker *w, const struct err *why)
{
    broker_close(w->broker);
    w->broker = NULL;
    w->connect_at_mono_ms = clock_mono_ms() + w->delay_ms;
    w->delay_ms = w->delay_ms * 2 < MAX_DELAY_MS ? w->delay_ms * 2 : MAX_DELAY_MS;
    if (!w->outage_told)
        tell_state(w, WORKER_DISCONNECTED, why->text, 0);
    w->outage_told = true;
}

/* After a step failed with *why: 0 if the connection is well, and it is only told. */
static int told_or_lost(struct broker_worker *w, const char *what, const struct err *why,
                        struct err *e)
{
    if (is_lost(why))
        return err_set(e, why->code, "%s", why->text);
    warn(w, what, why);
    return 0;
}

/* An observer takes what a cut-off move still has to hold: move_exactly() puts it back. */
static bool must_not_look_yet(const struct broker_worker *w, const char *outport)
{
    return w->again && w->again->move.held[0] && strcmp(w->again->binding.src, outport) == 0;
}

/* Makes again what lived with the connection before. */
static int restore(struct broker_worker *w, struct err *e)
{
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err why = ERR_INIT;

    if (broker_follow_discovery(w->broker, &why) && told_or_lost(w, "discovery", &why, e))
        return -1;
    for (size_t i = 0; i < w->observed.n; i++) {
        const char *outport = w->observed.names[i];

        if (must_not_look_yet(w, outport))
            continue;
        err_clear(&why);
        if (broker_observe(w->broker, outport, w->observed_max_waiting, &why) &&
            told_or_lost(w, outport, &why, e))
            return -1;
    }
    for (const struct worker_item *item = w->bindings; item; item = item->next) {
        err_clear(&why);
        if (broker_bind(w->broker, &item->binding, &warnings, &why) &&
            told_or_lost(w, item->binding.src, &why, e))
            return -1;
    }
    warn_lines(w, &warnings);
    return 0;
}

static void connect_now(struct broker_worker *w)
{
    const struct broker_options options = {
        .url = w->url, .ca_file = w->ca_file, .name = w->name, .timeout_ms = 0};
    struct err e = ERR_INIT;

    if (broker_open(&options, &w->broker, &e) || restore(w, &e)) {
        disconnected(w, &e);
        return;
    }
    w->outage_told = false;
    w->delay_ms = FIRST_DELAY_MS;
    w->sweep_at_mono_ms = clock_mono_ms() + SWEEP_AGE_MS;
    tell_state(w, WORKER_CONNECTED, "", broker_abilities(w->broker));
}

/* ---- names and bindings that are kept ---- */

static size_t find_name(const struct name_list *list, const char *name)
{
    size_t i = 0;

    while (i < list->n && strcmp(list->names[i], name) != 0)
        i++;
    return i;
}

static int keep_name(struct name_list *list, const char *name, struct err *e)
{
    char **grown;

    if (find_name(list, name) < list->n)
        return 0;
    grown = reallocarray(list->names, list->n + 1, sizeof(*grown));
    if (!grown)
        return err_set(e, ERR_NOMEM, "no memory for a name");
    list->names = grown;
    grown[list->n] = strdup(name);
    if (!grown[list->n])
        return err_set(e, ERR_NOMEM, "no memory for a name");
    list->n++;
    return 0;
}

static void forget_name(struct name_list *list, const char *name)
{
    size_t i = find_name(list, name);

    if (i == list->n)
        return;
    free(list->names[i]);
    list->names[i] = list->names[--list->n];
}

static bool same_binding(const struct binding *a, const struct binding *b)
{
    return a->kind == b->kind && strcmp(a->src, b->src) == 0 && strcmp(a->tgt, b->tgt) == 0;
}

static void forget_binding(struct broker_worker *w, const struct binding *binding)
{
    struct worker_item **at = &w->bindings;

    while (*at && !same_binding(&(*at)->binding, binding))
        at = &(*at)->next;
    if (*at) {
        struct worker_item *item = *at;

        *at = item->next;
        worker_item_free(item);
    }
}

/* Where the broker keeps bindings itself, there is nothing to make again. */
static int keep_binding(struct broker_worker *w, const struct binding *binding, struct err *e)
{
    struct worker_item *item;

    if (broker_abilities(w->broker) & BROKER_BINDS)
        return 0;
    forget_binding(w, binding);
    item = worker_item_new(WORKER_BIND, NULL, NULL, 0);
    if (!item || worker_item_set_binding(&item->binding, binding)) {
        worker_item_free(item);
        return err_set(e, ERR_NOMEM, "no memory for a binding");
    }
    item->next = w->bindings;
    w->bindings = item;
    return 0;
}

/* ---- commands, carried out ---- */

/* NULL: there is none, or it cannot be used; *e says why. */
static struct management *management_of(struct broker_worker *w, struct err *e)
{
    if (!w->management_url) {
        err_set(e, ERR_INPUT, "no management API is named");
        return NULL;
    }
    if (!w->management && management_open(w->url, w->management_url, w->ca_file, &w->management, e))
        return NULL;
    return w->management;
}

/* Our own look at the source is a second binding of it: it is taken away for the move. */
static enum broker_move_end move_exactly(struct broker_worker *w, struct worker_item *item,
                                         struct management *m, struct buf *warnings, struct err *e)
{
    const char *src = item->binding.src;
    bool observed = find_name(&w->observed, src) < w->observed.n;
    struct err why = ERR_INIT;
    enum broker_move_end end;

    if (observed && broker_unobserve(w->broker, src, e))
        return BROKER_MOVE_FAILED;
    end = broker_move_exactly(w->broker, m, &item->binding, &item->to, &item->move, warnings, e);
    if (!observed || (end == BROKER_MOVE_FAILED && is_lost(e)) ||
        broker_observe(w->broker, src, w->observed_max_waiting, &why) == 0)
        return end;
    if (!is_lost(&why)) { /* that is no fault of the move */
        buf_printf(warnings, "%s is not observed any more: %s\n", src, why.text);
        return end;
    }
    err_clear(e);
    err_set(e, why.code, "%s", why.text);
    return BROKER_MOVE_FAILED;
}

static int move_edge(struct broker_worker *w, struct worker_item *item, struct buf *warnings,
                     struct err *e)
{
    struct err why = ERR_INIT;
    struct management *m =
        item->alone && broker_abilities(w->broker) & BROKER_BINDS ? management_of(w, &why) : NULL;

    if (m) {
        enum broker_move_end end = move_exactly(w, item, m, warnings, &why);

        /* However it ended, it may have left something behind. */
        w->sweep_at_mono_ms = clock_mono_ms() + SWEEP_AGE_MS;
        switch (end) {
        case BROKER_MOVED:
            return 0;
        case BROKER_MOVE_FAILED:
            return err_set(e, why.code, "%s", why.text);
        case BROKER_MOVE_NOT_EXACT:
            buf_printf(warnings, "%s is moved with an overlap: %s\n", item->binding.src, why.text);
        }
    }
    if (broker_move_overlapping(w->broker, &item->binding, &item->to, warnings, e) ||
        keep_binding(w, &item->to, e))
        return -1;
    forget_binding(w, &item->binding);
    return 0;
}

static int carry_out(struct broker_worker *w, struct worker_item *item, struct buf *warnings,
                     struct err *e)
{
    const struct broker_message m = {item->body, item->size, NULL};

    switch (item->kind) {
    case WORKER_BIND:
        return broker_bind(w->broker, &item->binding, warnings, e) ||
                       keep_binding(w, &item->binding, e)
                   ? -1
                   : 0;
    case WORKER_UNBIND:
        forget_binding(w, &item->binding);
        return broker_unbind(w->broker, &item->binding, e);
    case WORKER_MOVE:
        return move_edge(w, item, warnings, e);
    case WORKER_SEND:
        return broker_send(w->broker, item->name, &m, e);
    case WORKER_OBSERVE:
        return broker_observe(w->broker, item->name, w->observed_max_waiting, e) ||
                       keep_name(&w->observed, item->name, e)
                   ? -1
                   : 0;
    case WORKER_UNOBSERVE:
        forget_name(&w->observed, item->name);
        return broker_unobserve(w->broker, item->name, e);
    default:
        return err_set(e, ERR_BUG, "no command");
    }
}

/* A move that is given up: a sweep will find what it held. */
static void warn_of_held(struct broker_worker *w, const struct worker_item *item)
{
    if (item->move.held[0])
        warn(w, item->move.held, &item->e);
}

/* One command: false when there is none, or the connection is lost. */
static bool run_command(struct broker_worker *w)
{
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct worker_item *item = w->again ? w->again : worker_queue_take(&w->commands);

    w->again = NULL;
    if (!item)
        return false;
    err_clear(&item->e);
    (void)carry_out(w, item, &warnings, &item->e);
    warn_lines(w, &warnings);
    if (item->e.code != ERR_NONE && is_lost(&item->e)) {
        const struct err why = item->e;

        if (++item->tries < TRIES_MAX) {
            w->again = item;
        } else {
            warn_of_held(w, item);
            worker_queue_put(&w->told, item);
        }
        disconnected(w, &why);
        return false;
    }
    worker_queue_put(&w->told, item);
    return true;
}

/* ---- the thread ---- */

static void take_deliveries(struct broker_worker *w)
{
    for (int i = 0; i < TAKEN_PER_TURN; i++) {
        struct broker_delivery d;
        struct err e = ERR_INIT;

        if (broker_next(w->broker, 0, &d, &e)) {
            if (e.code != ERR_TIMEOUT)
                disconnected(w, &e);
            return;
        }
        if (d.source == BROKER_FROM_DISCOVERY)
            tell(w, WORKER_DISCOVERED, NULL, d.body, d.size);
        else
            tell(w, WORKER_OBSERVED, d.from, d.body, d.size);
    }
    worker_queue_wake(&w->commands); /* more may be there that no poll would tell of */
}

static void sweep_when_due(struct broker_worker *w)
{
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;
    struct management *m;
    bool more = false;

    if (clock_until_ms(w->sweep_at_mono_ms) > 0)
        return;
    w->sweep_at_mono_ms = INT64_MAX;
    m = w->management_url ? management_of(w, &e) : NULL;
    if (!m)
        return;
    if (broker_sweep_held(w->broker, m, SWEEP_AGE_MS, &more, &warnings, &e))
        disconnected(w, &e);
    else if (more)
        w->sweep_at_mono_ms = clock_mono_ms() + SWEEP_AGE_MS;
    warn_lines(w, &warnings);
}

static void wait_for_work(struct broker_worker *w)
{
    struct pollfd fds[2] = {{w->commands.fd, POLLIN, 0}, {-1, POLLIN, 0}};
    int timeout_ms = TURN_MS;

    if (w->broker)
        fds[1].fd = broker_fd(w->broker);
    else
        timeout_ms = clock_until_ms(w->connect_at_mono_ms);
    (void)poll(fds, 2, timeout_ms);
    worker_queue_quiet(&w->commands);
}

/* Whether to go on: once ended, as long as there is something to do that can be done. */
static bool has_work(struct broker_worker *w)
{
    if (!worker_queue_ended(&w->commands))
        return true;
    return w->broker && (w->again || worker_queue_has_items(&w->commands)) &&
           clock_until_ms(atomic_load(&w->give_up_mono_ms)) > 0;
}

/* Some, so that deliveries have their turn. */
static void run_commands(struct broker_worker *w)
{
    for (int i = 0; i < COMMANDS_PER_TURN; i++)
        if (!w->broker || !has_work(w) || !run_command(w))
            return;
    worker_queue_wake(&w->commands);
}

static void *run(void *worker)
{
    struct broker_worker *w = worker;

    while (has_work(w)) {
        if (!w->broker && clock_until_ms(w->connect_at_mono_ms) == 0)
            connect_now(w);
        run_commands(w);
        if (w->broker)
            take_deliveries(w);
        if (w->broker)
            sweep_when_due(w);
        if (has_work(w))
            wait_for_work(w);
    }
    broker_close(w->broker);
    management_close(w->management);
    return NULL;
}

/* ---- the owner's side ---- */

static void worker_free(struct broker_worker *w)
{
    worker_queue_release(&w->commands);
    worker_queue_release(&w->told);
    worker_item_free(w->again);
    for (size_t i = 0; i < w->observed.n; i++)
        free(w->observed.names[i]);
    free(w->observed.names);
    while (w->bindings) {
        struct worker_item *item = w->bindings;

        w->bindings = item->next;
        worker_item_free(item);
    }
    free(w->url);
    free(w->ca_file);
    free(w->name);
    free(w->management_url);
    free(w);
}

static int copy(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return from && !*to ? -1 : 0;
}

int broker_worker_start(const struct broker_worker_options *options,
                        const struct broker_worker_events *events, void *user,
                        struct broker_worker **ret, struct err *e)
{
    struct broker_worker *w = calloc(1, sizeof(*w));
    int failed;

    if (!w)
        return err_set(e, ERR_NOMEM, "no memory for a broker");
    w->events = *events;
    w->user = user;
    w->delay_ms = FIRST_DELAY_MS;
    w->observed_max_waiting =
        options->observed_max_waiting ? options->observed_max_waiting : OBSERVED_DEFAULT;
    failed = worker_queue_init(&w->commands, e) | worker_queue_init(&w->told, e);
    if (failed || copy(&w->url, options->url) || copy(&w->ca_file, options->ca_file) ||
        copy(&w->name, options->name) || copy(&w->management_url, options->management_url)) {
        worker_free(w);
        return err_set(e, ERR_NOMEM, "no memory for a broker");
    }
    curl_global_init(CURL_GLOBAL_DEFAULT); /* before there are threads */
    if (pthread_create(&w->thread, NULL, run, w)) {
        worker_free(w);
        return err_set(e, ERR_NOMEM, "no thread for a broker");
    }
    *ret = w;
    return 0;
}

void broker_worker_stop(struct broker_worker *w, int timeout_ms)
{
    if (!w)
        return;
    atomic_store(&w->give_up_mono_ms, clock_mono_ms() + timeout_ms);
    worker_queue_end(&w->commands);
    pthread_join(w->thread, NULL);
    worker_free(w);
}

int broker_worker_fd(const struct broker_worker *w)
{
    return w->told.fd;
}

static void tell_owner(struct broker_worker *w, const struct worker_item *item)
{
    const struct broker_worker_events *on = &w->events;

    switch (item->kind) {
    case WORKER_CONNECTED:
        on->connected(w->user, item->abilities);
        break;
    case WORKER_DISCONNECTED:
        on->disconnected(w->user, item->body);
        break;
    case WORKER_DISCOVERED:
        on->discovered(w->user, item->body, item->size);
        break;
    case WORKER_OBSERVED:
        on->observed(w->user, item->name, item->body, item->size);
        break;
    case WORKER_WARNING:
        on->warning(w->user, item->body);
        break;
    default:
        w->undone--;
        on->done(w->user, item->number, item->e.code == ERR_NONE ? NULL : &item->e);
        break;
    }
}

void broker_worker_service(struct broker_worker *w)
{
    worker_queue_quiet(&w->told);
    for (int i = 0; i < TOLD_PER_SERVICE; i++) {
        struct worker_item *item = worker_queue_take(&w->told);

        if (!item)
            return;
        tell_owner(w, item);
        worker_item_free(item);
    }
    worker_queue_wake(&w->told);
}

/* Takes the item, which may be NULL for want of memory. */
static uint64_t give(struct broker_worker *w, struct worker_item *item_take)
{
    if (!item_take || w->undone >= BROKER_WORKER_MAX_WAITING) {
        worker_item_free(item_take);
        return 0;
    }
    item_take->number = ++w->last_number;
    w->undone++;
    worker_queue_put(&w->commands, item_take);
    return w->last_number;
}

static struct worker_item *binding_item(enum worker_item_kind kind, const struct binding *binding,
                                        const struct binding *to)
{
    struct worker_item *item = worker_item_new(kind, NULL, NULL, 0);

    if (item && (worker_item_set_binding(&item->binding, binding) ||
                 (to && worker_item_set_binding(&item->to, to)))) {
        worker_item_free(item);
        return NULL;
    }
    return item;
}

uint64_t broker_worker_bind(struct broker_worker *w, const struct binding *binding)
{
    return give(w, binding_item(WORKER_BIND, binding, NULL));
}

uint64_t broker_worker_unbind(struct broker_worker *w, const struct binding *binding)
{
    return give(w, binding_item(WORKER_UNBIND, binding, NULL));
}

uint64_t broker_worker_move(struct broker_worker *w, const struct binding *from,
                            const struct binding *to, bool alone)
{
    struct worker_item *item = binding_item(WORKER_MOVE, from, to);

    if (item)
        item->alone = alone;
    return give(w, item);
}

uint64_t broker_worker_send(struct broker_worker *w, const char *queue, const void *body,
                            size_t size)
{
    return give(w, worker_item_new(WORKER_SEND, queue, body, size));
}

uint64_t broker_worker_observe(struct broker_worker *w, const char *outport)
{
    return give(w, worker_item_new(WORKER_OBSERVE, outport, NULL, 0));
}

uint64_t broker_worker_unobserve(struct broker_worker *w, const char *outport)
{
    return give(w, worker_item_new(WORKER_UNOBSERVE, outport, NULL, 0));
}
