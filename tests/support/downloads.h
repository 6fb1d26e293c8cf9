/*
 * downloads.h - for tests of lib/fetch: an image server with a folder of files, a fetcher that may
 * reach it, and what came of each download.
 */
#ifndef TESTS_DOWNLOADS_H
#define TESTS_DOWNLOADS_H

#include <stdbool.h>
#include <stddef.h>

#include "fetch/fetch.h"
#include "image_server.h"

#define PICTURE "picture.bin" /* the file that is served */
#define PICTURE_BYTES 300000

/* What a callback was told; the source is kept open. */
struct outcome {
    bool ended;
    struct fetch_result result;
    char detail[200];
};

extern struct image_server server;
extern unsigned char picture[PICTURE_BYTES];

/* Group set-up and tear-down. */
int start_server(void **state);
int stop_server(void **state);

/* Options with a limit of 1 MiB, 20 s and 3 redirects, and no budget to speak of; guard is lent. */
struct fetcher_options usual_options(const struct guard *guard);

/* One that permits the server. */
struct guard *guard_for_server(void);

struct fetcher *fetcher_with(const struct fetcher_options *options);

/* Begins a download of "/path" at the server, or of a whole URL; note()s what comes. */
struct fetch *begin(struct fetcher *f, const char *path, struct outcome *ret);
void note(struct fetch *f, const struct fetch_result *result, void *outcome);
void outcome_release(struct outcome *o);

/* Polls until all n have ended. */
void await_all(struct fetcher *f, const struct outcome *outcomes, size_t n);

/* Begins one and awaits it. */
void download(struct fetcher *f, const char *path, struct outcome *ret);

/* Fails unless it was fetched and holds the picture's first bytes. */
void assert_picture(const struct outcome *o, size_t bytes);

#endif
