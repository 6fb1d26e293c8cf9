/*
 * fuzz_graph_json.c - any bytes as a JSON graph: what is read comes out the same again, can be
 * drawn, and, where .fbp has words for it, is written as .fbp with as many processes and edges.
 */
#include "fuzz.h"
#include "graph/draw.h"
#include "graph/fbp.h"
#include "graph/graph_json.h"

static void check_same_again(const struct graph *g)
{
    AUTO(graph_freep) struct graph *again = NULL;
    struct err e = ERR_INIT;
    json_t *before = graph_to_json(g), *after;

    MUST(before && graph_from_json(before, &again, &e) == 0);
    after = graph_to_json(again);
    MUST(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

static void check_fbp(const struct graph *g)
{
    const struct fbp_options options = {.case_sensitive = g->case_sensitive};
    AUTO(graph_freep) struct graph *again = NULL;
    AUTO(buf_release) struct buf written = BUF_INIT;
    struct err e = ERR_INIT;

    if (fbp_write(g, &written, &e)) {
        MUST(e.code == ERR_INPUT);
        return;
    }
    MUST(fbp_parse(written.len ? written.data : "", written.len, &options, &again, NULL, NULL,
                   &e) == 0);
    MUST(again->n_nodes == g->n_nodes && again->n_edges == g->n_edges);
}

static void draw(const struct graph *g)
{
    AUTO(buf_release) struct buf svg = BUF_INIT, mermaid = BUF_INIT;
    struct err e = ERR_INIT;

    MUST(draw_svg(g, &svg, &e) == 0 || e.text[0]);
    err_clear(&e);
    MUST(draw_mermaid(g, &mermaid, &e) == 0 || e.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(graph_freep) struct graph *g = NULL;
    struct err e = ERR_INIT;
    json_error_t je;
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &je);

    if (json && graph_from_json(json, &g, &e) == 0) {
        check_same_again(g);
        check_fbp(g);
        draw(g);
    } else if (json) {
        MUST(e.text[0]);
    }
    json_decref(json);
    return 0;
}
