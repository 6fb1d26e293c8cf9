/*
 * protocol.h - the FBP network protocol 0.7 as messages: a frame's bytes in, a checked message out;
 * an answer's payload in, its text out. No I/O. The rules are those of npm fbp-protocol 0.9.8
 * (schema/yaml); what a message says beyond them is dropped, so that no answer echoes it.
 */
#ifndef MSGFLO_NETWORK_PROTOCOL_H
#define MSGFLO_NETWORK_PROTOCOL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PROTOCOL_VERSION "0.7"
#define PROTOCOL_MAX_BYTES (8 * 1024 * 1024) /* of one message in */
#define PROTOCOL_MAX_DEPTH 200               /* brackets open at once in it */
#define PROTOCOL_MAX_TEXT 1000               /* bytes of an id or a name */
#define PROTOCOL_MAX_EDGES 2000              /* in one network:edges */

/* What a client must be allowed to do for a command. */
enum protocol_access { ACCESS_NONE, ACCESS_READ, ACCESS_EDIT };

/* All lent until protocol_release(). */
struct protocol_message {
    json_t *root;
    const char *protocol, *command; /* "" where the message does not tell */
    const char *secret;             /* "" if none; at the top or, as older clients do, within */
    const char *request_id;         /* or NULL */
    enum protocol_access needs;
    json_t *payload; /* an object of the command's known members only, each of its type */
};

/*
 * Returns 0, or -1 with *e to be told to the client (ERR_INPUT, ERR_LIMIT, ERR_NOMEM). In either
 * case ret needs protocol_release(), and its texts are what could be read.
 */
int protocol_parse(const char *text, size_t len, struct protocol_message *ret,
                   struct err *e) MUST_CHECK;
void protocol_release(struct protocol_message *m);

/*
 * The message as text, new, for the caller to free(); NULL without memory. payload_take may be NULL
 * after a failed allocation: NULL then. response_to may be NULL.
 */
char *protocol_text(const char *protocol, const char *command, json_t *payload_take,
                    const char *response_to);

/* A text from outside as a value; bytes that are no UTF-8 become '?'. New. */
json_t *protocol_string(const char *text);

/* {"message": text}, for the command "error" of any protocol. New. */
json_t *protocol_error(const char *text);

/*
 * A message's body as a value: what it is as JSON, else its text, else (no text, too long or too
 * deep for a client) a line that says so. New; NULL without memory.
 */
json_t *protocol_value(const char *body, size_t size);
#define PROTOCOL_MAX_VALUE (1024 * 1024) /* bytes of a body that is shown as it is */

/* The member's text, or NULL. Lent from payload. */
const char *payload_text(const json_t *payload, const char *key);

#endif
