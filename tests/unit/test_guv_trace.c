/*
 * test_guv_trace.c - the built-in patterns: as much work as asked for, in the order of time, the
 * same for the same seed.
 */
#include "unit.h"

#include <math.h>

#include "guv_roles.h"
#include "simulate/trace.h"

#define HOUR_S 3600.0

static void make(const char *pattern, double load, uint64_t seed, struct trace *ret)
{
    const struct role_settings role = scrape_role();
    struct err e = ERR_INIT;

    if (trace_pattern(pattern, &role, load, 2 * HOUR_S, seed, ret, &e))
        fail_msg("%s: %s", pattern, e.text);
}

/* Workers that the jobs arriving between two moments keep busy. */
static double load_between(const struct trace *t, double from_s, double until_s)
{
    const struct role_settings role = scrape_role();
    double work = 0;

    for (size_t i = 0; i < t->n; i++)
        if (t->jobs[i].arrives_s >= from_s && t->jobs[i].arrives_s < until_s)
            work += t->jobs[i].takes_s;
    return work / role.concurrency / (until_s - from_s);
}

static void jobs_come_in_order_and_take_time(void **state)
{
    (void)state;
    for (size_t p = 0; trace_pattern_name(p); p++) {
        struct trace t;

        make(trace_pattern_name(p), 1, 1, &t);
        assert_true(t.n > 0);
        assert_true(t.duration_s == 2 * HOUR_S);
        assert_non_null(trace_pattern_about(p));
        for (size_t i = 0; i < t.n; i++) {
            assert_true(t.jobs[i].takes_s > 0);
            assert_true(t.jobs[i].arrives_s >= (i ? t.jobs[i - 1].arrives_s : 0));
            assert_true(t.jobs[i].arrives_s < t.duration_s);
        }
        trace_release(&t);
    }
}

static void the_base_rate_keeps_as_many_workers_busy_as_asked(void **state)
{
    static const struct {
        const char *pattern;
        double from_s, until_s, load; /* as a multiple of what is asked */
    } cases[] = {
        {"steady", 0, 7200, 1},        {"step", 0, 2400, 0.2},   {"step", 2400, 4800, 2},
        {"diurnal", 3000, 4200, 1.76}, {"ramp", 5760, 7200, 2},  {"on-off", 0, 600, 1.6},
        {"spikes", 0, 600, 0.3},       {"spikes", 600, 610, 20}, {"drift", 3600, 7200, 2.5},
        {"misconfigured", 0, 7200, 3},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trace t;
        double load;

        make(cases[i].pattern, 8, 3, &t);
        load = load_between(&t, cases[i].from_s, cases[i].until_s) / 8;
        if (fabs(load / cases[i].load - 1) > 0.15)
            fail_msg("%s: a load of %.3f, not %.3f", cases[i].pattern, load, cases[i].load);
        trace_release(&t);
    }
}

static void the_same_seed_gives_the_same_jobs(void **state)
{
    struct trace a, b, other;

    (void)state;
    make("modulated", 3, 7, &a);
    make("modulated", 3, 7, &b);
    make("modulated", 3, 8, &other);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.jobs, b.jobs, a.n * sizeof *a.jobs);
    assert_true(other.n != a.n);
    trace_release(&a);
    trace_release(&b);
    trace_release(&other);
}

static void refuses_a_pattern_it_does_not_have(void **state)
{
    const struct role_settings role = scrape_role();
    struct err e = ERR_INIT;
    struct trace t;

    (void)state;
    assert_int_equal(trace_pattern("wavy", &role, 1, HOUR_S, 1, &t, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_non_null(strstr(e.text, "'wavy'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_in_order_and_take_time),
        cmocka_unit_test(the_base_rate_keeps_as_many_workers_busy_as_asked),
        cmocka_unit_test(the_same_seed_gives_the_same_jobs),
        cmocka_unit_test(refuses_a_pattern_it_does_not_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
