/*
 * test_guv_chart.c - the pictures: what is drawn where, and that no text breaks out of them.
 */
#include "unit.h"

#include <math.h>

#include "simulate/chart.h"

static char *draw(const struct chart *c)
{
    struct buf out = BUF_INIT;
    struct err e = ERR_INIT;

    if (chart_svg(c, &out, &e))
        fail_msg("%s", e.text);
    return buf_detach(&out);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
        n++;
    return n;
}

static const double times[] = {0, 10, 20, 30};
static const double values[] = {1, 3, 2, 4};

static void draws_each_kind(void **state)
{
    struct chart_series series[] = {
        {.name = "line", .kind = CHART_LINE, .n = 4, .t_s = times, .values = values},
        {.name = "steps", .kind = CHART_STEPS, .colour = 1, .n = 4, .t_s = times, .values = values},
        {.name = "area", .kind = CHART_AREA, .colour = 2, .n = 4, .t_s = times, .values = values},
    };
    struct chart_panel panel = {.title = "Things",
                                .series = series,
                                .n_series = 3,
                                .has_limit = true,
                                .limit = 3.5,
                                .limit_name = "most"};
    struct chart chart = {.title = "All", .until_s = 30, .panels = &panel, .n_panels = 1};
    AUTO(text_freep) char *svg = draw(&chart);

    (void)state;
    assert_true(strncmp(svg, "<svg ", 5) == 0);
    assert_string_equal(svg + strlen(svg) - 7, "</svg>\n");
    assert_int_equal(count(svg, "class=\"line main\""), 1);
    assert_int_equal(count(svg, "class=\"line\""), 2);
    assert_int_equal(count(svg, "class=\"area\""), 1);
    assert_int_equal(count(svg, "class=\"limit\""), 1);
    assert_int_equal(count(svg, ">line</text>"), 1);
    assert_int_equal(count(svg, ">most</text>"), 1);
    assert_int_equal(count(svg, "<g "), count(svg, "</g>"));
    assert_int_equal(count(svg, "<text "), count(svg, "</text>"));
    assert_non_null(strstr(svg, "prefers-color-scheme:dark"));
    assert_null(strstr(svg, "nan"));
    assert_null(strstr(svg, "inf"));
}

static void axes_have_even_ticks_with_units(void **state)
{
    static const struct {
        double until_s;
        const char *last;
    } cases[] = {{8, ">8 s<"},     {60, ">60 s<"},    {300, ">5 min<"},      {7200, ">120 min<"},
                 {10800, ">3 h<"}, {86400, ">24 h<"}, {7 * 86400.0, ">7 d<"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double ends[] = {0, cases[i].until_s}, ys[] = {0, 16000};
        struct chart_series s = {.name = "", .n = 2, .t_s = ends, .values = ys};
        struct chart_panel panel = {.title = "x", .series = &s, .n_series = 1};
        struct chart chart = {.until_s = cases[i].until_s, .panels = &panel, .n_panels = 1};
        AUTO(text_freep) char *svg = draw(&chart);

        if (!strstr(svg, cases[i].last))
            fail_msg("no %s until %g: %s", cases[i].last, cases[i].until_s, svg);
        assert_non_null(strstr(svg, ">5000<"));
        assert_non_null(strstr(svg, ">20k<"));
    }
}

static void texts_cannot_leave_it(void **state)
{
    struct chart_series s = {.name = "</svg><script>", .n = 4, .t_s = times, .values = values};
    struct chart_panel panel = {.title = "a\x01\"b", .series = &s, .n_series = 1};
    const char *cells[] = {"<h>", "&", "\xff", "\xc3\xa4"};
    struct chart chart = {.title = "<script>",
                          .subtitle = "& so on",
                          .until_s = 30,
                          .panels = &panel,
                          .n_panels = 1,
                          .cells = cells,
                          .n_columns = 2,
                          .n_rows = 2};
    AUTO(text_freep) char *svg = draw(&chart);

    (void)state;
    assert_null(strstr(svg, "<script"));
    assert_null(strstr(svg, "<h>"));
    assert_non_null(strstr(svg, "&lt;/svg&gt;&lt;script&gt;"));
    assert_non_null(strstr(svg, "a?&quot;b"));
    assert_non_null(strstr(svg, ">?</text>"));
    assert_non_null(strstr(svg, ">\xc3\xa4</text>"));
}

static void a_gap_lifts_the_pen(void **state)
{
    const double with_gap[] = {1, NAN, 2, INFINITY};
    struct chart_series s = {.name = "", .n = 4, .t_s = times, .values = with_gap};
    struct chart_panel panel = {.title = "x", .series = &s, .n_series = 1};
    struct chart chart = {.until_s = 30, .panels = &panel, .n_panels = 1};
    AUTO(text_freep) char *svg = draw(&chart);
    const char *path = strstr(svg, "class=\"line");
    size_t moves = 0;

    (void)state;
    assert_non_null(path);
    for (path = strstr(path, "d=\""); *path && *path != '/'; path++)
        moves += *path == 'M';
    assert_int_equal(moves, 2);
}

static void points_are_dots_and_marks_are_named_once(void **state)
{
    const double same[] = {1, 1, NAN, 4}, near_s[] = {0, 0.01, 20, 30};
    struct chart_series s = {
        .name = "", .kind = CHART_POINTS, .n = 4, .t_s = near_s, .values = same};
    struct chart_panel panels[] = {{.title = "x", .series = &s, .n_series = 1},
                                   {.title = "y", .series = &s, .n_series = 1}};
    const struct chart_mark marks[] = {{10, "<killed>"}, {29, "later"}};
    struct chart chart = {
        .until_s = 30, .panels = panels, .n_panels = 2, .marks = marks, .n_marks = 2};
    AUTO(text_freep) char *svg = draw(&chart);

    (void)state;
    assert_int_equal(count(svg, "h0"), 2 * 2); /* two rows at one place are one, a gap is none */
    assert_int_equal(count(svg, "class=\"mark\""), 2 * 2);
    assert_int_equal(count(svg, ">&lt;killed&gt;</text>"), 1);
    assert_int_equal(count(svg, "<text class=\"marked end\""), 1); /* no room on the right */
    assert_null(strstr(svg, "nan"));
}

static void long_series_are_thinned_and_keep_their_peaks(void **state)
{
    size_t n = 200000;
    double *t_s = calloc(n, sizeof *t_s), *ys = calloc(n, sizeof *ys);
    struct chart_series s = {.name = "x", .n = n, .t_s = t_s, .values = ys};
    struct chart_panel panel = {.title = "x", .series = &s, .n_series = 1};
    struct chart chart = {.until_s = (double)n, .panels = &panel, .n_panels = 1};
    char *svg;

    (void)state;
    assert_true(t_s && ys);
    for (size_t i = 0; i < n; i++) {
        t_s[i] = (double)i;
        ys[i] = (double)(i % 7);
    }
    ys[n / 2 + 1] = 100; /* the axis ends at it: y is the plot's top */
    svg = draw(&chart);
    assert_true(strlen(svg) < 100000);
    assert_non_null(strstr(svg, " 40.0L"));
    free(svg);
    free(t_s);
    free(ys);
}

static void draws_nothing_where_there_is_nothing(void **state)
{
    struct chart_series s = {.name = "x"};
    struct chart_panel panel = {.title = "x", .series = &s, .n_series = 1};
    struct chart chart = {.until_s = 1, .panels = &panel, .n_panels = 1};
    AUTO(text_freep) char *svg = draw(&chart);

    (void)state;
    assert_null(strstr(svg, "nan"));
}

static void holds_its_limits(void **state)
{
    struct chart_panel panels[CHART_MAX_PANELS + 1] = {{.title = "x"}};
    struct chart chart = {.until_s = 1, .panels = panels, .n_panels = CHART_MAX_PANELS};
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(chart_svg(&chart, &out, &e), 0);
    chart.n_panels++;
    assert_int_equal(chart_svg(&chart, &out, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    err_clear(&e);
    chart.n_panels = 1;
    chart.n_marks = CHART_MAX_MARKS + 1;
    assert_int_equal(chart_svg(&chart, &out, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    err_clear(&e);
    chart.n_marks = 0;
    panels[0].n_series = CHART_MAX_SERIES + 1;
    assert_int_equal(chart_svg(&chart, &out, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    err_clear(&e);
    chart.until_s = 0;
    assert_int_equal(chart_svg(&chart, &out, &e), -1);
    assert_int_equal(e.code, ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_each_kind),
        cmocka_unit_test(axes_have_even_ticks_with_units),
        cmocka_unit_test(texts_cannot_leave_it),
        cmocka_unit_test(a_gap_lifts_the_pen),
        cmocka_unit_test(points_are_dots_and_marks_are_named_once),
        cmocka_unit_test(long_series_are_thinned_and_keep_their_peaks),
        cmocka_unit_test(draws_nothing_where_there_is_nothing),
        cmocka_unit_test(holds_its_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
