/* Holds the API's description, web/openapi.json, and the code together. */
#include <ctype.h>
#include <jansson.h>

#include "job/image.h"
#include "job/image_error.h"
#include "job/settings.h"
#include "unit.h"
#include "web/answer.h"
#include "web/demo.h"
#include "web/description.h"
#include "web/job_create.h"
#include "web/job_query.h"
#include "web/router.h"
#include "web/stats_query.h"

static json_t *description;

static int load(void **state)
{
    (void)state;
    description = json_load_file(SOURCE_DIR "/web/openapi.json", JSON_REJECT_DUPLICATES, NULL);
    return description ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    json_decref(description);
    return 0;
}

/* The value at a path like "components.schemas.Job". */
static json_t *at(const char *path)
{
    char copy[120], *rest = copy, *name;
    json_t *json = description;

    snprintf(copy, sizeof copy, "%s", path);
    while ((name = strsep(&rest, ".")))
        json = json_object_get(json, name);
    if (!json)
        fail_msg("the description has no %s", path);
    return json;
}

static void assert_enum(const char *path, const char *const *words, size_t n)
{
    json_t *list = json_object_get(at(path), "enum");

    assert_int_equal(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(json_string_value(json_array_get(list, i)), words[i]);
}

static int64_t default_of(const char *setting)
{
    int64_t value = 0;

    for (size_t i = 0; i < settings_count; i++)
        if (strcmp(settings_table[i].name, setting) == 0)
            assert_int_equal(config_parse_number(settings_table[i].value_default, &value), 0);
    return value;
}

static void describes_every_path_and_method_and_no_other(void **state)
{
    const char *allow, *path, *method;
    size_t described = 0;
    json_t *item, *operation;

    (void)state;
    for (size_t i = 0; (path = route_path(i, &allow)); i++) {
        if (strcmp(path, "/") == 0 || strcmp(path, "/favicon.ico") == 0 || strchr(path, '*'))
            continue; /* for people */
        item = json_object_get(at("paths"), path);
        if (!item)
            fail_msg("%s is not described", path);
        described++;
        json_object_foreach(item, method, operation)
        {
            char upper[16] = "";

            if (strcmp(method, "parameters") == 0)
                continue;
            for (size_t c = 0; method[c]; c++)
                upper[c] = (char)toupper((unsigned char)method[c]);
            assert_non_null(strstr(allow, upper));
        }
        assert_int_equal(json_object_get(item, "get") != NULL, strstr(allow, "GET") != NULL);
        assert_int_equal(json_object_get(item, "head") != NULL, strstr(allow, "HEAD") != NULL);
        assert_int_equal(json_object_get(item, "post") != NULL, strstr(allow, "POST") != NULL);
    }
    assert_int_equal(json_object_size(at("paths")), described);
}

/* Whether some operation, or a response in components, is described with that status. */
static bool is_status_described(unsigned status)
{
    const char *path, *method;
    json_t *item, *operation;
    char text[12];

    snprintf(text, sizeof text, "%u", status);
    json_object_foreach(at("paths"), path, item)
    {
        json_object_foreach(item, method, operation)
        {
            if (json_object_get(json_object_get(operation, "responses"), text))
                return true;
        }
    }
    return status == 405 && at("components.responses.MethodNotAllowed");
}

static void describes_every_status_of_a_problem(void **state)
{
    unsigned status;

    (void)state;
    for (size_t i = 0; (status = answer_problem_status(i)); i++)
        if (status != 500 && !is_status_described(status))
            fail_msg("status %u is not described", status);
}

static void uses_the_words_of_the_code(void **state)
{
    const char *fits[FIT_OUTSIDE + 1], *gravities[GRAVITY_ENTROPY + 1], *formats[FORMAT_AVIF],
        *codes[IMAGE_ERROR_COUNT];

    (void)state;
    for (int i = 0; i <= FIT_OUTSIDE; i++)
        fits[i] = image_fit_name((enum image_fit)i);
    for (int i = 0; i <= GRAVITY_ENTROPY; i++)
        gravities[i] = image_gravity_name((enum image_gravity)i);
    for (int i = FORMAT_JPEG; i <= FORMAT_AVIF; i++)
        formats[i - 1] = image_format_name((enum image_format)i);
    for (int i = 0; i < IMAGE_ERROR_COUNT; i++)
        codes[i] = image_error_kind((enum image_error_code)i)->code;
    assert_enum("components.schemas.ImageRequest.properties.fit", fits, FIT_OUTSIDE + 1);
    assert_enum("components.schemas.OutputRequest.properties.gravity", gravities,
                GRAVITY_ENTROPY + 1);
    assert_enum("components.schemas.ImageRequest.properties.format", formats, FORMAT_AVIF);
    assert_enum("components.schemas.ImageError.properties.code", codes, IMAGE_ERROR_COUNT);
}

static void tells_the_limits_of_the_settings(void **state)
{
    static const struct {
        const char *path, *member, *setting;
    } cases[] = {
        {"components.schemas.JobRequest.properties.images", "maxItems", "IMAGERESIZE_MAX_IMAGES"},
        {"components.schemas.ImageRequest.properties.outputs", "maxItems",
         "IMAGERESIZE_MAX_OUTPUTS"},
        {"components.schemas.ImageRequest.properties.input", "maxLength", "IMAGERESIZE_MAX_URL"},
        {"components.schemas.ImageRequest.properties.width", "maximum", "IMAGERESIZE_MAX_SIDE"},
        {"components.schemas.OutputRequest.properties.height", "maximum", "IMAGERESIZE_MAX_SIDE"},
        {"components.parameters.Limit.schema", "maximum", "IMAGERESIZE_MAX_PAGE"},
    };
    char words[60];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(json_integer_value(json_object_get(at(cases[i].path), cases[i].member)),
                         default_of(cases[i].setting));
    assert_int_equal(json_integer_value(json_object_get(
                         at("components.schemas.ImageRequest.properties.ref"), "maxLength")),
                     IMAGE_REF_BYTES_MAX);
    snprintf(words, sizeof words, "At most %d bytes as compact JSON, %d levels deep",
             (int)default_of("IMAGERESIZE_MAX_METADATA"), METADATA_DEPTH_MAX);
    assert_non_null(
        strstr(json_string_value(json_object_get(
                   at("components.schemas.JobRequest.properties.metadata"), "description")),
               words));
    snprintf(words, sizeof words, "for at most N seconds, %d at most", WAIT_MAX_S);
    assert_non_null(strstr(
        json_string_value(json_object_get(at("components.parameters.PreferWait"), "description")),
        words));
}

static json_t *described(const struct settings *settings)
{
    char *text = json_dumps(description, 0), *made;
    struct err e = ERR_INIT;
    json_t *json;

    made = description_make(text, strlen(text), settings, &e);
    assert_non_null(made);
    json = json_loads(made, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    free(made);
    return json;
}

/* Each limit where the file has its default, and nothing else is changed. */
static void a_deployment_describes_its_own_limits(void **state)
{
    const struct settings usual = {.max_body_bytes = default_of("IMAGERESIZE_MAX_BODY"),
                                   .max_images = default_of("IMAGERESIZE_MAX_IMAGES"),
                                   .max_outputs = default_of("IMAGERESIZE_MAX_OUTPUTS"),
                                   .max_url_bytes = default_of("IMAGERESIZE_MAX_URL"),
                                   .max_metadata_bytes = default_of("IMAGERESIZE_MAX_METADATA"),
                                   .max_page = default_of("IMAGERESIZE_MAX_PAGE"),
                                   .max_stats = default_of("IMAGERESIZE_MAX_STATS"),
                                   .max_side_px = default_of("IMAGERESIZE_MAX_SIDE"),
                                   .stream_rate = default_of("IMAGERESIZE_STREAM_RATE"),
                                   .stream_heartbeat_s = default_of("IMAGERESIZE_STREAM_HEARTBEAT"),
                                   .demo = 1};
    const struct settings odd = {.max_body_bytes = 7001,
                                 .max_images = 7002,
                                 .max_outputs = 7003,
                                 .max_url_bytes = 7004,
                                 .max_metadata_bytes = 7005,
                                 .max_side_px = 7006,
                                 .max_page = 7007,
                                 .max_stats = 7008,
                                 .stream_rate = 7009,
                                 .stream_heartbeat_s = 7010};
    static const struct {
        const char *path, *member;
        int value;
    } numbers[] = {
        {"components.schemas.JobRequest.properties.images", "maxItems", 7002},
        {"components.schemas.ImageRequest.properties.outputs", "maxItems", 7003},
        {"components.schemas.ImageRequest.properties.input", "maxLength", 7004},
        {"components.schemas.ImageRequest.properties.width", "maximum", 7006},
        {"components.schemas.ImageRequest.properties.height", "maximum", 7006},
        {"components.schemas.OutputRequest.properties.width", "maximum", 7006},
        {"components.schemas.OutputRequest.properties.height", "maximum", 7006},
        {"components.parameters.Limit.schema", "maximum", 7007},
    };
    json_t *same = described(&usual), *other = described(&odd), *file = description;
    char *text = json_dumps(other, 0);

    (void)state;
    assert_true(json_equal(same, file));
    description = other;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_int_equal(
            json_integer_value(json_object_get(at(numbers[i].path), numbers[i].member)),
            numbers[i].value);
    description = file;
    assert_non_null(strstr(text, "\"At most 7001 bytes.\""));
    assert_non_null(strstr(text, "A range of more than 7008 jobs and images"));
    assert_non_null(strstr(text, "more than 7009 events a second"));
    assert_non_null(strstr(text, "at least each 7010 s"));
    assert_non_null(strstr(text, "At most 7005 bytes as compact JSON, 16 levels deep"));
    free(text);
    json_decref(same);
    json_decref(other);
}

/* Every parameter of the query that is described is known, and no other. */
static void assert_parameters(const char *path, const char *const *names)
{
    json_t *list = json_object_get(json_object_get(json_object_get(at("paths"), path), "get"),
                                   "parameters"),
           *parameter;
    size_t i, n = 0;

    json_array_foreach(list, i, parameter)
    {
        const char *ref = json_string_value(json_object_get(parameter, "$ref"));
        json_t *described =
            ref ? json_object_get(at("components.parameters"), strrchr(ref, '/') + 1) : parameter;

        if (strcmp(json_string_value(json_object_get(described, "in")), "query") != 0)
            continue;
        assert_non_null(names[n]);
        assert_string_equal(json_string_value(json_object_get(described, "name")), names[n]);
        n++;
    }
    assert_null(names[n]);
}

static void describes_every_parameter_of_a_query(void **state)
{
    (void)state;
    assert_parameters("/jobs", job_query_names);
    assert_parameters("/stats", stats_query_names);
}

static void describes_the_demonstration_only_where_it_is(void **state)
{
    const struct settings without = {.demo = 0}, with = {.demo = 1};
    json_t *bare = described(&without), *whole = described(&with);
    const json_t *paths = json_object_get(bare, "paths");

    (void)state;
    assert_null(json_object_get(paths, "/demo"));
    assert_null(json_object_get(paths, "/demo/kill"));
    assert_non_null(json_object_get(paths, "/graph"));
    assert_int_equal(json_object_size(json_object_get(whole, "paths")),
                     json_object_size(paths) + 4);
    json_decref(bare);
    json_decref(whole);
}

/* The page's field takes no more. */
static void assert_page_scales_to(int most)
{
    FILE *file = fopen(SOURCE_DIR "/static/js/demo.js", "r");
    char bytes[16384], line[60];
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof bytes - 1, file);
    bytes[len] = '\0';
    fclose(file);
    snprintf(line, sizeof line, "const QUANTITY_MAX = %d;", most);
    assert_non_null(strstr(bytes, line));
}

static void tells_the_limit_of_scaling_by_hand(void **state)
{
    json_t *schema = json_object_get(
        json_object_get(json_object_get(at("paths./demo/scale.post.requestBody"), "content"),
                        "application/json"),
        "schema");
    json_t *quantity = json_object_get(json_object_get(schema, "properties"), "quantity");

    (void)state;
    assert_int_equal(json_integer_value(json_object_get(quantity, "maximum")), DEMO_QUANTITY_MAX);
    assert_page_scales_to(DEMO_QUANTITY_MAX);
}

/* Faults that say "unknown member" when body is read. */
static size_t unknown_members(json_t *body)
{
    const struct new_job_limits limits = {.max_images = 100, .max_metadata_bytes = 4096};
    struct problems problems = PROBLEMS_INIT;
    struct err e = ERR_INIT;
    char *text = json_dumps(body, 0);
    size_t unknown = 0, i;
    json_t *fault;

    new_job_free(new_job_parse(text, strlen(text), &limits, &problems, &e));
    json_array_foreach(problems.list, i, fault)
    {
        unknown +=
            strcmp(json_string_value(json_object_get(fault, "detail")), "unknown member") == 0;
    }
    problems_release(&problems);
    free(text);
    return unknown;
}

static void every_described_member_of_a_request_is_known(void **state)
{
    json_t *job = json_deep_copy(at("components.schemas.JobRequest.properties"));
    json_t *image = json_deep_copy(at("components.schemas.ImageRequest.properties"));
    json_t *output = json_deep_copy(at("components.schemas.OutputRequest.properties"));

    (void)state;
    json_object_set_new(image, "outputs", json_pack("[o]", output));
    json_object_set_new(job, "images", json_pack("[o]", image));
    assert_int_equal(unknown_members(job), 0);
    json_object_set_new(output, "other", json_null());
    json_object_set_new(image, "other", json_null());
    json_object_set_new(job, "other", json_null());
    assert_int_equal(unknown_members(job), 3);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(describes_every_path_and_method_and_no_other),
        cmocka_unit_test(describes_every_status_of_a_problem),
        cmocka_unit_test(uses_the_words_of_the_code),
        cmocka_unit_test(tells_the_limits_of_the_settings),
        cmocka_unit_test(a_deployment_describes_its_own_limits),
        cmocka_unit_test(describes_every_parameter_of_a_query),
        cmocka_unit_test(describes_the_demonstration_only_where_it_is),
        cmocka_unit_test(tells_the_limit_of_scaling_by_hand),
        cmocka_unit_test(every_described_member_of_a_request_is_known),
    };

    return cmocka_run_group_tests(tests, load, unload);
}
