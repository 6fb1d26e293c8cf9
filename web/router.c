#include "router.h"

#include <string.h>

/* {name} in a path stands for one segment that is not empty; "*" for any rest. */
static const struct known {
    const char *path;
    enum route_id get, post; /* ROUTE_BAD_METHOD: has no such method. HEAD goes with GET. */
} routes[] = {
    {"/jobs", ROUTE_LIST_JOBS, ROUTE_CREATE_JOB},
    {"/jobs/{id}", ROUTE_GET_JOB, ROUTE_BAD_METHOD},
    {"/jobs/{id}/cancel", ROUTE_BAD_METHOD, ROUTE_CANCEL_JOB},
    {"/jobs/{id}/events", ROUTE_JOB_EVENTS, ROUTE_BAD_METHOD},
    {"/events", ROUTE_EVENTS, ROUTE_BAD_METHOD},
    {"/stats", ROUTE_STATS, ROUTE_BAD_METHOD},
    {"/outputs/{file}", ROUTE_GET_OUTPUT, ROUTE_BAD_METHOD},
    {"/healthz", ROUTE_HEALTH, ROUTE_BAD_METHOD},
    {"/readyz", ROUTE_READY, ROUTE_BAD_METHOD},
    {"/openapi.json", ROUTE_PAGE, ROUTE_BAD_METHOD},
    {"/", ROUTE_PAGE, ROUTE_BAD_METHOD},
    {"/favicon.ico", ROUTE_PAGE, ROUTE_BAD_METHOD},
    {"/static/*", ROUTE_PAGE, ROUTE_BAD_METHOD},
};

#define ROUTE_COUNT (sizeof routes / sizeof *routes)

/* Whether path fits; what stands for the part in braces is then in *found. */
static bool fits(const char *pattern, const char *path, struct route *found)
{
    const size_t fixed = strcspn(pattern, "{*");
    size_t len;

    if (strncmp(pattern, path, fixed) != 0)
        return false;
    if (pattern[fixed] == '*')
        return true;
    if (!pattern[fixed])
        return !path[fixed];
    len = strcspn(path + fixed, "/");
    if (len == 0 || strcmp(strchr(pattern, '}') + 1, path + fixed + len) != 0)
        return false;
    found->argument = path + fixed;
    found->argument_len = len;
    return true;
}

static const char *allow_of(const struct known *route)
{
    if (route->get == ROUTE_BAD_METHOD)
        return "POST";
    return route->post == ROUTE_BAD_METHOD ? "GET, HEAD" : "GET, HEAD, POST";
}

struct route route_find(const char *method, const char *path)
{
    struct route found = {.id = ROUTE_NOT_FOUND, .head = strcmp(method, "HEAD") == 0};

    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!fits(routes[i].path, path, &found))
            continue;
        found.allow = allow_of(&routes[i]);
        found.id = ROUTE_BAD_METHOD;
        if (found.head || strcmp(method, "GET") == 0)
            found.id = routes[i].get;
        else if (strcmp(method, "POST") == 0)
            found.id = routes[i].post;
        return found;
    }
    return found;
}

const char *route_path(size_t i, const char **ret_allow)
{
    if (i >= ROUTE_COUNT)
        return NULL;
    *ret_allow = allow_of(&routes[i]);
    return routes[i].path;
}
