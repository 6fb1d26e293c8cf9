/*
 * test_graph.c - GET /graph: who is there and how the queues stand; and that the panel "Try to
 * break it" is there for this service's own page alone, or not at all.
 */
#include "target.h"

#include <time.h>

#define PATIENCE_S 60

static json_t *graph(void)
{
    struct http_answer a;
    json_t *json;

    target_get("/graph", &a);
    assert_int_equal(a.status, 200);
    json = json_incref(a.json);
    http_answer_release(&a);
    return json;
}

static json_t *node_of(json_t *json, const char *name)
{
    json_t *node;
    size_t i;

    json_array_foreach(at(json, "nodes"), i, node)
    {
        if (strcmp(text_at(node, "name"), name) == 0)
            return node;
    }
    fail_msg("there is no node %s", name);
    return NULL;
}

static bool is_number_or_null(const json_t *value)
{
    return json_is_null(value) || (json_is_number(value) && json_number_value(value) >= 0);
}

/* Not at what it would be, but that each member of the list is there, and null or a number. */
static void assert_numbers(json_t *object, const char *const *names)
{
    for (; *names; names++)
        if (!is_number_or_null(at(object, *names)))
            fail_msg("%s is no number", *names);
}

static void the_graph_shows_who_is_there_and_how_the_queues_stand(void **state)
{
    static const char *const of_queue[] = {
        "messages",      "ready",          "unacked",      "consumers",
        "in_per_second", "out_per_second", "max_messages", NULL};
    static const char *const of_edge[] = {"messages", "per_second", NULL};
    json_t *json = graph(), *node, *edge;
    bool has_resize = false;
    size_t i;

    (void)state;
    assert_string_equal(text_at(json, "broker"), "up");
    assert_true(strlen(text_at(json, "at")) == 24);
    json_array_foreach(at(json, "nodes"), i, node)
    {
        json_t *queue = at(node, "queue");

        text_at(node, "component");
        assert_true(json_is_boolean(at(node, "role")));
        assert_true(is_number_or_null(at(node, "workers")));
        if (!json_is_null(queue)) {
            text_at(queue, "name");
            assert_numbers(queue, of_queue);
        }
    }
    json_array_foreach(at(json, "edges"), i, edge)
    {
        node_of(json, text_at(edge, "from"));
        node_of(json, text_at(edge, "to"));
        assert_numbers(edge, of_edge);
        has_resize |= strcmp(text_at(edge, "to"), "resize") == 0;
    }
    assert_true(has_resize);
    assert_string_equal(text_at(node_of(json, "resize"), "priority"), "interactive");
    assert_true(int_at(node_of(json, "resize"), "deadline_s") > 0);
    assert_true(json_is_null(at(node_of(json, "web"), "queue")));
    assert_true(json_is_array(at(json, "samples")));
    assert_true(json_is_array(at(json, "notes")));
    json_decref(json);
}

/* The deployment works off jobs, so it has a store at least; and somebody looks from here on. */
static void workers_are_counted_once_somebody_looks(void **state)
{
    const time_t end = time(NULL) + PATIENCE_S;
    json_t *json = graph();

    (void)state;
    while (json_integer_value(at(node_of(json, "store"), "workers")) <= 0) { /* null: not known */
        if (time(NULL) >= end)
            fail_msg("no store is seen: %s", json_dumps(json, JSON_COMPACT));
        json_decref(json);
        nanosleep(&(struct timespec){.tv_nsec = 500 * 1000 * 1000}, NULL);
        json = graph();
    }
    assert_string_equal(text_at(node_of(json, "store"), "queue/name"), "store.IN");
    assert_true(json_is_string(at(json, "source")));
    assert_true(json_array_size(at(json, "samples")) > 0);
    assert_non_null(at(json, "samples/0/roles/store"));
    json_decref(json);
}

static void the_graph_tells_the_limits_of_a_job(void **state)
{
    json_t *json = graph();

    (void)state;
    assert_int_equal(int_at(json, "limits/max_images"), target_limits()->images);
    assert_int_equal(int_at(json, "limits/max_outputs"), target_limits()->outputs);
    assert_int_equal(int_at(json, "limits/max_side"), target_limits()->side_px);
    assert_int_equal(int_at(json, "limits/max_url"), target_limits()->url_bytes);
    assert_int_equal(int_at(json, "limits/max_metadata"), target_limits()->metadata_bytes);
    assert_int_equal(int_at(json, "limits/max_body"), target_limits()->body_bytes);
    json_decref(json);
}

/* Of a wrong body, so that nothing is killed where the panel is there: it is refused before that.
 */
static void nobody_elses_page_may_break_it(void **state)
{
    static const char *const paths[] = {"/demo/kill", "/demo/scale", "/demo/guv"};
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Origin: https://elsewhere.example", NULL};
    json_t *json = graph();
    const bool demo = json_is_true(at(json, "demo"));

    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char *url = target_url(paths[i]);
        struct http_answer a;

        target_send(url, &(struct http_request){.body = "{}", .headers = headers}, &a);
        assert_problem(&a, demo ? 403 : 404);
        http_answer_release(&a);
        free(url);
    }
    json_decref(json);
}

int run_graph_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_graph_shows_who_is_there_and_how_the_queues_stand),
        cmocka_unit_test(workers_are_counted_once_somebody_looks),
        cmocka_unit_test(the_graph_tells_the_limits_of_a_job),
        cmocka_unit_test(nobody_elses_page_may_break_it),
    };

    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
