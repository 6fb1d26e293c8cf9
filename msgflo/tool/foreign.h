/*
 * foreign.h - participants that cannot announce themselves, described in YAML (npm msgflo
 * src/foreign-participant.coffee). No I/O: text in, the announcement out. Hides libyaml.
 *
 *     component: home/Lamp            needed; label, icon, id and role too
 *     inports:
 *       on: {queue: /lamp/#ROLE/on, type: boolean}      or a list of {id: on, queue: ...}
 */
#ifndef MSGFLO_TOOL_FOREIGN_H
#define MSGFLO_TOOL_FOREIGN_H

#include <stddef.h>

#include "base/err.h"

#define FOREIGN_MAX_BYTES (256 * 1024)
#define FOREIGN_MAX_VALUES 20000 /* aliases counted as what they stand for */
#define FOREIGN_MAX_DEPTH 32

struct foreign {
    char *id, *role;
    char *announcement; /* JSON */
};

/*
 * role NULL: the one in the text. Members that MsgFlo does not know are passed on. ret is the
 * caller's, to foreign_release(). Returns 0, or -1 with *e beginning "line L: " (ERR_INPUT,
 * ERR_LIMIT, ERR_NOMEM).
 */
int foreign_parse(const char *text, size_t len, const char *role, struct foreign *ret,
                  struct err *e) MUST_CHECK;
void foreign_release(struct foreign *f);

#endif
