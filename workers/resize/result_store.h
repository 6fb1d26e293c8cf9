/*
 * result_store.h - where outputs are put: a table, a folder or a bucket, behind one interface.
 * Putting the same name twice does no harm, so a put that failed in an unknown state is repeated.
 *
 * One thread owns a store: poll its descriptor, then call result_store_service(). Callbacks run
 * there, or (for a bucket) in fetcher_poll().
 */
#ifndef WORKERS_RESIZE_RESULT_STORE_H
#define WORKERS_RESIZE_RESULT_STORE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "fetch/fetch.h"
#include "job/settings.h"

struct result_store;
struct store_put; /* one output on its way */

enum store_outcome {
    STORE_OK,
    STORE_AWAY,   /* not now: unreachable, full, restarting; try again */
    STORE_REFUSED /* not like this: credentials, no such bucket, an output it cannot take */
};

/* All lent until the callback or the cancel. */
struct store_item {
    const char *name;
    const char *type; /* "image/jpeg" */
    const char *sha256_hex;
    int fd; /* a memfd; its bytes are read from 0 */
    int64_t bytes;
};

/* detail: why, for the log; lent; NULL when STORE_OK. */
typedef void store_done_fn(enum store_outcome outcome, const char *detail, void *user);

/*
 * Opens what IMAGERESIZE_OUTPUT names. fetcher is lent for the store's life. Returns it, or NULL
 * with *e (ERR_INPUT: a setting that cannot work). A database or bucket that is away is no error.
 */
struct result_store *result_store_new(const struct settings *settings, struct fetcher *fetcher,
                                      struct err *e) MUST_CHECK;

/* Cancels what is under way. NULL is fine. */
void result_store_free(struct result_store *store);

/* Begins a put. Never calls back before it returns. NULL with *e at no memory. */
struct store_put *result_store_put(struct result_store *store, const struct store_item *item,
                                   store_done_fn *done, void *user, struct err *e) MUST_CHECK;

/* Ends it without a callback; what was sent may still take effect. */
void store_put_cancel(struct store_put *put);

/* What goes into a result as its output: "/outputs/NAME" where web serves it, else its address.
 * New, or NULL at no memory. */
char *result_store_address(const struct result_store *store, const char *name) MUST_CHECK;

/* Fills ret for poll(2) and returns true, or false when there is nothing to poll for. */
bool result_store_pollfd(const struct result_store *store, struct pollfd *ret);

/* Milliseconds until result_store_service() wants to be called anyway. */
int result_store_timeout_ms(const struct result_store *store);
void result_store_service(struct result_store *store);

#endif
