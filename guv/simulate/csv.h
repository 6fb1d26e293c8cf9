/*
 * csv.h - rows of comma-separated values (RFC 4180, but a field ends in its line). No I/O: bytes
 * in, fields out.
 */
#ifndef GUV_SIMULATE_CSV_H
#define GUV_SIMULATE_CSV_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define CSV_MAX_FIELDS 64  /* of a row */
#define CSV_MAX_LINE 65536 /* bytes */

struct csv {
    const char *at, *end;         /* what is left; lent */
    size_t line;                  /* of the row, from 1 */
    struct buf text;              /* of the row */
    char *fields[CSV_MAX_FIELDS]; /* lent until the next row; without blanks around them */
    size_t n;
};

/* bytes are lent until csv_release(). */
void csv_init(struct csv *c, const char *bytes, size_t len);
void csv_release(struct csv *c); /* for AUTO */

/* The next row that is not blank. Returns 1, 0 after the last, or -1 with *e, which names the line
 * (ERR_INPUT, ERR_LIMIT, ERR_NOMEM). */
int csv_next(struct csv *c, struct err *e) MUST_CHECK;

/* The place of the column in the row, which is a header; -1: it has none. */
int csv_column(const struct csv *c, const char *name);

/* A decimal number, and nothing else. Returns 0, or -1. */
int csv_number(const char *text, double *ret);

#endif
