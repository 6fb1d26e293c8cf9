/*
 * test_guv_policy.c - what the policies decide: each rule, each failure rule, and the properties
 * that hold whatever is observed. A small queue of the test's own makes histories.
 */
#include "unit.h"

#include "policy/policy.h"
#include "simulate/random.h"

#define POLL_S 5.0

static const struct role_settings resize = {.name = "resize",
                                            .processing_s = 1,
                                            .stddev_s = 0.5,
                                            .deadline_s = 180,
                                            .percentile = 99,
                                            .target_s = 178.8,
                                            .concurrency = 10,
                                            .boot_s = 30,
                                            .shutdown_s = 30,
                                            .maximum = 40,
                                            .slack = 1};

/* ---- a queue whose workers come and go as decided */

struct shop {
    const struct role_settings *role;
    struct policy *policy;
    double t_s, arrived, ended, ready, in_hand;
    double come_s[64]; /* when each worker that was asked for takes jobs; oldest first */
    int workers;       /* asked for */
    double per_s;      /* jobs that arrive */
    double takes_s;    /* a job */
    bool never_come;   /* workers crash at their start */
    struct decision last;
};

static void shop_open(struct shop *s, const struct role_settings *role)
{
    *s = (struct shop){.role = role, .takes_s = role->processing_s};
    assert_int_equal(policy_new(role, POLL_S, 120, &s->policy, NULL), 0);
}

static void shop_close(struct shop *s)
{
    policy_free(s->policy);
}

static int consumers(const struct shop *s)
{
    int n = 0;

    for (int i = 0; i < s->workers; i++)
        n += s->come_s[i] <= s->t_s;
    return n;
}

/* What happens within one second. */
static void second(struct shop *s)
{
    double places = (double)consumers(s) * s->role->concurrency;
    double done = fmin(s->in_hand, s->in_hand / s->takes_s);
    double taken;

    s->t_s++;
    s->arrived += s->per_s;
    s->ready += s->per_s;
    s->ended += done;
    s->in_hand -= done;
    taken = fmin(s->ready, fmax(0, places - s->in_hand));
    s->ready -= taken;
    s->in_hand += taken;
}

static void set_workers(struct shop *s, int workers)
{
    for (int i = s->workers; i < workers; i++)
        s->come_s[i] = s->never_come ? (double)INFINITY : s->t_s + s->role->boot_s;
    s->workers = workers;
}

static struct observation look(const struct shop *s)
{
    struct observation o = observation_of(s->t_s, s->workers);

    o.messages = s->ready + s->in_hand;
    o.unacked = s->in_hand;
    o.consumers = consumers(s);
    o.published = s->arrived;
    o.acked = s->ended;
    return o;
}

static const struct decision *decide(struct shop *s, const struct observation *o)
{
    policy_decide(s->policy, o, &s->last);
    set_workers(s, s->last.workers);
    return &s->last;
}

/* One interval, and the decision after it. */
static const struct decision *step(struct shop *s)
{
    struct observation o;

    for (int i = 0; i < (int)POLL_S; i++)
        second(s);
    o = look(s);
    return decide(s, &o);
}

static void run(struct shop *s, double seconds)
{
    for (double until_s = s->t_s + seconds; s->t_s < until_s;)
        step(s);
}

/* A batch that came within one interval. */
static void batch(struct shop *s, double jobs)
{
    s->arrived += jobs;
    s->ready += jobs;
}

/* ---- up and down */

static void starts_from_nothing_in_time_for_a_lone_job(void **state)
{
    struct shop s;
    double came_s;

    (void)state;
    shop_open(&s, &resize);
    run(&s, 60);
    assert_int_equal(s.workers, 0);
    batch(&s, 1);
    came_s = s.t_s;
    while (s.workers == 0 && s.t_s < came_s + 180)
        step(&s);
    assert_int_equal(s.workers, 1);
    assert_true(s.t_s + resize.boot_s + resize.processing_s < came_s + resize.deadline_s);
    assert_true(s.t_s > came_s + 90); /* and not before it must */
    while (s.workers == 1 && s.t_s < came_s + 400)
        step(&s);
    assert_int_equal(s.workers, 0);
    assert_true(s.ended >= 0.99);
    shop_close(&s);
}

/* One look every 5 s for a day is more than is remembered point by point. */
static void a_job_that_may_wait_for_a_day_is_not_forgotten(void **state)
{
    struct role_settings role = resize;
    struct shop s;
    double came_s;

    (void)state;
    role.deadline_s = 86400;
    shop_open(&s, &role);
    run(&s, 60);
    batch(&s, 1);
    came_s = s.t_s;
    while (s.workers == 0 && s.t_s < came_s + role.deadline_s) {
        s.per_s = s.t_s < 43200 ? 0 : 0.001; /* and others come behind it */
        step(&s);
    }
    assert_int_equal(s.workers, 1);
    assert_true(s.t_s > came_s + 0.9 * role.deadline_s);
    shop_close(&s);
}

static void gives_a_batch_the_fewest_that_make_it(void **state)
{
    struct shop s;
    double came_s;

    (void)state;
    shop_open(&s, &resize);
    run(&s, 60);
    batch(&s, 10000); /* 1000 worker-seconds; some 130 are left after the start: 8 */
    came_s = s.t_s;
    run(&s, 30);
    assert_in_range(s.workers, 7, 10);
    while (s.ready > 0)
        step(&s);
    assert_true(s.t_s < came_s + resize.deadline_s);
    run(&s, 60);
    assert_int_equal(s.workers, 0);
    shop_close(&s);
}

static void follows_a_load_and_stays(void **state)
{
    struct shop s;
    int actions = 0, before;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 45; /* 4.5 workers */
    run(&s, 1200);
    for (int i = 0; i < 240; i++) {
        before = s.workers;
        step(&s);
        actions += s.workers != before;
        assert_in_range(s.workers, 4, 6);
        assert_true(s.ready < 45 * resize.deadline_s);
    }
    assert_true(actions < 10);
    shop_close(&s);
}

static void a_spike_is_not_taken_for_a_load(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 15;
    run(&s, 900);
    batch(&s, 5000); /* within one interval: 1,000 a second, were it a load: 100 workers */
    run(&s, 30);
    assert_in_range(s.workers, 4, 9);
    shop_close(&s);
}

static void an_overload_gets_the_maximum_and_says_how_long_it_lasts(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.maximum = 3;
    shop_open(&s, &role);
    s.per_s = 50;
    run(&s, 300);
    assert_int_equal(s.workers, 3);
    assert_true(s.last.pinned || s.last.late);
    assert_true(isinf(s.last.catch_up_s)); /* never, with a load of 5 */
    s.per_s = 20;
    run(&s, 120);
    assert_true(s.last.late || s.last.pinned);
    assert_true(s.last.catch_up_s > 60 && s.last.catch_up_s < 3000);
    shop_close(&s);
}

/* An overload of which a budget grants two workers. */
static void overload(struct shop *s, const struct role_settings *role, bool never_come)
{
    shop_open(s, role);
    s->never_come = never_come;
    s->per_s = 45;
    for (int i = 0; i < 120; i++) {
        step(s);
        set_workers(s, s->workers < 2 ? s->workers : 2);
    }
}

static void an_overload_has_its_turn_in_a_budget_and_is_frozen_as_any_other(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.maximum = 4;
    overload(&s, &role, false);
    assert_int_equal(s.last.workers, 4);
    assert_non_null(strstr(s.last.reason, "all of the maximum"));
    assert_true(s.last.pinned && s.last.late);
    assert_true(s.last.violation_s < 1000);
    shop_close(&s);
    overload(&s, &role, true);
    assert_int_equal(s.last.workers, 2);
    assert_true(s.last.is_frozen);
    shop_close(&s);
}

/* There is no other to wait for. */
static void the_only_worker_of_a_role_is_pinned_once_it_is_there(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.minimum = role.maximum = 1;
    shop_open(&s, &role);
    run(&s, 60);
    batch(&s, 1800); /* 170 s times 10, and some more */
    step(&s);
    assert_true(s.last.pinned && !s.last.late);
    assert_null(strstr(s.last.reason, "can wait"));
    shop_close(&s);
}

static void keeps_the_minimum_with_nothing_to_do(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.minimum = 2;
    shop_open(&s, &role);
    step(&s);
    assert_int_equal(s.workers, 2);
    assert_string_equal(s.last.reason, "the minimum is 2");
    run(&s, 600);
    assert_int_equal(s.workers, 2);
    shop_close(&s);
}

static void a_role_at_rest_has_no_workers(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.maximum = 0;
    shop_open(&s, &role);
    s.per_s = 10;
    run(&s, 300);
    assert_int_equal(s.workers, 0);
    shop_close(&s);
}

static void less_slack_is_sooner(void **state)
{
    struct role_settings role = resize;
    double waited_s[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct shop s;

        role.slack = i == 0 ? 1 : 0.5;
        shop_open(&s, &role);
        run(&s, 60);
        batch(&s, 1);
        while (s.workers == 0)
            step(&s);
        waited_s[i] = s.t_s - 60;
        shop_close(&s);
    }
    assert_true(waited_s[1] < waited_s[0] - 60);
}

/* ---- what is learnt */

static void a_service_that_is_slower_than_configured_is_noticed(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 45;
    s.takes_s = 3;
    run(&s, 900);
    assert_true(fabs(s.last.processing_s - 3) < 0.4);
    assert_in_range(s.workers, 12, 16);
    shop_close(&s);
}

static void a_start_that_is_slower_than_configured_is_noticed(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.boot_s = 5;
    shop_open(&s, &role);
    role.boot_s = 60; /* the shop's; the policy has begun with 5 */
    for (int i = 0; i < 8; i++) {
        batch(&s, 3000);
        run(&s, 600);
    }
    assert_true(s.last.boot_s > 40);
    shop_close(&s);
}

static void the_applications_own_figures_count(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 45;
    for (int i = 0; i < 100; i++) {
        struct observation o;

        for (int k = 0; k < 5; k++)
            second(&s);
        o = look(&s);
        o.acked = (double)NAN; /* no counters: the records alone tell */
        o.service_n = 200;
        o.service_mean_s = 2;
        o.service_sd_s = 1;
        decide(&s, &o);
    }
    assert_true(fabs(s.last.processing_s - 2) < 0.2);
    shop_close(&s);
}

/* Half a second each, seldom more than one in hand: how many there are at a look is chance. */
static void chance_looks_do_not_sway_what_records_tell(void **state)
{
    struct shop s;
    struct random r;

    (void)state;
    random_init(&r, 3, 1);
    shop_open(&s, &resize);
    for (int i = 0; i < 200; i++) {
        struct observation o = observation_of(s.t_s += POLL_S, 1);

        o.unacked = o.messages = floor(3 * random_uniform(&r));
        o.consumers = 1;
        o.published = o.acked = s.arrived += 5;
        o.service_n = 5;
        o.service_mean_s = 0.5;
        o.service_sd_s = 0.2;
        policy_decide(s.policy, &o, &s.last);
        if (i > 30)
            assert_true(s.last.processing_s > 0.4 && s.last.processing_s < 0.6);
    }
    shop_close(&s);
}

/* ---- failures */

/* With a crew that idles: whatever is unknown, it stays. */
static void nothing_is_stopped_on_what_is_not_known(void **state)
{
    (void)state;
    for (int missing = 0; missing < 3; missing++) {
        struct shop s;

        shop_open(&s, &resize);
        s.per_s = 45;
        run(&s, 900);
        s.per_s = 0;
        for (int i = 0; i < 100; i++) {
            struct observation o;
            int before = s.workers;

            for (int k = 0; k < 5; k++)
                second(&s);
            o = look(&s);
            if (missing != 1)
                o.messages = (double)NAN;
            if (missing != 0)
                o.consumers = (double)NAN;
            decide(&s, &o);
            assert_true(s.workers >= before);
        }
        assert_string_equal(s.last.reason, "the queue cannot be read");
        run(&s, 300); /* it can be again */
        assert_int_equal(s.workers, 0);
        shop_close(&s);
    }
}

static void a_scale_up_that_comes_due_is_made_blind_but_is_no_flood(void **state)
{
    struct shop s;
    int before;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 19;
    run(&s, 900);
    before = s.workers;
    for (int i = 0; i < 120; i++) {
        struct observation o = observation_of(s.t_s += POLL_S, s.workers);

        decide(&s, &o);
        assert_true(s.workers >= before && s.workers <= 4); /* 1.5 loads of 1.9, and one */
        before = s.workers;
    }
    shop_close(&s);
}

/* Though it is above the maximum: that is brought down when it can be seen what is in hand. */
static void not_even_what_somebody_else_asked_for_is_stopped_blind(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.maximum = 3;
    shop_open(&s, &role);
    s.per_s = 50;
    run(&s, 300);
    assert_int_equal(s.workers, 3);
    for (int i = 0; i < 20; i++) {
        struct observation o = observation_of(s.t_s += POLL_S, 6);

        policy_decide(s.policy, &o, &s.last);
        assert_int_equal(s.last.workers, 6);
    }
    shop_close(&s);
}

/* As --stdio may tell. */
static void more_jobs_than_there_can_be_get_the_maximum(void **state)
{
    static const double messages[] = {1e9, 1e12, 1e20, 1e300};

    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        struct shop s;
        struct observation o;

        shop_open(&s, &resize);
        run(&s, 60);
        for (int k = 0; k < 3; k++) {
            run(&s, POLL_S);
            o = look(&s);
            o.messages = messages[i];
            o.published += messages[i] * k;
            decide(&s, &o);
            assert_int_equal(s.workers, resize.maximum);
        }
        shop_close(&s);
    }
}

static void a_queue_never_read_is_left_alone(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    set_workers(&s, 3);
    for (int i = 0; i < 50; i++) {
        struct observation o = observation_of(s.t_s += POLL_S, 3);

        policy_decide(s.policy, &o, &s.last);
        assert_int_equal(s.last.kind, DECISION_HOLD);
        assert_int_equal(s.last.workers, 3);
    }
    shop_close(&s);
}

static void counters_that_begin_again_are_no_arrivals(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 45;
    run(&s, 900);
    s.arrived = s.ended = 0; /* the broker was restarted */
    run(&s, 60);
    assert_true(s.last.arrivals_s > 20 && s.last.arrivals_s < 70);
    assert_in_range(s.workers, 4, 6);
    shop_close(&s);
}

/* Of the queue only how many wait is known, and who takes from it: AMQP alone. */
static void ready_messages_alone_keep_the_last_worker(void **state)
{
    struct shop s;
    int most = 0;

    (void)state;
    shop_open(&s, &resize);
    for (int i = 0; i < 400; i++) {
        struct observation o;

        s.per_s = i < 200 ? 45 : 0;
        for (int k = 0; k < 5; k++)
            second(&s);
        o = observation_of(s.t_s, s.workers);
        o.messages = s.ready;
        o.consumers = consumers(&s);
        decide(&s, &o);
        if (s.workers > most)
            most = s.workers;
        assert_true(s.ready < 45 * resize.deadline_s);
    }
    assert_true(most >= 5);
    assert_int_equal(s.workers, 1);
    shop_close(&s);
}

/* 1,000 jobs that came at 10 a second: the first of them 100 s ago. */
static void a_restart_knows_since_when_jobs_wait(void **state)
{
    double asked_s[3];

    (void)state;
    for (int known = 0; known < 3; known++) {
        struct shop s;

        shop_open(&s, &resize);
        batch(&s, 1000);
        for (asked_s[known] = -1; asked_s[known] < 0;) {
            struct observation o = look(&s);

            if (s.t_s == 0) {
                o.publish_rate = known == 0 ? (double)NAN : 10;
                o.oldest_s = known == 2 ? 140 : (double)NAN;
            }
            decide(&s, &o);
            if (s.workers > 0)
                asked_s[known] = s.t_s;
            for (int i = 0; i < (int)POLL_S; i++)
                second(&s);
            assert_true(s.t_s < 180);
        }
        shop_close(&s);
    }
    assert_true(asked_s[0] <= 180 - 90 - 30); /* half a deadline, and a start */
    assert_true(asked_s[1] <= 180 - 100 - 30 && asked_s[1] > 10);
    assert_true(asked_s[2] <= 10);
}

static void workers_that_never_come_are_not_asked_for_for_ever(void **state)
{
    struct shop s;
    int before;

    (void)state;
    shop_open(&s, &resize);
    s.never_come = true;
    batch(&s, 3000);
    run(&s, 600);
    assert_true(s.last.is_frozen);
    before = s.workers;
    run(&s, 1200);
    assert_int_equal(s.workers, before);
    s.never_come = false;
    for (int i = 0; i < s.workers; i++)
        s.come_s[i] = s.t_s; /* the deploy is mended, and all of them come */
    run(&s, 1200);
    assert_false(s.last.is_frozen);
    assert_true(s.ready < 1);
    shop_close(&s);
}

/* Two of the crew have crashed and their dynos stay away; the others, and new ones, are well. */
static void dead_workers_spoil_no_estimate_and_stop_nobody(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    s.per_s = 65;
    run(&s, 900);
    assert_in_range(s.workers, 6, 8);
    s.come_s[0] = s.come_s[1] = (double)INFINITY;
    run(&s, 3600);
    s.per_s = 105; /* others are asked for, and come in 30 s */
    run(&s, 600);
    s.per_s = 145;
    run(&s, 600);
    assert_in_range(consumers(&s), 14, 17);
    assert_false(s.last.is_frozen);
    assert_true(s.last.boot_s < 45);
    shop_close(&s);
}

static void jobs_longer_than_the_grace_keep_their_workers(void **state)
{
    struct role_settings role = resize;
    struct shop s;

    (void)state;
    role.processing_s = role.stddev_s = 40;
    role.concurrency = 1;
    role.deadline_s = 600;
    shop_open(&s, &role);
    s.per_s = 0.1;
    for (int i = 0; i < 600; i++) {
        step(&s);
        assert_true(s.workers + 1 > s.in_hand); /* each job in hand has its worker */
    }
    shop_close(&s);
}

/* The broker counts what is published and how many wait at different moments. More that wait than
 * have been published are then no jobs that came back. */
static void counters_that_lag_behind_the_queue_keep_no_workers(void **state)
{
    double paid_s[2];

    (void)state;
    for (int k = 0; k < 2; k++) {
        double published = 0;
        struct shop s;

        paid_s[k] = 0;
        shop_open(&s, &resize);
        for (int i = 0; i < 1440; i++) {
            struct observation o;
            double was = s.arrived;

            s.per_s = i / 120 % 2 ? 15 : 65;
            for (int n = 0; n < (int)POLL_S; n++)
                second(&s);
            o = look(&s);
            if (k == 1)
                o.published = published;
            published = (was + s.arrived) / 2;
            decide(&s, &o);
            paid_s[k] += POLL_S * s.workers;
        }
        shop_close(&s);
    }
    assert_true(paid_s[1] < 1.01 * paid_s[0]);
}

static void others_who_scale_are_followed(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    run(&s, 300);
    set_workers(&s, 12); /* by hand */
    run(&s, 10);
    assert_true(s.last.workers <= 12);
    run(&s, 600);
    assert_int_equal(s.workers, 0);
    shop_close(&s);
}

static void more_than_the_maximum_is_brought_down(void **state)
{
    struct shop s;

    (void)state;
    shop_open(&s, &resize);
    set_workers(&s, 60);
    step(&s);
    assert_int_equal(s.workers, 40);
    shop_close(&s);
}

/* ---- the original */

static void the_original_decides_as_it_did(void **state)
{
    /* resize of the original's example: 0.8 s, 10 at a time, 180 s, at most 3. */
    struct role_settings role = resize;
    static const struct {
        double messages;
        int workers;
    } cases[] = {{0, 0}, {1, 1}, {2220, 1}, {2221, 2}, {4450, 2}, {4451, 3}, {1e6, 3}};

    (void)state;
    role.processing_s = 0.8;
    role.target_s = 179.07;
    role.maximum = 3;
    role.policy = POLICY_ORIGINAL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shop s;
        struct observation o = observation_of(0, 0);

        shop_open(&s, &role);
        o.messages = cases[i].messages;
        policy_decide(s.policy, &o, &s.last);
        assert_int_equal(s.last.workers, cases[i].workers);
        shop_close(&s);
    }
}

static void the_original_looks_back_before_it_goes_down(void **state)
{
    struct role_settings role = resize;
    static const struct {
        double messages;
        int before, workers;
    } steps[] = {{5000, 0, 3}, {0, 3, 3}, {2500, 3, 3}, {0, 3, 3},
                 {0, 3, 3},    {0, 3, 2}, {0, 2, 2},    {0, 2, 0}};
    struct policy *p;

    (void)state;
    role.processing_s = 0.8;
    role.target_s = 179.07;
    role.maximum = 3;
    role.policy = POLICY_ORIGINAL;
    assert_int_equal(policy_new(&role, 30, 120, &p, NULL), 0);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct observation o = observation_of(30.0 * (double)i, steps[i].before);
        struct decision d;

        o.messages = steps[i].messages;
        policy_decide(p, &o, &d);
        assert_int_equal(d.workers, steps[i].workers);
        o.t_s += 5; /* asked too soon: it says nothing new */
        policy_decide(p, &o, &d);
        assert_int_equal(d.kind, DECISION_HOLD);
    }
    policy_free(p);
}

/* ---- the budget */

static void budget_case(int budget, const int (*roles)[6], size_t n, const int *want)
{
    struct role_settings settings[4];
    const struct role_settings *list[4];
    struct decision decisions[4];
    int current[4];

    for (size_t i = 0; i < n; i++) {
        settings[i] = resize;
        settings[i].line = (int)i + 1;
        settings[i].minimum = roles[i][0];
        current[i] = roles[i][1];
        settings[i].priority = roles[i][5];
        decisions[i] = (struct decision){
            .workers = roles[i][2], .floor = roles[i][3], .violation_s = roles[i][4]};
        list[i] = &settings[i];
    }
    assert_int_equal(budget_share(budget, list, current, decisions, n, NULL), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(decisions[i].workers, want[i]);
}

static void a_budget_is_shared_by_need(void **state)
{
    /* minimum, now, wanted, needed for the known jobs, seconds until one is late, priority */
    static const int calm[][6] = {{0, 2, 3, 1, 500, 0}, {0, 2, 3, 1, 500, 0}};
    static const int tight[][6] = {{0, 4, 4, 4, 500, 0}, {0, 4, 9, 4, 20, 0}};
    static const int urgent[][6] = {
        {0, 0, 5, 0, 300, 0}, {0, 0, 5, 0, 100, 0}, {1, 1, 5, 1, 200, 0}};
    static const int preferred[][6] = {{0, 0, 3, 0, 100, 1}, {0, 0, 3, 0, 100, 7}};

    (void)state;
    budget_case(0, calm, 2, (const int[]){3, 3});
    budget_case(6, calm, 2, (const int[]){3, 3});
    budget_case(10, tight, 2, (const int[]){4, 6});
    budget_case(8, tight, 2, (const int[]){4, 4});
    budget_case(2, urgent, 3, (const int[]){0, 1, 1});
    budget_case(3, preferred, 2, (const int[]){1, 2});
    budget_case(1, preferred, 2, (const int[]){0, 1});
}

static void a_budget_takes_nothing_from_who_cannot_be_read(void **state)
{
    const struct role_settings *roles[] = {&resize, &resize};
    struct decision decisions[] = {{.workers = 6, .floor = 6, .violation_s = 20},
                                   {.workers = 4, .violation_s = 500, .is_blind = true}};

    (void)state;
    assert_int_equal(budget_share(5, roles, (const int[]){3, 4}, decisions, 2, NULL), 0);
    assert_int_equal(decisions[0].workers, 1);
    assert_int_equal(decisions[1].workers, 4);
}

/* ---- properties */

/* An observation as nobody would expect it. */
static struct observation any_observation(struct random *r, double t_s, int workers)
{
    struct observation o = observation_of(t_s, workers);
    double *fields[] = {&o.messages,   &o.unacked,        &o.consumers,    &o.publish_rate,
                        &o.ack_rate,   &o.published,      &o.acked,        &o.oldest_s,
                        &o.service_n,  &o.service_mean_s, &o.service_sd_s, &o.boot_n,
                        &o.boot_mean_s};

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (random_uniform(r) < 0.8)
            *fields[i] = floor(exp(12 * random_uniform(r)) - 1);
    return o;
}

static void whatever_is_observed_the_bounds_hold(void **state)
{
    struct random r;

    (void)state;
    random_init(&r, 1, 1);
    for (int run_n = 0; run_n < 200; run_n++) {
        struct role_settings role = resize;
        struct policy *p;
        double t_s = 0;
        int workers;

        role.minimum = (int)(4 * random_uniform(&r));
        role.maximum = role.minimum + (int)(20 * random_uniform(&r));
        role.policy = run_n % 4 == 0 ? POLICY_ORIGINAL : POLICY_TUBE;
        workers = role.minimum;
        assert_int_equal(policy_new(&role, POLL_S, 120, &p, NULL), 0);
        for (int i = 0; i < 100; i++) {
            struct observation o = any_observation(&r, t_s, workers);
            struct decision d;

            policy_decide(p, &o, &d);
            assert_in_range(d.workers, role.minimum, role.maximum);
            assert_true(d.kind == (d.workers == workers ? DECISION_HOLD : DECISION_SCALE));
            if (isnan(o.messages) || (isnan(o.consumers) && role.policy == POLICY_TUBE))
                assert_true(d.workers >= workers);
            assert_true(strlen(d.reason) < sizeof d.reason - 1);
            workers = d.workers;
            t_s += 15 * random_uniform(&r) - 1; /* even a clock that goes back */
        }
        policy_free(p);
    }
}

/* Two queues with the same past: the one in which more jobs have arrived since gets no fewer. */
static void a_longer_queue_gets_no_fewer_workers(void **state)
{
    struct random r;

    (void)state;
    random_init(&r, 2, 1);
    for (int run_n = 0; run_n < 400; run_n++) {
        struct shop s[2];
        double more = exp(9 * random_uniform(&r));
        int steps = 5 + (int)(60 * random_uniform(&r));
        uint64_t seed = (uint64_t)run_n;

        for (int k = 0; k < 2; k++) {
            struct random same;
            struct observation o;

            random_init(&same, seed, 7);
            shop_open(&s[k], &resize);
            for (int i = 0; i < steps; i++) {
                s[k].per_s = 60 * random_uniform(&same);
                if (random_uniform(&same) < 0.05)
                    batch(&s[k], 3000 * random_uniform(&same));
                step(&s[k]);
            }
            for (int i = 0; i < 5; i++)
                second(&s[k]);
            if (k == 1)
                batch(&s[k], more);
            o = look(&s[k]);
            decide(&s[k], &o);
        }
        if (s[1].last.workers < s[0].last.workers)
            fail_msg("run %d: %d workers, with %.0f jobs more %d (%s; %s)", run_n,
                     s[0].last.workers, more, s[1].last.workers, s[0].last.reason,
                     s[1].last.reason);
        shop_close(&s[0]);
        shop_close(&s[1]);
    }
}

static void the_same_observations_give_the_same_decisions(void **state)
{
    struct shop a, b;

    (void)state;
    shop_open(&a, &resize);
    shop_open(&b, &resize);
    a.per_s = b.per_s = 33;
    for (int i = 0; i < 200; i++) {
        step(&a);
        step(&b);
        assert_memory_equal(&a.last, &b.last, sizeof a.last);
    }
    shop_close(&a);
    shop_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_from_nothing_in_time_for_a_lone_job),
        cmocka_unit_test(a_job_that_may_wait_for_a_day_is_not_forgotten),
        cmocka_unit_test(gives_a_batch_the_fewest_that_make_it),
        cmocka_unit_test(follows_a_load_and_stays),
        cmocka_unit_test(a_spike_is_not_taken_for_a_load),
        cmocka_unit_test(an_overload_gets_the_maximum_and_says_how_long_it_lasts),
        cmocka_unit_test(an_overload_has_its_turn_in_a_budget_and_is_frozen_as_any_other),
        cmocka_unit_test(the_only_worker_of_a_role_is_pinned_once_it_is_there),
        cmocka_unit_test(keeps_the_minimum_with_nothing_to_do),
        cmocka_unit_test(a_role_at_rest_has_no_workers),
        cmocka_unit_test(less_slack_is_sooner),
        cmocka_unit_test(a_service_that_is_slower_than_configured_is_noticed),
        cmocka_unit_test(a_start_that_is_slower_than_configured_is_noticed),
        cmocka_unit_test(the_applications_own_figures_count),
        cmocka_unit_test(chance_looks_do_not_sway_what_records_tell),
        cmocka_unit_test(nothing_is_stopped_on_what_is_not_known),
        cmocka_unit_test(a_scale_up_that_comes_due_is_made_blind_but_is_no_flood),
        cmocka_unit_test(not_even_what_somebody_else_asked_for_is_stopped_blind),
        cmocka_unit_test(more_jobs_than_there_can_be_get_the_maximum),
        cmocka_unit_test(a_queue_never_read_is_left_alone),
        cmocka_unit_test(counters_that_begin_again_are_no_arrivals),
        cmocka_unit_test(ready_messages_alone_keep_the_last_worker),
        cmocka_unit_test(a_restart_knows_since_when_jobs_wait),
        cmocka_unit_test(workers_that_never_come_are_not_asked_for_for_ever),
        cmocka_unit_test(dead_workers_spoil_no_estimate_and_stop_nobody),
        cmocka_unit_test(jobs_longer_than_the_grace_keep_their_workers),
        cmocka_unit_test(counters_that_lag_behind_the_queue_keep_no_workers),
        cmocka_unit_test(others_who_scale_are_followed),
        cmocka_unit_test(more_than_the_maximum_is_brought_down),
        cmocka_unit_test(the_original_decides_as_it_did),
        cmocka_unit_test(the_original_looks_back_before_it_goes_down),
        cmocka_unit_test(a_budget_is_shared_by_need),
        cmocka_unit_test(a_budget_takes_nothing_from_who_cannot_be_read),
        cmocka_unit_test(whatever_is_observed_the_bounds_hold),
        cmocka_unit_test(a_longer_queue_gets_no_fewer_workers),
        cmocka_unit_test(the_same_observations_give_the_same_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
