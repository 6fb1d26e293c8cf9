/*
 * draw_text.c - texts as both kinds of pictures show them.
 */
#include <string.h>

#include "graph/draw.h"
#include "graph/graph_json.h"

#define VALUE_MAX_CHARS 24

const char *draw_port_name(const struct graph *g, const char *port, struct buf *capitals)
{
    buf_text(capitals, port);
    for (size_t i = 0; i < capitals->len; i++)
        if (capitals->data[i] >= 'a' && capitals->data[i] <= 'z')
            capitals->data[i] = (char)(capitals->data[i] - 'a' + 'A');
    return g->case_sensitive || capitals->failed ? port : capitals->data;
}

char *draw_value_text(const json_t *value)
{
    char *text = json_is_string(value) ? strdup(json_string_value(value))
                                       : graph_value_text(value, JSON_COMPACT);
    size_t chars = 0, i;

    if (!text)
        return NULL;
    for (i = 0; text[i] && chars < VALUE_MAX_CHARS; i++)
        chars += ((unsigned char)text[i + 1] & 0xc0) != 0x80;
    if (text[i]) {
        char *cut = realloc(text, i + sizeof("…"));

        if (!cut) {
            free(text);
            return NULL;
        }
        text = cut;
        strcpy(text + i, "…");
    }
    return text;
}
