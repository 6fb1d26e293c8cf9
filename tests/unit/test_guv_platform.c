/*
 * test_guv_platform.c - Heroku's answers from their bytes, and what guv asks for next: retries,
 * rates, limits, pages. No network: calls are answered by hand.
 */
#include <math.h>

#include "unit.h"

#include "live/platform.h"

#define T0 100000 /* the monotonic clock, ms */

/* ---- Heroku's words ---- */

static void reads_a_formation_in_pages(void **state)
{
    static const char first[] = "[{\"type\":\"web\",\"quantity\":1,\"size\":\"Eco\"}]";
    static const char second[] = "[{\"type\":\"work\",\"quantity\":0}]";
    struct heroku_formation f = {NULL, 0};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(heroku_read_formation(first, strlen(first), &f, &e), 0);
    assert_int_equal(heroku_read_formation(second, strlen(second), &f, &e), 0);
    assert_int_equal(heroku_quantity(&f, "web"), 1);
    assert_int_equal(heroku_quantity(&f, "work"), 0);
    assert_int_equal(heroku_quantity(&f, "none"), -1);
    heroku_formation_release(&f);
}

static void refuses_what_is_no_formation(void **state)
{
    static const char *const texts[] = {
        "",
        "{}",
        "[{}]",
        "[{\"type\":\"web\"}]",
        "[{\"type\":\"web\",\"quantity\":-1}]",
        "[{\"type\":\"web\",\"quantity\":1.5}]",
        "[{\"type\":\"\",\"quantity\":1}]",
        "[{\"type\":\"web\",\"quantity\":99999999999}]",
        "[{\"type\":\"1234567890123456789012345678901234567890123456789012345678901234\","
        "\"quantity\":1}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct heroku_formation f = {NULL, 0};
        struct err e = ERR_INIT;

        assert_int_equal(heroku_read_formation(texts[i], strlen(texts[i]), &f, &e), -1);
        assert_int_equal(e.code, ERR_UNAVAILABLE);
        assert_int_equal(f.n, 0);
        heroku_formation_release(&f);
    }
}

static void reads_an_error(void **state)
{
    static const char text[] = "{\"id\":\"cannot_run_above_limit\",\"message\":\"Cannot run\\n"
                               "more\",\"limit\":2,\"size\":11}";
    struct heroku_error error;

    (void)state;
    heroku_read_error(text, strlen(text), &error);
    assert_string_equal(error.id, "cannot_run_above_limit");
    assert_string_equal(error.message, "Cannot run?more");
    assert_int_equal(error.limit, 2);
    heroku_read_error("<html>", 6, &error);
    assert_string_equal(error.id, "");
    assert_int_equal(error.limit, -1);
}

static void writes_updates(void **state)
{
    static const struct heroku_update updates[] = {{"work", 3}, {"web", 0}};
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    assert_int_equal(heroku_write_updates(updates, 2, &text), 0);
    assert_string_equal(text.data, "{\"updates\":[{\"type\":\"work\",\"quantity\":3},"
                                   "{\"type\":\"web\",\"quantity\":0}]}");
}

/* ---- when to try again ---- */

static void the_delay_doubles_up_to_a_minute(void **state)
{
    static const int most[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct backoff b = {0};

    (void)state;
    for (size_t i = 0; i < sizeof most / sizeof *most; i++) {
        struct backoff low = b;

        backoff_failed(&low, T0, (double)NAN, 0);
        assert_int_equal(low.due_mono_ms, T0 + most[i] / 2);
        backoff_failed(&b, T0, (double)NAN, (unsigned)most[i] / 2);
        assert_int_equal(b.due_mono_ms, T0 + most[i]);
    }
    backoff_worked(&b);
    assert_true(backoff_is_due(&b, 0));
    backoff_failed(&b, T0, 30, 0); /* what the server says */
    assert_false(backoff_is_due(&b, T0 + 29999));
    assert_true(backoff_is_due(&b, T0 + 30000));
}

/* ---- a platform answered by hand ---- */

struct fixture {
    struct platform p;
    struct http_call *calls[PLATFORM_APPS_MAX];
    struct scaled_type *work, *mail, *other;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e = ERR_INIT;
    size_t app, type;

    assert_non_null(f);
    assert_int_equal(platform_init(&f->p, "http://127.0.0.1:1//", "sekret", &e), 0);
    assert_int_equal(platform_add(&f->p, "one", "work", &app, &type, &e), 0);
    assert_int_equal(platform_add(&f->p, "one", "mail", &app, &type, &e), 0);
    assert_int_equal(app, 0);
    assert_int_equal(type, 1);
    assert_int_equal(platform_add(&f->p, "two", "work", &app, &type, &e), 0);
    assert_int_equal(app, 1);
    f->work = &f->p.apps[0].types[0];
    f->mail = &f->p.apps[0].types[1];
    f->other = &f->p.apps[1].types[0];
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    platform_release(&f->p);
    free(f);
    return 0;
}

static void answer(struct http_call *call, long status, const char *body)
{
    http_call_clear(call);
    call->status = status;
    if (status)
        buf_text(&call->answer, body);
    else
        err_set(&call->err, ERR_TIMEOUT, "%s", body);
}

#define ONE "[{\"type\":\"work\",\"quantity\":2},{\"type\":\"mail\",\"quantity\":1}]"
#define TWO "[{\"type\":\"work\",\"quantity\":5}]"

/* Both apps are read at the time. */
static void read_both(struct fixture *f, int64_t now)
{
    assert_int_equal(platform_reads(&f->p, f->calls, now), 2);
    answer(f->calls[0], 200, ONE);
    answer(f->calls[1], 200, TWO);
    assert_int_equal(platform_take_reads(&f->p, f->calls, now), 0);
}

static void two_roles_of_one_type_are_refused(void **state)
{
    struct fixture *f = *state;
    struct err e = ERR_INIT;
    size_t app, type;

    assert_int_equal(platform_add(&f->p, "one", "work", &app, &type, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
    err_clear(&e);
    assert_int_equal(platform_add(&f->p, "../x", "work", &app, &type, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
}

static void a_token_that_would_end_its_header_is_refused(void **state)
{
    static const char *const tokens[] = {"abc\n", "abc\r\nX-More: 1", "a bc", "\x7f"};

    (void)state;
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        struct platform p;
        struct err e = ERR_INIT;

        assert_int_equal(platform_init(&p, NULL, tokens[i], &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_null(strstr(e.text, "abc"));
    }
}

static void asks_each_app_for_its_formation(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    assert_string_equal(f->calls[0]->method, "GET");
    assert_string_equal(f->calls[0]->url, "http://127.0.0.1:1/apps/one/formation");
    assert_string_equal(f->calls[0]->headers[0], "Accept: application/vnd.heroku+json; version=3");
    assert_memory_equal(f->calls[0]->headers[1], "User-Agent: guv/", 16);
    assert_string_equal(f->calls[0]->headers[2], "Authorization: Bearer sekret");
    assert_null(f->calls[0]->headers[3]);
    answer(f->calls[0], 200, ONE);
    answer(f->calls[1], 500, "oops");
    assert_int_equal(platform_take_reads(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 2);
    assert_int_equal(f->mail->current, 1);
    assert_true(f->p.apps[0].is_read);
    assert_false(f->p.apps[1].is_read); /* it alone is held */
    assert_int_equal(f->other->current, -1);
    assert_string_equal(f->p.apps[1].trouble, "reading the formation: status 500");
    /* and it is left alone for a while */
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 400), 1);
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 1000), 2);
}

static void reads_on_where_a_page_ends(void **state)
{
    struct fixture *f = *state;
    struct http_call *one;

    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    one = f->calls[0];
    answer(one, 206, "[{\"type\":\"work\",\"quantity\":2}]");
    strcpy(one->next_range, "id ]x..; max=1");
    answer(f->calls[1], 200, TWO);
    assert_int_equal(platform_take_reads(&f->p, f->calls, T0), 1);
    assert_ptr_equal(f->calls[0], one);
    assert_string_equal(one->headers[3], "Range: id ]x..; max=1");
    assert_int_equal(f->work->current, -1); /* not before all pages are there */
    answer(one, 200, "[{\"type\":\"mail\",\"quantity\":1}]");
    assert_int_equal(platform_take_reads(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 2);
    assert_int_equal(f->mail->current, 1);
    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    assert_null(f->calls[0]->headers[3]); /* from the start again */
}

static void pages_without_end_are_given_up(void **state)
{
    struct fixture *f = *state;
    struct http_call *one;
    int pages = 0;

    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    one = f->calls[0];
    answer(f->calls[1], 200, TWO);
    do {
        answer(one, 206, "[]");
        strcpy(one->next_range, "id ]x..; max=1");
        pages++;
    } while (pages < 1000 && platform_take_reads(&f->p, f->calls, T0) > 0);
    assert_int_equal(pages, 1 + PLATFORM_PAGES_MAX);
    assert_false(f->p.apps[0].is_read);
    assert_string_equal(f->p.apps[0].trouble, "reading the formation: more than 10 pages");
    assert_true(f->p.apps[1].is_read);
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 400), 1); /* left alone for a while */
}

static void a_type_that_is_not_shown_is_missing(void **state)
{
    struct fixture *f = *state;

    read_both(f, T0);
    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    answer(f->calls[0], 200, "[{\"type\":\"work\",\"quantity\":2}]");
    answer(f->calls[1], 200, TWO);
    platform_take_reads(&f->p, f->calls, T0);
    assert_true(f->mail->is_missing);
    assert_false(f->work->is_missing);
    f->mail->wanted = 4; /* nobody should, and nothing comes of it */
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 0);
}

static void sends_what_changes_and_takes_away_first(void **state)
{
    struct fixture *f = *state;

    read_both(f, T0);
    assert_int_equal(platform_writes(&f->p, PLATFORM_FIRST_DOWN, f->calls, T0), 0);
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 0);
    f->work->wanted = 3;
    f->mail->wanted = 0;
    f->other->wanted = 6;
    assert_int_equal(platform_writes(&f->p, PLATFORM_FIRST_DOWN, f->calls, T0), 1);
    assert_string_equal(f->calls[0]->method, "PATCH");
    assert_string_equal(f->calls[0]->body, "{\"updates\":[{\"type\":\"mail\",\"quantity\":0},"
                                           "{\"type\":\"work\",\"quantity\":3}]}");
    assert_string_equal(f->calls[0]->headers[3], "Content-Type: application/json");
    answer(f->calls[0], 200, "[]");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 3);
    assert_int_equal(f->mail->current, 0);
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 1);
    assert_string_equal(f->calls[0]->body, "{\"updates\":[{\"type\":\"work\",\"quantity\":6}]}");
}

static void a_write_that_failed_is_tried_again_later(void **state)
{
    struct fixture *f = *state;
    int64_t at = 0;

    read_both(f, T0);
    assert_false(platform_retry_at(&f->p, &at));
    f->work->wanted = 3;
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 1);
    answer(f->calls[0], 0, "no answer in time");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 2);
    assert_string_equal(f->p.apps[0].trouble, "changing the formation: no answer in time");
    assert_true(platform_retry_at(&f->p, &at));
    assert_in_range(at, T0 + 500, T0 + 1000);
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, at - 1), 0);
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, at), 1);
    answer(f->calls[0], 200, "[]");
    platform_take_writes(&f->p, f->calls, at);
    assert_int_equal(f->work->current, 3);
    assert_false(platform_retry_at(&f->p, &at));
    assert_string_equal(f->p.apps[0].trouble, "");
}

static void the_next_round_forgets_what_the_last_one_wanted(void **state)
{
    struct fixture *f = *state;
    int64_t at;

    read_both(f, T0);
    f->work->wanted = 3;
    platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0);
    answer(f->calls[0], 503, "{\"id\":\"maintenance\",\"message\":\"Soon.\"}");
    platform_take_writes(&f->p, f->calls, T0);
    assert_string_equal(f->p.apps[0].trouble,
                        "changing the formation: status 503 maintenance: Soon.");
    read_both(f, T0 + 5000);
    assert_false(platform_retry_at(&f->p, &at));
    /* That it failed is told until it is known not to matter any more. */
    assert_string_not_equal(f->p.apps[0].trouble, "");
    read_both(f, T0 + 10000);
    assert_string_equal(f->p.apps[0].trouble, "");
}

static void a_429_holds_every_app_for_as_long_as_it_says(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    answer(f->calls[0], 429, "{\"id\":\"rate_limit\"}");
    f->calls[0]->retry_after_s = 7;
    answer(f->calls[1], 0, "no answer in time");
    platform_take_reads(&f->p, f->calls, T0);
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 6999), 0);
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 7000), 2);
}

static void a_limit_is_kept_at_once_and_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct http_call *call;

    read_both(f, T0);
    f->work->wanted = 9;
    f->mail->wanted = 0;
    assert_int_equal(platform_writes(&f->p, PLATFORM_FIRST_DOWN, f->calls, T0), 1);
    call = f->calls[0];
    answer(call, 422, "{\"id\":\"cannot_run_above_limit\",\"message\":\"No.\",\"limit\":4}");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 1);
    assert_string_equal(call->body, "{\"updates\":[{\"type\":\"mail\",\"quantity\":0},"
                                    "{\"type\":\"work\",\"quantity\":4}]}");
    answer(call, 200, "[]");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 4);
    assert_int_equal(f->mail->current, 0);
    assert_int_equal(platform_limited(f->work, 9, T0 + PLATFORM_LIMIT_MS - 1), 4);
    assert_int_equal(platform_limited(f->work, 3, T0), 3);
    assert_int_equal(platform_limited(f->mail, 9, T0), 9);
    assert_int_equal(platform_limited(f->work, 9, T0 + PLATFORM_LIMIT_MS), 9);
}

static void a_limit_is_tried_once_and_takes_nothing_away(void **state)
{
    struct fixture *f = *state;

    read_both(f, T0);
    f->work->wanted = 9;
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 1);
    answer(f->calls[0], 422, "{\"id\":\"cannot_run_above_limit\",\"limit\":4}");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 1);
    answer(f->calls[0], 422, "{\"id\":\"cannot_run_above_limit\",\"limit\":3}");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 0);
    assert_int_equal(f->work->current, 2);
    /* Below what runs: what runs may stay. */
    f->other->wanted = 7;
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 1);
    answer(f->calls[0], 422, "{\"id\":\"cannot_run_above_limit\",\"limit\":1}");
    assert_int_equal(platform_take_writes(&f->p, f->calls, T0), 0);
    assert_int_equal(f->other->wanted, 5);
    assert_int_equal(platform_limited(f->other, 7, T0), 5);
}

static void with_few_requests_left_only_workers_are_added(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(platform_reads(&f->p, f->calls, T0), 2);
    answer(f->calls[0], 200, ONE);
    answer(f->calls[1], 200, TWO);
    f->calls[1]->rate_remaining = PLATFORM_RATE_LOW - 1;
    platform_take_reads(&f->p, f->calls, T0);
    assert_true(platform_is_rate_low(&f->p));
    f->work->wanted = 1;
    f->mail->wanted = 2;
    assert_int_equal(platform_writes(&f->p, PLATFORM_FIRST_DOWN, f->calls, T0), 0);
    assert_int_equal(platform_writes(&f->p, PLATFORM_THEN_UP, f->calls, T0), 1);
    assert_string_equal(f->calls[0]->body, "{\"updates\":[{\"type\":\"mail\",\"quantity\":2}]}");
    answer(f->calls[0], 200, "[]");
    f->calls[0]->rate_remaining = PLATFORM_RATE_LOW; /* enough again, but this one stays */
    platform_take_writes(&f->p, f->calls, T0);
    assert_int_equal(f->work->current, 2);
    assert_int_equal(f->mail->current, 2);
    assert_false(platform_is_rate_low(&f->p));
}

static void with_few_requests_left_formations_are_read_less_often(void **state)
{
    struct fixture *f = *state;

    read_both(f, T0);
    f->p.rate_remaining = 10;
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + 5000), 0);
    assert_true(f->p.apps[0].is_read); /* what is remembered is new enough */
    assert_int_equal(platform_reads(&f->p, f->calls, T0 + PLATFORM_RATE_LOW_READ_MS), 2);
}

#define platform_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_formation_in_pages),
        cmocka_unit_test(refuses_what_is_no_formation),
        cmocka_unit_test(reads_an_error),
        cmocka_unit_test(writes_updates),
        cmocka_unit_test(the_delay_doubles_up_to_a_minute),
        platform_test(two_roles_of_one_type_are_refused),
        cmocka_unit_test(a_token_that_would_end_its_header_is_refused),
        platform_test(asks_each_app_for_its_formation),
        platform_test(reads_on_where_a_page_ends),
        platform_test(pages_without_end_are_given_up),
        platform_test(a_type_that_is_not_shown_is_missing),
        platform_test(sends_what_changes_and_takes_away_first),
        platform_test(a_write_that_failed_is_tried_again_later),
        platform_test(the_next_round_forgets_what_the_last_one_wanted),
        platform_test(a_429_holds_every_app_for_as_long_as_it_says),
        platform_test(a_limit_is_kept_at_once_and_for_a_while),
        platform_test(a_limit_is_tried_once_and_takes_nothing_away),
        platform_test(with_few_requests_left_only_workers_are_added),
        platform_test(with_few_requests_left_formations_are_read_less_often),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
