/*
 * Design notes. One statement saves a whole group of new jobs, so that it costs one commit and one
 * round trip. A group that the database refuses is saved again one by one, so that only the culprit
 * fails. The outbox rows of a group are leased to this process as they are made, if the publisher
 * has room for them; else they are left for a sweep, here or in another web process. Jobs that are
 * to be cancelled are a group too, with a transaction of its own after that of the new ones: it is
 * of several statements, and may wait for a lock.
 */
#include "writer.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "web/canceller.h"
#include "web/outage.h"
#include "web/outbox.h"
#include "web/request.h"
#include "writer_sql.h"

#define SWEEP_MS 1000
#define SWEEP_ROWS 100
#define FINISH_ROWS PUBLISHER_ITEMS /* all that can be in the publisher's hands */
#define CREATE_MOST 1000            /* the upper bound of IMAGERESIZE_CREATE_BATCH */

struct writer {
    pthread_t thread;
    struct web *web;
    struct db *db;
    struct outage outage;
    struct queue *done;
    atomic_bool stopping;
    /* owner: its thread */
    bool was_connected;    /* the broker, when last looked at */
    int64_t sweep_mono_ms; /* when the next one is due */
    /* Finished by the publisher, not yet by the database. */
    struct outbox_item *finished[FINISH_ROWS];
    size_t finished_count;
    int64_t finish_retry_mono_ms;
};

static void note_outcome(struct writer *w, const struct err *e)
{
    if (e && e->code == ERR_UNAVAILABLE)
        outage_begins(&w->outage, e);
    else if (e && e->code != ERR_NONE)
        log_error("database_error", "thread=writer code=%s message=%s", err_code_name(e->code),
                  log_quote(e->text));
    else
        outage_ends(&w->outage);
}

/* ---- new jobs */

/* The rows as one JSON list. */
static int join_rows(struct request *const *group, size_t n, struct buf *ret)
{
    for (size_t i = 0; i < n; i++) {
        buf_text(ret, i ? "," : "[");
        buf_text(ret, group[i]->row);
    }
    return buf_text(ret, "]");
}

/* Takes the outbox item of the job out of the group and gives it its row's id. */
static struct outbox_item *item_of(struct request *const *group, size_t n, const char *job,
                                   const char *row)
{
    for (size_t i = 0; i < n; i++) {
        struct outbox_item *item = group[i]->item;

        if (item && strcmp(item->job, job) == 0) {
            snprintf(item->id, sizeof item->id, "%s", row);
            group[i]->item = NULL;
            return item;
        }
    }
    return NULL;
}

/* Saves the group; its items go to the publisher. */
static int save_group(struct writer *w, struct request *const *group, size_t n, struct err *e)
{
    const bool leased = job_publisher_room(w->web->publisher) >= n;
    AUTO(buf_release) struct buf rows = BUF_INIT;
    AUTO(pg_clearp) PGresult *res = NULL;
    char lease[24];

    if (join_rows(group, n, &rows))
        return err_set(e, ERR_NOMEM, "the rows of new jobs");
    snprintf(lease, sizeof lease, "%lld", (long long)w->web->settings.outbox_lease_s);
    res = db_exec(w->db, web_create_jobs_sql, 2, (const char *[]){rows.data, leased ? lease : NULL},
                  e);
    if (!res)
        return -1;
    if (!leased)
        w->sweep_mono_ms = 0; /* as soon as there is room */
    for (int i = 0; leased && i < PQntuples(res); i++) {
        struct outbox_item *item = item_of(group, n, PQgetvalue(res, i, 1), PQgetvalue(res, i, 0));

        if (item && job_publisher_offer(w->web->publisher, item))
            outbox_item_free(item); /* the broker went this moment: the lease brings it back */
    }
    return 0;
}

static void answer_created(struct writer *w, struct request *r)
{
    struct answer a = ANSWER_INIT;

    if (r->waiter.waits && queue_push(w->web->to_read, r) == 0)
        return;
    answer_json(&a, 202, r->job_text);
    r->job_text = NULL;
    a.retry_after_s = 1;
    snprintf(a.location, sizeof a.location, "%s/jobs/%s", r->base_url, r->waiter.job);
    request_settle(r, &a);
}

static void answer_failed(struct request *const *group, size_t n, const struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        struct answer a = ANSWER_INIT;

        answer_err(&a, e);
        request_settle(group[i], &a);
    }
}

static void create_group(struct writer *w, struct request *const *group, size_t n)
{
    struct err e = ERR_INIT;

    if (n == 0)
        return;
    if (save_group(w, group, n, &e) == 0) {
        note_outcome(w, NULL);
        for (size_t i = 0; i < n; i++) {
            streams_created(w->web->streams, group[i]->waiter.job, clock_mono_ms());
            answer_created(w, group[i]);
        }
        return;
    }
    note_outcome(w, &e);
    if (n > 1 && (e.code == ERR_INPUT || e.code == ERR_LIMIT || e.code == ERR_BUG)) {
        for (size_t i = 0; i < n; i++)
            create_group(w, &group[i], 1);
        return;
    }
    answer_failed(group, n, &e);
}

/* ---- jobs to be cancelled */

/* The reader knows how to answer with a job, and that there is none. */
static void answer_cancelled(struct writer *w, struct request *r)
{
    struct answer a = ANSWER_INIT;

    if (queue_push(w->web->to_read, r) == 0)
        return;
    answer_problem(&a, 503, "too many requests are in hand");
    request_settle(r, &a);
}

/* Where one of several is in the way, each is tried by itself, so that only that one fails. */
static void cancel_group(struct writer *w, struct request *const *group, size_t n, int lock_ms)
{
    const char *jobs[CREATE_MOST];
    struct err e = ERR_INIT;

    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        jobs[i] = group[i]->waiter.job;
    if (cancel_jobs(w->db, jobs, n, lock_ms, &e) == 0) {
        note_outcome(w, NULL);
        for (size_t i = 0; i < n; i++)
            answer_cancelled(w, group[i]);
        return;
    }
    if (n > 1 && e.code == ERR_TIMEOUT) {
        for (size_t i = 0; i < n; i++)
            cancel_group(w, &group[i], 1, CANCEL_LOCK_AGAIN_MS);
        return;
    }
    note_outcome(w, &e);
    answer_failed(group, n, &e);
}

/* ---- requests */

static void write_requests(struct writer *w)
{
    void *taken[CREATE_MOST];
    struct request *created[CREATE_MOST], *cancelled[CREATE_MOST];
    size_t n = queue_take(w->web->to_write, taken, (size_t)w->web->settings.create_batch);
    size_t creates = 0, cancels = 0;

    for (size_t i = 0; i < n; i++) {
        struct request *r = taken[i];

        if (request_is_settled(r))
            request_drop(r); /* given up: nobody would learn of it */
        else if (r->route.id == ROUTE_CANCEL_JOB)
            cancelled[cancels++] = r;
        else
            created[creates++] = r;
    }
    create_group(w, created, creates);
    cancel_group(w, cancelled, cancels, CANCEL_LOCK_MS);
}

/* ---- the outbox */

static void forget_finished(struct writer *w)
{
    for (size_t i = 0; i < w->finished_count; i++) {
        outbox_item_free(w->finished[i]);
        job_publisher_forget(w->web->publisher);
    }
    w->finished_count = 0;
}

static void finish_items(struct writer *w)
{
    struct err e = ERR_INIT;
    void *items[FINISH_ROWS];
    size_t n = queue_take(w->done, items, FINISH_ROWS - w->finished_count);

    for (size_t i = 0; i < n; i++)
        w->finished[w->finished_count++] = items[i];
    if (w->finished_count == 0 || clock_mono_ms() < w->finish_retry_mono_ms)
        return;
    if (outbox_finish(w->db, w->finished, w->finished_count, &e)) {
        note_outcome(w, &e);
        w->finish_retry_mono_ms = clock_mono_ms() + SWEEP_MS;
        if (e.code == ERR_UNAVAILABLE || e.code == ERR_TIMEOUT || e.code == ERR_NOMEM)
            return; /* kept, and tried again */
    }
    forget_finished(w);
}

static void sweep(struct writer *w)
{
    struct outbox_item *items[SWEEP_ROWS];
    struct err e = ERR_INIT;
    size_t room = job_publisher_room(w->web->publisher);
    int n;

    if (room == 0 || clock_mono_ms() < w->sweep_mono_ms)
        return;
    if (room > SWEEP_ROWS)
        room = SWEEP_ROWS;
    n = outbox_take(w->db, w->web->settings.outbox_lease_s, items, room, &e);
    note_outcome(w, n < 0 ? &e : NULL);
    for (int i = 0; i < n; i++)
        if (job_publisher_offer(w->web->publisher, items[i]))
            outbox_item_free(items[i]); /* the lease brings it back */
    w->sweep_mono_ms = n == (int)room ? 0 : clock_mono_ms() + SWEEP_MS;
}

/* ---- the thread */

/* How long it may sleep: -1 for ever, while the broker is away and nothing is to be finished. */
static int sleep_ms(struct writer *w)
{
    int64_t until = INT64_MAX;

    if (job_publisher_room(w->web->publisher) > 0)
        until = w->sweep_mono_ms;
    if (w->finished_count > 0 && w->finish_retry_mono_ms < until)
        until = w->finish_retry_mono_ms;
    return until == INT64_MAX ? -1 : clock_until_ms(until);
}

static void look_at_broker(struct writer *w)
{
    const bool connected = job_publisher_is_connected(w->web->publisher);

    if (connected && !w->was_connected)
        w->sweep_mono_ms = 0; /* what could not be sent is waiting */
    w->was_connected = connected;
}

static void *run(void *arg)
{
    struct writer *w = arg;
    struct err e = ERR_INIT;

    if (db_connect(w->db, &e))
        note_outcome(w, &e);
    while (!atomic_load(&w->stopping)) {
        struct pollfd fds[] = {
            {queue_fd(w->web->to_write), POLLIN, 0},
            {w->finished_count < FINISH_ROWS ? queue_fd(w->done) : -1, POLLIN, 0}};

        look_at_broker(w);
        poll(fds, 2, sleep_ms(w));
        write_requests(w);
        finish_items(w);
        look_at_broker(w);
        sweep(w);
    }
    w->finish_retry_mono_ms = 0;
    finish_items(w);
    forget_finished(w);
    return NULL;
}

struct writer *writer_start(struct web *web, struct queue *done, struct err *e)
{
    struct writer *w = calloc(1, sizeof *w);
    const struct db_options options = {.url = web->settings.database_url,
                                       .application = "imageresize-web writer",
                                       .statement_timeout_ms = STATEMENT_TIMEOUT_MS};

    if (!w) {
        err_set(e, ERR_NOMEM, "the writer");
        return NULL;
    }
    w->web = web;
    w->done = done;
    w->outage.who = "writer";
    w->db = db_new(&options, e);
    if (w->db && pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    err_set(e, ERR_UNAVAILABLE, "the writer's thread cannot be started");
    db_free(w->db);
    free(w);
    return NULL;
}

void writer_stop(struct writer *w)
{
    atomic_store(&w->stopping, true);
    queue_wake(w->done);
    pthread_join(w->thread, NULL);
    db_free(w->db);
    free(w);
}
