/*
 * test_top_view.c - the tables of `msgflo list` and `msgflo top`: columns, tamed texts, and which
 * queues belong to whom.
 */
#include "unit.h"

#include "base/table.h"
#include "tool/top_view.h"

static void aligns_its_columns_by_characters(void **state)
{
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}, {"LAST", false}};
    AUTO(table_release) struct table t = TABLE_INIT(columns);
    AUTO(buf_release) struct buf out = BUF_INIT;

    (void)state;
    table_cell(&t, "%s", "\xc3\xa4\xc3\xb6");
    table_cell(&t, "%d", 100);
    table_cell(&t, "%s", "");
    table_cell(&t, "%s", "longer");
    table_cell(&t, "%d", 1);
    table_cell(&t, "%s", "x");
    assert_int_equal(table_print(&t, 0, &out), 0);
    assert_string_equal(out.data, "NAME      N  LAST\n\xc3\xa4\xc3\xb6      100\nlonger    1  x\n");
    buf_clear(&out);
    assert_int_equal(table_print(&t, 1, &out), 0);
    assert_string_equal(out.data, "N\n\xc3\xa4\nl\n");
}

static void tames_what_would_speak_to_the_terminal(void **state)
{
    static const struct table_column columns[] = {{"NAME", false}};
    AUTO(table_release) struct table t = TABLE_INIT(columns);
    AUTO(buf_release) struct buf out = BUF_INIT;

    (void)state;
    table_cell(&t, "%s",
               "a\033[2J\nb\x7f\xc2\x9b"
               "c");
    assert_int_equal(table_print(&t, 0, &out), 0);
    assert_string_equal(out.data, "NAME\na?[2J?b???c\n");
}

/* Each row was as long as the longest name, of 100 KB perhaps. */
static void widens_no_column_for_what_is_far_too_long(void **state)
{
    static const struct table_column columns[] = {{"NAME", false}, {"N", true}};
    AUTO(table_release) struct table t = TABLE_INIT(columns);
    AUTO(buf_release) struct buf out = BUF_INIT;
    char name[TABLE_MAX_WIDTH + 2];

    (void)state;
    memset(name, 'x', sizeof(name));
    name[TABLE_MAX_WIDTH + 1] = '\0';
    table_cell(&t, "%s", name);
    table_cell(&t, "1");
    table_cell(&t, "%s", "short");
    table_cell(&t, "2");
    assert_int_equal(table_print(&t, 0, &out), 0);
    assert_non_null(strstr(out.data, "x  1\nshort  2\n"));
    buf_clear(&out);
    t.cells[0][TABLE_MAX_WIDTH] = '\0';
    assert_int_equal(table_print(&t, 0, &out), 0);
    assert_int_equal(out.len, 3 * (TABLE_MAX_WIDTH + strlen("  1\n")));
}

static void hear(struct seen *s, const char *id, const char *role, const char *ports, int64_t at_ms)
{
    char text[600];
    struct participant *p;
    enum seen_change change;
    struct err e = ERR_INIT;

    snprintf(text, sizeof(text),
             "{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"%s\","
             "\"role\":\"%s\",\"component\":\"c/C\",\"inports\":[%s],\"outports\":[]}}",
             id, role, ports);
    assert_int_equal(participant_parse(text, strlen(text), &p, &e), 0);
    assert_int_equal(seen_heard(s, p, at_ms, &change, &e), 0);
}

#define PORT(id, queue) "{\"id\":\"" id "\",\"type\":\"any\",\"queue\":\"" queue "\"}"
#define QUEUE(name)                                                                                \
    {                                                                                              \
        (char[]){name}, 5, 2, 1, 3.25, 1                                                           \
    }

static void shows_roles_with_their_queues_then_the_others(void **state)
{
    struct queue_stats stats[] = {QUEUE("fbp"), QUEUE("r.IN"), QUEUE("other"),
                                  QUEUE("msgflo-watch-1")};
    const struct queue_stats_list queues = {stats, 4};
    struct seen *seen = seen_new();
    AUTO(top_view_release) struct top_view v = {0};
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    hear(seen, "r-1", "r", PORT("in", "r.IN") "," PORT("more", "r.MORE"), 0);
    hear(seen, "r-2", "r", PORT("in", "r.IN") "," PORT("more", "r.MORE"), 1000000);
    hear(seen, "a-1", "a", "", 1000000);
    assert_int_equal(top_view_make(seen, &queues, true, 1000000, &v, &e), 0);
    assert_int_equal(v.n_roles, 2);
    assert_int_equal(v.ready, 10);
    top_view_print(&v, 0, &out);
    assert_string_equal(
        out.data,
        "ROLE  COMPONENT     INSTANCES  QUEUE   READY  UNACKED  CONSUMERS  IN/S  TAKEN/S\n"
        "a     c/C                   1  -           -        -          -     -        -\n"
        "r     c/C        2 (1 silent)  r.IN        5        2          1   3.2      1.0\n"
        "                               r.MORE      -        -          -     -        -\n"
        "-     -                     -  other       5        2          1   3.2      1.0\n");
    seen_free(seen);
}

static void tells_no_rates_that_nobody_measured(void **state)
{
    struct queue_stats stats[] = {QUEUE("q")};
    const struct queue_stats_list queues = {stats, 1};
    struct seen *seen = seen_new();
    AUTO(top_view_release) struct top_view v = {0};
    AUTO(text_freep) char *text = NULL;
    struct err e = ERR_INIT;
    json_t *json;

    (void)state;
    assert_int_equal(top_view_make(seen, &queues, false, 0, &v, &e), 0);
    json = top_view_json(&v);
    text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, "{\"rows\":[{\"role\":null,\"component\":null,\"instances\":0,"
                              "\"silent\":0,\"queue\":\"q\",\"ready\":5,\"consumers\":1}]}");
    json_decref(json);
    seen_free(seen);
}

static void asks_for_each_queue_once_however_many_processes_have_it(void **state)
{
    struct seen *seen = seen_new();
    AUTO(name_list_release) struct name_list names = {0};
    struct err e = ERR_INIT;

    (void)state;
    hear(seen, "r-1", "r", PORT("in", "r.IN") "," PORT("more", "r.MORE"), 0);
    hear(seen, "r-2", "r", PORT("in", "r.IN") "," PORT("more", "r.MORE"), 0);
    hear(seen, "s-1", "s", PORT("in", "r.IN") ",{\"id\":\"none\"}", 0);
    assert_int_equal(top_view_queues(seen, 0, &names, &e), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.names[0], "r.IN");
    assert_string_equal(names.names[1], "r.MORE");
    seen_free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_its_columns_by_characters),
        cmocka_unit_test(widens_no_column_for_what_is_far_too_long),
        cmocka_unit_test(tames_what_would_speak_to_the_terminal),
        cmocka_unit_test(shows_roles_with_their_queues_then_the_others),
        cmocka_unit_test(asks_for_each_queue_once_however_many_processes_have_it),
        cmocka_unit_test(tells_no_rates_that_nobody_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
