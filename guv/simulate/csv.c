#include "csv.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

void csv_init(struct csv *c, const char *bytes, size_t len)
{
    *c = (struct csv){.at = bytes, .end = bytes + len, .text = BUF_INIT};
    if (len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        c->at += 3; /* spreadsheets' byte order mark */
}

void csv_release(struct csv *c)
{
    buf_release(&c->text);
    c->n = 0;
}

/* The next line without its end, in c->text. */
static int take_line(struct csv *c, struct err *e)
{
    const char *newline = memchr(c->at, '\n', (size_t)(c->end - c->at));
    const char *end = newline ? newline : c->end;
    size_t len = (size_t)(end - c->at);
    const char *from = c->at;

    c->line++;
    c->at = newline ? newline + 1 : c->end;
    if (len && from[len - 1] == '\r')
        len--;
    if (len > CSV_MAX_LINE)
        return err_set(e, ERR_LIMIT, "line %zu: longer than %d bytes", c->line, CSV_MAX_LINE);
    if (memchr(from, '\0', len))
        return err_set(e, ERR_INPUT, "line %zu: has a NUL byte", c->line);
    buf_clear(&c->text);
    if (buf_append(&c->text, from, len))
        return err_set(e, ERR_NOMEM, "no memory for line %zu", c->line);
    return 0;
}

/* Ends a quoted field in place; at is behind the first quote. Returns what follows it, or NULL. */
static char *unquote(char *at)
{
    char *to = at;

    for (; *at; at++) {
        if (*at == '"' && at[1] != '"') {
            *to = '\0';
            return at + 1;
        }
        at += *at == '"';
        *to++ = *at;
    }
    return NULL;
}

/* One field from at on, ended in place. Returns what follows its comma, NULL after the last one, or
 * at itself if its quotes are wrong. */
static char *take_field(struct csv *c, char *at)
{
    char *field = at + strspn(at, BLANKS), *end;

    if (*field == '"') {
        end = unquote(++field);
        end = end ? end + strspn(end, BLANKS) : NULL;
        if (!end || (*end && *end != ','))
            return at;
        c->fields[c->n++] = field;
        return *end ? end + 1 : NULL;
    }
    end = field + strcspn(field, ",");
    at = *end ? end + 1 : NULL;
    while (end > field && strchr(BLANKS, end[-1]))
        end--;
    *end = '\0';
    c->fields[c->n++] = field;
    return at;
}

int csv_next(struct csv *c, struct err *e)
{
    char *at, *next;

    do {
        if (c->at == c->end)
            return 0;
        if (take_line(c, e))
            return -1;
    } while (!c->text.data || strspn(c->text.data, BLANKS) == c->text.len);
    c->n = 0;
    for (at = c->text.data; at; at = next) {
        if (c->n == CSV_MAX_FIELDS)
            return err_set(e, ERR_LIMIT, "line %zu: more than %d fields", c->line, CSV_MAX_FIELDS);
        next = take_field(c, at);
        if (next == at)
            return err_set(e, ERR_INPUT, "line %zu: a quote is not closed, or not before a comma",
                           c->line);
    }
    return 1;
}

int csv_column(const struct csv *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcasecmp(c->fields[i], name) == 0)
            return (int)i;
    return -1;
}

int csv_number(const char *text, double *ret)
{
    char *end;
    double number;

    if (strspn(text, "0123456789+-.eE") != strlen(text) || !*text)
        return -1; /* strtod() takes more: hexadecimal digits, "inf", "nan" */
    number = strtod(text, &end);
    if (*end || !isfinite(number))
        return -1;
    *ret = number;
    return 0;
}
