/*
 * guv_roles.h - the roles that the tests of the simulation try: three scales of jobs.
 */
#ifndef TESTS_GUV_ROLES_H
#define TESTS_GUV_ROLES_H

#include "config/settings.h"

static inline struct role_settings a_role(const char *name, int concurrency, double processing_s,
                                          double stddev_s, double deadline_s)
{
    return (struct role_settings){.name = name,
                                  .processing_s = processing_s,
                                  .stddev_s = stddev_s,
                                  .deadline_s = deadline_s,
                                  .percentile = 99,
                                  .target_s = deadline_s - 2.3263478740408408 * stddev_s,
                                  .concurrency = concurrency,
                                  .boot_s = 30,
                                  .shutdown_s = 30,
                                  .minimum = 0,
                                  .maximum = 100,
                                  .slack = 1};
}

static inline struct role_settings resize_role(void)
{
    return a_role("resize", 10, 0.8, 0.4, 180);
}

static inline struct role_settings transcode_role(void)
{
    return a_role("transcode", 1, 10, 5, 120);
}

static inline struct role_settings scrape_role(void)
{
    return a_role("scrape", 4, 4, 4, 150);
}

#endif
