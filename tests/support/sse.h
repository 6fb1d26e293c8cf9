/*
 * sse.h - one stream of server-sent events, for tests: opened, and read event by event. Hides
 * libcurl and the format. Waiting is for events, never for time; a call that cannot do what it says
 * fails the test.
 */
#ifndef TESTS_SSE_H
#define TESTS_SSE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct sse; /* opaque */

struct sse_event {
    char name[40]; /* "job"; ":" for a comment, "retry" for the time to wait before coming back */
    char id[100];  /* "": it had none */
    char *text;    /* its data, the comment, or the time; NUL-terminated */
    json_t *data;  /* the same where it is JSON, else NULL */
};

/* Asks for url, and returns at once. headers: NULL-terminated "Name: value" lines, or NULL. New. */
struct sse *sse_open(const char *url, const char *const *headers);
void sse_close(struct sse *s); /* NULL is fine */

/* The status of the answer and a header of it by its lower-case name (NULL: none); they wait for
 * all headers. */
long sse_status(struct sse *s);
const char *sse_header(struct sse *s, const char *name);

/* The next event. Returns false when the stream has ended, in order or not; fails the test when
 * neither comes within timeout_ms. Lent until the next call. */
bool sse_next(struct sse *s, int64_t timeout_ms, const struct sse_event **ret);

/* The next event of that name; others are passed over. Fails the test when the stream ends before.
 */
const struct sse_event *sse_expect(struct sse *s, const char *name, int64_t timeout_ms);

/* Whether it has ended as HTTP has it, once sse_next() has returned false. */
bool sse_ended_well(const struct sse *s);

#endif
