/*
 * file.h - whole files in and out, for commands. "-" is standard input or output.
 */
#ifndef GUV_TOOL_FILE_H
#define GUV_TOOL_FILE_H

#include "base/buf.h"

/* Appends the file's bytes. Returns 0, or -1 with *e, which names it (ERR_INPUT; ERR_LIMIT: more
 * than max_bytes, or more than there is memory for). */
int file_read(const char *path, size_t max_bytes, struct buf *ret, struct err *e) MUST_CHECK;

/* Makes the file, or writes over it. Returns 0, or -1 with *e (ERR_INPUT). */
int file_write(const char *path, const struct buf *bytes, struct err *e) MUST_CHECK;

#endif
