#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_SIZE 300

void problems_release(struct problems *p)
{
    json_decref(p->list);
    p->list = NULL;
    p->count = 0;
}

int problems_add(struct problems *p, const char *pointer, const char *fmt, ...)
{
    char detail[DETAIL_SIZE];
    va_list args;

    if (p->count++ >= PROBLEMS_MAX)
        return -1;
    if (!p->list)
        p->list = json_array();
    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    /* At no memory the fault is counted and not told: the request is refused all the same. */
    json_array_append_new(
        p->list, json_pack("{s:s, s:s}", "pointer", pointer ? pointer : "", "detail", detail));
    return -1;
}

char *problems_pointer(const char *base, const char *member)
{
    size_t size = strlen(base) + 2 * strlen(member) + 2;
    char *pointer = malloc(size), *out;

    if (!pointer)
        return NULL;
    out = pointer + snprintf(pointer, size, "%s/", base);
    for (; *member; member++) {
        if (*member == '~' || *member == '/') {
            *out++ = '~';
            *out++ = *member == '~' ? '0' : '1';
        } else {
            *out++ = *member;
        }
    }
    *out = '\0';
    return pointer;
}
