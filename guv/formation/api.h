/*
 * api.h - Heroku's formation calls on a loopback port, so that what scales an app there scales it
 * here (Platform API, version 3):
 *     GET   /apps/{app}/formation           GET   /apps/{app}/formation/{type}
 *     PATCH /apps/{app}/formation           {"updates": [{"type": "resize", "quantity": 2}]}
 *     PATCH /apps/{app}/formation/{type}    {"quantity": 2}
 *     GET   /apps/{app}/dynos               each with its `pid`, which Heroku does not have
 *     DELETE /apps/{app}/dynos/{name}?signal=KILL     which Heroku does not have at all
 * The last shows what SIGKILL does; {name} is a dyno's or a type's, for all of its dynos. The
 * answer lists those that ran. When it is strict it lacks that call, and has the control calls of
 * strict.h. Hides libmicrohttpd, which runs inside the caller's loop and thread.
 */
#ifndef FORMATION_API_H
#define FORMATION_API_H

#include "base/err.h"
#include "formation.h"

struct api; /* opaque: the fields live in api.c */

struct api_options {
    unsigned port;     /* 0: any free one */
    const char *app;   /* lent: the app's name in the paths */
    const char *token; /* lent: wanted as `Authorization: Bearer`; NULL: none is wanted */
    bool strict;       /* refuse what Heroku would refuse: strict.h */
};

/*
 * Listens on 127.0.0.1. f and the texts are lent until api_close(). Returns 0 and a new one, or -1
 * with *e set (ERR_UNAVAILABLE: the port is taken).
 */
int api_open(const struct api_options *options, struct formation *f, struct api **ret,
             struct err *e) MUST_CHECK;
void api_close(struct api *api); /* NULL is fine */

unsigned api_port(const struct api *api);

/* To wait for: readable when api_run() has something to do. */
int api_fd(const struct api *api);

/* Milliseconds until api_run() is to be called anyway; -1: not before api_fd() is readable. */
int api_timeout_ms(const struct api *api);

/* Answers what has come. Never blocks. */
void api_run(struct api *api);

#endif
