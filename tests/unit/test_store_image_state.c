#include "workers/store/image_state.h"

#include "unit.h"

#define ATTEMPTS_MAX 3

/* "S1": STARTED of attempt 1; "D2": DONE; "F1": FAILED for good; "R1": FAILED, retryable;
 * "X": dead letter. "S0": without an attempt, as older participants send. */
static struct event event_of(const char *word)
{
    struct event ev = {.kind = EVENT_DEAD, .attempt = word[1] ? word[1] - '0' : 0};

    switch (word[0]) {
    case 'S':
        ev.kind = EVENT_STARTED;
        ev.started_ms = 100 + ev.attempt;
        return ev;
    case 'D':
        ev.kind = EVENT_DONE;
        break;
    case 'R':
        ev.retryable = true;
        ev.kind = EVENT_FAILED;
        break;
    case 'F':
        ev.kind = EVENT_FAILED;
        break;
    }
    ev.ended_ms = 200 + ev.attempt;
    return ev;
}

static void once_cancelling_is_asked_for_nothing_is_tried_again(void **state)
{
    static const struct {
        const char *events;
        enum image_status status;
        int64_t cancelled_ms;
    } cases[] = {
        {"R1", IMAGE_STATUS_CANCELLED, 201},
        {"R1 D2", IMAGE_STATUS_CANCELLED, 201},
        {"D1", IMAGE_STATUS_COMPLETED, 0},
        {"F1", IMAGE_STATUS_FAILED, 0},
        {"R3", IMAGE_STATUS_FAILED, 0},
        {"X", IMAGE_STATUS_FAILED, 0},
        {"R1 R1 S2", IMAGE_STATUS_CANCELLED, 201},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_state s = {
            .status = IMAGE_STATUS_RUNNING, .attempts = 1, .cancel_asked = true};
        char copy[40], *rest = copy, *word;

        snprintf(copy, sizeof copy, "%s", cases[i].events);
        while ((word = strsep(&rest, " "))) {
            const struct event ev = event_of(word);

            image_state_apply(&s, &ev, ATTEMPTS_MAX);
        }
        if (s.status != cases[i].status || s.cancelled_ms != cases[i].cancelled_ms || s.retry)
            fail_msg("%s: %s", cases[i].events, image_status_name(s.status));
    }
}

static void each_sequence_of_events_has_its_end(void **state)
{
    static const struct {
        const char *events;
        const char *status;
        int attempts, retried;
        int64_t started_ms;
    } cases[] = {
        {"S1", "running", 1, 0, 101},
        {"S1 D1", "completed", 1, 0, 101},
        {"D1 S1", "completed", 1, 0, 0},
        {"D1 D1", "completed", 1, 0, 0},
        {"D1 F1", "completed", 1, 0, 0},
        {"F1 D1", "failed", 1, 0, 0},
        {"S1 S1", "running", 1, 0, 101},
        {"S1 R1", "queued", 1, 1, 101},
        {"S1 R1 R1", "queued", 1, 1, 101},
        {"R1 S1", "queued", 1, 1, 0},          /* STARTED comes late */
        {"S1 R1 S1", "queued", 1, 1, 101},     /* and twice */
        {"S1 R1 S2", "running", 2, 1, 102},    /* the time of the last attempt */
        {"S1 R1 S2 R1", "running", 2, 1, 102}, /* a redelivery from before */
        {"S1 R1 S2 R2 S3 R3", "failed", 3, 2, 103},
        {"R3", "failed", 3, 0, 0},
        {"S1 R1 D2", "completed", 2, 1, 101},
        {"S1 R1 F1", "failed", 1, 1, 101},
        {"S0 D0", "completed", 1, 0, 100},
        {"D0", "completed", 1, 0, 0},
        {"R1 D0", "completed", 2, 1, 0},
        {"X", "failed", 0, 0, 0},
        {"S1 X", "failed", 1, 0, 101},
        {"D1 X", "completed", 1, 0, 0},
        {"X D1", "failed", 0, 0, 0},
        {"X S1", "failed", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_state s = {.status = IMAGE_STATUS_QUEUED};
        char words[100], *rest = words, *word;

        snprintf(words, sizeof words, "%s", cases[i].events);
        while ((word = strsep(&rest, " "))) {
            struct event ev = event_of(word);

            image_state_apply(&s, &ev, ATTEMPTS_MAX);
        }
        assert_string_equal(image_status_name(s.status), cases[i].status);
        assert_int_equal(s.attempts, cases[i].attempts);
        assert_int_equal(s.retried, cases[i].retried);
        assert_int_equal(s.started_ms, cases[i].started_ms);
        assert_true(s.changed);
    }
}

static void an_event_of_the_past_changes_nothing(void **state)
{
    static const struct {
        struct image_state s;
        const char *event;
    } cases[] = {
        {{.status = IMAGE_STATUS_RUNNING, .attempts = 1, .started = true}, "S1"},
        {{.status = IMAGE_STATUS_QUEUED, .attempts = 1, .retried = 1, .started = true}, "S1"},
        {{.status = IMAGE_STATUS_QUEUED, .attempts = 1, .retried = 1, .started = true}, "R1"},
        {{.status = IMAGE_STATUS_COMPLETED, .attempts = 1, .started = true}, "D1"},
        {{.status = IMAGE_STATUS_COMPLETED, .attempts = 1, .started = true}, "X"},
        {{.status = IMAGE_STATUS_FAILED, .attempts = 1, .started = true}, "F1"},
        {{.status = IMAGE_STATUS_FAILED, .attempts = 1, .dead_lettered = true}, "X"},
        {{.status = IMAGE_STATUS_FAILED, .attempts = 1, .dead_lettered = true}, "D1"},
        {{.status = IMAGE_STATUS_CANCELLED}, "S1"},
        {{.status = IMAGE_STATUS_CANCELLED}, "D1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image_state s = cases[i].s;
        struct event ev = event_of(cases[i].event);

        image_state_apply(&s, &ev, ATTEMPTS_MAX);
        assert_false(s.changed);
        assert_int_equal(s.status, cases[i].s.status);
    }
}

static void a_real_error_replaces_dead_lettered_once(void **state)
{
    struct image_state s = {.status = IMAGE_STATUS_RUNNING, .attempts = 1};
    struct event dead = event_of("X"), first = event_of("R1"), second = event_of("F1");

    (void)state;
    dead.error = json_string("dead");
    first.error = json_string("first");
    second.error = json_string("second");
    image_state_apply(&s, &dead, ATTEMPTS_MAX);
    assert_ptr_equal(s.error, dead.error);
    image_state_apply(&s, &first, ATTEMPTS_MAX);
    assert_ptr_equal(s.error, first.error);
    assert_int_equal(s.status, IMAGE_STATUS_FAILED);
    assert_false(s.retry);
    image_state_apply(&s, &second, ATTEMPTS_MAX);
    assert_ptr_equal(s.error, first.error);
    event_release(&dead);
    event_release(&first);
    event_release(&second);
}

static void delays_grow_fivefold_within_a_fifth_up_to_a_day(void **state)
{
    static const struct {
        int retried;
        int64_t first_ms, middle_ms;
    } cases[] = {
        {1, 1000, 1000}, {2, 1000, 5000}, {3, 1000, 25000}, {20, 3600000, 86400000}, {1, 1, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t middle = cases[i].middle_ms;

        for (uint32_t random = 0; random < 2000; random += 50) {
            int64_t ms = image_retry_delay_ms(cases[i].retried, cases[i].first_ms, random);

            assert_true(ms >= middle - middle / 5 && ms <= middle + middle / 5);
        }
    }
}

static void statuses_have_names(void **state)
{
    enum image_status status;

    (void)state;
    for (int i = IMAGE_STATUS_QUEUED; i <= IMAGE_STATUS_CANCELLED; i++) {
        assert_int_equal(image_status_find(image_status_name((enum image_status)i), &status), 0);
        assert_int_equal(status, i);
    }
    assert_int_equal(image_status_find("lost", &status), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_cancelling_is_asked_for_nothing_is_tried_again),
        cmocka_unit_test(each_sequence_of_events_has_its_end),
        cmocka_unit_test(an_event_of_the_past_changes_nothing),
        cmocka_unit_test(a_real_error_replaces_dead_lettered_once),
        cmocka_unit_test(delays_grow_fivefold_within_a_fifth_up_to_a_day),
        cmocka_unit_test(statuses_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
