#include "guv/formation/procfile.h"

#include "base/buf.h"

#include "unit.h"

static int parse(const char *text, struct procfile *ret, struct err *e)
{
    return procfile_parse(text, strlen(text), ret, e);
}

static void reads_types_and_commands_in_order(void **state)
{
    AUTO(procfile_release) struct procfile p = {.n = 0};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(
        parse("# who is there\r\n\nweb: a --b 'c: d'\r\n  my_work-2:\tx\nlast: y", &p, &e), 0);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.entries[0].type, "web");
    assert_string_equal(p.entries[0].command, "a --b 'c: d'");
    assert_string_equal(p.entries[1].type, "my_work-2");
    assert_string_equal(p.entries[1].command, "x");
    assert_string_equal(p.entries[2].command, "y");
}

static void an_empty_procfile_has_no_types(void **state)
{
    struct procfile p;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(parse("", &p, &e), 0);
    assert_int_equal(p.n, 0);
}

static void refuses_what_is_no_procfile_and_names_the_line(void **state)
{
    static const struct {
        const char *text;
        const char *error;
    } cases[] = {
        {"web: a\nweb: b\n", "line 2: type 'web' is there already"},
        {"web: a\n\nrun it\n", "line 3: want 'type: command', found 'run it'"},
        {": a", "line 1: want 'type: command', found ': a'"},
        {"we b: a", "line 1: want 'type: command', found 'we b: a'"},
        {"web:  \t\n", "line 1: type 'web' has no command"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct procfile p;
        struct err e = ERR_INIT;

        assert_int_equal(parse(cases[i].text, &p, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_string_equal(e.text, cases[i].error);
        assert_int_equal(p.n, 0);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    struct procfile p;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(procfile_parse("web: a\0b\n", 9, &p, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
}

static enum err_code parse_types(int n)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(procfile_release) struct procfile p = {.n = 0};
    struct err e = ERR_INIT;

    for (int i = 0; i < n; i++)
        buf_printf(&text, "t%d: x\n", i);
    return procfile_parse(text.data, text.len, &p, &e) ? e.code : ERR_NONE;
}

static enum err_code parse_type_of(int characters)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(procfile_release) struct procfile p = {.n = 0};
    struct err e = ERR_INIT;

    buf_printf(&text, "%0*d: x\n", characters, 0);
    return procfile_parse(text.data, text.len, &p, &e) ? e.code : ERR_NONE;
}

static enum err_code parse_bytes(size_t bytes)
{
    AUTO(text_freep) char *text = malloc(bytes);
    struct procfile p;
    struct err e = ERR_INIT;

    assert_non_null(text);
    memset(text, '#', bytes);
    return procfile_parse(text, bytes, &p, &e) ? e.code : ERR_NONE;
}

static void each_limit_holds_and_one_past_it_is_refused(void **state)
{
    (void)state;
    assert_int_equal(parse_types(PROCFILE_MAX_TYPES), ERR_NONE);
    assert_int_equal(parse_types(PROCFILE_MAX_TYPES + 1), ERR_LIMIT);
    assert_int_equal(parse_type_of(PROCFILE_TYPE_MAX), ERR_NONE);
    assert_int_equal(parse_type_of(PROCFILE_TYPE_MAX + 1), ERR_LIMIT);
    assert_int_equal(parse_bytes(PROCFILE_MAX_BYTES), ERR_NONE);
    assert_int_equal(parse_bytes(PROCFILE_MAX_BYTES + 1), ERR_LIMIT);
}

static void plain_words_need_no_shell(void **state)
{
    char **words = command_words("dist/bin/web  --role\tweb --x=1");

    (void)state;
    assert_non_null(words);
    assert_string_equal(words[0], "dist/bin/web");
    assert_string_equal(words[1], "--role");
    assert_string_equal(words[2], "web");
    assert_string_equal(words[3], "--x=1");
    assert_null(words[4]);
    command_words_free(words);
}

static void what_a_shell_would_read_is_left_to_it(void **state)
{
    static const char *const commands[] = {
        "a 'b'",   "a \"b\"", "a $B",  "a | b", "a && b", "a; b",  "A=1 b",
        "a > b",   "a `b`",   "(a)",   "a *",   "a ~/b",  "a \\b", "a #b",
        "a {b,c}", "a ?",     "a [b]", "! a",   "a&",     "",      " ",
    };

    (void)state;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        assert_null(command_words(commands[i]));
}

static void more_words_than_the_limit_go_to_the_shell(void **state)
{
    AUTO(buf_release) struct buf command = BUF_INIT;
    char **words;

    (void)state;
    for (int i = 0; i < COMMAND_MAX_WORDS; i++)
        buf_text(&command, "w ");
    words = command_words(command.data);
    assert_non_null(words);
    command_words_free(words);
    buf_text(&command, "w");
    assert_null(command_words(command.data));
}

static void collect(void *arg, const char *name, const char *value)
{
    buf_printf(arg, "%s=%s|", name, value);
}

static void reads_env_files(void **state)
{
    static const char text[] = "# settings\nA=1\nexport B= two words \nC=\"a $B\"\r\nD='x'\nE=\n"
                               "F=\"half\nG=a=b";
    AUTO(buf_release) struct buf seen = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(envfile_parse(text, strlen(text), collect, &seen, &e), 0);
    assert_string_equal(seen.data, "A=1|B= two words|C=a $B|D=x|E=|F=\"half|G=a=b|");
}

static void refuses_what_is_no_env_file_and_names_the_line(void **state)
{
    static const char *const texts[] = {"A=1\nnothing\n", "A=1\n=x\n", "A=1\n1A=x\n", "A=1\nA B=x"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        AUTO(buf_release) struct buf seen = BUF_INIT;
        struct err e = ERR_INIT;

        assert_int_equal(envfile_parse(texts[i], strlen(texts[i]), collect, &seen, &e), -1);
        assert_string_equal(e.text, "line 2: want KEY=VALUE");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_types_and_commands_in_order),
        cmocka_unit_test(an_empty_procfile_has_no_types),
        cmocka_unit_test(refuses_what_is_no_procfile_and_names_the_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(each_limit_holds_and_one_past_it_is_refused),
        cmocka_unit_test(plain_words_need_no_shell),
        cmocka_unit_test(what_a_shell_would_read_is_left_to_it),
        cmocka_unit_test(more_words_than_the_limit_go_to_the_shell),
        cmocka_unit_test(reads_env_files),
        cmocka_unit_test(refuses_what_is_no_env_file_and_names_the_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
