#include "web/waiters.h"

#include "unit.h"

#define JOB_A "0192e4a0-0000-7000-8000-00000000000a"
#define JOB_B "0192e4a0-0000-7000-8000-00000000000b"

/* What the hooks were called with. */
static struct waiter *woken[8], *given_up[8];
static size_t woken_count, given_up_count, held_count;

static void hold(struct waiter *w)
{
    (void)w;
    held_count++;
}

static void give_up(struct waiter *w)
{
    given_up[given_up_count++] = w;
}

static void wake(struct waiter *w)
{
    woken[woken_count++] = w;
}

static struct waiters *make(size_t most_waiting)
{
    static const struct waiters_hooks hooks = {hold, give_up, wake};
    struct err e = ERR_INIT;
    struct waiters *ws = waiters_new(&hooks, most_waiting, &e);

    assert_non_null(ws);
    woken_count = given_up_count = held_count = 0;
    return ws;
}

static struct waiter waiter_of(const char *job, int64_t wait_until, int64_t give_up_at)
{
    struct waiter w = {.wait_until_mono_ms = wait_until, .give_up_mono_ms = give_up_at};

    snprintf(w.job, sizeof w.job, "%s", job);
    return w;
}

static void enter(struct waiters *ws, struct waiter *w)
{
    assert_int_equal(waiters_enter(ws, w), 0);
}

static void wakes_those_parked_for_the_changed_job(void **state)
{
    struct waiters *ws = make(10);
    struct waiter a = waiter_of(JOB_A, 100, 200), b = waiter_of(JOB_B, 100, 200);

    (void)state;
    enter(ws, &a);
    enter(ws, &b);
    assert_true(waiters_park(ws, &a));
    assert_true(waiters_park(ws, &b));
    waiters_wake(ws, JOB_A);
    assert_int_equal(woken_count, 1);
    assert_ptr_equal(woken[0], &a);
    waiters_wake(ws, JOB_A); /* not parked any more */
    assert_int_equal(woken_count, 1);
    waiters_leave(ws, &a);
    waiters_leave(ws, &a);
    waiters_wake_all(ws);
    assert_int_equal(woken_count, 2);
    assert_ptr_equal(woken[1], &b);
    waiters_leave(ws, &b);
    waiters_free(ws);
}

static void a_change_before_parking_is_not_lost(void **state)
{
    struct waiters *ws = make(10);
    struct waiter a = waiter_of(JOB_A, 100, 200);

    (void)state;
    enter(ws, &a);
    waiters_wake(ws, JOB_A);
    assert_int_equal(woken_count, 0);
    assert_false(waiters_park(ws, &a)); /* reads again */
    assert_true(waiters_park(ws, &a));
    waiters_leave(ws, &a);
    waiters_free(ws);
}

static void wakes_and_gives_up_at_their_times(void **state)
{
    struct waiters *ws = make(10);
    struct waiter parked = waiter_of(JOB_A, 100, 200), working = waiter_of(JOB_B, 0, 200);

    (void)state;
    enter(ws, &parked);
    enter(ws, &working);
    assert_true(waiters_park(ws, &parked));
    assert_int_equal(waiters_expire(ws, 99, false), 2);
    assert_int_equal(woken_count, 0);
    waiters_expire(ws, 100, false);
    assert_int_equal(woken_count, 1);
    assert_ptr_equal(woken[0], &parked);
    assert_int_equal(waiters_expire(ws, 199, false), 2);
    assert_int_equal(given_up_count, 0);
    assert_int_equal(waiters_expire(ws, 200, false), 0);
    assert_int_equal(given_up_count, 2);
    assert_int_equal(held_count, 2); /* somebody works on both */
    assert_false(waiters_park(ws, &parked));
    waiters_leave(ws, &parked);
    waiters_free(ws);
}

static void giving_up_a_parked_one_takes_it_over(void **state)
{
    struct waiters *ws = make(10);
    struct waiter a = waiter_of(JOB_A, 300, 200);

    (void)state;
    enter(ws, &a);
    assert_true(waiters_park(ws, &a));
    assert_int_equal(waiters_expire(ws, 0, true), 0);
    assert_int_equal(given_up_count, 1);
    assert_int_equal(held_count, 0);
    assert_int_equal(woken_count, 0);
    waiters_free(ws);
}

static void lets_no_more_wait_than_its_limit(void **state)
{
    struct waiters *ws = make(1);
    struct waiter a = waiter_of(JOB_A, 100, 200), b = waiter_of(JOB_A, 100, 200);
    struct waiter no_wish = waiter_of(JOB_A, 0, 200);

    (void)state;
    enter(ws, &no_wish);
    assert_false(no_wish.waits);
    enter(ws, &a);
    assert_true(a.waits);
    enter(ws, &b);
    assert_false(b.waits);
    waiters_leave(ws, &b);
    waiters_leave(ws, &a);
    enter(ws, &b);
    assert_true(b.waits);
    waiters_leave(ws, &b);
    waiters_leave(ws, &no_wish);
    waiters_free(ws);
}

static void nobody_waits_once_it_is_closed(void **state)
{
    struct waiters *ws = make(10);
    struct waiter a = waiter_of(JOB_A, 100, 200), b = waiter_of(JOB_B, 100, 200);

    (void)state;
    enter(ws, &a);
    assert_true(waiters_park(ws, &a));
    waiters_close(ws);
    assert_int_equal(woken_count, 1);
    assert_false(waiters_park(ws, &a));
    enter(ws, &b);
    assert_false(b.waits);
    waiters_leave(ws, &a);
    waiters_leave(ws, &b);
    waiters_free(ws);
}

/* Whoever came then would be suspended for ever, and libmicrohttpd aborts a process that stops with
 * one of those. */
static void nobody_enters_once_all_were_given_up(void **state)
{
    struct waiters *ws = make(10);
    struct waiter a = waiter_of(JOB_A, 100, 200), late = waiter_of(JOB_B, 100, 200);

    (void)state;
    enter(ws, &a);
    waiters_expire(ws, 0, true);
    assert_int_equal(given_up_count, 1);
    assert_int_equal(waiters_enter(ws, &late), -1);
    assert_int_equal(waiters_expire(ws, 0, true), 0);
    assert_int_equal(given_up_count, 1);
    waiters_leave(ws, &late);
    waiters_free(ws);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wakes_those_parked_for_the_changed_job),
        cmocka_unit_test(a_change_before_parking_is_not_lost),
        cmocka_unit_test(wakes_and_gives_up_at_their_times),
        cmocka_unit_test(giving_up_a_parked_one_takes_it_over),
        cmocka_unit_test(lets_no_more_wait_than_its_limit),
        cmocka_unit_test(nobody_waits_once_it_is_closed),
        cmocka_unit_test(nobody_enters_once_all_were_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
