/*
 * control.h - the thread that carries out what the panel "Try to break it" asks for, by the calls
 * of `formation` on this machine: GET /demo, POST /demo/kill, /demo/scale and /demo/guv. One
 * request at a time, so that two of them do not mix. What was done is noted.
 */
#ifndef WEB_CONTROL_H
#define WEB_CONTROL_H

#include "web/web.h"

#define CONTROL_REQUESTS 16  /* waiting; one more gets 503 */
#define CONTROL_CALL_MS 3000 /* by then formation has answered, or has not */
#define CONTROL_ANSWER_MAX_BYTES ((size_t)1024 * 1024)

struct control; /* opaque */

/* Takes the requests of web->to_control. Returns a new one, or NULL with *e. */
struct control *control_start(struct web *web, struct err *e) MUST_CHECK;

/* From here on it begins nothing more. */
void control_tell_to_stop(struct control *c);
/* Waits for its end and frees it. */
void control_stop(struct control *c);

#endif
