/*
 * library_files.h - reads a component library and the folder of its components from disk.
 */
#ifndef MSGFLO_TOOL_LIBRARY_FILES_H
#define MSGFLO_TOOL_LIBRARY_FILES_H

#include "graph/library.h"

/*
 * file NULL: package.json, if it is there. A folder that is not there has no components; "" or
 * NULL: none is looked at. The result is new: library_free(). Returns 0, or -1 with *e naming the
 * file.
 */
int library_load(const char *file, const char *folder, struct library **ret,
                 struct err *e) MUST_CHECK;

#endif
