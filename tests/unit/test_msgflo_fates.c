#include "msgflo/lib/fates.h"

#include "unit.h"

/* What was told, as text: "1:confirmed 2:returned ". */
static char told[2000];

static const char *const names[] = {"confirmed", "returned", "nacked", "lost"};

static void note(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    size_t len = strlen(told);

    (void)p;
    snprintf(told + len, sizeof told - len, "%s:%s ", (const char *)user, names[fate]);
}

static void add(struct fates *f, char *name)
{
    assert_int_equal(fates_reserve(f), 0);
    fates_add(f, note, name);
}

static void start(struct fates *f, char *a, char *b, char *c)
{
    told[0] = '\0';
    fates_init(f);
    add(f, a);
    add(f, b);
    add(f, c);
}

static void each_is_told_once_in_any_order(void **state)
{
    struct fates f;

    (void)state;
    start(&f, (char[]){"1"}, (char[]){"2"}, (char[]){"3"});
    fates_settle(&f, 2, false, MSGFLO_NACKED, NULL);
    fates_settle(&f, 2, false, MSGFLO_CONFIRMED, NULL);
    assert_int_equal(f.with_fn, 2);
    fates_settle(&f, 3, true, MSGFLO_CONFIRMED, NULL);
    fates_settle(&f, 1, false, MSGFLO_CONFIRMED, NULL);
    fates_lose_all(&f, NULL);
    assert_string_equal(told, "2:nacked 1:confirmed 3:confirmed ");
    assert_int_equal(f.with_fn, 0);
    fates_release(&f);
}

static void a_returned_one_is_told_so_when_it_is_confirmed(void **state)
{
    struct fates f;

    (void)state;
    start(&f, (char[]){"1"}, (char[]){"2"}, (char[]){"3"});
    fates_returned(&f, 2);
    fates_returned(&f, 3);
    fates_returned(&f, 77);
    assert_string_equal(told, "");
    fates_settle(&f, 2, true, MSGFLO_CONFIRMED, NULL);
    fates_settle(&f, 3, false, MSGFLO_NACKED, NULL);
    assert_string_equal(told, "1:confirmed 2:returned 3:nacked ");
    fates_release(&f);
}

static void numbers_nobody_knows_are_ignored(void **state)
{
    struct fates f;

    (void)state;
    start(&f, (char[]){"1"}, (char[]){"2"}, (char[]){"3"});
    fates_settle(&f, 0, false, MSGFLO_CONFIRMED, NULL);
    fates_settle(&f, 0, true, MSGFLO_CONFIRMED, NULL);
    fates_settle(&f, 4, false, MSGFLO_CONFIRMED, NULL);
    fates_settle(&f, 4, true, MSGFLO_CONFIRMED, NULL);
    assert_string_equal(told, "");
    fates_lose_all(&f, NULL);
    assert_string_equal(told, "1:lost 2:lost 3:lost ");
    fates_release(&f);
}

static struct fates *sending_again;

static void send_again(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    (void)p;
    (void)fate;
    ++*(unsigned *)user;
    for (int i = 0; i < 100; i++) { /* more than the ring has room for */
        assert_int_equal(fates_reserve(sending_again), 0);
        fates_add(sending_again, NULL, NULL);
    }
}

static void a_function_may_send_more_while_it_is_told(void **state)
{
    struct fates f;
    unsigned count = 0;

    (void)state;
    fates_init(&f);
    sending_again = &f;
    for (int i = 0; i < 64; i++) {
        assert_int_equal(fates_reserve(&f), 0);
        fates_add(&f, send_again, &count);
    }
    fates_settle(&f, 64, true, MSGFLO_CONFIRMED, NULL);
    assert_int_equal(count, 64);
    assert_int_equal(f.next - f.first, 6400);
    fates_lose_all(&f, NULL);
    assert_int_equal(f.first, f.next);
    fates_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_told_once_in_any_order),
        cmocka_unit_test(a_returned_one_is_told_so_when_it_is_confirmed),
        cmocka_unit_test(numbers_nobody_knows_are_ignored),
        cmocka_unit_test(a_function_may_send_more_while_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
