/*
 * fuzz_fbp.c - any bytes as .fbp: what is read can be written and is then read as the same graph,
 * and what is refused has a place in the text and a message that is text.
 */
#include <string.h>

#include "fuzz.h"
#include "graph/bindings.h"
#include "graph/fbp.h"
#include "graph/graph_json.h"

static void check_written(const struct graph *g, const struct fbp_options *options)
{
    AUTO(buf_release) struct buf written = BUF_INIT;
    AUTO(graph_freep) struct graph *again = NULL;
    struct err e = ERR_INIT;
    json_t *before, *after;

    MUST(fbp_write(g, &written, &e) == 0);
    MUST(fbp_parse(written.len ? written.data : "", written.len, options, &again, NULL, NULL, &e) ==
         0);
    before = graph_to_json(g);
    after = graph_to_json(again);
    MUST(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}

/* Every graph can be bound, or there is a reason why not. */
static void check_topology(const struct graph *g)
{
    struct topology t;
    struct err e = ERR_INIT;

    if (topology_from_graph(g, &t, &e))
        MUST(e.code != ERR_NONE && e.text[0]);
    else
        topology_release(&t);
}

static void check_refusal(const struct err *e, const struct fbp_place *place)
{
    json_t *text = json_string(e->text);

    MUST(text); /* it is UTF-8 */
    json_decref(text);
    MUST(place->line > 0 && place->column > 0);
    MUST(strncmp(e->text, "line ", 5) == 0);
}

static void read_text(const char *text, size_t len, bool case_sensitive)
{
    const struct fbp_options options = {.case_sensitive = case_sensitive};
    AUTO(graph_freep) struct graph *g = NULL;
    AUTO(buf_release) struct buf warnings = BUF_INIT;
    struct fbp_place place = {0, 0};
    struct err e = ERR_INIT;

    if (fbp_parse(text, len, &options, &g, &warnings, &place, &e)) {
        check_refusal(&e, &place);
    } else {
        check_written(g, &options);
        check_topology(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_text((const char *)data, size, false);
    read_text((const char *)data, size, true);
    return 0;
}
