/*
 * layout.h - where the boxes and lines of a picture go: layers from left to right by the longest
 * path, few crossings, lines through columns only in lanes of their own, so that none crosses a
 * box. Pure geometry in pixels; draw_svg.c gives it shape.
 */
#ifndef MSGFLO_LAYOUT_H
#define MSGFLO_LAYOUT_H

#include "graph/graph.h"

#define LAYOUT_MAX_BOXES 2000 /* lanes included */

enum box_kind {
    BOX_PARTICIPANT,
    BOX_ROUTING, /* msgflo/RoundRobin and the like */
    BOX_VALUE,   /* an IIP */
    BOX_INPORT,  /* an exported port */
    BOX_OUTPORT,
    BOX_LANE /* no box: where a line passes a column */
};

struct box_port {
    const char *name; /* lent from the graph */
    size_t used;      /* by so many lines */
    int y;            /* from the top of the box */
    double pull;      /* mean height of the lines' other ends */
};

struct box {
    enum box_kind kind;
    const char *title, *subtitle; /* lent from the graph; NULL for lanes */
    char *value;                  /* of an IIP, shortened; or an exported port's name */
    struct box_port *ins, *outs;
    size_t n_ins, n_outs;
    size_t layer;
    int x, y, w, h;
    double rank; /* among the boxes of its layer */
};

struct line {
    size_t from, to;      /* boxes */
    size_t out, in;       /* their ports, by their number */
    size_t lane, n_lanes; /* boxes between them, the first one's number */
    bool is_back;         /* runs against the layers, below the picture */
    bool is_dead_letter;
};

struct layout {
    struct box *boxes;
    size_t n_boxes;
    struct line *lines;
    size_t n_lines;
    size_t n_layers;
    int width, height;
};

#define LAYOUT_HEAD_PX 46 /* of a box: its two lines of text */
#define LAYOUT_ROW_PX 20  /* of a port */
#define LAYOUT_BACK_PX 16 /* between two lines that run back */
#define LAYOUT_LOOP_PX 36 /* how far such a line may swing out of its column */

/* ret is the caller's, to layout_release(), and lends texts from g. ERR_LIMIT beyond
 * LAYOUT_MAX_BOXES. */
int layout_make(const struct graph *g, struct layout *ret, struct err *e) MUST_CHECK;
void layout_release(struct layout *l);

#endif
