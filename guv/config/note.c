#include "config/note.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#define NOTE_MAX_BYTES 1000

/* Not of the file: nothing that a terminal or a log takes for more than text. */
static void tame(char *text, size_t len)
{
    utf8_repair(text, len);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

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
    if (!to->failed)
        tame(to->data + from, to->len - from);
    buf_text(to, "\n");
}
