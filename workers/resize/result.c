#include "result.h"

#include "decode_request.h"

static json_t *make_output(const struct decode_output_result *output, const char *address)
{
    return json_pack("{s:s, s:i, s:i, s:I, s:s}", "output", address, "width", (int)output->width_px,
                     "height", (int)output->height_px, "bytes", (json_int_t)output->bytes, "format",
                     image_format_name(decode_request_format(output->format)));
}

static json_t *make_source(const struct decode_done *done, int64_t bytes)
{
    return json_pack("{s:i, s:i, s:s, s:I}", "width", (int)done->source_width_px, "height",
                     (int)done->source_height_px, "format",
                     image_format_name(decode_request_format(done->source_format)), "bytes",
                     (json_int_t)bytes);
}

static json_t *make_timings(const struct timings *t)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "wait", (json_int_t)(t->wait_ms > 0 ? t->wait_ms : 0),
                     "fetch", (json_int_t)t->fetch_ms, "decode", (json_int_t)t->decode_ms, "store",
                     (json_int_t)t->store_ms);
}

static json_t *make_outputs(const struct image_request *request, const struct decode_done *done,
                            const char *const *addresses)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < done->output_count; i++) {
        json_t *output = make_output(&done->outputs[i], addresses[i]);

        if (json_object_set_new(output, "name", json_string(request->outputs[i].name)) ||
            json_array_append(list, output)) {
            json_decref(output);
            json_decref(list);
            return NULL;
        }
        json_decref(output);
    }
    return list;
}

json_t *result_make(const struct image_request *request, const struct decode_done *done,
                    const char *const *addresses, int64_t source_bytes,
                    const struct timings *timings)
{
    json_t *result = make_output(&done->outputs[0], addresses[0]);
    int failed = json_object_set_new(result, "source", make_source(done, source_bytes)) |
                 json_object_set_new(result, "timings_ms", make_timings(timings));

    if (request->has_outputs)
        failed |= json_object_set_new(result, "outputs", make_outputs(request, done, addresses));
    if (failed) {
        json_decref(result);
        return NULL;
    }
    return result;
}
