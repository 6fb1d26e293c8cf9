/*
 * draw.h - pictures of a graph. No I/O.
 */
#ifndef MSGFLO_DRAW_H
#define MSGFLO_DRAW_H

#include "base/buf.h"
#include "graph/graph.h"

#define DRAW_MAX_NODES 200 /* more is no picture any more */

/*
 * An SVG picture, appended to out: layers from left to right by the longest path, every port named
 * where its edge ends, no fonts or scripts from elsewhere, readable on light and dark pages.
 * Returns 0, or -1 with *e set (ERR_LIMIT, ERR_NOMEM).
 */
int draw_svg(const struct graph *g, struct buf *out, struct err *e) MUST_CHECK;

/* A Mermaid flowchart, for places that render it. Returns as draw_svg(). */
int draw_mermaid(const struct graph *g, struct buf *out, struct err *e) MUST_CHECK;

/* The value of an IIP: a text as it is, else compact JSON, cut short at a character's end. New, or
 * NULL without memory. */
char *draw_value_text(const json_t *value);

/* A port as people write it: in capitals, where case does not count. Lent from port or capitals. */
const char *draw_port_name(const struct graph *g, const char *port, struct buf *capitals);

#endif
