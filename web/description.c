#include "description.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"

#define REQUEST "components.schemas.JobRequest.properties."
#define IMAGE "components.schemas.ImageRequest.properties."
#define OUTPUT "components.schemas.OutputRequest.properties."

/* Where each limit stands: as a member's value, or as the first number of a text. */
static const struct limit {
    const char *object, *member;
    size_t setting; /* offset of an int64_t in struct settings */
} limits[] = {
    {"paths./jobs.post.requestBody", "description", offsetof(struct settings, max_body_bytes)},
    {"components.parameters.Limit.schema", "maximum", offsetof(struct settings, max_page)},
    {"paths./stats.get", "description", offsetof(struct settings, max_stats)},
    {"paths./events.get", "description", offsetof(struct settings, stream_rate)},
    {"components.responses.Events", "description", offsetof(struct settings, stream_heartbeat_s)},
    {REQUEST "images", "maxItems", offsetof(struct settings, max_images)},
    {REQUEST "metadata", "description", offsetof(struct settings, max_metadata_bytes)},
    {IMAGE "input", "maxLength", offsetof(struct settings, max_url_bytes)},
    {IMAGE "outputs", "maxItems", offsetof(struct settings, max_outputs)},
    {IMAGE "width", "maximum", offsetof(struct settings, max_side_px)},
    {IMAGE "height", "maximum", offsetof(struct settings, max_side_px)},
    {OUTPUT "width", "maximum", offsetof(struct settings, max_side_px)},
    {OUTPUT "height", "maximum", offsetof(struct settings, max_side_px)},
};

/* The object at a path of names with dots between; NULL when there is none. */
static json_t *object_at(json_t *json, const char *path)
{
    char copy[120], *rest = copy, *name;

    snprintf(copy, sizeof copy, "%s", path);
    while ((name = strsep(&rest, ".")))
        json = json_object_get(json, name);
    return json;
}

/* The text with its first number replaced. New, or NULL. */
static json_t *text_with(const char *text, int64_t number)
{
    static const char digits[] = "0123456789";
    AUTO(buf_release) struct buf b = BUF_INIT;
    size_t before = strcspn(text, digits);
    const char *after = text + before + strspn(text + before, digits);

    buf_printf(&b, "%.*s%" PRId64 "%s", (int)before, text, number, after);
    return b.failed ? NULL : json_string(b.data);
}

static int set_limit(json_t *description, const struct limit *l, int64_t value)
{
    json_t *object = object_at(description, l->object);
    const json_t *old = json_object_get(object, l->member);

    if (json_is_string(old))
        return json_object_set_new(object, l->member, text_with(json_string_value(old), value));
    return old ? json_object_set_new(object, l->member, json_integer(value)) : -1;
}

char *description_make(const char *text, size_t len, const struct settings *settings, struct err *e)
{
    json_t *json = json_loadb(text, len, 0, NULL);
    char *made = NULL;
    bool ok = json != NULL;

    for (size_t i = 0; ok && i < sizeof limits / sizeof *limits; i++) {
        int64_t value;

        memcpy(&value, (const char *)settings + limits[i].setting, sizeof value);
        ok = set_limit(json, &limits[i], value) == 0;
    }
    if (ok)
        made = json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    if (!made)
        err_set(e, ERR_NOMEM, "the API's description");
    return made;
}
