/*
 * notes.h - what was done by hand from the page, for the plots to say: the newest NOTES_MAX of the
 * last 15 minutes. Of this process alone. Safe from any thread.
 */
#ifndef WEB_NOTES_H
#define WEB_NOTES_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

#define NOTES_MAX 100
#define NOTES_LAST_MS (15 * 60 * 1000)
#define NOTE_SIZE 200 /* a longer one is cut */

struct notes; /* opaque */

/* New, for notes_free(); or NULL with *e (ERR_NOMEM). */
struct notes *notes_new(struct err *e) MUST_CHECK;
void notes_free(struct notes *n); /* NULL is fine */

void notes_add(struct notes *n, int64_t now_wall_ms, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* [{"at", "text"}], oldest first; new, NULL at no memory. */
json_t *notes_json(struct notes *n, int64_t now_wall_ms);

#endif
