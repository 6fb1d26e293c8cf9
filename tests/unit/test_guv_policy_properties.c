/*
 * test_guv_policy_properties.c - what holds of the policies' decisions whatever is observed.
 */
#include "guv_shop.h"
#include "simulate/random.h"

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
            interval(&s[k]);
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
        cmocka_unit_test(whatever_is_observed_the_bounds_hold),
        cmocka_unit_test(a_longer_queue_gets_no_fewer_workers),
        cmocka_unit_test(the_same_observations_give_the_same_decisions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
