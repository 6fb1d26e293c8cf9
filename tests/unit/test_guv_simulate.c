/*
 * test_guv_simulate.c - what guv promises of its decisions, on a part of the patterns that the
 * documentation's table has; and guv simulate and guv plot from outside.
 */
#include "unit.h"

#include <jansson.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guv_roles.h"
#include "simulate/contest.h"

#define HERE BINARY_DIR "/test_guv_simulate"
#define SEEDS 2

/* ---- the promise */

static void try_patterns(const struct role_settings *role, const char *const *patterns, size_t n,
                         struct contest *ret)
{
    const struct guv_settings settings = {.poll_s = fmax(2, role->deadline_s / 24),
                                          .history_s = 120};
    struct err e = ERR_INIT;

    contest_init(ret, role, &settings);
    ret->has_no_bound = true;
    for (size_t i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct trace t;

            assert_int_equal(trace_pattern(patterns[i], role, 6, 3600, seed, &t, &e), 0);
            assert_int_equal(contest_try(ret, patterns[i], &t, seed, &e), 0);
            trace_release(&t);
        }
}

/* "At least 99 % of jobs within the deadline in every run, utilisation at least 90 % on the smooth
 * patterns, and fewer worker-seconds than any compared policy that also met the deadline." */
static void assert_promise(const struct contest *c)
{
    struct contest_sum guv = contest_sum(c, PEER_GUV, CONTEST_ALL);
    struct contest_sum smooth = contest_sum(c, PEER_GUV, CONTEST_SMOOTH);

    if (guv.in_time < guv.runs || guv.worst < 0.99)
        fail_msg("%s: %zu of %zu runs in time, the worst %.4f", c->role.name, guv.in_time, guv.runs,
                 guv.worst);
    if (smooth.busy_s < 0.9 * smooth.paid_s)
        fail_msg("%s: utilisation %.3f", c->role.name, smooth.busy_s / smooth.paid_s);
    for (int i = PEER_GUV + 1; i < PEER_KINDS; i++) {
        struct contest_sum other = contest_sum(c, (enum peer_kind)i, CONTEST_ALL);

        if (other.in_time == other.runs && other.paid_s <= guv.paid_s)
            fail_msg("%s: %s pays %.0f, guv %.0f", c->role.name, peer_name((enum peer_kind)i),
                     other.paid_s, guv.paid_s);
    }
}

static void guv_keeps_the_deadline_for_less_than_the_others(void **state)
{
    static const char *const patterns[] = {"diurnal", "on-off", "spikes", "flash", "drift"};
    const struct role_settings roles[] = {transcode_role(), scrape_role()};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct contest c;

        try_patterns(&roles[i], patterns, sizeof patterns / sizeof *patterns, &c);
        assert_promise(&c);
        contest_release(&c);
    }
}

static void a_sum_is_of_its_runs(void **state)
{
    static const char *const patterns[] = {"steady", "flash"};
    const struct role_settings role = transcode_role();
    struct contest_sum all, smooth;
    struct contest c;

    (void)state;
    try_patterns(&role, patterns, 2, &c);
    all = contest_sum(&c, PEER_KEDA, CONTEST_ALL);
    smooth = contest_sum(&c, PEER_KEDA, CONTEST_SMOOTH);
    assert_int_equal(all.runs, 2 * SEEDS);
    assert_int_equal(smooth.runs, SEEDS);
    assert_true(smooth.paid_s < all.paid_s);
    assert_int_equal(c.took[PEER_KEDA].n, all.jobs);
    assert_true(histogram_quantile(&c.took[PEER_KEDA], 1) >= c.runs[0].outcome[PEER_KEDA].p99_s);
    contest_release(&c);
}

static void a_histograms_quantiles_are_near(void **state)
{
    struct histogram *h = calloc(1, sizeof *h);

    (void)state;
    assert_non_null(h);
    assert_true(isnan(histogram_quantile(h, 0.5)));
    for (int i = 1; i <= 10000; i++)
        histogram_add(h, i / 10.0);
    assert_true(fabs(histogram_quantile(h, 0.5) / 500 - 1) < 0.011);
    assert_true(fabs(histogram_quantile(h, 0.99) / 990 - 1) < 0.011);
    assert_true(histogram_quantile(h, 1) <= 1000);
    histogram_add(h, 0);
    histogram_add(h, 1e12);
    assert_int_equal(h->n, 10002);
    free(h);
}

/* ---- the commands */

/* Runs guv in the test's own folder; both its outputs go to ret. Returns the exit status. */
static int run(const char *arguments, struct buf *ret)
{
    char command[4096], chunk[1024];
    size_t n;
    FILE *f;
    int status;

    snprintf(command, sizeof command, "cd '%s' && env -u GUV_CONFIG -u DATABASE_URL %s %s 2>&1",
             HERE, GUV, arguments);
    f = popen(command, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(ret, chunk, n);
    status = pclose(f);
    buf_append(ret, "", 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void assert_run(const char *arguments, int status, const char *contains)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    int got = run(arguments, &out);

    if (got != status || !strstr(out.data, contains))
        fail_msg("guv %s: status %d and \"%s\"", arguments, got, out.data);
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
    make_file(HERE "/two.guv.yaml", "a: {p: 2, d: 60, max: 20, min: 0}\n"
                                    "b: {p: 4, d: 90, max: 0}\n");
    make_file(HERE "/jobs.csv", "at,jobs,seconds\n0,30,2\n60,90,2\n120,0,0\n");
    make_file(HERE "/took.csv", "t,took\n10,3\n50,9.5\n");
    make_file(HERE "/wrong.csv", "at,jobs\n0,1\nx,1\n");
    return 0;
}

static void replays_a_file(void **state)
{
    (void)state;
    assert_run("simulate -f two.guv.yaml --csv jobs.csv", 0, "a: jobs.csv, 120 jobs in 3 min; ");
    assert_run("simulate -f two.guv.yaml --csv jobs.csv", 0, "role 'b' is at rest");
    assert_run("simulate -f two.guv.yaml --csv wrong.csv", 1,
               "guv simulate: wrong.csv: line 3, at: must be seconds");
    assert_run("simulate -f two.guv.yaml --csv none.csv", 1, "none.csv: No such file");
}

static void tells_the_whole_of_many_runs(void **state)
{
    (void)state;
    assert_run("simulate -f two.guv.yaml -p steady,flash --load 2 --duration 20m --seeds 2 -d 2m",
               0, "guv: in 4 of 4 runs at least 99 % of the jobs were in time");
}

static void prints_json(void **state)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    json_t *json, *run_json;

    (void)state;
    assert_int_equal(run("simulate --json --policy guv,hpa -p steady --duration 10m --load 1 "
                         "--role a -f two.guv.yaml",
                         &out),
                     0);
    json = json_loads(out.data, 0, NULL);
    assert_non_null(json);
    run_json = json_array_get(json_object_get(json_array_get(json, 0), "runs"), 0);
    assert_string_equal(json_string_value(json_object_get(run_json, "trace")), "steady");
    assert_int_equal(json_object_size(json_object_get(run_json, "policies")), 2);
    json_decref(json);
}

static void draws_and_writes_one_trace(void **state)
{
    (void)state;
    assert_run("simulate -f two.guv.yaml --role a --csv jobs.csv --svg a.svg --timeline a.csv", 0,
               "guv");
    assert_int_equal(access(HERE "/a.svg", R_OK), 0);
    assert_run("plot a.csv --svg b.svg", 1, "t: is before the row above it"); /* five policies */
    assert_run("simulate -f two.guv.yaml --role a --csv jobs.csv --policy guv --timeline a.csv", 0,
               "guv");
    assert_run("plot a.csv --panel Workers=workers,consumers --limit Workers=20 --step workers", 0,
               "</svg>");
    assert_run("plot a.csv --panel Workers=wrkers", 1, "there is no column 'wrkers'");
    assert_run(
        "plot a.csv took.csv --panel 'Took=took:each job' --point took --limit 'Took=9 deadline' "
        "--mark 'killed=60'",
        0, ">deadline</text>");
    assert_run("plot took.csv --panel 'Took=took:each job'", 0, ">each job</text>");
    assert_run("plot a.csv took.csv --panel Took=took --mark killed", 1, "--mark: NAME=T");
    assert_run("plot a.csv none.csv", 1, "none.csv: No such file");
    assert_run("simulate -f two.guv.yaml -p all --svg a.svg", 2, "take one trace");
}

static void says_what_it_cannot_do(void **state)
{
    static const struct {
        const char *arguments;
        int status;
        const char *says;
    } cases[] = {
        {"simulate --policy vpa", 1, "there is no policy 'vpa'"},
        {"simulate -p wavy", 1, "there is no pattern 'wavy'"},
        {"simulate --deadline soon", 1, "--deadline: seconds"},
        {"simulate --load 0", 1, "--load: a number"},
        {"simulate --boot x", 1, "--boot: seconds"},
        {"simulate --from-database", 1, "DATABASE_URL is not set"},
        {"simulate --from-database -f two.guv.yaml", 1, "no role of the settings can be tried"},
        {"simulate --since 7d", 2, "are for --from-database"},
        {"simulate --csv a -p all", 2, "exclude each other"},
        {"simulate --role x", 1, "no role 'x'"},
        {"simulate x", 2, "options only"},
        {"simulate -c 'a: {p: x}'", 1, "line 1, role 'a'"},
        {"plot", 2, "1 to 8 CSV files"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_run(cases[i].arguments, cases[i].status, cases[i].says);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guv_keeps_the_deadline_for_less_than_the_others),
        cmocka_unit_test(a_sum_is_of_its_runs),
        cmocka_unit_test(a_histograms_quantiles_are_near),
        cmocka_unit_test(replays_a_file),
        cmocka_unit_test(tells_the_whole_of_many_runs),
        cmocka_unit_test(prints_json),
        cmocka_unit_test(draws_and_writes_one_trace),
        cmocka_unit_test(says_what_it_cannot_do),
    };

    return cmocka_run_group_tests(tests, make_folder, NULL);
}
