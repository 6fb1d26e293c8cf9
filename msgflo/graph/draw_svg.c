/*
 * draw_svg.c - a graph as SVG. Lines are of a middle tone that shows on light and dark alike; boxes
 * have a ground of their own and follow the viewer's colour scheme.
 */
#include <string.h>

#include "graph/draw.h"
#include "graph/layout.h"

#define CORNER_PX 8

static const char style[] =
    "<style>\n"
    "  .box { fill: #ffffff; stroke: #6e7781; stroke-width: 1.4 }\n"
    "  .routing { fill: #f6f1ff; stroke: #8f6fd8 }\n"
    "  .value { fill: #fff8e1; stroke: #b08c2e }\n"
    "  .port-box { fill: #e8f4ec; stroke: #4a8f63 }\n"
    "  .rule { stroke: #d0d7de }\n"
    "  .title { fill: #1f2328; font-weight: 600; font-size: 15px }\n"
    "  .component { fill: #59636e; font-size: 11.5px }\n"
    "  .port { fill: #424a53; font-size: 11px }\n"
    "  .line { fill: none; stroke: #768390; stroke-width: 1.6 }\n"
    "  .dead { stroke: #c2564b; stroke-dasharray: 5 4 }\n"
    "  .head { fill: #768390 } .dead-head { fill: #c2564b } .dot { fill: #768390 }\n"
    "  @media (prefers-color-scheme: dark) {\n"
    "    .box { fill: #1c2128; stroke: #8b949e }\n"
    "    .routing { fill: #271d3d; stroke: #a58be6 }\n"
    "    .value { fill: #2e2614; stroke: #c9a548 }\n"
    "    .port-box { fill: #16281d; stroke: #6cb487 }\n"
    "    .rule { stroke: #3d444d }\n"
    "    .title { fill: #f0f3f6 } .component { fill: #9aa4af } .port { fill: #c9d1d9 }\n"
    "  }\n"
    "</style>\n"
    "<defs>\n"
    "  <marker id=\"head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\""
    " markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
    "<path class=\"head\" d=\"M0 1 10 5 0 9z\"/></marker>\n"
    "  <marker id=\"dead-head\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\""
    " markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto\">"
    "<path class=\"dead-head\" d=\"M0 1 10 5 0 9z\"/></marker>\n"
    "</defs>\n";

/* XML has no word for most control characters: they become blanks. */
static void put_text(struct buf *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            buf_text(out, "&amp;");
            break;
        case '<':
            buf_text(out, "&lt;");
            break;
        case '>':
            buf_text(out, "&gt;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        default:
            buf_append(out, (unsigned char)*text < 0x20 ? " " : text, 1);
        }
}

static void put_label(struct buf *out, const char *class, const char *anchor, int x, int y,
                      const char *text)
{
    buf_printf(out, "<text class=\"%s\" text-anchor=\"%s\" x=\"%d\" y=\"%d\">", class, anchor, x,
               y);
    put_text(out, text);
    buf_text(out, "</text>\n");
}

static void put_port(struct buf *out, const struct graph *g, const char *anchor, int x, int y,
                     const char *name)
{
    AUTO(buf_release) struct buf capitals = BUF_INIT;

    put_label(out, "port", anchor, x, y, draw_port_name(g, name, &capitals));
}

static void put_ports(struct buf *out, const struct graph *g, const struct box *b)
{
    for (size_t i = 0; i < b->n_ins; i++)
        put_port(out, g, "start", b->x + 11, b->y + b->ins[i].y + 4, b->ins[i].name);
    for (size_t i = 0; i < b->n_outs; i++) {
        put_port(out, g, "end", b->x + b->w - 11, b->y + b->outs[i].y + 4, b->outs[i].name);
        buf_printf(out, "<circle class=\"dot\" cx=\"%d\" cy=\"%d\" r=\"3\"/>\n", b->x + b->w,
                   b->y + b->outs[i].y);
    }
}

static void put_box(struct buf *out, const struct graph *g, const struct box *b)
{
    static const char *const classes[] = {[BOX_PARTICIPANT] = "box",
                                          [BOX_ROUTING] = "box routing",
                                          [BOX_VALUE] = "box value",
                                          [BOX_INPORT] = "box port-box",
                                          [BOX_OUTPORT] = "box port-box"};
    AUTO(buf_release) struct buf capitals = BUF_INIT;
    int middle = b->x + b->w / 2;

    if (b->kind == BOX_LANE)
        return;
    buf_printf(out, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"%d\"/>\n",
               classes[b->kind], b->x, b->y, b->w, b->h,
               b->kind == BOX_PARTICIPANT ? CORNER_PX : 2 * CORNER_PX);
    if (b->value) {
        put_label(out, "port", "middle", middle, b->y + b->h / 2 + 4,
                  b->kind == BOX_VALUE ? b->value : draw_port_name(g, b->value, &capitals));
        return;
    }
    put_label(out, "title", "middle", middle, b->y + 20, b->title);
    put_label(out, "component", "middle", middle, b->y + 36, b->subtitle);
    buf_printf(out, "<path class=\"rule\" d=\"M%d %dh%d\"/>\n", b->x + 1, b->y + LAYOUT_HEAD_PX - 1,
               b->w - 2);
    put_ports(out, g, b);
}

/* From the right of one column to the left of the next, leaving and arriving level. */
static void put_curve(struct buf *out, int x1, int y1, int x2, int y2)
{
    int reach = (x2 - x1) / 2;

    buf_printf(out, "C%d %d %d %d %d %d", x1 + reach, y1, x2 - reach, y2, x2, y2);
}

static void put_line(struct buf *out, const struct layout *l, const struct line *line, int back_y)
{
    const struct box *from = &l->boxes[line->from], *to = &l->boxes[line->to];
    int x = from->x + from->w, y = from->y + (from->n_outs ? from->outs[line->out].y : from->h / 2);
    int end_x = to->x, end_y = to->y + (to->n_ins ? to->ins[line->in].y : to->h / 2);

    buf_printf(out, "<path class=\"line%s\" marker-end=\"url(#%shead)\" d=\"M%d %d",
               line->is_dead_letter ? " dead" : "", line->is_dead_letter ? "dead-" : "", x, y);
    if (line->is_back) {
        buf_printf(out, "C%d %d %d %d %d %dH%dC%d %d %d %d %d %d", x + LAYOUT_LOOP_PX, y,
                   x + LAYOUT_LOOP_PX, back_y, x, back_y, end_x, end_x - LAYOUT_LOOP_PX, back_y,
                   end_x - LAYOUT_LOOP_PX, end_y, end_x, end_y);
    } else {
        for (size_t i = 0; i < line->n_lanes; i++) {
            const struct box *lane = &l->boxes[line->lane + i];

            put_curve(out, x, y, lane->x, lane->y + lane->h / 2);
            x = lane->x + lane->w;
            y = lane->y + lane->h / 2;
            buf_printf(out, "H%d", x);
        }
        put_curve(out, x, y, end_x, end_y);
    }
    buf_text(out, "\"/>\n");
}

static void put_picture(struct buf *out, const struct graph *g, const struct layout *l)
{
    int back_y = l->height;

    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"%d\" height=\"%d\" "
               "viewBox=\"0 0 %d %d\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, "
               "'DejaVu Sans', sans-serif\">\n<title>",
               l->width, l->height, l->width, l->height);
    for (size_t i = 0; i < g->n_nodes; i++) {
        buf_text(out, i ? ", " : "The graph of ");
        put_text(out, g->nodes[i].name);
    }
    buf_printf(out, "</title>\n%s", style);
    for (size_t i = 0; i < l->n_lines; i++) {
        back_y -= l->lines[i].is_back ? LAYOUT_BACK_PX : 0;
        put_line(out, l, &l->lines[i], back_y);
    }
    for (size_t i = 0; i < l->n_boxes; i++)
        put_box(out, g, &l->boxes[i]);
    buf_text(out, "</svg>\n");
}

int draw_svg(const struct graph *g, struct buf *out, struct err *e)
{
    struct layout l;

    if (g->n_nodes > DRAW_MAX_NODES)
        return err_set(e, ERR_LIMIT, "more than %d processes to draw", DRAW_MAX_NODES);
    if (layout_make(g, &l, e))
        return -1;
    put_picture(out, g, &l);
    layout_release(&l);
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for a picture") : 0;
}
