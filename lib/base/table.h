/*
 * table.h - columns of text for a terminal. Cells may hold what came from the network: control
 * characters become '?', so that no name can speak to the terminal.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>

#include "buf.h"

#define TABLE_MAX_COLUMNS 16
#define TABLE_MAX_WIDTH 256 /* characters; a cell above pushes its own row aside, not every row */

struct table_column {
    const char *title;
    bool is_number; /* stands to the right */
};

struct table {
    const struct table_column *columns;
    size_t n_columns;
    char **cells; /* row by row */
    size_t n_cells;
    bool failed; /* no memory: then it prints as unfinished text */
};

#define TABLE_INIT(columns)                                                                        \
    {                                                                                              \
        (columns), sizeof(columns) / sizeof(*(columns)), NULL, 0, false                            \
    }

void table_release(struct table *t);

/* The next cell; rows end by themselves. */
void table_cell(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Appends title and rows, a line each, no line longer than max_width characters (0: no limit), no
 * blanks at their ends. Returns 0, or -1 with out->failed or t->failed. */
int table_print(const struct table *t, size_t max_width, struct buf *out);

#endif
