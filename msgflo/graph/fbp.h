/*
 * fbp.h - the .fbp language: text in, a graph or an error with its line and column out. No I/O.
 *
 * Accepts what npm's fbp 1.8.0 accepts (grammar/fbp.peg) and gives the same graph, with these
 * differences: the text must be UTF-8 (npm replaces what is not), lone surrogates and numbers
 * beyond a double are refused in JSON values (npm lets them through as what no UTF-8 or JSON text
 * can hold), so is a NUL in a key of theirs, names that JavaScript's objects are born with
 * (constructor, __proto__) are names like others, and the limits below.
 * tests/interop/fbp_parser.test.js holds the two beside each other.
 */
#ifndef MSGFLO_FBP_H
#define MSGFLO_FBP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "graph/graph.h"

#define FBP_MAX_BYTES (1024 * 1024)
#define FBP_MAX_JSON_DEPTH 32 /* brackets open at once in one IIP */
#define FBP_MAX_INDEX 999999  /* of an array port; beside these, the limits of graph.h */

/* Where in the text, counted from 1; columns are characters, not bytes. */
struct fbp_place {
    size_t line, column;
};

struct fbp_options {
    bool case_sensitive; /* else port names are read in lower case */
};

/*
 * Reads a whole graph. options may be NULL. The result is new: graph_free(). What was read but is
 * surely not what the author meant is told in lines appended to warnings (NULL: not wanted; 20 at
 * most). Returns 0, or -1 with *e set and its text beginning "line L, column C: "; *ret_place (may
 * be NULL) is the same place.
 */
int fbp_parse(const char *text, size_t len, const struct fbp_options *options, struct graph **ret,
              struct buf *warnings, struct fbp_place *ret_place, struct err *e) MUST_CHECK;

/*
 * The graph as .fbp text, which parses to the same graph, appended to out. Metadata of edges and
 * what else the language has no words for is left out; a name it cannot spell is ERR_INPUT (no name
 * of a graph that was read from .fbp).
 */
int fbp_write(const struct graph *g, struct buf *out, struct err *e) MUST_CHECK;

#endif
