#include "problems.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define DETAIL_SIZE 300
#define NAME_SIZE 61 /* of a parameter that is none of ours; more of it is not told */

void problems_release(struct problems *p)
{
    json_decref(p->list);
    p->list = NULL;
    p->count = 0;
}

PRINTF_LIKE(4, 0)
static void add(struct problems *p, const char *member, const char *place, const char *fmt,
                va_list args)
{
    char detail[DETAIL_SIZE];

    if (p->count++ >= PROBLEMS_MAX)
        return;
    if (!p->list)
        p->list = json_array();
    vsnprintf(detail, sizeof detail, fmt, args);
    /* At no memory the fault is counted and not told: the request is refused all the same. */
    json_array_append_new(p->list, json_pack("{s:s, s:s}", member, place, "detail", detail));
}

int problems_add(struct problems *p, const char *pointer, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    add(p, "pointer", pointer ? pointer : "", fmt, args);
    va_end(args);
    return -1;
}

int problems_add_parameter(struct problems *p, const char *name, const char *fmt, ...)
{
    char place[NAME_SIZE];
    va_list args;

    snprintf(place, sizeof place, "%s", name);
    utf8_repair(place, strlen(place));
    utf8_tame(place, strlen(place));
    va_start(args, fmt);
    add(p, "parameter", place, fmt, args);
    va_end(args);
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
