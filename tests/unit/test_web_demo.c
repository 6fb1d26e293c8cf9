#include "web/demo.h"

#include "base/err.h"
#include "unit.h"
#include "web/notes.h"
#include "web/shared_text.h"

/* ---- who sends ---- */

static void listens_to_its_own_page_and_to_programs(void **state)
{
    static const struct demo_sender cases[] = {
        {"127.0.0.1:5000", NULL, NULL, NULL}, /* curl */
        {"127.0.0.1:5000", "http://127.0.0.1:5000", "same-origin", NULL},
        {"localhost:5000", "http://localhost:5000", "same-origin", NULL},
        {"LOCALHOST:5000", "http://localhost:5000", NULL, NULL},
        {"[::1]:5000", "http://[::1]:5000", "same-origin", NULL},
        {"192.168.1.7:5000", "http://192.168.1.7:5000", "same-origin", NULL},
        {"127.0.0.1:5000", NULL, "none", NULL}, /* typed into the address bar */
        {"demo.example.org", "https://demo.example.org", "same-origin", "https://demo.example.org"},
        {"demo.example.org:8443", "https://demo.example.org:8443", "same-origin",
         "https://demo.example.org:8443/"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (demo_refusal(&cases[i]))
            fail_msg("%s %s: %s", cases[i].host, cases[i].origin ? cases[i].origin : "-",
                     demo_refusal(&cases[i]));
}

static void refuses_the_pages_of_others(void **state)
{
    static const struct {
        struct demo_sender sender;
        const char *header;
    } cases[] = {
        {{"127.0.0.1:5000", "https://evil.example", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "null", NULL, NULL}, "Origin"}, /* a sandboxed frame, a file */
        {{"127.0.0.1:5000", "", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "http://127.0.0.1:5001", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "http://127.0.0.1", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "http://127.0.0.1:5000.evil.example", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "http://evil.example/127.0.0.1:5000", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "http://localhost:5000", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "ftp://127.0.0.1:5000", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", "127.0.0.1:5000", NULL, NULL}, "Origin"},
        {{"127.0.0.1:5000", NULL, "cross-site", NULL}, "Sec-Fetch-Site"},
        {{"127.0.0.1:5000", NULL, "same-site", NULL}, "Sec-Fetch-Site"},
        {{"127.0.0.1:5000", "http://127.0.0.1:5000", "cross-site", NULL}, "Sec-Fetch-Site"},
        {{"127.0.0.1:5000", NULL, "", NULL}, "Sec-Fetch-Site"},
        /* A name that somebody made lead here: to the browser, page and service are one site. */
        {{"evil.example:5000", "http://evil.example:5000", "same-origin", NULL}, "Host"},
        {{"127.0.0.1.evil.example", "http://127.0.0.1.evil.example", NULL, NULL}, "Host"},
        {{"localhost.evil.example", "http://localhost.evil.example", NULL, NULL}, "Host"},
        {{"demo.example.org.evil.example", NULL, NULL, "https://demo.example.org"}, "Host"},
        {{"demo.example", NULL, NULL, "https://demo.example.org"}, "Host"},
        {{"evil.example", NULL, NULL, "https://demo.example.org"}, "Host"},
        {{"[127.0.0.1", NULL, NULL, NULL}, "Host"},
        {{"[::1].evil.example:5000", "http://[::1].evil.example:5000", NULL, NULL}, "Host"},
        {{"[::1]5000", NULL, NULL, NULL}, "Host"},
        {{"localhost:5000.evil.example", NULL, NULL, NULL}, "Host"},
        {{"", NULL, NULL, NULL}, "Host"},
        {{NULL, NULL, NULL, NULL}, "Host"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *refusal = demo_refusal(&cases[i].sender);

        if (!refusal || !strstr(refusal, cases[i].header))
            fail_msg("case %zu: %s", i, refusal ? refusal : "is listened to");
    }
}

/* ---- what is asked ---- */

static int parse(enum demo_verb verb, const char *text, struct demo_order *ret,
                 struct problems *problems)
{
    struct err e = ERR_INIT;

    return demo_parse(verb, text, strlen(text), ret, problems, &e);
}

static void reads_orders(void **state)
{
    struct problems p = PROBLEMS_INIT;
    struct demo_order o;

    (void)state;
    assert_int_equal(parse(DEMO_KILL, "{\"type\":\"resize\"}", &o, &p), 0);
    assert_string_equal(o.type, "resize");
    assert_false(o.all);
    assert_int_equal(parse(DEMO_KILL, "{\"type\":\"bulk\",\"all\":true}", &o, &p), 0);
    assert_true(o.all);
    assert_int_equal(parse(DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":0}", &o, &p), 0);
    assert_int_equal(o.quantity, 0);
    assert_int_equal(parse(DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":10}", &o, &p), 0);
    assert_int_equal(o.quantity, DEMO_QUANTITY_MAX);
    assert_int_equal(parse(DEMO_GUV, "{\"on\":true}", &o, &p), 0);
    assert_true(o.on);
    problems_release(&p);
}

static void names_each_fault_of_an_order(void **state)
{
    static const struct {
        enum demo_verb verb;
        const char *text, *pointer;
    } cases[] = {
        {DEMO_KILL, "{}", "/type"},
        {DEMO_KILL, "{\"type\":7}", "/type"},
        {DEMO_KILL, "{\"type\":\"\"}", "/type"},
        {DEMO_KILL, "{\"type\":\"../formation\"}", "/type"},
        {DEMO_KILL, "{\"type\":\"resize?signal=KILL\"}", "/type"},
        {DEMO_KILL, "{\"type\":\"resize.1\"}", "/type"},
        {DEMO_KILL, "{\"type\":\"resize\",\"all\":1}", "/all"},
        {DEMO_KILL, "{\"type\":\"resize\",\"quantity\":1}", "/quantity"},
        {DEMO_SCALE, "{\"type\":\"resize\"}", "/quantity"},
        {DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":-1}", "/quantity"},
        {DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":11}", "/quantity"},
        {DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":4294967297}", "/quantity"},
        {DEMO_SCALE, "{\"type\":\"resize\",\"quantity\":1.5}", "/quantity"},
        {DEMO_SCALE, "{\"quantity\":1}", "/type"},
        {DEMO_GUV, "{}", "/on"},
        {DEMO_GUV, "{\"on\":\"yes\"}", "/on"},
        {DEMO_GUV, "{\"on\":true,\"type\":\"guv\"}", "/type"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems p = PROBLEMS_INIT;
        struct demo_order o;

        assert_int_equal(parse(cases[i].verb, cases[i].text, &o, &p), -1);
        assert_int_equal(p.count, 1);
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(p.list, 0), "pointer")),
            cases[i].pointer);
        problems_release(&p);
    }
}

static void a_types_name_is_taken_up_to_its_limit(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct problems p = PROBLEMS_INIT;
        struct demo_order o;
        char text[200], name[DEMO_TYPE_SIZE + 1];

        memset(name, 'x', sizeof name);
        name[DEMO_TYPE_SIZE - 1 + more] = '\0';
        snprintf(text, sizeof text, "{\"type\":\"%s\"}", name);
        assert_int_equal(parse(DEMO_KILL, text, &o, &p), more ? -1 : 0);
        problems_release(&p);
    }
}

static void what_is_no_object_is_an_error(void **state)
{
    static const char *const texts[] = {"",    "[]", "7", "{", "{\"type\":\"a\",\"type\":\"b\"}",
                                        "null"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct problems p = PROBLEMS_INIT;
        struct demo_order o;
        struct err e = ERR_INIT;

        assert_int_equal(demo_parse(DEMO_KILL, texts[i], strlen(texts[i]), &o, &p, &e), -1);
        assert_int_equal(e.code, ERR_INPUT);
        assert_int_equal(p.count, 0);
    }
}

/* ---- how things are ---- */

static json_t *state_of(const char *formation, const char *dynos)
{
    json_t *f = json_loads(formation, JSON_DECODE_ANY, NULL), *d = json_loads(dynos, 0, NULL);
    json_t *made = demo_state(f, d);

    json_decref(f);
    json_decref(d);
    return made;
}

static json_t *usual(int guv)
{
    char formation[300];

    snprintf(formation, sizeof formation,
             "[{\"type\":\"web\",\"quantity\":1},{\"type\":\"resize\",\"quantity\":2},"
             "{\"type\":\"bulk\",\"quantity\":1},{\"type\":\"guv\",\"quantity\":%d}]",
             guv);
    return state_of(formation,
                    "[{\"name\":\"web.1\",\"type\":\"web\",\"state\":\"up\",\"pid\":5},"
                    "{\"name\":\"resize.1\",\"type\":\"resize\",\"state\":\"crashed\","
                    "\"pid\":null},"
                    "{\"name\":\"resize.2\",\"type\":\"resize\",\"state\":\"up\",\"pid\":7}]");
}

static void tells_types_processes_and_whether_guv_scales(void **state)
{
    json_t *made = usual(1), *resize;

    (void)state;
    assert_non_null(made);
    resize = json_array_get(json_object_get(made, "formation"), 1);
    assert_string_equal(json_string_value(json_object_get(resize, "type")), "resize");
    assert_int_equal(json_integer_value(json_object_get(resize, "quantity")), 2);
    assert_int_equal(json_integer_value(json_object_get(resize, "up")), 1);
    assert_int_equal(json_array_size(json_object_get(made, "dynos")), 3);
    assert_true(json_is_true(json_object_get(made, "guv")));
    assert_int_equal(demo_quantity(made, "resize"), 2);
    assert_int_equal(demo_quantity(made, "nobody"), -1);
    assert_string_equal(demo_running(made, "resize"), "resize.2");
    assert_null(demo_running(made, "bulk"));
    json_decref(made);
    made = usual(0);
    assert_true(json_is_false(json_object_get(made, "guv")));
    json_decref(made);
    assert_null(state_of("{}", "[]"));
    assert_null(state_of("[{\"quantity\":1}]", "[]"));
    assert_null(state_of("[]", "[{\"name\":\"a.1\"}]"));
}

static void an_order_must_fit_how_things_are(void **state)
{
    static const struct {
        struct demo_order order;
        const char *pointer; /* NULL: it fits */
    } cases[] = {
        {{.verb = DEMO_KILL, .type = "resize"}, NULL},
        {{.verb = DEMO_KILL, .type = "bulk"}, NULL},
        {{.verb = DEMO_KILL, .type = "guv"}, NULL},
        {{.verb = DEMO_KILL, .type = "web", .all = true}, "/type"},
        {{.verb = DEMO_KILL, .type = "nobody"}, "/type"},
        {{.verb = DEMO_SCALE, .type = "resize"}, NULL},
        {{.verb = DEMO_SCALE, .type = "web"}, "/type"},
        {{.verb = DEMO_SCALE, .type = "guv"}, "/type"},
        {{.verb = DEMO_SCALE, .type = "release"}, "/type"},
        {{.verb = DEMO_GUV, .on = true}, NULL},
        {{.verb = DEMO_LOOK}, NULL},
    };
    json_t *now = usual(1), *without = state_of("[{\"type\":\"web\",\"quantity\":1}]", "[]");
    const struct demo_order guv = {.verb = DEMO_GUV, .on = true};
    struct problems p = PROBLEMS_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct problems found = PROBLEMS_INIT;

        assert_int_equal(demo_check(&cases[i].order, now, &found), cases[i].pointer ? -1 : 0);
        if (cases[i].pointer)
            assert_string_equal(
                json_string_value(json_object_get(json_array_get(found.list, 0), "pointer")),
                cases[i].pointer);
        problems_release(&found);
    }
    assert_int_equal(demo_check(&guv, without, &p), -1); /* nothing is there to let scale */
    problems_release(&p);
    json_decref(now);
    json_decref(without);
}

/* ---- notes ---- */

static const char *note_at(const json_t *list, size_t i)
{
    return json_string_value(json_object_get(json_array_get(list, i), "text"));
}

static void keeps_the_newest_notes(void **state)
{
    struct err e = ERR_INIT;
    struct notes *notes = notes_new(&e);
    json_t *list;

    (void)state;
    for (int i = 0; i < NOTES_MAX; i++)
        notes_add(notes, 1000, "note %d", i);
    list = notes_json(notes, 1000);
    assert_int_equal(json_array_size(list), NOTES_MAX);
    assert_string_equal(note_at(list, 0), "note 0");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "at")),
                        "1970-01-01T00:00:01.000Z");
    json_decref(list);
    notes_add(notes, 1001, "one more");
    list = notes_json(notes, 1001);
    assert_int_equal(json_array_size(list), NOTES_MAX);
    assert_string_equal(note_at(list, 0), "note 1");
    assert_string_equal(note_at(list, NOTES_MAX - 1), "one more");
    json_decref(list);
    list = notes_json(notes, 1000 + NOTES_LAST_MS);
    assert_int_equal(json_array_size(list), NOTES_MAX);
    json_decref(list);
    list = notes_json(notes, 1001 + NOTES_LAST_MS);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    notes_free(notes);
}

static void a_long_note_is_cut_and_stays_text(void **state)
{
    struct err e = ERR_INIT;
    struct notes *notes = notes_new(&e);
    char text[NOTE_SIZE + 50];
    json_t *list;

    (void)state;
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    text[sizeof text - 2] = '\0';
    notes_add(notes, 1000, "%s", text); /* cut in the middle of a character */
    list = notes_json(notes, 1000);
    assert_int_equal(json_array_size(list), 1);
    assert_int_equal(strlen(note_at(list, 0)), NOTE_SIZE - 1);
    json_decref(list);
    notes_free(notes);
}

static void a_shared_text_lives_as_long_as_somebody_has_it(void **state)
{
    struct shared_text *t = shared_text_new(strdup("once")), *second = shared_text_hold(t);
    size_t len;

    (void)state;
    shared_text_drop(t);
    assert_string_equal(shared_text_bytes(second, &len),
                        "once"); /* a sanitizer tells if it is not */
    assert_int_equal(len, 4);
    shared_text_drop(second);
    shared_text_drop(NULL);
    assert_null(shared_text_new(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listens_to_its_own_page_and_to_programs),
        cmocka_unit_test(refuses_the_pages_of_others),
        cmocka_unit_test(reads_orders),
        cmocka_unit_test(names_each_fault_of_an_order),
        cmocka_unit_test(a_types_name_is_taken_up_to_its_limit),
        cmocka_unit_test(what_is_no_object_is_an_error),
        cmocka_unit_test(tells_types_processes_and_whether_guv_scales),
        cmocka_unit_test(an_order_must_fit_how_things_are),
        cmocka_unit_test(keeps_the_newest_notes),
        cmocka_unit_test(a_long_note_is_cut_and_stays_text),
        cmocka_unit_test(a_shared_text_lives_as_long_as_somebody_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
