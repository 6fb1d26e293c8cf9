/*
 * ws_server.h - one port that serves a page over HTTP and WebSocket connections (RFC 6455) of text
 * messages: libmicrohttpd's upgrade and wslay, in the caller's poll loop. One thread.
 */
#ifndef MSGFLO_TOOL_WS_SERVER_H
#define MSGFLO_TOOL_WS_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ws_server;

struct ws_options { /* all lent for the server's life */
    const char *host;
    uint16_t port;           /* 0: any free one */
    const char *subprotocol; /* accepted if offered, e.g. "noflo" */
    /* Origins that browsers may connect from: exact ("https://app.flowhub.io") or "*". The server's
     * own page is always allowed when it is reached by `host`, localhost or a bare IP address (any
     * other name may have been made to point here by a stranger: DNS rebinding); so is a request
     * without Origin, which is no browser's. */
    const char *const *origins;
    size_t n_origins;
    size_t max_message_bytes; /* a longer one closes its connection with 1009; 0: 8 MB */
    size_t max_clients;       /* one more is answered 503; 0: 100 */
    size_t max_queued_bytes;  /* to one client; see ws_server_send(). 0: 16 MB */
};

/* Told from within ws_server_service() only. They may send and end clients, but not close the
 * server. */
struct ws_events {
    void (*opened)(void *user, uint64_t client);
    void (*message)(void *user, uint64_t client, const char *text, size_t len); /* lent */
    void (*closed)(void *user, uint64_t client); /* nothing more comes from it or reaches it */
};

enum ws_weight {
    WS_NEEDED,   /* a client that lets these pile up beyond max_queued_bytes is closed (1008) */
    WS_DROPPABLE /* dropped while half of max_queued_bytes waits: see ws_server_dropped() */
};

/* Returns 0 and a new one for ws_server_close(), or -1 (ERR_INPUT: bad host; ERR_UNAVAILABLE: the
 * port is taken). */
int ws_server_open(const struct ws_options *options, const struct ws_events *events, void *user,
                   struct ws_server **ret, struct err *e) MUST_CHECK;
/* Closes each client with 1001. NULL is fine. */
void ws_server_close(struct ws_server *s);
uint16_t ws_server_port(const struct ws_server *s);

/* The HTML at GET / from now on, copied; "" until then. Returns 0, or -1 (ERR_NOMEM). */
int ws_server_set_page(struct ws_server *s, const char *html, size_t len, struct err *e) MUST_CHECK;

/* text is UTF-8, copied. A client that has gone is passed over. */
void ws_server_send(struct ws_server *s, uint64_t client, const char *text, size_t len,
                    enum ws_weight weight);
/* Droppable messages dropped for the client since the last call. */
uint64_t ws_server_dropped(struct ws_server *s, uint64_t client);
/* Closes with that code and reason once what was sent has gone out. */
void ws_server_end_client(struct ws_server *s, uint64_t client, uint16_t code, const char *reason);

/* Poll it for reading, for at most ws_server_timeout_ms() (-1: for any time), and call
 * ws_server_service() after each poll. */
int ws_server_fd(const struct ws_server *s);
int ws_server_timeout_ms(const struct ws_server *s);
void ws_server_service(struct ws_server *s);

#endif
