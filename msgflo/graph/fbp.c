/*
 * fbp.c - the .fbp parser: recursive descent that follows the ordered choices of npm's grammar.
 *
 * Design notes. Each function below is one rule of grammar/fbp.peg (npm fbp 1.8.0). It returns
 * whether the rule matched at p->pos, and puts p->pos back if not. As in the original, a choice
 * that has matched is never taken back when what follows it fails; that decides how
 * "a(A) b(B)" or "a -> b -> c" are read. scan_fail() remembers the furthest place where something
 * failed: that is what the error message shows. Nodes are added while parsing; a rule tried again
 * at the same place adds nothing new.
 */
#include "graph/fbp.h"

#include <stdio.h>
#include <string.h>

#include "graph/fbp_scan.h"

#define MAX_WARNINGS 20 /* each looks up its line from the start of the text */

/* What stands between two arrows. */
struct side {
    bool has_tgt;
    struct graph_end_ref tgt; /* if has_tgt: where the arrow on the left goes */
    struct graph_end_ref src; /* where the arrow on the right comes from */
    json_t *data;             /* or this value does; new */
};

struct port {
    struct span name;
    long index;
};

/* --- processes --------------------------------------------------------------------------- */

/* "(" component? (":" metadata)? ")" */
static bool component(struct parser *p, struct span *ret_name, struct span *ret_meta)
{
    size_t start = p->pos;

    if (!scan_literal(p, "(", EXPECT_OPEN))
        return false;
    *ret_name = scan_run(p, scan_is_component_char);
    *ret_meta = (struct span){NULL, 0};
    if (scan_literal(p, ":", EXPECT_COLON)) {
        *ret_meta = scan_run(p, scan_is_meta_char);
        if (ret_meta->len == 0) {
            scan_fail(p, EXPECT_META);
            return scan_rewind(p, start);
        }
    }
    if (!scan_literal(p, ")", EXPECT_CLOSE))
        return scan_rewind(p, start);
    return true;
}

static bool add_node(struct parser *p, struct span node_name, struct span comp, struct span meta,
                     size_t at)
{
    struct graph_node *node = graph_add_node(p->graph, node_name, p->e);

    if (!node)
        return scan_stop(p, at);
    if (!node->at)
        node->at = at;
    if (comp.len) {
        free(node->component);
        node->component = strndup(comp.at, comp.len);
    }
    if (meta.len) {
        json_decref(node->metadata);
        node->metadata = scan_metadata(meta);
    }
    if ((comp.len && !node->component) || (meta.len && !node->metadata))
        return scan_stop_nomem(p, at);
    return true;
}

/* A process without a name is called after its component, and numbered. The same one read again is
 * known by its place. ret_name is lent from p->anonymous_names. */
static bool anonymous_name(struct parser *p, struct span comp, size_t at, struct span *ret_name)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    char place[32];
    const json_t *known;
    json_int_t number;

    snprintf(place, sizeof(place), "%zu", at);
    known = json_object_get(p->anonymous_names, place);
    if (!known) {
        scan_anonymous_stem(comp, &text);
        if (text.failed)
            return false;
        number = json_integer_value(json_object_get(p->anonymous_counts, text.data)) + 1;
        if (json_object_set_new(p->anonymous_counts, text.data, json_integer(number)))
            return false;
        buf_printf(&text, "%" JSON_INTEGER_FORMAT, number);
        if (text.failed || json_object_set_new(p->anonymous_names, place, json_string(text.data)))
            return false;
        known = json_object_get(p->anonymous_names, place);
    }
    *ret_name = (struct span){json_string_value(known), json_string_length(known)};
    return true;
}

static bool anonymous(struct parser *p, struct span *ret_name)
{
    size_t at = p->pos;
    struct span comp, meta;

    if (!component(p, &comp, &meta))
        return false;
    if (!anonymous_name(p, comp, at, ret_name))
        return scan_stop_nomem(p, at);
    return add_node(p, *ret_name, comp, meta, at);
}

/* name, scan_name(Component) or (Component); with_component leaves the first out. */
static bool process(struct parser *p, bool with_component, struct span *ret_name)
{
    size_t start = p->pos;
    struct span comp, meta;

    if (!scan_name(p, scan_is_node_char, EXPECT_PROCESS, ret_name))
        return anonymous(p, ret_name);
    if (component(p, &comp, &meta))
        return add_node(p, *ret_name, comp, meta, start);
    return with_component ? scan_rewind(p, start) : true;
}

/* --- ports ------------------------------------------------------------------------------- */

static bool port_index(struct parser *p, long *ret)
{
    size_t start = p->pos;
    struct span digits;

    if (!scan_literal(p, "[", EXPECT_NOTHING))
        return false;
    digits = scan_run(p, scan_is_digit);
    if (digits.len == 0 || !scan_literal(p, "]", EXPECT_NOTHING))
        return scan_rewind(p, start);
    *ret = 0;
    for (size_t i = 0; i < digits.len; i++) {
        *ret = *ret * 10 + (digits.at[i] - '0');
        if (*ret > FBP_MAX_INDEX) {
            err_set(p->e, ERR_LIMIT, "a port index above %d", FBP_MAX_INDEX);
            return scan_stop(p, start);
        }
    }
    return true;
}

static bool port(struct parser *p, struct port *ret)
{
    ret->index = GRAPH_NO_INDEX;
    if (!scan_name(p, scan_is_port_char, EXPECT_PORT, &ret->name))
        return false;
    port_index(p, &ret->index);
    return !p->fatal;
}

static bool port_then_blanks(struct parser *p, struct port *ret)
{
    size_t start = p->pos;

    return (port(p, ret) && scan_blanks(p)) || scan_rewind(p, start);
}

static bool blanks_then_port(struct parser *p, struct port *ret)
{
    size_t start = p->pos;

    return (scan_blanks(p) && port(p, ret)) || scan_rewind(p, start);
}

static struct graph_end_ref end_of(struct span node, const struct port *given,
                                   struct span default_port, size_t at)
{
    return (struct graph_end_ref){.node = node,
                                  .port = given ? given->name : default_port,
                                  .index = given ? given->index : GRAPH_NO_INDEX,
                                  .at = at};
}

/* --- statements -------------------------------------------------------------------------- */

/* PORT process PORT, where a process with its component needs no ports. */
static bool bridge(struct parser *p, struct side *ret)
{
    size_t start = p->pos, at;
    struct port in, out;
    struct span node;
    bool has_in, has_out;

    has_in = port_then_blanks(p, &in);
    at = p->pos;
    if (has_in && process(p, false, &node) && blanks_then_port(p, &out)) {
        has_out = true;
    } else {
        p->pos = at;
        if (p->fatal || !process(p, true, &node))
            return scan_rewind(p, start);
        has_out = blanks_then_port(p, &out);
    }
    ret->has_tgt = true;
    ret->tgt = end_of(node, has_in ? &in : NULL, p->default_in, at);
    ret->src = end_of(node, has_out ? &out : NULL, p->default_out, at);
    return !p->fatal;
}

static bool outport(struct parser *p, struct side *ret)
{
    size_t at = p->pos;
    struct port out;
    struct span node;
    bool has_out;

    if (!process(p, false, &node))
        return false;
    has_out = blanks_then_port(p, &out);
    ret->src = end_of(node, has_out ? &out : NULL, p->default_out, at);
    return !p->fatal;
}

/* What may stand left of an arrow. */
static bool source(struct parser *p, struct side *ret)
{
    *ret = (struct side){0};
    if (bridge(p, ret) || p->fatal)
        return !p->fatal;
    if (outport(p, ret) || p->fatal)
        return !p->fatal;
    if (scan_quoted(p, &ret->data) || p->fatal)
        return !p->fatal;
    return scan_json(p, &ret->data);
}

/* What may stand right of the last one. */
static bool destination(struct parser *p, struct graph_end_ref *ret)
{
    size_t start = p->pos, at;
    struct port in;
    struct span node;
    bool has_in = port_then_blanks(p, &in);

    at = p->pos;
    if (p->fatal || !process(p, false, &node))
        return scan_rewind(p, start);
    *ret = end_of(node, has_in ? &in : NULL, p->default_in, at);
    return true;
}

/* The port in the case it is kept in; lent from buf. */
static struct span cased(const struct parser *p, struct span s, struct buf *buf)
{
    buf_append(buf, s.at, s.len);
    if (buf->failed)
        return s;
    for (size_t i = 0; !p->case_sensitive && i < buf->len; i++)
        if (buf->data[i] >= 'A' && buf->data[i] <= 'Z')
            buf->data[i] = (char)(buf->data[i] - 'A' + 'a');
    return (struct span){buf->data, buf->len};
}

/* Joins what stood left of an arrow, which is used up, to what stands right of it. */
static bool connect_sides(struct parser *p, struct side *left, const struct graph_end_ref *right)
{
    AUTO(buf_release) struct buf src_port = BUF_INIT, tgt_port = BUF_INIT;
    struct graph_end_ref src = left->src, tgt = *right;
    json_t *data = left->data;

    left->data = NULL;
    src.port = cased(p, src.port, &src_port);
    tgt.port = cased(p, tgt.port, &tgt_port);
    if (graph_add_edge(p->graph, data ? NULL : &src, &tgt, data, NULL, p->e))
        return scan_stop(p, right->at);
    return true;
}

/* "a -> b -> c", with b neither given a component there nor two ports, loses a -> b in npm's
 * grammar: what is read as b is only the source of the second arrow. */
static void warn_dropped(struct parser *p, size_t at)
{
    struct fbp_place place;

    if (!p->warnings || p->n_warnings++ >= MAX_WARNINGS)
        return;
    place = scan_place(p->text, p->len, at);
    buf_printf(p->warnings,
               "line %zu, column %zu: the arrow to here connects nothing, in npm fbp too; "
               "give this process both ports, or write two statements\n",
               place.line, place.column);
}

/* source "->" source "->" ... destination, or a lone destination, which connects nothing. */
static bool statement(struct parser *p)
{
    struct side left = {0}, next;
    struct graph_end_ref last;
    bool has_left = false, ok = false;

    for (;;) {
        size_t at = p->pos;

        if (!source(p, &next) || (scan_blanks(p), !scan_literal(p, "->", EXPECT_ARROW))) {
            json_decref(next.data);
            p->pos = at;
            break;
        }
        if (has_left && !next.has_tgt)
            warn_dropped(p, at);
        else if (has_left && !connect_sides(p, &left, &next.tgt))
            break;
        json_decref(left.data);
        left = next;
        has_left = true;
        scan_blanks(p);
    }
    if (!p->fatal && destination(p, &last))
        ok = !has_left || connect_sides(p, &left, &last);
    json_decref(left.data);
    return ok;
}

static bool comment(struct parser *p)
{
    size_t start = p->pos;

    scan_blanks(p);
    if (!scan_literal(p, "#", EXPECT_NOTHING))
        return scan_rewind(p, start);
    while (p->pos < p->len && !scan_newline_len(p->text, p->len, p->pos))
        p->pos++;
    return true;
}

static void statement_end(struct parser *p)
{
    scan_blanks(p);
    scan_literal(p, ",", EXPECT_NOTHING);
    comment(p);
    scan_newline(p);
}

/* INPORT=process.PORT:PUBLIC */
static bool export_line(struct parser *p, const char *keyword, struct graph_exports *list)
{
    AUTO(buf_release) struct buf port_text = BUF_INIT, public_text = BUF_INIT;
    size_t start = p->pos, at;
    struct span node, port_name, public_name;
    struct graph_end_ref end;

    scan_blanks(p);
    if (!scan_literal(p, keyword, EXPECT_NOTHING))
        return scan_rewind(p, start);
    at = p->pos;
    if (!process(p, false, &node) || !scan_literal(p, ".", EXPECT_DOT) ||
        !scan_name(p, scan_is_port_char, EXPECT_PORT, &port_name) ||
        !scan_literal(p, ":", EXPECT_COLON) ||
        !scan_name(p, scan_is_port_char, EXPECT_PORT, &public_name))
        return scan_rewind(p, start);
    end = end_of(node, NULL, cased(p, port_name, &port_text), at);
    if (graph_export_port(list, cased(p, public_name, &public_text), &end, NULL, p->e))
        return scan_stop(p, at);
    statement_end(p);
    return true;
}

/* DEFAULT_INPORT=PORT: from here on, where none is written. */
static bool default_line(struct parser *p, const char *keyword, struct span *ret)
{
    size_t start = p->pos;

    scan_blanks(p);
    if (!scan_literal(p, keyword, EXPECT_NOTHING) ||
        !scan_name(p, scan_is_port_char, EXPECT_PORT, ret))
        return scan_rewind(p, start);
    statement_end(p);
    return true;
}

static bool set_property(struct parser *p, struct span key, json_t *value)
{
    json_t *properties = p->graph->properties;
    int rc;

    if (!properties)
        properties = p->graph->properties = json_object();
    if (key.len == 7 && memcmp(key.at, "runtime", 7) == 0)
        rc = json_object_set_new(properties, "environment", json_pack("{s:o}", "type", value));
    else
        rc = json_object_setn_new(properties, key.at, key.len, value);
    if (rc)
        return scan_stop_nomem(p, p->pos);
    return true;
}

/* "# @key value", alone on its line and in plain characters; anything else is a comment. */
static bool annotation(struct parser *p)
{
    size_t start = p->pos;
    struct span key, value;

    if (!scan_literal(p, "#", EXPECT_NOTHING) || !scan_blanks(p) ||
        !scan_literal(p, "@", EXPECT_NOTHING))
        return scan_rewind(p, start);
    key = scan_run(p, scan_is_node_char);
    if (!key.len || !scan_blanks(p))
        return scan_rewind(p, start);
    value = scan_run(p, scan_is_annotation_char);
    if (!value.len || !scan_newline(p))
        return scan_rewind(p, start);
    return set_property(p, key, json_stringn(value.at, value.len));
}

static bool blank_line(struct parser *p)
{
    size_t start = p->pos;

    scan_blanks(p);
    return scan_newline(p) || scan_rewind(p, start);
}

static bool comment_line(struct parser *p)
{
    return comment(p) && (scan_newline(p), true);
}

static bool statement_line(struct parser *p)
{
    size_t start = p->pos;

    scan_blanks(p);
    if (!statement(p))
        return scan_rewind(p, start);
    statement_end(p);
    return true;
}

static bool line(struct parser *p)
{
    bool (*const rules[])(struct parser *) = {annotation, comment_line, blank_line, statement_line};

    if (export_line(p, "INPORT=", &p->graph->inports) ||
        export_line(p, "OUTPORT=", &p->graph->outports) ||
        default_line(p, "DEFAULT_INPORT=", &p->default_in) ||
        default_line(p, "DEFAULT_OUTPORT=", &p->default_out))
        return true;
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules) && !p->fatal; i++)
        if (rules[i](p))
            return true;
    return false;
}

/* --- errors and entry -------------------------------------------------------------------- */

/* Puts the place in front of what *e says. */
static int fail_at_place(const struct parser *p, size_t at, struct fbp_place *ret_place)
{
    struct fbp_place place = scan_place(p->text, p->len, at);
    struct err *e = p->e, cause = *e;

    if (ret_place)
        *ret_place = place;
    err_clear(e);
    return err_set(e, cause.code, "line %zu, column %zu: %s", place.line, place.column, cause.text);
}

static int read_all(struct parser *p, struct fbp_place *ret_place)
{
    size_t at;

    if (p->len > FBP_MAX_BYTES) {
        err_set(p->e, ERR_LIMIT, "longer than %d bytes", FBP_MAX_BYTES);
        return fail_at_place(p, FBP_MAX_BYTES, ret_place);
    }
    if (!scan_utf8_is_valid(p->text, p->len, &at)) {
        err_set(p->e, ERR_INPUT, "not UTF-8 text");
        return fail_at_place(p, at, ret_place);
    }
    while (p->pos < p->len && line(p))
        ;
    if (p->pos < p->len || p->fatal) {
        if (!p->fatal)
            scan_set_syntax_error(p);
        return fail_at_place(p, p->fail_at, ret_place);
    }
    if (graph_check(p->graph, &at, p->e))
        return fail_at_place(p, at, ret_place);
    return 0;
}

int fbp_parse(const char *text, size_t len, const struct fbp_options *options, struct graph **ret,
              struct buf *warnings, struct fbp_place *ret_place, struct err *e)
{
    struct err own = ERR_INIT;
    struct parser p = {.text = text,
                       .len = len,
                       .case_sensitive = options && options->case_sensitive,
                       .default_in = {"IN", 2},
                       .default_out = {"OUT", 3},
                       .graph = graph_new(),
                       .anonymous_counts = json_object(),
                       .anonymous_names = json_object(),
                       .warnings = warnings,
                       .e = &own};
    int rc = -1;

    if (!p.graph || !p.anonymous_counts || !p.anonymous_names) {
        err_set(&own, ERR_NOMEM, "no memory for a graph");
    } else {
        p.graph->case_sensitive = p.case_sensitive;
        rc = read_all(&p, ret_place);
    }
    json_decref(p.anonymous_counts);
    json_decref(p.anonymous_names);
    if (rc) {
        graph_free(p.graph);
        return err_set(e, own.code, "%s", own.text);
    }
    *ret = p.graph;
    return 0;
}
