/*
 * ws_server.h - one port that serves a page over HTTP and WebSocket connections (RFC 6455) of text
 * messages: libmicrohttpd's upgrade and wslay, in the caller's poll loop. One thread.
 */
#ifndef MSGFLO_TOOL_WS_SERVER_H
#define MSGFLO_TOOL_WS_SERVER_H

#include <poll.h>
#include <stdint.h>

#include "base/err.h"

struct ws_server;

struct ws_options { /* all lent for the server's life */
    const char *host;
    uint16_t port;           /* 0: any free one */
    const char *subprotocol; /* accepted if offered, e.g. "noflo" */
    const char *page;        /* HTML at GET / */
    size_t page_size;
    /* Origins that browsers may connect from: exact ("https://app.flowhub.io") or "*". The server's
     * own address is always allowed; a request without Origin (no browser) too. */
    const char *const *origins;
    size_t n_origins;
    size_t max_message_bytes; /* a longer one closes its connection with 1009; 0: 8 MB */
    size_t max_clients;       /* one more is answered 503; 0: 100 */
    size_t max_queued_bytes;  /* to one client; see ws_server_send(). 0: 16 MB */
};

struct ws_events {
    void (*opened)(void *user, uint64_t client);
    void (*message)(void *user, uint64_t client, const char *text, size_t len); /* lent */
    void (*closed)(void *user, uint64_t client); /* never from within ws_server_send() */
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

/* text is UTF-8, copied. A client that has gone is passed over. */
void ws_server_send(struct ws_server *s, uint64_t client, const char *text, size_t len,
                    enum ws_weight weight);
/* Droppable messages dropped for the client since the last call. */
uint64_t ws_server_dropped(struct ws_server *s, uint64_t client);
/* Closes with that code and reason once what was sent has gone out. */
void ws_server_end_client(struct ws_server *s, uint64_t client, uint16_t code, const char *reason);

/* Fills in what to poll (at most n) and returns how many; call ws_server_service() after the poll,
 * and at least every ws_server_timeout_ms() (-1: descriptors only). */
size_t ws_server_fds(struct ws_server *s, struct pollfd *ret, size_t n);
int ws_server_timeout_ms(struct ws_server *s);
void ws_server_service(struct ws_server *s);

#endif
