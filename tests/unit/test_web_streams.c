#include "web/streams.h"

#include <poll.h>

#include "base/clock.h"
#include "unit.h"

#define JOB_A "0192e4a0-0000-7000-8000-00000000000a"
#define JOB_B "0192e4a0-0000-7000-8000-00000000000b"
#define BASE "https://x.org"
#define HEARTBEAT_MS 15000
#define RETRY "retry: 2000\n\n"

static atomic_llong held;
static void *resumed[8];
static size_t resumed_count;
static char connections[8]; /* their addresses stand for connections */

static void resume(void *connection)
{
    resumed[resumed_count++ % 8] = connection;
}

static struct streams *make_at(int64_t rate, size_t most)
{
    const struct streams_options options = {.most = most,
                                            .rate = rate,
                                            .heartbeat_ms = HEARTBEAT_MS,
                                            .held = &held,
                                            .held_max = 1000,
                                            .resume = resume};
    struct err e = ERR_INIT;
    struct streams *ss = streams_new(&options, &e);

    assert_non_null(ss);
    resumed_count = 0;
    return ss;
}

static struct streams *make(void)
{
    return make_at(1000, 8);
}

static struct stream *open_with(struct streams *ss, int i, const char *job, const char *last)
{
    struct err e = ERR_INIT;
    struct stream *s = stream_open(ss, &connections[i], BASE, job, last, &e);

    if (!s)
        fail_msg("%s", e.text);
    return s;
}

/* All that is to be sent now. */
static char *read_all(struct stream *s)
{
    static char text[20000];
    size_t len = 0;
    ssize_t n;

    while ((n = stream_read(s, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return text;
}

/* Reads it all, and parks it. */
static void park(struct stream *s)
{
    read_all(s);
    assert_true(stream_park(s));
}

static void begin(struct stream *s, int64_t version, bool ended)
{
    struct err e = ERR_INIT;

    assert_int_equal(stream_begin(s, strdup("{\"whole\":true}"), version, ended, &e), 0);
}

static struct event event_of(enum event_kind kind, const char *job, int64_t version, bool ends)
{
    struct event event = {.kind = kind, .version = version, .ends = ends};
    char text[60];

    snprintf(event.job, sizeof event.job, "%s", job);
    snprintf(text, sizeof text, "{\"job\":\"%c\",\"version\":%d}", job[UUID_SIZE - 2],
             (int)version);
    event.text = strdup(text);
    event.len = strlen(text);
    return event;
}

static void tell(struct streams *ss, const char *job, int64_t version, bool ends)
{
    const struct event event = event_of(EVENT_JOB, job, version, ends);

    streams_tell(ss, &event, 1, clock_mono_ms());
}

/* The value after the last `id: ` of what has been sent. */
static char *last_id(const char *text)
{
    const char *last = NULL;

    for (const char *p = text; (p = strstr(p, "id: ")); p += 4)
        last = p + 4;
    assert_non_null(last);
    return strndup(last, strcspn(last, "\n"));
}

static void a_stream_of_all_jobs_begins_with_a_reset_and_goes_on_with_news(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    char *text = read_all(s);

    (void)state;
    assert_memory_equal(text, RETRY "event: reset\nid: ", strlen(RETRY "event: reset\nid: "));
    assert_non_null(strstr(text, "\ndata: {}\n\n"));
    assert_true(stream_park(s));
    tell(ss, JOB_A, 1, false);
    tell(ss, JOB_B, 5, false);
    assert_int_equal(resumed_count, 1);
    assert_ptr_equal(resumed[0], &connections[0]);
    text = read_all(s);
    assert_memory_equal(text, "event: job\nid: ", strlen("event: job\nid: "));
    assert_non_null(strstr(text, "data: {\"job\":\"a\",\"version\":1}\n\nevent: job\n"));
    assert_non_null(strstr(text, "data: {\"job\":\"b\",\"version\":5}\n\n"));
    park(s);
    streams_end(ss);
    stream_close(s);
    streams_free(ss);
}

static void a_stream_that_comes_back_goes_on_where_it_was(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    char *id, *text;

    (void)state;
    read_all(s);
    tell(ss, JOB_A, 1, false);
    id = last_id(read_all(s));
    stream_close(s);
    tell(ss, JOB_A, 2, false); /* while it is away */
    s = open_with(ss, 0, NULL, id);
    text = read_all(s);
    assert_memory_equal(text, RETRY "event: job\n", strlen(RETRY "event: job\n"));
    assert_non_null(strstr(text, "\"version\":2"));
    assert_null(strstr(text, "\"version\":1"));
    assert_null(strstr(text, "reset"));
    stream_close(s);
    free(id);
    id = last_id(text);
    s = open_with(ss, 0, NULL, id);
    assert_string_equal(read_all(s), RETRY);
    assert_true(stream_park(s));
    streams_end(ss);
    stream_close(s);
    streams_free(ss);
    free(id);
}

static void an_id_that_means_nothing_here_is_as_none(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    char *known = last_id(read_all(s)), origin[20], ids[8][200];

    (void)state;
    snprintf(origin, sizeof origin, "%.*s", (int)strcspn(known, "-"), known);
    snprintf(ids[0], sizeof ids[0], "ffffffffffff-0");  /* another process's */
    snprintf(ids[1], sizeof ids[1], "%s-9999", origin); /* not told yet */
    snprintf(ids[2], sizeof ids[2], "%s-", origin);     /* none */
    snprintf(ids[3], sizeof ids[3], "%s--1", origin);   /* none */
    snprintf(ids[4], sizeof ids[4], "%s-0x", origin);   /* none */
    snprintf(ids[5], sizeof ids[5], "%s-99999999999999999999999", origin);
    snprintf(ids[6], sizeof ids[6], "%s-%0150d", origin, 0); /* too long */
    ids[7][0] = '\0';
    for (size_t i = 0; i < 8; i++) {
        struct stream *other = open_with(ss, 1, NULL, ids[i]);

        if (!strstr(read_all(other), "event: reset"))
            fail_msg("'%s' is taken", ids[i]);
        stream_close(other);
    }
    stream_close(s);
    s = open_with(ss, 1, NULL, known);
    assert_null(strstr(read_all(s), "event: reset"));
    stream_close(s);
    streams_free(ss);
    free(known);
}

/* Nothing is read while nobody listens, so that who comes back late has missed it. */
static void what_nobody_listened_to_is_told_as_a_reset(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    struct changed_job taken;
    const int64_t late = clock_mono_ms() + STREAM_LINGER_MS + 60000;
    char *id = last_id(read_all(s));
    int wait_ms;

    (void)state;
    stream_close(s);
    streams_changed(ss, JOB_A, late);
    assert_int_equal(streams_take(ss, late, &taken, 1, &wait_ms), 0);
    assert_int_equal(wait_ms, -1);
    s = open_with(ss, 0, NULL, id);
    assert_memory_equal(read_all(s), RETRY "event: reset\n", strlen(RETRY "event: reset\n"));
    stream_close(s);
    streams_free(ss);
    free(id);
}

static void a_stream_that_is_gone_for_a_moment_misses_nothing(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    struct changed_job taken;
    int wait_ms;

    (void)state;
    stream_close(s);
    streams_changed(ss, JOB_A, clock_mono_ms());
    assert_int_equal(streams_take(ss, clock_mono_ms(), &taken, 1, &wait_ms), 1);
    assert_string_equal(taken.job, JOB_A);
    streams_free(ss);
}

static void a_stream_of_a_job_begins_with_it_and_ends_with_it(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, JOB_A, NULL);
    struct event events[2];
    char buf[10];

    (void)state;
    tell(ss, JOB_A, 2, false); /* while the job is being read: older than what is read */
    begin(s, 3, false);
    assert_string_equal(read_all(s), RETRY "event: job\nid: 3\ndata: {\"whole\":true}\n\n");
    assert_true(stream_park(s));
    tell(ss, JOB_B, 9, true);
    assert_int_equal(resumed_count, 0);
    events[0] = event_of(EVENT_IMAGE, JOB_A, 4, false);
    events[1] = event_of(EVENT_JOB, JOB_A, 5, true);
    streams_tell(ss, events, 2, clock_mono_ms());
    assert_int_equal(resumed_count, 1);
    assert_string_equal(read_all(s), "event: image\ndata: {\"job\":\"a\",\"version\":4}\n\n"
                                     "event: job\nid: 5\ndata: {\"job\":\"a\",\"version\":5}\n\n");
    assert_false(stream_park(s));
    assert_int_equal(stream_read(s, buf, sizeof buf), STREAM_ENDS);
    stream_close(s);
    s = open_with(ss, 0, JOB_A, "5");
    begin(s, 5, true);
    assert_non_null(strstr(read_all(s), "id: 5\n"));
    assert_int_equal(stream_read(s, buf, sizeof buf), STREAM_ENDS);
    stream_close(s);
    streams_free(ss);
}

/* Between what the one read and what the other did, the job changed: both are to be told. */
static void two_streams_of_a_job_each_get_what_they_have_not(void **state)
{
    struct streams *ss = make();
    struct stream *first = open_with(ss, 0, JOB_A, NULL), *second;
    struct changed_job taken;
    int wait_ms;

    (void)state;
    second = open_with(ss, 1, JOB_A, NULL);
    begin(second, 5, false);
    begin(first, 3, false);
    park(first);
    park(second);
    streams_changed(ss, JOB_A, clock_mono_ms());
    assert_int_equal(streams_take(ss, clock_mono_ms(), &taken, 1, &wait_ms), 1);
    assert_int_equal(taken.version, 0);
    tell(ss, JOB_A, 5, false);
    assert_non_null(strstr(read_all(first), "\"version\":5"));
    assert_string_equal(read_all(second), "");
    stream_close(first);
    stream_close(second);
    streams_free(ss);
}

static void news_that_come_before_it_parks_are_not_slept_over(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);

    (void)state;
    read_all(s);
    tell(ss, JOB_A, 1, false);
    assert_false(stream_park(s));
    assert_non_null(strstr(read_all(s), "\"version\":1"));
    assert_true(stream_park(s));
    streams_end(ss);
    stream_close(s);
    streams_free(ss);
}

static void fill_ring(struct streams *ss, const char *job)
{
    for (int i = 0; i < EVENTS_MAX; i++)
        tell(ss, job, 10 + i, false);
}

static void a_stream_that_falls_behind_is_told_to_read_again(void **state)
{
    struct streams *ss = make_at(10000000, 8);
    struct stream *s = open_with(ss, 0, NULL, NULL);
    char *text;

    (void)state;
    read_all(s);
    tell(ss, JOB_A, 1, false);
    fill_ring(ss, JOB_B);
    text = read_all(s);
    assert_memory_equal(text, "event: reset\n", strlen("event: reset\n"));
    assert_null(strstr(text, "event: job"));
    assert_true(stream_park(s));
    tell(ss, JOB_A, 2, false);
    assert_non_null(strstr(read_all(s), "\"version\":2"));
    stream_close(s);
    streams_free(ss);
}

static void half_an_event_that_is_gone_ends_the_connection(void **state)
{
    struct streams *ss = make_at(10000000, 8);
    struct stream *s = open_with(ss, 0, NULL, NULL);
    char buf[20];

    (void)state;
    read_all(s);
    tell(ss, JOB_A, 1, false);
    assert_int_equal(stream_read(s, buf, sizeof buf), sizeof buf);
    fill_ring(ss, JOB_B);
    assert_int_equal(stream_read(s, buf, sizeof buf), STREAM_CUT);
    stream_close(s);
    streams_free(ss);
}

static void a_stream_of_a_job_that_falls_behind_ends_and_may_begin_anew(void **state)
{
    struct streams *ss = make_at(10000000, 8);
    struct stream *s = open_with(ss, 0, JOB_A, NULL);
    char buf[20];

    (void)state;
    begin(s, 1, false);
    read_all(s);
    tell(ss, JOB_A, 2, false);
    fill_ring(ss, JOB_A);
    assert_int_equal(stream_read(s, buf, sizeof buf), STREAM_ENDS);
    stream_close(s);
    streams_free(ss);
}

static void a_quiet_job_is_not_behind_because_others_say_much(void **state)
{
    struct streams *ss = make_at(10000000, 8);
    struct stream *s = open_with(ss, 0, JOB_A, NULL), *all = open_with(ss, 1, NULL, NULL);

    (void)state;
    begin(s, 1, false);
    read_all(s);
    fill_ring(ss, JOB_B);
    tell(ss, JOB_A, 2, false);
    assert_non_null(strstr(read_all(s), "\"version\":2"));
    stream_close(s);
    stream_close(all);
    streams_free(ss);
}

static void so_many_streams_are_open_and_one_more_is_refused(void **state)
{
    struct streams *ss = make_at(1000, 2);
    struct stream *a = open_with(ss, 0, NULL, NULL), *b = open_with(ss, 1, JOB_A, NULL);
    struct err e = ERR_INIT;

    (void)state;
    assert_null(stream_open(ss, &connections[2], BASE, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_LIMIT);
    assert_non_null(strstr(e.text, "2 streams are open"));
    stream_close(b);
    b = open_with(ss, 1, NULL, NULL);
    stream_close(a);
    stream_close(b);
    streams_free(ss);
}

static void what_a_job_begins_with_is_held_within_the_process_s_account(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, JOB_A, NULL), *other = open_with(ss, 1, JOB_A, NULL);
    struct err e = ERR_INIT;
    char big[900];

    (void)state;
    memset(big, ' ', sizeof big);
    big[sizeof big - 1] = '\0';
    assert_int_equal(stream_begin(s, strdup(big), 1, false, &e), 0);
    assert_true(atomic_load(&held) > 899);
    assert_int_equal(stream_begin(other, strdup(big), 1, false, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    read_all(s);
    assert_int_equal(atomic_load(&held), 0);
    assert_int_equal(stream_begin(other, strdup(big), 1, false, &e), 0);
    stream_close(s);
    stream_close(other); /* unread */
    assert_int_equal(atomic_load(&held), 0);
    streams_free(ss);
}

static void a_job_is_read_at_most_once_a_step(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    const int64_t now = clock_mono_ms();
    struct changed_job taken[4];
    int wait_ms;

    (void)state;
    streams_changed(ss, JOB_A, now);
    streams_changed(ss, JOB_A, now);
    assert_int_equal(streams_take(ss, now, taken, 4, &wait_ms), 1);
    streams_changed(ss, JOB_A, now);
    assert_int_equal(streams_take(ss, now, taken, 4, &wait_ms), 0);
    assert_int_equal(wait_ms, STREAM_STEP_MS);
    assert_int_equal(streams_take(ss, now + STREAM_STEP_MS - 1, taken, 4, &wait_ms), 0);
    assert_int_equal(streams_take(ss, now + STREAM_STEP_MS, taken, 4, &wait_ms), 1);
    assert_int_equal(streams_take(ss, now + 2 * STREAM_STEP_MS, taken, 4, &wait_ms), 0);
    assert_int_equal(wait_ms, -1);
    stream_close(s);
    streams_free(ss);
}

static void what_is_past_the_rate_waits_and_then_is_a_reset(void **state)
{
    struct streams *ss = make_at(10, 8);
    struct stream *all = open_with(ss, 0, NULL, NULL), *own = open_with(ss, 1, JOB_B, NULL);
    int64_t now = clock_mono_ms();
    struct changed_job taken[4];
    int wait_ms;

    (void)state;
    begin(own, 1, false);
    read_all(all);
    read_all(own);
    streams_take(ss, now, taken, 4, &wait_ms);
    for (int i = 0; i < 11; i++)
        tell(ss, JOB_A, i, false);
    read_all(all);
    streams_changed(ss, JOB_A, now);
    streams_changed(ss, JOB_B, now);
    assert_int_equal(streams_take(ss, now, taken, 4, &wait_ms), 1); /* the watched one */
    assert_string_equal(taken[0].job, JOB_B);
    tell(ss, JOB_B, 2, false);
    assert_non_null(strstr(read_all(own), "\"version\":2"));
    assert_non_null(strstr(read_all(all), "event: reset")); /* this one was not for all */
    assert_true(stream_park(all));
    /* A second's worth comes back in a second. */
    assert_int_equal(streams_take(ss, now + 1001, taken, 4, &wait_ms), 1);
    assert_string_equal(taken[0].job, JOB_A);
    stream_close(own);
    streams_end(ss);
    stream_close(all);
    streams_free(ss);
}

static void what_waited_too_long_is_a_reset_and_not_one_after_the_other(void **state)
{
    struct streams *ss = make_at(1, 8);
    struct stream *s = open_with(ss, 0, NULL, NULL);
    int64_t now = clock_mono_ms();
    struct changed_job taken[4];
    struct event events[100];
    int wait_ms;

    (void)state;
    park(s);
    streams_take(ss, now, taken, 4, &wait_ms);
    for (int i = 0; i < 100; i++)
        events[i] = event_of(EVENT_IMAGE, JOB_A, i, false);
    streams_tell(ss, events, 100, now); /* far more than the rate, at once */
    park(s);
    for (int round = 0; round < 2; round++) {
        streams_changed(ss, JOB_A, now);
        assert_int_equal(streams_take(ss, now + STREAM_LAG_MS, taken, 4, &wait_ms), 0);
        assert_true(wait_ms > 0 && wait_ms <= STREAM_STEP_MS);
        assert_string_equal(read_all(s), "");
        now += STREAM_LAG_MS + 1;
        assert_int_equal(streams_take(ss, now, taken, 4, &wait_ms), 0);
        assert_non_null(strstr(read_all(s), "event: reset"));
        assert_int_equal(wait_ms, -1);
    }
    stream_close(s);
    streams_free(ss);
}

static void after_an_outage_all_read_again(void **state)
{
    struct streams *ss = make();
    struct stream *all = open_with(ss, 0, NULL, NULL), *own = open_with(ss, 1, JOB_A, NULL);
    struct changed_job taken[4];
    int wait_ms;

    (void)state;
    begin(own, 3, false);
    park(all);
    park(own);
    streams_missed(ss, clock_mono_ms());
    assert_int_equal(streams_take(ss, clock_mono_ms(), taken, 4, &wait_ms), 1);
    assert_string_equal(taken[0].job, JOB_A);
    assert_int_equal(resumed_count, 1);
    assert_non_null(strstr(read_all(all), "event: reset"));
    stream_close(all);
    streams_end(ss);
    stream_close(own);
    streams_free(ss);
}

static bool is_readable(int fd)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};

    return poll(&poll_fd, 1, 0) == 1;
}

static void new_jobs_are_told_here_at_once_and_to_others_now_and_then(void **state)
{
    struct streams *ss = make();
    struct stream *s = open_with(ss, 0, NULL, NULL);
    const int64_t now = clock_mono_ms();
    char ids[STREAM_CREATED_BYTES];
    struct changed_job taken[4];
    int wait_ms;

    (void)state;
    assert_false(streams_take_created(ss, now, ids, &wait_ms));
    assert_int_equal(wait_ms, -1);
    streams_created(ss, JOB_A, now);
    streams_created(ss, JOB_B, now);
    assert_true(is_readable(streams_news_fd(ss)));
    assert_int_equal(streams_take(ss, now, taken, 4, &wait_ms), 2);
    assert_true(streams_take_created(ss, now, ids, &wait_ms));
    assert_string_equal(ids, JOB_A " " JOB_B);
    assert_false(is_readable(streams_news_fd(ss)));
    streams_created(ss, JOB_A, now);
    assert_false(streams_take_created(ss, now + 1, ids, &wait_ms));
    assert_int_equal(wait_ms, STREAM_CREATED_MS - 1);
    assert_true(streams_take_created(ss, now + STREAM_CREATED_MS, ids, &wait_ms));
    assert_string_equal(ids, JOB_A);
    stream_close(s);
    streams_free(ss);
}

/* A payload of Postgres is shorter than 8000 bytes. */
static void more_new_jobs_than_one_notification_holds_are_any(void **state)
{
    const size_t most = STREAM_CREATED_BYTES / UUID_SIZE;
    struct streams *ss = make();
    char ids[STREAM_CREATED_BYTES];
    int wait_ms;

    (void)state;
    for (size_t i = 0; i < most; i++)
        streams_created(ss, JOB_A, 0);
    assert_true(streams_take_created(ss, 0, ids, &wait_ms));
    assert_int_equal(strlen(ids), most * UUID_SIZE - 1);
    for (size_t i = 0; i < most + 1; i++)
        streams_created(ss, JOB_A, 0);
    assert_true(streams_take_created(ss, STREAM_CREATED_MS, ids, &wait_ms));
    assert_string_equal(ids, "");
    assert_false(streams_take_created(ss, 2 * STREAM_CREATED_MS, ids, &wait_ms));
    streams_free(ss);
}

static void a_quiet_stream_says_something_each_heartbeat(void **state)
{
    struct streams *ss = make();
    struct stream *s;
    int64_t now;
    int wait_ms;

    (void)state;
    assert_int_equal(streams_beat(ss, clock_mono_ms()), -1);
    s = open_with(ss, 0, NULL, NULL);
    park(s);
    now = clock_mono_ms();
    wait_ms = streams_beat(ss, now);
    assert_true(wait_ms > HEARTBEAT_MS - 1000 && wait_ms <= HEARTBEAT_MS);
    assert_int_equal(resumed_count, 0);
    assert_true(streams_beat(ss, now + HEARTBEAT_MS) > 0);
    assert_int_equal(resumed_count, 1);
    assert_string_equal(read_all(s), ":\n\n");
    assert_true(stream_park(s));
    streams_end(ss);
    stream_close(s);
    streams_free(ss);
}

static void at_the_end_all_streams_end_at_once(void **state)
{
    struct streams *ss = make();
    struct stream *a = open_with(ss, 0, NULL, NULL), *b = open_with(ss, 1, JOB_A, NULL);
    struct err e = ERR_INIT;
    char buf[10];

    (void)state;
    park(a);
    begin(b, 1, false);
    assert_int_equal(stream_read(b, buf, sizeof buf), sizeof buf);
    streams_end(ss);
    assert_int_equal(resumed_count, 1);
    assert_int_equal(stream_read(a, buf, sizeof buf), STREAM_ENDS);
    assert_int_equal(stream_read(b, buf, sizeof buf), STREAM_CUT); /* in the midst of its job */
    assert_null(stream_open(ss, &connections[2], BASE, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_UNAVAILABLE);
    stream_close(a);
    stream_close(b);
    streams_free(ss);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_of_all_jobs_begins_with_a_reset_and_goes_on_with_news),
        cmocka_unit_test(a_stream_that_comes_back_goes_on_where_it_was),
        cmocka_unit_test(an_id_that_means_nothing_here_is_as_none),
        cmocka_unit_test(what_nobody_listened_to_is_told_as_a_reset),
        cmocka_unit_test(a_stream_that_is_gone_for_a_moment_misses_nothing),
        cmocka_unit_test(a_stream_of_a_job_begins_with_it_and_ends_with_it),
        cmocka_unit_test(two_streams_of_a_job_each_get_what_they_have_not),
        cmocka_unit_test(news_that_come_before_it_parks_are_not_slept_over),
        cmocka_unit_test(a_stream_that_falls_behind_is_told_to_read_again),
        cmocka_unit_test(half_an_event_that_is_gone_ends_the_connection),
        cmocka_unit_test(a_stream_of_a_job_that_falls_behind_ends_and_may_begin_anew),
        cmocka_unit_test(a_quiet_job_is_not_behind_because_others_say_much),
        cmocka_unit_test(so_many_streams_are_open_and_one_more_is_refused),
        cmocka_unit_test(what_a_job_begins_with_is_held_within_the_process_s_account),
        cmocka_unit_test(a_job_is_read_at_most_once_a_step),
        cmocka_unit_test(what_is_past_the_rate_waits_and_then_is_a_reset),
        cmocka_unit_test(what_waited_too_long_is_a_reset_and_not_one_after_the_other),
        cmocka_unit_test(after_an_outage_all_read_again),
        cmocka_unit_test(new_jobs_are_told_here_at_once_and_to_others_now_and_then),
        cmocka_unit_test(more_new_jobs_than_one_notification_holds_are_any),
        cmocka_unit_test(a_quiet_stream_says_something_each_heartbeat),
        cmocka_unit_test(at_the_end_all_streams_end_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
