/*
 * chart.h - time series as an SVG picture: panels above each other with one time axis, a table of
 * figures below. It can be read on a light and a dark page (it follows the reader's setting), on a
 * telephone, and without colours: series are named at their ends. No I/O.
 */
#ifndef GUV_SIMULATE_CHART_H
#define GUV_SIMULATE_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define CHART_MAX_PANELS 12
#define CHART_MAX_SERIES 12 /* of a panel */
#define CHART_MAX_ROWS 20   /* of the table */
#define CHART_MAX_MARKS 8

enum chart_kind {
    CHART_LINE,  /* from point to point */
    CHART_STEPS, /* a value counts until the next point */
    CHART_AREA,  /* steps without gaps, filled down to 0 */
    CHART_POINTS /* a dot each */
};

/* All is lent until the call returns. */
struct chart_series {
    const char *name; /* UTF-8; short: it stands at the series' end. "": none does */
    enum chart_kind kind;
    int colour;    /* 0 to CHART_COLOURS - 1; 0 is the one to look at, drawn last and strongest */
    bool is_faint; /* thin: what belongs to another series */
    size_t n;      /* points, in the order of time */
    const double *t_s, *values; /* NAN: a gap */
};

#define CHART_COLOURS 8

struct chart_panel {
    const char *title; /* with its unit */
    const struct chart_series *series;
    size_t n_series;
    bool has_limit; /* a line across: a deadline */
    double limit;
    const char *limit_name;
    double most; /* what is above leaves the picture; 0: nothing is */
    /* A second scale on the right, this many times the left one; 0: none. */
    double right_factor;
    const char *right_title;
};

/* Something that happened: a line down all panels, named in the first one. */
struct chart_mark {
    double t_s;
    const char *name;
};

struct chart {
    const char *title, *subtitle; /* NULL: none */
    double from_s, until_s;       /* until_s > from_s */
    const struct chart_panel *panels;
    size_t n_panels;
    const struct chart_mark *marks;
    size_t n_marks;
    /* The table: its head and its rows one after another; the first column stands to the left. */
    const char *const *cells;
    size_t n_columns, n_rows; /* 0: none; the head is a row */
};

/* Appends the picture. Returns 0, or -1 with *e (ERR_LIMIT, ERR_INPUT: no time passes, ERR_NOMEM).
 */
int chart_svg(const struct chart *c, struct buf *out, struct err *e) MUST_CHECK;

#endif
