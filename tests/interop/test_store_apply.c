/*
 * The store's transactions on a real server, also two at once.
 */
#include "workers/store/apply.h"

#include <pthread.h>

#include "base/clock.h"
#include "scratch_db.h"
#include "scratch_jobs.h"
#include "unit.h"

#define BATCH_MAX 40

static const struct apply_rules rules = {3, 1000};

static struct event event_of(enum event_kind kind, const char *image, int attempt, bool retryable)
{
    struct event ev = {.kind = kind, .attempt = attempt, .retryable = retryable};

    snprintf(ev.image, sizeof ev.image, "%s", image);
    ev.started_ms = kind == EVENT_DEAD ? 0 : clock_wall_ms() - 500;
    if (kind != EVENT_STARTED)
        ev.ended_ms = clock_wall_ms();
    if (kind == EVENT_DONE)
        ev.result = json_pack("{s:s}", "output", "/outputs/\"quoted\\'.jpg");
    if (kind == EVENT_FAILED || kind == EVENT_DEAD)
        ev.error = json_pack("{s:s, s:s, s:b}", "code",
                             kind == EVENT_DEAD ? "dead_lettered" : "source_timeout", "message",
                             "slow", "retryable", retryable);
    return ev;
}

static void apply_list(struct db *db, const struct event *list, size_t n, struct outcome *o)
{
    const struct event *events[BATCH_MAX];
    struct err e = ERR_INIT;

    assert_true(n <= BATCH_MAX);
    for (size_t i = 0; i < n; i++)
        events[i] = &list[i];
    if (apply_events(db, &rules, events, n, o, &e))
        fail_msg("%s", e.text);
}

/* Applies one event and releases it; returns how many jobs it ended. */
static size_t apply_one(struct db *db, struct event ev)
{
    struct outcome o = {0};
    size_t ended;

    apply_list(db, &ev, 1, &o);
    ended = o.ended_count;
    outcome_release(&o);
    event_release(&ev);
    return ended;
}

/* The version of its job that an image changed with last. */
static long long version_of(struct db *db, const char *image)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT version FROM images WHERE id = '%s'", image);
    return scratch_db_number(db, sql);
}

static long long count_outbox(struct db *db, const struct job *job)
{
    char sql[100];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE job = '%s'", job->id);
    return scratch_db_number(db, sql);
}

static void a_job_goes_from_queued_to_its_end(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 2);
    assert_string_equal(job_row(db, &job), "1 queued 2 0 0 0");
    apply_one(db, event_of(EVENT_STARTED, job.images[0], 1, false));
    assert_string_equal(job_row(db, &job), "2 running 1 1 0 0 started");
    assert_int_equal(apply_one(db, event_of(EVENT_DONE, job.images[0], 1, false)), 0);
    assert_string_equal(job_row(db, &job), "3 running 1 0 1 0 started");
    assert_string_equal(image_row(db, job.images[0]), "completed 1 0 result");
    assert_int_equal(version_of(db, job.images[0]), 3);
    assert_int_equal(version_of(db, job.images[1]), 0);
    assert_int_equal(apply_one(db, event_of(EVENT_DONE, job.images[1], 1, false)), 1);
    assert_string_equal(job_row(db, &job), "4 completed 0 0 2 0 started completed_at");
    assert_int_equal(version_of(db, job.images[0]), 3);
    assert_int_equal(version_of(db, job.images[1]), 4);

    /* Nothing changes any more, not even the version. */
    assert_int_equal(apply_one(db, event_of(EVENT_FAILED, job.images[0], 1, false)), 0);
    assert_string_equal(job_row(db, &job), "4 completed 0 0 2 0 started completed_at");
    db_free(db);
}

static void a_passing_failure_is_tried_again_until_it_is_final(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;
    char sql[300];

    (void)state;
    make_job(db, &job, 1);
    apply_one(db, event_of(EVENT_STARTED, job.images[0], 1, false));
    apply_one(db, event_of(EVENT_FAILED, job.images[0], 1, true));
    assert_string_equal(image_row(db, job.images[0]), "queued 1 1 source_timeout");
    assert_string_equal(job_row(db, &job), "3 running 1 0 0 0 started");
    assert_int_equal(count_outbox(db, &job), 1);
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM outbox WHERE job = '%s' AND images = ARRAY['%s'::uuid] "
             "AND due_at > now() AND due_at < now() + interval '2 seconds'",
             job.id, job.images[0]);
    assert_int_equal(scratch_db_number(db, sql), 1);

    apply_one(db, event_of(EVENT_FAILED, job.images[0], 1, true)); /* redelivered */
    assert_int_equal(count_outbox(db, &job), 1);
    apply_one(db, event_of(EVENT_FAILED, job.images[0], 2, true));
    assert_int_equal(count_outbox(db, &job), 2);
    assert_int_equal(apply_one(db, event_of(EVENT_FAILED, job.images[0], 3, true)), 1);
    assert_string_equal(image_row(db, job.images[0]), "failed 3 2 source_timeout");
    assert_int_equal(count_outbox(db, &job), 2);
    db_free(db);
}

static void a_completed_image_has_no_error_left(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 1);
    apply_one(db, event_of(EVENT_FAILED, job.images[0], 1, true));
    apply_one(db, event_of(EVENT_DONE, job.images[0], 2, false));
    assert_string_equal(image_row(db, job.images[0]), "completed 2 1 result");
    db_free(db);
}

static void a_dead_letter_ends_an_image_and_gives_way_to_a_real_error(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job job;

    (void)state;
    make_job(db, &job, 1);
    assert_int_equal(apply_one(db, event_of(EVENT_DEAD, job.images[0], 0, false)), 1);
    assert_string_equal(image_row(db, job.images[0]), "failed 0 0 dead_lettered");
    assert_int_equal(apply_one(db, event_of(EVENT_FAILED, job.images[0], 1, false)), 0);
    assert_string_equal(image_row(db, job.images[0]), "failed 1 0 source_timeout");
    assert_string_equal(job_row(db, &job), "3 failed 0 0 0 1 started failed_at");
    db_free(db);
}

static void an_end_that_comes_again_is_told_again(void **state)
{
    struct db *db = scratch_db_open(0);
    struct event ev;
    struct outcome o = {0};
    struct job job;
    json_t *document;

    (void)state;
    make_job(db, &job, 1);
    assert_int_equal(apply_one(db, event_of(EVENT_DONE, job.images[0], 1, false)), 1);
    ev = event_of(EVENT_DONE, job.images[0], 1, false);
    ev.again = true;
    apply_list(db, &ev, 1, &o);
    event_release(&ev);
    assert_int_equal(o.ended_count, 1);
    assert_false(o.ended[0].ended_now);
    assert_int_equal(o.jobs_changed, 0);
    document = json_loads(o.ended[0].document, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "id")), job.id);
    assert_string_equal(json_string_value(json_object_get(document, "status")), "completed");
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(document, "metadata"), "n")), 1);
    json_decref(document);
    outcome_release(&o);
    db_free(db);
}

static void images_that_are_gone_are_counted_and_harm_nobody(void **state)
{
    struct db *db = scratch_db_open(0);
    struct outcome o = {0};
    struct event list[2];
    struct job job;
    char gone[UUID_SIZE];

    (void)state;
    uuid_make(gone);
    make_job(db, &job, 1);
    list[0] = event_of(EVENT_DONE, gone, 1, false);
    list[1] = event_of(EVENT_DONE, job.images[0], 1, false);
    apply_list(db, list, 2, &o);
    assert_int_equal(o.unknown, 1);
    assert_int_equal(o.ended_count, 1);
    outcome_release(&o);
    event_release(&list[0]);
    event_release(&list[1]);
    db_free(db);
}

static void one_notification_names_the_jobs_that_changed(void **state)
{
    struct db *db = scratch_db_open(0), *listener = scratch_db_open(0);
    struct outcome o = {0};
    struct event list[3];
    struct job a, b;
    PGnotify *note;

    (void)state;
    make_job(db, &a, 1);
    make_job(db, &b, 1);
    scratch_db_run(listener, "LISTEN jobs_changed");
    list[0] = event_of(EVENT_STARTED, a.images[0], 1, false);
    list[1] = event_of(EVENT_DONE, a.images[0], 1, false);
    list[2] = event_of(EVENT_STARTED, b.images[0], 1, false);
    apply_list(db, list, 3, &o);
    outcome_release(&o);
    scratch_db_run(listener, "SELECT 1"); /* notifications come with its answer */
    note = PQnotifies(db_conn(listener));
    assert_non_null(note);
    assert_non_null(strstr(note->extra, a.id));
    assert_non_null(strstr(note->extra, b.id));
    PQfreemem(note);
    assert_null(PQnotifies(db_conn(listener)));
    for (int i = 0; i < 3; i++)
        event_release(&list[i]);
    db_free(db);
    db_free(listener);
}

static void refused_data_is_the_batchs_fault_and_leaves_nothing(void **state)
{
    struct db *db = scratch_db_open(0);
    struct outcome o = {0};
    struct err e = ERR_INIT;
    struct event good, bad;
    struct job job;

    (void)state;
    make_job(db, &job, 2);
    scratch_db_run(db, "ALTER TABLE images ADD CONSTRAINT picky "
                       "CHECK (coalesce(result ->> 'output', '') <> 'bad') NOT VALID");
    good = event_of(EVENT_DONE, job.images[0], 1, false);
    bad = event_of(EVENT_DONE, job.images[1], 1, false);
    json_object_set_new(bad.result, "output", json_string("bad"));
    assert_int_equal(apply_events(db, &rules, (const struct event *[]){&good, &bad}, 2, &o, &e),
                     -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_string_equal(job_row(db, &job), "1 queued 2 0 0 0");
    apply_list(db, &good, 1, &o); /* the connection is of use again */
    assert_string_equal(job_row(db, &job), "2 running 1 0 1 0 started");
    scratch_db_run(db, "ALTER TABLE images DROP CONSTRAINT picky");
    outcome_release(&o);
    event_release(&good);
    event_release(&bad);
    db_free(db);
}

/* ---- randomised ---- */

static struct event random_event(unsigned *seed, const char *image)
{
    int attempt = rand_r(seed) % 4; /* 0: not said */

    switch (rand_r(seed) % 8) {
    case 0:
    case 1:
    case 2:
        return event_of(EVENT_STARTED, image, attempt, false);
    case 3:
        return event_of(EVENT_DONE, image, attempt, false);
    case 4:
        return event_of(EVENT_FAILED, image, attempt, false);
    case 5:
    case 6:
        return event_of(EVENT_FAILED, image, attempt, true);
    default:
        return event_of(EVENT_DEAD, image, 0, false);
    }
}

/* All that can be seen of a job's images but their ids; retries of unended ones. */
static char *picture_of(struct db *db, const struct job *job)
{
    char sql[900];

    snprintf(sql, sizeof sql,
             "SELECT string_agg(concat_ws(',', status, attempts, retried, started_at, "
             "completed_at, failed_at, result, error, "
             "status IN ('queued', 'running') AND EXISTS (SELECT FROM outbox AS o "
             "WHERE o.job = i.job AND i.id = ANY (o.images))), ';' ORDER BY position) "
             "|| (SELECT concat_ws(',', status, queued, running, completed, failed) "
             "FROM jobs WHERE id = '%s') FROM images AS i WHERE job = '%s'",
             job->id, job->id);
    return strdup(scratch_db_text(db, sql));
}

static void a_batch_has_the_same_result_as_its_events_one_by_one(void **state)
{
    struct db *db = scratch_db_open(0);
    unsigned seed = 20260102;

    (void)state;
    for (int round = 0; round < 60; round++) {
        size_t n = 1 + (size_t)rand_r(&seed) % BATCH_MAX;
        struct event whole[BATCH_MAX];
        struct outcome o = {0};
        struct job a, b;
        char *seen_a, *seen_b;

        make_job(db, &a, 3);
        make_job(db, &b, 3);
        for (size_t i = 0; i < n; i++) {
            size_t image = (size_t)rand_r(&seed) % 3;
            struct event one;

            whole[i] = random_event(&seed, a.images[image]);
            one = whole[i];
            json_incref(one.result);
            json_incref(one.error);
            snprintf(one.image, sizeof one.image, "%s", b.images[image]);
            apply_one(db, one);
        }
        apply_list(db, whole, n, &o);
        seen_a = picture_of(db, &a);
        seen_b = picture_of(db, &b);
        assert_string_equal(seen_a, seen_b);
        free(seen_a);
        free(seen_b);
        outcome_release(&o);
        for (size_t i = 0; i < n; i++)
            event_release(&whole[i]);
    }
    db_free(db);
}

#define SHARED_JOBS 20
#define BATCHES 60

struct racer {
    pthread_t thread;
    const struct job *jobs;
    unsigned seed;
    size_t ended; /* ends that it was told of */
    char trouble[400];
};

/* Random batches; then an end for every image, in a random order. cmocka's asserts belong to the
 * main thread, so that trouble is only noted. */
static void *race(void *arg)
{
    struct racer *r = arg;
    struct db *db = scratch_db_open(0);
    size_t last = 0;

    for (int i = 0; i < BATCHES + SHARED_JOBS && !r->trouble[0]; i++) {
        struct event list[BATCH_MAX];
        const struct event *events[BATCH_MAX];
        struct outcome o = {0};
        struct err e = ERR_INIT;
        size_t n = 0;

        if (i < BATCHES) {
            for (; n < BATCH_MAX; n++) {
                const struct job *job = &r->jobs[rand_r(&r->seed) % SHARED_JOBS];

                list[n] =
                    random_event(&r->seed, job->images[(size_t)rand_r(&r->seed) % job->count]);
            }
        } else {
            const struct job *job = &r->jobs[last++];

            for (; n < job->count; n++)
                list[n] = event_of(EVENT_DONE, job->images[n], 1, false);
        }
        for (size_t k = 0; k < n; k++)
            events[k] = &list[k];
        if (apply_events(db, &rules, events, n, &o, &e))
            snprintf(r->trouble, sizeof r->trouble, "%s", e.text);
        for (size_t k = 0; k < o.ended_count; k++)
            r->ended += o.ended[k].ended_now;
        outcome_release(&o);
        for (size_t k = 0; k < n; k++)
            event_release(&list[k]);
    }
    db_free(db);
    return NULL;
}

static void two_stores_at_once_end_each_job_once_and_count_right(void **state)
{
    struct racer racers[2] = {{.seed = 1}, {.seed = 2}};
    struct db *db = scratch_db_open(0);
    struct job jobs[SHARED_JOBS];

    (void)state;
    scratch_db_run(db, "TRUNCATE jobs CASCADE");
    for (size_t i = 0; i < SHARED_JOBS; i++)
        make_job(db, &jobs[i], 1 + i % IMAGES_MAX);
    for (int i = 0; i < 2; i++) {
        racers[i].jobs = jobs;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_string_equal(racers[i].trouble, "");
    }
    assert_int_equal(racers[0].ended + racers[1].ended, SHARED_JOBS);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM unended_images"), 0);
    assert_int_equal(
        scratch_db_number(db, "SELECT count(*) FROM jobs AS j WHERE queued + running > 0 "
                              "OR completed <> (SELECT count(*) FROM images AS i WHERE i.job = "
                              "j.id AND i.status = 'completed') OR failed <> (SELECT count(*) FROM "
                              "images AS i WHERE i.job = j.id AND i.status = 'failed') "
                              "OR (status = 'completed') <> (failed = 0) "
                              "OR (status = 'completed') <> (completed_at IS NOT NULL) "
                              "OR (status = 'failed') <> (failed_at IS NOT NULL) "
                              "OR version <> (SELECT max(i.version) FROM images AS i "
                              "WHERE i.job = j.id)"),
        0);
    db_free(db);
}

/* ---- operations ---- */

static void requeueing_twice_queues_each_unended_image_once(void **state)
{
    struct db *db = scratch_db_open(0);
    struct job ended, half, waiting;
    char sql[300];

    (void)state;
    scratch_db_run(db, "TRUNCATE jobs CASCADE");
    make_job(db, &ended, 1);
    make_job(db, &half, 3);
    make_job(db, &waiting, 1);
    apply_one(db, event_of(EVENT_DONE, ended.images[0], 1, false));
    apply_one(db, event_of(EVENT_DONE, half.images[1], 1, false));
    apply_one(db, event_of(EVENT_STARTED, half.images[2], 1, false));
    apply_one(db, event_of(EVENT_FAILED, waiting.images[0], 1, true)); /* it is in the outbox */
    for (int i = 0; i < 2; i++) {
        scratch_db_run_file(db, "requeue.sql");
        assert_int_equal(count_outbox(db, &ended), 0);
        assert_int_equal(count_outbox(db, &half), 1);
        assert_int_equal(count_outbox(db, &waiting), 1);
    }
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM outbox WHERE images = ARRAY['%s', '%s']::uuid[] "
             "AND due_at <= now()",
             half.images[0], half.images[2]);
    assert_int_equal(scratch_db_number(db, sql), 1);
    db_free(db);
}

static void the_views_show_no_negative_time_and_what_failed(void **state)
{
    struct db *db = scratch_db_open(0);
    struct event early;
    struct job job;

    (void)state;
    scratch_db_run(db, "TRUNCATE jobs CASCADE");
    make_job(db, &job, 3);
    early = event_of(EVENT_DONE, job.images[0], 1, false); /* by a clock that is an hour slow */
    early.started_ms -= 3600000;
    early.ended_ms -= 7200000;
    apply_one(db, early);
    apply_one(db, event_of(EVENT_FAILED, job.images[1], 1, false));
    assert_string_equal(scratch_db_text(db, "SELECT concat_ws(' ', waiting_s, processing_s, "
                                            "completion_s) FROM image_times "
                                            "WHERE status = 'completed'"),
                        "0 0 0");
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM image_times "
                                           "WHERE status = 'queued' AND waiting_s IS NULL AND "
                                           "processing_s IS NULL AND completion_s IS NULL"),
                     1);
    assert_int_equal(scratch_db_number(db, "SELECT images FROM failures_by_code "
                                           "WHERE error_code = 'source_timeout'"),
                     1);
    assert_int_equal(scratch_db_number(db, "SELECT sum(completed + failed) FROM images_by_minute"),
                     2);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM images_by_minute "
                                           "WHERE processing_p50_s > processing_p99_s"),
                     0);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM jobs_overview "
                                           "WHERE status = 'running' AND ended_at IS NULL"),
                     1);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM unended_images "
                                           "WHERE age_s >= 1 AND outbox_due_at IS NULL"),
                     1);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM pg_class AS c JOIN pg_namespace "
                                           "AS n ON n.oid = relnamespace WHERE relkind = 'v' AND "
                                           "nspname = current_schema() AND "
                                           "obj_description(c.oid) IS NULL"),
                     0);
    db_free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_goes_from_queued_to_its_end),
        cmocka_unit_test(a_passing_failure_is_tried_again_until_it_is_final),
        cmocka_unit_test(a_completed_image_has_no_error_left),
        cmocka_unit_test(a_dead_letter_ends_an_image_and_gives_way_to_a_real_error),
        cmocka_unit_test(an_end_that_comes_again_is_told_again),
        cmocka_unit_test(images_that_are_gone_are_counted_and_harm_nobody),
        cmocka_unit_test(one_notification_names_the_jobs_that_changed),
        cmocka_unit_test(refused_data_is_the_batchs_fault_and_leaves_nothing),
        cmocka_unit_test(a_batch_has_the_same_result_as_its_events_one_by_one),
        cmocka_unit_test(two_stores_at_once_end_each_job_once_and_count_right),
        cmocka_unit_test(requeueing_twice_queues_each_unended_image_once),
        cmocka_unit_test(the_views_show_no_negative_time_and_what_failed),
    };

    return cmocka_run_group_tests(tests, scratch_db_start, scratch_db_end);
}
