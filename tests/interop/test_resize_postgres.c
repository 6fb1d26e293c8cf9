/*
 * The result store in Postgres, with a real server.
 */
#include "unit.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "resize/result_store.h"
#include "scratch_db.h"

#define DEADLINE_MS 20000
#define PUTS 20

struct told {
    char name[40];
    bool ended;
    enum store_outcome outcome;
};

static struct db *db;
static struct result_store *store;
static int fd;

static int open_store(void **state)
{
    const struct settings settings = {.output = "postgres:", .database_url = scratch_db_url()};
    struct err e = ERR_INIT;

    (void)state;
    db = scratch_db_open(0);
    scratch_db_run(db, "TRUNCATE outputs");
    store = result_store_new(&settings, NULL, &e);
    fd = memfd_create("output", MFD_CLOEXEC);
    return store && write(fd, "a\0b\xff", 4) == 4 ? 0 : -1;
}

static int close_store(void **state)
{
    (void)state;
    result_store_free(store);
    db_free(db);
    close(fd);
    return 0;
}

static void on_stored(enum store_outcome outcome, const char *detail, void *user)
{
    struct told *told = user;

    (void)detail;
    told->ended = true;
    told->outcome = outcome;
}

static struct store_put *put(const char *name, struct told *ret)
{
    struct store_item item = {.type = "image/png", .fd = fd, .bytes = 4, .sha256_hex = ""};
    struct err e = ERR_INIT;
    struct store_put *put;

    memset(ret, 0, sizeof *ret);
    snprintf(ret->name, sizeof ret->name, "%s", name);
    item.name = ret->name;
    put = result_store_put(store, &item, on_stored, ret, &e);
    assert_non_null(put);
    return put;
}

static void turn(void)
{
    struct pollfd poll_fd;
    nfds_t n = result_store_pollfd(store, &poll_fd);
    int timeout_ms = result_store_timeout_ms(store);

    (void)poll(&poll_fd, n, timeout_ms < 100 ? timeout_ms : 100);
    result_store_service(store);
}

static void run_until(const struct told *told)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;

    while (!told->ended && clock_until_ms(end_mono_ms) > 0)
        turn();
    assert_true(told->ended);
}

static void keeps_bytes_as_they_are(void **state)
{
    struct told told, again;

    (void)state;
    put("one", &told);
    run_until(&told);
    assert_int_equal(told.outcome, STORE_OK);
    put("one", &again);
    run_until(&again);
    assert_int_equal(again.outcome, STORE_OK);
    assert_string_equal(scratch_db_text(db, "SELECT encode(bytes, 'hex') FROM outputs"),
                        "610062ff");
    assert_string_equal(scratch_db_text(db, "SELECT content_type FROM outputs"), "image/png");
}

static long long count_connections(void)
{
    return scratch_db_number(db, "SELECT count(*) FROM pg_stat_activity"
                                 " WHERE application_name = 'imageresize-resize'"
                                 " AND datname = current_database()");
}

static void puts_many_at_once_over_one_connection(void **state)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;
    struct told told[PUTS];
    char name[20];

    (void)state;
    for (int i = 0; i < PUTS; i++) {
        snprintf(name, sizeof name, "many-%d", i);
        put(name, &told[i]);
    }
    for (int i = 0; i < PUTS; i++) {
        run_until(&told[i]);
        assert_int_equal(told[i].outcome, STORE_OK);
    }
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outputs"), PUTS);
    /* The one of the test before may take a moment to leave. */
    while (count_connections() > 1 && clock_until_ms(end_mono_ms) > 0)
        ;
    assert_int_equal(count_connections(), 1);
}

/* All of a batch are one transaction: the refused one must not take the others along. */
static void refuses_one_and_keeps_the_others(void **state)
{
    struct told told[3];

    (void)state;
    scratch_db_run(db, "ALTER TABLE outputs ADD CONSTRAINT no_bad CHECK (name <> 'bad')");
    put("good-1", &told[0]);
    put("bad", &told[1]);
    put("good-2", &told[2]);
    for (int i = 0; i < 3; i++)
        run_until(&told[i]);
    scratch_db_run(db, "ALTER TABLE outputs DROP CONSTRAINT no_bad");
    assert_int_equal(told[0].outcome, STORE_OK);
    assert_int_equal(told[1].outcome, STORE_REFUSED);
    assert_int_equal(told[2].outcome, STORE_OK);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outputs"), 2);
}

static void survives_the_cancel_of_what_was_sent(void **state)
{
    struct told first, cancelled, last;
    struct store_put *sent;

    (void)state;
    put("first", &first);
    sent = put("cancelled", &cancelled);
    result_store_service(store);
    store_put_cancel(sent);
    put("last", &last);
    run_until(&first);
    run_until(&last);
    assert_false(cancelled.ended);
}

static void says_away_for_a_lost_connection_and_comes_back(void **state)
{
    int64_t end_mono_ms = clock_mono_ms() + DEADLINE_MS;
    struct told told;

    (void)state;
    put("before", &told);
    run_until(&told);
    scratch_db_run(db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                       " WHERE application_name = 'imageresize-resize'"
                       " AND datname = current_database()");
    do {
        put("after", &told);
        run_until(&told);
        assert_int_not_equal(told.outcome, STORE_REFUSED);
    } while (told.outcome != STORE_OK && clock_until_ms(end_mono_ms) > 0);
    assert_int_equal(scratch_db_number(db, "SELECT count(*) FROM outputs"), 2);
}

#define store_case(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_case(keeps_bytes_as_they_are),
        store_case(puts_many_at_once_over_one_connection),
        store_case(refuses_one_and_keeps_the_others),
        store_case(survives_the_cancel_of_what_was_sent),
        store_case(says_away_for_a_lost_connection_and_comes_back),
    };

    log_init("", LOG_ERROR);
    return cmocka_run_group_tests(tests, scratch_db_start, scratch_db_end);
}
