/* The deadlines that the page measures by and those that guv scales by are the same ones. */
#include "base/buf.h"
#include "config/settings.h"
#include "job/settings.h"

#include "unit.h"

static void the_defaults_are_those_of_the_guv_file(void **state)
{
    static const struct {
        const char *setting, *role;
    } cases[] = {{"IMAGERESIZE_DEADLINE", "resize"}, {"IMAGERESIZE_DEADLINE_BULK", "bulk"}};
    AUTO(buf_release) struct buf text = BUF_INIT, problems = BUF_INIT;
    FILE *file = fopen(SOURCE_DIR "/graphs/guv.yaml", "r");
    struct guv_settings guv;
    char part[4096];
    size_t n, found = 0;

    (void)state;
    assert_non_null(file);
    while ((n = fread(part, 1, sizeof part, file)) > 0)
        buf_append(&text, part, n);
    fclose(file);
    assert_int_equal(settings_parse(text.data, text.len, &guv, &problems), 0);
    for (size_t i = 0; i < settings_count; i++)
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            int64_t seconds;

            if (strcmp(settings_table[i].name, cases[k].setting) != 0)
                continue;
            assert_int_equal(config_parse_number(settings_table[i].value_default, &seconds), 0);
            assert_true(settings_role(&guv, cases[k].role)->deadline_s == (double)seconds);
            found++;
        }
    assert_int_equal(found, 2);
    settings_release(&guv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_those_of_the_guv_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
