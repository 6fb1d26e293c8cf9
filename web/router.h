/*
 * router.h - the table of paths and methods. Pure.
 */
#ifndef WEB_ROUTER_H
#define WEB_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

enum route_id {
    ROUTE_CREATE_JOB,
    ROUTE_LIST_JOBS,
    ROUTE_GET_JOB,
    ROUTE_CANCEL_JOB,
    ROUTE_STATS,
    ROUTE_JOB_EVENTS,
    ROUTE_EVENTS,
    ROUTE_GET_OUTPUT,
    ROUTE_HEALTH,
    ROUTE_READY,
    ROUTE_PAGE, /* /, /openapi.json and all below /static/ */
    ROUTE_NOT_FOUND,
    ROUTE_BAD_METHOD
};

struct route {
    enum route_id id;
    const char *allow;    /* ROUTE_BAD_METHOD: the header Allow; lent for ever */
    const char *argument; /* what stands for {id} or {file}: lent from the path; NULL: none */
    size_t argument_len;
    bool head; /* the method is HEAD */
};

struct route route_find(const char *method, const char *path);

/* The table itself, to hold it against the API's description: the path as OpenAPI writes it, and
 * its methods as in Allow. Returns NULL past the end. */
const char *route_path(size_t i, const char **ret_allow);

#endif
