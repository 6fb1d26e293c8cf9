#include "web/event_ring.h"

#include "unit.h"

#define JOB "0192e4a0-0000-7000-8000-00000000000a"

static const struct event_style of_all = {"feed", "https://x.org"},
                                of_job = {NULL, "https://x.org"};

static struct event make(enum event_kind kind, int64_t version, const char *text)
{
    struct event event = {.kind = kind, .version = version, .text = strdup(text)};

    assert_non_null(event.text);
    event.len = strlen(text);
    snprintf(event.job, sizeof event.job, "%s", JOB);
    return event;
}

static void add(struct event_ring *ring, const char *text)
{
    const struct event event = make(EVENT_JOB, 1, text);

    assert_int_equal(event_ring_add(ring, &event), 0);
}

static void assert_written(const struct event *event, uint64_t seq, const struct event_style *style,
                           const char *wanted)
{
    char text[300] = "";
    size_t sent = 0;
    bool whole = false;

    assert_int_equal(event_write(event, seq, style, &sent, text, sizeof text - 1, &whole),
                     strlen(wanted));
    assert_true(whole);
    assert_string_equal(text, wanted);
}

static void writes_what_an_event_source_reads(void **state)
{
    struct event job = make(EVENT_JOB, 7, "{\"id\":1}"), image = make(EVENT_IMAGE, 7, "{}"),
                 reset = make(EVENT_RESET, 0, "{}");

    (void)state;
    assert_written(&job, 5, &of_all, "event: job\nid: feed-5\ndata: {\"id\":1}\n\n");
    assert_written(&image, 6, &of_all, "event: image\nid: feed-6\ndata: {}\n\n");
    assert_written(&reset, 7, &of_all, "event: reset\nid: feed-7\ndata: {}\n\n");
    free(job.text);
    free(image.text);
    free(reset.text);
}

/* With an id on an image, a client cut off before the job's event would come back as one that has
 * been told of the job's end. */
static void only_job_events_of_a_jobs_stream_have_an_id_its_version(void **state)
{
    struct event job = make(EVENT_JOB, 7, "{}"), image = make(EVENT_IMAGE, 7, "{}");

    (void)state;
    assert_written(&job, 5, &of_job, "event: job\nid: 7\ndata: {}\n\n");
    assert_written(&image, 6, &of_job, "event: image\ndata: {}\n\n");
    free(job.text);
    free(image.text);
}

static void each_reader_has_outputs_at_the_address_it_knows(void **state)
{
    struct event event = make(EVENT_IMAGE, 1, "{\"a\":\"BASE/1\",\"b\":\"BASE/2\",\"c\":\"/BAS\"}");

    (void)state;
    event.len = event_mark_base(event.text, "BASE");
    assert_int_equal(event.len, strlen(event.text));
    assert_written(&event, 1, &of_all,
                   "event: image\nid: feed-1\ndata: {\"a\":\"https://x.org/1\","
                   "\"b\":\"https://x.org/2\",\"c\":\"/BAS\"}\n\n");
    free(event.text);
}

static void an_event_comes_in_parts_of_any_size(void **state)
{
    struct event event = make(EVENT_JOB, 1, "{\"a\":\"BASE/1\",\"b\":\"BASE/2\"}");
    static const char wanted[] = "event: job\nid: feed-12\ndata: {\"a\":\"https://x.org/1\","
                                 "\"b\":\"https://x.org/2\"}\n\n";

    (void)state;
    event.len = event_mark_base(event.text, "BASE");
    for (size_t size = 1; size <= sizeof wanted; size++) {
        char text[sizeof wanted + 1] = "";
        size_t sent = 0, n;
        bool whole = false;

        while (!whole) {
            n = event_write(&event, 12, &of_all, &sent, text + strlen(text),
                            size < sizeof text - sent ? size : sizeof text - 1 - sent, &whole);
            assert_true(n > 0 && n <= size);
        }
        assert_string_equal(text, wanted);
        assert_int_equal(sent, strlen(wanted));
    }
    free(event.text);
}

static void keeps_the_last_events_by_number(void **state)
{
    struct event_ring *ring = event_ring_new(3, 1000);

    (void)state;
    assert_int_equal(event_ring_oldest(ring), event_ring_next(ring));
    for (int i = 0; i < 3; i++)
        add(ring, i == 0 ? "a" : i == 1 ? "b" : "c");
    assert_int_equal(event_ring_oldest(ring), 1);
    assert_string_equal(event_ring_at(ring, 1)->text, "a");
    add(ring, "d");
    assert_int_equal(event_ring_oldest(ring), 2);
    assert_int_equal(event_ring_next(ring), 5);
    assert_string_equal(event_ring_at(ring, 2)->text, "b");
    assert_string_equal(event_ring_at(ring, 4)->text, "d");
    event_ring_free(ring);
}

static void keeps_as_many_bytes_as_it_may_and_no_more(void **state)
{
    struct event_ring *ring = event_ring_new(100, 10);
    struct event event;

    (void)state;
    add(ring, "12345");
    add(ring, "67890");
    assert_int_equal(event_ring_oldest(ring), 1); /* ten bytes: the limit */
    add(ring, "1");
    assert_int_equal(event_ring_oldest(ring), 2);
    add(ring, "1234567890");
    assert_int_equal(event_ring_oldest(ring), 4);
    event = make(EVENT_JOB, 1, "12345678901"); /* one past it */
    assert_int_equal(event_ring_add(ring, &event), -1);
    assert_int_equal(event_ring_next(ring), 5);
    assert_string_equal(event_ring_at(ring, 4)->text, "1234567890");
    event_ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_an_event_source_reads),
        cmocka_unit_test(only_job_events_of_a_jobs_stream_have_an_id_its_version),
        cmocka_unit_test(each_reader_has_outputs_at_the_address_it_knows),
        cmocka_unit_test(an_event_comes_in_parts_of_any_size),
        cmocka_unit_test(keeps_the_last_events_by_number),
        cmocka_unit_test(keeps_as_many_bytes_as_it_may_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
