/*
 * start.h - what the service's programs have in common before they do anything: their settings,
 * read and checked as deeply as can be without a connection. At start what is wrong is logged and
 * the program ends; `PROGRAM --check`, which the release phase calls, only says it.
 */
#ifndef START_START_H
#define START_START_H

#include "base/log.h"
#include "job/settings.h"

#define START_REFUSED 2 /* the status a program ends with when its settings cannot work */

/* What only one program can check: appends a line a problem ("NAME: what is wrong\n"). A text that
 * is wrong by itself is NULL. */
typedef void start_check_fn(const struct settings *settings, struct buf *problems);

/*
 * Fills ret for the program. more may be NULL. Returns 0, or -1 with every problem logged as
 * event=bad_setting; the program then ends with START_REFUSED.
 */
int start_load(enum settings_program program, start_check_fn *more,
               struct settings *ret) MUST_CHECK;

/* --check: a line a problem on standard error. Returns the status to end with. */
int start_check(enum settings_program program, start_check_fn *more);

/* The level that LOG_LEVEL names. */
enum log_level start_log_level(const struct settings *settings);

#endif
