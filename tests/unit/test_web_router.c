#include "web/router.h"

#include "unit.h"

static void finds_the_route_of_method_and_path(void **state)
{
    static const struct {
        const char *method, *path;
        enum route_id id;
        const char *argument;
    } cases[] = {
        {"POST", "/jobs", ROUTE_CREATE_JOB, NULL},
        {"GET", "/jobs", ROUTE_LIST_JOBS, NULL},
        {"HEAD", "/jobs", ROUTE_LIST_JOBS, NULL},
        {"GET", "/jobs/abc", ROUTE_GET_JOB, "abc"},
        {"HEAD", "/jobs/abc", ROUTE_GET_JOB, "abc"},
        {"POST", "/jobs/abc/cancel", ROUTE_CANCEL_JOB, "abc"},
        {"GET", "/stats", ROUTE_STATS, NULL},
        {"GET", "/jobs/abc/events", ROUTE_JOB_EVENTS, "abc"},
        {"GET", "/events", ROUTE_EVENTS, NULL},
        {"GET", "/outputs/a.jpg", ROUTE_GET_OUTPUT, "a.jpg"},
        {"GET", "/healthz", ROUTE_HEALTH, NULL},
        {"GET", "/readyz", ROUTE_READY, NULL},
        {"GET", "/", ROUTE_PAGE, NULL},
        {"GET", "/openapi.json", ROUTE_PAGE, NULL},
        {"GET", "/static/samples/a.jpg", ROUTE_PAGE, NULL},
        {"GET", "", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs/", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs/a/b", ROUTE_NOT_FOUND, NULL},
        {"POST", "/jobs//cancel", ROUTE_NOT_FOUND, NULL},
        {"POST", "/jobs/a/cancel/", ROUTE_NOT_FOUND, NULL},
        {"POST", "/jobs/a/cance", ROUTE_NOT_FOUND, NULL},
        {"POST", "/jobs/a/b/cancel", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs//events", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs/a/events/", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs/a/eventsb", ROUTE_NOT_FOUND, NULL},
        {"GET", "/jobs/a/b/events", ROUTE_NOT_FOUND, NULL},
        {"GET", "/events/a", ROUTE_NOT_FOUND, NULL},
        {"GET", "/outputs/../etc/passwd", ROUTE_NOT_FOUND, NULL},
        {"GET", "/nothing", ROUTE_NOT_FOUND, NULL},
        {"GET", "/healthz/", ROUTE_NOT_FOUND, NULL},
        {"get", "/healthz", ROUTE_BAD_METHOD, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r = route_find(cases[i].method, cases[i].path);

        if (r.id != cases[i].id)
            fail_msg("%s %s: %d", cases[i].method, cases[i].path, (int)r.id);
        if (cases[i].argument) {
            assert_int_equal(r.argument_len, strlen(cases[i].argument));
            assert_memory_equal(r.argument, cases[i].argument, r.argument_len);
        }
    }
    assert_true(route_find("HEAD", "/").head);
    assert_false(route_find("GET", "/").head);
}

static void tells_the_methods_of_a_path(void **state)
{
    static const struct {
        const char *method, *path, *allow;
    } cases[] = {
        {"DELETE", "/jobs", "GET, HEAD, POST"},
        {"POST", "/jobs/abc", "GET, HEAD"},
        {"GET", "/jobs/abc/cancel", "POST"},
        {"PUT", "/", "GET, HEAD"},
        {"ET", "/readyz", "GET, HEAD"},
        {"", "/readyz", "GET, HEAD"},
        {"GET, HEAD", "/jobs", "GET, HEAD, POST"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct route r = route_find(cases[i].method, cases[i].path);

        assert_int_equal(r.id, ROUTE_BAD_METHOD);
        assert_string_equal(r.allow, cases[i].allow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_route_of_method_and_path),
        cmocka_unit_test(tells_the_methods_of_a_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
