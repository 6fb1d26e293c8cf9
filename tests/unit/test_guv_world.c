/*
 * test_guv_world.c - the simulated queue and its workers: every job ends once, nobody holds more
 * than it may, what is stopped too late comes back, and all of it costs what it should.
 */
#include "unit.h"

#include <math.h>

#include "guv_roles.h"
#include "simulate/random.h"
#include "simulate/world.h"

/* Plays a list of numbers of workers, one a poll, the last one for ever. */
struct script {
    const int *workers;
    size_t n, i;
    /* Of what it saw: */
    double most_in_hand, most_places; /* unacked, and places of the workers then */
    double last_acked;
    struct role_settings role;
};

static void play(void *arg, const struct observation *o, struct decision *ret)
{
    struct script *s = arg;

    ret->workers = s->workers[s->i + 1 < s->n ? s->i++ : s->n - 1];
    if (o->unacked > s->most_in_hand)
        s->most_in_hand = o->unacked;
    if (!isnan(o->acked))
        s->last_acked = o->acked;
}

/* Any number up to 8, each poll another. */
static void at_random(void *arg, const struct observation *o, struct decision *ret)
{
    (void)o;
    ret->workers = (int)(9 * random_uniform(arg));
}

struct seen {
    size_t ended;
    double last_at_s;
    int workers, most;
};

static void note_end(void *arg, double at_s, double took_s)
{
    struct seen *s = arg;

    assert_true(at_s >= s->last_at_s);
    assert_true(took_s > 0);
    s->last_at_s = at_s;
    s->ended++;
}

static void note_crew(void *arg, double at_s, int workers)
{
    struct seen *s = arg;

    (void)at_s;
    s->workers = workers;
    s->most = workers > s->most ? workers : s->most;
}

static struct trace trace_of(const struct trace_job *jobs, size_t n, double duration_s)
{
    struct trace t = {.duration_s = duration_s, .deaf_from_s = INFINITY, .crash_at_s = INFINITY};
    struct err e = ERR_INIT;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(trace_add(&t, jobs[i].arrives_s, jobs[i].takes_s, &e), 0);
    return t;
}

static struct outcome run_script(const struct trace *t, const struct role_settings *role,
                                 const int *workers, size_t n, int first, struct script *ret)
{
    struct world_options o = world_options_of(role, 1);
    struct err e = ERR_INIT;
    struct outcome out;
    struct script s = {workers, n, 0, 0, 0, 0, *role};
    struct decider d = {play, &s, 5, first};

    world_set_boot(&o, 30, 0);
    assert_int_equal(world_run(t, &d, &o, &out, &e), 0);
    if (ret)
        *ret = s;
    return out;
}

static bool is_near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void jobs_wait_for_a_place_in_the_order_they_came(void **state)
{
    static const struct trace_job jobs[] = {{1, 10}, {2, 10}, {3, 10}};
    const struct role_settings role = a_role("x", 2, 10, 5, 18.5);
    struct trace t = trace_of(jobs, 3, 60);
    struct outcome out = run_script(&t, &role, (const int[]){1}, 1, 1, NULL);

    (void)state;
    assert_int_equal(out.jobs, 3);
    assert_true(is_near(out.p50_s, 10));
    assert_true(is_near(out.longest_s, 18)); /* from 3 until 11 in the queue */
    assert_int_equal(out.late, 0);
    assert_true(is_near(out.paid_s, 60));
    assert_true(is_near(out.busy_s, 15)); /* two at a time */
    assert_int_equal(out.starts + out.actions, 0);
    trace_release(&t);
}

static void a_worker_is_paid_from_the_request_until_it_has_gone(void **state)
{
    static const struct trace_job jobs[] = {{0.5, 10}};
    struct role_settings role = a_role("x", 1, 10, 5, 60);
    const int on_then_off[] = {1, 1, 1, 1, 1, 1, 1, 0}; /* it starts for 30 s, then has the job */
    struct trace t = trace_of(jobs, 1, 100);
    struct outcome out = run_script(&t, &role, on_then_off, 8, 0, NULL);

    (void)state;
    assert_int_equal(out.starts, 1);
    assert_int_equal(out.actions, 2);
    assert_int_equal(out.redelivered, 0);
    assert_true(is_near(out.paid_s, 40));
    role.billing_s = 60;
    out = run_script(&t, &role, on_then_off, 8, 0, NULL);
    assert_true(is_near(out.paid_s, 60));
    trace_release(&t);
}

static void a_worker_killed_after_its_grace_gives_its_jobs_back(void **state)
{
    static const struct trace_job jobs[] = {{0.5, 100}, {0.6, 1}};
    struct role_settings role = a_role("x", 1, 10, 5, 60);
    const int again[] = {0, 0, 1};
    struct trace t = trace_of(jobs, 2, 20);
    struct outcome out;

    (void)state;
    role.shutdown_s = 20;
    out = run_script(&t, &role, again, 3, 1, NULL);
    assert_int_equal(out.redelivered, 1);
    assert_int_equal(out.jobs, 2);
    assert_int_equal(out.late, 2); /* the first has been begun again, the second was behind it */
    assert_true(is_near(out.busy_s, 101)); /* what was lost is not counted */
    assert_true(out.p50_s > 140);
    trace_release(&t);
}

static void every_job_ends_once_whatever_is_decided(void **state)
{
    static const char *const patterns[] = {"steady", "spikes", "modulated", "outage"};
    const struct role_settings roles[] = {resize_role(), transcode_role(), scrape_role()};

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        const struct role_settings *role = &roles[i % 3];
        struct world_options o = world_options_of(role, i);
        struct random random;
        struct decider d = {at_random, &random, 20, 2};
        struct seen seen = {0};
        struct world_watch watch = {note_end, note_crew, &seen};
        struct err e = ERR_INIT;
        struct outcome out;
        struct trace t;
        double work_s = 0;

        random_init(&random, i, 1);
        o.watch = &watch;
        assert_int_equal(trace_pattern(patterns[i % 4], role, 1.5, 1200, i, &t, &e), 0);
        assert_int_equal(world_run(&t, &d, &o, &out, &e), 0);
        for (size_t j = 0; j < t.n; j++)
            work_s += t.jobs[j].takes_s / role->concurrency;
        assert_int_equal(seen.ended, t.n);
        assert_int_equal(out.jobs, t.n);
        assert_true(fabs(out.busy_s / work_s - 1) < 1e-9);
        assert_true(out.paid_s >= out.busy_s);
        assert_true(out.p50_s <= out.p90_s && out.p90_s <= out.p99_s && out.p99_s <= out.longest_s);
        assert_int_equal(seen.most, out.most);
        assert_true(out.ended_s >= seen.last_at_s);
        trace_release(&t);
    }
}

static void no_worker_holds_more_than_it_has_places_for(void **state)
{
    const struct role_settings role = resize_role();
    const int workers[] = {3};
    struct err e = ERR_INIT;
    struct script seen;
    struct trace t;

    (void)state;
    assert_int_equal(trace_pattern("steady", &role, 5, 300, 1, &t, &e), 0);
    run_script(&t, &role, workers, 1, 3, &seen);
    assert_true(is_near(seen.most_in_hand, 30));
    trace_release(&t);
}

static void jobs_that_nobody_takes_are_late(void **state)
{
    static const struct trace_job jobs[] = {{1, 1}, {2, 1}, {3, 1}};
    const struct role_settings role = a_role("x", 1, 1, 0.5, 10);
    struct trace t = trace_of(jobs, 3, 5);
    struct outcome out = run_script(&t, &role, (const int[]){0}, 1, 0, NULL);

    (void)state;
    assert_int_equal(out.late, 3);
    assert_true(isnan(out.p50_s));
    assert_true(out.paid_s == 0);
    assert_false(outcome_is_in_time(&out, &role));
    trace_release(&t);
}

static void is_in_time_up_to_the_percentile(void **state)
{
    const struct role_settings role = resize_role();

    (void)state;
    assert_true(outcome_is_in_time(&(struct outcome){.jobs = 0}, &role));
    assert_true(outcome_is_in_time(&(struct outcome){.jobs = 100, .late = 1}, &role));
    assert_false(outcome_is_in_time(&(struct outcome){.jobs = 100, .late = 2}, &role));
    assert_false(outcome_is_in_time(&(struct outcome){.jobs = 99, .late = 1}, &role));
}

/* Percentiles are found without sorting. */
static void percentiles_are_those_of_the_sorted_times(void **state)
{
    const struct role_settings role = a_role("x", 1, 1, 0.5, 1000);
    struct trace t = trace_of(NULL, 0, 0);
    struct err e = ERR_INIT;
    struct outcome out;

    (void)state;
    for (int i = 0; i < 100; i++) /* far apart: each takes what it takes */
        assert_int_equal(trace_add(&t, 200 * i, 1 + (i * 37) % 100, &e), 0);
    t.duration_s = 20000;
    out = run_script(&t, &role, (const int[]){1}, 1, 1, NULL);
    assert_true(is_near(out.p50_s, 50) && is_near(out.p90_s, 90));
    assert_true(is_near(out.p99_s, 99) && is_near(out.longest_s, 100));
    trace_release(&t);
}

static void the_same_seed_gives_the_same_outcome(void **state)
{
    const struct role_settings role = scrape_role();
    struct outcome out[3];
    struct err e = ERR_INIT;
    struct trace t;

    (void)state;
    assert_int_equal(trace_pattern("on-off", &role, 2, 1200, 1, &t, &e), 0);
    for (size_t i = 0; i < 3; i++) {
        struct world_options o = world_options_of(&role, i < 2 ? 5 : 6);
        struct random random;
        struct decider d = {at_random, &random, 20, 2};

        random_init(&random, 1, 1);
        assert_int_equal(world_run(&t, &d, &o, &out[i], &e), 0);
    }
    assert_memory_equal(&out[0], &out[1], sizeof out[0]);
    assert_true(out[2].paid_s < out[0].paid_s || out[2].paid_s > out[0].paid_s);
    trace_release(&t);
}

static void a_trial_ends_when_the_deadline_is_missed(void **state)
{
    const struct role_settings role = scrape_role();
    struct decider d = {play, &(struct script){(const int[]){1}, 1, 0, 0, 0, 0, role}, 5, 1};
    struct world_options o = world_options_of(&role, 1);
    struct err e = ERR_INIT;
    struct outcome out;
    struct trace t;

    (void)state;
    assert_int_equal(trace_pattern("steady", &role, 4, 3600, 1, &t, &e), 0);
    o.is_trial = true;
    assert_int_equal(world_run(&t, &d, &o, &out, &e), 0);
    assert_true(out.ended_s < 1000);
    assert_false(outcome_is_in_time(&out, &role));
    trace_release(&t);
}

static void writes_a_line_a_poll(void **state)
{
    static const struct trace_job jobs[] = {{1, 1}};
    const struct role_settings role = a_role("x", 1, 1, 0.5, 10);
    struct trace t = trace_of(jobs, 1, 20);
    struct world_options o = world_options_of(&role, 1);
    struct decider d = {play, &(struct script){(const int[]){1}, 1, 0, 0, 0, 0, role}, 5, 1};
    AUTO(buf_release) struct buf lines = BUF_INIT;
    struct err e = ERR_INIT;
    struct outcome out;
    size_t n = 0;

    (void)state;
    o.timeline = &lines;
    assert_int_equal(world_run(&t, &d, &o, &out, &e), 0);
    for (const char *c = lines.data; *c; c++)
        n += *c == '\n';
    assert_true(n == 4 || n == 3); /* the first is at random within the first five seconds */
    trace_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_wait_for_a_place_in_the_order_they_came),
        cmocka_unit_test(a_worker_is_paid_from_the_request_until_it_has_gone),
        cmocka_unit_test(a_worker_killed_after_its_grace_gives_its_jobs_back),
        cmocka_unit_test(every_job_ends_once_whatever_is_decided),
        cmocka_unit_test(no_worker_holds_more_than_it_has_places_for),
        cmocka_unit_test(jobs_that_nobody_takes_are_late),
        cmocka_unit_test(is_in_time_up_to_the_percentile),
        cmocka_unit_test(percentiles_are_those_of_the_sorted_times),
        cmocka_unit_test(the_same_seed_gives_the_same_outcome),
        cmocka_unit_test(a_trial_ends_when_the_deadline_is_missed),
        cmocka_unit_test(writes_a_line_a_poll),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
