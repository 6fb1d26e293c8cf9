/*
 * The black-box suite: any deployment, through HTTP alone.
 *     IMAGERESIZE_TEST_TARGET=https://... [IMAGERESIZE_TEST_SOURCES=https://...] blackbox
 * [GROUP...] GROUPs are those below; without one, all.
 */
#include "target.h"

#include <vips/vips.h>

static const struct {
    const char *name;
    int (*run)(void);
    bool needs_sources;
} groups[] = {
    {"http", run_http_tests, false},    {"create", run_create_tests, false},
    {"jobs", run_job_tests, false},     {"outputs", run_output_tests, false},
    {"lists", run_list_tests, false},   {"cancel", run_cancel_tests, false},
    {"events", run_event_tests, false}, {"images", run_image_tests, true},
};

static bool is_wanted(const char *name, char **names)
{
    bool any = *names == NULL;

    for (; *names && !any; names++)
        any = strcmp(*names, name) == 0;
    return any;
}

int main(int argc, char **argv)
{
    int failed = 0;

    (void)argc;
    if (VIPS_INIT(argv[0]))
        return 2;
    vips_cache_set_max(0);
    target_init();
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (!is_wanted(groups[i].name, argv + 1))
            continue;
        if (groups[i].needs_sources && !target_has_sources())
            printf("The tests of %s are not in this run: IMAGERESIZE_TEST_SOURCES is not set.\n",
                   groups[i].name);
        else
            failed += groups[i].run();
    }
    vips_shutdown();
    return failed > 0;
}
