/*
 * The chaos suite: the real system on this machine, and everything that can go wrong with it.
 *     test_chaos [GROUP...]   without one, all
 * CHAOS_KEEP=1 keeps the logs.
 * CHAOS_PROGRAM=FILE puts that program in the place of ours of its name: a broken one shows that a
 * test can fail. CHAOS_QUEUE=N is how long the queue grows.
 */
#include "chaos.h"

#include <curl/curl.h>

#include "base/clock.h"

static const struct {
    const char *name;
    int (*run)(void);
} groups[] = {
    {"dyno", run_dyno_tests},     {"sources", run_source_tests}, {"decoder", run_decoder_tests},
    {"bucket", run_bucket_tests}, {"queues", run_queue_tests},   {"outages", run_outage_tests},
    {"kills", run_kill_tests},    {"stop", run_stop_tests},      {"streams", run_stream_tests},
    {"demo", run_demo_tests},     {"cancel", run_cancel_tests},  {"stats", run_stats_tests},
};

#define DIGITS_OF(number) #number
#define DIGITS(macro) DIGITS_OF(macro)

static int start_system(void **state)
{
    const char *program = getenv("CHAOS_PROGRAM");
    char program_word[1024];
    const char *words[] = {"resize=2",
                           "store=2",
                           "IMAGERESIZE_RETRY_DELAY=40",
                           "IMAGERESIZE_OUTBOX_LEASE=3",
                           "IMAGERESIZE_FETCH_TIMEOUT=3",
                           "IMAGERESIZE_RESIZE_TIMEOUT=3",
                           "IMAGERESIZE_MAX_SOURCE=1",
                           "IMAGERESIZE_ATTEMPTS=5",
                           "IMAGERESIZE_STREAM_HEARTBEAT=1",
                           "IMAGERESIZE_STREAM_PATIENCE=2",
                           "IMAGERESIZE_DEMO=1",
                           "IMAGERESIZE_MAX_STATS=" DIGITS(STATS_MAX),
                           program ? program_word : NULL,
                           NULL};

    (void)state;
    snprintf(program_word, sizeof program_word, "program=%s", program ? program : "");
    system_start(words);
    ends_watch();
    return 0;
}

static void the_system_starts(void **state)
{
    (void)state;
    assert_recovers(60000);
}

static int run_group(size_t i)
{
    int64_t began = clock_mono_ms();
    int failed = groups[i].run();

    print_message("%s took %lld s\n", groups[i].name, (long long)(clock_mono_ms() - began) / 1000);
    return failed;
}

static bool is_wanted(const char *name, char **names)
{
    bool any = *names == NULL;

    for (; *names && !any; names++)
        any = strcmp(*names, name) == 0;
    return any;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest start[] = {cmocka_unit_test(the_system_starts)};
    int failed;

    (void)argc;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    failed = cmocka_run_group_tests_name("start", start, start_system, NULL);
    for (size_t i = 0; i < sizeof groups / sizeof *groups && (failed == 0 || i > 0); i++)
        if (is_wanted(groups[i].name, argv + 1))
            failed += run_group(i);
    system_end(failed && getenv("CHAOS_KEEP"));
    return failed > 0;
}
