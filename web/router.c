#include "router.h"

#include <string.h>

/* {name} at the end of a path stands for one segment that is not empty; "*" for any rest. */
static const struct {
    const char *path;
    const char *allow;
    enum route_id id;
} routes[] = {
    {"/jobs", "POST", ROUTE_CREATE_JOB},
    {"/jobs/{id}", "GET, HEAD", ROUTE_GET_JOB},
    {"/outputs/{file}", "GET, HEAD", ROUTE_GET_OUTPUT},
    {"/healthz", "GET, HEAD", ROUTE_HEALTH},
    {"/readyz", "GET, HEAD", ROUTE_READY},
    {"/graph", "GET, HEAD", ROUTE_GRAPH},
    {"/demo", "GET", ROUTE_DEMO_STATE},
    {"/demo/kill", "POST", ROUTE_DEMO_KILL},
    {"/demo/scale", "POST", ROUTE_DEMO_SCALE},
    {"/demo/guv", "POST", ROUTE_DEMO_GUV},
    {"/openapi.json", "GET, HEAD", ROUTE_PAGE},
    {"/", "GET, HEAD", ROUTE_PAGE},
    {"/favicon.ico", "GET, HEAD", ROUTE_PAGE},
    {"/static/*", "GET, HEAD", ROUTE_PAGE},
};

#define ROUTE_COUNT (sizeof routes / sizeof *routes)

/* Whether path fits; *argument is then what stands for the part in braces. */
static bool fits(const char *pattern, const char *path, const char **argument)
{
    const size_t fixed = strcspn(pattern, "{*");

    *argument = NULL;
    if (!pattern[fixed])
        return strcmp(pattern, path) == 0;
    if (strncmp(pattern, path, fixed) != 0)
        return false;
    if (pattern[fixed] == '*')
        return true;
    *argument = path + fixed;
    return **argument && !strchr(*argument, '/');
}

/* Whether the word stands in a list like "GET, HEAD". */
static bool is_listed(const char *list, const char *word)
{
    const size_t len = strlen(word);

    for (const char *p = list; len > 0 && (p = strstr(p, word)); p += len)
        if ((p == list || p[-1] == ' ') && (p[len] == '\0' || p[len] == ','))
            return true;
    return false;
}

struct route route_find(const char *method, const char *path)
{
    struct route found = {.id = ROUTE_NOT_FOUND, .head = strcmp(method, "HEAD") == 0};

    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!fits(routes[i].path, path, &found.argument))
            continue;
        found.allow = routes[i].allow;
        found.demo = strncmp(routes[i].path, "/demo", 5) == 0;
        found.id = is_listed(routes[i].allow, method) ? routes[i].id : ROUTE_BAD_METHOD;
        return found;
    }
    return found;
}

const char *route_path(size_t i, const char **ret_allow)
{
    if (i >= ROUTE_COUNT)
        return NULL;
    *ret_allow = routes[i].allow;
    return routes[i].path;
}
