/*
 * http_client.h - several HTTP requests at a time, all answered by one deadline: calls of the
 * broker's management API and of the platform. Hides libcurl.
 * Belongs to one thread. A token given in a header is in no error.
 */
#ifndef HTTP_HTTP_CLIENT_H
#define HTTP_HTTP_CLIENT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define HTTP_HEADERS_MAX 6
#define HTTP_RANGE_SIZE 200

/* One request and its answer. The caller holds it; zeroed, it asks for nothing. */
struct http_call {
    /* Asked. Texts are lent until the call has run. */
    const char *method, *url;
    const char *headers[HTTP_HEADERS_MAX]; /* "Name: value"; a NULL ends them */
    const char *user, *password;           /* basic authentication; NULL: none */
    const char *body;                      /* NULL: none */
    bool is_direct;   /* by no proxy, whatever the environment says: for a peer on this machine */
    size_t max_bytes; /* of the answer */

    /* Answered: either a status, or 0 and why there is none. */
    long status;
    struct err err;
    struct buf answer;
    double rate_remaining, retry_after_s; /* of these headers; NAN: not there */
    char next_range[HTTP_RANGE_SIZE];     /* of that header; "": not there */

    void *handle, *header_list; /* http_client.c's, while it runs */
};

/* Forgets the answer, to ask again. */
void http_call_clear(struct http_call *call);
void http_call_release(struct http_call *call);

struct http_client; /* opaque */

struct http_client_options {
    const char *ca_file; /* certificate authorities, PEM; lent; NULL: libcurl's own */
    /* What goes on while answers are awaited: called when the descriptor (-1: none) is readable,
     * and when so many milliseconds are over (-1: never). */
    int meanwhile_fd;
    int (*meanwhile_timeout_ms)(void *arg);
    void (*meanwhile)(void *arg); /* NULL: nothing */
    void *arg;
};

/* Returns 0 and a new one for http_client_free(), or -1 (ERR_NOMEM). */
int http_client_new(const struct http_client_options *options, struct http_client **ret,
                    struct err *e) MUST_CHECK;
void http_client_free(struct http_client *c); /* NULL is fine */

/*
 * Makes all calls at once and returns when each has its answer or its err, at the latest at the
 * monotonic time given. Connections are kept for the next time.
 */
void http_client_run(struct http_client *c, struct http_call *const *calls, size_t n,
                     int64_t deadline_mono_ms);

#endif
