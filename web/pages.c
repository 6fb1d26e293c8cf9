#include "pages.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pages_data.h"
#include "pages_table.h"
#include "web/description.h"

#define DESCRIPTION "/openapi.json"

static char *description; /* written once, before threads */

/* Nothing but what this service serves, and images from everywhere: sources and outputs in a
 * bucket. No inline script or style, no frames, no forms sent away. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' http: https: data:; form-action 'none'; base-uri 'none'; "                     \
    "frame-ancestors 'none'"

static const struct {
    const char *extension, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".svg", "image/svg+xml"},
    {".jpg", "image/jpeg"},
    {".png", "image/png"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
};

static const char *type_of(const char *path)
{
    const char *extension = strrchr(path, '.');

    for (size_t i = 0; extension && i < sizeof types / sizeof *types; i++)
        if (strcmp(extension, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* FNV-1a: tells one build's file from another's; nobody is kept out by it. */
static void tag_of(const char *bytes, size_t len, char ret[ETAG_SIZE])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    snprintf(ret, ETAG_SIZE, "\"%016llx\"", (unsigned long long)hash);
}

int pages_describe(const struct settings *settings, struct err *e)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].path, DESCRIPTION) == 0)
            description = description_make(pages[i].bytes, pages[i].len, settings, e);
    return description ? 0 : -1;
}

void pages_answer(struct answer *a, const char *path, const char *if_none_match)
{
    if (strcmp(path, "/") == 0)
        path = "/static/index.html";
    else if (strcmp(path, "/favicon.ico") == 0)
        path = "/static/favicon.svg";
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        const char *bytes = pages[i].bytes;
        size_t len = pages[i].len;

        if (strcmp(path, pages[i].path) != 0)
            continue;
        if (strcmp(path, DESCRIPTION) == 0) {
            bytes = description;
            len = strlen(description);
        }
        tag_of(bytes, len, a->etag);
        a->cache_control = "public, max-age=60";
        a->content_security_policy = PAGE_POLICY;
        a->content_type = type_of(path);
        a->status = header_none_match(if_none_match, a->etag) ? 304 : 200;
        if (a->status == 200) {
            a->static_body = bytes;
            a->body_len = len;
        }
        return;
    }
    answer_problem(a, 404, "there is no such page");
}
