/*
 * note.h - how a problem or a warning names its place: "line 4, role 'resize', deadline: ...".
 * What comes from the file may hold anything: control characters become '?', and so do characters
 * that were cut.
 */
#ifndef GUV_CONFIG_NOTE_H
#define GUV_CONFIG_NOTE_H

#include "base/buf.h"

/* Appends a line. role and key may be NULL. */
void note(struct buf *to, int line, const char *role, const char *key, const char *fmt, ...)
    PRINTF_LIKE(5, 6);

#endif
