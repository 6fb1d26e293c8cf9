/*
 * test_foreign.c - a participant described in YAML becomes an announcement.
 */
#include "unit.h"

#include <jansson.h>

#include "base/buf.h"
#include "tool/foreign.h"

/* The payload that text is announced with, as compact JSON; or the error. New. */
static char *payload_of(const char *text, const char *role)
{
    struct foreign f;
    struct err e = ERR_INIT;
    json_t *message;
    char *payload;

    if (foreign_parse(text, strlen(text), role, &f, &e))
        return strdup(e.text);
    message = json_loads(f.announcement, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(message, "protocol")), "discovery");
    assert_string_equal(json_string_value(json_object_get(message, "command")), "participant");
    payload = json_dumps(json_object_get(message, "payload"), JSON_COMPACT);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(message, "payload"), "id")), f.id);
    json_decref(message);
    foreign_release(&f);
    return payload;
}

static void makes_the_announcement_of_a_definition(void **state)
{
    static const struct {
        const char *text, *role, *payload;
    } cases[] = {
        /* npm's fixtures: ports as a list, the role given or overridden */
        {"component: my/Bulb\nicon: 'file-word-o'\nrole: mybulb\ninports:\n-\n  id: 'enable'\n"
         "  type: 'boolean'\n  description: ''\n  queue: '/bulb/1/on'\noutports: []\n",
         NULL,
         "{\"component\":\"my/Bulb\",\"icon\":\"file-word-o\",\"role\":\"mybulb\",\"inports\":"
         "[{\"id\":\"enable\",\"type\":\"boolean\",\"description\":\"\",\"queue\":\"/bulb/1/on\"}],"
         "\"outports\":[],\"id\":\"mybulb\"}"},
        {"component: c\nrole: a\noutports:\n  state: {queue: '/#ROLE/a/#ROLE'}\n  x: {queue: x, "
         "type: int}\n",
         "b",
         "{\"component\":\"c\",\"role\":\"b\",\"outports\":[{\"queue\":\"/b/a/b\",\"id\":\"state\","
         "\"type\":\"any\"},{\"queue\":\"x\",\"type\":\"int\",\"id\":\"x\"}],\"id\":\"b\","
         "\"inports\":[]}"},
        /* what is not known is passed on, values as YAML means them */
        {"component: c\nid: one\nextra: {a: 1, b: 0.5, c: [yes, true, ~, '1', 012]}\ninports:\n",
         "r",
         "{\"component\":\"c\",\"id\":\"one\",\"extra\":{\"a\":1,\"b\":0.5,\"c\":[\"yes\",true,"
         "null,"
         "\"1\",\"012\"]},\"inports\":[],\"role\":\"r\",\"outports\":[]}"},
        {"component: 5\n", "r",
         "{\"component\":\"5\",\"role\":\"r\",\"id\":\"r\",\"inports\":[],\"outports\":[]}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(text_freep) char *got = payload_of(cases[i].text, cases[i].role);

        assert_string_equal(got, cases[i].payload);
    }
}

static void names_the_line_of_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *role, *error;
    } cases[] = {
        {"", "r", "line 1: a participant must be a map"},
        {"- a\n", "r", "line 1: a participant must be a map"},
        {"\nlabel: x\n", "r", "line 2: component is missing"},
        {"component: ''\n", "r", "line 1: component is missing"},
        {"component: c\n", NULL, "line 1: role is missing, and none was given"},
        {"component: c\ninports: 5\n", "r", "line 2: inports must be a map or a list"},
        {"component: c\ninports:\n  a: b\n", "r", "line 3: a port of inports must be a map"},
        {"component: c\ninports:\n  a: {type: x}\n", "r",
         "line 3: port 'a' of inports has no queue"},
        {"component: c\noutports:\n- queue: x\n", "r", "line 3: a port of outports has no id"},
        {"component: c\n? [a]\n: b\n", "r", "line 2: a key must be a text"},
        {"component: c\nlabel: \"\\0\"\n", "r", "line 2: a text must not hold a NUL"},
        {"component: c\n\"\\0\": x\n", "r", "line 2: a text must not hold a NUL"},
        {"component: c\n  label: {\n", "r",
         "line 2: mapping values are not allowed in this context"},
        {"component: &a [*a]\n", "r", "line 1: component is missing"},
        {"component: c\nx: &a [*a]\n", "r", "line 2: nested too deep"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        AUTO(text_freep) char *got = payload_of(cases[i].text, cases[i].role);

        assert_string_equal(got, cases[i].error);
    }
}

/* Each alias stands for ten of the one before. */
static void refuses_a_text_that_aliases_blow_up(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    AUTO(text_freep) char *error = NULL;

    (void)state;
    buf_text(&text, "component: c\na0: &a0 x\n");
    for (int i = 1; i < 9; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 10; j++)
            buf_printf(&text, "%s*a%d", j ? ", " : "", i - 1);
        buf_text(&text, "]\n");
    }
    error = payload_of(text.data, "r");
    assert_non_null(strstr(error, ": too many values"));
}

static void refuses_a_text_past_its_limit(void **state)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    struct foreign f;
    struct err e = ERR_INIT;

    (void)state;
    buf_text(&text, "component: c\n#");
    while (text.len < FOREIGN_MAX_BYTES)
        buf_text(&text, "x");
    assert_int_equal(foreign_parse(text.data, text.len, "r", &f, &e), 0);
    foreign_release(&f);
    buf_text(&text, "x");
    assert_int_equal(foreign_parse(text.data, text.len, "r", &f, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_announcement_of_a_definition),
        cmocka_unit_test(names_the_line_of_what_is_wrong),
        cmocka_unit_test(refuses_a_text_that_aliases_blow_up),
        cmocka_unit_test(refuses_a_text_past_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
