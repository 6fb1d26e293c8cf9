#include "job_publisher.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "msgflo/msgflo.h"

struct job_publisher {
    pthread_t thread;
    struct queue *inbox, *done;
    size_t capacity, window;
    atomic_size_t in_hand; /* offered and not forgotten */
    atomic_bool connected;
    atomic_bool stopping;
    atomic_llong stop_mono_ms; /* the end of its patience once stopping */

    /* owner: its thread */
    struct msgflo_participant *participant;
    struct outbox_item *current; /* some of its messages are still to be sent; NULL: none */
    bool refused;                /* the last messages were: said once */
};

/* ---- items */

/* Whether nothing more of the item is sent now: what is left waits for a later time. */
static bool is_spent(const struct outbox_item *item)
{
    return item->next == item->count || item->refused;
}

/* Gives the item back once nothing of it is under way or to be sent. */
static void give_back(struct job_publisher *p, struct outbox_item *item)
{
    if (item == p->current) {
        if (!is_spent(item))
            return;
        p->current = NULL;
    }
    if (item->pending == 0 && queue_push(p->done, item))
        log_error("bug", "message=%s", log_quote("the queue of finished outbox rows is full"));
}

/* Says once that messages come back, and once that they are taken again. */
static void note_fate(struct job_publisher *p, const char *outport, enum msgflo_fate fate)
{
    const bool refused = fate == MSGFLO_RETURNED || fate == MSGFLO_NACKED;

    if (fate == MSGFLO_LOST || refused == p->refused)
        return;
    p->refused = refused;
    if (fate == MSGFLO_RETURNED)
        log_warn("messages_not_taken", "outport=%s message=%s", outport,
                 log_quote("no queue is bound to it; its messages wait in the outbox"));
    else if (refused)
        log_warn("messages_not_taken", "outport=%s message=%s", outport,
                 log_quote("the broker cannot keep them; they wait in the outbox"));
    else
        log_info("messages_taken_again", "outport=%s", outport);
}

static void on_sent(struct msgflo_participant *participant, enum msgflo_fate fate, void *user)
{
    struct outbox_message *m = user;
    struct outbox_item *item = m->item;

    (void)participant;
    m->confirmed = fate == MSGFLO_CONFIRMED;
    if (fate == MSGFLO_RETURNED || fate == MSGFLO_NACKED)
        item->refused = true;
    note_fate(item->publisher, item->outport, fate);
    item->pending--;
    give_back(item->publisher, item);
}

static void send_next(struct job_publisher *p, struct outbox_item *item)
{
    struct outbox_message *m = &item->messages[item->next++];
    const struct msgflo_message message = {
        .body = m->text, .size = strlen(m->text), .mandatory = true};
    struct msgflo_error e = {MSGFLO_OK, ""};

    if (msgflo_send(p->participant, item->outport, &message, on_sent, m, &e) == 0) {
        item->pending++;
        return;
    }
    item->next = item->count; /* the rest would fare no better */
    if (e.code != MSGFLO_UNAVAILABLE)
        log_error("message_not_sent", "job=%s message=%s", item->job, log_quote(e.text));
    /* Connected, and it takes nothing all the same: an alarm of the broker's, which may last. Due
     * at once, the rows would go round between database and here as fast as they can. */
    item->refused = e.code != MSGFLO_UNAVAILABLE || msgflo_connected(p->participant);
}

/* ---- the thread */

static bool has_window(const struct job_publisher *p)
{
    return msgflo_unconfirmed(p->participant) < p->window;
}

/* Sends while there is something to send and room in the window. Without a connection everything
 * goes back at once: the outbox keeps it until the broker is there. */
static void send_items(struct job_publisher *p)
{
    const bool connected = msgflo_connected(p->participant);
    void *next;

    atomic_store(&p->connected, connected);
    while (!connected || has_window(p)) {
        if (!p->current) {
            if (queue_take(p->inbox, &next, 1) == 0)
                return;
            p->current = next;
            p->current->publisher = p;
        }
        if (!connected)
            p->current->next = p->current->count;
        if (!is_spent(p->current))
            send_next(p, p->current);
        give_back(p, p->current);
    }
}

static void on_state(struct msgflo_participant *participant, enum msgflo_state state,
                     const char *text, void *user)
{
    struct job_publisher *p = user;

    (void)participant;
    switch (state) {
    case MSGFLO_CONNECTED:
        log_info("broker_up", "id=%s", msgflo_id(p->participant));
        atomic_store(&p->connected, true);
        queue_wake(p->done); /* the outbox can be swept */
        break;
    case MSGFLO_DISCONNECTED:
        atomic_store(&p->connected, false);
        log_warn("broker_down", "message=%s", log_quote(text));
        break;
    case MSGFLO_WARNING:
        log_warn("broker_warning", "message=%s", log_quote(text));
        break;
    }
}

static bool is_over(struct job_publisher *p)
{
    if (!atomic_load(&p->stopping))
        return false;
    if (clock_mono_ms() >= atomic_load(&p->stop_mono_ms))
        return true;
    return !p->current && msgflo_unconfirmed(p->participant) == 0;
}

static void *run(void *arg)
{
    struct job_publisher *p = arg;

    while (!is_over(p)) {
        /* A full window wants confirms, not items. */
        struct pollfd fds[] = {{msgflo_fd(p->participant), POLLIN, 0},
                               {has_window(p) ? queue_fd(p->inbox) : -1, POLLIN, 0}};
        int timeout_ms = msgflo_timeout_ms(p->participant);

        if (atomic_load(&p->stopping)) {
            const int left_ms = clock_until_ms(atomic_load(&p->stop_mono_ms));

            timeout_ms = timeout_ms < 0 || left_ms < timeout_ms ? left_ms : timeout_ms;
        }
        poll(fds, 2, timeout_ms);
        msgflo_service(p->participant);
        send_items(p);
    }
    atomic_store(&p->connected, false);
    if (p->current) {
        p->current->next = p->current->count;
        give_back(p, p->current);
    }
    msgflo_free(p->participant); /* what has no fate yet is told lost, and so comes back */
    p->participant = NULL;
    return NULL;
}

/* ---- for the writer's thread */

static const struct msgflo_port outports[] = {
    {.id = OUTPORT_INTERACTIVE,
     .type = "object",
     .description = "images that somebody waits for, one a message"},
    {.id = OUTPORT_BULK, .type = "object", .description = "images that can wait, one a message"},
};

static const struct msgflo_definition definition = {
    .component = "imageresize/HttpApi",
    .label = "Takes jobs over HTTP and tells their state",
    .icon = "globe",
    .outports = outports,
    .outport_count = sizeof outports / sizeof *outports,
};

struct job_publisher *job_publisher_start(const struct settings *settings, const char *role,
                                          size_t capacity, struct queue *done, struct err *e)
{
    struct job_publisher *p = calloc(1, sizeof *p);
    const struct msgflo_options options = {
        .broker = settings->broker,
        .ca_file = settings->ca_file,
        .role = role,
        .discovery_period_s = (unsigned)settings->discovery_period_s,
        .on_state = on_state,
        .user = p,
    };
    struct msgflo_error me = {MSGFLO_OK, ""};

    if (!p) {
        err_set(e, ERR_NOMEM, "the publisher");
        return NULL;
    }
    p->capacity = capacity;
    p->window = (size_t)settings->publish_window;
    p->done = done;
    p->inbox = queue_new(capacity, e);
    if (!p->inbox)
        goto failed;
    p->participant = msgflo_new(&definition, &options, &me);
    if (!p->participant) {
        err_set(e, ERR_INPUT, "%s", me.text);
        goto failed;
    }
    if (pthread_create(&p->thread, NULL, run, p)) {
        err_set(e, ERR_UNAVAILABLE, "the publisher's thread cannot be started");
        goto failed;
    }
    return p;
failed:
    msgflo_free(p->participant);
    job_publisher_free(p);
    return NULL;
}

void job_publisher_stop(struct job_publisher *p, int timeout_ms)
{
    void *item;

    atomic_store(&p->stop_mono_ms, clock_mono_ms() + timeout_ms);
    atomic_store(&p->stopping, true);
    queue_wake(p->inbox);
    pthread_join(p->thread, NULL);
    while (queue_take(p->inbox, &item, 1))
        if (queue_push(p->done, item))
            outbox_item_free(item); /* its lease brings it back */
}

void job_publisher_free(struct job_publisher *p)
{
    if (!p)
        return;
    queue_free(p->inbox);
    free(p);
}

size_t job_publisher_room(struct job_publisher *p)
{
    const size_t in_hand = atomic_load(&p->in_hand);

    return atomic_load(&p->connected) && in_hand < p->capacity ? p->capacity - in_hand : 0;
}

int job_publisher_offer(struct job_publisher *p, struct outbox_item *item)
{
    if (job_publisher_room(p) == 0 || queue_push(p->inbox, item))
        return -1;
    atomic_fetch_add(&p->in_hand, 1);
    return 0;
}

void job_publisher_forget(struct job_publisher *p)
{
    atomic_fetch_sub(&p->in_hand, 1);
}

bool job_publisher_is_connected(struct job_publisher *p)
{
    return atomic_load(&p->connected);
}
