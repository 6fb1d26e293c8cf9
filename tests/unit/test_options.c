/*
 * test_options.c - the option table of the msgflo tool: what is taken, what is refused, and what
 * --help says.
 */
#include "unit.h"

#include "base/options.h"

struct values {
    bool flag;
    const char *file;
    int64_t seconds;
    struct option_texts lines, roles;
};

#define AT(member) .offset = offsetof(struct values, member)
static const struct option_spec specs[] = {
    {.name = "flag", .letter = 'f', .kind = OPTION_FLAG, AT(flag), .help = "is a flag"},
    {.name = "file",
     .alias = "path",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .value = "FILE",
     AT(file),
     .value_default = "-",
     .help = "is a file with so long a description that it goes on below"},
    {.name = "seconds",
     .kind = OPTION_NUMBER,
     .value = "S",
     AT(seconds),
     .value_default = "30",
     .max = 60,
     .unit = "seconds",
     .help = "is a time"},
    {.name = "line", .kind = OPTION_TEXTS, .value = "LINE", AT(lines), .help = "is a line"},
    {.name = "role", .kind = OPTION_ITEMS, .value = "ROLE,...", AT(roles), .help = "is a role"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

struct parsed {
    char text[200]; /* the command line; the values point into it */
    struct values values;
    struct option_texts rest;
    struct err e;
};

/* words: the command line after the command's name, split at blanks. */
static enum options_result parse(const char *words, struct parsed *ret)
{
    char *argv[40] = {ret->text}, *rest = NULL;
    int argc = 1;

    memset(ret, 0, sizeof(*ret));
    snprintf(ret->text, sizeof(ret->text), "name %s", words);
    for (char *word = strtok_r(ret->text + 5, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    return options_parse(&table, argc, argv, &ret->values, &ret->rest, &ret->e);
}

static void has_defaults(void **state)
{
    struct parsed p;

    (void)state;
    assert_int_equal(parse("", &p), OPTIONS_OK);
    assert_false(p.values.flag);
    assert_string_equal(p.values.file, "-");
    assert_int_equal(p.values.seconds, 30);
    assert_int_equal(p.values.lines.n + p.values.roles.n + p.rest.n, 0);
}

static void takes_options_before_and_after_arguments_in_every_spelling(void **state)
{
    struct parsed p;

    (void)state;
    assert_int_equal(
        parse("a --flag --file=x --seconds 5 b --line=1 --line 2 --role r,s --role t", &p),
        OPTIONS_OK);
    assert_true(p.values.flag);
    assert_string_equal(p.values.file, "x");
    assert_int_equal(p.values.seconds, 5);
    assert_int_equal(p.values.lines.n, 2);
    assert_string_equal(p.values.lines.items[1], "2");
    assert_int_equal(p.values.roles.n, 3);
    assert_true(option_texts_have(&p.values.roles, "s"));
    assert_false(option_texts_have(&p.values.roles, "r,s"));
    assert_int_equal(p.rest.n, 2);
    assert_string_equal(p.rest.items[1], "b");
    assert_int_equal(parse("-f -o y --path z -- --flag", &p), OPTIONS_OK);
    assert_string_equal(p.values.file, "z");
    assert_string_equal(p.rest.items[0], "--flag");
}

static void takes_a_flag_as_npm_does(void **state)
{
    static const struct {
        const char *words;
        bool value;
        size_t n_rest;
    } cases[] = {{"--flag=true", true, 0},
                 {"--flag=false", false, 0},
                 {"--flag true x", true, 1},
                 {"--flag false", false, 0},
                 {"--flag graph.fbp", true, 1}};
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(parse(cases[i].words, &p), OPTIONS_OK);
        assert_int_equal(p.values.flag, cases[i].value);
        assert_int_equal(p.rest.n, cases[i].n_rest);
    }
}

static void says_which_option_is_wrong_and_what_it_takes(void **state)
{
    static const struct {
        const char *words, *error;
    } cases[] = {
        {"--flga", "there is no option '--flga'"},
        {"--file", "--file: FILE is missing"},
        {"-o", "--file: FILE is missing"},
        {"-x", "there is no option '-x'"},
        {"--seconds 61", "--seconds: 0 to 60 seconds, not '61'"},
        {"--seconds=-1", "--seconds: 0 to 60 seconds, not '-1'"},
        {"--seconds 1s", "--seconds: 0 to 60 seconds, not '1s'"},
        {"--flag=maybe", "--flag: true or false, not 'maybe'"},
    };
    struct parsed p;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(parse(cases[i].words, &p), OPTIONS_WRONG);
        assert_string_equal(p.e.text, cases[i].error);
    }
}

static void refuses_more_repeats_than_it_can_hold(void **state)
{
    static char *argv[OPTIONS_MAX_REPEATS + 2];
    static char option[] = "--line=x";
    struct values values = {0};
    struct option_texts rest;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < OPTIONS_MAX_REPEATS + 2; i++)
        argv[i] = option;
    assert_int_equal(options_parse(&table, OPTIONS_MAX_REPEATS + 1, argv, &values, &rest, &e),
                     OPTIONS_OK);
    memset(&values, 0, sizeof(values));
    assert_int_equal(options_parse(&table, OPTIONS_MAX_REPEATS + 2, argv, &values, &rest, &e),
                     OPTIONS_WRONG);
    assert_string_equal(e.text, "--line: at most 100 times");
}

static void prints_its_table_as_help(void **state)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct parsed p;

    (void)state;
    assert_int_equal(parse("a --help", &p), OPTIONS_HELP);
    assert_int_equal(parse("-h", &p), OPTIONS_HELP);
    options_help(&table, &out);
    assert_string_equal(
        out.data, "  -f, --flag            is a flag\n"
                  "  -o, --file FILE       is a file with so long a description that it goes on\n"
                  "                        below (-)\n"
                  "  --seconds S           is a time (30)\n"
                  "  --line LINE           is a line; may be repeated\n"
                  "  --role ROLE,...       is a role; may be repeated\n"
                  "  -h, --help            prints this\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults),
        cmocka_unit_test(takes_options_before_and_after_arguments_in_every_spelling),
        cmocka_unit_test(takes_a_flag_as_npm_does),
        cmocka_unit_test(says_which_option_is_wrong_and_what_it_takes),
        cmocka_unit_test(refuses_more_repeats_than_it_can_hold),
        cmocka_unit_test(prints_its_table_as_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
