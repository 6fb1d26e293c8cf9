/*
 * test_web_demo_orders.c - the orders of the panel "Try to break it", which formation carries out.
 */
#include "web_live.h"

#include <signal.h>

#include "base/clock.h"
#include "scratch_broker.h"
#include "scratch_db.h"

static void start_formation(struct fixture *f, const char *procfile, const char *scale)
{
    char path[SCRATCH_DIR_SIZE + 12], address[60];
    const char *const argv[] = {FORMATION, path, "--app", "demo", "--scale", scale, NULL};
    static const char *const none[] = {NULL};
    FILE *file;

    snprintf(path, sizeof path, "%s/Procfile", f->dir);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(procfile, file);
    fclose(file);
    program_start(&f->formation, argv, none);
    program_expect(&f->formation, "/apps/demo/formation\n");
    assert_int_equal(sscanf(strstr(f->formation.out.data, "http://"), "%50[^a]", address), 1);
    address[strlen(address) - 1] = '\0'; /* the slash before "apps" */
    set(f, "GUV_HEROKU_URL", address);
    set(f, "GUV_APP", "demo");
    set(f, "IMAGERESIZE_DEMO", "1");
}

#define PROCFILE                                                                                   \
    "web: exec sleep 1000\n"                                                                       \
    "resize: exec sleep 1000\n"                                                                    \
    "bulk: exec sleep 1000\n"                                                                      \
    "guv: exec sleep 1000\n"

/* The answer to an order, "STATUS BODY"; new. */
static char *order(struct fixture *f, const char *path, const char *body)
{
    struct http_answer a;
    char *text;

    ask(f, body ? "POST" : "GET", path, body, NULL, &a);
    assert_true(asprintf(&text, "%ld %s", a.status, a.body) > 0);
    http_answer_release(&a);
    return text;
}

static void assert_order(struct fixture *f, const char *path, const char *body, const char *wanted)
{
    char *text = order(f, path, body);

    if (strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("%s %s: %s", path, body ? body : "", text);
    free(text);
}

/* Until GET /demo has all of these texts. */
static void wait_for_demo(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    for (;;) {
        char *text = order(f, "/demo", NULL);
        size_t i = 0;

        while (wanted[i] && strstr(text, wanted[i]))
            i++;
        if (!wanted[i]) {
            free(text);
            return;
        }
        if (clock_mono_ms() > deadline)
            fail_msg("no %s in %s", wanted[i], text);
        free(text);
        look_again();
    }
}

#define wait_for_demo_all(f, ...) wait_for_demo(f, (const char *const[]){__VA_ARGS__, NULL})

/* The note number i of GET /graph, once it has so many. */
static void assert_notes(struct fixture *f, const char *const *wanted)
{
    const int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    size_t n = 0;

    while (wanted[n])
        n++;
    for (;;) {
        json_t *json = graph(f);
        const json_t *notes = json_object_get(json, "notes");

        if (json_array_size(notes) >= n || clock_mono_ms() > deadline) {
            assert_int_equal(json_array_size(notes), n);
            for (size_t i = 0; i < n; i++)
                assert_string_equal(
                    json_string_value(json_object_get(json_array_get(notes, i), "text")),
                    wanted[i]);
            json_decref(json);
            return;
        }
        json_decref(json);
        look_again();
    }
}

static void kills_scales_and_hands_back_to_guv(void **state)
{
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=1,resize=2,bulk=0,guv=1");
    start_web(f);
    wait_for_demo_all(f, "200 ", "{\"type\":\"resize\",\"quantity\":2,\"up\":2}", "\"guv\":true");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\"}", "200 {\"killed\":[\"resize.1\"]}");
    program_expect(&f->formation, "resize.1 ended by signal 9");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":2,\"up\":2}");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\",\"all\":true}",
                 "200 {\"killed\":[\"resize.1\",\"resize.2\"]}");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":2,\"up\":2}");
    assert_order(f, "/demo/kill", "{\"type\":\"bulk\"}", "200 {\"killed\":[]}");
    assert_order(f, "/demo/scale", "{\"type\":\"resize\",\"quantity\":3}", "200 {\"formation\":");
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":3,\"up\":3}",
                      "{\"type\":\"guv\",\"quantity\":0,\"up\":0}", "\"guv\":false");
    assert_order(f, "/demo/guv", "{\"on\":true}", "200 {\"formation\":");
    wait_for_demo_all(f, "{\"type\":\"guv\",\"quantity\":1,\"up\":1}", "\"guv\":true");
    assert_order(f, "/demo/guv", "{\"on\":false}", "200 ");
    wait_for_demo_all(f, "\"guv\":false");
    assert_notes(f, (const char *const[]){"one resize killed: resize.1",
                                          "every resize killed: resize.1, resize.2",
                                          "resize scaled by hand from 2 to 3; guv is off",
                                          "guv is on: it scales again", "guv is off", NULL});
    wait_for_all(f, "!.demo=true");
}

static void refuses_orders_that_do_not_fit(void **state)
{
    static const struct {
        const char *path, *body, *wanted;
    } cases[] = {
        {"/demo/kill", "{\"type\":\"web\",\"all\":true}", "422"},
        {"/demo/kill", "{\"type\":\"nobody\"}", "422"},
        {"/demo/kill", "{\"type\":\"../../formation\"}", "422"},
        {"/demo/kill", "{}", "422"},
        {"/demo/kill", "", "400"},
        {"/demo/kill", "[]", "400"},
        {"/demo/scale", "{\"type\":\"web\",\"quantity\":0}", "422"},
        {"/demo/scale", "{\"type\":\"guv\",\"quantity\":1}", "422"},
        {"/demo/scale", "{\"type\":\"resize\",\"quantity\":11}", "422"},
        {"/demo/guv", "{\"on\":1}", "422"},
    };
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=1,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_order(f, cases[i].path, cases[i].body, cases[i].wanted);
    assert_notes(f, (const char *const[]){NULL});
    assert_false(program_has_said(&f->formation, "signal 9"));
}

/* Of other sites, by all the ways a browser lets their pages send. */
static void listens_to_no_other_sites_pages(void **state)
{
    static const struct {
        const char *headers[4];
        long status;
    } cases[] = {
        {{"Content-Type: application/json", "Origin: https://evil.example", NULL}, 403},
        {{"Content-Type: application/json", "Origin: null", NULL}, 403},
        {{"Content-Type: application/json", "Sec-Fetch-Site: cross-site", NULL}, 403},
        {{"Content-Type: application/json", "Sec-Fetch-Site: same-site", NULL}, 403},
        {{"Content-Type: application/json", "Host: evil.example", "Origin: http://evil.example",
          NULL},
         403},
        {{"Content-Type: text/plain", NULL}, 415}, /* what a form may send */
        {{"Content-Type: application/x-www-form-urlencoded", NULL}, 415},
        {{"Content-Type:", NULL}, 415},
    };
    struct fixture *f = *state;
    struct http_answer a;

    start_formation(f, PROCFILE, "web=1,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask(f, "POST", "/demo/kill", "{\"type\":\"resize\"}", cases[i].headers, &a);
        assert_int_equal(a.status, cases[i].status);
        http_answer_release(&a);
    }
    ask(f, "GET", "/demo", NULL, (const char *const[]){"Sec-Fetch-Site: cross-site", NULL}, &a);
    assert_int_equal(a.status, 403);
    http_answer_release(&a);
    /* What a browser asks before it lets another site's page send JSON: it is told nothing. */
    ask(f, "OPTIONS", "/demo/kill", NULL,
        (const char *const[]){"Origin: https://evil.example", "Access-Control-Request-Method: POST",
                              NULL},
        &a);
    assert_int_equal(a.status, 405);
    assert_null(http_header(&a, "access-control-allow-origin"));
    http_answer_release(&a);
    assert_false(program_has_said(&f->formation, "signal 9"));
}

static void formation_that_is_away_is_said(void **state)
{
    struct fixture *f = *state;

    start_formation(f, PROCFILE, "web=0,resize=1,bulk=0,guv=0");
    start_web(f);
    wait_for_demo_all(f, "{\"type\":\"resize\",\"quantity\":1,\"up\":1}");
    assert_int_equal(program_end(&f->formation, SIGTERM), 0);
    assert_order(f, "/demo", NULL, "503 ");
    assert_order(f, "/demo/kill", "{\"type\":\"resize\"}", "503 ");
    assert_order(f, "/healthz", NULL, "200 ");
    assert_int_equal(program_end(&f->web, SIGTERM), 0);
}

static void nothing_of_it_is_there_unless_it_is_asked_for(void **state)
{
    static const char *const paths[] = {"/demo/kill", "/demo/scale", "/demo/guv", "/demo"};
    struct fixture *f = *state;

    start_web(f);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_order(f, paths[i], "{\"type\":\"resize\"}", "404 ");
    assert_order(f, "/demo", NULL, "404 ");
}

static int start_services(void **state)
{
    return scratch_broker_start(state) || scratch_db_start(state);
}

static int end_services(void **state)
{
    return scratch_broker_end(state) | scratch_db_end(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(kills_scales_and_hands_back_to_guv),
        live_test(refuses_orders_that_do_not_fit),
        live_test(listens_to_no_other_sites_pages),
        live_test(formation_that_is_away_is_said),
        live_test(nothing_of_it_is_there_unless_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, start_services, end_services);
}
