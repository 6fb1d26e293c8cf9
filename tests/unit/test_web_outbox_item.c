#include "web/outbox_item.h"

#include "unit.h"

static void goes_to_the_outport_of_its_priority(void **state)
{
    struct outbox_item *a = outbox_item_new("j", "interactive", 1);
    struct outbox_item *b = outbox_item_new("j", "bulk", 1);

    (void)state;
    assert_string_equal(a->outport, "resizeimage");
    assert_string_equal(b->outport, "resizebulk");
    outbox_item_free(a);
    outbox_item_free(b);
}

static void is_confirmed_once_all_its_messages_are(void **state)
{
    struct outbox_item *item = outbox_item_new("j", "bulk", 2);
    struct outbox_item *none = outbox_item_new("j", "bulk", 0);

    (void)state;
    assert_false(outbox_item_is_confirmed(item));
    item->messages[1].confirmed = true;
    assert_false(outbox_item_is_confirmed(item));
    item->messages[0].confirmed = true;
    assert_true(outbox_item_is_confirmed(item));
    assert_true(outbox_item_is_confirmed(none)); /* all its images have ended: the row goes */
    outbox_item_free(item);
    outbox_item_free(none);
}

static void waits_longer_each_time_it_is_refused(void **state)
{
    static const struct {
        int deferred, delay_ms;
    } cases[] = {{0, 1000}, {1, 2000}, {2, 4000}, {4, 16000}, {5, 30000}, {1000000, 30000}};
    struct outbox_item *item = outbox_item_new("j", "bulk", 1);

    (void)state;
    assert_int_equal(outbox_item_delay_ms(item), 0); /* only not tried */
    item->refused = true;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        item->deferred = cases[i].deferred;
        assert_int_equal(outbox_item_delay_ms(item), cases[i].delay_ms);
    }
    outbox_item_free(item);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_the_outport_of_its_priority),
        cmocka_unit_test(is_confirmed_once_all_its_messages_are),
        cmocka_unit_test(waits_longer_each_time_it_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
