/*
 * test_kills.c - SIGKILL at any moment loses no image and ends none twice.
 */
#include "chaos.h"

#include <signal.h>

#include "base/clock.h"

#define IMAGES 5000
#define IMAGES_A_JOB 25
#define JOBS_A_SECOND 10 /* so that kills fall on posting as well as on working off */
#define LEAST_KILLS 20
#define MOST_KILLS 120

/* One process of ours, decoders among them; whoever it is. */
static void kill_somebody(unsigned *seed)
{
    pid_t pids[64];
    size_t n = system_pids(NULL, pids, 32), processes = n;

    for (size_t i = 0; i < processes; i++)
        n += children_of(pids[i], pids + n, 64 - n);
    if (n > 0)
        kill(pids[(size_t)rand_r(seed) % n], SIGKILL);
}

/* Posts what a second brings, without insisting: a web that is gone takes nothing. Returns how many
 * images were accepted. */
static int post_for_a_second(int wanted)
{
    int64_t end = clock_mono_ms() + 1000;
    int jobs = 0, accepted = 0;

    while (clock_until_ms(end) > 0) {
        if (accepted < wanted && jobs < JOBS_A_SECOND) {
            jobs++;
            if (post_images("ok/baseline.jpg", IMAGES_A_JOB, NULL) == 202)
                accepted += IMAGES_A_JOB;
        } else {
            look_again();
        }
    }
    return accepted;
}

static int64_t unended(void)
{
    return sql_number("SELECT count(*) FROM images WHERE status IN ('queued', 'running')");
}

static int64_t failed_of_ok(void)
{
    return sql_number("SELECT count(*) FROM images WHERE input LIKE '%/ok/baseline.jpg' "
                      "AND status = 'failed'");
}

static void every_image_ends_once_while_processes_are_killed(void **state)
{
    const int64_t failed = failed_of_ok();
    unsigned seed = 20260102; /* the same victims' order each run */
    int kills = 0, accepted = 0;

    (void)state;
    /* Until all are accepted and most have ended; but a machine that is busy with other things
     * may take longer to start a process again than the next kill is away. */
    while (kills < LEAST_KILLS || (kills < MOST_KILLS && (accepted < IMAGES || unended() > 200))) {
        kill_somebody(&seed);
        kills++;
        accepted += post_for_a_second(IMAGES - accepted);
    }
    print_message("%d processes were killed while %d images ran\n", kills, accepted);
    assert_recovers(60000);
    post_until("ok/baseline.jpg", IMAGES - accepted, IMAGES_A_JOB, 60000);
    assert_all_end_once(300000);
    assert_int_equal(failed_of_ok(), failed); /* a kill costs no image its result */
}

int run_kill_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_ends_once_while_processes_are_killed),
    };

    return cmocka_run_group_tests_name("kills", tests, NULL, NULL);
}
