/*
 * Cancelling jobs on a real server, beside a store that ends their images.
 */
#include "web/canceller.h"

#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "scratch_db.h"
#include "scratch_jobs.h"
#include "unit.h"
#include "web/outbox.h"
#include "workers/store/apply.h"

#define PATIENCE_MS 30000

static const struct apply_rules rules = {3, 1000};
static const struct timespec between = {0, 20000000}; /* two looks at what tells no event */

static void run(struct db *db, const char *fmt, const char *a, const char *b)
{
    char *sql;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    assert_true(asprintf(&sql, fmt, a, b) > 0);
#pragma GCC diagnostic pop
    scratch_db_run(db, sql);
    free(sql);
}

static struct event event_of(enum event_kind kind, const char *image, bool retryable)
{
    struct event ev = {.kind = kind, .attempt = 1, .retryable = retryable};

    snprintf(ev.image, sizeof ev.image, "%s", image);
    ev.started_ms = clock_wall_ms() - 500;
    if (kind != EVENT_STARTED)
        ev.ended_ms = clock_wall_ms();
    if (kind == EVENT_DONE)
        ev.result = json_pack("{s:s}", "output", "/outputs/a.jpg");
    if (kind == EVENT_FAILED)
        ev.error = json_pack("{s:s, s:s, s:b}", "code", "source_timeout", "message", "slow",
                             "retryable", retryable);
    return ev;
}

/* Applies one event as the store does; how many jobs it ended. */
static size_t store(struct db *db, enum event_kind kind, const char *image, bool retryable)
{
    struct event ev = event_of(kind, image, retryable);
    const struct event *list = &ev;
    struct outcome o = {0};
    struct err e = ERR_INIT;
    size_t ended;

    if (apply_events(db, &rules, &list, 1, &o, &e))
        fail_msg("%s", e.text);
    ended = o.ended_count;
    outcome_release(&o);
    event_release(&ev);
    return ended;
}

static void cancel(struct db *db, const struct job *job)
{
    const char *id = job->id;
    struct err e = ERR_INIT;

    if (cancel_jobs(db, &id, 1, CANCEL_LOCK_MS, &e))
        fail_msg("%s", e.text);
}

/* Whether a store is to tell that the job has ended. */
static long long untold(struct db *db, const struct job *job)
{
    char sql[120];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM untold_jobs WHERE job = '%s'", job->id);
    return scratch_db_number(db, sql);
}

static void add_outbox(struct db *db, const struct job *job, const char *first, const char *second)
{
    char images[100];

    snprintf(images, sizeof images, "%s%s%s", first, second ? "," : "", second ? second : "");
    run(db, "INSERT INTO outbox (job, images, due_at) VALUES ('%s', '{%s}', now() + '1 hour')",
        job->id, images);
}

static void what_is_queued_ends_and_the_rest_goes_on(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 4);
    store(db, EVENT_STARTED, job.images[0], false);
    store(db, EVENT_DONE, job.images[1], false);
    cancel(db, &job);
    assert_string_equal(job_row(db, &job), "4 running 0 1 1 0 started 2 cancelled");
    assert_int_equal(untold(db, &job), 0); /* the store ends it, and tells of it */
    assert_string_equal(image_row(db, job.images[0]), "running 1 0");
    assert_string_equal(image_row(db, job.images[1]), "completed 1 0 result");
    assert_string_equal(image_row(db, job.images[2]), "cancelled 0 0 cancelled cancelled_at");
    assert_int_equal(store(db, EVENT_DONE, job.images[0], false), 1);
    assert_string_equal(job_row(db, &job), "5 cancelled 0 0 2 0 started cancelled_at 2 cancelled");
    db_free(db);
}

static void a_job_of_which_nothing_has_begun_ends_at_once(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 3);
    cancel(db, &job);
    assert_string_equal(job_row(db, &job), "2 cancelled 0 0 0 0 cancelled_at 3 cancelled");
    assert_int_equal(untold(db, &job), 1);
    cancel(db, &job); /* and stays so */
    assert_string_equal(job_row(db, &job), "2 cancelled 0 0 0 0 cancelled_at 3 cancelled");

    /* A worker had the message all the same. */
    assert_int_equal(store(db, EVENT_STARTED, job.images[0], false), 0);
    assert_int_equal(store(db, EVENT_DONE, job.images[0], false), 0);
    assert_int_equal(store(db, EVENT_FAILED, job.images[1], true), 0);
    assert_int_equal(store(db, EVENT_FAILED, job.images[2], false), 0);
    assert_string_equal(job_row(db, &job), "2 cancelled 0 0 0 0 cancelled_at 3 cancelled");
    assert_string_equal(image_row(db, job.images[0]), "cancelled 0 0 cancelled cancelled_at");
    db_free(db);
}

static void a_failed_image_makes_the_job_a_failed_one(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 2);
    store(db, EVENT_FAILED, job.images[0], false);
    cancel(db, &job);
    assert_string_equal(job_row(db, &job), "3 failed 0 0 0 1 started failed_at 1 cancelled");
    db_free(db);
}

static void what_fails_after_it_is_not_tried_again(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 1);
    store(db, EVENT_STARTED, job.images[0], false);
    cancel(db, &job); /* nothing that anybody could see */
    assert_string_equal(job_row(db, &job), "2 running 0 1 0 0 started");
    assert_int_equal(store(db, EVENT_FAILED, job.images[0], true), 1);
    assert_string_equal(image_row(db, job.images[0]), "cancelled 1 1 cancelled cancelled_at");
    assert_string_equal(job_row(db, &job), "3 cancelled 0 0 0 0 started cancelled_at 1 cancelled");
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outbox"), 0);
    db_free(db);
}

static void what_waits_in_the_outbox_is_not_sent(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job, other;

    (void)state;
    make_job(db, &job, 4);
    make_job(db, &other, 1);
    store(db, EVENT_STARTED, job.images[0], false);
    store(db, EVENT_FAILED, job.images[1], true);       /* its next try is in the outbox */
    add_outbox(db, &job, job.images[0], job.images[2]); /* as after requeue.sql: one is in work */
    add_outbox(db, &job, job.images[3], NULL);
    add_outbox(db, &other, other.images[0], NULL);
    cancel(db, &job);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outbox"), 2);
    /* As web_outbox_take.sql finds what is to be sent. */
    assert_string_equal(
        scratch_db_text(db, "SELECT string_agg(i.id::text, ' ' ORDER BY i.job) FROM outbox AS o "
                            "JOIN images AS i ON i.id = ANY (o.images) AND i.status IN ('queued', "
                            "'running') WHERE o.job <> i.job OR i.status = 'running'"),
        job.images[0]);
    scratch_db_run(db, "DELETE FROM outbox");
    db_free(db);
}

static void who_waits_for_the_jobs_is_told(void **state)
{
    struct db *db = scratch_db_open(0), *listener = scratch_db_open(0);
    struct job jobs[3];
    const char *ids[4];
    struct err e = ERR_INIT;
    PGnotify *note;

    (void)state;
    for (int i = 0; i < 3; i++)
        make_job(db, &jobs[i], 1);
    store(db, EVENT_DONE, jobs[2].images[0], false);
    scratch_db_run(listener, "LISTEN jobs_changed");
    ids[0] = jobs[1].id;
    ids[1] = jobs[0].id;
    ids[2] = jobs[2].id;                             /* has ended */
    ids[3] = "01920000-0000-7000-8000-000000000000"; /* there is none */
    assert_int_equal(cancel_jobs(db, ids, 4, CANCEL_LOCK_MS, &e), 0);
    scratch_db_run(listener, "SELECT 1"); /* notifications come with its answer */
    note = PQnotifies(db_conn(listener));
    assert_non_null(note);
    assert_non_null(strstr(note->extra, jobs[0].id));
    assert_non_null(strstr(note->extra, jobs[1].id));
    assert_null(strstr(note->extra, jobs[2].id));
    assert_null(strstr(note->extra, ids[3]));
    PQfreemem(note);
    assert_int_equal(cancel_jobs(db, ids, 4, CANCEL_LOCK_MS, &e),
                     0); /* nothing has changed: nobody is told */
    scratch_db_run(listener, "SELECT 1");
    assert_null(PQnotifies(db_conn(listener)));
    db_free(db);
    db_free(listener);
}

/* ---- beside a store */

struct caller {
    pthread_t thread;
    const struct job *job;
    struct err e;
    int rc;
};

/* Comes again as a client does, should the other one take longer than a lock is waited for. */
static void *call(void *arg)
{
    struct caller *c = arg;
    struct db *db = scratch_db_open(0);
    const char *id = c->job->id;

    do {
        err_clear(&c->e);
        c->rc = cancel_jobs(db, &id, 1, CANCEL_LOCK_MS, &c->e);
    } while (c->rc && c->e.code == ERR_TIMEOUT);
    db_free(db);
    return NULL;
}

/* Asks until the answer is not 0. */
static void wait_for(struct db *db, const char *sql)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (scratch_db_number(db, sql) == 0) {
        if (clock_until_ms(deadline) == 0)
            fail_msg("%s: still 0", sql);
        nanosleep(&between, NULL);
    }
}

/* The step between the two: the store has locked the job, its images are not written yet. */
static void a_store_that_ends_the_last_image_meanwhile_is_waited_for(void **state)
{
    struct db *db = scratch_db_open(0), *other = scratch_db_open(0);
    static struct caller c;
    struct job job;

    (void)state;
    make_job(db, &job, 1);
    c.job = &job;
    scratch_db_run(other, "BEGIN");
    run(other, "SELECT FROM jobs WHERE id = '%s'%s FOR NO KEY UPDATE", job.id, "");
    assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
    wait_for(db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                 "AND query LIKE '%cancel_asked_at%' AND pid <> pg_backend_pid()");
    run(other, "UPDATE images SET status = 'completed', completed_at = now() WHERE job = '%s'%s",
        job.id, "");
    run(other,
        "UPDATE jobs SET version = 2, status = 'completed', queued = 0, completed = 1, "
        "completed_at = now() WHERE id = '%s'%s",
        job.id, "");
    scratch_db_run(other, "COMMIT");
    pthread_join(c.thread, NULL);
    if (c.rc)
        fail_msg("%s", c.e.text);
    assert_string_equal(job_row(db, &job), "2 completed 0 0 1 0 completed_at");
    db_free(db);
    db_free(other);
}

/* One that is frozen in its transaction: new jobs do not wait for it. */
static void a_job_that_is_held_for_long_is_given_up(void **state)
{
    struct db *db = scratch_db_open(0), *other = scratch_db_open(0);
    struct err e = ERR_INIT;
    struct job job;
    const char *id = job.id;

    (void)state;
    make_job(db, &job, 1);
    scratch_db_run(other, "BEGIN");
    run(other, "SELECT FROM jobs WHERE id = '%s'%s FOR NO KEY UPDATE", job.id, "");
    assert_int_equal(cancel_jobs(db, &id, 1, CANCEL_LOCK_MS, &e), -1);
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_non_null(strstr(e.text, "55P03")); /* of the lock: that of statements is longer */
    scratch_db_run(other, "COMMIT");
    cancel(db, &job); /* and the connection is of use again */
    assert_string_equal(job_row(db, &job), "2 cancelled 0 0 0 0 cancelled_at 1 cancelled");
    db_free(db);
    db_free(other);
}

/* A web process that finishes outbox rows, in the order given. */
struct finisher {
    pthread_t thread;
    struct outbox_item *items[2];
    struct err e;
    int rc;
};

static void *finish(void *arg)
{
    struct finisher *f = arg;
    struct db *db = scratch_db_open(0);

    f->rc = outbox_finish(db, f->items, 2, &f->e);
    db_free(db);
    return NULL;
}

/* The older of two rows is held: who waits for it must not hold the other one, for which a
 * canceller that holds the older one may wait. Leased rows lie elsewhere than in the order of their
 * ids. */
static void outbox_rows_are_locked_in_the_order_of_their_ids(void **state)
{
    struct db *db = scratch_db_open(0), *other = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 2);
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        static struct finisher f;

        err_clear(&f.e);
        scratch_db_run(db, "DELETE FROM outbox");
        add_outbox(db, &job, job.images[0], NULL);
        add_outbox(db, &job, job.images[1], NULL);
        scratch_db_run(db, "UPDATE outbox SET lease_until = now() + interval '1 hour' "
                           "WHERE id = (SELECT min(id) FROM outbox)");
        for (size_t i = 0; i < 2; i++) {
            f.items[i] = outbox_item_new(job.id, "interactive", 1);
            assert_non_null(f.items[i]);
            snprintf(f.items[i]->id, sizeof f.items[i]->id, "%s",
                     scratch_db_text(db, i ? "SELECT min(id)::text FROM outbox"
                                           : "SELECT max(id)::text FROM outbox"));
            snprintf(f.items[i]->messages[0].image, UUID_SIZE, "%s", job.images[1 - i]);
            f.items[i]->messages[0].confirmed = confirmed;
        }
        scratch_db_run(other, "BEGIN");
        scratch_db_run(other,
                       "SELECT FROM outbox WHERE id = (SELECT min(id) FROM outbox) FOR UPDATE");
        assert_int_equal(pthread_create(&f.thread, NULL, finish, &f), 0);
        wait_for(db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                     "AND query LIKE '%outbox%' AND pid <> pg_backend_pid()");
        assert_int_equal(
            scratch_db_number(db, "SELECT count(*) FROM (SELECT FROM outbox WHERE id = "
                                  "(SELECT max(id) FROM outbox) FOR UPDATE SKIP LOCKED) AS free"),
            1);
        scratch_db_run(other, "COMMIT");
        pthread_join(f.thread, NULL);
        if (f.rc)
            fail_msg("%s", f.e.text);
        assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outbox"), confirmed ? 0 : 2);
        assert_int_equal(
            scratch_db_number(db, "SELECT count(*) FROM outbox WHERE lease_until IS NOT NULL"), 0);
        for (size_t i = 0; i < 2; i++)
            outbox_item_free(f.items[i]);
    }
    scratch_db_run(db, "DELETE FROM outbox");
    db_free(db);
    db_free(other);
}

/* Killed before its commit: all of it or nothing. */
static void a_session_that_dies_in_between_leaves_nothing(void **state)
{
    struct db *db = scratch_db_open(0), *other = scratch_db_open(0);
    static struct caller c;
    struct job job;

    (void)state;
    make_job(db, &job, 2);
    add_outbox(db, &job, job.images[0], job.images[1]);
    c.job = &job;
    scratch_db_run(other,
                   "BEGIN"); /* its outbox row is being leased: the images have ended by then */
    run(other, "SELECT FROM outbox WHERE job = '%s'%s FOR UPDATE", job.id, "");
    assert_int_equal(pthread_create(&c.thread, NULL, call, &c), 0);
    wait_for(db, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                 "WHERE wait_event_type = 'Lock' AND query LIKE '%FROM outbox%' "
                 "AND pid <> pg_backend_pid()");
    pthread_join(c.thread, NULL);
    assert_int_equal(c.rc, -1);
    assert_int_equal(c.e.code, ERR_UNAVAILABLE);
    scratch_db_run(other, "COMMIT");
    assert_string_equal(job_row(db, &job), "1 queued 2 0 0 0");
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outbox"), 1);
    scratch_db_run(db, "DELETE FROM outbox");
    db_free(db);
    db_free(other);
}

#define RACE_JOBS 40

struct racer {
    pthread_t thread;
    const struct job *jobs;
    unsigned seed;
    bool cancels;
    char trouble[400];
};

/* In an order of its own, each job is cancelled, or each of its images begun and ended. cmocka's
 * asserts belong to the main thread, so that trouble is only noted. */
static void *race(void *arg)
{
    struct racer *r = arg;
    struct db *db = scratch_db_open(0);

    for (int i = 0; i < RACE_JOBS * 6 && !r->trouble[0]; i++) {
        const struct job *a = &r->jobs[rand_r(&r->seed) % RACE_JOBS];
        const struct job *b = &r->jobs[rand_r(&r->seed) % RACE_JOBS];
        const char *ids[] = {a->id, b->id};
        struct err e = ERR_INIT;
        int rc;

        if (r->cancels) {
            rc = cancel_jobs(db, ids, 2, CANCEL_LOCK_MS, &e);
        } else {
            const struct job *of = rand_r(&r->seed) % 2 ? a : b;
            struct event list[4];
            const struct event *events[4];
            struct outcome o = {0};

            for (int k = 0; k < 4; k++) {
                const struct job *job = k % 2 ? of : a;
                const char *image = job->images[(size_t)rand_r(&r->seed) % job->count];
                const int kind = rand_r(&r->seed) % 4;

                list[k] = event_of(kind == 0   ? EVENT_DONE
                                   : kind == 1 ? EVENT_FAILED
                                               : EVENT_STARTED,
                                   image, rand_r(&r->seed) % 2);
                events[k] = &list[k];
            }
            rc = apply_events(db, &rules, events, 4, &o, &e);
            outcome_release(&o);
            for (int k = 0; k < 4; k++)
                event_release(&list[k]);
        }
        if (rc)
            snprintf(r->trouble, sizeof r->trouble, "%s", e.text);
    }
    db_free(db);
    return NULL;
}

static void stores_and_cancellers_at_once_agree_on_every_job(void **state)
{
    struct racer racers[4] = {{.seed = 1}, {.seed = 2}, {.seed = 3}, {.seed = 4}};
    struct db *db = scratch_db_open(0);
    struct job jobs[RACE_JOBS];

    (void)state;
    scratch_db_run(db, "TRUNCATE jobs CASCADE");
    for (size_t i = 0; i < RACE_JOBS; i++)
        make_job(db, &jobs[i], 1 + i % IMAGES_MAX);
    for (int i = 0; i < 4; i++) {
        racers[i].jobs = jobs;
        racers[i].cancels = i >= 2;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_string_equal(racers[i].trouble, "");
    }
    for (size_t i = 0; i < RACE_JOBS; i++)
        cancel(db, &jobs[i]);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM images WHERE status = 'queued'"),
                     0);
    assert_int_equal(
        scratch_db_number(
            db, "SELECT count(*) FROM jobs AS j JOIN LATERAL (SELECT "
                "count(*) FILTER (WHERE status = 'running') AS running, "
                "count(*) FILTER (WHERE status = 'completed') AS completed, "
                "count(*) FILTER (WHERE status = 'failed') AS failed, "
                "count(*) FILTER (WHERE status = 'cancelled') AS cancelled "
                "FROM images WHERE job = j.id) AS n ON true WHERE j.queued > 0 "
                "OR (j.running, j.completed, j.failed, j.cancelled) "
                "IS DISTINCT FROM (n.running::int, n.completed::int, n.failed::int, "
                "n.cancelled::int) OR j.status <> CASE WHEN n.running > 0 THEN 'running' "
                "WHEN n.failed > 0 THEN 'failed' WHEN n.cancelled > 0 THEN 'cancelled' "
                "ELSE 'completed' END OR (j.status = 'cancelled') <> (cancelled_at IS NOT NULL) "
                "OR (j.status = 'failed') <> (failed_at IS NOT NULL) "
                "OR (j.status = 'completed') <> (completed_at IS NOT NULL)"),
        0);
    db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_queued_ends_and_the_rest_goes_on),
        cmocka_unit_test(a_job_of_which_nothing_has_begun_ends_at_once),
        cmocka_unit_test(a_failed_image_makes_the_job_a_failed_one),
        cmocka_unit_test(what_fails_after_it_is_not_tried_again),
        cmocka_unit_test(what_waits_in_the_outbox_is_not_sent),
        cmocka_unit_test(who_waits_for_the_jobs_is_told),
        cmocka_unit_test(a_store_that_ends_the_last_image_meanwhile_is_waited_for),
        cmocka_unit_test(a_job_that_is_held_for_long_is_given_up),
        cmocka_unit_test(outbox_rows_are_locked_in_the_order_of_their_ids),
        cmocka_unit_test(a_session_that_dies_in_between_leaves_nothing),
        cmocka_unit_test(stores_and_cancellers_at_once_agree_on_every_job),
    };

    return cmocka_run_group_tests(tests, scratch_db_start, scratch_db_end);
}
