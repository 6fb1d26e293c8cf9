#include "unit.h"

#include "job/output_target.h"

static void defaults_to_postgres(void **state)
{
    struct output_target t;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(output_target_parse(NULL, NULL, &t, &e), 0);
    assert_int_equal(t.kind, OUTPUT_POSTGRES);
}

static void uses_bucketeer_only_where_nothing_is_set(void **state)
{
    struct output_target t;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(output_target_parse(NULL, "bucketeer-1a2b", &t, &e), 0);
    assert_int_equal(t.kind, OUTPUT_S3);
    assert_string_equal(t.bucket, "bucketeer-1a2b");
    assert_string_equal(t.prefix, "public");
    assert_int_equal(output_target_parse("postgres:", "bucketeer-1a2b", &t, &e), 0);
    assert_int_equal(t.kind, OUTPUT_POSTGRES);
}

static void reads_folders_and_buckets(void **state)
{
    static const struct {
        const char *setting;
        enum output_kind kind;
        const char *dir, *bucket, *prefix;
    } cases[] = {
        {"file:///srv/outputs", OUTPUT_FILE, "/srv/outputs", "", ""},
        {"file:///srv/outputs//", OUTPUT_FILE, "/srv/outputs", "", ""},
        {"s3://images", OUTPUT_S3, "", "images", ""},
        {"s3://images/", OUTPUT_S3, "", "images", ""},
        {"s3://my.images-1/public/small/", OUTPUT_S3, "", "my.images-1", "public/small"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output_target t;
        struct err e = ERR_INIT;

        assert_int_equal(output_target_parse(cases[i].setting, NULL, &t, &e), 0);
        assert_int_equal(t.kind, cases[i].kind);
        assert_string_equal(t.dir, cases[i].dir);
        assert_string_equal(t.bucket, cases[i].bucket);
        assert_string_equal(t.prefix, cases[i].prefix);
    }
}

static void refuses_other_places_and_names_the_setting(void **state)
{
    static const char *const cases[] = {
        "ftp://x",         "postgres:/",      "file:///",
        "file://relative", "s3://",           "s3:///prefix",
        "s3://ab",         "s3://Images",     "s3://images/a//b",
        "s3://images/a b", "s3://images/%41", "s3://images/a/../b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct output_target t;
        struct err e = ERR_INIT;

        assert_int_equal(output_target_parse(cases[i], NULL, &t, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_non_null(strstr(e.text, "IMAGERESIZE_OUTPUT"));
    }
}

static void takes_the_longest_names_and_none_longer(void **state)
{
    char setting[OUTPUT_DIR_SIZE + 20] = "file:///";
    struct output_target t;
    struct err e = ERR_INIT;

    (void)state;
    memset(setting + 8, 'd', OUTPUT_DIR_SIZE - 2);
    assert_int_equal(output_target_parse(setting, NULL, &t, &e), 0);
    setting[8 + OUTPUT_DIR_SIZE - 2] = 'd';
    assert_int_equal(output_target_parse(setting, NULL, &t, &e), -1);
}

static void names_an_output_by_image_and_hash(void **state)
{
    char name[OUTPUT_NAME_SIZE];

    (void)state;
    output_name_make("0192d3a4-5b6c-7d8e-9f00-112233445566",
                     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "webp",
                     name);
    assert_string_equal(name, "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef.webp");
    assert_true(output_name_is_valid(name));
}

static void knows_names_that_no_output_has(void **state)
{
    static const char *const cases[] = {
        "",
        "a.jpg",
        "../../etc/passwd",
        "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef",
        "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef.",
        "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef.j/g",
        "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdeg.jpg",
        "0192d3a4-5b6c-7d8e-9f00-112233445566-0123456789abcdef.jpegs",
        "0192d3a4-5b6c-7d8e-9f00-112233445566/0123456789abcdef.jpg",
        "0192d3a4-5b6c-7d8e-9f00-11223344556g-0123456789abcdef.jpg",
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_false(output_name_is_valid(cases[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_to_postgres),
        cmocka_unit_test(uses_bucketeer_only_where_nothing_is_set),
        cmocka_unit_test(reads_folders_and_buckets),
        cmocka_unit_test(refuses_other_places_and_names_the_setting),
        cmocka_unit_test(takes_the_longest_names_and_none_longer),
        cmocka_unit_test(names_an_output_by_image_and_hash),
        cmocka_unit_test(knows_names_that_no_output_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
