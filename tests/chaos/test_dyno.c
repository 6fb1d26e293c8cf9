/*
 * test_dyno.c - what the plans of a small host leave a process: connections, and memory.
 */
#include "chaos.h"

#include "base/buf.h"
#include "base/clock.h"

/* Connections of the programs that there are, by their processes: all kinds of work have been done,
 * so all that are ever opened are open. */
static void each_process_has_its_few_database_connections(void **state)
{
    static const struct {
        const char *type, *names; /* as in pg_stat_activity: an SQL pattern */
        int each;
    } cases[] = {
        {"web", "imageresize-web (writer|reader|listener)", 3},
        {"store", "store", 1},
    };
    pid_t pids[16];
    size_t resizes = system_pids("resize", pids, 16) + system_pids("bulk", pids, 16);

    (void)state;
    post_until("ok/baseline.jpg", 200, 20, 60000);
    assert_all_end_once(60000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        AUTO(buf_release) struct buf sql = BUF_INIT;
        int wanted;

        buf_printf(&sql,
                   "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                   "AND application_name ~ '^%s$'",
                   cases[i].names);
        wanted = cases[i].each * (int)system_pids(cases[i].type, pids, 16);
        if (!sql_becomes(sql.data, wanted, 60000)) /* one may have started as the last of them */
            fail_msg("%s: %lld connections instead of %d", cases[i].type,
                     (long long)sql_number(sql.data), wanted);
    }
    /* One each, from the first result on: bulk ones have had none. */
    assert_in_range(sql_number("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                               "current_database() AND application_name = 'imageresize-resize'"),
                    1, resizes);
    /* And nobody has one that is not named: but this test, whose name is empty, and the server's
     * own processes, such as one that vacuums. */
    assert_int_equal(sql_number("SELECT count(*) FROM pg_stat_activity WHERE datname = "
                                "current_database() AND backend_type = 'client backend' AND "
                                "pid <> pg_backend_pid() AND "
                                "application_name !~ '^(imageresize-.*|store)$'"),
                     0);
}

static size_t broker_connections(void)
{
    json_t *connections = rabbitmq_get("connections?columns=name");
    size_t n = json_array_size(connections);

    json_decref(connections);
    return n;
}

static void look_at_the_graph(void)
{
    struct http_answer a;
    char url[256];

    snprintf(url, sizeof url, "%s/graph", getenv("IMAGERESIZE_TEST_TARGET"));
    http_send(url, NULL, &a);
    assert_int_equal(a.status, 200);
    http_answer_release(&a);
}

/* The management API shows a connection some seconds late. web needs no other to be looked at. */
static void each_process_has_one_broker_connection(void **state)
{
    pid_t pids[16];
    size_t n = system_pids(NULL, pids, 16), seen;
    int64_t deadline = clock_mono_ms() + 60000;

    (void)state;
    look_at_the_graph();
    while ((seen = broker_connections()) != n) {
        if (clock_mono_ms() > deadline)
            fail_msg("%zu connections of %zu processes", seen, n);
        look_at_the_graph();
        look_again();
    }
}

int run_dyno_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_process_has_its_few_database_connections),
        cmocka_unit_test(each_process_has_one_broker_connection),
    };

    return cmocka_run_group_tests_name("dyno", tests, NULL, NULL);
}
