/*
 * files.h - whole files of a bounded size, in and out.
 */
#ifndef MSGFLO_TOOL_FILES_H
#define MSGFLO_TOOL_FILES_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define FILE_MAX_BYTES (4 * 1024 * 1024)

/* "-" is standard input. Appends to ret. Returns 0, or -1 with *e naming the file (ERR_INPUT,
 * ERR_LIMIT, ERR_NOMEM). */
int file_read(const char *path, struct buf *ret, struct err *e) MUST_CHECK;

/* Makes or replaces the file. */
int file_write(const char *path, const struct buf *text, struct err *e) MUST_CHECK;

/* New, or NULL with *e naming file, line and column. */
json_t *file_read_json(const char *path, struct err *e);

#endif
