/*
 * fbp_reader.c - the .fbp parser as a filter, for a test that has thousands of texts to read.
 *     fbp_reader <TEXTS >ANSWERS
 * Each text is preceded by a line "CASE LEN": 1 for case-sensitive, else 0, and its bytes. Each
 * answer is a line of JSON: {"graph": of the text, "written": it as .fbp, "again": the graph of
 * that}, or
 * {"error": text, "line": n, "column": n}. An error in writing or in reading that again is fatal.
 */
#include <stdio.h>
#include <stdlib.h>

#include "graph/fbp.h"
#include "graph/graph_json.h"

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "fbp_reader: %s\n", what);
    exit(1);
}

static json_t *must(json_t *json)
{
    if (!json)
        give_up("no memory");
    return json;
}

/* The graph a second time, by way of what it looks like when it is written. */
static json_t *answer_graph(const struct graph *g, const struct fbp_options *options)
{
    AUTO(buf_release) struct buf written = BUF_INIT;
    AUTO(graph_freep) struct graph *again = NULL;
    struct err e = ERR_INIT;

    if (fbp_write(g, &written, &e) ||
        fbp_parse(written.len ? written.data : "", written.len, options, &again, NULL, NULL, &e))
        give_up(e.text);
    return must(json_pack("{s:o, s:s%, s:o}", "graph", graph_to_json(g), "written",
                          written.len ? written.data : "", written.len, "again",
                          graph_to_json(again)));
}

static json_t *answer(const char *text, size_t len, bool case_sensitive)
{
    const struct fbp_options options = {.case_sensitive = case_sensitive};
    AUTO(graph_freep) struct graph *g = NULL;
    struct fbp_place place = {0, 0};
    struct err e = ERR_INIT;

    if (fbp_parse(text, len, &options, &g, NULL, &place, &e))
        return must(json_pack("{s:s, s:I, s:I}", "error", e.text, "line", (json_int_t)place.line,
                              "column", (json_int_t)place.column));
    return answer_graph(g, &options);
}

int main(void)
{
    size_t len;
    int case_sensitive;

    while (scanf("%d %zu", &case_sensitive, &len) == 2) {
        AUTO(text_freep) char *text = malloc(len + 1), *printed = NULL;
        json_t *json;

        if (!text || getchar() != '\n' || fread(text, 1, len, stdin) != len)
            give_up("its input is cut short");
        json = answer(text, len, case_sensitive != 0);
        printed = graph_value_text(json, JSON_COMPACT);
        json_decref(json);
        if (!printed)
            give_up("no memory");
        puts(printed);
    }
    return 0;
}
