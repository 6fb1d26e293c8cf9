#include "web/queue.h"

#include <poll.h>
#include <pthread.h>

#include "unit.h"

static bool is_readable(const struct queue *q, int timeout_ms)
{
    struct pollfd fd = {queue_fd(q), POLLIN, 0};

    return poll(&fd, 1, timeout_ms) == 1;
}

static struct queue *make_queue(size_t capacity)
{
    struct err e = ERR_INIT;
    struct queue *q = queue_new(capacity, &e);

    assert_non_null(q);
    return q;
}

static void gives_items_in_their_order_and_refuses_one_too_many(void **state)
{
    struct queue *q = make_queue(3);
    void *items[8];
    int a, b, c, d;

    (void)state;
    assert_int_equal(queue_room(q), 3);
    assert_int_equal(queue_push(q, &a), 0);
    assert_int_equal(queue_push(q, &b), 0);
    assert_int_equal(queue_push(q, &c), 0);
    assert_int_equal(queue_push(q, &d), -1);
    assert_int_equal(queue_take(q, items, 2), 2);
    assert_ptr_equal(items[0], &a);
    assert_ptr_equal(items[1], &b);
    assert_int_equal(queue_push(q, &d), 0);
    assert_int_equal(queue_take(q, items, 8), 2);
    assert_ptr_equal(items[0], &c);
    assert_ptr_equal(items[1], &d);
    assert_int_equal(queue_take(q, items, 8), 0);
    queue_free(q);
}

static void is_readable_while_something_is_left(void **state)
{
    struct queue *q = make_queue(3);
    void *items[3];
    int a;

    (void)state;
    assert_false(is_readable(q, 0));
    assert_int_equal(queue_push(q, &a), 0);
    assert_int_equal(queue_push(q, &a), 0);
    assert_true(is_readable(q, 0));
    assert_int_equal(queue_take(q, items, 1), 1);
    assert_true(is_readable(q, 0));
    assert_int_equal(queue_take(q, items, 3), 1);
    assert_false(is_readable(q, 0));
    queue_wake(q);
    assert_true(is_readable(q, 0));
    assert_int_equal(queue_take(q, items, 3), 0);
    assert_false(is_readable(q, 0));
    queue_free(q);
}

#define PUSHED 20000

static void *push_many(void *arg)
{
    struct queue *q = arg;
    static int item;

    for (int i = 0; i < PUSHED;)
        if (queue_push(q, &item) == 0)
            i++;
    return NULL;
}

static void loses_nothing_between_threads(void **state)
{
    struct queue *q = make_queue(16);
    pthread_t threads[2];
    void *items[5];
    size_t taken = 0;

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, push_many, q), 0);
    while (taken < 2 * PUSHED) {
        assert_true(is_readable(q, 10000));
        taken += queue_take(q, items, 5);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(taken, 2 * PUSHED);
    queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_items_in_their_order_and_refuses_one_too_many),
        cmocka_unit_test(is_readable_while_something_is_left),
        cmocka_unit_test(loses_nothing_between_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
