#include "tool/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_all(FILE *from, const char *name, struct buf *ret, struct err *e)
{
    char bytes[65536];
    size_t n;

    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        if (buf_append(ret, bytes, n))
            return err_set(e, ERR_LIMIT, "%.200s: more than %zu bytes", name, ret->max_bytes);
    return ferror(from) ? err_set(e, ERR_INPUT, "%.200s: %s", name, strerror(errno)) : 0;
}

int file_read(const char *path, size_t max_bytes, struct buf *ret, struct err *e)
{
    FILE *from;
    int rc;

    ret->max_bytes = max_bytes;
    if (strcmp(path, "-") == 0)
        return read_all(stdin, "standard input", ret, e);
    from = fopen(path, "re");
    if (!from)
        return err_set(e, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    rc = read_all(from, path, ret, e);
    fclose(from);
    return rc;
}

int file_write(const char *path, const struct buf *bytes, struct err *e)
{
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    bool is_written;

    if (!to)
        return err_set(e, ERR_INPUT, "%.200s: %s", path, strerror(errno));
    is_written = bytes->len == 0 || fwrite(bytes->data, 1, bytes->len, to) == bytes->len;
    if (to == stdout ? fflush(to) : fclose(to))
        is_written = false;
    return is_written ? 0 : err_set(e, ERR_INPUT, "%.200s: %s", path, strerror(errno));
}
