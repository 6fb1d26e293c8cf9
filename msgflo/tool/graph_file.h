/*
 * graph_file.h - saves a graph to its file so that at any moment, whatever fails, the file is the
 * old graph or the new one, whole.
 */
#ifndef MSGFLO_TOOL_GRAPH_FILE_H
#define MSGFLO_TOOL_GRAPH_FILE_H

#include "base/err.h"
#include "graph/graph.h"

/*
 * Writes the graph as .fbp or JSON, by the path's ending, to a new file beside it, and puts that in
 * its place once it is on the disk. A file that is there keeps its mode; a symbolic link stays one
 * and its target is replaced. Blocks for as long as the disk does. Returns 0, or -1 with *e naming
 * the file (ERR_INPUT: another ending, a name that .fbp cannot spell, or what the system said;
 * ERR_INPUT, ERR_LIMIT: what could not be read again). The file is then as it was.
 */
int graph_file_save(const char *path, const struct graph *g, struct err *e) MUST_CHECK;

/* Whether graphs can be saved to it, by its ending. */
bool graph_file_is_named_well(const char *path);

#endif
