#include "job/problems.h"

#include "unit.h"

static const char *text_of(const struct problems *p, size_t i, const char *member)
{
    return json_string_value(json_object_get(json_array_get(p->list, i), member));
}

static void lists_each_fault_with_its_pointer(void **state)
{
    struct problems p = PROBLEMS_INIT;

    (void)state;
    assert_int_equal(problems_add(&p, "/images/0/width", "must be 1..%d", 4096), -1);
    assert_int_equal(problems_add(&p, "", "must be an object"), -1);
    assert_int_equal(p.count, 2);
    assert_int_equal(json_array_size(p.list), 2);
    assert_string_equal(text_of(&p, 0, "pointer"), "/images/0/width");
    assert_string_equal(text_of(&p, 0, "detail"), "must be 1..4096");
    assert_string_equal(text_of(&p, 1, "pointer"), "");
    problems_release(&p);
    assert_int_equal(p.count, 0);
    assert_null(p.list);
}

static void names_parameters_whatever_their_names_are(void **state)
{
    struct problems p = PROBLEMS_INIT;
    char name[200];

    (void)state;
    assert_int_equal(problems_add_parameter(&p, "status", "must be one of %s", "these"), -1);
    problems_add_parameter(&p, "\xff\x1b[2J", "unknown parameter");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    problems_add_parameter(&p, name, "unknown parameter");
    assert_string_equal(text_of(&p, 0, "parameter"), "status");
    assert_string_equal(text_of(&p, 0, "detail"), "must be one of these");
    assert_null(text_of(&p, 0, "pointer"));
    assert_string_equal(text_of(&p, 1, "parameter"), "??[2J");
    assert_int_equal(strlen(text_of(&p, 2, "parameter")), 60);
    problems_release(&p);
}

static void counts_faults_past_its_limit_without_listing_them(void **state)
{
    struct problems p = PROBLEMS_INIT;

    (void)state;
    for (int i = 0; i < PROBLEMS_MAX + 1; i++)
        problems_add(&p, "/x", "wrong");
    assert_int_equal(p.count, PROBLEMS_MAX + 1);
    assert_int_equal(json_array_size(p.list), PROBLEMS_MAX);
    problems_release(&p);
}

static void pointers_are_escaped(void **state)
{
    static const struct {
        const char *base, *member, *pointer;
    } cases[] = {
        {"", "images", "/images"}, {"/images/0", "width", "/images/0/width"},
        {"/a", "b/c", "/a/b~1c"},  {"/a", "~", "/a/~0"},
        {"/a", "~1/", "/a/~01~1"}, {"", "", "/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *pointer = problems_pointer(cases[i].base, cases[i].member);

        assert_string_equal(pointer, cases[i].pointer);
        free(pointer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_each_fault_with_its_pointer),
        cmocka_unit_test(names_parameters_whatever_their_names_are),
        cmocka_unit_test(counts_faults_past_its_limit_without_listing_them),
        cmocka_unit_test(pointers_are_escaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
