/*
 * line_protocol.h - guv's decisions driven from outside: a line of JSON with what was observed
 * comes in, a line of JSON with what was decided goes out. Bytes in, bytes out; `t` in the lines is
 * the only clock. See docs/guv.md, "Driven from outside".
 */
#ifndef GUV_TOOL_LINE_PROTOCOL_H
#define GUV_TOOL_LINE_PROTOCOL_H

#include <stddef.h>

#include "base/buf.h"
#include "config/settings.h"

#define LINE_MAX_BYTES ((size_t)1024 * 1024)

struct line_protocol; /* opaque */

/* s is lent until line_protocol_free(). policy: every role's, or NULL for what the file says.
 * Returns 0 and a new one, or -1 (ERR_NOMEM; ERR_INPUT: no such policy). */
int line_protocol_new(const struct guv_settings *s, const char *policy, struct line_protocol **ret,
                      struct err *e) MUST_CHECK;
void line_protocol_free(struct line_protocol *p); /* NULL is fine */

/*
 * Answers one line (without its end) by one line (with it), appended to out. A line that is wrong
 * is answered, too: {"error": "line 3: ..."}, and changes nothing. Returns 0, or -1 with
 * out->failed.
 */
int line_protocol_answer(struct line_protocol *p, const char *line, size_t len, struct buf *out);

#endif
