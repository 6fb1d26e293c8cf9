/*
 * test_guv_normal.c - quantiles against tables, and against the distribution function.
 */
#include "unit.h"

#include <math.h>

#include "config/normal.h"

/* Values of Python's statistics.NormalDist().inv_cdf(), and of R's qnorm() in the far tail. */
static const struct {
    double p, z;
} cases[] = {
    {0.5, 0},
    {0.6, 0.2533471031357998},
    {0.75, 0.6744897501960817},
    {0.9, 1.2815515655446008},
    {0.925, 1.439531470938456}, /* where the central approximation ends */
    {0.95, 1.6448536269514715},
    {0.975, 1.9599639845400536},
    {0.98, 2.053748910631822},
    {0.99, 2.3263478740408408},
    {0.999, 3.090232306167813},
    {0.9999, 3.7190164854557084},
    {0.999999, 4.753424308817089},
    {1e-300, -37.0470962993612},
};

static void assert_near(double got, double want)
{
    if (!(fabs(got - want) <= 1e-13 * fmax(1, fabs(want))))
        fail_msg("%.17g instead of %.17g", got, want);
}

static void finds_the_values_of_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_near(normal_quantile(cases[i].p), cases[i].z);
}

static void is_symmetric_and_rises(void **state)
{
    double before = -(double)INFINITY;

    (void)state;
    for (int i = 1; i < 1024; i++) {
        double p = i / 1024.0, z = normal_quantile(p); /* exact in binary, and so is 1 - p */

        assert_near(normal_quantile(1 - p), -z);
        assert_true(z > before);
        before = z;
    }
}

static void undoes_the_distribution_function(void **state)
{
    (void)state;
    for (double z = -8; z <= 6; z += 0.01) {
        double p = 0.5 * erfc(-z * M_SQRT1_2), got = normal_quantile(p);

        /* Near 1, p itself has lost digits of 1 - p. */
        if (!(fabs(got - z) <= 1e-13 + 1e-16 * exp(z * z / 2) * 10))
            fail_msg("%.17g instead of %.17g", got, z);
    }
}

static void ends_at_infinity(void **state)
{
    (void)state;
    assert_true(normal_quantile(0) == -(double)INFINITY);
    assert_true(normal_quantile(1) == (double)INFINITY);
    assert_true(isnan(normal_quantile(-1e-9)));
    assert_true(isnan(normal_quantile(1.0000001)));
    assert_true(isnan(normal_quantile((double)NAN)));
}

static void finds_lognormal_tails(void **state)
{
    (void)state;
    /* mean 10 and deviation 5: sigma^2 = ln 1.25, mu = ln 10 - sigma^2 / 2 */
    assert_near(lognormal_quantile(10, 5, 0.5), 10 / sqrt(1.25));
    assert_near(lognormal_quantile(10, 5, 0.99),
                exp(log(10 / sqrt(1.25)) + 2.3263478740408408 * sqrt(log(1.25))));
    assert_near(lognormal_quantile(3, 0, 0.99), 3);
    assert_near(lognormal_quantile(3, 0, 1), 3);
    assert_true(lognormal_quantile(3, 1, 0) == 0);
    assert_true(isfinite(lognormal_quantile(1e-6, 31536000, 0.98)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_values_of_tables),
        cmocka_unit_test(is_symmetric_and_rises),
        cmocka_unit_test(undoes_the_distribution_function),
        cmocka_unit_test(ends_at_infinity),
        cmocka_unit_test(finds_lognormal_tails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
