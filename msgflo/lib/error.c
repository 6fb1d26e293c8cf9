#include "error.h"

#include <stdarg.h>
#include <stdio.h>

int fail(struct msgflo_error *e, enum msgflo_code code, const char *fmt, ...)
{
    va_list args;

    if (!e)
        return -1;
    e->code = code;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    return -1;
}
