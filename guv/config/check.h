/*
 * check.h - what is wrong with settings that can be read: deadlines that cannot be met, jobs that
 * would be killed, budgets too small. All of it can be run, and so these are warnings.
 */
#ifndef GUV_CONFIG_CHECK_H
#define GUV_CONFIG_CHECK_H

#include "config/settings.h"

#define STATISTICS_S 5.0 /* age of what RabbitMQ's management API says: its sampling interval */

/* Appends to s->warnings. */
void settings_check(struct guv_settings *s);

#endif
