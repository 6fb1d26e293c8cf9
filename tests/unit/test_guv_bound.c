/*
 * test_guv_bound.c - the cheapest crew, where it can be told by hand, and below every policy that
 * was late with nothing.
 */
#include "unit.h"

#include <math.h>

#include "guv_roles.h"
#include "simulate/bound.h"
#include "simulate/peers.h"

static struct trace even_trace(double per_s, double takes_s, double duration_s)
{
    struct trace t = {.duration_s = duration_s, .deaf_from_s = INFINITY, .crash_at_s = INFINITY};
    struct err e = ERR_INIT;

    for (double at_s = 0; at_s < duration_s; at_s += 1 / per_s)
        assert_int_equal(trace_add(&t, at_s, takes_s, &e), 0);
    return t;
}

static double bound(const struct trace *t, const struct role_settings *role)
{
    struct bound b;
    struct err e = ERR_INIT;

    assert_int_equal(bound_of(t, role, 30, &b, &e), 0);
    return b.paid_s;
}

static void nothing_costs_nothing(void **state)
{
    const struct role_settings role = resize_role();
    struct trace t = {.duration_s = 600};

    (void)state;
    assert_true(bound(&t, &role) == 0);
}

static void a_batch_costs_its_work_and_a_start(void **state)
{
    const struct role_settings role = a_role("x", 1, 10, 5, 120);
    struct trace t = even_trace(8, 10, 1); /* 80 s of work at once: one worker does it in time */

    (void)state;
    assert_true(fabs(bound(&t, &role) - 110) <= 2);
    trace_release(&t);
    t = even_trace(32, 10, 1); /* 320 s: three do it in 107 s */
    assert_true(fabs(bound(&t, &role) - (320 + 3 * 30)) <= 6);
    trace_release(&t);
}

static void a_full_load_costs_its_work_and_its_starts(void **state)
{
    const struct role_settings role = a_role("x", 1, 2, 1, 60);
    struct trace t = even_trace(1.5, 2, 3600); /* three workers, all the time */

    (void)state;
    assert_true(fabs(bound(&t, &role) - (3 * 3600 + 3 * 30)) <= 0.01 * 3 * 3600);
    trace_release(&t);
}

static void a_minimum_is_paid_whatever_comes(void **state)
{
    struct role_settings role = a_role("x", 1, 2, 1, 60);
    struct trace t = even_trace(0.1, 2, 3600);

    (void)state;
    role.minimum = 2;
    assert_true(bound(&t, &role) >= 2 * 3600);
    trace_release(&t);
}

static void a_maximum_that_is_too_small_is_served_as_well_as_it_can(void **state)
{
    struct role_settings role = a_role("x", 1, 2, 1, 60);
    struct trace t = even_trace(1.5, 2, 3600);

    (void)state;
    role.maximum = 2;
    assert_true(fabs(bound(&t, &role) - (2 * 3660 + 2 * 30)) <= 40);
    role.maximum = 0;
    assert_true(bound(&t, &role) == 0);
    trace_release(&t);
}

static void a_long_trace_gets_a_coarser_grid_or_none(void **state)
{
    struct role_settings role = a_role("x", 1, 50, 25, 3600);
    struct trace t = even_trace(0.08, 50, 3 * 3600);
    struct bound b;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(bound_of(&t, &role, 30, &b, &e), 0);
    assert_true(b.step_s > 2 && !isnan(b.paid_s));
    assert_true(fabs(b.paid_s / (0.08 * 50 * 3 * 3600) - 1) < 0.02);
    trace_release(&t);
    role = a_role("x", 1, 0.02, 0.01, 4);
    t = even_trace(0.01, 20000, 3 * 86400); /* jobs of hours, all due in seconds */
    assert_int_equal(bound_of(&t, &role, 30, &b, &e), 0);
    assert_true(isnan(b.paid_s));
    trace_release(&t);
}

static void no_policy_in_time_pays_less(void **state)
{
    static const char *const patterns[] = {"diurnal", "on-off", "spikes", "flash"};
    const struct role_settings roles[] = {transcode_role(), scrape_role()};

    (void)state;
    for (size_t i = 0; i < 8; i++) {
        const struct role_settings *role = &roles[i % 2];
        struct world_options o = world_options_of(role, i);
        struct err e = ERR_INIT;
        struct trace t;
        double least;

        assert_int_equal(trace_pattern(patterns[i / 2], role, 2, 1800, i, &t, &e), 0);
        least = bound(&t, role);
        for (int k = 0; k < PEER_KINDS; k++) {
            struct peer_options options = {role, 5, 30, 120, 20};
            struct peer *p;
            struct outcome out;

            assert_int_equal(peer_new((enum peer_kind)k, &options, &p, &e), 0);
            assert_int_equal(world_run(&t, peer_decider(p), &o, &out, &e), 0);
            if (out.late == 0 && out.paid_s < least)
                fail_msg("%s, %s: %.0f are less than %.0f", patterns[i / 2],
                         peer_name((enum peer_kind)k), out.paid_s, least);
            peer_free(p);
        }
        trace_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_costs_nothing),
        cmocka_unit_test(a_batch_costs_its_work_and_a_start),
        cmocka_unit_test(a_full_load_costs_its_work_and_its_starts),
        cmocka_unit_test(a_minimum_is_paid_whatever_comes),
        cmocka_unit_test(a_maximum_that_is_too_small_is_served_as_well_as_it_can),
        cmocka_unit_test(a_long_trace_gets_a_coarser_grid_or_none),
        cmocka_unit_test(no_policy_in_time_pays_less),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
