/*
 * protocol.c - see the header. One table says which members each command has and of which kind;
 * parsing copies those and nothing else.
 */
#include "network/protocol.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "graph/graph_json.h"

#define MAX_FIELDS 7

enum kind {
    TEXT = 1,
    GRAPH, /* a text with an error of its own when it is missing */
    BOOL,
    ANY,
    END,      /* {node, port[, index]} */
    DATA,     /* {data} */
    METADATA, /* an object, some of whose members have types */
    TEXTS,    /* a list */
    EDGES     /* a list of {src, tgt} */
};

struct field {
    const char *name;
    enum kind kind;
    bool optional;
};

struct rule {
    const char *protocol, *command;
    enum protocol_access needs;
    struct field fields[MAX_FIELDS];
};

#define OF_GRAPH                                                                                   \
    {                                                                                              \
        "graph", GRAPH, false                                                                      \
    }
#define METADATA_MAYBE                                                                             \
    {                                                                                              \
        "metadata", METADATA, true                                                                 \
    }
#define SRC_TGT                                                                                    \
    {"src", END, false},                                                                           \
    {                                                                                              \
        "tgt", END, false                                                                          \
    }
#define FROM_TO                                                                                    \
    {"from", TEXT, false},                                                                         \
    {                                                                                              \
        "to", TEXT, false                                                                          \
    }

static const struct rule rules[] = {
    {"runtime", "getruntime", ACCESS_NONE, {{0}}},
    {"runtime",
     "packet",
     ACCESS_EDIT,
     {OF_GRAPH,
      {"port", TEXT, false},
      {"event", TEXT, false},
      {"type", TEXT, true},
      {"schema", TEXT, true},
      {"payload", ANY, true}}},
    {"component", "list", ACCESS_READ, {{0}}},
    {"component", "getsource", ACCESS_READ, {{"name", TEXT, false}}},
    {"network", "start", ACCESS_EDIT, {OF_GRAPH}},
    {"network", "stop", ACCESS_EDIT, {OF_GRAPH}},
    {"network", "getstatus", ACCESS_READ, {OF_GRAPH}},
    {"network", "debug", ACCESS_READ, {OF_GRAPH, {"enable", BOOL, false}}},
    {"network", "edges", ACCESS_READ, {OF_GRAPH, {"edges", EDGES, false}}},
    {"graph",
     "clear",
     ACCESS_EDIT,
     {{"id", GRAPH, false},
      {"name", TEXT, true},
      {"library", TEXT, true},
      {"main", BOOL, true},
      {"icon", TEXT, true},
      {"description", TEXT, true}}},
    {"graph",
     "addnode",
     ACCESS_EDIT,
     {OF_GRAPH, {"id", TEXT, false}, {"component", TEXT, false}, METADATA_MAYBE}},
    {"graph", "removenode", ACCESS_EDIT, {OF_GRAPH, {"id", TEXT, false}}},
    {"graph", "renamenode", ACCESS_EDIT, {OF_GRAPH, FROM_TO}},
    {"graph",
     "changenode",
     ACCESS_EDIT,
     {OF_GRAPH, {"id", TEXT, false}, {"metadata", METADATA, false}}},
    {"graph", "addedge", ACCESS_EDIT, {OF_GRAPH, SRC_TGT, METADATA_MAYBE}},
    {"graph", "changeedge", ACCESS_EDIT, {OF_GRAPH, SRC_TGT, METADATA_MAYBE}},
    {"graph", "removeedge", ACCESS_EDIT, {OF_GRAPH, SRC_TGT}},
    {"graph",
     "addinitial",
     ACCESS_EDIT,
     {OF_GRAPH, {"src", DATA, false}, {"tgt", END, false}, METADATA_MAYBE}},
    {"graph", "removeinitial", ACCESS_EDIT, {OF_GRAPH, {"src", DATA, true}, {"tgt", END, false}}},
    {"graph",
     "addinport",
     ACCESS_EDIT,
     {OF_GRAPH,
      {"public", TEXT, false},
      {"node", TEXT, false},
      {"port", TEXT, false},
      METADATA_MAYBE}},
    {"graph", "removeinport", ACCESS_EDIT, {OF_GRAPH, {"public", TEXT, false}}},
    {"graph", "renameinport", ACCESS_EDIT, {OF_GRAPH, FROM_TO}},
    {"graph",
     "addoutport",
     ACCESS_EDIT,
     {OF_GRAPH,
      {"public", TEXT, false},
      {"node", TEXT, false},
      {"port", TEXT, false},
      METADATA_MAYBE}},
    {"graph", "removeoutport", ACCESS_EDIT, {OF_GRAPH, {"public", TEXT, false}}},
    {"graph", "renameoutport", ACCESS_EDIT, {OF_GRAPH, FROM_TO}},
    {"graph",
     "addgroup",
     ACCESS_EDIT,
     {OF_GRAPH, {"name", TEXT, false}, {"nodes", TEXTS, false}, METADATA_MAYBE}},
    {"graph", "removegroup", ACCESS_EDIT, {OF_GRAPH, {"name", TEXT, false}}},
    {"graph", "renamegroup", ACCESS_EDIT, {OF_GRAPH, FROM_TO}},
    {"graph",
     "changegroup",
     ACCESS_EDIT,
     {OF_GRAPH, {"name", TEXT, false}, {"metadata", METADATA, false}}},
};

/* Members of any metadata that have a type (schema/yaml/shared.yml); null asks to remove them. */
static const struct {
    const char *name;
    json_type type;
} metadata_types[] = {
    {"x", JSON_INTEGER},     {"y", JSON_INTEGER},   {"route", JSON_INTEGER},
    {"schema", JSON_STRING}, {"secure", JSON_TRUE}, {"description", JSON_STRING},
};

/* --- members of a message in -------------------------------------------------------------- */

static int check_text(const json_t *value, const char *name, struct err *e)
{
    if (!json_is_string(value) || json_string_length(value) == 0)
        return err_set(e, ERR_INPUT, "%s: must be a text that is not empty", name);
    if (json_string_length(value) > PROTOCOL_MAX_TEXT)
        return err_set(e, ERR_LIMIT, "%s: longer than %d bytes", name, PROTOCOL_MAX_TEXT);
    return 0;
}

static json_t *copy_end(const json_t *value, const char *name, struct err *e)
{
    json_t *node = json_object_get(value, "node"), *port = json_object_get(value, "port");
    json_t *index = json_object_get(value, "index"), *copy;

    if (!json_is_object(value)) {
        err_set(e, ERR_INPUT, "%s: must be an object", name);
        return NULL;
    }
    if (check_text(node, "node", e) || check_text(port, "port", e))
        return NULL;
    copy = json_pack("{s:O, s:O}", "node", node, "port", port);
    if (index && !json_is_null(index)) {
        if (!json_is_integer(index) || json_integer_value(index) < 0 ||
            json_integer_value(index) > 999999) {
            err_set(e, ERR_INPUT, "%s.index: must be a whole number", name);
            json_decref(copy);
            return NULL;
        }
        json_object_set(copy, "index", index);
    }
    return copy;
}

static json_t *copy_data(const json_t *value, const char *name, struct err *e)
{
    json_t *data = json_object_get(value, "data");

    if (data)
        return json_pack("{s:O}", "data", data);
    err_set(e, ERR_INPUT, "%s.data: is missing", name);
    return NULL;
}

/* A member of metadata that has a type; a number with a fraction becomes a whole one. */
static int set_typed(json_t *metadata, const char *name, json_type type, struct err *e)
{
    const json_t *value = json_object_get(metadata, name);

    if (!value || json_is_null(value) || json_typeof(value) == type)
        return 0;
    if (type == JSON_TRUE && json_is_false(value))
        return 0;
    if (type == JSON_INTEGER && json_is_real(value) && fabs(json_real_value(value)) < 1e15) {
        json_object_set_new(metadata, name, json_integer(llround(json_real_value(value))));
        return 0;
    }
    return err_set(e, ERR_INPUT, "metadata.%s: must be a %s", name,
                   type == JSON_INTEGER  ? "number"
                   : type == JSON_STRING ? "text"
                                         : "boolean");
}

static json_t *copy_metadata(json_t *value, struct err *e)
{
    json_t *copy;

    if (!json_is_object(value)) {
        err_set(e, ERR_INPUT, "metadata: must be an object");
        return NULL;
    }
    copy = json_copy(value);
    for (size_t i = 0; copy && i < sizeof(metadata_types) / sizeof(*metadata_types); i++)
        if (set_typed(copy, metadata_types[i].name, metadata_types[i].type, e)) {
            json_decref(copy);
            return NULL;
        }
    return copy;
}

static json_t *copy_texts(json_t *value, const char *name, struct err *e)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value)) {
        err_set(e, ERR_INPUT, "%s: must be a list", name);
        return NULL;
    }
    json_array_foreach(value, i, item)
    {
        if (check_text(item, name, e))
            return NULL;
    }
    return json_copy(value);
}

static json_t *copy_edges(const json_t *value, struct err *e)
{
    json_t *copy, *item;
    size_t i;

    if (!json_is_array(value)) {
        err_set(e, ERR_INPUT, "edges: must be a list");
        return NULL;
    }
    if (json_array_size(value) > PROTOCOL_MAX_EDGES) {
        err_set(e, ERR_LIMIT, "edges: more than %d", PROTOCOL_MAX_EDGES);
        return NULL;
    }
    copy = json_array();
    json_array_foreach(value, i, item)
    {
        json_t *src = copy_end(json_object_get(item, "src"), "src", e);
        json_t *tgt = src ? copy_end(json_object_get(item, "tgt"), "tgt", e) : NULL;

        if (!tgt) {
            json_decref(src);
            json_decref(copy);
            return NULL;
        }
        json_array_append_new(copy, json_pack("{s:o, s:o}", "src", src, "tgt", tgt));
    }
    return copy;
}

/* New, or NULL with *e. */
static json_t *copy_field(const struct field *field, json_t *value, struct err *e)
{
    switch (field->kind) {
    case TEXT:
    case GRAPH:
        return check_text(value, field->name, e) ? NULL : json_incref(value);
    case BOOL:
        if (json_is_boolean(value))
            return json_incref(value);
        err_set(e, ERR_INPUT, "%s: must be true or false", field->name);
        return NULL;
    case ANY:
        return json_incref(value);
    case END:
        return copy_end(value, field->name, e);
    case DATA:
        return copy_data(value, field->name, e);
    case METADATA:
        return copy_metadata(value, e);
    case TEXTS:
        return copy_texts(value, field->name, e);
    case EDGES:
        return copy_edges(value, e);
    }
    return NULL;
}

/* An optional text that is empty or null is as good as absent: editors send names like that. */
static bool is_absent(const struct field *field, const json_t *value)
{
    if (!value)
        return true;
    if (!field->optional || field->kind == ANY)
        return false;
    return json_is_null(value) ||
           (field->kind == TEXT && json_is_string(value) && json_string_length(value) == 0);
}

static int copy_payload(const struct rule *rule, const json_t *from, json_t *to, struct err *e)
{
    for (const struct field *field = rule->fields; field < rule->fields + MAX_FIELDS && field->name;
         field++) {
        json_t *value = json_object_get(from, field->name), *copy;

        if (is_absent(field, value)) {
            if (field->optional)
                continue;
            return field->kind == GRAPH ? err_set(e, ERR_INPUT, "No graph specified")
                                        : err_set(e, ERR_INPUT, "%s: is missing", field->name);
        }
        if (field->kind == GRAPH && (!json_is_string(value) || !json_string_length(value)))
            return err_set(e, ERR_INPUT, "No graph specified");
        copy = copy_field(field, value, e);
        if (!copy || json_object_set_new(to, field->name, copy))
            return err_set(e, ERR_NOMEM, "no memory for a message");
    }
    return 0;
}

/* --- a message in ------------------------------------------------------------------------ */

static const struct rule *find_rule(const char *protocol, const char *command)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
        if (strcmp(rules[i].protocol, protocol) == 0 && strcmp(rules[i].command, command) == 0)
            return &rules[i];
    return NULL;
}

/* Brackets open at once, strings left out; the text need not be valid. */
static bool is_too_deep(const char *text, size_t len)
{
    size_t depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < len; i++) {
        if (in_text) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_text = false;
        } else if (text[i] == '"') {
            in_text = true;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++depth > PROTOCOL_MAX_DEPTH)
                return true;
        } else if ((text[i] == '}' || text[i] == ']') && depth) {
            depth--;
        }
    }
    return false;
}

static const char *text_or(const json_t *object, const char *key, const char *fallback)
{
    const char *text = payload_text(object, key);

    return text ? text : fallback;
}

static int load(const char *text, size_t len, json_t **ret, struct err *e)
{
    json_error_t where;

    if (len > PROTOCOL_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "a message of more than %d bytes", PROTOCOL_MAX_BYTES);
    if (is_too_deep(text, len))
        return err_set(e, ERR_LIMIT, "a message with more than %d brackets open at once",
                       PROTOCOL_MAX_DEPTH);
    *ret = json_loadb(text, len, 0, &where);
    if (!*ret)
        return err_set(e, ERR_INPUT, "the message is no JSON object: %s", where.text);
    return json_is_object(*ret) ? 0 : err_set(e, ERR_INPUT, "a message must be an object");
}

static int check_envelope(const json_t *root, struct err *e)
{
    const json_t *id = json_object_get(root, "requestId");

    if (check_text(json_object_get(root, "protocol"), "protocol", e) ||
        check_text(json_object_get(root, "command"), "command", e))
        return -1;
    if (!json_is_object(json_object_get(root, "payload")))
        return err_set(e, ERR_INPUT, "payload: must be an object");
    return id && !json_is_null(id) ? check_text(id, "requestId", e) : 0;
}

int protocol_parse(const char *text, size_t len, struct protocol_message *ret, struct err *e)
{
    const struct rule *rule;
    const json_t *payload;

    *ret = (struct protocol_message){.protocol = "", .command = "", .secret = ""};
    if (load(text, len, &ret->root, e))
        return -1;
    payload = json_object_get(ret->root, "payload");
    ret->protocol = text_or(ret->root, "protocol", "");
    ret->command = text_or(ret->root, "command", "");
    ret->secret = text_or(ret->root, "secret", "");
    if (!*ret->secret)
        ret->secret = text_or(payload, "secret", "");
    if (check_envelope(ret->root, e))
        return -1;
    ret->request_id = payload_text(ret->root, "requestId");
    rule = find_rule(ret->protocol, ret->command);
    if (!rule)
        return err_set(e, ERR_INPUT, "there is no command '%.50s:%.50s'", ret->protocol,
                       ret->command);
    ret->needs = rule->needs;
    ret->payload = json_object();
    return copy_payload(rule, payload, ret->payload, e);
}

void protocol_release(struct protocol_message *m)
{
    json_decref(m->payload);
    json_decref(m->root);
    m->payload = m->root = NULL;
}

const char *payload_text(const json_t *payload, const char *key)
{
    return json_string_value(json_object_get(payload, key));
}

/* --- messages out ------------------------------------------------------------------------ */

char *protocol_text(const char *protocol, const char *command, json_t *payload_take,
                    const char *response_to)
{
    json_t *message;
    char *text;

    if (!payload_take)
        return NULL;
    message = json_pack("{s:s, s:s, s:o}", "protocol", protocol, "command", command, "payload",
                        payload_take);
    if (response_to)
        json_object_set_new(message, "responseTo", json_string(response_to));
    text = message ? graph_value_text(message, JSON_COMPACT) : NULL;
    json_decref(message);
    return text;
}

json_t *protocol_string(const char *text)
{
    json_t *value = json_string(text);
    AUTO(text_freep) char *copy = value ? NULL : strdup(text);

    if (!copy)
        return value;
    utf8_repair(copy, strlen(copy));
    return json_string(copy);
}

json_t *protocol_error(const char *text)
{
    return json_pack("{s:o}", "message", protocol_string(text));
}

json_t *protocol_value(const char *body, size_t size)
{
    char line[80];
    json_t *value = NULL;

    if (size <= PROTOCOL_MAX_VALUE && !is_too_deep(body, size))
        value = json_loadb(body, size, JSON_DECODE_ANY, NULL);
    if (!value && size <= PROTOCOL_MAX_VALUE)
        value = json_stringn(body, size); /* NULL: not UTF-8 */
    if (value)
        return value;
    snprintf(line, sizeof(line), "(%zu bytes that are not shown)", size);
    return json_string(line);
}
