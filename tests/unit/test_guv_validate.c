/*
 * test_guv_validate.c - guv validate from outside: where its settings come from, what it prints and
 * its exit status.
 */
#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/dyno.h"

#define HERE BINARY_DIR "/test_guv_validate"

/* Runs it in the test's own folder, with arguments and environment as the shell takes them; both
 * its outputs go to ret. Returns the exit status. */
static int run(const char *environment, const char *arguments, struct buf *ret)
{
    char command[4096], chunk[1024];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof(command), "cd '%s' && env -u GUV_CONFIG %s %s validate 2>&1 %s", HERE,
             environment, GUV, arguments);
    f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_append(ret, chunk, n);
    status = pclose(f);
    buf_append(ret, "", 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_run(const char *environment, const char *arguments, int status,
                       const char *contains)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    int got = run(environment, arguments, &out);

    if (got != status || !strstr(out.data, contains))
        fail_msg("%s guv validate %s: status %d and \"%s\"", environment, arguments, got, out.data);
}

static void make_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
    (void)state;
    mkdir(HERE, 0777);
    mkdir(HERE "/graphs", 0777);
    unlink(HERE "/graphs/guv.yaml");
    make_file(HERE "/own.guv.yaml", "ours: {d: 300}\n");
    return 0;
}

static void prints_what_settings_come_to(void **state)
{
    AUTO(buf_release) struct buf out = BUF_INIT;

    (void)state;
    assert_int_equal(run("",
                         "-c \"'*': {d: 180, app: demo, dynosize: standard-1x, budget: 2}\n"
                         "resize: {p: .8, concurrency: 10, max: 3}\n"
                         "bulk: {min: 2, dynosize: huge}\"",
                         &out),
                     0);
    assert_string_equal(
        out.data,
        "ROLE    DEADLINE   TARGET  PROCESSING  STDDEV  CONC  BOOT  SLACK  POLICY  QUEUE   WORKER  "
        "APP\n"
        "resize       180  179.069         0.8     0.4    10    30      1  tube    resize  resize  "
        "demo\n"
        "bulk         180  168.368          10       5     1    30      1  tube    bulk    bulk    "
        "demo\n"
        "\n"
        "ROLE    MIN  MAX  JOBS/MIN  AT MAX  SIZE         USD/MONTH  AT MAX\n"
        "resize    1    3       750    2250  standard-1x         25      75\n"
        "bulk      2    5        12      30  huge                 -       -\n"
        "(all)     3    8         -       -  -                    -       -\n"
        "\n"
        "decides every 7.5 s (of the shortest deadline: pollinterval is not set)\n"
        "budget: 2 workers\n"
        "\n"
        "warning: line 1, role '*', budget: 2 workers are fewer than the roles' minimums together, "
        "3: those are kept\n");
}

static void prints_json(void **state)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    json_t *json;

    (void)state;
    assert_int_equal(run("", "--json -c \"a: {d: 300, dynosize: basic}\"", &out), 0);
    json = json_loads(out.data, 0, NULL);
    assert_non_null(json);
    json_decref(json);
    buf_clear(&out);
    assert_int_equal(run("", "--json -c \"a: 5\" 2>/dev/null", &out), 1);
    json = json_loads(out.data, 0, NULL);
    assert_non_null(json);
    assert_string_equal(json_string_value(json_array_get(json_object_get(json, "problems"), 0)),
                        "line 1, role 'a': must be a map of settings, is 5");
    json_decref(json);
}

static void exits_by_what_it_found(void **state)
{
    (void)state;
    assert_run("", "-c ''", 0, "no roles");
    assert_run("", "-c \"a: {deadline: soon}\"", 1,
               "--config: line 1, role 'a', deadline: must be");
    assert_run("", "-c \"a: {d: 300, lock: x}\"", 1,
               "--config: line 1: Unknown property (not in schema) for /a/lock");
    assert_run("", "-c \"a: {d: 300, lock: x, y: 1}\" --allow-key lock --allow-key=y", 0, "ROLE");
    assert_run("", "--nothing", 2, "there is no option");
    assert_run("", "-c", 2, "TEXT is missing");
    assert_run("", "-c '' -f x", 2, "exclude each other");
    assert_run("", "x.yaml", 2, "it takes options only");
    assert_run("", "--help", 0, "usage: guv validate");
    assert_run("", "-c '' >/dev/full", 1, "takes no more");
}

static void finds_its_settings(void **state)
{
    (void)state;
    assert_run("", "-f own.guv.yaml", 0, "ours");
    assert_run("", "-f - <own.guv.yaml", 0, "ours");
    assert_run("", "-f missing.yaml", 1, "missing.yaml: No such file or directory");
    assert_run("", "-f .", 1, ".: Is a directory");
    assert_run("", "--config 'text: {d: 300}'", 0, "text");
    assert_run("GUV_CONFIG='text: {d: 300}'", "", 0, "text");
    assert_run("GUV_CONFIG='bad: 5'", "", 1, "GUV_CONFIG: line 1, role 'bad'");
    assert_run("GUV_CONFIG=own.guv.yaml", "", 0, "ours");
    assert_run("GUV_CONFIG='text:\n'", "", 0, "text");
    assert_run("GUV_CONFIG=own.guv.yaml", "-c 'text: {d: 300}'", 0, "text");
    assert_run("GUV_CONFIG='{}'", "", 1, "and so names a file: {}: No such file");
    assert_run("GUV_CONFIG=", "", 1, "graphs/guv.yaml: No such file or directory; name a file");
    make_file(HERE "/graphs/guv.yaml", "default: {d: 300}\n");
    assert_run("", "", 0, "default");
    assert_run("", "-f /dev/zero", 1, "/dev/zero: more than 1048576 bytes");
}

static void knows_what_sizes_cost(void **state)
{
    (void)state;
    assert_int_equal((int)dyno_month_usd("basic"), 7);
    assert_int_equal((int)dyno_month_usd("Standard-1X"), 25);
    assert_int_equal((int)dyno_month_usd("standard-2x"), 50);
    assert_int_equal((int)dyno_month_usd("performance-m"), 250);
    assert_int_equal((int)dyno_month_usd("perf-l"), 500);
    assert_true(isnan(dyno_month_usd("standard")));
    assert_true(isnan(dyno_month_usd(NULL)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_what_settings_come_to), cmocka_unit_test(prints_json),
        cmocka_unit_test(exits_by_what_it_found),       cmocka_unit_test(finds_its_settings),
        cmocka_unit_test(knows_what_sizes_cost),
    };

    return cmocka_run_group_tests(tests, make_folder, NULL);
}
