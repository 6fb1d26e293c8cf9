#include "rank.h"

static void swap(double *a, double *b)
{
    const double was = *a;

    *a = *b;
    *b = was;
}

/* Hoare's selection; the middle of three as pivot, so that order is no worst case. */
void rank_select(double *v, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        size_t i = low, j = high;
        double pivot;

        if (v[middle] < v[low])
            swap(&v[middle], &v[low]);
        if (v[high] < v[low])
            swap(&v[high], &v[low]);
        if (v[high] < v[middle])
            swap(&v[high], &v[middle]);
        pivot = v[middle];
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(&v[i++], &v[j--]);
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}
