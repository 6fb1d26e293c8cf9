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
    if (library_from_json(json, NULL, &lib, &e) ||
        library_command(lib, g, &g->nodes[0], &out, &e)) {
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
        {"{\"handlers\":{\".js\":1}}", "r(A)", "handlers..js: must be a text"},
        {"{\"components\":[]}", "r(A)", "components: must be an object"},
        {"[]", "r(A)", "a component library must be an object"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(text_freep) char *got = command_of(cases[i].config, cases[i].graph);

        assert_string_equal(got, cases[i].command);
    }
}

/* The library of a config, with a folder `dir` of the files named. */
static struct library *with_files(const char *config, const char *dir, const char *const *names,
                                  size_t n)
{
    struct library_folder folder = {dir, names, n};
    json_t *json = json_loads(config, 0, NULL);
    struct library *lib = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(library_from_json(json, &folder, &lib, &e), 0);
    json_decref(json);
    return lib;
}

static void makes_components_of_the_files_that_have_a_handler(void **state)
{
    static const char *const names[] = {"README", ".js", "Sensor.yml", "a.b.js", "x.sh", "y.cpp"};
    static const struct {
        const char *name, *command, *file, *language;
    } wanted[] = {
        {"n/Sensor", "msgflo register --role #ROLE:parts/Sensor.yml", "parts/Sensor.yml", "yaml"},
        {"n/a.b", "mine a.b parts/a.b.js", "parts/a.b.js", "javascript"},
        {"n/x", "sh -x parts/x.sh #ROLE", "parts/x.sh", NULL},
    };
    AUTO(library_freep)
    struct library *lib = with_files(
        "{\"name\": \"n\", \"msgflo\": {\"variables\": {\"FLAG\": \"-x\"}, \"handlers\":"
        "{\".js\": \"mine #COMPONENT #FILENAME\", \".sh\": \"sh #FLAG #FILENAME #ROLE\"}}}",
        "./parts/", names, sizeof(names) / sizeof(*names));

    (void)state;
    assert_int_equal(library_count(lib), sizeof(wanted) / sizeof(*wanted));
    for (size_t i = 0; i < library_count(lib); i++) {
        const struct library_component *c = library_component(lib, i);

        assert_string_equal(c->name, wanted[i].name);
        assert_string_equal(c->command, wanted[i].command);
        assert_string_equal(c->file, wanted[i].file);
        assert_true(c->language == wanted[i].language ||
                    strcmp(c->language, wanted[i].language) == 0);
    }
}

/* As npm's does: it takes what is listed only where the folder has nothing of that name. */
static void prefers_a_file_to_a_listed_component(void **state)
{
    static const char *const names[] = {"A.js"};
    AUTO(library_freep)
    struct library *lib =
        with_files("{\"namespace\": \"n\", \"components\": {\"A\": \"listed\", \"n/B\": \"b\","
                   "\"B\": \"other b\"}}",
                   ".", names, 1);

    (void)state;
    assert_int_equal(library_count(lib), 3);
    assert_string_equal(library_find(lib, "A")->file, "A.js");
    assert_string_equal(library_find(lib, "n/A")->command, "msgflo-nodejs --name #ROLE A.js");
    assert_string_equal(library_find(lib, "n/B")->command, "b");
    assert_string_equal(library_find(lib, "B")->command, "other b");
    assert_null(library_find(lib, "C"));
}

static void replaces_a_component_whose_file_is_added_again(void **state)
{
    AUTO(library_freep) struct library *lib = with_files("{}", "p", NULL, 0);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(library_add_file(lib, "p", "A.js", &e), 0);
    assert_int_equal(library_add_file(lib, "p", "A.py", &e), 0);
    assert_int_equal(library_count(lib), 1);
    assert_string_equal(library_find(lib, "A")->language, "python");
    assert_int_equal(library_add_file(lib, "p", "A.txt", &e), -1);
    assert_string_equal(e.text, "A.txt: no handler for files of this ending");
}

static void knows_where_the_project_is_kept(void **state)
{
    AUTO(library_freep)
    struct library *lib =
        with_files("{\"name\": \"n\", \"repository\": {\"url\": \"git://x\"}}", "p", NULL, 0);

    (void)state;
    assert_string_equal(library_namespace(lib), "n");
    assert_string_equal(library_repository(lib), "git://x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_components_of_the_files_that_have_a_handler),
        cmocka_unit_test(prefers_a_file_to_a_listed_component),
        cmocka_unit_test(replaces_a_component_whose_file_is_added_again),
        cmocka_unit_test(knows_where_the_project_is_kept),
        cmocka_unit_test(makes_commands_as_npm_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
