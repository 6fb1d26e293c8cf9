#include "result_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_backend.h"

/* ---- queues ---- */

void put_queue_init(struct put_queue *q)
{
    *q = (struct put_queue){NULL, &q->first, 0};
}

void put_queue_append(struct put_queue *q, struct store_put *put)
{
    put->next = NULL;
    *q->last = put;
    q->last = &put->next;
    q->count++;
}

struct store_put *put_queue_take(struct put_queue *q)
{
    struct store_put *put = q->first;

    if (put)
        put_queue_remove(q, put);
    return put;
}

void put_queue_remove(struct put_queue *q, struct store_put *put)
{
    struct store_put **at;

    for (at = &q->first; *at != put; at = &(*at)->next)
        ;
    *at = put->next;
    if (!put->next)
        q->last = at;
    q->count--;
}

void put_queue_free_all(struct put_queue *q)
{
    struct store_put *put;

    while ((put = put_queue_take(q)))
        free(put);
}

/* ---- puts ---- */

struct store_put *result_store_put(struct result_store *store, const struct store_item *item,
                                   store_done_fn *done, void *user, struct err *e)
{
    struct store_put *put = calloc(1, sizeof *put);

    if (!put) {
        err_set(e, ERR_NOMEM, "a put");
        return NULL;
    }
    put->store = store;
    put->item = *item;
    put->done = done;
    put->user = user;
    if (store->kind->put(put, e)) {
        free(put);
        return NULL;
    }
    return put;
}

void store_put_end(struct store_put *put, enum store_outcome outcome, const char *detail)
{
    store_done_fn *done = put->done;
    void *user = put->user;

    free(put);
    if (done)
        done(outcome, detail, user);
}

void store_put_cancel(struct store_put *put)
{
    if (put)
        put->store->kind->cancel(put);
}

/* ---- the store ---- */

char *store_path_address(const struct result_store *store, const char *name)
{
    size_t size = sizeof OUTPUT_PATH + strlen(name);
    char *address = malloc(size);

    (void)store;
    if (address)
        snprintf(address, size, "%s%s", OUTPUT_PATH, name);
    return address;
}

struct result_store *result_store_new(const struct settings *settings, struct fetcher *fetcher,
                                      struct err *e)
{
    struct output_target target;

    if (output_target_parse(settings->output, settings->s3_bucketeer_bucket, &target, e))
        return NULL;
    switch (target.kind) {
    case OUTPUT_FILE:
        return store_file_new(&target, e);
    case OUTPUT_S3:
        return store_s3_new(settings, &target, fetcher, e);
    case OUTPUT_POSTGRES:
        break;
    }
    return store_postgres_new(settings, e);
}

void result_store_free(struct result_store *store)
{
    if (store)
        store->kind->free(store);
}

char *result_store_address(const struct result_store *store, const char *name)
{
    return store->kind->address(store, name);
}

bool result_store_pollfd(const struct result_store *store, struct pollfd *ret)
{
    return store->kind->pollfd && store->kind->pollfd(store, ret);
}

int result_store_timeout_ms(const struct result_store *store)
{
    return store->kind->timeout_ms ? store->kind->timeout_ms(store) : 60000;
}

void result_store_service(struct result_store *store)
{
    if (store->kind->service)
        store->kind->service(store);
}
