/*
 * Design notes. The picture is 520 units wide, whatever it shows: a browser scales it to the page,
 * and at a telephone's width its texts can still be read. Long series are thinned to what a column
 * of half a unit can show: its first, lowest, highest and last value, so that no peak is lost.
 */
#include "chart.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define WIDTH 520.0
#define LEFT 46.0
#define RIGHT 82.0 /* the series' names */
#define PLOT_WIDTH (WIDTH - LEFT - RIGHT)
#define PANEL_HEIGHT 140.0
#define PANEL_HEAD 40.0 /* title above the plot */
#define FOOT 26.0       /* the time axis */
#define LINE 20.0       /* of the table */
#define MARGIN 14.0
#define COLUMN 0.5      /* as wide as what can be told apart */
#define LABEL 14.0      /* height of a series' name */
#define MAX_TICKS 5     /* of values; about */
#define MARK_ROOM 120.0 /* for a mark's name beside its line */

static const char style[] =
    "<style>"
    "svg{--page:#fff;--ink:#1f2328;--soft:#59636e;--grid:#e4e8ec;--c0:#0a5bc4;--c1:#59636e;"
    "--c2:#b0460a;--c3:#127a3d;--c4:#8a2fc0;--c5:#b3123f;--c6:#0b7285;--c7:#6b5b00;"
    "font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}"
    "@media(prefers-color-scheme:dark){svg{--page:#14181d;--ink:#e8ecf0;--soft:#9aa5b1;"
    "--grid:#2b323a;--c0:#66b2ff;--c1:#a5afba;--c2:#ff9a5c;--c3:#5fd08a;--c4:#cf9bff;"
    "--c5:#ff7f9d;--c6:#4fd1e0;--c7:#e0c84a}}"
    ".page{fill:var(--page)}text{fill:var(--ink)}.soft{fill:var(--soft)}"
    ".title{font-size:17px;font-weight:600}.head{font-weight:600}"
    ".grid{stroke:var(--grid);fill:none}.axis{stroke:var(--soft);fill:none}"
    ".limit{stroke:var(--ink);stroke-dasharray:6 4;fill:none}"
    ".line{fill:none;stroke-width:1.4;stroke-linejoin:round}.main{stroke-width:2.6}"
    ".dots{fill:none;stroke-width:3;stroke-linecap:round;stroke-opacity:.6}"
    ".mark{stroke:var(--c2);stroke-width:1.4;fill:none}.marked{fill:var(--c2)}"
    ".faint{stroke-width:1;stroke-opacity:.55}.area{stroke:none;fill-opacity:.28}"
    ".end{text-anchor:end}.mid{text-anchor:middle}.num{font-variant-numeric:tabular-nums}"
    "</style>\n";

/* XML has no controls, and takes nothing that is not UTF-8. */
static void put_character(struct buf *out, const char **text)
{
    size_t n = utf8_len(*text, strlen(*text));

    if (n == 0 || (unsigned char)**text < 0x20) {
        buf_text(out, "?");
        return;
    }
    buf_append(out, *text, n);
    *text += n - 1;
}

static void put_text(struct buf *out, const char *text)
{
    for (; text && *text; text++)
        switch (*text) {
        case '<':
            buf_text(out, "&lt;");
            break;
        case '>':
            buf_text(out, "&gt;");
            break;
        case '&':
            buf_text(out, "&amp;");
            break;
        case '"':
            buf_text(out, "&quot;");
            break;
        default:
            put_character(out, &text);
        }
}

/* ---- scales */

struct scale {
    double most, step; /* of the axis; both above 0 */
};

/* The largest of 1, 2 and 5 times a power of ten that is not above x, or the next one. */
static double nice(double x)
{
    double power = pow(10, floor(log10(x))), part = x / power;

    return power * (part <= 1.0001 ? 1 : part <= 2.0001 ? 2 : part <= 5.0001 ? 5 : 10);
}

static struct scale scale_to(double most)
{
    struct scale s;

    if (!(most > 0))
        most = 1;
    s.step = nice(most / MAX_TICKS);
    s.most = s.step * ceil(most / s.step * 0.9999);
    return s;
}

static double highest(const struct chart_panel *p)
{
    double most = p->has_limit ? p->limit * 1.05 : 0;

    for (size_t i = 0; i < p->n_series; i++)
        for (size_t j = 0; j < p->series[i].n; j++)
            if (isfinite(p->series[i].values[j]))
                most = fmax(most, p->series[i].values[j]);
    return p->most > 0 ? fmin(most, p->most) : most;
}

/* "0", "250", "1.5k", "0.02" */
static void put_number(struct buf *out, double x)
{
    if (fabs(x) >= 1e6)
        buf_printf(out, "%.3gM", x / 1e6);
    else if (fabs(x) >= 1e4)
        buf_printf(out, "%.3gk", x / 1e3);
    else
        buf_printf(out, "%.4g", x);
}

/* Of the time axis: a step that people count in, and its unit. */
struct time_step {
    double step_s, unit_s;
    const char *unit;
};

static struct time_step time_step(double span_s)
{
    static const struct time_step steps[] = {
        {1, 1, "s"},         {2, 1, "s"},          {5, 1, "s"},          {10, 1, "s"},
        {30, 1, "s"},        {60, 60, "min"},      {120, 60, "min"},     {300, 60, "min"},
        {600, 60, "min"},    {1200, 60, "min"},    {1800, 60, "min"},    {3600, 3600, "h"},
        {7200, 3600, "h"},   {14400, 3600, "h"},   {21600, 3600, "h"},   {43200, 3600, "h"},
        {86400, 86400, "d"}, {172800, 86400, "d"}, {604800, 86400, "d"}, {2592000, 86400, "d"},
    };
    size_t i = 0;

    while (i + 1 < sizeof steps / sizeof *steps && span_s / steps[i].step_s > 8)
        i++;
    if (span_s < 4)
        return (struct time_step){nice(span_s / 5), 1, "s"};
    if (span_s > 9000 && steps[i].step_s >= 1800 && steps[i].step_s < 3600)
        return (struct time_step){steps[i].step_s, 3600, "h"};
    return steps[i];
}

/* ---- a panel */

struct view {
    const struct chart *chart;
    const struct chart_panel *panel;
    double top; /* of the plot */
    struct scale scale;
    struct buf *out;
};

static double x_of(const struct view *v, double t_s)
{
    double part = (t_s - v->chart->from_s) / (v->chart->until_s - v->chart->from_s);

    return LEFT + PLOT_WIDTH * fmin(1, fmax(0, part));
}

static double y_of(const struct view *v, double value)
{
    return v->top + PANEL_HEIGHT * (1 - value / v->scale.most);
}

static void put_value_axis(const struct view *v)
{
    const struct chart_panel *p = v->panel;

    for (double value = 0; value <= v->scale.most * 1.0001; value += v->scale.step) {
        double y = y_of(v, value);

        buf_printf(v->out, "<path class=\"%s\" d=\"M%.1f %.1fH%.1f\"/>",
                   value > 0 ? "grid" : "axis", LEFT, y, LEFT + PLOT_WIDTH);
        buf_printf(v->out, "<text class=\"soft end num\" x=\"%.1f\" y=\"%.1f\">", LEFT - 6,
                   y + 4.5);
        put_number(v->out, value);
        buf_text(v->out, "</text>");
        if (p->right_factor > 0) {
            buf_printf(v->out, "<text class=\"soft num\" x=\"%.1f\" y=\"%.1f\">",
                       LEFT + PLOT_WIDTH + 6, y + 4.5);
            buf_printf(v->out, "%.2g</text>", value * p->right_factor);
        }
    }
    buf_text(v->out, "\n");
}

static void put_titles(const struct view *v)
{
    buf_printf(v->out, "<text class=\"head\" x=\"%.1f\" y=\"%.1f\">", 8.0, v->top - 13);
    put_text(v->out, v->panel->title);
    buf_text(v->out, "</text>");
    if (v->panel->right_factor > 0) {
        buf_printf(v->out, "<text class=\"soft end\" x=\"%.1f\" y=\"%.1f\">", WIDTH - 8,
                   v->top - 13);
        put_text(v->out, v->panel->right_title);
        buf_text(v->out, "</text>");
    }
    buf_text(v->out, "\n");
}

static void put_time_axis(const struct view *v, bool is_last)
{
    double from_s = v->chart->from_s, span_s = v->chart->until_s - from_s;
    struct time_step step = time_step(span_s);
    double bottom = v->top + PANEL_HEIGHT;

    for (double t_s = ceil(from_s / step.step_s) * step.step_s; t_s <= from_s + span_s * 1.0001;
         t_s += step.step_s) {
        double x = x_of(v, t_s);

        buf_printf(v->out, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>", x, bottom);
        if (!is_last)
            continue;
        buf_printf(v->out, "<text class=\"soft mid num\" x=\"%.1f\" y=\"%.1f\">%.4g%s%s</text>", x,
                   bottom + 18, t_s / step.unit_s, t_s > 0 ? " " : "", t_s > 0 ? step.unit : "");
    }
    buf_text(v->out, "\n");
}

/* ---- a series */

/* What a column shows of a series. */
struct column {
    double x, first, low, high, last;
    bool has_any;
};

struct pen {
    const struct view *v;
    const struct chart_series *s;
    struct column column;
    bool is_down; /* on the paper */
    double last_y;
};

static void pen_to(struct pen *p, double x, double value)
{
    double y = y_of(p->v, value);

    if (!p->is_down)
        buf_printf(p->v->out, "M%.1f %.1f", x, y);
    else if (p->s->kind == CHART_LINE)
        buf_printf(p->v->out, "L%.1f %.1f", x, y);
    else if (fabs(y - p->last_y) >= 0.05)
        buf_printf(p->v->out, "H%.1fV%.1f", x, y);
    p->is_down = true;
    p->last_y = y;
}

static void end_column(struct pen *p)
{
    struct column *c = &p->column;

    if (!c->has_any)
        return;
    pen_to(p, c->x, c->first);
    if (c->high > fmax(c->first, c->last))
        pen_to(p, c->x, c->high);
    if (c->low < fmin(c->first, c->last))
        pen_to(p, c->x, c->low);
    if (c->last < c->first || c->last > c->first)
        pen_to(p, c->x, c->last);
    c->has_any = false;
}

static void lift(struct pen *p, double x)
{
    end_column(p);
    if (p->is_down && p->s->kind != CHART_LINE)
        buf_printf(p->v->out, "H%.1f", x);
    p->is_down = false;
}

static void add_point(struct pen *p, double x, double value)
{
    struct column *c = &p->column;

    if (!isfinite(value)) {
        lift(p, x);
        return;
    }
    if (c->has_any && x - c->x < COLUMN) {
        c->low = fmin(c->low, value);
        c->high = fmax(c->high, value);
        c->last = value;
        return;
    }
    end_column(p);
    *c = (struct column){x, value, value, value, value, true};
}

/* The path's commands. */
static void put_path(const struct view *v, const struct chart_series *s, double *ret_y)
{
    struct pen pen = {.v = v, .s = s, .last_y = y_of(v, 0)};
    double x = LEFT;

    for (size_t i = 0; i < s->n; i++) {
        if (s->t_s[i] > v->chart->until_s && i > 0)
            break;
        x = x_of(v, s->t_s[i]);
        add_point(&pen, x, s->values[i]);
    }
    if (s->kind != CHART_LINE)
        x = LEFT + PLOT_WIDTH;
    lift(&pen, x);
    *ret_y = pen.last_y;
}

static int colour(const struct chart_series *s)
{
    return s->colour >= 0 ? s->colour % CHART_COLOURS : 0;
}

/* One closed path, from its first point on and down to 0. */
static void put_area(const struct view *v, const struct chart_series *s)
{
    double y;

    buf_printf(v->out, "<path class=\"area\" style=\"fill:var(--c%d)\" d=\"", colour(s));
    put_path(v, s, &y);
    buf_printf(v->out, "V%.1fH%.1fZ\"/>", y_of(v, 0), x_of(v, s->t_s[0]));
}

/* One path of strokes without length, whose round ends are the dots. Two at one place are one. */
static double put_points(const struct view *v, const struct chart_series *s)
{
    double last_x = -1, last_y = y_of(v, 0);

    buf_printf(v->out, "<path class=\"dots\" style=\"stroke:var(--c%d)\" d=\"", colour(s));
    for (size_t i = 0; i < s->n; i++) {
        double x = x_of(v, s->t_s[i]), y = y_of(v, s->values[i]);

        if (!isfinite(y) || s->t_s[i] < v->chart->from_s || s->t_s[i] > v->chart->until_s ||
            (x - last_x < COLUMN && fabs(y - last_y) < COLUMN))
            continue;
        buf_printf(v->out, "M%.1f %.1fh0", x, y);
        last_x = x;
        last_y = y;
    }
    buf_text(v->out, "\"/>\n");
    return last_y;
}

static double put_series(const struct view *v, const struct chart_series *s)
{
    double y;

    if (s->n == 0)
        return y_of(v, 0);
    if (s->kind == CHART_POINTS)
        return put_points(v, s);
    if (s->kind == CHART_AREA)
        put_area(v, s);
    buf_printf(v->out, "<path class=\"line%s%s\" style=\"stroke:var(--c%d)\" d=\"",
               colour(s) == 0 && !s->is_faint ? " main" : "", s->is_faint ? " faint" : "",
               colour(s));
    put_path(v, s, &y);
    buf_text(v->out, "\"/>\n");
    return y;
}

/* ---- names at the series' ends */

struct label {
    const char *text;
    int colour; /* -1: ink */
    double y, x;
};

/* By height, each at least a line below the one above. */
static void spread(struct label *labels, size_t n, double top, double bottom)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && labels[j].y < labels[j - 1].y; j--) {
            struct label swap = labels[j];

            labels[j] = labels[j - 1];
            labels[j - 1] = swap;
        }
    for (size_t i = 0; i < n; i++) {
        double least = i ? labels[i - 1].y + LABEL : top;

        labels[i].y = fmax(labels[i].y, least);
    }
    for (size_t i = n; i-- > 0;) {
        double most = i + 1 < n ? labels[i + 1].y - LABEL : bottom;

        labels[i].y = fmin(labels[i].y, most);
    }
}

static void put_labels(const struct view *v, struct label *labels, size_t n)
{
    spread(labels, n, v->top, v->top + PANEL_HEIGHT);
    for (size_t i = 0; i < n; i++) {
        buf_printf(v->out, "<text x=\"%.1f\" y=\"%.1f\"", LEFT + PLOT_WIDTH + 8, labels[i].y + 4.5);
        if (labels[i].colour >= 0)
            buf_printf(v->out, " style=\"fill:var(--c%d)%s\"", labels[i].colour,
                       labels[i].colour == 0 ? ";font-weight:600" : "");
        buf_text(v->out, ">");
        put_text(v->out, labels[i].text);
        buf_text(v->out, "</text>");
    }
    buf_text(v->out, "\n");
}

static void put_all_series(const struct view *v, size_t panel)
{
    struct label labels[CHART_MAX_SERIES + 1];
    const struct chart_panel *p = v->panel;
    size_t n = 0;

    buf_printf(v->out, "<g clip-path=\"url(#plot%zu)\">", panel);
    for (size_t pass = 0; pass < 2; pass++) /* the main one last, above the others */
        for (size_t i = p->n_series; i-- > 0;) {
            const struct chart_series *s = &p->series[i];
            double y;

            if ((colour(s) == 0) != (pass == 1))
                continue;
            y = fmax(v->top, put_series(v, s));
            if (s->name && *s->name && s->n)
                labels[n++] = (struct label){s->name, colour(s), y, 0};
        }
    if (p->has_limit)
        buf_printf(v->out, "<path class=\"limit\" d=\"M%.1f %.1fH%.1f\"/>", LEFT, y_of(v, p->limit),
                   LEFT + PLOT_WIDTH);
    buf_text(v->out, "</g>\n");
    if (p->has_limit && p->limit_name)
        labels[n++] = (struct label){p->limit_name, -1, y_of(v, p->limit), 0};
    if (p->right_factor <= 0)
        put_labels(v, labels, n);
}

/* A mark's name stands on the side of its line that has room. */
static void put_marks(const struct view *v, bool is_named)
{
    for (size_t i = 0; i < v->chart->n_marks; i++) {
        const struct chart_mark *m = &v->chart->marks[i];
        double x = x_of(v, m->t_s);
        bool is_left = x > LEFT + PLOT_WIDTH - MARK_ROOM;

        buf_printf(v->out, "<path class=\"mark\" d=\"M%.1f %.1fv%.1f\"/>", x, v->top, PANEL_HEIGHT);
        if (!is_named || !m->name)
            continue;
        buf_printf(v->out, "<text class=\"marked%s\" x=\"%.1f\" y=\"%.1f\">", is_left ? " end" : "",
                   x + (is_left ? -5 : 5), v->top + 11);
        put_text(v->out, m->name);
        buf_text(v->out, "</text>");
    }
    buf_text(v->out, "\n");
}

static void put_panel(const struct chart *c, size_t i, double top, struct buf *out)
{
    const struct chart_panel *p = &c->panels[i];
    const struct view v = {c, p, top + PANEL_HEAD, scale_to(highest(p)), out};

    buf_printf(out,
               "<clipPath id=\"plot%zu\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
               "height=\"%.1f\"/></clipPath>",
               i, LEFT, v.top - 2, PLOT_WIDTH, PANEL_HEIGHT + 4);
    put_titles(&v);
    put_value_axis(&v);
    put_time_axis(&v, i + 1 == c->n_panels);
    put_all_series(&v, i);
    put_marks(&v, i == 0);
}

/* ---- the picture */

static double table_height(const struct chart *c)
{
    return c->n_rows ? (double)c->n_rows * LINE + MARGIN : 0;
}

/* The first column gets twice the room of the others. */
static void put_table(const struct chart *c, double top, struct buf *out)
{
    double width = (WIDTH - 2 * 8) / (double)(c->n_columns + 1);

    for (size_t i = 0; i < c->n_rows; i++) {
        double y = top + MARGIN + (double)i * LINE + 6;

        for (size_t j = 0; j < c->n_columns; j++) {
            buf_printf(out, "<text class=\"%snum%s\" x=\"%.1f\" y=\"%.1f\">", j ? "end " : "",
                       i == 0 ? " soft" : "", j ? 8 + width * (double)(j + 2) : 8, y);
            put_text(out, c->cells[i * c->n_columns + j]);
            buf_text(out, "</text>");
        }
        if (i == 0)
            buf_printf(out, "<path class=\"grid\" d=\"M8 %.1fH%.1f\"/>", y + 6, WIDTH - 8);
        buf_text(out, "\n");
    }
}

static int check(const struct chart *c, struct err *e)
{
    if (!(c->until_s > c->from_s))
        return err_set(e, ERR_INPUT, "no time passes in the picture");
    if (c->n_panels > CHART_MAX_PANELS || c->n_rows > CHART_MAX_ROWS)
        return err_set(e, ERR_LIMIT, "more than %d panels or %d rows", CHART_MAX_PANELS,
                       CHART_MAX_ROWS);
    if (c->n_marks > CHART_MAX_MARKS)
        return err_set(e, ERR_LIMIT, "more than %d marks", CHART_MAX_MARKS);
    for (size_t i = 0; i < c->n_panels; i++)
        if (c->panels[i].n_series > CHART_MAX_SERIES)
            return err_set(e, ERR_LIMIT, "more than %d series in a panel", CHART_MAX_SERIES);
    return 0;
}

int chart_svg(const struct chart *c, struct buf *out, struct err *e)
{
    double head = (c->title ? 28 : 0) + (c->subtitle ? 18 : 0), top = head;
    double height =
        head + (double)c->n_panels * (PANEL_HEAD + PANEL_HEIGHT) + FOOT + table_height(c) + MARGIN;

    if (check(c, e))
        return -1;
    buf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"100%%\" "
        "style=\"max-width:%.0fpx\" role=\"img\">\n<title>",
        WIDTH, height, WIDTH * 1.8);
    put_text(out, c->title ? c->title : "time series");
    buf_text(out, "</title>\n");
    buf_text(out, style);
    buf_printf(out, "<rect class=\"page\" width=\"%.0f\" height=\"%.0f\"/>\n", WIDTH, height);
    if (c->title) {
        buf_text(out, "<text class=\"title\" x=\"8\" y=\"24\">");
        put_text(out, c->title);
        buf_text(out, "</text>\n");
    }
    if (c->subtitle) {
        buf_printf(out, "<text class=\"soft\" x=\"8\" y=\"%.0f\">", head - 3);
        put_text(out, c->subtitle);
        buf_text(out, "</text>\n");
    }
    for (size_t i = 0; i < c->n_panels; i++, top += PANEL_HEAD + PANEL_HEIGHT)
        put_panel(c, i, top, out);
    put_table(c, top + FOOT, out);
    buf_text(out, "</svg>\n");
    return out->failed ? err_set(e, ERR_NOMEM, "no memory for the picture") : 0;
}
