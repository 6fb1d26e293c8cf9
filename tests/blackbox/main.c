/*
 * The black-box suite: any deployment, through HTTP alone.
 *     IMAGERESIZE_TEST_TARGET=https://... [IMAGERESIZE_TEST_SOURCES=https://...] blackbox
 */
#include "target.h"

#include <vips/vips.h>

int main(int argc, char **argv)
{
    int failed = 0;

    (void)argc;
    if (VIPS_INIT(argv[0]))
        return 2;
    vips_cache_set_max(0);
    target_init();
    failed += run_http_tests();
    failed += run_create_tests();
    failed += run_job_tests();
    failed += run_output_tests();
    if (target_has_sources())
        failed += run_image_tests();
    else
        printf("The tests of image formats are not in this run: IMAGERESIZE_TEST_SOURCES is not "
               "set.\n");
    vips_shutdown();
    return failed > 0;
}
