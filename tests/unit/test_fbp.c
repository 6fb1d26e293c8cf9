/*
 * test_fbp.c - the .fbp parser against tests/data/fbp: the wanted graphs of valid/ are npm fbp's
 * own results, the errors of invalid/ are ours. And the limits, and writing back.
 */
#include "unit.h"

#include <dirent.h>

#include "graph/fbp.h"
#include "graph/graph_json.h"

#define DATA SOURCE_DIR "/tests/data/fbp/"

static void read_file(const char *folder, const char *name, const char *file, struct buf *ret)
{
    char path[1024], chunk[4096];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), DATA "%s/%s/%s", folder, name, file);
    f = fopen(path, "rb");
    if (!f)
        fail_msg("%s: cannot be read", path);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_append(ret, chunk, n);
    fclose(f);
    buf_append(ret, "", 0);
    assert_false(ret->failed);
}

/* Calls check for each case of the folder, and wants at least that many. */
static void each_case(const char *folder, int at_least, void (*check)(const char *name))
{
    struct dirent **entries;
    int n, cases = 0;

    n = scandir(folder[0] == 'v' ? DATA "valid" : DATA "invalid", &entries, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            check(entries[i]->d_name);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(cases >= at_least);
}

/* Numbers come out as JavaScript has them: all of them reals. */
static json_t *parse_to_json(const char *text, size_t len, const char *name)
{
    AUTO(text_freep) char *dumped = NULL;
    struct err e = ERR_INIT;
    struct graph *g;
    json_t *json;

    if (fbp_parse(text, len, NULL, &g, NULL, NULL, &e))
        fail_msg("%s: %s", name, e.text);
    json = graph_to_json(g);
    graph_free(g);
    dumped = graph_value_text(json, 0);
    json_decref(json);
    json = json_loads(dumped, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(json);
    return json;
}

static void assert_same_json(const json_t *got, const json_t *want, const char *name)
{
    AUTO(text_freep) char *got_text = NULL;

    if (json_equal(got, want))
        return;
    got_text = json_dumps(got, JSON_COMPACT);
    fail_msg("%s: got %s", name, got_text);
}

/* Processes in the same order, too: a Procfile's lines follow it. */
static void assert_same_order(const json_t *got, const json_t *want, const char *name)
{
    void *a = json_object_iter(json_object_get(got, "processes"));
    void *b = json_object_iter(json_object_get(want, "processes"));

    for (; a && b; a = json_object_iter_next(json_object_get(got, "processes"), a),
                   b = json_object_iter_next(json_object_get(want, "processes"), b))
        if (strcmp(json_object_iter_key(a), json_object_iter_key(b)) != 0)
            fail_msg("%s: process %s stands where %s should", name, json_object_iter_key(a),
                     json_object_iter_key(b));
}

static void check_valid(const char *name)
{
    AUTO(buf_release) struct buf input = BUF_INIT;
    AUTO(buf_release) struct buf expected = BUF_INIT;
    json_t *got, *want;

    read_file("valid", name, "input.fbp", &input);
    read_file("valid", name, "expected.json", &expected);
    want = json_loads(expected.data, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(want);
    got = parse_to_json(input.data, input.len, name);
    assert_same_json(got, want, name);
    assert_same_order(got, want, name);
    json_decref(got);
    json_decref(want);
}

static void gives_the_graph_npm_fbp_gives(void **state)
{
    (void)state;
    each_case("valid", 30, check_valid);
}

static void check_invalid(const char *name)
{
    AUTO(buf_release) struct buf input = BUF_INIT;
    AUTO(buf_release) struct buf expected = BUF_INIT;
    struct fbp_place place = {0, 0};
    struct err e = ERR_INIT;
    struct graph *g = NULL;
    char prefix[64];

    read_file("invalid", name, "input.fbp", &input);
    read_file("invalid", name, "error", &expected);
    if (!fbp_parse(input.data, input.len, NULL, &g, NULL, &place, &e))
        fail_msg("%s: was accepted", name);
    assert_null(g);
    snprintf(prefix, sizeof(prefix), "line %zu, column %zu: ", place.line, place.column);
    assert_memory_equal(e.text, prefix, strlen(prefix));
    if (strlen(e.text) + 1 != expected.len || memcmp(e.text, expected.data, strlen(e.text)) != 0)
        fail_msg("%s: says \"%s\"", name, e.text);
}

static void refuses_with_line_column_and_what_was_expected(void **state)
{
    (void)state;
    each_case("invalid", 20, check_invalid);
}

static void check_written(const char *name)
{
    AUTO(buf_release) struct buf input = BUF_INIT;
    AUTO(buf_release) struct buf written = BUF_INIT;
    struct err e = ERR_INIT;
    struct graph *g;
    json_t *before, *after;

    read_file("valid", name, "input.fbp", &input);
    assert_int_equal(fbp_parse(input.data, input.len, NULL, &g, NULL, NULL, &e), 0);
    before = parse_to_json(input.data, input.len, name);
    if (fbp_write(g, &written, &e))
        fail_msg("%s: %s", name, e.text);
    after = parse_to_json(written.data ? written.data : "", written.len, name);
    assert_same_json(after, before, name);
    assert_same_order(after, before, name);
    graph_free(g);
    json_decref(before);
    json_decref(after);
}

static void keeps_the_graph_when_written_and_read_again(void **state)
{
    (void)state;
    each_case("valid", 30, check_written);
}

static void reads_port_names_as_written_when_case_sensitive(void **state)
{
    const char text[] = "a(A) Out -> iN b(B) -> c(C)";
    struct fbp_options options = {.case_sensitive = true};
    struct err e = ERR_INIT;
    struct graph *g;

    (void)state;
    assert_int_equal(fbp_parse(text, strlen(text), &options, &g, NULL, NULL, &e), 0);
    assert_string_equal(g->edges[0].src.port, "Out");
    assert_string_equal(g->edges[0].tgt.port, "iN");
    assert_string_equal(g->edges[1].src.port, "OUT");
    assert_string_equal(g->edges[1].tgt.port, "IN");
    graph_free(g);
}

static void warns_of_an_arrow_that_connects_nothing(void **state)
{
    const char text[] = "a(A) -> b -> c(C)\nb(B)\n";
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct err e = ERR_INIT;
    struct graph *g;

    (void)state;
    assert_int_equal(fbp_parse(text, strlen(text), NULL, &g, &warnings, NULL, &e), 0);
    assert_int_equal(g->n_edges, 1);
    assert_memory_equal(warnings.data, "line 1, column 9: ", 18);
    graph_free(g);
}

/* --- limits: at, and one past ------------------------------------------------------------ */

/* Whether the text is taken; if not, it must be for a limit. */
static bool is_within_limits(const struct buf *text)
{
    struct err e = ERR_INIT;
    struct graph *g;

    assert_false(text->failed);
    if (fbp_parse(text->data, text->len, NULL, &g, NULL, NULL, &e) == 0) {
        graph_free(g);
        return true;
    }
    assert_int_equal(e.code, ERR_LIMIT);
    return false;
}

static void takes_a_text_of_1_MiB_and_no_longer(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    buf_text(&text, "a(A)\n#");
    while (text.len < FBP_MAX_BYTES)
        buf_text(&text, "x");
    assert_true(is_within_limits(&text));
    buf_text(&text, "x");
    assert_false(is_within_limits(&text));
}

static void takes_so_many_processes_and_no_more(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    for (int i = 0; i < GRAPH_MAX_NODES; i++)
        buf_printf(&text, "a%d(A)\n", i);
    assert_true(is_within_limits(&text));
    buf_text(&text, "b(B)\n");
    assert_false(is_within_limits(&text));
}

static void takes_so_many_edges_and_no_more(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    for (int i = 0; i < GRAPH_MAX_EDGES; i++)
        buf_text(&text, "a(A) -> a(A)\n");
    assert_true(is_within_limits(&text));
    buf_text(&text, "'x' -> a(A)\n");
    assert_false(is_within_limits(&text));
}

static void takes_so_many_exported_ports_and_no_more(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    for (int i = 0; i < GRAPH_MAX_EXPORTS; i++)
        buf_printf(&text, "INPORT=a(A).X:P%d\n", i);
    assert_true(is_within_limits(&text));
    buf_text(&text, "INPORT=a.X:LAST\n");
    assert_false(is_within_limits(&text));
}

static void takes_JSON_so_deep_and_no_deeper(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        AUTO(buf_release) struct buf text = BUF_INIT;

        for (int i = 0; i < FBP_MAX_JSON_DEPTH + extra; i++)
            buf_text(&text, "[");
        for (int i = 0; i < FBP_MAX_JSON_DEPTH + extra; i++)
            buf_text(&text, "]");
        buf_text(&text, " -> a(A)");
        assert_int_equal(is_within_limits(&text), extra == 0);
    }
}

static void takes_an_index_so_high_and_no_higher(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        AUTO(buf_release) struct buf text = BUF_INIT;

        buf_printf(&text, "a(A) OUT[%d] -> a", FBP_MAX_INDEX + extra);
        assert_int_equal(is_within_limits(&text), extra == 0);
    }
}

static void never_reads_past_the_length_it_was_given(void **state)
{
    static const char text[] = "'it\\'s' -> IN a(A/b:x=1) OUT[3] -> IN b(B)\n# @k v\n"
                               "INPORT=a.IN:X {\"a\":[1,\"\\u00e9\"]} -> IN b\n";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        char *exact = malloc(len ? len : 1); /* a sanitizer sees the end of it */
        struct err e = ERR_INIT;
        struct graph *g;

        assert_non_null(exact);
        memcpy(exact, text, len);
        if (fbp_parse(exact, len, NULL, &g, NULL, NULL, &e) == 0)
            graph_free(g);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_graph_npm_fbp_gives),
        cmocka_unit_test(refuses_with_line_column_and_what_was_expected),
        cmocka_unit_test(keeps_the_graph_when_written_and_read_again),
        cmocka_unit_test(reads_port_names_as_written_when_case_sensitive),
        cmocka_unit_test(warns_of_an_arrow_that_connects_nothing),
        cmocka_unit_test(takes_a_text_of_1_MiB_and_no_longer),
        cmocka_unit_test(takes_so_many_processes_and_no_more),
        cmocka_unit_test(takes_so_many_edges_and_no_more),
        cmocka_unit_test(takes_so_many_exported_ports_and_no_more),
        cmocka_unit_test(takes_JSON_so_deep_and_no_deeper),
        cmocka_unit_test(takes_an_index_so_high_and_no_higher),
        cmocka_unit_test(never_reads_past_the_length_it_was_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
