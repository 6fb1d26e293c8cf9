/*
 * description.h - the API's description, openapi.json, with the limits of this deployment in it.
 * The file has the defaults.
 */
#ifndef WEB_DESCRIPTION_H
#define WEB_DESCRIPTION_H

#include <stddef.h>

#include "base/err.h"
#include "job/settings.h"

/* text: the file, of len bytes. New, or NULL with *e. */
char *description_make(const char *text, size_t len, const struct settings *settings,
                       struct err *e) MUST_CHECK;

#endif
