/* What lib/start checks of settings that belong together: those of the demonstration. */
#include "start/start.h"

#include <unistd.h>

#include "base/buf.h"
#include "start/loopback.h"
#include "unit.h"

static void takes_http_on_this_machine_alone(void **state)
{
    static const char *const taken[] = {"http://127.0.0.1:8700",  "http://127.0.0.1:8700/",
                                        "http://127.0.0.1",       "http://[::1]:1",
                                        "http://localhost:65535", "http://localhost/"};
    static const char *const refused[] = {"",
                                          "http://",
                                          "https://127.0.0.1:8700",
                                          "https://api.heroku.com",
                                          "HTTP://127.0.0.1:8700",
                                          "http://127.0.0.1.evil.example",
                                          "http://127.0.0.1@evil.example",
                                          "http://127.0.0.1:8700@evil.example",
                                          "http://127.0.0.1:80:80",
                                          "http://127.0.0.1:",
                                          "http://127.0.0.1:0",
                                          "http://127.0.0.1:65536",
                                          "http://127.0.0.1:8700/apps",
                                          "http://127.0.0.1:8700?x",
                                          "http://127.0.0.1:8700#x",
                                          "http://127.0.0.1:-1",
                                          "http://user@127.0.0.1:8700",
                                          "http://127.0.0.2:8700",
                                          "http://127.1:8700",
                                          "http://0.0.0.0:8700",
                                          "http://2130706433:8700",
                                          "http://[::ffff:127.0.0.1]:8700",
                                          "http://localhost.evil.example:8700",
                                          "http://evil.example/http://127.0.0.1:8700",
                                          " http://127.0.0.1:8700",
                                          "http://127.0.0.1:123456789"};

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (!loopback_is_http(taken[i]))
            fail_msg("%s is refused", taken[i]);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (loopback_is_http(refused[i]))
            fail_msg("%s is taken", refused[i]);
}

struct demo_case {
    const char *demo, *url, *app, *dyno, *words; /* words NULL: it starts */
};

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* What --check says on standard error. */
static int check(const struct demo_case *c, char *ret, size_t size)
{
    int fds[2], saved = dup(STDERR_FILENO), status;
    ssize_t len;

    set("DATABASE_URL", "postgres://localhost/x");
    set("MSGFLO_BROKER", "amqp://localhost");
    set("IMAGERESIZE_DEMO", c->demo);
    set("GUV_HEROKU_URL", c->url);
    set("GUV_APP", c->app);
    set("DYNO", c->dyno);
    assert_int_equal(pipe(fds), 0);
    dup2(fds[1], STDERR_FILENO);
    status = start_check(PROGRAM_WEB, NULL);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[1]);
    len = read(fds[0], ret, size - 1);
    close(fds[0]);
    ret[len > 0 ? len : 0] = '\0';
    set("DYNO", NULL);
    return status;
}

static void the_demonstration_needs_formation_on_this_machine(void **state)
{
    static const struct demo_case cases[] = {
        {"1", "http://127.0.0.1:8700", "imageresize", NULL, NULL},
        {"0", "https://api.heroku.com", NULL, "web.1", NULL}, /* guv's, none of web's business */
        {NULL, "nonsense", "a b", NULL, NULL},
        {"1", "https://api.heroku.com", "imageresize", NULL, "GUV_HEROKU_URL: must be http://"},
        {"1", "http://10.0.0.1:8700", "imageresize", NULL, "GUV_HEROKU_URL: must be http://"},
        {"1", NULL, "imageresize", NULL, "GUV_HEROKU_URL: must be http://"},
        {"1", "http://127.0.0.1:8700", NULL, NULL, "GUV_APP: must be"},
        {"1", "http://127.0.0.1:8700", "a/../b", NULL, "GUV_APP: must be"},
        {"1", "http://127.0.0.1:8700", "imageresize", "web.1", "IMAGERESIZE_DEMO: must not be 1"},
        {"2", "http://127.0.0.1:8700", "imageresize", NULL, "IMAGERESIZE_DEMO: must be 0..1"},
        {"yes", "http://127.0.0.1:8700", "imageresize", NULL, "IMAGERESIZE_DEMO: must be 0..1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[2000];
        int status = check(&cases[i], said, sizeof said);

        if (status != (cases[i].words ? START_REFUSED : 0) ||
            (cases[i].words && !strstr(said, cases[i].words)))
            fail_msg("case %zu: status %d: %s", i, status, said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_http_on_this_machine_alone),
        cmocka_unit_test(the_demonstration_needs_formation_on_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
