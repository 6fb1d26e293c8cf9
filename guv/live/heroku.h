/*
 * heroku.h - the words of Heroku's Platform API, version 3, about an app's formation: what its
 * answers say and how its requests are written. No I/O. (devcenter.heroku.com, "Platform API
 * Reference": Formation, Errors)
 */
#ifndef GUV_LIVE_HEROKU_H
#define GUV_LIVE_HEROKU_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

#define HEROKU_URL "https://api.heroku.com"
#define HEROKU_ACCEPT "application/vnd.heroku+json; version=3"
#define HEROKU_RATE_MOST 4500 /* requests an hour of an account */
#define HEROKU_TYPES_MAX 1000 /* in a formation */
#define HEROKU_TYPE_SIZE 64
#define HEROKU_QUANTITY_MAX 1000000
#define HEROKU_ANSWER_MAX_BYTES ((size_t)1024 * 1024)

struct heroku_type {
    char name[HEROKU_TYPE_SIZE];
    int quantity;
};

struct heroku_formation {
    struct heroku_type *types;
    size_t n;
};

/* Adds what an answer (a page of it) lists. Returns 0, or -1 with *e (ERR_UNAVAILABLE: it is no
 * such list) and *f as it was. */
int heroku_read_formation(const char *bytes, size_t len, struct heroku_formation *f,
                          struct err *e) MUST_CHECK;
void heroku_formation_release(struct heroku_formation *f);

/* -1: there is no such type. */
int heroku_quantity(const struct heroku_formation *f, const char *type);

struct heroku_error {
    char id[48];       /* "rate_limit"; "" if the answer tells none */
    char message[200]; /* "" if it tells none; control characters are '?' */
    int limit;         /* of a cannot_run_above_limit; -1: none */
};

void heroku_read_error(const char *bytes, size_t len, struct heroku_error *ret);

struct heroku_update {
    const char *type;
    int quantity;
};

/* The body of PATCH /apps/{app}/formation, appended. Returns 0, or -1 with out->failed. */
int heroku_write_updates(const struct heroku_update *updates, size_t n, struct buf *out);

#endif
