/*
 * layout.c - layered drawing after Sugiyama: break cycles, layer, put lanes where lines pass
 * layers, order each layer by the mean of its neighbours, then move boxes towards theirs as far as
 * the order allows (isotonic regression by pooling adjacent violators).
 */
#include "graph/layout.h"

#include <string.h>
#include <strings.h>

#include "graph/bindings.h"
#include "graph/draw.h"

#define MARGIN_PX 16
#define BOX_GAP_PX 30
#define LANE_GAP_PX 16
#define LANE_HEIGHT_PX 6
#define COLUMN_GAP_PX 84
#define TITLE_CHAR_PX 9 /* widths are estimates on the safe side: the viewer's font decides */
#define TEXT_CHAR_PX 7
#define SWEEPS 12

/* --- boxes and lines --------------------------------------------------------------------- */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for a picture");
}

void layout_release(struct layout *l)
{
    for (size_t i = 0; i < l->n_boxes; i++) {
        free(l->boxes[i].ins);
        free(l->boxes[i].outs);
        free(l->boxes[i].value);
    }
    free(l->boxes);
    free(l->lines);
    memset(l, 0, sizeof(*l));
}

/* Returns the new box's number, or LAYOUT_MAX_BOXES with *e set. */
static size_t add_box(struct layout *l, enum box_kind kind, struct err *e)
{
    if (l->n_boxes == LAYOUT_MAX_BOXES) {
        err_set(e, ERR_LIMIT, "the picture would have more than %d boxes and lanes",
                LAYOUT_MAX_BOXES);
        return LAYOUT_MAX_BOXES;
    }
    l->boxes[l->n_boxes] = (struct box){.kind = kind};
    return l->n_boxes++;
}

/* The number of the port of that name, made if need be; (size_t)-1 without memory. */
static size_t find_port(struct box_port **ports, size_t *n, const char *name)
{
    struct box_port *grown;
    size_t i;

    for (i = 0; i < *n; i++)
        if (strcmp((*ports)[i].name, name) == 0)
            break;
    if (i == *n) {
        grown = reallocarray(*ports, *n + 1, sizeof(*grown));
        if (!grown)
            return (size_t)-1;
        *ports = grown;
        grown[(*n)++] = (struct box_port){.name = name};
    }
    (*ports)[i].used++;
    return i;
}

/* A box that shows a text alone; text_take NULL: there was no memory for it. Returns as add_box().
 */
static size_t add_text_box(struct layout *l, enum box_kind kind, char *text_take, struct err *e)
{
    size_t box = text_take ? add_box(l, kind, e) : LAYOUT_MAX_BOXES;

    if (!text_take)
        no_memory(e);
    if (box == LAYOUT_MAX_BOXES)
        free(text_take);
    else
        l->boxes[box].value = text_take;
    return box;
}

static size_t number_of(const struct graph *g, const char *node)
{
    return (size_t)(graph_node(g, node) - g->nodes);
}

/* From out to in, or to or from the whole box where the port is NULL. */
static int add_line(struct layout *l, size_t from, const char *out, size_t to, const char *in,
                    struct err *e)
{
    struct box *a = &l->boxes[from], *b = &l->boxes[to];
    struct line line = {.from = from, .to = to};

    line.is_dead_letter = a->kind == BOX_ROUTING && out && strcasecmp(out, "deadletter") == 0;
    line.out = out ? find_port(&a->outs, &a->n_outs, out) : 0;
    line.in = in ? find_port(&b->ins, &b->n_ins, in) : 0;
    if (line.out == (size_t)-1 || line.in == (size_t)-1)
        return no_memory(e);
    l->lines[l->n_lines++] = line;
    return 0;
}

static int add_edge(struct layout *l, const struct graph *g, const struct graph_edge *edge,
                    struct err *e)
{
    size_t to = number_of(g, edge->tgt.node);
    size_t from = edge->data ? add_text_box(l, BOX_VALUE, draw_value_text(edge->data), e)
                             : number_of(g, edge->src.node);

    return from == LAYOUT_MAX_BOXES
               ? -1
               : add_line(l, from, edge->data ? NULL : edge->src.port, to, edge->tgt.port, e);
}

static int add_exports(struct layout *l, const struct graph *g, enum box_kind kind, struct err *e)
{
    const struct graph_exports *list = kind == BOX_INPORT ? &g->inports : &g->outports;

    for (size_t i = 0; i < list->n; i++) {
        const struct graph_export *item = &list->items[i];
        size_t box = add_text_box(l, kind, strdup(item->name), e), node = number_of(g, item->node);

        if (box == LAYOUT_MAX_BOXES ||
            (kind == BOX_INPORT ? add_line(l, box, NULL, node, item->port, e)
                                : add_line(l, node, item->port, box, NULL, e)))
            return -1;
    }
    return 0;
}

/* Of one text, with lines that only leave. */
static bool is_source(const struct box *b)
{
    return b->kind == BOX_VALUE || b->kind == BOX_INPORT;
}

static int read_graph(struct layout *l, const struct graph *g, struct err *e)
{
    l->boxes = calloc(LAYOUT_MAX_BOXES, sizeof(*l->boxes));
    l->lines = calloc(g->n_edges + g->inports.n + g->outports.n + 1, sizeof(*l->lines));
    if (!l->boxes || !l->lines)
        return no_memory(e);
    for (size_t i = 0; i < g->n_nodes; i++) {
        const struct graph_node *node = &g->nodes[i];
        bool routing = component_is_routing(node->component);
        size_t box = add_box(l, routing ? BOX_ROUTING : BOX_PARTICIPANT, e);

        if (box == LAYOUT_MAX_BOXES)
            return -1;
        l->boxes[box].title = node->name;
        l->boxes[box].subtitle = node->component;
    }
    for (size_t i = 0; i < g->n_edges; i++)
        if (add_edge(l, g, &g->edges[i], e))
            return -1;
    return add_exports(l, g, BOX_INPORT, e) || add_exports(l, g, BOX_OUTPORT, e) ? -1 : 0;
}

/* --- layers ------------------------------------------------------------------------------ */

enum visit { NOT_SEEN, OPEN, DONE };

/* Depth first: a line to a box that is still open closes a cycle. As deep as there are nodes. */
static void mark_back_lines(struct layout *l, size_t box, unsigned char *seen)
{
    seen[box] = OPEN;
    for (size_t i = 0; i < l->n_lines; i++) {
        struct line *line = &l->lines[i];

        if (line->from != box)
            continue;
        if (seen[line->to] == OPEN)
            line->is_back = true;
        else if (seen[line->to] == NOT_SEEN)
            mark_back_lines(l, line->to, seen);
    }
    seen[box] = DONE;
}

static void set_layers(struct layout *l)
{
    unsigned char seen[LAYOUT_MAX_BOXES] = {0};
    size_t shift = 0;
    bool changed = true;

    for (size_t i = 0; i < l->n_boxes; i++)
        if (seen[i] == NOT_SEEN)
            mark_back_lines(l, i, seen);
    while (changed) { /* ends: what is left has no cycle */
        changed = false;
        for (size_t i = 0; i < l->n_lines; i++) {
            const struct line *line = &l->lines[i];
            size_t after = l->boxes[line->from].layer + 1;

            if (!line->is_back && !is_source(&l->boxes[line->from]) &&
                l->boxes[line->to].layer < after) {
                l->boxes[line->to].layer = after;
                changed = true;
            }
        }
    }
    for (size_t i = 0; i < l->n_lines; i++) /* a value stands right before what takes it */
        if (is_source(&l->boxes[l->lines[i].from]) && l->boxes[l->lines[i].to].layer == 0)
            shift = 1;
    for (size_t i = 0; i < l->n_boxes; i++)
        l->boxes[i].layer += shift;
    for (size_t i = 0; i < l->n_lines; i++)
        if (is_source(&l->boxes[l->lines[i].from]))
            l->boxes[l->lines[i].from].layer = l->boxes[l->lines[i].to].layer - 1;
    for (size_t i = 0; i < l->n_boxes; i++)
        if (l->boxes[i].layer >= l->n_layers)
            l->n_layers = l->boxes[i].layer + 1;
}

static int add_lanes(struct layout *l, struct err *e)
{
    for (size_t i = 0; i < l->n_lines; i++) {
        struct line *line = &l->lines[i];

        line->lane = l->n_boxes;
        if (line->is_back)
            continue;
        for (size_t layer = l->boxes[line->from].layer + 1; layer < l->boxes[line->to].layer;
             layer++) {
            size_t lane = add_box(l, BOX_LANE, e);

            if (lane == LAYOUT_MAX_BOXES)
                return -1;
            l->boxes[lane].layer = layer;
            l->boxes[lane].h = LANE_HEIGHT_PX;
            line->n_lanes++;
        }
    }
    return 0;
}

/* --- sizes ------------------------------------------------------------------------------- */

static int chars(const char *text)
{
    int n = 0;

    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static int longest(const struct box_port *ports, size_t n)
{
    int most = 0;

    for (size_t i = 0; i < n; i++)
        if (chars(ports[i].name) > most)
            most = chars(ports[i].name);
    return most;
}

static void set_size(struct box *b)
{
    size_t rows = b->n_ins > b->n_outs ? b->n_ins : b->n_outs;
    int ports_px = (longest(b->ins, b->n_ins) + longest(b->outs, b->n_outs)) * TEXT_CHAR_PX + 44;
    int title_px = chars(b->title) * TITLE_CHAR_PX + 28;
    int subtitle_px = chars(b->subtitle) * TEXT_CHAR_PX + 28;

    if (b->value) {
        b->w = chars(b->value) * TEXT_CHAR_PX + 20;
        b->h = LAYOUT_ROW_PX + 4;
        return;
    }
    b->w = ports_px > title_px ? ports_px : title_px;
    if (subtitle_px > b->w)
        b->w = subtitle_px;
    b->h = LAYOUT_HEAD_PX + (int)rows * LAYOUT_ROW_PX + 8;
}

/* All boxes of a layer get its width, so that lines run free between the columns. */
static void set_columns(struct layout *l)
{
    int margin = MARGIN_PX, x;

    for (size_t i = 0; i < l->n_lines; i++)
        if (l->lines[i].is_back)
            margin = MARGIN_PX + LAYOUT_LOOP_PX;
    x = margin;
    for (size_t i = 0; i < l->n_boxes; i++)
        if (l->boxes[i].kind != BOX_LANE)
            set_size(&l->boxes[i]);
    for (size_t layer = 0; layer < l->n_layers; layer++) {
        int width = 0;

        for (size_t i = 0; i < l->n_boxes; i++)
            if (l->boxes[i].layer == layer && l->boxes[i].w > width)
                width = l->boxes[i].w;
        for (size_t i = 0; i < l->n_boxes; i++)
            if (l->boxes[i].layer == layer) {
                l->boxes[i].x = x;
                l->boxes[i].w = width;
            }
        x += width + COLUMN_GAP_PX;
    }
    l->width = x - COLUMN_GAP_PX + margin;
}

/* --- order ------------------------------------------------------------------------------- */

/* Calls visit for each piece of a line between neighbouring layers, from left to right. */
static void each_piece(struct layout *l,
                       void (*visit)(struct layout *l, const struct line *line, size_t from,
                                     size_t to, void *user),
                       void *user)
{
    for (size_t i = 0; i < l->n_lines; i++) {
        const struct line *line = &l->lines[i];
        size_t from = line->from;

        if (line->is_back)
            continue;
        for (size_t j = 0; j <= line->n_lanes; j++) {
            size_t to = j < line->n_lanes ? line->lane + j : line->to;

            visit(l, line, from, to, user);
            from = to;
        }
    }
}

/* Sums over the pieces that touch each box. */
struct sums {
    bool from_left, from_right; /* which neighbours count */
    double sum[LAYOUT_MAX_BOXES];
    unsigned n[LAYOUT_MAX_BOXES];
};

static void add_rank(struct layout *l, const struct line *line, size_t from, size_t to, void *user)
{
    struct sums *s = user;

    (void)line;
    if (s->from_left) {
        s->sum[to] += l->boxes[from].rank;
        s->n[to]++;
    }
    if (s->from_right) {
        s->sum[from] += l->boxes[to].rank;
        s->n[from]++;
    }
}

/* The numbers of the layer's boxes by rank, into ret. Returns how many. */
static size_t layer_boxes(const struct layout *l, size_t layer, size_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < l->n_boxes; i++) {
        size_t at = n;

        if (l->boxes[i].layer != layer)
            continue;
        for (; at > 0 && l->boxes[ret[at - 1]].rank > l->boxes[i].rank; at--)
            ret[at] = ret[at - 1];
        ret[at] = i;
        n++;
    }
    return n;
}

/* Ranks become evenly spaced from 0 to 1, so that those of long and short layers compare. */
static void space_ranks(struct layout *l, size_t layer, size_t *scratch)
{
    size_t n = layer_boxes(l, layer, scratch);

    for (size_t i = 0; i < n; i++)
        l->boxes[scratch[i]].rank = ((double)i + 0.5) / (double)n;
}

static void order_layer(struct layout *l, size_t layer, const struct sums *s, size_t *scratch)
{
    for (size_t i = 0; i < l->n_boxes; i++)
        if (l->boxes[i].layer == layer && s->n[i])
            l->boxes[i].rank = s->sum[i] / s->n[i];
    space_ranks(l, layer, scratch);
}

static void order(struct layout *l, struct sums *s, size_t *scratch)
{
    for (size_t i = 0; i < l->n_boxes; i++)
        l->boxes[i].rank = (double)i;
    for (size_t layer = 0; layer < l->n_layers; layer++)
        space_ranks(l, layer, scratch);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool right = sweep % 2 == 0;

        for (size_t i = 0; i < l->n_layers; i++) {
            *s = (struct sums){.from_left = right, .from_right = !right};
            each_piece(l, add_rank, s);
            order_layer(l, right ? i : l->n_layers - 1 - i, s, scratch);
        }
    }
}

/* --- heights ----------------------------------------------------------------------------- */

/* Where the line leaves or meets a box, from the picture's top. */
static int out_y(const struct layout *l, const struct line *line, size_t box)
{
    const struct box *b = &l->boxes[box];

    return b->y + (b->n_outs && box == line->from ? b->outs[line->out].y : b->h / 2);
}

static int in_y(const struct layout *l, const struct line *line, size_t box)
{
    const struct box *b = &l->boxes[box];

    return b->y + (b->n_ins && box == line->to ? b->ins[line->in].y : b->h / 2);
}

/* How far each box would have to move for its lines to run straight. */
static void add_pull(struct layout *l, const struct line *line, size_t from, size_t to, void *user)
{
    struct sums *s = user;
    int fall = in_y(l, line, to) - out_y(l, line, from);

    if (s->from_left) {
        s->sum[to] -= fall;
        s->n[to]++;
    }
    if (s->from_right) {
        s->sum[from] += fall;
        s->n[from]++;
    }
}

static int gap_after(const struct box *above, const struct box *below)
{
    return above->kind == BOX_LANE || below->kind == BOX_LANE ? LANE_GAP_PX : BOX_GAP_PX;
}

/* A run of boxes that touch, and so move together. */
struct pool {
    double wanted, weight;
    size_t n;
};

/* Each box as near to where it wants to be as its order and the gaps allow. */
static void place_layer(struct layout *l, size_t layer, const struct sums *s, size_t *ids,
                        struct pool *pools)
{
    size_t n = layer_boxes(l, layer, ids), n_pools = 0, next = 0;
    int stacked = 0;

    for (size_t i = 0; i < n; i++) {
        const struct box *b = &l->boxes[ids[i]];
        double weight = s->n[ids[i]] ? s->n[ids[i]] : 0.01;
        double move = s->n[ids[i]] ? s->sum[ids[i]] / s->n[ids[i]] : 0;

        if (i)
            stacked += l->boxes[ids[i - 1]].h + gap_after(&l->boxes[ids[i - 1]], b);
        pools[n_pools++] = (struct pool){b->y + move - stacked, weight, 1};
        while (n_pools > 1 && pools[n_pools - 2].wanted > pools[n_pools - 1].wanted) {
            struct pool *a = &pools[n_pools - 2], *c = &pools[n_pools - 1];

            a->wanted = (a->wanted * a->weight + c->wanted * c->weight) / (a->weight + c->weight);
            a->weight += c->weight;
            a->n += c->n;
            n_pools--;
        }
    }
    stacked = 0;
    for (size_t pool = 0; pool < n_pools; pool++)
        for (size_t i = 0; i < pools[pool].n; i++, next++) {
            struct box *b = &l->boxes[ids[next]];

            if (next)
                stacked += l->boxes[ids[next - 1]].h + gap_after(&l->boxes[ids[next - 1]], b);
            b->y = (int)pools[pool].wanted + stacked;
        }
}

/* In the middle of its row; the rows in the order they are in. */
static void set_port_heights(struct box_port *ports, size_t n, const size_t *rows)
{
    for (size_t i = 0; i < n; i++)
        ports[rows[i]].y = LAYOUT_HEAD_PX + (int)i * LAYOUT_ROW_PX + LAYOUT_ROW_PX / 2;
}

/* Rows go by the height of what is at the other end. The array keeps its order, which lines refer
 * to: only y changes. */
static void sort_ports(struct box_port *ports, size_t n, size_t *rows)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        for (; at > 0 && ports[rows[at - 1]].pull > ports[i].pull; at--)
            rows[at] = rows[at - 1];
        rows[at] = i;
    }
    set_port_heights(ports, n, rows);
}

static void add_port_pull(struct layout *l, const struct line *line, size_t from, size_t to,
                          void *user)
{
    struct box *a = &l->boxes[from], *b = &l->boxes[to];

    (void)user;
    if (from == line->from && a->n_outs)
        a->outs[line->out].pull += (double)(b->y + b->h / 2) / (double)a->outs[line->out].used;
    if (to == line->to && b->n_ins)
        b->ins[line->in].pull += (double)(a->y + a->h / 2) / (double)b->ins[line->in].used;
}

static void order_ports(struct layout *l, size_t *scratch)
{
    for (size_t i = 0; i < l->n_boxes; i++) {
        for (size_t j = 0; j < l->boxes[i].n_ins; j++)
            l->boxes[i].ins[j].pull = 0;
        for (size_t j = 0; j < l->boxes[i].n_outs; j++)
            l->boxes[i].outs[j].pull = 0;
    }
    each_piece(l, add_port_pull, NULL);
    for (size_t i = 0; i < l->n_boxes; i++) {
        sort_ports(l->boxes[i].ins, l->boxes[i].n_ins, scratch);
        sort_ports(l->boxes[i].outs, l->boxes[i].n_outs, scratch);
    }
}

/* The sweeps end with one that heeds both sides. */
static void place(struct layout *l, struct sums *s, size_t *scratch, struct pool *pools)
{
    for (size_t layer = 0; layer < l->n_layers; layer++) {
        *s = (struct sums){0};
        place_layer(l, layer, s, scratch, pools);
    }
    for (int sweep = 0; sweep < 2 * SWEEPS; sweep++) {
        bool right = sweep % 2 == 0, last = sweep >= 2 * SWEEPS - 2;

        if (sweep < SWEEPS)
            order_ports(l, scratch);
        for (size_t i = 0; i < l->n_layers; i++) {
            *s = (struct sums){.from_left = right || last, .from_right = !right || last};
            each_piece(l, add_pull, s);
            place_layer(l, right ? i : l->n_layers - 1 - i, s, scratch, pools);
        }
    }
}

static void set_height(struct layout *l)
{
    int top = 0, bottom = 0;

    for (size_t i = 0; i < l->n_boxes; i++)
        if (i == 0 || l->boxes[i].y < top)
            top = l->boxes[i].y;
    for (size_t i = 0; i < l->n_boxes; i++) {
        l->boxes[i].y += MARGIN_PX - top;
        if (l->boxes[i].y + l->boxes[i].h > bottom)
            bottom = l->boxes[i].y + l->boxes[i].h;
    }
    for (size_t i = 0; i < l->n_lines; i++)
        if (l->lines[i].is_back) /* each has a height of its own below the boxes */
            bottom += LAYOUT_BACK_PX;
    l->height = bottom + MARGIN_PX;
}

int layout_make(const struct graph *g, struct layout *ret, struct err *e)
{
    struct layout l = {0};
    struct sums *sums = malloc(sizeof(*sums));
    size_t *scratch = calloc(GRAPH_MAX_EDGES, sizeof(*scratch));
    struct pool *pools = calloc(LAYOUT_MAX_BOXES, sizeof(*pools));
    int rc = sums && scratch && pools ? read_graph(&l, g, e) : no_memory(e);

    if (!rc) {
        set_layers(&l);
        rc = add_lanes(&l, e);
    }
    if (!rc) {
        set_columns(&l);
        order(&l, sums, scratch);
        place(&l, sums, scratch, pools);
        set_height(&l);
        *ret = l;
    } else {
        layout_release(&l);
    }
    free(sums);
    free(scratch);
    free(pools);
    return rc;
}
