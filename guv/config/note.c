#include "config/note.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#define NOTE_MAX_BYTES 1000

void note(struct buf *to, int line, const char *role, const char *key, const char *fmt, ...)
{
    char text[NOTE_MAX_BYTES];
    size_t from = to->len;
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    buf_printf(to, "line %d", line);
    if (role)
        buf_printf(to, ", role '%.100s'", role);
    if (key)
        buf_printf(to, ", %s", key);
    buf_printf(to, ": %s", text);
    if (!to->failed) { /* not all of it is ours: nothing that a terminal takes for more than text */
        utf8_repair(to->data + from, to->len - from);
        utf8_tame(to->data + from, to->len - from);
    }
    buf_text(to, "\n");
}
