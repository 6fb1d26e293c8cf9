/*
 * error.h - fills a struct msgflo_error.
 */
#ifndef MSGFLO_ERROR_H
#define MSGFLO_ERROR_H

#include "base/err.h"
#include "msgflo/msgflo.h"

/* Returns -1, so that a failing function can end in `return fail(...)`. e may be NULL. */
int fail(struct msgflo_error *e, enum msgflo_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
