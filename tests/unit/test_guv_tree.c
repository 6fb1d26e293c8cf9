/*
 * test_guv_tree.c - YAML as a tree: what scalars are, aliases and merges, and every limit.
 */
#include "unit.h"

#include <math.h>

#include "base/buf.h"
#include "config/tree.h"

static int parse(const struct buf *text, struct tree *ret, struct err *e)
{
    assert_false(text->failed);
    return tree_parse(text->data ? text->data : "", text->len, ret, e);
}

static void assert_refused(const struct buf *text, enum err_code code, const char *why)
{
    struct err e = ERR_INIT;
    struct tree tree;

    assert_int_equal(parse(text, &tree, &e), -1);
    assert_string_equal(e.text, why);
    assert_int_equal(e.code, code);
    assert_null(tree.root);
    assert_null(tree.memory);
}

static void assert_taken(const struct buf *text)
{
    struct err e = ERR_INIT;
    struct tree tree;

    if (parse(text, &tree, &e))
        fail_msg("%s", e.text);
    tree_release(&tree);
}

static void put_many(struct buf *to, const char *text, int n)
{
    for (int i = 0; i < n; i++)
        buf_text(to, text);
}

static void knows_what_scalars_are(void **state)
{
    static const struct {
        const char *text;
        enum tree_kind kind;
        double number;
        bool is_odd;
    } cases[] = {
        {"~", TREE_NULL, 0, false},
        {"null", TREE_NULL, 0, false},
        {"NULL", TREE_NULL, 0, false},
        {"nULL", TREE_TEXT, 0, false},
        {"true", TREE_BOOL, 0, false},
        {"False", TREE_BOOL, 0, false},
        {"yes", TREE_TEXT, 0, false},
        {"0", TREE_NUMBER, 0, false},
        {"-0", TREE_NUMBER, 0, false},
        {"12", TREE_NUMBER, 12, false},
        {"+5", TREE_NUMBER, 5, false},
        {"-5", TREE_NUMBER, -5, false},
        {"+-5", TREE_TEXT, 0, false},
        {"1_000", TREE_NUMBER, 1000, false},
        {"_1", TREE_TEXT, 0, false},
        {"010", TREE_NUMBER, 8, true},
        {"08", TREE_TEXT, 0, false},
        {"0o10", TREE_TEXT, 0, false},
        {"0x1f", TREE_NUMBER, 31, true},
        {"-0x1F", TREE_NUMBER, -31, true},
        {"0x", TREE_TEXT, 0, false},
        {"0xg", TREE_TEXT, 0, false},
        {"0b11", TREE_NUMBER, 3, true},
        {"0b2", TREE_TEXT, 0, false},
        {"1:30", TREE_NUMBER, 90, true},
        {"1:60", TREE_TEXT, 0, false},
        {"1:2:03", TREE_NUMBER, 3723, true},
        {"1:30.5", TREE_NUMBER, 90.5, true},
        {"1:30.", TREE_NUMBER, 90, true},
        {"1:030", TREE_TEXT, 0, false},
        {"1:-3", TREE_TEXT, 0, false},
        {"0.5", TREE_NUMBER, 0.5, false},
        {".5", TREE_NUMBER, 0.5, false},
        {"5.", TREE_NUMBER, 5, false},
        {".", TREE_TEXT, 0, false},
        {"1.5.2", TREE_TEXT, 0, false},
        {"1e3", TREE_NUMBER, 1000, false},
        {"1.5E-1", TREE_NUMBER, 0.15, false},
        {"1e", TREE_TEXT, 0, false},
        {"1e+", TREE_TEXT, 0, false},
        {"e3", TREE_TEXT, 0, false},
        {"1e1e1", TREE_TEXT, 0, false},
        {"nan", TREE_TEXT, 0, false},
        {"inf", TREE_TEXT, 0, false},
        {"0x1p3", TREE_TEXT, 0, false},
        {".inf", TREE_NUMBER, (double)INFINITY, false},
        {"-.INF", TREE_NUMBER, -(double)INFINITY, false},
        {"1e999", TREE_NUMBER, (double)INFINITY, false},
        {"'5'", TREE_TEXT, 0, false},
        {"\"~\"", TREE_TEXT, 0, false},
        {"!!str 5", TREE_TEXT, 0, false},
        {"! 5", TREE_TEXT, 0, false},
        {"[]", TREE_LIST, 0, false},
        {"{}", TREE_MAP, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct err e = ERR_INIT;
        struct tree tree;

        assert_int_equal(tree_parse(cases[i].text, strlen(cases[i].text), &tree, &e), 0);
        if (tree.root->kind != cases[i].kind || tree.root->is_odd_number != cases[i].is_odd ||
            (cases[i].kind == TREE_NUMBER && tree.root->number != cases[i].number))
            fail_msg("%s: kind %d, %g", cases[i].text, (int)tree.root->kind, tree.root->number);
        tree_release(&tree);
    }
}

static void knows_nan(void **state)
{
    struct err e = ERR_INIT;
    struct tree tree;

    (void)state;
    assert_int_equal(tree_parse(".NaN", 4, &tree, &e), 0);
    assert_int_equal(tree.root->kind, TREE_NUMBER);
    assert_true(isnan(tree.root->number));
    tree_release(&tree);
}

static void keeps_lines_and_order(void **state)
{
    static const char text[] = "# one\nb: 1\n\na:\n  - x\n  - y: 2\nb: 3\nb: 4\n";
    struct err e = ERR_INIT;
    struct tree tree;
    const struct tree_pair *b, *a;

    (void)state;
    assert_int_equal(tree_parse(text, strlen(text), &tree, &e), 0);
    b = tree.root->pairs;
    a = b->next;
    assert_null(a->next);
    assert_string_equal(b->key, "b");
    assert_int_equal(b->line, 2);
    assert_int_equal(b->again_line, 7); /* the first time that it is given again */
    assert_int_equal((int)b->value->number, 1);
    assert_int_equal(a->line, 4);
    assert_int_equal(a->value->line, 5);
    assert_string_equal(a->value->items->value->text, "x");
    assert_int_equal(a->value->items->next->value->line, 6);
    tree_release(&tree);
}

static void merges_like_the_original(void **state)
{
    static const struct {
        const char *text, *pairs;
    } cases[] = {
        {"{<<: {a: 1, b: 2}, c: 3}", "a=1 b=2 c=3 "},
        {"{<<: {a: 1, b: 2}, a: 3}", "a=3 b=2 "},
        {"{a: 3, <<: {a: 1, b: 2}}", "a=3 b=2 "},
        {"{<<: [{a: 1}, {a: 2, b: 2}]}", "a=1 b=2 "},
        {"{<<: {<<: {a: 1}, b: 2}}", "a=1 b=2 "},
        {"{<<: ~, a: 1}", "a=1 "},
        {"{'<<': 1}", "<<=1 "}, /* in quotes it is a key as any other */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(buf_release) struct buf got = BUF_INIT;
        struct err e = ERR_INIT;
        struct tree tree;

        assert_int_equal(tree_parse(cases[i].text, strlen(cases[i].text), &tree, &e), 0);
        for (const struct tree_pair *pair = tree.root->pairs; pair; pair = pair->next) {
            assert_int_equal(pair->again_line, 0);
            buf_printf(&got, "%s=%s ", pair->key, pair->value->text);
        }
        assert_string_equal(got.data, cases[i].pairs);
        tree_release(&tree);
    }
}

static void shares_what_is_aliased(void **state)
{
    static const char text[] = "a: &x {b: 1}\nc: *x\nd: &x 5\ne: *x\n";
    struct err e = ERR_INIT;
    struct tree tree;
    const struct tree_pair *a, *c, *e_pair;

    (void)state;
    assert_int_equal(tree_parse(text, strlen(text), &tree, &e), 0);
    a = tree.root->pairs;
    c = a->next;
    e_pair = c->next->next;
    assert_ptr_equal(a->value, c->value);
    assert_int_equal((int)e_pair->value->number, 5); /* the newest anchor of a name */
    tree_release(&tree);
}

/* Nine lists of nine aliases each would be 9^9 texts if they were copied. */
static void bears_a_billion_laughs(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    buf_text(&text, "a0: &a0 ha\n");
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
        buf_text(&text, "]\n");
    }
    assert_taken(&text);
}

static void counts_what_is_merged(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(buf_release) struct buf why = BUF_INIT;

    (void)state;
    buf_text(&text, "base: &b {");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, "k%d: , ", i);
    buf_text(&text, "}\n");
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "m%d: {<<: *b}\n", i);
    buf_printf(&why, "line 100: more than %d values", TREE_MAX_NODES);
    assert_refused(&text, ERR_LIMIT, why.data);
}

static void keeps_its_limits(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    put_many(&text, "[", TREE_MAX_DEPTH);
    put_many(&text, "]", TREE_MAX_DEPTH);
    assert_taken(&text);
    buf_clear(&text);
    put_many(&text, "[", TREE_MAX_DEPTH + 1);
    put_many(&text, "]", TREE_MAX_DEPTH + 1);
    assert_refused(&text, ERR_LIMIT, "line 1: nested more than 20 deep");

    buf_clear(&text);
    put_many(&text, "- \n", TREE_MAX_NODES - 1); /* and the list itself */
    assert_taken(&text);
    put_many(&text, "- \n", 1);
    assert_refused(&text, ERR_LIMIT, "line 100000: more than 100000 values");

    buf_clear(&text);
    for (int i = 0; i < TREE_MAX_PAIRS; i++)
        buf_printf(&text, "k%d:\n", i);
    assert_taken(&text);
    buf_text(&text, "more:\n");
    assert_refused(&text, ERR_LIMIT, "line 1201: more than 1200 keys in one map");

    buf_clear(&text);
    for (int i = 0; i < TREE_MAX_ANCHORS; i++)
        buf_printf(&text, "- &a%d x\n", i);
    assert_taken(&text);
    buf_text(&text, "- &more x\n");
    assert_refused(&text, ERR_LIMIT, "line 201: more than 200 anchors");

    buf_clear(&text);
    put_many(&text, "x", TREE_MAX_TEXT);
    assert_taken(&text);
    buf_text(&text, "x");
    assert_refused(&text, ERR_LIMIT, "line 1: a text of more than 16384 bytes");
}

/* libyaml looks ahead for keys; a long run of brackets must be stopped before that costs much. */
static void ends_early_on_a_megabyte_of_brackets(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    (void)state;
    put_many(&text, "[", 1024 * 1024);
    assert_refused(&text, ERR_LIMIT, "line 1: nested more than 20 deep");
    buf_clear(&text);
    put_many(&text, "{a: ", 256 * 1024);
    assert_refused(&text, ERR_LIMIT, "line 1: nested more than 20 deep");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_scalars_are),
        cmocka_unit_test(knows_nan),
        cmocka_unit_test(keeps_lines_and_order),
        cmocka_unit_test(merges_like_the_original),
        cmocka_unit_test(shares_what_is_aliased),
        cmocka_unit_test(bears_a_billion_laughs),
        cmocka_unit_test(counts_what_is_merged),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(ends_early_on_a_megabyte_of_brackets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
