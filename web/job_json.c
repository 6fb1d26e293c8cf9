#include "job_json.h"

#include <jansson.h>
#include <string.h>

#include "job/output_target.h"

/* Takes value; a failure of it or of setting is remembered in *bad. */
static void put(json_t *object, const char *name, json_t *value_taken, int *bad)
{
    *bad |= json_object_set_new(object, name, value_taken);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *parsed_or_null(const char *text)
{
    return text ? json_loads(text, 0, NULL) : json_null();
}

/* The order of members for people to read: jsonb keeps none. Others come after these. */
static const char *const member_order[] = {
    "name",    "output",  "width",      "height",  "fit",       "gravity",    "bytes", "format",
    "quality", "enlarge", "background", "outputs", "source",    "timings_ms", "wait",  "fetch",
    "decode",  "store",   "code",       "message", "retryable", "stage",
};

static json_t *in_order(json_t *value_taken);

/* The same object with its members in order. */
static json_t *object_in_order(json_t *object_taken)
{
    json_t *ordered = json_object(), *value;
    const char *name;
    int bad = 0;

    for (size_t i = 0; i < sizeof member_order / sizeof *member_order; i++) {
        value = json_object_get(object_taken, member_order[i]);
        if (value)
            put(ordered, member_order[i], in_order(json_incref(value)), &bad);
    }
    json_object_foreach(object_taken, name, value)
    {
        if (!json_object_get(ordered, name))
            bad |= json_object_set(ordered, name, value);
    }
    json_decref(object_taken);
    if (!bad)
        return ordered;
    json_decref(ordered);
    return NULL;
}

/* NULL stays NULL. */
static json_t *in_order(json_t *value_taken)
{
    json_t *list;
    size_t i;

    if (json_is_object(value_taken))
        return object_in_order(value_taken);
    if (!json_is_array(value_taken))
        return value_taken;
    list = json_array();
    for (i = 0; i < json_array_size(value_taken); i++) {
        json_t *element = in_order(json_incref(json_array_get(value_taken, i)));

        if (json_array_append_new(list, element)) {
            json_decref(list);
            list = NULL;
            break;
        }
    }
    json_decref(value_taken);
    return list;
}

static void put_times(json_t *object, const char *created_at, const char *started_at,
                      const char *completed_at, const char *failed_at, const char *cancelled_at,
                      int *bad)
{
    put(object, "created_at", text_or_null(created_at), bad);
    put(object, "started_at", text_or_null(started_at), bad);
    put(object, "completed_at", text_or_null(completed_at), bad);
    put(object, "failed_at", text_or_null(failed_at), bad);
    put(object, "cancelled_at", text_or_null(cancelled_at), bad);
}

/* Makes the member `output` of a result, or of one of its outputs, an address. */
static void make_absolute(json_t *object, const char *base_url, int *bad)
{
    const char *path = json_string_value(json_object_get(object, "output"));

    if (path && strncmp(path, OUTPUT_PATH, strlen(OUTPUT_PATH)) == 0)
        put(object, "output", json_sprintf("%s%s", base_url, path), bad);
}

static json_t *result_json(const char *text, const char *base_url, int *bad)
{
    json_t *result = in_order(parsed_or_null(text)), *output;
    size_t i;

    make_absolute(result, base_url, bad);
    json_array_foreach(json_object_get(result, "outputs"), i, output)
    {
        make_absolute(output, base_url, bad);
    }
    return result;
}

static json_t *image_json(const struct image_row *row, const char *base_url)
{
    json_t *image = json_object(), *parameters = in_order(parsed_or_null(row->parameters));
    int bad = 0;

    put(image, "id", json_string(row->id), &bad);
    if (row->ref)
        put(image, "ref", json_string(row->ref), &bad);
    put(image, "input", json_string(row->input), &bad);
    bad |= json_object_update(image, parameters);
    json_decref(parameters);
    put(image, "status", json_string(row->status), &bad);
    put(image, "attempts", json_integer(row->attempts), &bad);
    put_times(image, row->created_at, row->started_at, row->completed_at, row->failed_at,
              row->cancelled_at, &bad);
    put(image, "result", result_json(row->result, base_url, &bad), &bad);
    put(image, "error", in_order(parsed_or_null(row->error)), &bad);
    if (!bad)
        return image;
    json_decref(image);
    return NULL;
}

static json_t *counts_json(const struct job_row *job)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "total", job->total, "queued", job->queued,
                     "running", job->running, "completed", job->completed, "failed", job->failed,
                     "cancelled", job->cancelled);
}

/* All that comes before a job's images. */
static json_t *head_json(const struct job_row *job, int *bad)
{
    json_t *json = json_object();

    put(json, "id", json_string(job->id), bad);
    put(json, "status", json_string(job->status), bad);
    put(json, "priority", json_string(job->priority), bad);
    put(json, "version", json_integer(job->version), bad);
    put(json, "counts", counts_json(job), bad);
    put_times(json, job->created_at, job->started_at, job->completed_at, job->failed_at,
              job->cancelled_at, bad);
    return json;
}

/* Adds what comes last, and makes the text. json is taken. */
static char *finish(json_t *json_taken, const struct job_row *job, int bad)
{
    char *text = NULL;

    put(json_taken, "metadata", parsed_or_null(job->metadata), &bad);
    if (!bad)
        text = json_dumps(json_taken, JSON_COMPACT);
    json_decref(json_taken);
    return text;
}

char *job_json(const struct job_row *job, const struct image_row *images, size_t n,
               const char *base_url)
{
    int bad = 0;
    json_t *json = head_json(job, &bad), *list = json_array();

    for (size_t i = 0; i < n; i++)
        bad |= json_array_append_new(list, image_json(&images[i], base_url));
    put(json, "images", list, &bad);
    return finish(json, job, bad);
}

char *job_summary_json(const struct job_row *job)
{
    int bad = 0;
    json_t *json = head_json(job, &bad);

    return finish(json, job, bad);
}

char *image_event_json(const char *job, long long version, const struct image_row *image,
                       const char *base_url)
{
    json_t *json = json_pack("{s:s, s:I, s:o}", "job", job, "version", (json_int_t)version, "image",
                             image_json(image, base_url));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;

    json_decref(json);
    return text;
}
