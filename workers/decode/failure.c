/* failure.c - keeps the first failure and cleans what libraries say. */
#include "failure.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *f, enum decode_status status, const char *fmt, ...)
{
    va_list ap;

    if (f->status != DECODE_OK)
        return -1;
    f->status = status;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), fmt, ap);
    va_end(ap);
    return -1;
}

/* The first line of text after its "domain: ", or "" if a user should not see it. */
static void clean(const char *text, char *ret, size_t size)
{
    size_t len = strcspn(text, "\r\n");
    const char *colon = memchr(text, ':', len);

    ret[0] = '\0';
    if (colon && (size_t)(colon - text) + 1 < len && colon[1] == ' ') {
        len -= (size_t)(colon + 2 - text);
        text = colon + 2;
    }
    if (len >= size)
        return;
    for (size_t i = 0; i < len; i++) {
        if (!isprint((unsigned char)text[i]) || text[i] == '/' || text[i] == '\\')
            return;
    }
    memcpy(ret, text, len);
    ret[len] = '\0';
    if (strstr(ret, "0x"))
        ret[0] = '\0';
}

int failure_set_with(struct failure *f, enum decode_status status, const char *sentence,
                     const char *library_text)
{
    char detail[DECODE_MESSAGE_SIZE / 2];

    clean(library_text ? library_text : "", detail, sizeof(detail));
    if (!detail[0])
        return failure_set(f, status, "%s", sentence);
    return failure_set(f, status, "%s: %s", sentence, detail);
}
