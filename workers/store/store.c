/*
 * Design notes. A batch is `in hand` from the moment it is taken out of `pending` until its
 * deliveries are acked. Its steps: apply (again and again while the database is away), send the
 * jobs that ended, await their confirms, ack. Nothing is acked before what it told is committed
 * and passed on. After a crash, or a lost connection, the broker delivers again; such deliveries
 * change nothing, but their ended jobs are told once more: at least once.
 */
#include "store.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "apply.h"
#include "base/clock.h"
#include "base/log.h"
#include "batch.h"
#include "herald.h"
#include "job/message.h"

#define APPLY_RETRY_FIRST_MS 500
#define APPLY_RETRY_MOST_MS 15000
#define RESEND_MS 1000
/* One past MESSAGE_BYTES_MAX is only looked at for the id of its image, so that this can end. */
#define LARGEST_MESSAGE_BYTES (16 * MESSAGE_BYTES_MAX)
#define STOP_WITHIN_MS 20000 /* after SIGTERM: the platform kills at 30 s */

/* One ended job on its way to OUT. */
struct sending {
    struct store *store;
    enum { UNSENT, SENT, DONE } state;
};

struct store {
    struct msgflo_participant *participant;
    struct db *db;
    struct apply_rules rules;
    size_t batch_max;
    int batch_wait_ms;

    struct items pending;
    int64_t pending_since_mono_ms; /* when the oldest of it came */

    struct items hand;
    bool applied;
    int64_t apply_mono_ms; /* not before then */
    int apply_delay_ms;
    enum err_code told; /* the trouble that has been logged; ERR_NONE: there is none */
    struct outcome outcome;
    struct sending *sendings; /* one for each of outcome.ended */
    int64_t send_mono_ms;     /* not before then */

    struct herald herald;
};

static volatile sig_atomic_t stop_asked;

static void ask_to_stop(int signal_number)
{
    (void)signal_number;
    stop_asked = 1;
}

/* ---- in ---- */

static void take_delivery(struct msgflo_participant *p, struct msgflo_delivery *d, void *user)
{
    struct store *s = user;
    bool dead = strcmp(msgflo_delivery_port(d), "dead") == 0;
    struct err e = ERR_INIT;
    struct event ev;
    int rc;

    (void)p;
    rc = dead ? event_read_dead(msgflo_delivery_body(d), msgflo_delivery_size(d), &ev, &e)
              : event_read(msgflo_delivery_body(d), msgflo_delivery_size(d), &ev, &e);
    if (rc && e.code == ERR_NOMEM) {
        log_error("no_memory", "doing=%s", "take_delivery");
        msgflo_requeue(d);
        return;
    }
    if (rc)
        log_warn("message_refused", "port=%s image=%s bytes=%zu message=%s",
                 msgflo_delivery_port(d), ev.image[0] ? ev.image : "unknown",
                 msgflo_delivery_size(d), log_quote(e.text));
    ev.again = msgflo_delivery_redelivered(d);
    if (s->pending.count == 0)
        s->pending_since_mono_ms = clock_mono_ms();
    if (items_add(&s->pending, d, &ev, dead, rc != 0)) {
        event_release(&ev);
        log_error("no_memory", "doing=%s", "take_delivery");
    }
}

static void note_state(struct msgflo_participant *p, enum msgflo_state state, const char *text,
                       void *user)
{
    struct store *s = user;

    switch (state) {
    case MSGFLO_CONNECTED:
        items_drop(&s->pending); /* of a connection before */
        log_info("broker_up", "id=%s", msgflo_id(p));
        break;
    case MSGFLO_DISCONNECTED:
        items_drop(&s->pending);
        log_warn("broker_down", "message=%s", log_quote(text));
        break;
    case MSGFLO_WARNING:
        log_warn("broker_warning", "message=%s", log_quote(text));
        break;
    }
}

/* ---- the batch in hand ---- */

static bool is_refusal(const struct err *e)
{
    return e->code == ERR_INPUT || e->code == ERR_LIMIT;
}

/* Logs a trouble when it begins, not each time it is met again. */
static void note_trouble(struct store *s, const struct err *e)
{
    bool away = e->code == ERR_UNAVAILABLE || e->code == ERR_TIMEOUT;
    enum err_code kind = away ? ERR_UNAVAILABLE : e->code;

    if (s->told == kind)
        return;
    s->told = kind;
    if (away)
        log_warn("database_down", "message=%s", log_quote(e->text));
    else
        log_error("batch_failed", "code=%s messages=%zu message=%s", err_code_name(e->code),
                  s->hand.count, log_quote(e->text));
}

static void postpone(struct store *s, const struct err *e)
{
    int delay_ms = s->apply_delay_ms * 2;

    note_trouble(s, e);
    if (delay_ms < APPLY_RETRY_FIRST_MS)
        delay_ms = APPLY_RETRY_FIRST_MS;
    if (delay_ms > APPLY_RETRY_MOST_MS)
        delay_ms = APPLY_RETRY_MOST_MS;
    s->apply_delay_ms = delay_ms;
    s->apply_mono_ms = clock_mono_ms() + delay_ms;
}

/* It may have been committed though no answer came. */
static void mark_again(struct store *s)
{
    for (size_t i = 0; i < s->hand.count; i++)
        s->hand.list[i].event.again = true;
}

static int apply_all(struct store *s, struct err *e)
{
    const struct event **events = calloc(s->hand.count + 1, sizeof *events);
    size_t n = 0;
    int rc;

    if (!events)
        return err_set(e, ERR_NOMEM, "a batch of %zu messages", s->hand.count);
    for (size_t i = 0; i < s->hand.count; i++)
        if (s->hand.list[i].event.kind != EVENT_NONE)
            events[n++] = &s->hand.list[i].event;
    rc = n ? apply_events(s->db, &s->rules, events, n, &s->outcome, e) : 0;
    free(events);
    return rc;
}

/* The database refuses what the message tells, so its image is ended in the only way left. */
static int bury(struct store *s, struct item *item, struct err *e)
{
    const struct event *dead;
    struct event ev;
    int rc;

    if (event_read_dead(msgflo_delivery_body(item->delivery), msgflo_delivery_size(item->delivery),
                        &ev, e))
        return is_refusal(e) ? 0 : -1;
    dead = &ev;
    rc = apply_events(s->db, &s->rules, &dead, 1, &s->outcome, e);
    event_release(&ev);
    return rc && !is_refusal(e) ? -1 : 0;
}

/* Finds what is refused among a batch that is, and applies the others. */
static int apply_singly(struct store *s, struct err *e)
{
    for (size_t i = 0; i < s->hand.count; i++) {
        struct item *item = &s->hand.list[i];
        const struct event *ev = &item->event;

        if (ev->kind == EVENT_NONE || apply_events(s->db, &s->rules, &ev, 1, &s->outcome, e) == 0)
            continue;
        if (!is_refusal(e))
            return -1;
        log_error("message_refused", "port=%s image=%s message=%s",
                  msgflo_delivery_port(item->delivery), ev->image, log_quote(e->text));
        item->refused = true;
        err_clear(e);
        if (bury(s, item, e))
            return -1;
        err_clear(e);
    }
    return 0;
}

static void log_outcome(const struct store *s, int64_t began_mono_ms)
{
    const struct outcome *o = &s->outcome;

    if (o->unknown)
        log_info("images_unknown", "count=%zu", o->unknown);
    for (size_t i = 0; i < o->ended_count; i++) {
        const struct ended_job *job = &o->ended[i];

        if (job->ended_now)
            log_info("job_ended",
                     "job=%s status=%s total=%d completed=%d failed=%d cancelled=%d took_ms=%lld",
                     job->id, job->status, job->total, job->completed, job->failed, job->cancelled,
                     (long long)job->took_ms);
    }
    log_debug("batch", "messages=%zu images=%zu jobs=%zu ended=%zu took_ms=%lld", s->hand.count,
              o->images_changed, o->jobs_changed, o->ended_count,
              (long long)(clock_mono_ms() - began_mono_ms));
}

static void apply_hand(struct store *s)
{
    int64_t began = clock_mono_ms();
    struct err e = ERR_INIT;
    int rc = apply_all(s, &e);

    if (rc && e.code == ERR_UNAVAILABLE && db_retry_ms(s->db) == 0) {
        /* The session died while it was idle, as in a restart of the server: no outage yet. */
        mark_again(s);
        err_clear(&e);
        rc = apply_all(s, &e);
    }
    if (rc && is_refusal(&e)) {
        err_clear(&e);
        rc = apply_singly(s, &e);
    }
    if (rc == 0 && !s->sendings) {
        s->sendings = calloc(s->outcome.ended_count + 1, sizeof *s->sendings);
        if (!s->sendings)
            rc = err_set(&e, ERR_NOMEM, "jobs that ended");
    }
    if (rc) {
        mark_again(s);
        postpone(s, &e);
        return;
    }
    if (s->told != ERR_NONE)
        log_info("database_up", "messages=%zu", s->hand.count);
    s->told = ERR_NONE;
    s->apply_delay_ms = 0;
    s->applied = true;
    log_outcome(s, began);
}

/* ---- out ---- */

static void note_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    struct sending *sending = user;

    (void)p;
    sending->state = DONE; /* also MSGFLO_LOST: the deliveries are void too, and come again */
    if (fate == MSGFLO_NACKED) {
        sending->state = UNSENT;
        sending->store->send_mono_ms = clock_mono_ms() + RESEND_MS;
    }
}

static void send_job(struct store *s, size_t i)
{
    const char *document = s->outcome.ended[i].document;
    const struct msgflo_message m = {.body = document, .size = strlen(document)};
    struct msgflo_error e = {MSGFLO_OK, ""};

    s->sendings[i].store = s;
    if (msgflo_send(s->participant, "out", &m, note_fate, &s->sendings[i], &e) == 0) {
        s->sendings[i].state = SENT;
    } else if (e.code == MSGFLO_UNAVAILABLE) {
        s->sendings[i].state = DONE; /* as for MSGFLO_LOST */
    } else {
        log_error("job_not_told", "job=%s message=%s", s->outcome.ended[i].id, log_quote(e.text));
        s->send_mono_ms = clock_mono_ms() + RESEND_MS;
    }
}

/* Whether all have met their fate. */
static bool send_jobs(struct store *s)
{
    bool done = true;

    for (size_t i = 0; i < s->outcome.ended_count; i++) {
        if (s->sendings[i].state == UNSENT && clock_until_ms(s->send_mono_ms) == 0)
            send_job(s, i);
        done &= s->sendings[i].state == DONE;
    }
    return done;
}

static void finish_hand(struct store *s)
{
    items_settle(&s->hand);
    outcome_release(&s->outcome);
    free(s->sendings);
    s->sendings = NULL;
    s->applied = false;
    s->apply_mono_ms = 0;
    s->send_mono_ms = 0;
}

/* ---- the loop ---- */

static bool is_batch_due(const struct store *s)
{
    return s->pending.count >= s->batch_max ||
           (s->pending.count > 0 &&
            clock_until_ms(s->pending_since_mono_ms + s->batch_wait_ms) == 0);
}

/* Does what can be done now; what remains waits for the broker or for a time. */
static void work(struct store *s)
{
    herald_work(&s->herald, stop_asked);
    while (s->hand.count > 0 || is_batch_due(s)) {
        if (s->hand.count == 0) {
            if (stop_asked || items_take(&s->pending, s->batch_max, &s->hand))
                return;
            s->pending_since_mono_ms = clock_mono_ms();
        }
        if (!s->applied && clock_until_ms(s->apply_mono_ms) == 0)
            apply_hand(s);
        if (!s->applied || !send_jobs(s))
            return;
        finish_hand(s);
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static bool has_unsent(const struct store *s)
{
    for (size_t i = 0; i < s->outcome.ended_count; i++)
        if (s->sendings[i].state == UNSENT)
            return true;
    return false;
}

static int timeout_ms(const struct store *s)
{
    int ms = least(msgflo_timeout_ms(s->participant), herald_timeout_ms(&s->herald));

    if (s->hand.count == 0) {
        if (s->pending.count > 0)
            ms = least(ms, clock_until_ms(s->pending_since_mono_ms + s->batch_wait_ms));
    } else if (!s->applied) {
        ms = least(ms, clock_until_ms(s->apply_mono_ms));
    } else if (has_unsent(s)) {
        ms = least(ms, clock_until_ms(s->send_mono_ms));
    }
    return ms;
}

/* Signals come in here and nowhere else: a stop that is asked for is never slept through. */
static void wait_for_something(const struct store *s, const sigset_t *while_waiting)
{
    struct pollfd fd = {msgflo_fd(s->participant), POLLIN, 0};
    int ms = timeout_ms(s);
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};

    if (ppoll(&fd, 1, &limit, while_waiting) < 0) {
        /* a signal: looked at by the loop */
    }
}

static void loop(struct store *s, const sigset_t *while_waiting)
{
    int64_t deadline = INT64_MAX;

    for (;;) {
        msgflo_service(s->participant);
        work(s);
        if (stop_asked && deadline == INT64_MAX) {
            log_info("stopping", "in_hand=%zu given_back=%zu", s->hand.count, s->pending.count);
            msgflo_stop_inputs(s->participant);
            deadline = clock_mono_ms() + STOP_WITHIN_MS;
        }
        /* A batch that could not be applied goes back; one that was, is told and acked. */
        if (stop_asked && (!s->applied || clock_until_ms(deadline) == 0))
            return;
        wait_for_something(s, while_waiting);
    }
}

static void catch_signals(sigset_t *ret_while_waiting)
{
    struct sigaction action;
    sigset_t blocked;

    stop_asked = 0;
    memset(&action, 0, sizeof action);
    action.sa_handler = ask_to_stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, ret_while_waiting);
    sigdelset(ret_while_waiting, SIGTERM);
    sigdelset(ret_while_waiting, SIGINT);
}

static struct msgflo_participant *join(struct store *s, const struct settings *settings,
                                       const char *role, struct err *e)
{
    static const struct msgflo_port inports[] = {
        {.id = "in", .type = "object", .description = "what has become of images"},
        {.id = "dead", .type = "object", .description = "messages nobody could do anything with"},
    };
    static const struct msgflo_port outports[] = {
        {.id = "out", .type = "object", .description = "jobs that have ended, at least once each"},
    };
    const struct msgflo_definition definition = {
        .component = "imageresize/StoreResult",
        .label = "Keeps results in Postgres and ends jobs",
        .icon = "database",
        .inports = inports,
        .inport_count = 2,
        .outports = outports,
        .outport_count = 1,
    };
    const struct msgflo_options options = {
        .broker = settings->broker,
        .ca_file = settings->ca_file,
        .role = role,
        .prefetch = 2 * (unsigned)s->batch_max, /* the next batch comes in while one is applied */
        .discovery_period_s = (unsigned)settings->discovery_period_s,
        .max_message_bytes = LARGEST_MESSAGE_BYTES,
        .on_input = take_delivery,
        .on_state = note_state,
        .user = s,
    };
    struct msgflo_error me = {MSGFLO_OK, ""};
    struct msgflo_participant *p = msgflo_new(&definition, &options, &me);

    if (!p)
        err_set(e, me.code == MSGFLO_NOMEM ? ERR_NOMEM : ERR_INPUT, "%s", me.text);
    return p;
}

int store_run(const struct settings *settings, const char *role, struct err *e)
{
    const struct db_options db_options = {.url = settings->database_url, .application = role};
    struct store s = {
        .rules = {(int)settings->attempts, settings->retry_delay_ms},
        .batch_max = (size_t)settings->store_batch,
        .batch_wait_ms = (int)settings->store_batch_wait_ms,
    };
    sigset_t while_waiting;

    catch_signals(&while_waiting);
    s.db = db_new(&db_options, e);
    s.participant = s.db ? join(&s, settings, role, e) : NULL;
    s.herald = (struct herald){.participant = s.participant, .db = s.db};
    if (s.participant)
        loop(&s, &while_waiting);
    /* First: it may still tell fates, and it gives back what is pending or in hand. */
    msgflo_free(s.participant);
    herald_release(&s.herald);
    items_release(&s.pending);
    items_release(&s.hand);
    outcome_release(&s.outcome);
    free(s.sendings);
    db_free(s.db);
    return s.participant ? 0 : -1;
}
