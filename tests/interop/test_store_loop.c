/*
 * The store's loop with a real Postgres and, instead of the library, a participant that hands over
 * what a test gives it, keeps what becomes of it, and asks to stop when nothing is left.
 */
#include "workers/store/store.h"

#include <msgflo/msgflo.h>
#include <signal.h>

#include "base/log.h"
#include "base/uuid.h"
#include "scratch_db.h"
#include "unit.h"

enum end { OPEN, ACKED, REJECTED, REQUEUED };

struct msgflo_delivery {
    const char *port;
    char body[600];
    bool redelivered;
    enum end end;
};

/* The one participant there is. */
static struct {
    struct msgflo_options options;
    struct msgflo_delivery deliveries[10];
    size_t count;
    bool handed_over, asked_to_stop, stopped_inputs;
    int services_left;          /* then SIGTERM, whatever is open */
    enum msgflo_fate fates[10]; /* of the messages sent, in order; CONFIRMED is 0 */
    size_t sent, told;
    msgflo_sent_fn *fns[10];
    void *users[10];
    size_t later; /* so many of the deliveries come once the others have ended, after between(db) */
    void (*between)(struct db *db);
    struct db *db;
    size_t acked_before_confirm; /* deliveries that were acked while a message had no fate */
} fake;

struct msgflo_participant {
    char unused;
};

static struct msgflo_participant participant;

struct msgflo_participant *msgflo_new(const struct msgflo_definition *definition,
                                      const struct msgflo_options *options, struct msgflo_error *e)
{
    (void)e;
    assert_string_equal(definition->component, "imageresize/StoreResult");
    fake.options = *options;
    return &participant;
}

void msgflo_free(struct msgflo_participant *p)
{
    (void)p;
    for (; fake.told < fake.sent; fake.told++)
        fake.fns[fake.told](p, MSGFLO_LOST, fake.users[fake.told]);
}

const char *msgflo_id(const struct msgflo_participant *p)
{
    (void)p;
    return "store-1";
}

bool msgflo_connected(const struct msgflo_participant *p)
{
    (void)p;
    return fake.handed_over;
}

int msgflo_fd(const struct msgflo_participant *p)
{
    (void)p;
    return -1;
}

int msgflo_timeout_ms(const struct msgflo_participant *p)
{
    (void)p;
    return 5;
}

static bool have_ended(size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fake.deliveries[i].end == OPEN)
            return false;
    return true;
}

static void hand_over(struct msgflo_participant *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        fake.options.on_input(p, &fake.deliveries[i], fake.options.user);
}

void msgflo_service(struct msgflo_participant *p)
{
    size_t sent = fake.sent;

    if (!fake.handed_over) {
        fake.handed_over = true;
        fake.options.on_state(p, MSGFLO_CONNECTED, "", fake.options.user);
        hand_over(p, 0, fake.count - fake.later);
    } else if (fake.later && have_ended(fake.count - fake.later)) {
        fake.between(fake.db);
        hand_over(p, fake.count - fake.later, fake.count);
        fake.later = 0;
    }
    for (; fake.told < sent; fake.told++)
        fake.fns[fake.told](p, fake.fates[fake.told], fake.users[fake.told]);
    if (!fake.asked_to_stop && (have_ended(fake.count) || --fake.services_left == 0)) {
        fake.asked_to_stop = true; /* once: it comes in later, and must not reach the next test */
        raise(SIGTERM);
    }
}

void msgflo_stop_inputs(struct msgflo_participant *p)
{
    (void)p;
    fake.stopped_inputs = true;
}

int msgflo_send(struct msgflo_participant *p, const char *outport, const struct msgflo_message *m,
                msgflo_sent_fn *sent, void *user, struct msgflo_error *e)
{
    (void)p;
    (void)e;
    assert_string_equal(outport, "out");
    assert_false(m->transient);
    fake.fns[fake.sent] = sent;
    fake.users[fake.sent] = user;
    fake.sent++;
    return 0;
}

const char *msgflo_delivery_port(const struct msgflo_delivery *d)
{
    return d->port;
}

const void *msgflo_delivery_body(const struct msgflo_delivery *d)
{
    return d->body;
}

size_t msgflo_delivery_size(const struct msgflo_delivery *d)
{
    return strlen(d->body);
}

bool msgflo_delivery_redelivered(const struct msgflo_delivery *d)
{
    return d->redelivered;
}

void msgflo_ack(struct msgflo_delivery *d)
{
    d->end = ACKED;
    fake.acked_before_confirm += fake.told < fake.sent;
}

void msgflo_reject(struct msgflo_delivery *d)
{
    d->end = REJECTED;
}

void msgflo_requeue(struct msgflo_delivery *d)
{
    d->end = REQUEUED;
}

/* ---- the tests */

static int reset(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    fake.services_left = 2000;
    return 0;
}

static struct msgflo_delivery *give(const char *port, const char *body)
{
    struct msgflo_delivery *d = &fake.deliveries[fake.count++];

    d->port = port;
    snprintf(d->body, sizeof d->body, "%s", body);
    return d;
}

static struct msgflo_delivery *give_done(const char *image, const char *output)
{
    char body[500];

    snprintf(body, sizeof body,
             "{\"job\":\"%s\",\"payload\":{\"id\":\"%s\"},\"attempt\":1,"
             "\"result\":{\"output\":\"%s\"}}",
             image, image, output);
    return give("in", body);
}

/* A new job of one image; its id. */
static void make_image(struct db *db, char ret_image[UUID_SIZE])
{
    char sql[700], job[UUID_SIZE];

    uuid_make(job);
    uuid_make(ret_image);
    snprintf(sql, sizeof sql,
             "INSERT INTO jobs (id, priority, created_at, total, queued) "
             "VALUES ('%s', 'bulk', now(), 1, 1);"
             "INSERT INTO images (id, job, position, input, parameters, created_at) "
             "VALUES ('%s', '%s', 0, 'https://a.example/', '{}', now())",
             job, ret_image, job);
    scratch_db_run(db, sql);
}

static const char *image_row(struct db *db, const char *image)
{
    char sql[200];

    snprintf(sql, sizeof sql,
             "SELECT concat_ws(' ', status, error ->> 'code') FROM images WHERE id = '%s'", image);
    return scratch_db_text(db, sql);
}

static void run_on(const char *database_url)
{
    const struct settings settings = {.database_url = database_url,
                                      .broker = "amqp://unused",
                                      .attempts = 4,
                                      .retry_delay_ms = 1000,
                                      .store_batch = 100,
                                      .store_batch_wait_ms = 1};
    struct err e = ERR_INIT;

    if (store_run(&settings, "store", &e))
        fail_msg("%s", e.text);
    assert_true(fake.stopped_inputs);
}

static void acks_once_the_ended_jobs_are_confirmed(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *a, *b;
    char image[2][UUID_SIZE];

    (void)state;
    make_image(db, image[0]);
    make_image(db, image[1]);
    a = give_done(image[0], "x");
    b = give_done(image[1], "x");
    run_on(scratch_db_url());
    assert_int_equal(a->end, ACKED);
    assert_int_equal(b->end, ACKED);
    assert_int_equal(fake.sent, 2);
    assert_int_equal(fake.acked_before_confirm, 0);
    assert_string_equal(image_row(db, image[0]), "completed");
    db_free(db);
}

static void what_is_of_no_use_is_rejected_and_its_image_ended(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *good, *todo, *garbage, *gone;
    char image[2][UUID_SIZE], unknown[UUID_SIZE], body[200];

    (void)state;
    make_image(db, image[0]);
    make_image(db, image[1]);
    uuid_make(unknown);
    good = give_done(image[0], "x");
    snprintf(body, sizeof body, "{\"job\":\"%s\",\"payload\":{\"id\":\"%s\",\"input\":\"x\"}}",
             image[1], image[1]);
    todo = give("in", body);
    garbage = give("in", "garbage");
    gone = give_done(unknown, "x");
    run_on(scratch_db_url());
    assert_int_equal(good->end, ACKED);
    assert_int_equal(todo->end, REJECTED);
    assert_int_equal(garbage->end, REJECTED);
    assert_int_equal(gone->end, ACKED);
    assert_string_equal(image_row(db, image[1]), "failed dead_lettered");
    db_free(db);
}

static void a_message_the_database_refuses_does_not_stop_the_others(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *good[2], *bad;
    char image[3][UUID_SIZE];

    (void)state;
    for (int i = 0; i < 3; i++)
        make_image(db, image[i]);
    scratch_db_run(db, "ALTER TABLE images ADD CONSTRAINT picky "
                       "CHECK (coalesce(result ->> 'output', '') <> 'bad') NOT VALID");
    good[0] = give_done(image[0], "x");
    bad = give_done(image[1], "bad");
    good[1] = give_done(image[2], "x");
    run_on(scratch_db_url());
    scratch_db_run(db, "ALTER TABLE images DROP CONSTRAINT picky");
    assert_int_equal(good[0]->end, ACKED);
    assert_int_equal(good[1]->end, ACKED);
    assert_int_equal(bad->end, REJECTED);
    assert_int_equal(fake.sent, 3);
    assert_string_equal(image_row(db, image[1]), "failed dead_lettered");
    assert_string_equal(image_row(db, image[2]), "completed");
    db_free(db);
}

static void dead_letters_are_always_acked(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *dead, *garbage;
    char image[UUID_SIZE], body[200];

    (void)state;
    make_image(db, image);
    snprintf(body, sizeof body, "{\"payload\":{\"id\":\"%s\"}}", image);
    dead = give("dead", body);
    garbage = give("dead", "garbage");
    run_on(scratch_db_url());
    assert_int_equal(dead->end, ACKED);
    assert_int_equal(garbage->end, ACKED);
    assert_string_equal(image_row(db, image), "failed dead_lettered");
    db_free(db);
}

static void a_job_the_broker_does_not_keep_is_told_again(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *d;
    char image[UUID_SIZE];

    (void)state;
    make_image(db, image);
    d = give_done(image, "x");
    fake.fates[0] = MSGFLO_NACKED;
    run_on(scratch_db_url());
    assert_int_equal(d->end, ACKED);
    assert_int_equal(fake.sent, 2);
    db_free(db);
}

static void a_redelivered_end_is_told_again(void **state)
{
    struct db *db = scratch_db_open(0);
    char image[UUID_SIZE];

    (void)state;
    make_image(db, image);
    give_done(image, "x");
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 1);

    reset(NULL);
    give_done(image, "x"); /* a duplicate that is no redelivery: told before */
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 0);

    reset(NULL);
    give_done(image, "x")->redelivered = true;
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 1);
    db_free(db);
}

/* Ends every other session of this test's database, as a restart of the server does. */
static void end_sessions(struct db *db)
{
    scratch_db_number(db, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
                          "WHERE application_name = 'store' AND datname = current_database()");
}

static void a_session_that_died_idle_is_replaced_at_once(void **state)
{
    struct db *db = scratch_db_open(0);
    struct msgflo_delivery *a, *b;
    char image[2][UUID_SIZE];

    (void)state;
    make_image(db, image[0]);
    make_image(db, image[1]);
    a = give_done(image[0], "x");
    fake.later = 1;
    b = give_done(image[1], "x");
    fake.between = end_sessions;
    fake.services_left = 60; /* of at most 5 ms: fewer than fit into a delay of 500 ms */
    fake.db = db;
    run_on(scratch_db_url());
    assert_int_equal(a->end, ACKED);
    assert_int_equal(b->end, ACKED);
    assert_int_equal(fake.sent, 2);
    db_free(db);
}

/* A job that web has ended, of which nobody has been told. */
static void make_cancelled(struct db *db)
{
    char sql[500], job[UUID_SIZE];

    uuid_make(job);
    snprintf(sql, sizeof sql,
             "INSERT INTO jobs (id, priority, created_at, status, total, queued, cancelled, "
             "cancelled_at) VALUES ('%s', 'bulk', now(), 'cancelled', 1, 0, 1, now());"
             "INSERT INTO untold_jobs (job) VALUES ('%s')",
             job, job);
    scratch_db_run(db, sql);
}

static void jobs_that_were_cancelled_are_told_of(void **state)
{
    struct db *db = scratch_db_open(0);

    (void)state;
    make_cancelled(db);
    make_cancelled(db);
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 2);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM untold_jobs"), 0);

    reset(NULL);
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 0);
    db_free(db);
}

/* Not at once: the broker that refuses now would do so again. */
static void a_cancelled_job_the_broker_does_not_keep_is_told_of_later(void **state)
{
    struct db *db = scratch_db_open(0);

    (void)state;
    make_cancelled(db);
    fake.fates[0] = MSGFLO_NACKED;
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 1);

    reset(NULL);
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 0); /* it is leased */
    scratch_db_run(db, "UPDATE untold_jobs SET lease_until = now()");
    reset(NULL);
    run_on(scratch_db_url());
    assert_int_equal(fake.sent, 1);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM untold_jobs"), 0);
    db_free(db);
}

static void without_a_database_nothing_is_acked_and_a_stop_is_obeyed(void **state)
{
    struct msgflo_delivery *d;
    char image[UUID_SIZE];

    (void)state;
    uuid_make(image);
    d = give_done(image, "x");
    fake.services_left = 20;
    run_on("postgres://nobody@127.0.0.1:1/nowhere");
    assert_int_equal(d->end, OPEN); /* the library gives it back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(acks_once_the_ended_jobs_are_confirmed, reset),
        cmocka_unit_test_setup(what_is_of_no_use_is_rejected_and_its_image_ended, reset),
        cmocka_unit_test_setup(a_message_the_database_refuses_does_not_stop_the_others, reset),
        cmocka_unit_test_setup(dead_letters_are_always_acked, reset),
        cmocka_unit_test_setup(a_job_the_broker_does_not_keep_is_told_again, reset),
        cmocka_unit_test_setup(a_redelivered_end_is_told_again, reset),
        cmocka_unit_test_setup(a_session_that_died_idle_is_replaced_at_once, reset),
        cmocka_unit_test_setup(jobs_that_were_cancelled_are_told_of, reset),
        cmocka_unit_test_setup(a_cancelled_job_the_broker_does_not_keep_is_told_of_later, reset),
        cmocka_unit_test_setup(without_a_database_nothing_is_acked_and_a_stop_is_obeyed, reset),
    };

    log_init("role=store", LOG_WARN);
    return cmocka_run_group_tests(tests, scratch_db_start, scratch_db_end);
}
