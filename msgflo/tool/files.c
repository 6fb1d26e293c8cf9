#include "tool/files.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_all(FILE *f, const char *path, struct buf *ret, struct err *e)
{
    char chunk[16384];
    size_t n;

    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0) {
        if (ret->len + n > FILE_MAX_BYTES)
            return err_set(e, ERR_LIMIT, "%s: longer than %d bytes", path, FILE_MAX_BYTES);
        buf_append(ret, chunk, n);
    }
    if (ferror(f))
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    buf_append(ret, "", 0); /* so that an empty file has data, too */
    return ret->failed ? err_set(e, ERR_NOMEM, "%s: no memory", path) : 0;
}

int file_read(const char *path, struct buf *ret, struct err *e)
{
    FILE *f;
    int rc;

    if (strcmp(path, "-") == 0)
        return read_all(stdin, path, ret, e);
    f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    rc = read_all(f, path, ret, e);
    fclose(f);
    return rc;
}

int file_write(const char *path, const struct buf *text, struct err *e)
{
    FILE *f = fopen(path, "wb");
    size_t written;

    if (!f)
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    written = fwrite(text->data, 1, text->len, f);
    if (fclose(f) || written != text->len)
        return err_set(e, ERR_INPUT, "%s: %s", path, strerror(errno));
    return 0;
}

json_t *file_read_json(const char *path, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    json_error_t je;
    json_t *json;

    if (file_read(path, &text, e))
        return NULL;
    json = json_loadb(text.data, text.len, JSON_ALLOW_NUL, &je);
    if (!json)
        err_set(e, ERR_INPUT, "%s: line %d, column %d: %s", path, je.line, je.column, je.text);
    return json;
}
