#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void buf_release(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->size = 0;
    b->failed = false;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

static int buf_fail(struct buf *b)
{
    b->failed = true;
    return -1;
}

/* Room for `more` bytes and the NUL. */
static int buf_reserve(struct buf *b, size_t more)
{
    size_t need, size;
    char *data;

    if (b->failed)
        return -1;
    if (more >= SIZE_MAX - b->len || (b->max_bytes && more > b->max_bytes - b->len))
        return buf_fail(b);
    need = b->len + more + 1;
    if (need <= b->size)
        return 0;
    size = b->size > SIZE_MAX / 2 ? need : b->size * 2;
    if (size < need)
        size = need;
    if (size < 64)
        size = 64;
    data = realloc(b->data, size);
    if (!data)
        return buf_fail(b);
    b->data = data;
    b->size = size;
    return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t len)
{
    if (buf_reserve(b, len))
        return -1;
    if (len)
        memcpy(b->data + b->len, bytes, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_text(struct buf *b, const char *text)
{
    return buf_append(b, text, strlen(text));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return buf_fail(b);
    if (buf_reserve(b, (size_t)len))
        return -1;
    va_start(args, fmt);
    vsnprintf(b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return 0;
}

char *buf_detach(struct buf *b)
{
    char *data = b->data;

    if (b->failed)
        return NULL;
    if (!data)
        return calloc(1, 1);
    b->data = NULL;
    b->len = b->size = 0;
    return data;
}
