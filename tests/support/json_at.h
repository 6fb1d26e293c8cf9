/*
 * json_at.h - what stands in a JSON document at a place.
 */
#ifndef TESTS_JSON_AT_H
#define TESTS_JSON_AT_H

#include <jansson.h>

#include "unit.h"

/* The value at a path like "images.0.result.output", as JSON. */
static inline void assert_at(json_t *json, const char *path, const char *wanted)
{
    char copy[100], *rest = copy, *name, *text;

    snprintf(copy, sizeof copy, "%s", path);
    while ((name = strsep(&rest, ".")))
        json = json_is_array(json) ? json_array_get(json, (size_t)atoi(name))
                                   : json_object_get(json, name);
    text = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (!text || strcmp(text, wanted) != 0)
        fail_msg("%s is %s instead of %s", path, text, wanted);
    free(text);
}

#endif
