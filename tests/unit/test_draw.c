/*
 * test_draw.c - pictures: that nothing lies over anything else, and that the text is safe.
 */
#include "unit.h"

#include "graph/draw.h"
#include "graph/fbp.h"
#include "graph/layout.h"

static const char tangle[] =
    "'v' -> C a(A) OUT -> IN b(B) OUT -> IN c(C) OUT -> IN d(D) OUT -> IN e(E)\n"
    "a X -> X c, a Y -> Y d, a Z -> Z e, b W -> W d, b V -> V e, c RETRY -> IN b, e AGAIN -> IN a\n"
    "d SELF -> S d, f(F) -> IN e, f -> IN rr(msgflo/RoundRobin) OUT -> U c\n"
    "rr DEADLETTER -> DEAD e, g(G) -> h(H), 5 -> N h\n"
    "INPORT=a.X:START\nINPORT=c.IN:MIDDLE\nOUTPORT=e.OUT:END\nOUTPORT=a.OUT:ALSO";

static struct graph *parse(const char *text)
{
    struct err e = ERR_INIT;
    struct graph *g;

    if (fbp_parse(text, strlen(text), NULL, &g, NULL, NULL, &e))
        fail_msg("%s", e.text);
    return g;
}

static void keeps_boxes_and_lanes_apart_and_inside(void **state)
{
    struct graph *g = parse(tangle);
    struct err e = ERR_INIT;
    struct layout l;

    (void)state;
    assert_int_equal(layout_make(g, &l, &e), 0);
    for (size_t i = 0; i < l.n_boxes; i++) {
        const struct box *a = &l.boxes[i];

        assert_true(a->x >= 0 && a->x + a->w <= l.width);
        assert_true(a->y >= 0 && a->y + a->h <= l.height);
        for (size_t j = 0; j < i; j++) {
            const struct box *b = &l.boxes[j];

            assert_true(a->x + a->w < b->x || b->x + b->w < a->x || a->y + a->h < b->y ||
                        b->y + b->h < a->y);
        }
    }
    layout_release(&l);
    graph_free(g);
}

static void runs_lines_to_the_right_or_marks_them_as_running_back(void **state)
{
    struct graph *g = parse(tangle);
    struct err e = ERR_INIT;
    struct layout l;
    size_t back = 0;

    (void)state;
    assert_int_equal(layout_make(g, &l, &e), 0);
    for (size_t i = 0; i < l.n_lines; i++) {
        const struct line *line = &l.lines[i];
        size_t layers = l.boxes[line->to].layer - l.boxes[line->from].layer;

        back += line->is_back;
        assert_true(line->is_back || layers == line->n_lanes + 1);
    }
    assert_int_equal(back, 3); /* c to b, e to a, d to itself */
    layout_release(&l);
    graph_free(g);
}

static void gives_ports_of_a_box_rows_of_their_own(void **state)
{
    struct graph *g = parse(tangle);
    struct err e = ERR_INIT;
    struct layout l;

    (void)state;
    assert_int_equal(layout_make(g, &l, &e), 0);
    for (size_t i = 0; i < l.n_boxes; i++)
        for (size_t j = 0; j < l.boxes[i].n_ins; j++)
            for (size_t k = 0; k < j; k++)
                assert_true(abs(l.boxes[i].ins[j].y - l.boxes[i].ins[k].y) >= LAYOUT_ROW_PX);
    layout_release(&l);
    graph_free(g);
}

/* Whether the picture of the graph holds the text. */
static bool draws(int (*draw)(const struct graph *, struct buf *, struct err *), const char *graph,
                  const char *text)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    struct graph *g = parse(graph);
    struct err e = ERR_INIT;

    assert_int_equal(draw(g, &out, &e), 0);
    graph_free(g);
    return strstr(out.data, text) != NULL;
}

static void escapes_values_for_XML(void **state)
{
    (void)state;
    assert_true(draws(draw_svg, "'<b> & \"x\"\n' -> IN a(A)", "&lt;b&gt; &amp; &quot;x&quot; <"));
    assert_false(draws(draw_svg, "'<b>' -> IN a(A)", "<b>"));
}

static void cuts_a_long_value_between_characters(void **state)
{
    (void)state;
    assert_true(
        draws(draw_svg, "'äääääääääääääääääääääääää' -> IN a(A)", ">ääääääääääääääääääääääää…<"));
    assert_true(
        draws(draw_svg, "'ääääääääääääääääääääääää' -> IN a(A)", ">ääääääääääääääääääääääää<"));
}

static void writes_ports_in_capitals(void **state)
{
    (void)state;
    assert_true(draws(draw_svg, "a(A) started -> in b(B)", ">STARTED<"));
}

static void draws_a_mermaid_flowchart(void **state)
{
    (void)state;
    assert_true(draws(draw_mermaid, "end(A) OUT -> IN b(msgflo/PubSub)",
                      "flowchart LR\n    n0[\"end<br>A\"]\n    n1([\"b<br>msgflo/PubSub\"])\n"
                      "    n0 -- \"OUT → IN\" --> n1\n"));
}

static void draws_values_and_exported_ports_in_mermaid(void **state)
{
    (void)state;
    assert_true(draws(draw_mermaid,
                      "INPORT=a.IN:WORK\nOUTPORT=a.OUT:RESULT\n{\"x\": 1} -> CONFIG a(A)\n",
                      "    v0(\"{#34;x#34;:1}\") -- \"CONFIG\" --> n0\n"
                      "    i0{{\"WORK\"}} -- \"IN\" --> n0\n"
                      "    n0 -- \"OUT\" --> o0{{\"RESULT\"}}\n"));
}

static void draws_exported_ports_in_SVG(void **state)
{
    (void)state;
    assert_true(draws(draw_svg, tangle, ">START</text>"));
    assert_true(draws(draw_svg, tangle, ">END</text>"));
}

static void draws_so_many_processes_and_no_more(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        AUTO(buf_release) struct buf text = BUF_INIT;
        AUTO(buf_release) struct buf out = BUF_INIT;
        struct err e = ERR_INIT;
        struct graph *g;

        for (int i = 0; i < DRAW_MAX_NODES + extra; i++)
            buf_printf(&text, "a%d(A)\n", i);
        g = parse(text.data);
        assert_int_equal(draw_svg(g, &out, &e), extra ? -1 : 0);
        assert_int_equal(e.code, extra ? ERR_LIMIT : ERR_NONE);
        graph_free(g);
    }
}

static void makes_so_many_boxes_and_lanes_and_no_more(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        AUTO(buf_release) struct buf text = BUF_INIT;
        struct err e = ERR_INIT;
        struct layout l;
        struct graph *g;

        for (int i = 0; i < LAYOUT_MAX_BOXES - 1 + extra; i++)
            buf_text(&text, "1 -> IN a(A)\n");
        g = parse(text.data);
        assert_int_equal(layout_make(g, &l, &e), extra ? -1 : 0);
        if (extra)
            assert_int_equal(e.code, ERR_LIMIT);
        else
            layout_release(&l);
        graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_boxes_and_lanes_apart_and_inside),
        cmocka_unit_test(runs_lines_to_the_right_or_marks_them_as_running_back),
        cmocka_unit_test(gives_ports_of_a_box_rows_of_their_own),
        cmocka_unit_test(escapes_values_for_XML),
        cmocka_unit_test(cuts_a_long_value_between_characters),
        cmocka_unit_test(writes_ports_in_capitals),
        cmocka_unit_test(draws_a_mermaid_flowchart),
        cmocka_unit_test(draws_values_and_exported_ports_in_mermaid),
        cmocka_unit_test(draws_exported_ports_in_SVG),
        cmocka_unit_test(draws_so_many_processes_and_no_more),
        cmocka_unit_test(makes_so_many_boxes_and_lanes_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
