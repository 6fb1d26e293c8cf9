/*
 * fuzz_guv_lines.c - whole sessions of the line protocol: whatever the lines say, each is answered
 * by one line of JSON, and no decision leaves its bounds.
 */
#include <string.h>

#include <jansson.h>

#include "config/settings.h"
#include "fuzz.h"
#include "tool/line_protocol.h"

#define TEXT                                                                                       \
    "'*': {pollinterval: 5, budget: 9}\n"                                                          \
    "a: {p: 1, concurrency: 10, deadline: 180, min: 1, max: 30}\n"                                 \
    "b: {p: 10, deadline: 120, max: 9, policy: guv}\n"

static void check_decision(const json_t *decision)
{
    const json_t *workers = json_object_get(decision, "workers");
    const char *role = json_string_value(json_object_get(decision, "role"));

    if (!role || !json_is_integer(workers))
        return;
    MUST(json_integer_value(workers) >= 0);
    MUST(json_integer_value(workers) <= SETTINGS_MAX_WORKERS);
}

static void answer(struct line_protocol *p, const char *line, size_t len)
{
    struct buf out = BUF_INIT;
    json_t *json;
    size_t i;
    json_t *item;

    MUST(line_protocol_answer(p, line, len, &out) == 0 && out.len > 0);
    MUST(memchr(out.data, '\n', out.len) == out.data + out.len - 1);
    json = json_loadb(out.data, out.len, 0, NULL);
    MUST(json);
    check_decision(json);
    json_array_foreach(json, i, item) check_decision(item);
    json_decref(json);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guv_settings settings;
    struct buf problems = BUF_INIT;
    struct line_protocol *p;
    const char *at = (const char *)data, *end = at + size;

    MUST(settings_parse(TEXT, strlen(TEXT), &settings, &problems) == 0);
    MUST(line_protocol_new(&settings, NULL, &p, NULL) == 0);
    buf_release(&problems);
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));

        answer(p, at, (size_t)((line_end ? line_end : end) - at));
        at = line_end ? line_end + 1 : end;
    }
    line_protocol_free(p);
    settings_release(&settings);
    return 0;
}
