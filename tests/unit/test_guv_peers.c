/*
 * test_guv_peers.c - single decisions of those guv is compared with, by their published rules.
 */
#include "unit.h"

#include <math.h>

#include "guv_roles.h"
#include "simulate/hpa.h"
#include "simulate/peers.h"

/* ---- HPA */

static void utilization_gives_replicas(void **state)
{
    static const struct {
        int percent, ready, current, want;
    } cases[] = {
        {100, 4, 4, 8},                                               /* ceil(4 * 100 / 50) */
        {25, 4, 4, 2},   {10, 4, 4, 1}, {0, 4, 4, 0},  {55, 4, 4, 4}, /* within a tenth */
        {56, 4, 4, 5},   {45, 4, 4, 4}, {44, 4, 4, 4}, {30, 4, 4, 3},
        {100, 4, 8, 8}, /* the four that start count as idle: 50 % of eight */
        {100, 6, 8, 12}, {52, 4, 8, 8}, {25, 4, 8, 2}, /* not on the way down */
        {50, 0, 3, 3},                                 /* no metrics */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int got = hpa_by_utilization(cases[i].percent, 50, cases[i].ready, cases[i].current);

        if (got != cases[i].want)
            fail_msg("%d %% of %d/%d: %d, not %d", cases[i].percent, cases[i].ready,
                     cases[i].current, got, cases[i].want);
    }
}

static void an_average_gives_replicas(void **state)
{
    (void)state;
    assert_int_equal(hpa_by_average(1000, 100, 4), 10);
    assert_int_equal(hpa_by_average(1001, 100, 4), 11);
    assert_int_equal(hpa_by_average(1090, 100, 10), 10); /* within a tenth */
    assert_int_equal(hpa_by_average(910, 100, 10), 10);
    assert_int_equal(hpa_by_average(0, 100, 10), 0);
    assert_int_equal(hpa_by_average(50, 100, 0), 1);
}

static void goes_up_by_four_or_doubles(void **state)
{
    struct hpa h = {.n = 0};

    (void)state;
    assert_int_equal(hpa_settle(&h, 0, 50, 1, 1, 100), 5);
    assert_int_equal(hpa_settle(&h, 15, 50, 5, 1, 100), 10);
    assert_int_equal(hpa_settle(&h, 30, 50, 10, 1, 100), 20);
    assert_int_equal(hpa_settle(&h, 45, 50, 20, 1, 30), 30); /* the maximum */
}

static void goes_down_to_the_highest_of_five_minutes(void **state)
{
    struct hpa h = {.n = 0};

    (void)state;
    assert_int_equal(hpa_settle(&h, 0, 10, 10, 1, 100), 10);
    assert_int_equal(hpa_settle(&h, 15, 6, 10, 1, 100), 10);
    for (double t = 30; t < 300; t += 15)
        assert_int_equal(hpa_settle(&h, t, 2, 10, 1, 100), 10);
    assert_int_equal(hpa_settle(&h, 300, 2, 10, 1, 100), 6);
    assert_int_equal(hpa_settle(&h, 315, 0, 6, 1, 100), 2);
    for (double t = 330; t < 600; t += 15)
        assert_int_equal(hpa_settle(&h, t, 0, 2, 1, 100), 2);
    assert_int_equal(hpa_settle(&h, 600, 0, 2, 1, 100), 1); /* never 0 */
}

static void the_first_advice_is_what_there_is(void **state)
{
    struct hpa h = {.n = 0};

    (void)state;
    assert_int_equal(hpa_settle(&h, 0, 1, 10, 1, 100), 10);
}

/* ---- deciders */

static struct peer *a_peer(enum peer_kind kind, const struct role_settings *role)
{
    const struct peer_options options = {role, 5, 30, 120, 7};
    struct err e = ERR_INIT;
    struct peer *p;

    assert_int_equal(peer_new(kind, &options, &p, &e), 0);
    return p;
}

static int decide(struct peer *p, double t_s, double messages, double unacked, double consumers,
                  int workers)
{
    struct observation o = observation_of(t_s, workers);
    struct decision d = {.workers = workers};

    o.messages = messages;
    o.unacked = unacked;
    o.consumers = consumers;
    peer_decider(p)->decide(peer_decider(p)->arg, &o, &d);
    return d.workers;
}

static void hpa_averages_the_cpu_of_fifteen_seconds(void **state)
{
    const struct role_settings role = resize_role();
    struct peer *p = a_peer(PEER_HPA, &role);

    (void)state;
    assert_true(peer_decider(p)->poll_s == 5);
    assert_int_equal(peer_decider(p)->first, 1);
    assert_int_equal(decide(p, 0, 100, 10, 2, 2), 2);
    assert_int_equal(decide(p, 5, 100, 20, 2, 2), 2);
    assert_int_equal(decide(p, 10, 100, 18, 2, 2), 4); /* 80 %: ceil(2 * 80 / 50) */
    assert_int_equal(decide(p, 15, 100, 40, 4, 4), 4); /* its next word is at 25 */
    assert_int_equal(decide(p, 20, 100, 40, 4, 4), 4);
    assert_int_equal(decide(p, 25, 100, 40, 4, 4), 8);
    peer_free(p);
}

static void hpa_does_nothing_without_metrics(void **state)
{
    const struct role_settings role = resize_role();
    struct peer *p = a_peer(PEER_HPA, &role);

    (void)state;
    for (double t = 0; t < 60; t += 5)
        assert_int_equal(decide(p, t, NAN, NAN, NAN, 3), 3);
    peer_free(p);
}

/* Half the deadline of 180 s at 12.5 jobs a second: 1125 messages a worker. */
static void keda_divides_the_queue_by_its_target(void **state)
{
    const struct role_settings role = resize_role();
    struct peer *p = a_peer(PEER_KEDA, &role);

    (void)state;
    assert_true(peer_decider(p)->poll_s == 15);
    assert_int_equal(peer_decider(p)->first, 0);
    assert_int_equal(decide(p, 0, 4500, 30, 3, 3), 4);
    assert_int_equal(decide(p, 15, 4800, 40, 4, 4), 4); /* within a tenth */
    assert_int_equal(decide(p, 30, 20000, 40, 4, 4), 8);
    assert_int_equal(decide(p, 45, NAN, NAN, NAN, 8), 8);
    peer_free(p);
}

static void keda_starts_the_first_at_its_poll_and_stops_the_last_after_a_cooldown(void **state)
{
    const struct role_settings role = resize_role();
    struct peer *p = a_peer(PEER_KEDA, &role);
    double t = 60;

    (void)state;
    assert_int_equal(decide(p, 0, 0, 0, 0, 0), 0);
    assert_int_equal(decide(p, 15, 9000, 0, 0, 0), 0); /* it does not look now */
    assert_int_equal(decide(p, 30, 9000, 0, 0, 0), 1);
    assert_int_equal(decide(p, 45, 9000, 0, 0, 1), 5);
    for (; t <= 330; t += 15) /* it saw messages last at 30 */
        assert_int_equal(decide(p, t, 0, 0, 5, 5) > 0, 1);
    assert_int_equal(decide(p, t, 0, 0, 1, 1), 1);
    assert_int_equal(decide(p, t + 15, 0, 0, 1, 1), 0);
    peer_free(p);
}

static void keda_keeps_a_minimum(void **state)
{
    struct role_settings role = resize_role();
    struct peer *p;

    (void)state;
    role.minimum = 2;
    p = a_peer(PEER_KEDA, &role);
    for (double t = 0; t < 1200; t += 15)
        assert_int_equal(decide(p, t, 0, 0, 2, 2), 2);
    peer_free(p);
}

static void the_original_decides_by_its_formula(void **state)
{
    struct role_settings role = resize_role();
    struct peer *p = a_peer(PEER_ORIGINAL, &role);

    (void)state;
    role.maximum = 3;
    assert_true(peer_decider(p)->poll_s == 30);
    /* 1 worker from 1 message, 2 from 2221, 3 from 4451: as the original itself answers. */
    assert_int_equal(decide(p, 0, 1, 0, 0, 0), 1);
    assert_int_equal(decide(p, 30, 2220, 10, 1, 1), 1);
    assert_int_equal(decide(p, 60, 2221, 10, 1, 1), 2);
    assert_int_equal(decide(p, 90, 4451, 20, 2, 2), 3);
    peer_free(p);
}

static void guv_is_the_policy_whatever_the_file_says(void **state)
{
    struct role_settings role = resize_role();
    struct observation o = observation_of(0, 0);
    struct decision d, e;
    struct policy *policy;
    struct err err = ERR_INIT;
    struct peer *p;

    (void)state;
    assert_int_equal(policy_new(&role, 5, 120, &policy, &err), 0);
    role.policy = POLICY_ORIGINAL;
    p = a_peer(PEER_GUV, &role);
    o.messages = o.published = 20000;
    o.unacked = o.consumers = o.acked = 0;
    policy_decide(policy, &o, &d);
    peer_decider(p)->decide(peer_decider(p)->arg, &o, &e);
    assert_int_equal(d.workers, e.workers);
    assert_string_equal(d.reason, e.reason);
    policy_free(policy);
    peer_free(p);
}

static void a_fixed_crew_is_the_fewest_that_are_in_time(void **state)
{
    const struct role_settings role = scrape_role();
    struct world_options o = world_options_of(&role, 1);
    struct err e = ERR_INIT;
    struct trace t;
    int fewest;

    (void)state;
    assert_int_equal(trace_pattern("spikes", &role, 4, 3600, 1, &t, &e), 0);
    assert_int_equal(peer_fewest(&t, &o, &fewest, &e), 0);
    for (int workers = fewest - 1; workers <= fewest; workers++) {
        struct peer_options options = {&role, 5, 30, 120, workers};
        struct outcome out;
        struct peer *p;

        assert_int_equal(peer_new(PEER_FIXED, &options, &p, &e), 0);
        assert_int_equal(world_run(&t, peer_decider(p), &o, &out, &e), 0);
        assert_int_equal(outcome_is_in_time(&out, &role), workers == fewest);
        assert_int_equal(out.actions, 0);
        peer_free(p);
    }
    trace_release(&t);
}

static void a_fixed_crew_stays_within_bounds(void **state)
{
    struct role_settings role = scrape_role();
    struct world_options o = world_options_of(&role, 1);
    struct err e = ERR_INIT;
    struct trace none = {.duration_s = 60, .deaf_from_s = INFINITY, .crash_at_s = INFINITY}, t;
    int fewest;

    (void)state;
    role.minimum = 2;
    assert_int_equal(peer_fewest(&none, &o, &fewest, &e), 0);
    assert_int_equal(fewest, 2);
    role.maximum = 3;
    assert_int_equal(trace_pattern("steady", &role, 8, 1200, 1, &t, &e), 0);
    assert_int_equal(peer_fewest(&t, &o, &fewest, &e), 0);
    assert_int_equal(fewest, 3);
    trace_release(&t);
}

static void they_are_found_by_name(void **state)
{
    struct err e = ERR_INIT;
    enum peer_kind kind;

    (void)state;
    for (int i = 0; i < PEER_KINDS; i++) {
        assert_int_equal(peer_find(peer_name((enum peer_kind)i), &kind, &e), 0);
        assert_int_equal(kind, i);
        assert_non_null(peer_title(kind));
    }
    assert_int_equal(peer_find("vpa", &kind, &e), -1);
    assert_non_null(strstr(e.text, "'vpa'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utilization_gives_replicas),
        cmocka_unit_test(an_average_gives_replicas),
        cmocka_unit_test(goes_up_by_four_or_doubles),
        cmocka_unit_test(goes_down_to_the_highest_of_five_minutes),
        cmocka_unit_test(the_first_advice_is_what_there_is),
        cmocka_unit_test(hpa_averages_the_cpu_of_fifteen_seconds),
        cmocka_unit_test(hpa_does_nothing_without_metrics),
        cmocka_unit_test(keda_divides_the_queue_by_its_target),
        cmocka_unit_test(keda_starts_the_first_at_its_poll_and_stops_the_last_after_a_cooldown),
        cmocka_unit_test(keda_keeps_a_minimum),
        cmocka_unit_test(the_original_decides_by_its_formula),
        cmocka_unit_test(guv_is_the_policy_whatever_the_file_says),
        cmocka_unit_test(a_fixed_crew_is_the_fewest_that_are_in_time),
        cmocka_unit_test(a_fixed_crew_stays_within_bounds),
        cmocka_unit_test(they_are_found_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
