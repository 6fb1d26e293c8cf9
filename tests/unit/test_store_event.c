#include "workers/store/event.h"

#include "base/clock.h"

#include "unit.h"

#include <limits.h>

#define IMAGE "01920000-0000-7000-8000-00000000000a"
#define HEAD                                                                                       \
    "{\"job\":\"01920000-0000-7000-8000-000000000001\",\"payload\":{\"id\":\"" IMAGE               \
    "\",\"input\":\"https://a.example/b\"}"

static int read_event(const char *text, struct event *ev, struct err *e)
{
    return event_read(text, strlen(text), ev, e);
}

static const char *member(const struct event *ev, const char *name)
{
    return json_string_value(json_object_get(ev->error, name));
}

static void completes_an_error_by_the_table_of_codes(void **state)
{
    static const struct {
        const char *error;
        const char *code, *stage, *message;
        bool retryable;
    } cases[] = {
        {"{\"code\":\"source_timeout\",\"message\":\"slow\",\"retryable\":true}", "source_timeout",
         "fetch", "slow", true},
        {"{\"code\":\"corrupt_image\",\"message\":\"bad\"}", "corrupt_image", "decode", "bad",
         false},
        {"{\"code\":\"E_MINE\",\"message\":\"m\",\"retryable\":true}", "internal", "queue", "m",
         true},
        {"{\"message\":\"older participant\"}", "internal", "queue", "older participant", false},
        {"{}", "internal", "queue", "the image could not be processed", false},
        {"null", "internal", "queue", "the image could not be processed", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        struct event ev;
        char text[500];

        snprintf(text, sizeof text, "%s,\"failed_at\":\"2026-01-02T03:04:05.678Z\",\"error\":%s}",
                 HEAD, cases[i].error);
        assert_int_equal(read_event(text, &ev, &e), 0);
        assert_int_equal(ev.kind, EVENT_FAILED);
        assert_string_equal(member(&ev, "code"), cases[i].code);
        assert_string_equal(member(&ev, "stage"), cases[i].stage);
        assert_string_equal(member(&ev, "message"), cases[i].message);
        assert_int_equal(ev.retryable, cases[i].retryable);
        assert_int_equal(json_is_true(json_object_get(ev.error, "retryable")), cases[i].retryable);
        event_release(&ev);
    }
}

static void cuts_a_long_message_between_characters(void **state)
{
    char text[3000] = HEAD ",\"error\":{\"message\":\"x";
    struct err e = ERR_INIT;
    struct event ev;

    (void)state;
    for (int i = 0; i < EVENT_ERROR_TEXT_MAX; i++)
        strcat(text, "\xc3\xa9"); /* two bytes each, after one of one: the limit falls inside */
    strcat(text, "\"}}");
    assert_int_equal(read_event(text, &ev, &e), 0);
    assert_int_equal(strlen(member(&ev, "message")), EVENT_ERROR_TEXT_MAX - 1);
    event_release(&ev);
}

static void takes_times_from_the_message_and_else_the_present(void **state)
{
    int64_t before = clock_wall_ms();
    struct err e = ERR_INIT;
    struct event ev;

    (void)state;
    assert_int_equal(read_event(HEAD ",\"started_at\":\"2026-01-02T03:04:05.678Z\","
                                     "\"completed_at\":\"2026-01-02T03:04:06Z\",\"result\":{}}",
                                &ev, &e),
                     0);
    assert_int_equal(ev.kind, EVENT_DONE);
    assert_int_equal(ev.ended_ms - ev.started_ms, 322);
    event_release(&ev);

    assert_int_equal(read_event(HEAD ",\"result\":{}}", &ev, &e), 0);
    assert_int_equal(ev.started_ms, 0);
    assert_true(ev.ended_ms >= before);
    event_release(&ev);

    /* Before 1970 by its offset: no time that could be written. */
    assert_int_equal(read_event(HEAD ",\"completed_at\":\"1970-01-01T00:00:00+05:00\","
                                     "\"result\":{}}",
                                &ev, &e),
                     0);
    assert_true(ev.ended_ms >= before);
    event_release(&ev);
}

static void a_message_of_no_use_ends_its_image_where_it_can_be_told(void **state)
{
    static const struct {
        const char *text;
        enum event_kind kind;
    } cases[] = {
        {HEAD ",\"attempt\":\"one\"}", EVENT_DEAD},
        {HEAD ",\"attempt\":1}", EVENT_DEAD}, /* still to be done: it went astray */
        {HEAD, EVENT_NONE},
        {"\x01\x02", EVENT_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        struct event ev;

        assert_int_equal(read_event(cases[i].text, &ev, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(ev.kind, cases[i].kind);
        if (ev.kind == EVENT_DEAD)
            assert_string_equal(ev.image, IMAGE);
        event_release(&ev);
    }
}

static void a_dead_letter_tells_its_image(void **state)
{
    static const char text[] = HEAD ",\"attempt\":1}", unreadable[] = "{";
    struct err e = ERR_INIT;
    struct event ev;

    (void)state;
    assert_int_equal(event_read_dead(text, strlen(text), &ev, &e), 0);
    assert_int_equal(ev.kind, EVENT_DEAD);
    assert_string_equal(ev.image, IMAGE);
    assert_string_equal(member(&ev, "code"), "dead_lettered");
    assert_true(ev.ended_ms > 0);
    event_release(&ev);

    assert_int_equal(event_read_dead(unreadable, strlen(unreadable), &ev, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    assert_int_equal(ev.kind, EVENT_NONE);
}

static int allocations, allocations_max; /* then there is no memory */

static void *allocate(size_t size)
{
    return allocations++ < allocations_max ? malloc(size) : NULL;
}

/* So that it is given back, and its image not ended for it. Without the first allocation nothing is
 * read; without the last there is no error to keep. (In between, jansson takes a token that it has
 * no room for for a bad one.) */
static void tells_no_memory_from_a_bad_message(void **state)
{
    static const char text[] = HEAD ",\"error\":{\"message\":\"m\"}}";
    struct event ev;
    struct err e = ERR_INIT;

    (void)state;
    json_set_alloc_funcs(allocate, free);
    allocations_max = INT_MAX;
    assert_int_equal(read_event(text, &ev, &e), 0);
    event_release(&ev);
    for (int i = 0; i < 2; i++) {
        allocations_max = i == 0 ? allocations - 1 : 0;
        allocations = 0;
        err_clear(&e);
        assert_int_equal(read_event(text, &ev, &e), -1);
        assert_int_equal(e.code, ERR_NOMEM);
        assert_int_equal(ev.kind, EVENT_NONE);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_an_error_by_the_table_of_codes),
        cmocka_unit_test(cuts_a_long_message_between_characters),
        cmocka_unit_test(takes_times_from_the_message_and_else_the_present),
        cmocka_unit_test(a_message_of_no_use_ends_its_image_where_it_can_be_told),
        cmocka_unit_test(a_dead_letter_tells_its_image),
        cmocka_unit_test(tells_no_memory_from_a_bad_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
