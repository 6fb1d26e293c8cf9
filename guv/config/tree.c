/*
 * tree.c - see the header. Built from libyaml's events rather than its documents, so that a limit
 * stops the reading and aliases stay pointers.
 */
#include "config/tree.h"

#include <math.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <yaml.h>

#define BLOCK_BYTES ((size_t)32 * 1024)

struct block {
    struct block *next;
    size_t used;
    alignas(max_align_t) char bytes[];
};

/* value is NULL as long as the anchored node is not at its end. */
struct anchor {
    const char *name;
    const struct tree_node *value;
    struct anchor *next;
};

struct builder {
    yaml_parser_t parser;
    struct tree *tree;
    size_t block_bytes; /* of the newest block */
    struct anchor *anchors;
    size_t n_anchors, n_nodes;
    struct err *e;
};

/* --- memory ------------------------------------------------------------------------------ */

/* size bytes of zeros for as long as the tree lives, or NULL with the error set. */
static void *take(struct builder *b, size_t size)
{
    struct block *block = b->tree->memory;
    size_t rounded =
        (size + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);

    if (!block || b->block_bytes - block->used < rounded) {
        size_t bytes = rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES;

        block = calloc(1, sizeof(*block) + bytes);
        if (!block) {
            err_set(b->e, ERR_NOMEM, "no memory for the file's values");
            return NULL;
        }
        block->next = b->tree->memory;
        b->tree->memory = block;
        b->block_bytes = bytes;
    }
    block->used += rounded;
    return block->bytes + block->used - rounded;
}

void tree_release(struct tree *t)
{
    for (struct block *block = t->memory, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    *t = (struct tree){NULL, NULL};
}

/* A NUL, which double quotes can escape, would cut the text short. */
static const char *take_text(struct builder *b, const yaml_char_t *text, size_t len, int line)
{
    char *copy;

    if (len > TREE_MAX_TEXT) {
        err_set(b->e, ERR_LIMIT, "line %d: a text of more than %d bytes", line, TREE_MAX_TEXT);
        return NULL;
    }
    if (memchr(text, 0, len)) {
        err_set(b->e, ERR_INPUT, "line %d: a text must not hold a NUL", line);
        return NULL;
    }
    copy = take(b, len + 1);
    return copy ? memcpy(copy, text, len) : NULL;
}

/* --- scalars ----------------------------------------------------------------------------- */

static bool is_one_of(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, list[i]) == 0)
            return true;
    return false;
}

#define IS_ONE_OF(text, ...)                                                                       \
    is_one_of(text, (const char *const[]){__VA_ARGS__},                                            \
              sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

#define NUMBER_MAX_CHARACTERS 100

/* Digits of a base from 2 to 16, at least one and nothing else. */
static bool read_digits(const char *digits, int base, double *ret)
{
    double n = 0;

    if (!*digits || strspn(digits, base == 2    ? "01"
                                   : base == 8  ? "01234567"
                                   : base == 10 ? "0123456789"
                                                : "0123456789abcdefABCDEF") != strlen(digits))
        return false;
    for (; *digits; digits++) {
        int digit = *digits <= '9' ? *digits - '0' : (*digits | 0x20) - 'a' + 10;

        n = n * base + digit;
    }
    *ret = n;
    return true;
}

/* 1:30 and 1:30.5, minutes and seconds or more of them: every part but the first is below 60. */
static bool read_sexagesimal(const char *text, double *ret)
{
    size_t first = strspn(text, "0123456789");
    double n = 0;

    if (!first || text[first] != ':')
        return false;
    for (const char *part = text;; part++) {
        size_t len = strspn(part, "0123456789");
        double value = 0;

        for (size_t i = 0; i < len; i++)
            value = value * 10 + (part[i] - '0');
        if (part != text && (len < 1 || len > 2 || value > 59))
            return false;
        n = n * 60 + value;
        part += len;
        if (*part == '.' && part[1 + strspn(part + 1, "0123456789")] == '\0')
            n += strtod(part, NULL); /* "." alone is 0 */
        else if (*part == ':')
            continue;
        else if (*part)
            return false;
        *ret = n;
        return true;
    }
}

/* Digits with a point and an exponent, all but one digit optional: strtod takes hexadecimals and
 * words, too, which these are not. */
static bool read_decimal(const char *text, double *ret)
{
    size_t whole = strspn(text, "0123456789"), part = 0;
    const char *at = text + whole;

    if (*at == '.') {
        part = strspn(at + 1, "0123456789");
        at += 1 + part;
    }
    if (whole + part == 0)
        return false;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        if (!*at)
            return false;
        at += strspn(at, "0123456789");
    }
    if (*at)
        return false;
    *ret = strtod(text, NULL);
    return true;
}

/* A leading 0 makes an octal in YAML 1.1: 010 is 8, and 08 is no number. */
static bool read_unsigned(const char *text, double *ret, bool *ret_odd)
{
    bool odd = text[0] == '0' && text[1] != '\0';

    *ret_odd = true;
    if (odd && text[1] == 'b')
        return read_digits(text + 2, 2, ret);
    if (odd && text[1] == 'x')
        return read_digits(text + 2, 16, ret);
    if (odd && text[strspn(text, "0123456789")] == '\0')
        return read_digits(text + 1, 8, ret);
    if (read_sexagesimal(text, ret))
        return true;
    *ret_odd = false;
    return read_decimal(text, ret);
}

static bool read_number(const char *text, double *ret, bool *ret_odd)
{
    char plain[NUMBER_MAX_CHARACTERS + 1];
    bool is_negative = *text == '-';
    size_t n = 0;

    text += *text == '-' || *text == '+';
    *ret_odd = false;
    if (IS_ONE_OF(text, ".inf", ".Inf", ".INF")) {
        *ret = is_negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    if (IS_ONE_OF(text, ".nan", ".NaN", ".NAN")) {
        *ret = (double)NAN;
        return true;
    }
    for (; *text && n < NUMBER_MAX_CHARACTERS; text++)
        if (*text != '_' || n == 0)
            plain[n++] = *text;
    plain[n] = '\0';
    if (*text || !read_unsigned(plain, ret, ret_odd)) {
        *ret_odd = false;
        return false;
    }
    if (is_negative)
        *ret = -*ret;
    return true;
}

static void resolve(struct tree_node *node)
{
    if (IS_ONE_OF(node->text, "", "~", "null", "Null", "NULL"))
        node->kind = TREE_NULL;
    else if (IS_ONE_OF(node->text, "true", "True", "TRUE", "false", "False", "FALSE"))
        node->kind = TREE_BOOL;
    else if (read_number(node->text, &node->number, &node->is_odd_number))
        node->kind = TREE_NUMBER;
    else
        node->kind = TREE_TEXT;
}

/* --- nodes ------------------------------------------------------------------------------- */

static int line_at(const yaml_mark_t *mark)
{
    return (int)mark->line + 1;
}

/* The parser's own complaint. A reader error has no mark, only the offset of its byte. */
static int parser_failed(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    int line = line_at(&p->problem_mark);

    if (p->error == YAML_MEMORY_ERROR)
        return err_set(b->e, ERR_NOMEM, "no memory for the file's values");
    if (p->error == YAML_READER_ERROR)
        return err_set(b->e, ERR_INPUT, "byte %zu: %s", p->problem_offset, p->problem);
    if (p->context && strcmp(p->context, "while scanning an alias") == 0)
        return err_set(b->e, ERR_INPUT,
                       "line %d: a * must be in quotes, '*': without them it is a YAML alias",
                       line);
    return err_set(b->e, ERR_INPUT, "line %d: %s%s%s", line, p->context ? p->context : "",
                   p->context ? ": " : "", p->problem ? p->problem : "no YAML");
}

static int next_event(struct builder *b, yaml_event_t *ret)
{
    return yaml_parser_parse(&b->parser, ret) ? 0 : parser_failed(b);
}

static struct tree_node *new_node(struct builder *b, enum tree_kind kind, const yaml_event_t *event)
{
    struct tree_node *node;

    if (++b->n_nodes > TREE_MAX_NODES) {
        err_set(b->e, ERR_LIMIT, "line %d: more than %d values", line_at(&event->start_mark),
                TREE_MAX_NODES);
        return NULL;
    }
    node = take(b, sizeof(*node));
    if (node) {
        node->kind = kind;
        node->line = line_at(&event->start_mark);
    }
    return node;
}

/* NULL: the node has no anchor, or the error is set. */
static struct anchor *new_anchor(struct builder *b, const yaml_char_t *name, int line)
{
    struct anchor *anchor;

    if (!name)
        return NULL;
    if (++b->n_anchors > TREE_MAX_ANCHORS) {
        err_set(b->e, ERR_LIMIT, "line %d: more than %d anchors", line, TREE_MAX_ANCHORS);
        return NULL;
    }
    anchor = take(b, sizeof(*anchor));
    if (!anchor)
        return NULL;
    anchor->name = take_text(b, name, strlen((const char *)name), line);
    if (!anchor->name)
        return NULL;
    anchor->next = b->anchors; /* the newest of a name is found first */
    b->anchors = anchor;
    return anchor;
}

static const struct tree_node *find_anchor(struct builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    int line = line_at(&event->start_mark);

    if (++b->n_nodes > TREE_MAX_NODES) {
        err_set(b->e, ERR_LIMIT, "line %d: more than %d values", line, TREE_MAX_NODES);
        return NULL;
    }
    for (const struct anchor *a = b->anchors; a; a = a->next) {
        if (strcmp(a->name, name) != 0)
            continue;
        if (!a->value)
            err_set(b->e, ERR_INPUT, "line %d: '*%.60s' would hold itself", line, name);
        return a->value;
    }
    err_set(b->e, ERR_INPUT,
            "line %d: there is no anchor '&%.60s'; a text that starts with * must be in quotes",
            line, name);
    return NULL;
}

static const struct tree_node *read_node(struct builder *b, const yaml_event_t *event, int depth);

static const struct tree_node *read_scalar(struct builder *b, const yaml_event_t *event)
{
    const char *tag = (const char *)event->data.scalar.tag;
    struct tree_node *node = new_node(b, TREE_TEXT, event);

    if (!node)
        return NULL;
    node->text = take_text(b, event->data.scalar.value, event->data.scalar.length, node->line);
    if (!node->text)
        return NULL;
    if (!tag && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        resolve(node);
    if (!tag || IS_ONE_OF(tag, "!", YAML_STR_TAG))
        return node;
    err_set(b->e, ERR_INPUT, "line %d: the tag '%.60s' is not for settings", node->line, tag);
    return NULL;
}

static const struct tree_node *read_list(struct builder *b, const yaml_event_t *start, int depth)
{
    struct tree_node *list = new_node(b, TREE_LIST, start);
    struct tree_item **end = list ? &list->items : NULL;
    yaml_event_t event;

    while (end && next_event(b, &event) == 0) {
        bool is_end = event.type == YAML_SEQUENCE_END_EVENT;
        struct tree_item *item = is_end ? NULL : take(b, sizeof(*item));

        if (item)
            item->value = read_node(b, &event, depth + 1);
        yaml_event_delete(&event);
        if (is_end)
            return list;
        if (!item || !item->value)
            return NULL;
        *end = item;
        end = &item->next;
    }
    return NULL;
}

/* A map under construction: where its next pair goes. */
struct map {
    struct tree_node *node;
    struct tree_pair **end;
    size_t n;
};

static struct tree_pair *find_pair(const struct tree_node *map, const char *key)
{
    struct tree_pair *pair = map->pairs;

    while (pair && strcmp(pair->key, key) != 0)
        pair = pair->next;
    return pair;
}

static int add_pair(struct builder *b, struct map *map, const struct tree_pair *add)
{
    struct tree_pair *pair = find_pair(map->node, add->key);

    if (pair && add->is_merged)
        return 0;
    if (pair && pair->is_merged) { /* replaced where it is, as js-yaml does */
        struct tree_pair *next = pair->next;

        *pair = *add;
        pair->next = next;
        return 0;
    }
    if (pair) {
        pair->again_line = pair->again_line ? pair->again_line : add->line;
        return 0;
    }
    if (++map->n > TREE_MAX_PAIRS)
        return err_set(b->e, ERR_LIMIT, "line %d: more than %d keys in one map", add->line,
                       TREE_MAX_PAIRS);
    pair = take(b, sizeof(*pair));
    if (!pair)
        return -1;
    *pair = *add;
    pair->next = NULL;
    *map->end = pair;
    map->end = &pair->next;
    return 0;
}

static int merge_map(struct builder *b, struct map *map, const struct tree_node *from, int line)
{
    if (from->kind != TREE_MAP && from->kind != TREE_NULL)
        return err_set(b->e, ERR_INPUT, "line %d: << takes a map or a list of maps", line);
    for (const struct tree_pair *pair = from->pairs; pair; pair = pair->next) {
        struct tree_pair merged = *pair;

        if (++b->n_nodes > TREE_MAX_NODES)
            return err_set(b->e, ERR_LIMIT, "line %d: more than %d values", line, TREE_MAX_NODES);
        merged.is_merged = true;
        merged.again_line = 0; /* said where the pair is written */
        if (add_pair(b, map, &merged))
            return -1;
    }
    return 0;
}

static int merge(struct builder *b, struct map *map, const struct tree_node *from, int line)
{
    if (from->kind != TREE_LIST)
        return merge_map(b, map, from, line);
    for (const struct tree_item *item = from->items; item; item = item->next)
        if (merge_map(b, map, item->value, line))
            return -1;
    return 0;
}

static int read_value(struct builder *b, int depth, const struct tree_node **ret)
{
    yaml_event_t event;

    if (next_event(b, &event))
        return -1;
    *ret = read_node(b, &event, depth);
    yaml_event_delete(&event);
    return *ret ? 0 : -1;
}

/* key is the event of a pair's key; its value follows. */
static int read_pair(struct builder *b, struct map *map, const yaml_event_t *key, int depth)
{
    struct tree_pair pair = {.line = line_at(&key->start_mark)};
    bool is_merge;

    if (key->type != YAML_SCALAR_EVENT)
        return err_set(b->e, ERR_INPUT, "line %d: a key must be a text%s", pair.line,
                       key->type == YAML_ALIAS_EVENT ? "; one that starts with * must be in quotes"
                                                     : "");
    pair.key = take_text(b, key->data.scalar.value, key->data.scalar.length, pair.line);
    if (!pair.key || read_value(b, depth + 1, &pair.value))
        return -1;
    is_merge = key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(pair.key, "<<") == 0;
    return is_merge ? merge(b, map, pair.value, pair.line) : add_pair(b, map, &pair);
}

static const struct tree_node *read_map(struct builder *b, const yaml_event_t *start, int depth)
{
    struct map map = {.node = new_node(b, TREE_MAP, start)};
    yaml_event_t event;

    if (!map.node)
        return NULL;
    map.end = &map.node->pairs;
    while (next_event(b, &event) == 0) {
        bool is_end = event.type == YAML_MAPPING_END_EVENT;
        int rc = is_end ? 0 : read_pair(b, &map, &event, depth);

        yaml_event_delete(&event);
        if (is_end)
            return map.node;
        if (rc)
            return NULL;
    }
    return NULL;
}

static const struct tree_node *read_collection(struct builder *b, const yaml_event_t *event,
                                               int depth)
{
    bool is_map = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag =
        is_map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    int line = line_at(&event->start_mark);

    if (depth >= TREE_MAX_DEPTH)
        err_set(b->e, ERR_LIMIT, "line %d: nested more than %d deep", line, TREE_MAX_DEPTH);
    else if (tag && !IS_ONE_OF((const char *)tag, "!", is_map ? YAML_MAP_TAG : YAML_SEQ_TAG))
        err_set(b->e, ERR_INPUT, "line %d: the tag '%.60s' is not for settings", line,
                (const char *)tag);
    else
        return is_map ? read_map(b, event, depth) : read_list(b, event, depth);
    return NULL;
}

static const yaml_char_t *anchor_name(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

/* The node that starts with event, read to its end; or NULL with the error set. */
static const struct tree_node *read_node(struct builder *b, const yaml_event_t *event, int depth)
{
    const yaml_char_t *name = anchor_name(event);
    struct anchor *anchor = new_anchor(b, name, line_at(&event->start_mark));
    const struct tree_node *node;

    if (name && !anchor)
        return NULL;
    if (event->type == YAML_ALIAS_EVENT)
        return find_anchor(b, event);
    node =
        event->type == YAML_SCALAR_EVENT ? read_scalar(b, event) : read_collection(b, event, depth);
    if (anchor)
        anchor->value = node;
    return node;
}

/* --- the document ------------------------------------------------------------------------ */

/* Skips stream start and document start; false in *ret: there is no document. */
static int find_document(struct builder *b, bool *ret)
{
    yaml_event_type_t type;
    yaml_event_t event;

    do {
        if (next_event(b, &event))
            return -1;
        type = event.type;
        yaml_event_delete(&event);
    } while (type == YAML_STREAM_START_EVENT);
    *ret = type == YAML_DOCUMENT_START_EVENT;
    return 0;
}

static int expect_end(struct builder *b)
{
    int line;
    yaml_event_type_t type;
    yaml_event_t event;

    do {
        if (next_event(b, &event))
            return -1;
        type = event.type;
        line = line_at(&event.start_mark);
        yaml_event_delete(&event);
    } while (type == YAML_DOCUMENT_END_EVENT);
    return type == YAML_STREAM_END_EVENT
               ? 0
               : err_set(b->e, ERR_INPUT, "line %d: a second document starts", line);
}

static int build(struct builder *b)
{
    bool has_document = false;

    if (find_document(b, &has_document))
        return -1;
    if (!has_document)
        return 0;
    if (read_value(b, 0, &b->tree->root))
        return -1;
    return expect_end(b);
}

int tree_parse(const char *bytes, size_t len, struct tree *ret, struct err *e)
{
    struct builder b = {.tree = ret, .e = e};
    int rc;

    *ret = (struct tree){NULL, NULL};
    if (!yaml_parser_initialize(&b.parser))
        return err_set(e, ERR_NOMEM, "no memory for a parser");
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)bytes, len);
    rc = build(&b);
    yaml_parser_delete(&b.parser);
    if (rc)
        tree_release(ret);
    return rc;
}
