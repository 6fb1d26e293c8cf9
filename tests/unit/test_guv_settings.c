/*
 * test_guv_settings.c - guv files against tests/data/guv: valid/NAME has a file and, as JSON, those
 * of its effective values that the case is about, and all its warnings; invalid/NAME has a file and
 * all its problems.
 */
#include "unit.h"

#include <dirent.h>
#include <jansson.h>
#include <math.h>

#include "config/settings.h"
#include "tool/config_source.h"
#include "tool/validate_report.h"

#define DATA SOURCE_DIR "/tests/data/guv/"

static void each_case(const char *folder, int at_least, void (*check)(const char *dir))
{
    struct dirent **entries;
    int n = scandir(folder, &entries, NULL, alphasort), cases = 0;

    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char dir[1024];

        snprintf(dir, sizeof(dir), "%s/%s", folder, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.') {
            check(dir);
            cases++;
        }
        free(entries[i]);
    }
    free(entries);
    assert_true(cases >= at_least);
}

static void read_file(const char *dir, const char *name, struct config_source *ret)
{
    char path[1200];
    struct err e = ERR_INIT;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (config_source_read(path, NULL, ret, &e))
        fail_msg("%s", e.text);
    buf_append(&ret->text, "", 0);
}

static int parse_text(const char *text, struct guv_settings *ret, struct buf *problems)
{
    return settings_parse(text, strlen(text), ret, problems);
}

/* --- the examples ------------------------------------------------------------------------ */

static bool is_equal(const json_t *want, const json_t *got)
{
    double a = json_number_value(want), b = json_number_value(got);

    if (json_is_number(want))
        return json_is_number(got) && fabs(a - b) <= 1e-6 * fmax(1, fabs(a));
    return json_equal(want, got);
}

static void assert_members(const char *dir, const char *where, json_t *want, json_t *got)
{
    const char *key;
    json_t *value;

    json_object_foreach(want, key, value)
    {
        json_t *is = json_object_get(got, key);

        if (strcmp(key, "roles") != 0 && !is_equal(value, is)) {
            AUTO(text_freep) char *a = json_dumps(value, JSON_ENCODE_ANY | JSON_INDENT(1));
            AUTO(text_freep) char *b = is ? json_dumps(is, JSON_ENCODE_ANY | JSON_INDENT(1)) : NULL;

            fail_msg("%s: %s.%s is %s, not %s", dir, where, key, b ? b : "not there", a);
        }
    }
}

static void assert_roles(const char *dir, json_t *want, const json_t *got)
{
    size_t i = 0;
    const char *name;
    json_t *role;

    assert_int_equal(json_array_size(got), json_object_size(want));
    json_object_foreach(want, name, role)
    {
        json_t *is = json_array_get(got, i++); /* in the file's order */

        assert_string_equal(json_string_value(json_object_get(is, "role")), name);
        assert_members(dir, name, role, is);
    }
}

static void check_valid(const char *dir)
{
    AUTO(config_source_release) struct config_source file = CONFIG_SOURCE_INIT;
    AUTO(config_source_release) struct config_source wanted = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    AUTO(buf_release) struct buf report = BUF_INIT;
    struct guv_settings settings;
    json_t *want, *got;

    read_file(dir, "guv.yaml", &file);
    read_file(dir, "settings.json", &wanted);
    if (settings_parse(file.text.data, file.text.len, &settings, &problems))
        fail_msg("%s: %s", dir, problems.data);
    assert_int_equal(validate_report_json(&settings, &report), 0);
    want = json_loads(wanted.text.data, 0, NULL);
    got = json_loads(report.data, 0, NULL);
    assert_non_null(want);
    assert_non_null(got);
    assert_members(dir, "", want, got);
    assert_roles(dir, json_object_get(want, "roles"), json_object_get(got, "roles"));
    json_decref(want);
    json_decref(got);
    settings_release(&settings);
}

static void check_invalid(const char *dir)
{
    AUTO(config_source_release) struct config_source file = CONFIG_SOURCE_INIT;
    AUTO(config_source_release) struct config_source wanted = CONFIG_SOURCE_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings settings;

    read_file(dir, "guv.yaml", &file);
    read_file(dir, "problems.txt", &wanted);
    assert_int_equal(settings_parse(file.text.data, file.text.len, &settings, &problems), -1);
    if (strcmp(problems.data, wanted.text.data) != 0)
        fail_msg("%s:\n%snot\n%s", dir, problems.data, wanted.text.data);
    assert_null(settings.roles);
    assert_null(settings.texts);
}

static void reads_what_files_say(void **state)
{
    (void)state;
    each_case(DATA "valid", 30, check_valid);
}

static void names_all_that_is_wrong(void **state)
{
    (void)state;
    each_case(DATA "invalid", 25, check_invalid);
}

/* --- beside them ------------------------------------------------------------------------- */

static void keeps_secrets_and_the_rest_of_everyone(void **state)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings s;

    (void)state;
    assert_int_equal(
        parse_text("'*': {broker: 'amqp://h', apikey: k, statuspage: s, metric: m}", &s, &problems),
        0);
    assert_string_equal(s.broker, "amqp://h");
    assert_string_equal(s.apikey, "k");
    assert_string_equal(s.statuspage, "s");
    assert_string_equal(s.metric, "m");
    settings_release(&s);
    settings_release(&s); /* again is fine */
}

static void finds_a_role_by_its_name(void **state)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings s;

    (void)state;
    assert_int_equal(parse_text("a: {max: 3}\nb: {max: 4}\n", &s, &problems), 0);
    assert_int_equal(settings_role(&s, "b")->maximum, 4);
    assert_int_equal(settings_role(&s, "b")->line, 2);
    assert_null(settings_role(&s, "c"));
    assert_null(settings_role(&s, "*"));
    settings_release(&s);
}

static void is_strict_about_keys_when_asked(void **state)
{
    static const char text[] = "a: {d: 300, lock: none, dedline: 5}\n'*': {p:60}\n";
    static const char *const allowed[] = {"lock", "p:60", "dedline"};
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct guv_settings s;

    (void)state;
    assert_int_equal(settings_parse_strictly(text, strlen(text), allowed, 1, &s, &problems), -1);
    assert_string_equal(problems.data,
                        "line 2: Unknown property (not in schema) for /*/p:60, which sets nothing: "
                        "a blank is missing, write 'p: 60'\n"
                        "line 1: Unknown property (not in schema) for /a/dedline\n");
    buf_clear(&problems);
    assert_int_equal(settings_parse_strictly(text, strlen(text), allowed, 3, &s, &problems), 0);
    assert_int_equal(s.warnings.len, 0);
    settings_release(&s);
}

static int parse_buf(const struct buf *text, struct buf *problems)
{
    struct guv_settings s;
    int rc;

    assert_false(text->failed);
    rc = settings_parse(text->data, text->len, &s, problems);
    if (rc == 0)
        settings_release(&s);
    return rc;
}

static void assert_limit(struct buf *text, const char *more, const char *problem)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;

    assert_int_equal(parse_buf(text, &problems), 0);
    buf_text(text, more);
    assert_int_equal(parse_buf(text, &problems), -1);
    assert_string_equal(problems.data, problem);
}

static void keeps_its_limits(void **state)
{
    AUTO(buf_release) struct buf roles = BUF_INIT;
    AUTO(buf_release) struct buf named = BUF_INIT;
    AUTO(buf_release) struct buf bytes = BUF_INIT;
    AUTO(buf_release) struct buf texts = BUF_INIT;

    (void)state;
    for (int i = 0; i < SETTINGS_MAX_ROLES; i++)
        buf_printf(&roles, "r%d: {d: 300}\n", i);
    buf_text(&roles, "'*': {boot: 5}\n");
    assert_limit(&roles, "one_more:\n", "line 1: 1001 roles, more than 1000\n");

    buf_text(&named, "a:\n");
    for (int i = 0; i < SETTINGS_MAX_KEYS; i++)
        buf_printf(&named, "  k%d: 1\n", i);
    assert_limit(&named, "  more: 1\n", "line 66, role 'a': more than 64 keys\n");

    for (size_t i = 0; i < SETTINGS_MAX_BYTES; i++)
        buf_text(&bytes, i % 100 ? "#" : "\n");
    assert_limit(&bytes, "#", "longer than 1048576 bytes\n");

    buf_text(&texts, "a: {d: 300}\n");
    for (int i = 0; i < SETTINGS_MAX_NAME; i++)
        buf_text(&texts, "n");
    buf_text(&texts, ": {d: 300}\nb:\n  d: 300\n  queue: q");
    for (int i = 1; i < SETTINGS_MAX_NAME; i++)
        buf_text(&texts, "q");
    assert_limit(&texts, "q", "line 5, role 'b', queue: must have at most 255 bytes, has 256\n");
}

static void keeps_long_texts_out_of_its_messages(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(buf_release) struct buf problems = BUF_INIT;

    (void)state;
    for (int i = 0; i < 10000; i++)
        buf_text(&text, "ü");
    buf_text(&text, "x: 5\n");
    assert_int_equal(parse_buf(&text, &problems), -1);
    assert_null(memchr(problems.data, '\xc3', 8)); /* "line 1, " */
    assert_true(problems.len < 1000);
}

/* --- memory ------------------------------------------------------------------------------ */

static int callocs_left = -1; /* until one fails; below 0: none does */

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
    if (callocs_left == 0)
        return NULL;
    callocs_left -= callocs_left > 0;
    return __real_calloc(n, size);
}

static void says_that_memory_is_short(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    int rc = -1, failures = 0;

    (void)state;
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "role_%d: {d: 300}\n", i);
    while (rc && failures < 1000) {
        AUTO(buf_release) struct buf problems = BUF_INIT;

        callocs_left = failures;
        rc = parse_buf(&text, &problems);
        callocs_left = -1;
        failures += rc != 0;
        assert_true(rc == 0 || strstr(problems.data, "no memory for"));
    }
    assert_true(failures > 3); /* blocks of the tree, and the roles */
    assert_int_equal(rc, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_files_say),
        cmocka_unit_test(names_all_that_is_wrong),
        cmocka_unit_test(keeps_secrets_and_the_rest_of_everyone),
        cmocka_unit_test(finds_a_role_by_its_name),
        cmocka_unit_test(is_strict_about_keys_when_asked),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(keeps_long_texts_out_of_its_messages),
        cmocka_unit_test(says_that_memory_is_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
