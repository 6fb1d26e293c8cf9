/*
 * ws_client.h - one WebSocket connection after its handshake: text messages in, text messages out
 * of a bounded queue, and an orderly end. Hides wslay. It owns neither the socket nor the poll.
 */
#ifndef MSGFLO_TOOL_WS_CLIENT_H
#define MSGFLO_TOOL_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ws_client;

typedef void ws_message_fn(void *user, uint64_t client, const char *text, size_t len); /* lent */

struct ws_client_options {
    int fd;                                     /* non-blocking; lent until ws_client_free() */
    uint64_t id;                                /* for on_message */
    const void *early;                          /* bytes that were read from fd already; copied */
    size_t early_len;                           /* bytes */
    size_t max_message_bytes, max_queued_bytes; /* see ws_server.h */
    ws_message_fn *on_message;                  /* told from ws_client_read() only */
    void *user;
};

enum ws_client_state {
    WS_CLIENT_OPEN,
    WS_CLIENT_ENDING,    /* the closing handshake: messages are neither told nor taken */
    WS_CLIENT_LINGERING, /* we have sent all, and wait for the peer to close */
    WS_CLIENT_GONE       /* to be freed */
};

/* Returns 0 and a new one for ws_client_free(), or -1 (ERR_NOMEM). */
int ws_client_new(const struct ws_client_options *options, struct ws_client **ret,
                  struct err *e) MUST_CHECK;
void ws_client_free(struct ws_client *c); /* NULL is fine */

bool ws_client_wants_read(const struct ws_client *c);
bool ws_client_wants_write(const struct ws_client *c);

/* When the descriptor is ready. No read takes more than a fair share at once. */
void ws_client_read(struct ws_client *c);
void ws_client_write(struct ws_client *c);

/* Sends pings, and moves on to the next state if it is time; it never goes back. Call it after
 * reading, writing, sending and ending, and at ws_client_due_mono_ms(). */
enum ws_client_state ws_client_step(struct ws_client *c);
int64_t ws_client_due_mono_ms(const struct ws_client *c);

/* As those of ws_server.h. */
void ws_client_send(struct ws_client *c, const char *text, size_t len, bool droppable);
uint64_t ws_client_take_dropped(struct ws_client *c);
void ws_client_end(struct ws_client *c, uint16_t code, const char *reason);

/* Says goodbye ahead of what is still queued, as far as the socket takes it now. */
void ws_client_end_now(struct ws_client *c, uint16_t code, const char *reason);

#endif
