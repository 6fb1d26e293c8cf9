/*
 * fuzz_library.c - any bytes as a component library: each of its components has a command, which is
 * text for a shell.
 */
#include <string.h>

#include "fuzz.h"
#include "graph/library.h"

/* A graph of one process that runs the component and has an initial packet. */
static struct graph *graph_of(const char *component)
{
    const struct span name = {"role", 4}, port = {"in", 2};
    const struct graph_end_ref end = {.node = name, .port = port, .index = GRAPH_NO_INDEX};
    struct graph *g = graph_new();
    struct graph_node *node = g ? graph_add_node(g, name, NULL) : NULL;

    MUST(node);
    node->component = strdup(component);
    MUST(node->component);
    MUST(graph_add_edge(g, NULL, &end, json_string("it's"), NULL, NULL) == 0);
    return g;
}

static void check_library(const struct library *lib)
{
    for (size_t i = 0; i < library_count(lib); i++) {
        const char *name = library_component(lib, i)->name;
        AUTO(buf_release) struct buf command = BUF_INIT;
        struct err e = ERR_INIT;
        struct graph *g = graph_of(name);

        MUST(library_find(lib, name));
        MUST(library_command(lib, g, &g->nodes[0], &command, &e) == 0 || e.text[0]);
        graph_free(g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"A.js", "b.fbp", "c.yml", "none", ".js", "d.e.js"};
    const struct library_folder folder = {"participants", names, sizeof(names) / sizeof(*names)};
    AUTO(library_freep) struct library *lib = NULL;
    struct err e = ERR_INIT;
    json_error_t je;
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &je);

    if (json && library_from_json(json, &folder, &lib, &e) == 0)
        check_library(lib);
    else if (json)
        MUST(e.text[0]);
    json_decref(json);
    return 0;
}
