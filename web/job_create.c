#include "job_create.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "web/job_json.h"

void new_job_free(struct new_job *job)
{
    if (!job)
        return;
    for (size_t i = 0; job->images && i < job->image_count; i++) {
        free(job->images[i].input);
        free(job->images[i].parameters);
    }
    free(job->images);
    free(job->metadata);
    free(job);
}

static void new_job_freep(struct new_job **job)
{
    new_job_free(*job);
}

static void json_freep(json_t **json)
{
    json_decref(*json);
}

/* ---- reading */

static json_t *parse_json(const void *bytes, size_t len, struct err *e)
{
    json_error_t at;
    json_t *json;

    if (len == 0) {
        err_set(e, ERR_INPUT, "the body is empty; it must be a JSON object");
        return NULL;
    }
    json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &at);
    /* jansson quotes the text near the fault, which may be anything: only its own words are used */
    if (!json)
        err_set(e, json_error_code(&at) == json_error_out_of_memory ? ERR_NOMEM : ERR_INPUT,
                "the body is not JSON: line %d, column %d: %.*s", at.line, at.column,
                (int)strcspn(at.text, "'\"\n"), at.text);
    return json;
}

/* Whether a value holds more than depth levels of objects and lists. */
static bool is_deeper_than(const json_t *json, int depth)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson only reads it, and takes no const */
    const char *key;
    json_t *value;
    size_t i;

    if (!json_is_object(json) && !json_is_array(json))
        return false;
    if (depth == 0)
        return true;
    json_object_foreach(object, key, value)
    {
        if (is_deeper_than(value, depth - 1))
            return true;
    }
    json_array_foreach(json, i, value)
    {
        if (is_deeper_than(value, depth - 1))
            return true;
    }
    return false;
}

static void read_metadata(struct new_job *job, const json_t *value,
                          const struct new_job_limits *limits, struct problems *problems)
{
    const int64_t max = limits->max_metadata_bytes;

    if (!json_is_object(value)) {
        problems_add(problems, "/metadata", "must be an object");
        return;
    }
    if (is_deeper_than(value, METADATA_DEPTH_MAX)) {
        problems_add(problems, "/metadata", "must be at most %d levels deep", METADATA_DEPTH_MAX);
        return;
    }
    job->metadata = json_dumps(value, JSON_COMPACT);
    if (!job->metadata)
        problems_add(problems, "/metadata", "cannot be kept: no memory");
    else if (strlen(job->metadata) > (size_t)max)
        problems_add(problems, "/metadata", "must be at most %" PRId64 " bytes as compact JSON",
                     max);
}

static void read_priority(struct new_job *job, const json_t *value, struct problems *problems)
{
    const char *text = json_string_value(value);

    if (text && strcmp(text, "bulk") == 0)
        job->priority = "bulk";
    else if (!text || strcmp(text, "interactive") != 0)
        problems_add(problems, "/priority", "must be one of interactive, bulk");
}

static void read_image(struct new_image *image, const json_t *value, size_t index,
                       const struct new_job_limits *limits, struct problems *problems)
{
    AUTO(json_freep) json_t *parameters = NULL;
    struct image_request request;
    char at[40];

    snprintf(at, sizeof at, "/images/%zu", index);
    if (image_request_parse(value, &limits->image, at, problems, &request))
        return;
    uuid_make(image->id);
    memcpy(image->ref, request.ref, sizeof image->ref);
    image->input = request.input; /* taken over */
    parameters = image_request_parameters(&request);
    image->parameters = parameters ? json_dumps(parameters, JSON_COMPACT) : NULL;
    if (!image->parameters)
        problems_add(problems, at, "cannot be kept: no memory");
}

static void read_images(struct new_job *job, const json_t *list,
                        const struct new_job_limits *limits, struct problems *problems)
{
    const size_t count = json_array_size(list);

    if (!json_is_array(list) || count < 1 || count > (size_t)limits->max_images) {
        problems_add(problems, "/images", "must be a list of 1..%" PRId64 " images",
                     limits->max_images);
        return;
    }
    job->images = calloc(count, sizeof *job->images);
    if (!job->images) {
        problems_add(problems, "/images", "cannot be kept: no memory");
        return;
    }
    job->image_count = count;
    for (size_t i = 0; i < count; i++)
        read_image(&job->images[i], json_array_get(list, i), i, limits, problems);
}

static void read_members(struct new_job *job, json_t *json, const struct new_job_limits *limits,
                         struct problems *problems)
{
    const char *name;
    json_t *value;

    if (!json_is_object(json)) {
        problems_add(problems, "", "must be an object");
        return;
    }
    if (!json_object_get(json, "images"))
        problems_add(problems, "/images", "must be given");
    json_object_foreach(json, name, value)
    {
        AUTO(text_freep) char *pointer = problems_pointer("", name);

        if (strcmp(name, "images") == 0)
            read_images(job, value, limits, problems);
        else if (strcmp(name, "priority") == 0)
            read_priority(job, value, problems);
        else if (strcmp(name, "metadata") == 0)
            read_metadata(job, value, limits, problems);
        else if (strcmp(name, "callback") == 0)
            problems_add(problems, pointer, "is not supported yet; ask GET /jobs/{id} instead");
        else
            problems_add(problems, pointer, "unknown member");
    }
}

struct new_job *new_job_parse(const void *bytes, size_t len, const struct new_job_limits *limits,
                              struct problems *problems, struct err *e)
{
    AUTO(new_job_freep) struct new_job *job = calloc(1, sizeof *job);
    AUTO(json_freep) json_t *json = parse_json(bytes, len, e);
    struct new_job *parsed;

    if (!json)
        return NULL;
    if (!job) {
        err_set(e, ERR_NOMEM, "a job");
        return NULL;
    }
    job->priority = "interactive";
    read_members(job, json, limits, problems);
    if (problems->count > 0)
        return NULL;
    uuid_make(job->id);
    /* The time in the id, so that what asks for jobs by either finds the same. */
    clock_timestamp(uuid_wall_ms(job->id), job->created_at);
    parsed = job;
    job = NULL;
    return parsed;
}

/* ---- writing */

static json_t *image_row(const struct new_image *image)
{
    return json_pack("{s:s, s:s*, s:s, s:o}", "id", image->id, "ref",
                     image->ref[0] ? image->ref : NULL, "input", image->input, "parameters",
                     json_loads(image->parameters, 0, NULL));
}

char *new_job_row(const struct new_job *job)
{
    AUTO(json_freep) json_t *row = NULL;
    json_t *images = json_array();

    for (size_t i = 0; i < job->image_count; i++)
        if (json_array_append_new(images, image_row(&job->images[i]))) {
            json_decref(images);
            return NULL;
        }
    row = json_pack("{s:s, s:s, s:s, s:o, s:o*}", "id", job->id, "priority", job->priority,
                    "created_at", job->created_at, "images", images, "metadata",
                    job->metadata ? json_loads(job->metadata, 0, NULL) : NULL);
    return row ? json_dumps(row, JSON_COMPACT) : NULL;
}

char *new_job_json(const struct new_job *job)
{
    struct image_row *images = calloc(job->image_count, sizeof *images);
    const int count = (int)job->image_count;
    const struct job_row row = {.id = job->id,
                                .status = "queued",
                                .priority = job->priority,
                                .version = 1, /* the table's default */
                                .total = count,
                                .queued = count,
                                .created_at = job->created_at,
                                .metadata = job->metadata};
    char *text;

    if (!images)
        return NULL;
    for (size_t i = 0; i < job->image_count; i++) {
        const struct new_image *image = &job->images[i];

        images[i] = (struct image_row){.id = image->id,
                                       .ref = image->ref[0] ? image->ref : NULL,
                                       .input = image->input,
                                       .parameters = image->parameters,
                                       .status = "queued",
                                       .created_at = job->created_at};
    }
    text = job_json(&row, images, job->image_count, "");
    free(images);
    return text;
}
