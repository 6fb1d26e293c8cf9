#include "message.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"

void message_release(struct message *m)
{
    json_decref(m->document);
    m->document = NULL;
}

/* ---- reading ---- */

static bool is_deeper_than(const json_t *json, int depth)
{
    const char *key;
    size_t i;
    json_t *value;

    if (!json_is_object(json) && !json_is_array(json))
        return false;
    if (depth == 0)
        return true;
    json_object_foreach((json_t *)(uintptr_t)json, key,
                        value) if (is_deeper_than(value, depth - 1)) return true;
    json_array_foreach(json, i, value) if (is_deeper_than(value, depth - 1)) return true;
    return false;
}

/* In lower case, so that equal ids are equal texts. */
static int read_uuid(const json_t *json, const char *what, char ret[UUID_SIZE], struct err *e)
{
    const char *text = json_string_value(json);

    if (!text || !uuid_is_valid(text))
        return err_set(e, ERR_INPUT, "message: '%s' is not a UUID", what);
    for (size_t i = 0; i < UUID_SIZE; i++)
        ret[i] = (char)tolower((unsigned char)text[i]);
    return 0;
}

static int read_attempt(const json_t *json, int *ret, struct err *e)
{
    json_int_t n = json_integer_value(json);

    *ret = 0;
    if (!json || json_is_null(json))
        return 0;
    if (!json_is_integer(json) || n < 1 || n > INT_MAX)
        return err_set(e, ERR_INPUT, "message: 'attempt' is not a whole number from 1");
    *ret = (int)n;
    return 0;
}

static int check_times(const json_t *document, struct err *e)
{
    static const char *const names[] = {"created_at", "started_at", "completed_at", "failed_at"};
    int64_t ms;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const json_t *time = json_object_get(document, names[i]);

        if (!time || json_is_null(time))
            continue;
        if (!json_is_string(time) || clock_parse_timestamp(json_string_value(time), &ms))
            return err_set(e, ERR_INPUT, "message: '%s' is not an RFC 3339 time", names[i]);
    }
    return 0;
}

static bool has(const json_t *document, const char *member)
{
    const json_t *value = json_object_get(document, member);

    return value && !json_is_null(value);
}

static int read_kind(const json_t *document, enum message_kind *ret, struct err *e)
{
    const json_t *error = json_object_get(document, "error");

    if (has(document, "error") || has(document, "failed_at")) {
        *ret = MESSAGE_FAILED;
        if (has(document, "error") && !json_is_object(error))
            return err_set(e, ERR_INPUT, "message: 'error' is not an object");
    } else if (has(document, "result") || has(document, "completed_at")) {
        *ret = MESSAGE_DONE;
        if (!json_is_object(json_object_get(document, "result")))
            return err_set(e, ERR_INPUT, "message: 'result' is not an object");
    } else {
        *ret = has(document, "started_at") ? MESSAGE_STARTED : MESSAGE_TODO;
    }
    return 0;
}

static int read_document(struct message *m, struct err *e)
{
    const json_t *payload = json_object_get(m->document, "payload");

    if (!json_is_object(m->document))
        return err_set(e, ERR_INPUT, "message: not an object");
    if (is_deeper_than(m->document, MESSAGE_DEPTH_MAX))
        return err_set(e, ERR_LIMIT, "message: nested deeper than %d", MESSAGE_DEPTH_MAX);
    if (!json_is_object(payload))
        return err_set(e, ERR_INPUT, "message: 'payload' is not an object");
    if (read_uuid(json_object_get(m->document, "job"), "job", m->job, e) ||
        read_uuid(json_object_get(payload, "id"), "payload.id", m->image, e) ||
        read_attempt(json_object_get(m->document, "attempt"), &m->attempt, e) ||
        check_times(m->document, e) || read_kind(m->document, &m->kind, e))
        return -1;
    if (m->kind == MESSAGE_TODO && !json_is_string(json_object_get(payload, "input")))
        return err_set(e, ERR_INPUT, "message: 'payload.input' is not a text");
    return 0;
}

int message_parse(const void *bytes, size_t len, struct message *ret, struct err *e)
{
    json_error_t where = {0}; /* jansson leaves the code as it is when it finds no memory */

    memset(ret, 0, sizeof *ret);
    if (len > MESSAGE_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "message: %zu bytes, at most %d", len, MESSAGE_BYTES_MAX);
    ret->document = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &where);
    if (!ret->document) {
        if (json_error_code(&where) == json_error_unknown ||
            json_error_code(&where) == json_error_out_of_memory)
            return err_set(e, ERR_NOMEM, "message: to JSON");
        return err_set(e, ERR_INPUT, "message: not JSON: %s at byte %d", where.text,
                       where.position);
    }
    if (read_document(ret, e)) {
        message_release(ret);
        return -1;
    }
    return 0;
}

int message_find_image(const void *bytes, size_t len, char ret_image[UUID_SIZE])
{
    json_auto_t *document = json_loadb(bytes, len, JSON_DISABLE_EOF_CHECK, NULL);

    return read_uuid(json_object_get(json_object_get(document, "payload"), "id"), "payload.id",
                     ret_image, NULL);
}

/* ---- writing ---- */

char *message_todo(const char *job, const char *image, const char *input, const char *parameters,
                   int attempt, const char *created_at, struct err *e)
{
    json_error_t where;
    json_auto_t *given = json_loads(parameters, 0, &where);
    json_auto_t *document = NULL;
    char *text;

    if (!json_is_object(given)) {
        err_set(e, ERR_INPUT, "image '%s': its parameters are not a JSON object", image);
        return NULL;
    }
    document = json_pack("{s:s, s:{s:s, s:s}, s:i, s:s}", "job", job, "payload", "id", image,
                         "input", input, "attempt", attempt, "created_at", created_at);
    if (!document || json_object_update_missing(json_object_get(document, "payload"), given) ||
        !(text = json_dumps(document, JSON_COMPACT))) {
        err_set(e, ERR_NOMEM, "image '%s': its message", image);
        return NULL;
    }
    return text;
}

/* A copy with room to be changed at its first level, and the time of the start where it is given.
 */
static json_t *begin_copy(const struct message *m, const char *started_at)
{
    json_t *copy = json_copy(m->document);

    if (copy && started_at && json_object_set_new(copy, "started_at", json_string(started_at))) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

char *message_started(const struct message *m, const char *started_at)
{
    json_auto_t *copy = begin_copy(m, started_at);

    return copy ? json_dumps(copy, JSON_COMPACT) : NULL;
}

char *message_done(const struct message *m, const char *started_at, const char *completed_at,
                   json_t *result)
{
    json_auto_t *copy = begin_copy(m, started_at);

    if (!copy || json_object_set_new(copy, "completed_at", json_string(completed_at)) ||
        json_object_set(copy, "result", result) || json_object_set_new(copy, "error", json_null()))
        return NULL;
    json_object_del(copy, "failed_at");
    return json_dumps(copy, JSON_COMPACT);
}

char *message_failed(const struct message *m, const char *started_at, const char *failed_at,
                     enum image_error_code code, bool retryable, const char *message)
{
    const struct image_error_kind *kind = image_error_kind(code);
    json_auto_t *copy = begin_copy(m, started_at);
    json_t *error = json_pack("{s:s, s:s, s:b, s:s}", "code", kind->code, "message", message,
                              "retryable", retryable, "stage", kind->stage);

    if (!copy) {
        json_decref(error);
        return NULL;
    }
    /* json_object_set_new() takes error, also when it fails, and fails when it is NULL. */
    if (json_object_set_new(copy, "error", error) ||
        json_object_set_new(copy, "failed_at", json_string(failed_at)) ||
        json_object_set_new(copy, "result", json_null()))
        return NULL;
    json_object_del(copy, "completed_at");
    return json_dumps(copy, JSON_COMPACT);
}
