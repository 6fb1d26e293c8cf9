/*
 * test_kills.c - SIGKILL at any moment loses no image and ends none twice.
 */
#include "chaos.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

#define IMAGES 5000
#define IMAGES_A_JOB 25

static atomic_bool posted;

static void *post_all(void *user)
{
    post_until(user, IMAGES, IMAGES_A_JOB, 180000);
    atomic_store(&posted, true);
    return NULL;
}

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

static void every_image_ends_once_while_processes_are_killed(void **state)
{
    unsigned seed = 20260102; /* the same victims' order each run */
    char source[] = "ok/baseline.jpg";
    pthread_t poster;
    int kills = 0;

    (void)state;
    atomic_store(&posted, false);
    assert_int_equal(pthread_create(&poster, NULL, post_all, source), 0);
    /* Until all are accepted and most have ended, and for 20 kills at least. */
    while (!atomic_load(&posted) || kills < 20 ||
           sql_number("SELECT count(*) FROM images WHERE status IN ('queued', 'running')") > 200) {
        int64_t next = clock_mono_ms() + 1000;

        kill_somebody(&seed);
        kills++;
        while (clock_mono_ms() < next)
            look_again();
        if (kills > 180)
            break;
    }
    pthread_join(poster, NULL);
    print_message("%d processes were killed\n", kills);
    assert_recovers(60000);
    assert_all_end_once(90000);
    assert_int_equal(sql_number("SELECT count(*) FROM images WHERE input LIKE '%/ok/baseline.jpg' "
                                "AND status <> 'completed'"),
                     0);
}

int run_kill_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_image_ends_once_while_processes_are_killed),
    };

    return cmocka_run_group_tests_name("kills", tests, NULL, NULL);
}
