/*
 * library.h - the component library: which command runs a component. No I/O. The format is
 * MsgFlo's (npm msgflo src/library.coffee): "namespace", "components" {name: template}, "variables"
 * {NAME: text}, "handlers" {".ending": template}, at the top of the JSON document or under "msgflo"
 * in a package.json, whose "name" then is the namespace.
 */
#ifndef MSGFLO_LIBRARY_H
#define MSGFLO_LIBRARY_H

#include <jansson.h>

#include "base/buf.h"
#include "graph/graph.h"

#define LIBRARY_MAX_COMPONENTS 5000

struct library; /* opaque */

/* All lent until the library changes. */
struct library_component {
    char *name;
    char *command;        /* a template still: it has #ROLE and #IIPS */
    char *file;           /* its source; NULL: it is one of "components" */
    const char *language; /* of the source, in FBP's words: "javascript"; or NULL */
};

/* The folder whose files are components. */
struct library_folder {
    const char *path;
    const char *const *names; /* of the files in it; those without a handler are left alone */
    size_t n;
};

/*
 * json is only read; NULL for an empty one. folder may be NULL; what it has goes before
 * "components". The result is new: library_free(). Returns 0, or -1 with ERR_INPUT naming the
 * member that is wrong, ERR_LIMIT, or ERR_NOMEM.
 */
int library_from_json(const json_t *json, const struct library_folder *folder, struct library **ret,
                      struct err *e) MUST_CHECK;
void library_free(struct library *lib);

static inline void library_freep(struct library **lib)
{
    library_free(*lib);
}

/* Adds the component of a file in the folder, or puts it in the place of the one of that name.
 * Returns 0, or -1 (ERR_INPUT: no handler for its ending). */
int library_add_file(struct library *lib, const char *folder, const char *name,
                     struct err *e) MUST_CHECK;

/* In the order of the folder, then of "components". */
size_t library_count(const struct library *lib);
const struct library_component *library_component(const struct library *lib, size_t i);

/* By its name, its name without namespace, or its name with the library's: the first there is, or
 * NULL. */
const struct library_component *library_find(const struct library *lib, const char *name);

/* Each lent, or NULL. */
const char *library_namespace(const struct library *lib);
const char *library_repository(const struct library *lib);

/*
 * Appends the command that runs the node to out: its template with #ROLE, #IIPS (the node's initial
 * packets as '{"port":value}'), #FILENAME, #COMPONENT, #COMPONENTNAME and the variables put in.
 * Returns 0, or -1 with ERR_INPUT "No component C defined for role R".
 */
int library_command(const struct library *lib, const struct graph *g, const struct graph_node *node,
                    struct buf *out, struct err *e) MUST_CHECK;

#endif
