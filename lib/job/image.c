#include "image.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define ALPHANUMERICS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* ---- the words of the API */

static const char *const fits[] = {
    [FIT_INSIDE] = "inside", [FIT_COVER] = "cover",     [FIT_CONTAIN] = "contain",
    [FIT_FILL] = "fill",     [FIT_OUTSIDE] = "outside",
};

static const char *const gravities[] = {
    [GRAVITY_CENTER] = "center",       [GRAVITY_NORTH] = "north",
    [GRAVITY_NORTHEAST] = "northeast", [GRAVITY_EAST] = "east",
    [GRAVITY_SOUTHEAST] = "southeast", [GRAVITY_SOUTH] = "south",
    [GRAVITY_SOUTHWEST] = "southwest", [GRAVITY_WEST] = "west",
    [GRAVITY_NORTHWEST] = "northwest", [GRAVITY_ATTENTION] = "attention",
    [GRAVITY_ENTROPY] = "entropy",
};

static const struct {
    const char *name, *type, *extension;
} formats[] = {
    [FORMAT_OF_INPUT] = {NULL, NULL, NULL},     [FORMAT_JPEG] = {"jpeg", "image/jpeg", "jpg"},
    [FORMAT_PNG] = {"png", "image/png", "png"}, [FORMAT_WEBP] = {"webp", "image/webp", "webp"},
    [FORMAT_GIF] = {"gif", "image/gif", "gif"}, [FORMAT_AVIF] = {"avif", "image/avif", "avif"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *image_fit_name(enum image_fit fit)
{
    return fits[fit];
}

const char *image_gravity_name(enum image_gravity gravity)
{
    return gravities[gravity];
}

const char *image_format_name(enum image_format format)
{
    return formats[format].name;
}

const char *image_format_type(enum image_format format)
{
    return formats[format].type;
}

const char *image_format_extension(enum image_format format)
{
    return formats[format].extension;
}

void image_request_release(struct image_request *r)
{
    free(r->input);
    r->input = NULL;
}

/* ---- reading */

struct reading {
    const struct image_limits *limits;
    struct problems *problems;
    struct image_request *request;
};

/* Reads one member into the request or the output it belongs to; adds the faults under at. */
typedef void member_reader(struct reading *r, const json_t *value, const char *at,
                           struct image_output *output);

static bool is_port(const char *text, size_t len)
{
    long port = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        port = port * 10 + (text[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

/* What is wrong with the URL at first sight, or NULL. The fetching client judges it again, with
 * the address it leads to. */
static const char *url_fault(const char *url)
{
    const char *authority, *end, *colon = NULL;

    for (const char *p = url; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return "must not hold blanks or control characters";
    if (strncasecmp(url, "http://", 7) == 0)
        authority = url + 7;
    else if (strncasecmp(url, "https://", 8) == 0)
        authority = url + 8;
    else
        return "must start with http:// or https://";
    end = authority + strcspn(authority, "/?#");
    for (const char *p = authority; p < end; p++) {
        if (*p == '@')
            return "must not hold a user or password";
        if (*p == '\\')
            return "must not hold a backslash in its host";
        if (*p == ':')
            colon = p;
        else if (*p == ']')
            colon = NULL; /* those before belong to an IPv6 address */
    }
    if (end == authority || colon == authority)
        return "must name a host";
    if (colon && !is_port(colon + 1, (size_t)(end - colon - 1)))
        return "must have a port of 1..65535";
    return NULL;
}

static void read_input(struct reading *r, const json_t *value, const char *at,
                       struct image_output *output)
{
    const int64_t max = r->limits->max_url_bytes;
    const char *url = json_string_value(value), *fault;

    (void)output;
    if (!url) {
        problems_add(r->problems, at, "must be a string: the URL of the source");
    } else if (max && json_string_length(value) > (size_t)max) {
        problems_add(r->problems, at, "must be at most %" PRId64 " bytes", max);
    } else if ((fault = url_fault(url))) {
        problems_add(r->problems, at, "%s", fault);
    } else {
        r->request->input = strdup(url);
        if (!r->request->input)
            problems_add(r->problems, at, "cannot be kept: no memory");
    }
}

static void read_ref(struct reading *r, const json_t *value, const char *at,
                     struct image_output *output)
{
    size_t len = json_string_length(value);

    (void)output;
    if (!json_is_string(value) || len < 1 || len > IMAGE_REF_BYTES_MAX)
        problems_add(r->problems, at, "must be a string of 1..%d bytes", IMAGE_REF_BYTES_MAX);
    else
        memcpy(r->request->ref, json_string_value(value), len + 1);
}

static void read_name(struct reading *r, const json_t *value, const char *at,
                      struct image_output *output)
{
    const char *name = json_string_value(value);
    size_t len = json_string_length(value);

    if (!name || len < 1 || len > IMAGE_OUTPUT_NAME_BYTES_MAX ||
        name[strspn(name, ALPHANUMERICS "_-")])
        problems_add(r->problems, at, "must be 1..%d letters, digits, '-' or '_'",
                     IMAGE_OUTPUT_NAME_BYTES_MAX);
    else
        memcpy(output->name, name, len + 1);
}

static void read_integer(struct reading *r, const json_t *value, const char *at, int64_t max,
                         int *ret)
{
    if (!json_is_integer(value))
        problems_add(r->problems, at, "must be an integer");
    else if (json_integer_value(value) < 1 || json_integer_value(value) > max)
        problems_add(r->problems, at, "must be 1..%" PRId64, max);
    else
        *ret = (int)json_integer_value(value);
}

static int64_t max_side(const struct reading *r)
{
    return r->limits->max_side_px ? r->limits->max_side_px : INT_MAX;
}

static void read_width(struct reading *r, const json_t *value, const char *at,
                       struct image_output *output)
{
    read_integer(r, value, at, max_side(r), &output->width_px);
}

static void read_height(struct reading *r, const json_t *value, const char *at,
                        struct image_output *output)
{
    read_integer(r, value, at, max_side(r), &output->height_px);
}

static void read_quality(struct reading *r, const json_t *value, const char *at,
                         struct image_output *output)
{
    read_integer(r, value, at, 100, &output->quality);
}

/* The index of the word, or -1 with a problem added that lists them. */
static int read_word(struct reading *r, const json_t *value, const char *at,
                     const char *const *words, size_t n)
{
    AUTO(buf_release) struct buf list = BUF_INIT;
    const char *word = json_string_value(value);

    for (size_t i = 0; i < n; i++) {
        if (!words[i])
            continue;
        if (word && strcmp(word, words[i]) == 0)
            return (int)i;
        buf_printf(&list, "%s%s", list.len ? ", " : "", words[i]);
    }
    return problems_add(r->problems, at, "must be one of %s", list.data ? list.data : "");
}

static void read_fit(struct reading *r, const json_t *value, const char *at,
                     struct image_output *output)
{
    int word = read_word(r, value, at, fits, COUNT(fits));

    if (word >= 0)
        output->fit = (enum image_fit)word;
}

static void read_gravity(struct reading *r, const json_t *value, const char *at,
                         struct image_output *output)
{
    int word = read_word(r, value, at, gravities, COUNT(gravities));

    if (word >= 0)
        output->gravity = (enum image_gravity)word;
}

static void read_format(struct reading *r, const json_t *value, const char *at,
                        struct image_output *output)
{
    const char *names[COUNT(formats)];
    int word;

    for (size_t i = 0; i < COUNT(formats); i++)
        names[i] = formats[i].name;
    word = read_word(r, value, at, names, COUNT(names));
    if (word >= 0)
        output->format = (enum image_format)word;
}

static void read_enlarge(struct reading *r, const json_t *value, const char *at,
                         struct image_output *output)
{
    if (!json_is_boolean(value))
        problems_add(r->problems, at, "must be true or false");
    else
        output->enlarge = json_is_true(value);
}

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c | 0x20) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* "#rgb", "#rgba", "#rrggbb" or "#rrggbbaa", as in CSS. */
static int parse_colour(const char *text, size_t len, uint8_t ret[4])
{
    const bool brief = len == 4 || len == 5;

    if (text[0] != '#' || !(brief || len == 7 || len == 9))
        return -1;
    ret[3] = 255;
    for (size_t i = 0; i < (brief ? len - 1 : (len - 1) / 2); i++) {
        int high = hex_digit(text[brief ? 1 + i : 1 + 2 * i]);
        int low = hex_digit(text[brief ? 1 + i : 2 + 2 * i]);

        if (high < 0 || low < 0)
            return -1;
        ret[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static void read_background(struct reading *r, const json_t *value, const char *at,
                            struct image_output *output)
{
    const char *text = json_string_value(value);

    if (!text || parse_colour(text, json_string_length(value), output->background))
        problems_add(r->problems, at, "must be a colour: #rgb, #rgba, #rrggbb or #rrggbbaa");
    else
        output->has_background = true;
}

enum { IN_IMAGE = 1, IN_OUTPUT = 2, IN_BOTH = IN_IMAGE | IN_OUTPUT };

static const struct member {
    const char *name;
    int where;
    member_reader *read; /* NULL: read after all others, which are its defaults */
} members[] = {
    {"input", IN_IMAGE, read_input},    {"ref", IN_IMAGE, read_ref},
    {"outputs", IN_IMAGE, NULL},        {"name", IN_OUTPUT, read_name},
    {"width", IN_BOTH, read_width},     {"height", IN_BOTH, read_height},
    {"fit", IN_BOTH, read_fit},         {"gravity", IN_BOTH, read_gravity},
    {"format", IN_BOTH, read_format},   {"quality", IN_BOTH, read_quality},
    {"enlarge", IN_BOTH, read_enlarge}, {"background", IN_BOTH, read_background},
};

static const struct member *find_member(const char *name, int where)
{
    for (size_t i = 0; i < COUNT(members); i++)
        if ((members[i].where & where) && strcmp(members[i].name, name) == 0)
            return &members[i];
    return NULL;
}

/* All members of an image (but `outputs`) or of one of its outputs. */
static void read_members(struct reading *r, const json_t *json, int where, const char *at,
                         struct image_output *output)
{
    json_t *object = (json_t *)(uintptr_t)json; /* jansson only reads it, and takes no const */

    for (void *i = json_object_iter(object); i; i = json_object_iter_next(object, i)) {
        const char *name = json_object_iter_key(i);
        const struct member *member = find_member(name, where);
        AUTO(text_freep) char *pointer = problems_pointer(at, name);

        if (member && member->read)
            member->read(r, json_object_iter_value(i), pointer, output);
        else if (!member && !r->limits->allow_unknown)
            problems_add(r->problems, pointer, "unknown member");
    }
}

static void check_size_given(struct reading *r, const json_t *json, const char *at,
                             const struct image_output *output)
{
    /* One that was given and is wrong has been told already. */
    if (!output->width_px && !output->height_px && !json_object_get(json, "width") &&
        !json_object_get(json, "height"))
        problems_add(r->problems, at, "must have a width, a height or both");
}

static void check_name(struct reading *r, const json_t *json, const char *at, size_t index)
{
    const struct image_output *outputs = r->request->outputs;
    AUTO(text_freep) char *pointer = problems_pointer(at, "name");

    if (!json_object_get(json, "name"))
        problems_add(r->problems, pointer, "must be given");
    for (size_t i = 0; i < index; i++)
        if (outputs[index].name[0] && strcmp(outputs[i].name, outputs[index].name) == 0) {
            problems_add(r->problems, pointer, "must differ from the name of output %zu", i);
            return;
        }
}

static void read_output(struct reading *r, const json_t *json, const char *at, size_t index)
{
    struct image_output *output = &r->request->outputs[index];

    if (!json_is_object(json)) {
        problems_add(r->problems, at, "must be an object");
        return;
    }
    read_members(r, json, IN_OUTPUT, at, output);
    check_name(r, json, at, index);
    check_size_given(r, json, at, output);
}

static size_t max_outputs(const struct reading *r)
{
    const int64_t max = r->limits->max_outputs;

    return max > 0 && max < IMAGE_OUTPUTS_MAX ? (size_t)max : IMAGE_OUTPUTS_MAX;
}

static void read_outputs(struct reading *r, const json_t *list, const char *at,
                         const struct image_output *defaults)
{
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count < 1 || count > max_outputs(r)) {
        problems_add(r->problems, at, "must be a list of 1..%zu outputs", max_outputs(r));
        return;
    }
    r->request->has_outputs = true;
    r->request->output_count = count;
    for (size_t i = 0; i < count; i++) {
        char index[24];
        AUTO(text_freep) char *pointer = NULL;

        snprintf(index, sizeof index, "%zu", i);
        pointer = problems_pointer(at, index);
        r->request->outputs[i] = *defaults;
        read_output(r, json_array_get(list, i), pointer ? pointer : at, i);
    }
}

static void read_image(struct reading *r, const json_t *json, const char *at)
{
    struct image_output defaults = {.format = FORMAT_OF_INPUT};
    const json_t *list = json_object_get(json, "outputs");

    if (!json_is_object(json)) {
        problems_add(r->problems, at, "must be an object");
        return;
    }
    read_members(r, json, IN_IMAGE, at, &defaults);
    if (!json_object_get(json, "input")) {
        AUTO(text_freep) char *pointer = problems_pointer(at, "input");

        problems_add(r->problems, pointer, "must be given");
    }
    if (list) {
        AUTO(text_freep) char *pointer = problems_pointer(at, "outputs");

        read_outputs(r, list, pointer ? pointer : at, &defaults);
        return;
    }
    check_size_given(r, json, at, &defaults);
    r->request->outputs[0] = defaults;
    r->request->output_count = 1;
}

int image_request_parse(const json_t *json, const struct image_limits *limits, const char *at,
                        struct problems *problems, struct image_request *ret)
{
    struct reading r = {limits, problems, ret};
    const size_t before = problems->count;

    memset(ret, 0, sizeof *ret);
    read_image(&r, json, at);
    if (problems->count == before)
        return 0;
    image_request_release(ret);
    return -1;
}

/* ---- writing */

static int put(json_t *object, const char *name, json_t *value_taken)
{
    return json_object_set_new(object, name, value_taken); /* fails on NULL */
}

static json_t *colour_json(const uint8_t rgba[4])
{
    if (rgba[3] == 255)
        return json_sprintf("#%02x%02x%02x", rgba[0], rgba[1], rgba[2]);
    return json_sprintf("#%02x%02x%02x%02x", rgba[0], rgba[1], rgba[2], rgba[3]);
}

static json_t *output_json(const struct image_output *o)
{
    json_t *json = json_object();
    int bad = 0;

    if (o->name[0])
        bad |= put(json, "name", json_string(o->name));
    if (o->width_px)
        bad |= put(json, "width", json_integer(o->width_px));
    if (o->height_px)
        bad |= put(json, "height", json_integer(o->height_px));
    if (o->fit != FIT_INSIDE)
        bad |= put(json, "fit", json_string(fits[o->fit]));
    if (o->gravity != GRAVITY_CENTER)
        bad |= put(json, "gravity", json_string(gravities[o->gravity]));
    if (o->format != FORMAT_OF_INPUT)
        bad |= put(json, "format", json_string(formats[o->format].name));
    if (o->quality)
        bad |= put(json, "quality", json_integer(o->quality));
    if (o->enlarge)
        bad |= put(json, "enlarge", json_true());
    if (o->has_background)
        bad |= put(json, "background", colour_json(o->background));
    if (!bad)
        return json;
    json_decref(json);
    return NULL;
}

json_t *image_request_parameters(const struct image_request *r)
{
    json_t *list;

    if (!r->has_outputs)
        return output_json(&r->outputs[0]);
    list = json_array();
    for (size_t i = 0; i < r->output_count; i++) {
        if (json_array_append_new(list, output_json(&r->outputs[i]))) {
            json_decref(list);
            return NULL;
        }
    }
    return json_pack("{s:o}", "outputs", list);
}
