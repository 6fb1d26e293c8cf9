#include "table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define GAP 2 /* blanks between columns */

void table_release(struct table *t)
{
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    t->cells = NULL;
    t->n_cells = 0;
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list args;
    char **grown = reallocarray(t->cells, t->n_cells + 1, sizeof(*grown));
    char *text = NULL;

    if (grown)
        t->cells = grown;
    va_start(args, fmt);
    if (!grown || vasprintf(&text, fmt, args) < 0) {
        t->failed = true;
    } else {
        utf8_tame(text, strlen(text));
        t->cells[t->n_cells++] = text;
    }
    va_end(args);
}

/* Characters, not bytes, of UTF-8. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void measure(const struct table *t, size_t widths[TABLE_MAX_COLUMNS])
{
    for (size_t i = 0; i < t->n_columns; i++)
        widths[i] = width_of(t->columns[i].title);
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t width = width_of(t->cells[i]);

        if (width > widths[i % t->n_columns] && width <= TABLE_MAX_WIDTH)
            widths[i % t->n_columns] = width;
    }
}

static void put_cell(const struct table *t, size_t column, size_t width, const char *text,
                     struct buf *line)
{
    size_t own = width_of(text);
    int pad = own < width ? (int)(width - own) : 0;

    if (t->columns[column].is_number)
        buf_printf(line, "%*s%s", pad, "", text);
    else
        buf_printf(line, "%s%*s", text, pad, "");
    if (column + 1 < t->n_columns)
        buf_printf(line, "%*s", GAP, "");
}

/* The line as far as it fits, without blanks at its end. */
static void put_line(const struct buf *line, size_t max_width, struct buf *out)
{
    size_t len = 0, width = 0;

    if (line->failed || !line->data) {
        out->failed |= line->failed;
        return;
    }
    while (len < line->len && (!max_width || width <= max_width)) {
        width += ((unsigned char)line->data[len] & 0xc0) != 0x80;
        if (max_width && width > max_width)
            break;
        len++;
    }
    while (len && line->data[len - 1] == ' ')
        len--;
    buf_append(out, line->data, len);
    buf_text(out, "\n");
}

int table_print(const struct table *t, size_t max_width, struct buf *out)
{
    size_t widths[TABLE_MAX_COLUMNS];
    AUTO(buf_release) struct buf line = BUF_INIT;

    measure(t, widths);
    for (size_t i = 0; i < t->n_columns; i++)
        put_cell(t, i, widths[i], t->columns[i].title, &line);
    put_line(&line, max_width, out);
    for (size_t i = 0; i + t->n_columns <= t->n_cells; i += t->n_columns) {
        buf_clear(&line);
        for (size_t j = 0; j < t->n_columns; j++)
            put_cell(t, j, widths[j], t->cells[i + j], &line);
        put_line(&line, max_width, out);
    }
    return out->failed || t->failed ? -1 : 0;
}
