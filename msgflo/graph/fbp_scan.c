/*
 * fbp_scan.c - characters, places and the memory of failures, below the grammar's rules.
 */
#include "graph/fbp_scan.h"

#include <string.h>

#include "base/utf8.h"

static const char *const expected_names[] = {
    "'->'", "a process", "'('", "')'", "'.'", "':'", "a port", "a value", "metadata",
};

bool scan_fail(struct parser *p, unsigned what)
{
    if (p->fatal)
        return false;
    if (p->pos > p->fail_at) {
        p->fail_at = p->pos;
        p->expected = 0;
    }
    if (p->pos == p->fail_at)
        p->expected |= what;
    return false;
}

bool scan_stop(struct parser *p, size_t at)
{
    if (!p->fatal)
        p->fail_at = at;
    p->fatal = true;
    return false;
}

bool scan_stop_nomem(struct parser *p, size_t at)
{
    err_set(p->e, ERR_NOMEM, "no memory for a graph");
    return scan_stop(p, at);
}

bool scan_rewind(struct parser *p, size_t pos)
{
    p->pos = pos;
    return false;
}

bool scan_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool scan_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_start(char c)
{
    return scan_is_letter(c) || c == '_';
}

static bool is_alphanumeric(char c)
{
    return scan_is_letter(c) || scan_is_digit(c);
}

bool scan_is_node_char(char c)
{
    return is_name_start(c) || scan_is_digit(c) || c == '-';
}

bool scan_is_port_char(char c)
{
    return is_name_start(c) || scan_is_digit(c) || c == '.';
}

bool scan_is_component_char(char c)
{
    return scan_is_node_char(c) || c == '/';
}

bool scan_is_meta_char(char c)
{
    return scan_is_letter(c) || scan_is_digit(c) || c == '/' || c == '=' || c == '_' || c == ',';
}

bool scan_is_annotation_char(char c)
{
    return scan_is_node_char(c) || c == ' ' || c == '.';
}

size_t scan_newline_len(const char *text, size_t len, size_t pos)
{
    if (pos < len && (text[pos] == '\n' || text[pos] == '\r'))
        return 1;
    if (len - pos >= 3 &&
        (memcmp(text + pos, "\xe2\x80\xa8", 3) == 0 || memcmp(text + pos, "\xe2\x80\xa9", 3) == 0))
        return 3;
    return 0;
}

bool scan_newline(struct parser *p)
{
    size_t n = scan_newline_len(p->text, p->len, p->pos);

    p->pos += n;
    return n > 0;
}

size_t scan_blanks(struct parser *p)
{
    size_t start = p->pos;

    while (p->pos < p->len && p->text[p->pos] == ' ')
        p->pos++;
    return p->pos - start;
}

bool scan_literal(struct parser *p, const char *word, unsigned what)
{
    size_t n = strlen(word);

    if (p->len - p->pos < n || memcmp(p->text + p->pos, word, n) != 0)
        return scan_fail(p, what);
    p->pos += n;
    return true;
}

struct span scan_run(struct parser *p, bool (*is)(char))
{
    struct span s = {p->text + p->pos, 0};

    while (p->pos < p->len && is(p->text[p->pos])) {
        p->pos++;
        s.len++;
    }
    return s;
}

bool scan_name(struct parser *p, bool (*is)(char), unsigned what, struct span *ret)
{
    if (p->pos == p->len || !is_name_start(p->text[p->pos]))
        return scan_fail(p, what);
    *ret = scan_run(p, is);
    return true;
}

void scan_anonymous_stem(struct span component, struct buf *stem)
{
    size_t from = 0, to;

    while (from < component.len && is_alphanumeric(component.at[from]))
        from++;
    to = from;
    while (to < component.len && !is_alphanumeric(component.at[to]))
        to++;
    buf_text(stem, "_");
    buf_append(stem, component.at, from);
    if (to > from)
        buf_text(stem, "_");
    buf_append(stem, component.at + to, component.len - to);
    buf_text(stem, "_");
}

struct fbp_place scan_place(const char *text, size_t len, size_t at)
{
    struct fbp_place place = {1, 1};

    for (size_t i = 0; i < at && i < len;) {
        size_t n = scan_newline_len(text, len, i);

        if (n && !(text[i] == '\r' && i + 1 < at && text[i + 1] == '\n')) {
            place.line++;
            place.column = 1;
        } else if (!n && ((unsigned char)text[i] & 0xc0) != 0x80) {
            place.column++;
        }
        i += n ? n : 1;
    }
    return place;
}

bool scan_utf8_is_valid(const char *text, size_t len, size_t *ret_at)
{
    size_t n;

    for (*ret_at = 0; *ret_at < len; *ret_at += n) {
        n = utf8_len(text + *ret_at, len - *ret_at);
        if (n == 0)
            return false;
    }
    return true;
}

void scan_set_syntax_error(const struct parser *p)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    const char *at = p->text + p->fail_at;
    size_t left = p->len - p->fail_at;
    unsigned expected = p->expected;
    int names = 0;

    if (expected & EXPECT_PROCESS) /* which may begin with either */
        expected &= ~(unsigned)(EXPECT_OPEN | EXPECT_PORT);
    for (size_t i = 0; i < sizeof(expected_names) / sizeof(*expected_names); i++)
        if (expected & 1u << i)
            buf_printf(&text, "%s%s", names++ ? " or " : "expected ", expected_names[i]);
    buf_text(&text, names ? ", found " : "did not expect ");
    if (left == 0)
        buf_text(&text, "the end");
    else if (scan_newline_len(p->text, p->len, p->fail_at))
        buf_text(&text, "the end of the line");
    else if (*at == '\t')
        buf_text(&text, "a tab (only spaces are blanks here)");
    else if ((unsigned char)*at < 0x20 || *at == 0x7f)
        buf_printf(&text, "character %d", *at);
    else
        buf_printf(&text, "'%.*s'", (int)utf8_len(at, left), at);
    if (left && *at == '>' && p->fail_at && at[-1] == '-')
        buf_text(&text, " (a name may end in '-': put a blank before '->')");
    err_set(p->e, ERR_INPUT, "%s", text.failed ? "syntax error" : text.data);
}
