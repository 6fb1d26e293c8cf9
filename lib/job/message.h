/*
 * message.h - the document that travels: one image on its way through the queues.
 *
 *     {"job": uuid, "payload": {"id": uuid, "input": url, "width": ..., ...}, "attempt": 1,
 *      "created_at": time, "started_at": time, "completed_at": time, "failed_at": time,
 *      "result": {"output": url, ...} | null, "error": {"message", "code", "retryable"} | null}
 *
 * A participant passes on members it does not know: a worker answers with the document it got,
 * times, result or error added. So the whole is kept as JSON here, and read by these functions.
 */
#ifndef JOB_MESSAGE_H
#define JOB_MESSAGE_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/uuid.h"
#include "job/image_error.h"

#define MESSAGE_BYTES_MAX 65536
#define MESSAGE_DEPTH_MAX 16

enum message_kind {
    MESSAGE_TODO,    /* for a resize worker: neither times of an end nor result nor error */
    MESSAGE_STARTED, /* started_at alone */
    MESSAGE_DONE,    /* completed_at and a result */
    MESSAGE_FAILED   /* failed_at or an error */
};

struct message {
    json_t *document; /* new reference, owned */
    enum message_kind kind;
    char job[UUID_SIZE];
    char image[UUID_SIZE]; /* payload.id */
    int attempt;           /* 1 for the first; 0 when it has none, as from an older participant */
};

void message_release(struct message *m);

/* Reads and checks what the service relies on. Returns 0, or -1 with *e (ERR_INPUT naming what is
 * wrong with it, ERR_LIMIT, ERR_NOMEM). */
int message_parse(const void *bytes, size_t len, struct message *ret, struct err *e) MUST_CHECK;

/* As much of a message that message_parse() refuses as may be believed: the id of its image, for
 * the dead letters. Returns 0, or -1 when it cannot be read. */
int message_find_image(const void *bytes, size_t len, char ret_image[UUID_SIZE]) MUST_CHECK;

/*
 * The message for a resize worker. parameters: image_request_parameters()' text or
 * images.parameters. created_at: the job's, RFC 3339. New text, or NULL with *e.
 */
char *message_todo(const char *job, const char *image, const char *input, const char *parameters,
                   int attempt, const char *created_at, struct err *e) MUST_CHECK;

/* Copies of m with what happened added; new texts for the caller to free, or NULL at no memory.
 * result is lent. message is a sentence for the API: never an address, a path or a stack. */
char *message_started(const struct message *m, const char *started_at) MUST_CHECK;
char *message_done(const struct message *m, const char *started_at, const char *completed_at,
                   json_t *result) MUST_CHECK;
char *message_failed(const struct message *m, const char *started_at, const char *failed_at,
                     enum image_error_code code, bool retryable, const char *message) MUST_CHECK;

#endif
