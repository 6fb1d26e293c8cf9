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

static void put_times(json_t *object, const char *created_at, const char *started_at,
                      const char *completed_at, const char *failed_at, int *bad)
{
    put(object, "created_at", text_or_null(created_at), bad);
    put(object, "started_at", text_or_null(started_at), bad);
    put(object, "completed_at", text_or_null(completed_at), bad);
    put(object, "failed_at", text_or_null(failed_at), bad);
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
    json_t *result = parsed_or_null(text), *output;
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
    json_t *image = json_object(), *parameters = parsed_or_null(row->parameters);
    int bad = 0;

    put(image, "id", json_string(row->id), &bad);
    if (row->ref)
        put(image, "ref", json_string(row->ref), &bad);
    put(image, "input", json_string(row->input), &bad);
    bad |= json_object_update(image, parameters);
    json_decref(parameters);
    put(image, "status", json_string(row->status), &bad);
    put(image, "attempts", json_integer(row->attempts), &bad);
    put_times(image, row->created_at, row->started_at, row->completed_at, row->failed_at, &bad);
    put(image, "result", result_json(row->result, base_url, &bad), &bad);
    put(image, "error", parsed_or_null(row->error), &bad);
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

char *job_json(const struct job_row *job, const struct image_row *images, size_t n,
               const char *base_url)
{
    json_t *json = json_object(), *list = json_array();
    char *text = NULL;
    int bad = 0;

    put(json, "id", json_string(job->id), &bad);
    put(json, "status", json_string(job->status), &bad);
    put(json, "priority", json_string(job->priority), &bad);
    put(json, "counts", counts_json(job), &bad);
    put_times(json, job->created_at, job->started_at, job->completed_at, job->failed_at, &bad);
    for (size_t i = 0; i < n; i++)
        bad |= json_array_append_new(list, image_json(&images[i], base_url));
    put(json, "images", list, &bad);
    put(json, "metadata", parsed_or_null(job->metadata), &bad);
    if (!bad)
        text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return text;
}
