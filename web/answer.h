/*
 * answer.h - what is answered to a request, before it becomes an HTTP response: plain data, so
 * that any thread may make one and tests may look at it. Failures are problem documents
 * (RFC 9457).
 */
#ifndef WEB_ANSWER_H
#define WEB_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "job/problems.h"
#include "web/headers.h"

#define ETAG_SIZE 40

struct shared_text;

struct answer {
    unsigned status;
    const char *content_type;   /* lent for ever; NULL: no body */
    char *body;                 /* new, owned; NULL: none, or static_body */
    const char *static_body;    /* lent for ever */
    struct shared_text *shared; /* a reference; its bytes are the body; NULL: none */
    size_t body_len;            /* bytes; without a body, the length told to HEAD */
    int fd;                     /* a file that is the body, owned; -1: none */
    bool is_stream;             /* events follow: the body is the request's stream */

    char etag[ETAG_SIZE];                                    /* "": none */
    char location[BASE_URL_SIZE + sizeof "/jobs/" + 36 + 1]; /* "": none */
    const char *allow;                                       /* 405; lent for ever */
    const char *cache_control;                               /* lent for ever; NULL: no-store */
    const char *content_security_policy;                     /* lent for ever; NULL: nothing */
    int retry_after_s;                                       /* 0: none */
    int waited_s;                                            /* Preference-Applied; -1: none */
};

#define ANSWER_INIT                                                                                \
    {                                                                                              \
        .fd = -1, .waited_s = -1                                                                   \
    }

/* For AUTO. Frees what it owns; it may be used again. */
void answer_release(struct answer *a);

/* Makes it a JSON answer. body is taken; NULL (no memory) makes it a 500. */
void answer_json(struct answer *a, unsigned status, char *body_taken);

/* Makes it a 200 that events follow. */
void answer_stream(struct answer *a);

/* Makes it a problem: type, title and status by the status code, detail in words. */
void answer_problem(struct answer *a, unsigned status, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The statuses that problems may have, to hold them against the API's description: 0 past the end.
 */
unsigned answer_problem_status(size_t i);

/* A 422 with every fault. problems stays the caller's. */
void answer_validation(struct answer *a, const struct problems *problems);

/* From an error of ours to the status that tells the client what it can do; the error's own text
 * is for the log, since it may name hosts. */
void answer_err(struct answer *a, const struct err *e);
unsigned answer_status_of(enum err_code code);

#endif
