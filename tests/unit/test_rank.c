/*
 * The value of a rank, held against sorting.
 */
#include "base/rank.h"

#include "unit.h"

#define VALUES_MAX 2000
#define SHAPES 5

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* The same values as before, each side of the rank on its side. */
static void check(const double *given, size_t n, size_t k)
{
    double v[VALUES_MAX], sorted[VALUES_MAX];

    memcpy(v, given, n * sizeof *v);
    memcpy(sorted, given, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    rank_select(v, n, k);
    if (compare(&v[k], &sorted[k]) != 0)
        fail_msg("rank %zu of %zu is %g instead of %g", k, n, v[k], sorted[k]);
    for (size_t i = 0; i < n; i++)
        if (i < k ? v[i] > v[k] : v[i] < v[k])
            fail_msg("rank %zu of %zu: %g is at %zu, %g at the rank", k, n, v[i], i, v[k]);
    qsort(v, n, sizeof *v, compare);
    assert_memory_equal(v, sorted, n * sizeof *v);
}

static void each_rank_of_few_values_in_any_order(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 6; n++) {
        size_t orders = 1;

        for (size_t i = 0; i < n; i++)
            orders *= n; /* with repetitions, so that equal ones are among them */
        for (size_t order = 0; order < orders; order++) {
            double v[6];
            size_t rest = order;

            for (size_t i = 0; i < n; i++, rest /= n)
                v[i] = (double)(rest % n);
            for (size_t k = 0; k < n; k++)
                check(v, n, k);
        }
    }
}

static void ranks_of_many(void **state)
{
    static double v[VALUES_MAX];
    unsigned seed = 7;

    (void)state;
    for (size_t shape = 0; shape < SHAPES; shape++) {
        const size_t ranks[] = {0, 1, VALUES_MAX / 2, VALUES_MAX - 20, VALUES_MAX - 1};

        for (size_t i = 0; i < VALUES_MAX; i++) {
            const double by_shape[SHAPES] = {(double)rand_r(&seed), (double)i, -(double)i, 1,
                                             (double)(rand_r(&seed) % 3)};

            v[i] = by_shape[shape];
        }
        for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
            check(v, VALUES_MAX, ranks[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rank_of_few_values_in_any_order),
        cmocka_unit_test(ranks_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
