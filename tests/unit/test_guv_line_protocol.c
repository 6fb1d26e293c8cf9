/*
 * test_guv_line_protocol.c - a line in, a line out: what is understood, what is refused, and that a
 * wrong line changes nothing.
 */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/resource.h>

#include "tool/line_protocol.h"

#define FILE_TEXT                                                                                  \
    "'*': {pollinterval: 5, budget: 6}\n"                                                          \
    "resize: {p: 1, concurrency: 10, deadline: 180, max: 30, min: 0}\n"                            \
    "bulk: {p: 1, concurrency: 10, deadline: 600, max: 30, min: 0}\n"                              \
    "long: {p: 40, deadline: 600, max: 30, min: 0}\n"

struct fixture {
    struct guv_settings settings;
    struct line_protocol *p;
    struct buf out;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct buf problems = BUF_INIT;

    assert_non_null(f);
    assert_int_equal(settings_parse(FILE_TEXT, strlen(FILE_TEXT), &f->settings, &problems), 0);
    buf_release(&problems);
    assert_int_equal(line_protocol_new(&f->settings, NULL, &f->p, NULL), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    line_protocol_free(f->p);
    settings_release(&f->settings);
    buf_release(&f->out);
    free(f);
    return 0;
}

/* The answer, new. */
static json_t *ask(struct fixture *f, const char *line)
{
    json_t *json;

    buf_clear(&f->out);
    assert_int_equal(line_protocol_answer(f->p, line, strlen(line), &f->out), 0);
    assert_true(f->out.len > 0 && strchr(f->out.data, '\n') == f->out.data + f->out.len - 1);
    json = json_loads(f->out.data, 0, NULL);
    assert_non_null(json);
    return json;
}

static void answers_each_observation_with_a_decision(void **state)
{
    struct fixture *f = *state;
    json_t *a = ask(f, "{\"t\": 60, \"role\": \"resize\", \"messages\": 10000, \"unacked\": 0,"
                       " \"consumers\": 0, \"workers\": 0, \"published\": 10000, \"acked\": 0,"
                       " \"service_n\": null, \"more\": [1]}");

    assert_string_equal(json_string_value(json_object_get(a, "role")), "resize");
    assert_in_range(json_integer_value(json_object_get(a, "workers")), 6, 10);
    assert_non_null(json_object_get(a, "reason"));
    json_decref(a);
}

static void says_null_where_nothing_is_known(void **state)
{
    struct fixture *f = *state;
    json_t *a = ask(f, "{\"t\": 60, \"role\": \"resize\", \"messages\": null, \"unacked\": null,"
                       " \"consumers\": null, \"workers\": 2}");

    assert_true(json_is_null(json_object_get(a, "workers")));
    json_decref(a);
}

static void shares_the_budget_between_the_roles_of_a_line(void **state)
{
    struct fixture *f = *state;
    json_t *a = ask(f, "[{\"t\": 60, \"role\": \"bulk\", \"messages\": 9000, \"unacked\": 0,"
                       " \"consumers\": 0, \"workers\": 0},"
                       " {\"t\": 60, \"role\": \"resize\", \"messages\": 9000, \"unacked\": 0,"
                       " \"consumers\": 0, \"workers\": 0}]");
    json_int_t bulk, resize;

    assert_int_equal(json_array_size(a), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(a, 0), "role")), "bulk");
    bulk = json_integer_value(json_object_get(json_array_get(a, 0), "workers"));
    resize = json_integer_value(json_object_get(json_array_get(a, 1), "workers"));
    assert_int_equal(bulk + resize, 6);
    assert_true(resize > bulk); /* whose deadline breaks first */
    json_decref(a);
}

static void refuses_what_is_wrong_and_goes_on(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        {"", "line 1: not JSON: "},
        {"{\"t\": 1", "line 2: not JSON: "},
        {"7", "line 3: must be an object or a list of objects"},
        {"{\"role\": \"resize\", \"workers\": 1}", "line 4: 't' must be a number of seconds"},
        {"{\"t\": 1, \"workers\": 1}", "line 5: 'role' must be a text"},
        {"{\"t\": 1, \"role\": \"web\", \"workers\": 1}", "line 6: there is no role 'web'"},
        {"{\"t\": 1, \"role\": \"resize\"}", "line 7: 'workers' must be 0..10000"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": -1}", "line 8: 'workers' must be 0..10000"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": 10001}",
         "line 9: 'workers' must be 0..10000"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": 1.5}",
         "line 10: 'workers' must be 0..10000"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": 1, \"messages\": -1}",
         "line 11: 'messages' must be a number from 0 to 1e+15, or null"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": 1, \"acked\": \"1\"}",
         "line 12: 'acked' must be a number from 0 to 1e+15, or null"},
        {"[{\"t\": 1, \"role\": \"resize\", \"workers\": 1}, 3]", "line 13: 'role' must be a text"},
        {"[{\"t\": 1, \"role\": \"resize\", \"workers\": 1},"
         " {\"t\": 1, \"role\": \"resize\", \"workers\": 1}]",
         "line 14: role 'resize' stands there twice"},
        {"{\"t\": 1, \"role\": \"resize\", \"workers\": 1, \"published\": 1.1e15}",
         "line 15: 'published' must be a number from 0 to 1e+15, or null"},
        {"{\"t\": -1.1e15, \"role\": \"resize\", \"workers\": 1}",
         "line 16: 't' must be a number of seconds"},
    };
    struct fixture *f = *state;
    json_t *a;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *error;

        a = ask(f, cases[i].line);
        error = json_string_value(json_object_get(a, "error"));
        assert_non_null(error);
        assert_memory_equal(error, cases[i].error, strlen(cases[i].error));
        json_decref(a);
    }
    a = ask(f, "{\"t\": 1, \"role\": \"resize\", \"workers\": 10000}");
    assert_null(json_object_get(a, "error"));
    json_decref(a);
}

static void takes_a_line_at_the_limit_and_none_past_it(void **state)
{
    struct fixture *f = *state;

    for (size_t past = 0; past < 2; past++) {
        size_t len = LINE_MAX_BYTES + past;
        char *line = malloc(len + 1);
        json_t *a;

        assert_non_null(line);
        memset(line, ' ', len);
        memcpy(line, "[]", 2);
        line[len] = '\0';
        a = ask(f, line);
        assert_int_equal(json_is_array(a), past == 0);
        json_decref(a);
        free(line);
    }
}

/* A number of workers that no int holds became the smallest int, and so the minimum. */
static void bears_the_largest_numbers_in_all_places(void **state)
{
    static const char *const counts[] = {"unacked",   "published",    "acked",    "consumers",
                                         "service_n", "service_mean", "boot_mean"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (int t = 0; t < 600; t += 5) {
            char line[400], *text;
            json_t *a;

            snprintf(line, sizeof line,
                     "{\"t\": %d, \"role\": \"long\", \"messages\": %s, \"unacked\": 1,"
                     " \"consumers\": 5, \"workers\": 5, \"published\": %d}",
                     t, i == 0 && t >= 300 ? "1e15" : "1", t / 100);
            a = json_loads(line, 0, NULL);
            assert_int_equal(json_object_set_new(a, counts[i], json_real(t < 300 ? 1 : 1e15)), 0);
            text = json_dumps(a, JSON_COMPACT);
            json_decref(a);
            a = ask(f, text);
            free(text);
            assert_in_range(json_integer_value(json_object_get(a, "workers")),
                            i == 0 && t >= 300 ? 5 : 0,
                            30); /* not one of the busy ones is stopped */
            json_decref(a);
        }
}

/* The program: what it keeps of a line is bounded, too. */
static void keeps_no_more_of_a_line_than_its_limit(void **state)
{
    static const char command[] =
        "{ head -c 300000000 /dev/zero; echo; echo '[]'; } | " GUV " --stdio -c 'a: {p: 1}'";
    FILE *out = popen(command, "r");
    struct rusage used;
    char line[200];

    (void)state;
    assert_non_null(out);
    assert_non_null(fgets(line, sizeof line, out));
    assert_string_equal(line, "{\"error\":\"line 1: longer than 1048576 bytes\"}\n");
    assert_non_null(fgets(line, sizeof line, out));
    assert_string_equal(line, "[]\n");
    assert_int_equal(pclose(out), 0);
    assert_int_equal(getrusage(RUSAGE_CHILDREN, &used), 0);
    assert_true(used.ru_maxrss < 150000); /* KB; a sanitizer's own are a third of it */
}

static void knows_two_policies(void **state)
{
    struct fixture *f = *state;
    struct line_protocol *p = NULL;
    struct err e = ERR_INIT;

    assert_int_equal(line_protocol_new(&f->settings, "tube", &p, &e), 0);
    line_protocol_free(p);
    assert_int_equal(line_protocol_new(&f->settings, "guv", &p, &e), 0);
    line_protocol_free(p);
    assert_int_equal(line_protocol_new(&f->settings, "hpa", &p, &e), -1);
    assert_string_equal(e.text, "there is no policy 'hpa': it is tube or guv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_each_observation_with_a_decision, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(says_null_where_nothing_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shares_the_budget_between_the_roles_of_a_line, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_is_wrong_and_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_a_line_at_the_limit_and_none_past_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(bears_the_largest_numbers_in_all_places, set_up, tear_down),
        cmocka_unit_test(keeps_no_more_of_a_line_than_its_limit),
        cmocka_unit_test_setup_teardown(knows_two_policies, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
