/*
 * discovery.h - the announcement of a participant, as JSON text. No I/O.
 */
#ifndef MSGFLO_DISCOVERY_H
#define MSGFLO_DISCOVERY_H

#include "definition.h"

/* The queue that announcements go to, on every kind of broker. */
#define DISCOVERY_QUEUE "fbp"

/* New, for the caller to free(); NULL with *e (MSGFLO_NOMEM, or MSGFLO_INVALID: a text that is not
 * UTF-8). */
char *discovery_text(const struct definition *d, const char *id, struct msgflo_error *e) MUST_CHECK;

#endif
