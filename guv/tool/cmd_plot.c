/*
 * cmd_plot.c - guv plot: time series of CSV files as a picture. For what real runs have written.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "simulate/chart.h"
#include "simulate/csv.h"
#include "tool/commands.h"
#include "tool/file.h"

#define MAX_BYTES ((size_t)256 << 20) /* of a file */
#define MAX_FILES 8

struct plot_options {
    const char *svg, *title, *subtitle;
    struct option_texts panels, limits, marks, areas, steps, points;
};

#define AT(member) .offset = offsetof(struct plot_options, member)
static const struct option_spec specs[] = {
    {"svg", NULL, 0, OPTION_TEXT, "FILE", AT(svg),
     .help = "where the picture goes; - is standard "
             "output",
     .value_default = "-"},
    {"title", NULL, 0, OPTION_TEXT, "TEXT", AT(title), .help = "above the picture"},
    {"subtitle", NULL, 0, OPTION_TEXT, "TEXT", AT(subtitle), .help = "below the title"},
    {"panel", NULL, 0, OPTION_TEXTS, "TITLE=COLUMN[:NAME],...", AT(panels),
     .help =
         "series that stand in one panel, the main one first (one panel a column); NAME stands at "
         "its end, and may be nothing"},
    {"limit", NULL, 0, OPTION_TEXTS, "TITLE=VALUE [NAME]", AT(limits),
     .help = "a line across the panel of that title, such as a deadline"},
    {"mark", NULL, 0, OPTION_TEXTS, "NAME=T", AT(marks),
     .help = "a line down all panels at that time, in seconds: something that happened"},
    {"step", NULL, 0, OPTION_ITEMS, "COLUMN", AT(steps),
     .help = "a value counts until the next row, instead of a line between them"},
    {"area", NULL, 0, OPTION_ITEMS, "COLUMN", AT(areas), .help = "the same, filled"},
    {"point", NULL, 0, OPTION_ITEMS, "COLUMN", AT(points), .help = "a dot each row"},
};
static const struct option_table table = {specs, sizeof(specs) / sizeof(*specs)};

static int say_usage(const char *why)
{
    fprintf(stderr, "guv plot: %s; see guv plot --help\n", why);
    return GUV_USAGE;
}

static int say_failed(const char *why)
{
    fprintf(stderr, "guv plot: %s\n", why);
    return GUV_REFUSED;
}

static int print_help(void)
{
    AUTO(buf_release) struct buf text = BUF_INIT;

    buf_text(&text, "usage: guv plot FILE.csv... [OPTION]...\n\n"
                    "Draws the columns of CSV files over time as SVG. The first line names the\n"
                    "columns; the one named t is the time, in seconds or RFC 3339. An empty field\n"
                    "is a gap. Of columns of one name that of the first file counts.\n\n");
    options_help(&table, &text);
    if (text.failed || fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout))
        return say_failed("standard output takes no more");
    return GUV_DONE;
}

/* --- the files --------------------------------------------------------------------------- */

struct columns {
    char *names[CSV_MAX_FIELDS];
    double *values[CSV_MAX_FIELDS];
    size_t n, n_rows, size;
    int time; /* which one is the time */
};

static void columns_release(struct columns *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->names[i]);
        free(c->values[i]);
    }
    c->n = 0;
}

static int add_header(struct columns *c, const struct csv *row, struct err *e)
{
    c->time = csv_column(row, "t");
    if (c->time < 0)
        return err_set(e, ERR_INPUT, "line %zu: names no column 't'", row->line);
    for (; c->n < row->n; c->n++) {
        c->names[c->n] = strdup(row->fields[c->n]);
        if (!c->names[c->n])
            return err_set(e, ERR_NOMEM, "no memory for the columns");
    }
    return 0;
}

static int grow(struct columns *c, struct err *e)
{
    size_t size = c->size ? 2 * c->size : 1024;

    for (size_t i = 0; i < c->n; i++) {
        double *values = realloc(c->values[i], size * sizeof(*values));

        if (!values)
            return err_set(e, ERR_NOMEM, "no memory for %zu rows", size);
        c->values[i] = values;
    }
    c->size = size;
    return 0;
}

/* What is no number is a gap; the time must be one. */
static int add_row(struct columns *c, const struct csv *row, double *first_s, struct err *e)
{
    double *time = NULL;
    int64_t ms;

    if (c->n_rows == c->size && grow(c, e))
        return -1;
    for (size_t i = 0; i < c->n; i++) {
        double *value = &c->values[i][c->n_rows];

        if (i >= row->n || csv_number(row->fields[i], value))
            *value = (double)NAN;
    }
    time = &c->values[c->time][c->n_rows];
    if (isnan(*time) && (size_t)c->time < row->n &&
        clock_parse_timestamp(row->fields[c->time], &ms) == 0) {
        if (isnan(*first_s))
            *first_s = (double)ms / 1000;
        *time = (double)ms / 1000 - *first_s;
    }
    if (isnan(*time))
        return err_set(e, ERR_INPUT, "line %zu, t: must be seconds or an RFC 3339 time", row->line);
    if (c->n_rows && *time < time[-1])
        return err_set(e, ERR_INPUT, "line %zu, t: is before the row above it", row->line);
    c->n_rows++;
    return 0;
}

/* first_s: when an RFC 3339 time is 0; NAN until the first is met. */
static int read_columns(const struct buf *bytes, struct columns *c, double *first_s, struct err *e)
{
    AUTO(csv_release) struct csv row;
    int got;

    csv_init(&row, bytes->data ? bytes->data : "", bytes->len);
    got = csv_next(&row, e);
    if (got == 0)
        return err_set(e, ERR_INPUT, "there are no rows");
    if (got < 0 || add_header(c, &row, e))
        return -1;
    while ((got = csv_next(&row, e)) > 0)
        if (add_row(c, &row, first_s, e))
            return -1;
    if (got == 0 && c->n_rows < 2)
        return err_set(e, ERR_INPUT, "there must be two rows at least");
    return got;
}

/* --- the picture ------------------------------------------------------------------------- */

struct plot {
    const struct plot_options *options;
    struct columns files[MAX_FILES];
    size_t n_files;
    struct chart chart;
    struct chart_panel panels[CHART_MAX_PANELS];
    struct chart_series series[CHART_MAX_PANELS][CHART_MAX_SERIES];
    char titles[CHART_MAX_PANELS][200], limits[CHART_MAX_PANELS][40];
    char names[CHART_MAX_PANELS][CHART_MAX_SERIES][40];
    struct chart_mark marks[CHART_MAX_MARKS];
    char mark_names[CHART_MAX_MARKS][80];
};

/* The file that has it, and its place there; NULL: none. */
static const struct columns *find_column(const struct plot *p, const char *name, size_t len,
                                         size_t *ret)
{
    for (size_t i = 0; i < p->n_files; i++)
        for (size_t j = 0; j < p->files[i].n; j++) {
            const char *column = p->files[i].names[j];

            if (strlen(column) == len && strncmp(column, name, len) == 0) {
                *ret = j;
                return &p->files[i];
            }
        }
    return NULL;
}

static enum chart_kind kind_of(const struct plot_options *o, const char *column)
{
    if (option_texts_have(&o->areas, column))
        return CHART_AREA;
    if (option_texts_have(&o->steps, column))
        return CHART_STEPS;
    return option_texts_have(&o->points, column) ? CHART_POINTS : CHART_LINE;
}

/* "COLUMN" or "COLUMN:NAME" */
static int add_series(struct plot *p, struct chart_panel *panel, const char *text, size_t len,
                      struct err *e)
{
    size_t at = (size_t)(panel - p->panels), i = 0;
    const struct columns *file;
    const char *colon = memrchr(text, ':', len);
    struct chart_series *s;
    char *name;

    if (panel->n_series == CHART_MAX_SERIES)
        return err_set(e, ERR_LIMIT, "more than %d series in a panel", CHART_MAX_SERIES);
    s = &p->series[at][panel->n_series];
    name = p->names[at][panel->n_series];
    file = find_column(p, text, len, &i);
    if (file)
        colon = NULL; /* part of the column's own name */
    else if (colon)
        file = find_column(p, text, (size_t)(colon - text), &i);
    if (!file)
        return err_set(e, ERR_INPUT, "there is no column '%.*s'", (int)(len < 80 ? len : 80), text);
    if (colon)
        snprintf(name, sizeof(p->names[0][0]), "%.*s", (int)(text + len - colon - 1), colon + 1);
    *s = (struct chart_series){.name = colon ? name : file->names[i],
                               .kind = kind_of(p->options, file->names[i]),
                               .colour = (int)panel->n_series,
                               .n = file->n_rows,
                               .t_s = file->values[file->time],
                               .values = file->values[i]};
    panel->n_series++;
    return 0;
}

static int add_panel(struct plot *p, const char *title, size_t len, struct chart_panel **ret,
                     struct err *e)
{
    size_t i = p->chart.n_panels;

    if (i == CHART_MAX_PANELS)
        return err_set(e, ERR_LIMIT, "more than %d panels", CHART_MAX_PANELS);
    snprintf(p->titles[i], sizeof(p->titles[i]), "%.*s", (int)(len < 199 ? len : 199), title);
    p->panels[i] = (struct chart_panel){.title = p->titles[i], .series = p->series[i]};
    p->chart.n_panels++;
    *ret = &p->panels[i];
    return 0;
}

/* "TITLE=COLUMN,COLUMN" */
static int read_panel(struct plot *p, const char *text, struct err *e)
{
    const char *names = strrchr(text, '=');
    struct chart_panel *panel = NULL;

    if (!names)
        return err_set(e, ERR_INPUT, "--panel: TITLE=COLUMN,..., not '%.80s'", text);
    if (add_panel(p, text, (size_t)(names - text), &panel, e))
        return -1;
    do {
        size_t len = strcspn(++names, ",");

        if (add_series(p, panel, names, len, e))
            return -1;
        names += len;
    } while (*names);
    return 0;
}

/* "TITLE=VALUE" or "TITLE=VALUE NAME" */
static int read_limit(struct plot *p, const char *text, struct err *e)
{
    const char *value = strrchr(text, '='), *name;
    char number[40];
    double limit;

    snprintf(number, sizeof(number), "%.*s", value ? (int)strcspn(value + 1, " ") : 0,
             value ? value + 1 : "");
    if (!value || csv_number(number, &limit))
        return err_set(e, ERR_INPUT, "--limit: TITLE=VALUE [NAME], not '%.80s'", text);
    name = strchr(value, ' ') ? strchr(value, ' ') + 1 : number;
    for (size_t i = 0; i < p->chart.n_panels; i++)
        if (strlen(p->titles[i]) == (size_t)(value - text) &&
            strncmp(p->titles[i], text, (size_t)(value - text)) == 0) {
            snprintf(p->limits[i], sizeof(p->limits[i]), "%s", name);
            p->panels[i].has_limit = true;
            p->panels[i].limit = limit;
            p->panels[i].limit_name = p->limits[i];
            return 0;
        }
    return err_set(e, ERR_INPUT, "--limit: there is no panel '%.*s'", (int)(value - text), text);
}

/* "NAME=T" */
static int read_mark(struct plot *p, const char *text, struct err *e)
{
    const char *t_s = strrchr(text, '=');
    struct chart_mark *m;
    char *name;

    if (p->chart.n_marks == CHART_MAX_MARKS)
        return err_set(e, ERR_LIMIT, "more than %d marks", CHART_MAX_MARKS);
    m = &p->marks[p->chart.n_marks];
    name = p->mark_names[p->chart.n_marks];
    if (!t_s || csv_number(t_s + 1, &m->t_s))
        return err_set(e, ERR_INPUT, "--mark: NAME=T, not '%.80s'", text);
    snprintf(name, sizeof(p->mark_names[0]), "%.*s", (int)(t_s - text), text);
    m->name = name;
    p->chart.n_marks++;
    return 0;
}

/* A panel for each column. */
static int add_all(struct plot *p, const struct columns *file, struct err *e)
{
    for (size_t i = 0; i < file->n; i++) {
        const char *name = file->names[i];
        struct chart_panel *panel = NULL;

        if ((int)i != file->time && (add_panel(p, name, strlen(name), &panel, e) ||
                                     add_series(p, panel, name, strlen(name), e)))
            return -1;
    }
    return 0;
}

static int plan_panels(struct plot *p, struct err *e)
{
    const struct plot_options *o = p->options;

    for (size_t i = 0; i < o->panels.n; i++)
        if (read_panel(p, o->panels.items[i], e))
            return -1;
    for (size_t i = 0; o->panels.n == 0 && i < p->n_files; i++)
        if (add_all(p, &p->files[i], e))
            return -1;
    for (size_t i = 0; i < o->limits.n; i++)
        if (read_limit(p, o->limits.items[i], e))
            return -1;
    for (size_t i = 0; i < o->marks.n; i++)
        if (read_mark(p, o->marks.items[i], e))
            return -1;
    return 0;
}

static int draw(struct plot *p, struct buf *out, struct err *e)
{
    p->chart.title = p->options->title;
    p->chart.subtitle = p->options->subtitle;
    p->chart.from_s = INFINITY;
    p->chart.until_s = -INFINITY;
    for (size_t i = 0; i < p->n_files; i++) {
        const double *t_s = p->files[i].values[p->files[i].time];

        p->chart.from_s = fmin(p->chart.from_s, t_s[0]);
        p->chart.until_s = fmax(p->chart.until_s, t_s[p->files[i].n_rows - 1]);
    }
    p->chart.panels = p->panels;
    p->chart.marks = p->marks;
    return plan_panels(p, e) ? -1 : chart_svg(&p->chart, out, e);
}

static int read_file(struct plot *p, const char *path, double *first_s, struct err *e)
{
    AUTO(buf_release) struct buf bytes = BUF_INIT;
    struct err cause = ERR_INIT;

    if (file_read(path, MAX_BYTES, &bytes, e))
        return -1;
    if (read_columns(&bytes, &p->files[p->n_files++], first_s, &cause))
        return err_set(e, cause.code, "%.200s: %s", path, cause.text);
    return 0;
}

static int draw_files(struct plot *p, const struct option_texts *paths, struct buf *out,
                      struct err *e)
{
    double first_s = (double)NAN;

    for (size_t i = 0; i < paths->n; i++)
        if (read_file(p, paths->items[i], &first_s, e))
            return -1;
    return draw(p, out, e);
}

static int plot(const struct plot_options *options, const struct option_texts *paths)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct plot *p = calloc(1, sizeof(*p));
    struct err e = ERR_INIT;
    int status = GUV_DONE;

    if (!p)
        return say_failed("no memory for the picture");
    p->options = options;
    if (draw_files(p, paths, &out, &e) || file_write(options->svg, &out, &e))
        status = say_failed(e.text);
    for (size_t i = 0; i < p->n_files; i++)
        columns_release(&p->files[i]);
    free(p);
    return status;
}

int guv_plot(int argc, char **argv)
{
    struct plot_options options = {0};
    struct option_texts rest;
    struct err e = ERR_INIT;

    switch (options_parse(&table, argc, argv, &options, &rest, &e)) {
    case OPTIONS_HELP:
        return print_help();
    case OPTIONS_WRONG:
        return say_usage(e.text);
    case OPTIONS_OK:
        break;
    }
    if (rest.n < 1 || rest.n > MAX_FILES)
        return say_usage("1 to 8 CSV files are to be named");
    return plot(&options, &rest);
}
