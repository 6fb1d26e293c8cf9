/*
 * library.h - the component library: which command runs a component. No I/O. The format is
 * MsgFlo's (npm msgflo src/library.coffee): "namespace", "components" {name: template}, "variables"
 * {NAME: text}, at the top of the JSON document or under "msgflo" in a package.json.
 */
#ifndef MSGFLO_LIBRARY_H
#define MSGFLO_LIBRARY_H

#include <jansson.h>

#include "base/buf.h"
#include "graph/graph.h"

struct library; /* opaque */

/* json is only read. The result is new: library_free(). Returns 0, or -1 with ERR_INPUT naming the
 * member that is wrong, or ERR_NOMEM. */
int library_from_json(const json_t *json, struct library **ret, struct err *e) MUST_CHECK;
void library_free(struct library *lib);

static inline void library_freep(struct library **lib)
{
    library_free(*lib);
}

/*
 * Appends the command that runs the node to out: its template with #ROLE, #IIPS (the node's initial
 * packets as '{"port":value}'), #COMPONENT, #COMPONENTNAME and the variables put in. Returns 0, or
 * -1 with ERR_INPUT "No component C defined for role R".
 */
int library_command(const struct library *lib, const struct graph *g, const struct graph_node *node,
                    struct buf *out, struct err *e) MUST_CHECK;

#endif
