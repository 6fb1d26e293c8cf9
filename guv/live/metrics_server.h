/*
 * metrics_server.h - GET /metrics and GET /status on 127.0.0.1. Hides libmicrohttpd, which runs
 * inside the caller's loop and thread.
 */
#ifndef GUV_LIVE_METRICS_SERVER_H
#define GUV_LIVE_METRICS_SERVER_H

#include "live/view.h"

struct metrics_server; /* opaque */

/*
 * Listens. get_view(arg) gives what to show, lent for the answer. Returns 0 and a new one, or -1
 * with *e (ERR_UNAVAILABLE: the port is taken). port 0: any free one.
 */
int metrics_server_open(unsigned port, const struct view *(*get_view)(void *arg), void *arg,
                        struct metrics_server **ret, struct err *e) MUST_CHECK;
void metrics_server_close(struct metrics_server *s); /* NULL is fine */

unsigned metrics_server_port(const struct metrics_server *s);

/* To wait for: readable when metrics_server_run() has something to do. */
int metrics_server_fd(const struct metrics_server *s);

/* Milliseconds until metrics_server_run() is to be called anyway; -1: not before. */
int metrics_server_timeout_ms(const struct metrics_server *s);

/* Answers what has come. Never blocks. */
void metrics_server_run(struct metrics_server *s);

#endif
