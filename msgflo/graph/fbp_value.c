/*
 * fbp_value.c - the values in a .fbp text that become JSON: initial packets and metadata.
 */
#include "graph/fbp_scan.h"

#include <float.h>
#include <string.h>

/* 'text', over several lines if need be; \' is a quote, any other backslash is itself. */
bool scan_quoted(struct parser *p, json_t **ret)
{
    size_t start = p->pos;
    AUTO(buf_release) struct buf text = BUF_INIT;

    if (!scan_literal(p, "'", EXPECT_VALUE))
        return false;
    while (p->pos < p->len && p->text[p->pos] != '\'') {
        if (p->text[p->pos] == '\\' && p->pos + 1 < p->len && p->text[p->pos + 1] == '\'')
            p->pos++;
        buf_append(&text, p->text + p->pos++, 1);
    }
    if (!scan_literal(p, "'", EXPECT_NOTHING)) {
        err_set(p->e, ERR_INPUT, "this ' has no second one to end the text");
        return scan_stop(p, start);
    }
    *ret = text.failed ? NULL : json_stringn(text.len ? text.data : "", text.len);
    return *ret ? true : scan_stop_nomem(p, start);
}

static void json_blanks(struct parser *p)
{
    while (p->pos < p->len && p->text[p->pos] && strchr(" \t\n\r", p->text[p->pos]))
        p->pos++;
}

/* Whether the value at pos keeps to FBP_MAX_JSON_DEPTH. Ends with the value or the text. */
static bool json_is_shallow(const struct parser *p, size_t *ret_at)
{
    int depth = 0;
    bool in_text = false;

    for (size_t i = p->pos; i < p->len; i++) {
        char c = p->text[i];

        if (in_text) {
            i += c == '\\';
            in_text = c != '"';
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            *ret_at = i;
            if (++depth > FBP_MAX_JSON_DEPTH)
                return false;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        if (depth <= 0 && !in_text)
            break;
    }
    return true;
}

/* A number above jansson's integers is read again as a real, as JavaScript reads them all. */
static json_t *json_load(const char *text, size_t len, json_error_t *je)
{
    size_t flags = JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *value = json_loadb(text, len, flags, je);

    if (!value && json_error_code(je) == json_error_numeric_overflow)
        value = json_loadb(text, len, flags | JSON_DECODE_INT_AS_REAL, je);
    return value;
}

/* A JSON value with blanks and line ends around it. true, false and null never get here: they were
 * read as names of processes. */
bool scan_json(struct parser *p, json_t **ret)
{
    size_t start = p->pos, deep_at = 0;
    json_error_t je;
    bool value;

    json_blanks(p);
    value = p->pos < p->len && p->text[p->pos] &&
            (strchr("{[\"", p->text[p->pos]) || scan_is_digit(p->text[p->pos]) ||
             (p->text[p->pos] == '-' && p->pos + 1 < p->len && scan_is_digit(p->text[p->pos + 1])));
    if (!value) {
        p->pos = start;
        return scan_fail(p, EXPECT_VALUE);
    }
    if (!json_is_shallow(p, &deep_at)) {
        err_set(p->e, ERR_LIMIT, "JSON nested deeper than %d", FBP_MAX_JSON_DEPTH);
        return scan_stop(p, deep_at);
    }
    *ret = json_load(p->text + p->pos, p->len - p->pos, &je);
    if (!*ret) {
        err_set(p->e, ERR_INPUT, "not JSON: %s", je.text);
        return scan_stop(p, p->pos + (je.position > 0 ? (size_t)je.position - 1 : 0));
    }
    p->pos += (size_t)je.position;
    json_blanks(p);
    return true;
}

/* parseFloat() of a metadata value, whose characters allow digits and one exponent only. NaN and
 * infinity, as JSON writes them, are null. */
static json_t *meta_number(struct span s)
{
    AUTO(buf_release) struct buf digits = BUF_INIT;
    size_t n = 0, mark;
    double value;

    while (n < s.len && scan_is_digit(s.at[n]))
        n++;
    mark = n;
    if (n && n < s.len && (s.at[n] == 'e' || s.at[n] == 'E')) {
        mark++;
        while (mark < s.len && scan_is_digit(s.at[mark]))
            mark++;
        if (mark > n + 1)
            n = mark;
    }
    buf_append(&digits, s.at, n);
    if (n == 0 || digits.failed)
        return n == 0 ? json_null() : NULL;
    value = strtod(digits.data, NULL);
    if (value < 1e15)
        return json_integer((json_int_t)value);
    return value <= DBL_MAX ? json_real(value) : json_null();
}

/* One of the parts between commas: "key=value", or a word, which is short for "routes=word". */
static int meta_item(json_t *meta, struct span item)
{
    const char *eq = memchr(item.at, '=', item.len), *second;
    struct span key = {"routes", 6}, value = item;

    if (eq) {
        key = (struct span){item.at, (size_t)(eq - item.at)};
        value = (struct span){eq + 1, item.len - key.len - 1};
        second = memchr(value.at, '=', value.len);
        if (second)
            value.len = (size_t)(second - value.at);
    }
    if (key.len == 1 && (key.at[0] == 'x' || key.at[0] == 'y'))
        return json_object_setn_new(meta, key.at, 1, meta_number(value));
    return json_object_setn_new(meta, key.at, key.len, json_stringn(value.at, value.len));
}

json_t *scan_metadata(struct span text)
{
    json_t *meta = json_object();
    const char *end = text.at + text.len;

    while (meta) {
        const char *comma = memchr(text.at, ',', (size_t)(end - text.at));
        struct span item = {text.at, (size_t)((comma ? comma : end) - text.at)};

        if (meta_item(meta, item)) {
            json_decref(meta);
            return NULL;
        }
        if (!comma)
            break;
        text.at = comma + 1;
    }
    return meta;
}
