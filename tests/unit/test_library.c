/*
 * test_library.c - the command of a component, as npm's msgflo would make it.
 */
#include "unit.h"

#include "graph/fbp.h"
#include "graph/library.h"

/* The command of the first node of the graph, or the error; new. */
static char *command_of(const char *config, const char *graph)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    AUTO(library_freep) struct library *lib = NULL;
    AUTO(graph_freep) struct graph *g = NULL;
    json_t *json = json_loads(config, 0, NULL);
    struct err e = ERR_INIT;

    assert_int_equal(fbp_parse(graph, strlen(graph), NULL, &g, NULL, NULL, &e), 0);
    assert_non_null(json);
    if (library_from_json(json, &lib, &e) || library_command(lib, g, &g->nodes[0], &out, &e)) {
        json_decref(json);
        return strdup(e.text);
    }
    json_decref(json);
    return buf_detach(&out);
}

static void makes_commands_as_npm_does(void **state)
{
    static const struct {
        const char *config, *graph, *command;
    } cases[] = {
        {"{\"components\":{\"A\":\"run #ROLE and #ROLE\"}}", "r(A)", "run r and r"},
        /* found by its name, its base name, or with the library's namespace */
        {"{\"components\":{\"n/A\":\"x #COMPONENT #COMPONENTNAME\"}}", "r(n/A)", "x n/A A"},
        {"{\"components\":{\"A\":\"x #COMPONENT #COMPONENTNAME\"}}", "r(n/A)", "x A A"},
        {"{\"namespace\":\"n\",\"components\":{\"n/A\":\"x #COMPONENT\"}}", "r(A)", "x n/A"},
        {"{\"name\":\"n\",\"msgflo\":{\"components\":{\"n/A\":\"y #COMPONENT\"}}}", "r(A)",
         "y n/A"},
        {"{\"components\":{\"A\":\"#dir/x #DIR\"},\"variables\":{\"dir\":\"/opt\"}}", "r(A)",
         "#dir/x /opt"},
        {"{\"components\":{\"A\":\"x --iips #IIPS\"}}", "r(A)", "x --iips '{}'"},
        {"{\"components\":{\"A\":\"x --iips #IIPS\"}}",
         "r(A)\n'' -> EMPTY r\n0.1 -> ZERO r\n[1, \"a b\"] -> LIST r\n'q' -> IN s(S)",
         "x --iips '{\"empty\":\"\",\"zero\":0.1,\"list\":[1,\"a b\"]}'"},
        /* where npm's command would break: a quote in the data ends no argument */
        {"{\"components\":{\"A\":\"x --iips #IIPS\"}}", "r(A)\n'it\\'s' -> IN r",
         "x --iips '{\"in\":\"it'\\''s\"}'"},
        {"{}", "r(n/A)", "No component n/A defined for role r"},
        {"{\"components\":{\"A\":5}}", "r(A)", "components.A: must be a text"},
        {"{\"components\":[]}", "r(A)", "components: must be an object"},
        {"[]", "r(A)", "a component library must be an object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(text_freep) char *got = command_of(cases[i].config, cases[i].graph);

        assert_string_equal(got, cases[i].command);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_commands_as_npm_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
