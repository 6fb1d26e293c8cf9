#include "pages.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pages_data.h"
#include "pages_table.h"
#include "web/description.h"
#include "web/page_policy.h"

#define DESCRIPTION "/openapi.json"
#define SAMPLES "/static/samples/"

/* Written once, before threads. */
static char *description;
static char *policy;

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

int pages_prepare(const struct settings *settings, const struct output_target *target,
                  struct err *e)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].path, DESCRIPTION) == 0)
            description = description_make(pages[i].bytes, pages[i].len, settings, e);
    if (!description)
        return -1;
    policy = page_policy_make(settings, target);
    return policy ? 0 : err_set(e, ERR_NOMEM, "the page's policy");
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
        /* A page of one build with a module of another would be no page at all: asked for each
         * time. */
        a->cache_control =
            strncmp(path, SAMPLES, strlen(SAMPLES)) == 0 ? "public, max-age=60" : "no-cache";
        a->content_security_policy = policy;
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
