/*
 * The table of settings, and that the README has each of its rows, to the letter.
 */
#include "base/buf.h"
#include "job/image_error.h"
#include "job/settings.h"

#include "unit.h"

static char *read_text(const char *path)
{
    AUTO(buf_release) struct buf b = BUF_INIT;
    char part[4096];
    FILE *file = fopen(path, "r");
    size_t n;

    assert_non_null(file);
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_append(&b, part, n);
    fclose(file);
    return buf_detach(&b);
}

static void programs_of(unsigned used_by, struct buf *ret)
{
    static const struct {
        unsigned bit;
        const char *name;
    } programs[] = {{PROGRAM_WEB, "web"}, {PROGRAM_RESIZE, "resize"}, {PROGRAM_STORE, "store"}};

    if (used_by == (PROGRAM_WEB | PROGRAM_RESIZE | PROGRAM_STORE)) {
        buf_text(ret, "all");
        return;
    }
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
        if (used_by & programs[i].bit)
            buf_printf(ret, "%s%s", ret->len ? ", " : "", programs[i].name);
}

/* "| `NAME`, else `OTHER` | 10 s | resize | help |" */
static void row_of(const struct config_setting *s, struct buf *ret)
{
    AUTO(buf_release) struct buf programs = BUF_INIT;

    programs_of(s->used_by, &programs);
    buf_printf(ret, "| `%s`", s->name);
    if (s->fallback)
        buf_printf(ret, ", else `%s`", s->fallback);
    buf_printf(ret, " | %s%s%s | %s | %s |\n", s->value_default ? s->value_default : "",
               s->value_default && *s->unit ? " " : "", s->value_default ? s->unit : "",
               programs.data, s->help);
}

static void every_setting_is_a_row_of_the_readme(void **state)
{
    AUTO(text_freep) char *readme = read_text(SOURCE_DIR "/README.md");
    size_t missing = 0;

    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        AUTO(buf_release) struct buf row = BUF_INIT;

        row_of(&settings_table[i], &row);
        if (!strstr(readme, row.data)) {
            print_message("not in README.md: %s", row.data);
            missing++;
        }
    }
    assert_int_equal(missing, 0);
}

static void every_default_is_within_its_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *s = &settings_table[i];
        int64_t n;

        if (s->kind != CONFIG_NUMBER)
            continue;
        assert_int_equal(config_parse_number(s->value_default, &n), 0);
        assert_true(n >= s->min && n <= s->max);
    }
}

static void all_problems_are_reported_at_once(void **state)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct settings settings;

    (void)state;
    setenv("PORT", "0", 1);
    setenv("DATABASE_URL", "mysql://host/db", 1);
    setenv("IMAGERESIZE_OUTPUT", "ftp://host", 1);
    setenv("IMAGERESIZE_API_KEYS", "k1,k2", 1);
    assert_int_equal(config_load(settings_table, settings_count, PROGRAM_WEB, &settings, &problems),
                     -1);
    assert_non_null(strstr(problems.data, "PORT: must be 1..65535, is '0'\n"));
    assert_non_null(strstr(problems.data, "DATABASE_URL: must start with postgres://"));
    assert_non_null(strstr(problems.data, "IMAGERESIZE_OUTPUT: must be postgres:, file:///dir or"));
    assert_non_null(strstr(problems.data, "IMAGERESIZE_API_KEYS: "));
    assert_null(strstr(problems.data, "k1"));
    unsetenv("PORT");
    unsetenv("DATABASE_URL");
    unsetenv("IMAGERESIZE_OUTPUT");
    unsetenv("IMAGERESIZE_API_KEYS");
}

/* Heroku's router keeps its connections for 90 s of idleness: were ours closed before, a request
 * would meet a closed one. */
static void connections_are_kept_longer_than_herokus_router_does(void **state)
{
    AUTO(buf_release) struct buf problems = BUF_INIT;
    struct settings settings;

    (void)state;
    assert_int_equal(config_load(settings_table, settings_count, PROGRAM_WEB, &settings, &problems),
                     0);
    assert_true(settings.keep_alive_s > 95);
}

static void numbers_are_taken_at_their_bounds_and_not_past_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        const struct config_setting *s = &settings_table[i];
        const int64_t values[] = {s->min, s->max, s->min - 1, s->max + 1};

        if (s->kind != CONFIG_NUMBER)
            continue;
        for (size_t j = 0; j < 4; j++) {
            AUTO(buf_release) struct buf problems = BUF_INIT;
            struct settings settings;
            char text[32];

            snprintf(text, sizeof text, "%lld", (long long)values[j]);
            setenv(s->name, text, 1);
            assert_int_equal(config_load(s, 1, s->used_by, &settings, &problems), j < 2 ? 0 : -1);
        }
        unsetenv(s->name);
    }
}

static void the_public_address_is_taken_up_to_its_limit(void **state)
{
    char url[SETTINGS_PUBLIC_URL_MAX + 2];

    (void)state;
    for (size_t len = SETTINGS_PUBLIC_URL_MAX; len <= SETTINGS_PUBLIC_URL_MAX + 1; len++) {
        AUTO(buf_release) struct buf problems = BUF_INIT;
        struct settings settings;

        memset(url, 'a', len);
        memcpy(url, "https://", 8);
        url[len] = '\0';
        setenv("IMAGERESIZE_PUBLIC_URL", url, 1);
        assert_int_equal(
            config_load(settings_table, settings_count, PROGRAM_WEB, &settings, &problems),
            len > SETTINGS_PUBLIC_URL_MAX ? -1 : 0);
    }
    unsetenv("IMAGERESIZE_PUBLIC_URL");
}

static void image_errors_are_found_by_their_codes(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGE_ERROR_COUNT; i++) {
        const struct image_error_kind *kind = image_error_kind((enum image_error_code)i);

        assert_int_equal(image_error_find(kind->code), i);
        assert_non_null(kind->stage);
    }
    assert_int_equal(image_error_find("nonsense"), IMAGE_ERROR_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_a_row_of_the_readme),
        cmocka_unit_test(every_default_is_within_its_bounds),
        cmocka_unit_test(all_problems_are_reported_at_once),
        cmocka_unit_test(connections_are_kept_longer_than_herokus_router_does),
        cmocka_unit_test(numbers_are_taken_at_their_bounds_and_not_past_them),
        cmocka_unit_test(the_public_address_is_taken_up_to_its_limit),
        cmocka_unit_test(image_errors_are_found_by_their_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
