/*
 * foreign.c - see the header. The document is checked as libyaml's nodes, which know their lines,
 * and turned into JSON on the way.
 */
#include "tool/foreign.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/buf.h"

struct reader {
    yaml_document_t document;
    const char *role;
    size_t n_values;
    struct err *e;
};

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static json_t *no_memory(struct reader *r)
{
    err_set(r->e, ERR_NOMEM, "no memory for a participant");
    return NULL;
}

/* --- YAML to JSON ------------------------------------------------------------------------ */

static const char *scalar_text(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

/* YAML 1.2's core schema, as far as JSON can say it: a plain scalar may be a null, a boolean or a
 * number, any other is a text. */
static json_t *plain_to_json(const char *text, size_t len)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    static const char *const trues[] = {"true", "True", "TRUE"};
    static const char *const falses[] = {"false", "False", "FALSE"};
    json_t *value;

    for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++)
        if (strcmp(text, nulls[i]) == 0)
            return json_null();
    for (size_t i = 0; i < sizeof(trues) / sizeof(*trues); i++)
        if (strcmp(text, trues[i]) == 0 || strcmp(text, falses[i]) == 0)
            return json_boolean(strcmp(text, trues[i]) == 0);
    value = json_loadb(text, len, JSON_DECODE_ANY, NULL); /* a JSON number is one of YAML, too */
    if (json_is_number(value))
        return value;
    json_decref(value);
    return json_stringn(text, len);
}

static json_t *to_json(struct reader *r, int index, int depth);

/* A NUL, which double quotes can escape, is taken by no discovery. */
static bool scalar_is_text(struct reader *r, const yaml_node_t *node)
{
    if (strlen(scalar_text(node)) == node->data.scalar.length)
        return true;
    err_set(r->e, ERR_INPUT, "line %zu: a text must not hold a NUL", line_of(node));
    return false;
}

static json_t *scalar_to_json(struct reader *r, const yaml_node_t *node)
{
    size_t len = node->data.scalar.length;
    json_t *value;

    if (!scalar_is_text(r, node))
        return NULL;
    value = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
                ? plain_to_json(scalar_text(node), len)
                : json_stringn(scalar_text(node), len);

    return value ? value : no_memory(r); /* libyaml lets nothing but UTF-8 through */
}

static json_t *list_to_json(struct reader *r, const yaml_node_t *node, int depth)
{
    json_t *list = json_array();

    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         list && item < node->data.sequence.items.top; item++) {
        json_t *value = to_json(r, *item, depth + 1);

        if (!value || json_array_append_new(list, value)) {
            json_decref(list);
            return NULL;
        }
    }
    return list ? list : no_memory(r);
}

/* The key of a pair, or NULL with the error set. Lent. */
static const char *key_of(struct reader *r, const yaml_node_pair_t *pair)
{
    const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);

    if (key->type == YAML_SCALAR_NODE)
        return scalar_is_text(r, key) ? scalar_text(key) : NULL;
    err_set(r->e, ERR_INPUT, "line %zu: a key must be a text", line_of(key));
    return NULL;
}

static json_t *map_to_json(struct reader *r, const yaml_node_t *node, int depth)
{
    json_t *map = json_object();

    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         map && pair < node->data.mapping.pairs.top; pair++) {
        const char *key = key_of(r, pair);
        json_t *value = key ? to_json(r, pair->value, depth + 1) : NULL;

        if (!value || json_object_set_new(map, key, value)) {
            json_decref(map);
            return NULL;
        }
    }
    return map ? map : no_memory(r);
}

/* New, or NULL with the error set. */
static json_t *to_json(struct reader *r, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(&r->document, index);

    if (depth > FOREIGN_MAX_DEPTH || ++r->n_values > FOREIGN_MAX_VALUES) {
        err_set(r->e, ERR_LIMIT, "line %zu: %s", line_of(node),
                depth > FOREIGN_MAX_DEPTH ? "nested too deep" : "too many values");
        return NULL;
    }
    switch (node->type) {
    case YAML_SEQUENCE_NODE:
        return list_to_json(r, node, depth);
    case YAML_MAPPING_NODE:
        return map_to_json(r, node, depth);
    case YAML_SCALAR_NODE:
        return scalar_to_json(r, node);
    case YAML_NO_NODE:
        break;
    }
    return json_null();
}

/* --- ports ------------------------------------------------------------------------------- */

/* text with every #ROLE replaced: new, or NULL with the error set. */
static json_t *with_role(struct reader *r, const char *text)
{
    AUTO(buf_release) struct buf out = BUF_INIT;
    const char *hit;

    for (; (hit = strstr(text, "#ROLE")); text = hit + strlen("#ROLE")) {
        buf_append(&out, text, (size_t)(hit - text));
        buf_text(&out, r->role);
    }
    buf_text(&out, text);
    return out.failed ? no_memory(r) : json_string(out.data);
}

/* The port as announced. id NULL: it is in the map. New, or NULL with the error set. */
static json_t *port_to_json(struct reader *r, int index, const char *id, const char *where)
{
    const yaml_node_t *node = yaml_document_get_node(&r->document, index);
    json_t *port = node->type == YAML_MAPPING_NODE ? to_json(r, index, 2) : NULL;
    const char *queue = json_string_value(json_object_get(port, "queue"));

    if (port && !id)
        id = json_string_value(json_object_get(port, "id"));
    if (node->type != YAML_MAPPING_NODE)
        err_set(r->e, ERR_INPUT, "line %zu: a port of %s must be a map", line_of(node), where);
    else if (port && (!id || !*id))
        err_set(r->e, ERR_INPUT, "line %zu: a port of %s has no id", line_of(node), where);
    else if (port && (!queue || !*queue))
        err_set(r->e, ERR_INPUT, "line %zu: port '%s' of %s has no queue", line_of(node), id,
                where);
    else if (port && (json_object_set_new(port, "id", json_string(id)) ||
                      json_object_set_new(port, "queue", with_role(r, queue)) ||
                      (!json_is_string(json_object_get(port, "type")) &&
                       json_object_set_new(port, "type", json_string("any")))))
        no_memory(r);
    else if (port)
        return port;
    json_decref(port);
    return NULL;
}

static int add_port(struct reader *r, json_t *list, int index, const char *id, const char *where)
{
    json_t *port = port_to_json(r, index, id, where);

    if (!port)
        return -1;
    return json_array_append_new(list, port) ? err_set(r->e, ERR_NOMEM, "no memory for a port") : 0;
}

/* Of a map, or of the lists that MsgFlo's own fixtures have. */
static int add_ports(struct reader *r, const yaml_node_t *node, const char *where, json_t *list)
{
    if (node->type == YAML_SEQUENCE_NODE) {
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++)
            if (add_port(r, list, *item, NULL, where))
                return -1;
        return 0;
    }
    if (node->type != YAML_MAPPING_NODE)
        return err_set(r->e, ERR_INPUT, "line %zu: %s must be a map or a list", line_of(node),
                       where);
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const char *id = key_of(r, pair);

        if (!id || add_port(r, list, pair->value, id, where))
            return -1;
    }
    return 0;
}

/* --- the definition ---------------------------------------------------------------------- */

/* The value of a key of the root, or NULL. */
static const yaml_node_t *member(struct reader *r, const char *name)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);

    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
         pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);

        if (key->type == YAML_SCALAR_NODE && strcmp(scalar_text(key), name) == 0)
            return yaml_document_get_node(&r->document, pair->value);
    }
    return NULL;
}

/* A member that must be a text if it is there, or NULL. Lent. */
static const char *text_member(struct reader *r, const char *name)
{
    const yaml_node_t *node = member(r, name);

    return node && node->type == YAML_SCALAR_NODE && *scalar_text(node) ? scalar_text(node) : NULL;
}

static int set_ports(struct reader *r, json_t *definition, const char *name)
{
    const yaml_node_t *node = member(r, name);
    json_t *list = json_array();
    bool none = !node || (node->type == YAML_SCALAR_NODE && !*scalar_text(node));

    if (!list || json_object_set(definition, name, list)) {
        json_decref(list);
        return err_set(r->e, ERR_NOMEM, "no memory for ports");
    }
    json_decref(list); /* definition has it */
    return none ? 0 : add_ports(r, node, name, list);
}

static int set_text(struct reader *r, json_t *definition, const char *name, const char *value)
{
    return json_object_set_new(definition, name, json_string(value))
               ? err_set(r->e, ERR_INPUT, "%s: no text of UTF-8", name)
               : 0;
}

/* New, or NULL with the error set. The root's members are kept in their order. */
static json_t *make_definition(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    const char *component = text_member(r, "component"), *id;
    json_t *definition;

    if (!r->role)
        r->role = text_member(r, "role");
    if (!component)
        err_set(r->e, ERR_INPUT, "line %zu: component is missing", line_of(root));
    else if (!r->role)
        err_set(r->e, ERR_INPUT, "line %zu: role is missing, and none was given", line_of(root));
    if (!component || !r->role)
        return NULL;
    id = text_member(r, "id");
    definition = to_json(r, 1, 0); /* libyaml numbers the root 1 */
    if (definition &&
        (set_text(r, definition, "component", component) ||
         set_text(r, definition, "role", r->role) ||
         set_text(r, definition, "id", id ? id : r->role) || set_ports(r, definition, "inports") ||
         set_ports(r, definition, "outports"))) {
        json_decref(definition);
        return NULL;
    }
    return definition;
}

static int make_foreign(struct reader *r, struct foreign *ret)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    json_t *definition, *message;

    if (!root || root->type != YAML_MAPPING_NODE)
        return err_set(r->e, ERR_INPUT, "line 1: a participant must be a map");
    definition = make_definition(r);
    if (!definition)
        return -1;
    message = json_pack("{s:s, s:s, s:O}", "protocol", "discovery", "command", "participant",
                        "payload", definition);
    ret->announcement = message ? json_dumps(message, JSON_COMPACT) : NULL;
    ret->id = strdup(json_string_value(json_object_get(definition, "id")));
    ret->role = strdup(r->role);
    json_decref(message);
    json_decref(definition);
    if (ret->announcement && ret->id && ret->role)
        return 0;
    foreign_release(ret);
    return err_set(r->e, ERR_NOMEM, "no memory for a participant");
}

int foreign_parse(const char *text, size_t len, const char *role, struct foreign *ret,
                  struct err *e)
{
    struct reader r = {.role = role, .e = e};
    yaml_parser_t parser;
    int rc = -1;

    *ret = (struct foreign){NULL, NULL, NULL};
    if (len > FOREIGN_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "longer than %d bytes", FOREIGN_MAX_BYTES);
    if (!yaml_parser_initialize(&parser))
        return err_set(e, ERR_NOMEM, "no memory for a parser");
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (yaml_parser_load(&parser, &r.document)) {
        rc = make_foreign(&r, ret);
        yaml_document_delete(&r.document);
    } else if (parser.error == YAML_MEMORY_ERROR) {
        err_set(e, ERR_NOMEM, "no memory for a participant");
    } else {
        err_set(e, ERR_INPUT, "line %zu: %s", parser.problem_mark.line + 1,
                parser.problem ? parser.problem : "no YAML");
    }
    yaml_parser_delete(&parser);
    return rc;
}

void foreign_release(struct foreign *f)
{
    free(f->id);
    free(f->role);
    free(f->announcement);
    *f = (struct foreign){NULL, NULL, NULL};
}
