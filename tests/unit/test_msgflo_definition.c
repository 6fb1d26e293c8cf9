#include "msgflo/lib/definition.h"
#include "msgflo/lib/discovery.h"

#include <jansson.h>

#include "unit.h"

static const struct msgflo_port ins[] = {
    {.id = "in", .type = "object", .description = "what to do"},
    {.id = "secret", .hidden = true},
    {.id = "side", .hidden = true, .queue = "elsewhere"},
};
static const struct msgflo_port outs[] = {{.id = "out"}, {.id = "error", .queue = "failures"}};
static const struct msgflo_definition good = {
    .component = "test/Thing",
    .label = "A thing",
    .inports = ins,
    .inport_count = sizeof ins / sizeof *ins,
    .outports = outs,
    .outport_count = sizeof outs / sizeof *outs,
};

static void a_queue_is_called_after_role_and_port(void **state)
{
    struct definition d;

    (void)state;
    assert_int_equal(definition_copy(&good, "my-Role", &d, NULL), 0);
    assert_string_equal(d.inports[0].queue, "my-Role.IN");
    assert_null(d.inports[1].queue);
    assert_string_equal(d.inports[2].queue, "elsewhere");
    assert_string_equal(d.outports[0].queue, "my-Role.OUT");
    assert_string_equal(d.outports[1].queue, "failures");
    definition_release(&d);
}

static void an_announcement_has_exactly_the_seven_keys(void **state)
{
    static const char want[] =
        "{\"protocol\":\"discovery\",\"command\":\"participant\",\"payload\":{\"id\":\"r-1\","
        "\"role\":\"r\",\"component\":\"test/Thing\",\"label\":\"A thing\",\"icon\":\"cog\","
        "\"inports\":[{\"id\":\"in\",\"type\":\"object\",\"queue\":\"r.IN\",\"hidden\":false,"
        "\"description\":\"what to do\"},{\"id\":\"side\",\"type\":\"any\",\"queue\":\"elsewhere\","
        "\"hidden\":true}],\"outports\":[{\"id\":\"out\",\"type\":\"any\",\"queue\":\"r.OUT\","
        "\"hidden\":false},{\"id\":\"error\",\"type\":\"any\",\"queue\":\"failures\","
        "\"hidden\":false}]}}";
    struct definition d;
    char *text;

    (void)state;
    assert_int_equal(definition_copy(&good, "r", &d, NULL), 0);
    text = discovery_text(&d, "r-1", NULL);
    assert_string_equal(text, want);
    free(text);
    definition_release(&d);
}

static void without_ports_the_lists_are_empty(void **state)
{
    const struct msgflo_definition bare = {.component = "test/Bare"};
    struct definition d;
    json_t *message, *payload;
    char *text;

    (void)state;
    assert_int_equal(definition_copy(&bare, "r", &d, NULL), 0);
    text = discovery_text(&d, "r-1", NULL);
    message = json_loads(text, 0, NULL);
    payload = json_object_get(message, "payload");
    assert_int_equal(json_object_size(payload), 7);
    assert_int_equal(json_array_size(json_object_get(payload, "inports")), 0);
    assert_true(json_is_array(json_object_get(payload, "outports")));
    json_decref(message);
    free(text);
    definition_release(&d);
}

static void a_text_that_is_not_utf8_is_refused(void **state)
{
    const struct msgflo_definition odd = {.component = "test/Odd", .label = "\xff"};
    struct msgflo_error e;
    struct definition d;

    (void)state;
    assert_int_equal(definition_copy(&odd, "r", &d, NULL), 0);
    assert_null(discovery_text(&d, "r-1", &e));
    assert_int_equal(e.code, MSGFLO_INVALID);
    definition_release(&d);
}

static void names_what_is_wrong_with_a_definition(void **state)
{
    static char long_role[QUEUE_NAME_MAX + 1];
    static const struct msgflo_port nameless = {.id = ""}, twice[] = {{.id = "a"}, {.id = "a"}},
                                    no_queue = {.id = "a", .queue = ""}, fine = {.id = "in"};
    const struct {
        struct msgflo_definition definition;
        const char *role;
        const char *says;
    } cases[] = {
        {{.component = NULL}, "r", "no component"},
        {{.component = ""}, "r", "no component"},
        {{.component = "c"}, NULL, "no role"},
        {{.component = "c"}, "", "no role"},
        {{.component = "c", .inports = &nameless, .inport_count = 1}, "r", "port 0 has no id"},
        {{.component = "c", .outports = twice, .outport_count = 2}, "r", "called 'a'"},
        {{.component = "c", .inports = &no_queue, .inport_count = 1}, "r", "name is empty"},
        {{.component = "c", .inports = &fine, .inport_count = 1}, long_role, "longer than 250"},
    };

    (void)state;
    memset(long_role, 'r', sizeof long_role - 1 - 2); /* with ".IN" one past the limit */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct msgflo_error e = {MSGFLO_OK, ""};
        struct definition d;

        assert_int_equal(definition_copy(&cases[i].definition, cases[i].role, &d, &e), -1);
        assert_int_equal(e.code, MSGFLO_INVALID);
        assert_non_null(strstr(e.text, cases[i].says));
    }
    long_role[QUEUE_NAME_MAX - 3] = '\0'; /* and at the limit */
    {
        struct definition d;

        assert_int_equal(definition_copy(&cases[7].definition, long_role, &d, NULL), 0);
        assert_int_equal(strlen(d.inports[0].queue), QUEUE_NAME_MAX);
        definition_release(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_called_after_role_and_port),
        cmocka_unit_test(an_announcement_has_exactly_the_seven_keys),
        cmocka_unit_test(without_ports_the_lists_are_empty),
        cmocka_unit_test(a_text_that_is_not_utf8_is_refused),
        cmocka_unit_test(names_what_is_wrong_with_a_definition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
