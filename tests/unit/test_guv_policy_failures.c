/*
 * test_guv_policy_failures.c - what the policy decides when something is unknown, wrong or broken:
 * readings, counters, workers, and others who scale.
 */
#include "guv_shop.h"

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

            interval(&s);
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
        interval(&s);
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
            interval(&s);
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
            interval(&s);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
