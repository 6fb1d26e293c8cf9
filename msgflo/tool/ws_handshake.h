/*
 * ws_handshake.h - the opening handshake of RFC 6455, section 4.2: what a request must say, and
 * which web pages may send one. Texts in, a decision out.
 */
#ifndef MSGFLO_TOOL_WS_HANDSHAKE_H
#define MSGFLO_TOOL_WS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#define WS_ACCEPT_SIZE 29 /* base64 of a SHA-1, and the NUL */

/* A request's header fields; NULL where it has none. */
struct ws_request {
    const char *http_version; /* "HTTP/1.1" */
    const char *host, *origin, *connection, *upgrade, *version, *key;
};

/* Who may connect from a browser. */
struct ws_origins {
    const char *host; /* what the server was told to listen on */
    const char *const *allowed;
    size_t n_allowed;
};

/* Whether the request asks for a WebSocket at all, well or badly. */
bool ws_is_upgrade(const struct ws_request *r);

/* Returns 101, or the HTTP status that refuses it, with *ret_why a sentence for a human. */
unsigned ws_check_request(const struct ws_request *r, const struct ws_origins *origins,
                          const char **ret_why);

/* Whether a page of that origin may connect to the server that the browser reaches by `host` (the
 * header field). */
bool ws_origin_is_allowed(const char *origin, const char *host, const struct ws_origins *origins);

/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void ws_accept_key(const char *key, char ret[WS_ACCEPT_SIZE]);

/* Whether a comma-separated list has the token, in any case. list may be NULL. */
bool ws_has_token(const char *list, const char *token);

#endif
