#include "live/heroku.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* ---- formations ---- */

static int read_type(const json_t *json, struct heroku_type *ret)
{
    const char *name = json_string_value(json_object_get(json, "type"));
    const json_t *quantity = json_object_get(json, "quantity");

    if (!name || !*name || strlen(name) >= sizeof(ret->name) || !json_is_integer(quantity) ||
        json_integer_value(quantity) < 0 || json_integer_value(quantity) > HEROKU_QUANTITY_MAX)
        return -1;
    strcpy(ret->name, name);
    ret->quantity = (int)json_integer_value(quantity);
    return 0;
}

int heroku_read_formation(const char *bytes, size_t len, struct heroku_formation *f, struct err *e)
{
    json_auto_t *list = json_loadb(bytes, len, 0, NULL);
    size_t more = json_array_size(list), n = f->n;
    struct heroku_type *grown;

    if (!json_is_array(list))
        return err_set(e, ERR_UNAVAILABLE, "the answer is no list of types");
    if (more > HEROKU_TYPES_MAX - n)
        return err_set(e, ERR_UNAVAILABLE, "more than %d types", HEROKU_TYPES_MAX);
    grown = realloc(f->types, (n + more + 1) * sizeof(*grown));
    if (!grown)
        return err_set(e, ERR_NOMEM, "no memory for a formation");
    f->types = grown;
    for (size_t i = 0; i < more; i++)
        if (read_type(json_array_get(list, i), &f->types[n + i]))
            return err_set(e, ERR_UNAVAILABLE, "the answer has a type without name or quantity");
    f->n = n + more;
    return 0;
}

void heroku_formation_release(struct heroku_formation *f)
{
    free(f->types);
    *f = (struct heroku_formation){NULL, 0};
}

int heroku_quantity(const struct heroku_formation *f, const char *type)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->types[i].name, type) == 0)
            return f->types[i].quantity;
    return -1;
}

/* ---- errors ---- */

static void copy_text(const json_t *json, const char *key, char *ret, size_t size)
{
    const char *text = json_string_value(json_object_get(json, key));

    snprintf(ret, size, "%s", text ? text : "");
    utf8_repair(ret, strlen(ret)); /* it may have been cut within a character */
    for (char *c = ret; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}

void heroku_read_error(const char *bytes, size_t len, struct heroku_error *ret)
{
    json_auto_t *json = json_loadb(bytes, len, 0, NULL);
    const json_t *limit = json_object_get(json, "limit");

    copy_text(json, "id", ret->id, sizeof(ret->id));
    copy_text(json, "message", ret->message, sizeof(ret->message));
    ret->limit = -1;
    if (json_is_integer(limit) && json_integer_value(limit) >= 0 &&
        json_integer_value(limit) <= HEROKU_QUANTITY_MAX)
        ret->limit = (int)json_integer_value(limit);
}

/* ---- requests ---- */

int heroku_write_updates(const struct heroku_update *updates, size_t n, struct buf *out)
{
    json_auto_t *body = json_pack("{s:[]}", "updates");
    AUTO(text_freep) char *text = NULL;

    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(
                json_object_get(body, "updates"),
                json_pack("{s:s, s:i}", "type", updates[i].type, "quantity", updates[i].quantity)))
            out->failed = true;
    text = json_dumps(body, JSON_COMPACT);
    if (!text)
        out->failed = true;
    return out->failed ? -1 : buf_text(out, text);
}
