/*
 * store_backend.h - what the three kinds of result store share, seen from their side.
 */
#ifndef WORKERS_RESIZE_STORE_BACKEND_H
#define WORKERS_RESIZE_STORE_BACKEND_H

#include "job/output_target.h"
#include "result_store.h"

struct store_put {
    struct result_store *store;
    struct store_put *next;
    struct store_item item;
    store_done_fn *done; /* NULL: cancelled */
    void *user;
    struct fetch *request; /* of a bucket */
    bool sent;             /* to the database: its answer is on the way */
};

/* First come, first served. */
struct put_queue {
    struct store_put *first, **last;
    size_t count;
};

void put_queue_init(struct put_queue *q);
void put_queue_append(struct put_queue *q, struct store_put *put);
struct store_put *put_queue_take(struct put_queue *q); /* NULL when empty */
void put_queue_remove(struct put_queue *q, struct store_put *put);
void put_queue_free_all(struct put_queue *q);

/* Tells the put's owner and frees it. */
void store_put_end(struct store_put *put, enum store_outcome outcome, const char *detail);

/*
 * A kind of store embeds struct result_store as its first member. put is called with a new one that
 * is the kind's until store_put_end(); -1 with *e: it is the caller's again. cancel ends one that
 * was put. The rest as in result_store.h; pollfd, timeout_ms and service may be NULL.
 */
struct store_kind {
    int (*put)(struct store_put *put, struct err *e);
    void (*cancel)(struct store_put *put);
    char *(*address)(const struct result_store *store, const char *name);
    bool (*pollfd)(const struct result_store *store, struct pollfd *ret);
    int (*timeout_ms)(const struct result_store *store);
    void (*service)(struct result_store *store);
    void (*free)(struct result_store *store);
};

struct result_store {
    const struct store_kind *kind;
};

/* "/outputs/NAME": the address of what web serves. */
char *store_path_address(const struct result_store *store, const char *name);

struct result_store *store_postgres_new(const struct settings *settings, struct err *e) MUST_CHECK;
struct result_store *store_file_new(const struct output_target *target, struct err *e) MUST_CHECK;
struct result_store *store_s3_new(const struct settings *settings,
                                  const struct output_target *target, struct fetcher *fetcher,
                                  struct err *e) MUST_CHECK;

#endif
