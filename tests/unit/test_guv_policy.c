/*
 * test_guv_policy.c - what the policies decide: each rule, what they learn, and how a budget is
 * shared.
 */
#include "guv_shop.h"
#include "simulate/random.h"

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

        interval(&s);
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
        cmocka_unit_test(the_original_decides_as_it_did),
        cmocka_unit_test(the_original_looks_back_before_it_goes_down),
        cmocka_unit_test(a_budget_is_shared_by_need),
        cmocka_unit_test(a_budget_takes_nothing_from_who_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
