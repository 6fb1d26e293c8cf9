/*
 * test_graph_json.c - JSON graphs in and out.
 */
#include "unit.h"

#include "graph/graph_json.h"

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);

    if (!json)
        fail_msg("the test's own JSON is wrong: %s", text);
    return json;
}

static void gives_the_same_graph_when_read_and_written(void **state)
{
    static const char text[] =
        "{\"inports\":{\"x\":{\"process\":\"a\",\"port\":\"in\",\"metadata\":{\"x\":1}}},"
        "\"outports\":{\"y\":{\"process\":\"b\",\"port\":\"out\"}},"
        "\"groups\":[{\"name\":\"g\",\"nodes\":[\"a\"]}],"
        "\"processes\":{\"a\":{\"component\":\"A\",\"metadata\":{\"label\":\"first\"}},"
        "\"b\":{\"component\":\"B\"}},"
        "\"connections\":[{\"src\":{\"process\":\"a\",\"port\":\"out\",\"index\":2},"
        "\"tgt\":{\"process\":\"b\",\"port\":\"in\",\"index\":0},\"metadata\":{\"route\":3}}],"
        "\"properties\":{\"name\":\"n\",\"environment\":{\"type\":\"msgflo\"}},"
        "\"caseSensitive\":true}";
    json_t *in = load(text), *out;
    struct err e = ERR_INIT;
    struct graph *g;
    char *written;

    (void)state;
    assert_int_equal(graph_from_json(in, &g, &e), 0);
    out = graph_to_json(g);
    written = json_dumps(out, JSON_COMPACT);
    assert_string_equal(written, text);
    free(written);
    json_decref(out);
    json_decref(in);
    graph_free(g);
}

static void knows_an_IIP_by_its_data_whatever_the_value(void **state)
{
    json_t *in = load("{\"processes\":{\"a\":{\"component\":\"A\"}},\"connections\":["
                      "{\"data\":\"\",\"tgt\":{\"process\":\"a\",\"port\":\"p\"}},"
                      "{\"data\":0,\"tgt\":{\"process\":\"a\",\"port\":\"p\"}},"
                      "{\"data\":false,\"tgt\":{\"process\":\"a\",\"port\":\"p\"}},"
                      "{\"data\":null,\"tgt\":{\"process\":\"a\",\"port\":\"p\"}}]}");
    struct err e = ERR_INIT;
    struct graph *g;

    (void)state;
    assert_int_equal(graph_from_json(in, &g, &e), 0);
    assert_int_equal(g->n_edges, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(g->edges[i].data);
        assert_null(g->edges[i].src.node);
    }
    json_decref(in);
    graph_free(g);
}

static void names_the_member_that_is_wrong(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"[]", "a graph must be an object"},
        {"{}", "a graph needs the members processes and connections"},
        {"{\"processes\":[],\"connections\":[]}", "processes: must be an object"},
        {"{\"processes\":{},\"connections\":{}}", "connections: must be a list"},
        {"{\"processes\":{\"a\":5},\"connections\":[]}",
         "processes.a: must be an object with a name"},
        {"{\"processes\":{\"a\":{}},\"connections\":[]}", "processes.a.component: must be a text"},
        {"{\"processes\":{\"a\":{\"component\":\"A\",\"metadata\":[]}},\"connections\":[]}",
         "processes.a.metadata: must be an object"},
        {"{\"processes\":{},\"connections\":[7]}", "connections[0]: must be an object"},
        {"{\"processes\":{},\"connections\":[{}]}", "connections[0].src: must be an object"},
        {"{\"processes\":{},\"connections\":[{\"data\":1}]}",
         "connections[0].tgt: must be an object"},
        {"{\"processes\":{},\"connections\":[{\"data\":1,\"tgt\":{\"process\":\"a\"}}]}",
         "connections[0].tgt.port: must be a text"},
        {"{\"processes\":{},\"connections\":[{\"data\":1,\"tgt\":{\"process\":\"a\",\"port\":"
         "\"\"}}]}",
         "connections[0].tgt.port: must not be empty or hold a NUL"},
        {"{\"processes\":{},\"connections\":[{\"data\":1,\"tgt\":{\"process\":\"a\",\"port\":"
         "\"p\",\"index\":-1}}]}",
         "connections[0].tgt.index: must be a whole number"},
        {"{\"processes\":{},\"connections\":[{\"data\":1,\"tgt\":{\"process\":\"a\",\"port\":"
         "\"p\"}}]}",
         "process 'a' has no component: write a(Component) once"},
        {"{\"processes\":{},\"connections\":[],\"inports\":{\"x\":{\"process\":\"a\",\"port\":"
         "\"p\"}}}",
         "inport 'x' is a port of 'a', which has no component"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        json_t *in = load(cases[i].text);
        struct err e = ERR_INIT;
        struct graph *g;

        assert_int_equal(graph_from_json(in, &g, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.text, cases[i].error);
        json_decref(in);
    }
}

static void writes_reals_short_but_exact(void **state)
{
    static const char *const texts[] = {"0.1", "8.41", "0.30000000000000004", "1e300", "[1,-2.5]"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        json_t *value = json_loads(texts[i], JSON_DECODE_ANY, NULL), *again;
        char *text = graph_value_text(value, JSON_COMPACT);

        again = json_loads(text, JSON_DECODE_ANY, NULL);
        assert_true(json_equal(value, again));
        assert_true(strlen(text) <= strlen(texts[i]) + 3); /* "1.0000000000000001e300" is not */
        free(text);
        json_decref(value);
        json_decref(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_same_graph_when_read_and_written),
        cmocka_unit_test(knows_an_IIP_by_its_data_whatever_the_value),
        cmocka_unit_test(names_the_member_that_is_wrong),
        cmocka_unit_test(writes_reals_short_but_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
