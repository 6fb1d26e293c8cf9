/*
 * http.h - one HTTP request at a time, for tests: what was sent, what came back, all of it.
 * Hides libcurl. A request that gets no answer at all fails the test that made it, by name.
 */
#ifndef TESTS_HTTP_H
#define TESTS_HTTP_H

#include <jansson.h>
#include <stddef.h>

struct http_answer {
    long status;
    json_t *headers; /* object of lower-case name to the last value of that name */
    char *body;      /* NUL-terminated, though it may hold NULs */
    size_t len;      /* bytes */
    json_t *json;    /* the body, where it is JSON; else NULL */
};

struct http_request {
    const char *method;         /* NULL: GET, or POST when there is a body */
    const char *body;           /* or NULL */
    size_t len;                 /* of body; 0: strlen */
    const char *const *headers; /* NULL-terminated "Name: value" lines, or NULL */
    long timeout_ms;            /* 0: 30000 */
};

void http_answer_release(struct http_answer *a);

/* The authorities that https is held to: SSL_CERT_FILE, else the system's. Lent. */
const char *http_ca_file(void);

/* url is absolute. request NULL: a plain GET. */
void http_send(const char *url, const struct http_request *request, struct http_answer *ret);

/* The value of a header, or NULL. */
const char *http_header(const struct http_answer *a, const char *name);

#endif
