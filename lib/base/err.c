#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Texts hold names from outside, cut by a limit perhaps. Some are several lines of ours. */
static void make_printable(char *text)
{
    utf8_repair(text, strlen(text));
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        utf8_tame(text, len);
    }
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list args;

    if (!e || e->code != ERR_NONE)
        return -1;
    e->code = code;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    make_printable(e->text);
    return -1;
}

void err_clear(struct err *e)
{
    e->code = ERR_NONE;
    e->text[0] = '\0';
}

const char *err_code_name(enum err_code code)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",       [ERR_INPUT] = "input",     [ERR_LIMIT] = "limit",
        [ERR_TIMEOUT] = "timeout", [ERR_NOMEM] = "no_memory", [ERR_UNAVAILABLE] = "unavailable",
        [ERR_BUG] = "bug",
    };

    return names[code];
}
