/*
 * store_postgres.c - outputs as rows of the table outputs, over exactly one connection.
 *
 * Design notes. What waits is sent as one pipeline with one sync at its end, hence one transaction
 * and one flush of the log, and the loop goes on while the server works. Were a row of it refused,
 * all of them would be: then each is sent again by itself, so that one takes no other along.
 *
 * Opening the connection blocks for at most CONNECT_TIMEOUT_S (lib/db knows about TLS and delays);
 * nothing can be finished meanwhile anyway. A server that stops answering is left at ANSWER_MS.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "resize_sql.h"
#include "store_backend.h"

#define CONNECT_TIMEOUT_S 3
#define ANSWER_MS 15000
#define BATCH_PUTS_MAX 16
#define BATCH_BYTES_MAX (4 * MEBIBYTE) /* or one output: libpq holds a copy of what it sends */

#define BYTEA_OID 17 /* pg_type.dat of PostgreSQL; fixed for ever */
#define TEXT_OID 25

struct store_postgres {
    struct result_store base;
    struct db *db;
    unsigned generation;    /* of the session in pipeline mode */
    struct put_queue queue; /* waiting */
    struct put_queue batch; /* sent, awaiting the answer to their sync */
    size_t alone;           /* puts at the head of the queue to be sent by themselves */
    int64_t deadline_mono_ms;
    bool flushing;  /* libpq holds bytes that the socket did not take yet */
    bool away_told; /* the outage is in the log */
    struct err why; /* what failed of the batch, or why the database is away */
};

static struct store_postgres *of(const struct result_store *store)
{
    return (struct store_postgres *)(uintptr_t)store;
}

static int postgres_put(struct store_put *put, struct err *e)
{
    (void)e;
    put_queue_append(&of(put->store)->queue, put);
    return 0;
}

/* One that was sent keeps its place, for its answer to be told apart. */
static void postgres_cancel(struct store_put *put)
{
    put->done = NULL;
    if (put->sent)
        return;
    put_queue_remove(&of(put->store)->queue, put);
    free(put);
}

/* ---- an outage ---- */

/* Those of now, not those that a callback puts meanwhile. */
static void end_all(struct put_queue *q, const char *detail)
{
    for (size_t n = q->count; n > 0; n--) {
        struct store_put *put = put_queue_take(q);

        if (!put)
            break; /* a callback cancelled it */
        store_put_end(put, STORE_AWAY, detail);
    }
}

static void give_up(struct store_postgres *s)
{
    if (!s->away_told)
        log_warn("result_store_down", "message=%s", log_quote(s->why.text));
    s->away_told = true;
    s->alone = 0;
    s->flushing = false;
    end_all(&s->batch, s->why.text);
    end_all(&s->queue, s->why.text);
}

static void lose(struct store_postgres *s, const char *what)
{
    err_clear(&s->why);
    /* Shut down first, so that db_failed() finds it broken whatever it was that failed. */
    if (db_conn(s->db)) {
        (void)shutdown(PQsocket(db_conn(s->db)), SHUT_RDWR);
        (void)PQconsumeInput(db_conn(s->db));
    }
    db_failed(s->db, what, &s->why);
    give_up(s);
}

/* ---- sending ---- */

static int send_put(PGconn *conn, struct store_put *put)
{
    const Oid types[] = {TEXT_OID, TEXT_OID, BYTEA_OID};
    const int formats[] = {0, 0, 1}, lengths[] = {0, 0, (int)put->item.bytes};
    void *bytes = mmap(NULL, (size_t)put->item.bytes, PROT_READ, MAP_PRIVATE, put->item.fd, 0);
    const char *const values[] = {put->item.name, put->item.type, bytes};
    int ok;

    if (bytes == MAP_FAILED)
        return -1;
    ok = PQsendQueryParams(conn, resize_put_output_sql, 3, types, values, lengths, formats, 0);
    munmap(bytes, (size_t)put->item.bytes);
    return ok ? 0 : -1;
}

static int connect_if_due(struct store_postgres *s)
{
    err_clear(&s->why);
    if (db_connect(s->db, &s->why))
        return -1;
    if (s->generation == db_generation(s->db))
        return 0;
    if (PQsetnonblocking(db_conn(s->db), 1) || !PQenterPipelineMode(db_conn(s->db)))
        return db_failed(s->db, "pipeline mode", &s->why);
    s->generation = db_generation(s->db);
    return 0;
}

static void flush(struct store_postgres *s)
{
    int n = PQflush(db_conn(s->db));

    if (n < 0)
        lose(s, "sending outputs");
    else
        s->flushing = n == 1;
}

static bool fits(const struct store_postgres *s, int64_t bytes)
{
    if (s->batch.count == 0)
        return true;
    return s->alone == 0 && s->batch.count < BATCH_PUTS_MAX &&
           bytes + s->queue.first->item.bytes <= BATCH_BYTES_MAX;
}

static void send_batch(struct store_postgres *s)
{
    int64_t bytes = 0;

    if (connect_if_due(s)) {
        give_up(s);
        return;
    }
    while (s->queue.first && fits(s, bytes)) {
        struct store_put *put = put_queue_take(&s->queue);

        put->sent = true;
        put_queue_append(&s->batch, put);
        bytes += put->item.bytes;
        if (send_put(db_conn(s->db), put)) {
            lose(s, "sending an output");
            return;
        }
    }
    if (s->alone > 0)
        s->alone--;
    s->deadline_mono_ms = clock_mono_ms() + ANSWER_MS;
    if (!PQpipelineSync(db_conn(s->db)))
        lose(s, "sending outputs");
    else
        flush(s);
}

/* ---- answers ---- */

/* Back to the head of the queue, each to be sent by itself. */
static void send_again_alone(struct store_postgres *s)
{
    size_t waiting = s->queue.count;
    struct store_put *put;

    s->alone = 0;
    while ((put = put_queue_take(&s->batch))) {
        put->sent = false;
        if (!put->done) {
            free(put); /* cancelled meanwhile: what it lent is gone */
            continue;
        }
        put_queue_append(&s->queue, put);
        s->alone++;
    }
    while (waiting-- > 0)
        put_queue_append(&s->queue, put_queue_take(&s->queue));
}

/* The sync has been answered: the transaction is committed, or came to nothing. */
static void end_batch(struct store_postgres *s)
{
    struct store_put *put;

    if (s->why.code == ERR_NONE) {
        if (s->away_told)
            log_info("result_store_up", "kind=postgres");
        s->away_told = false;
        while ((put = put_queue_take(&s->batch)))
            store_put_end(put, STORE_OK, NULL);
    } else if (s->batch.count > 1) {
        send_again_alone(s);
    } else if ((put = put_queue_take(&s->batch))) {
        store_put_end(put, s->why.code == ERR_INPUT ? STORE_REFUSED : STORE_AWAY, s->why.text);
    }
}

/* Classes 22, 23 and 54 of SQLSTATE are about the row; any other failure may pass. */
static void note_failure(struct store_postgres *s, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    bool refused = state && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
                             strncmp(state, "54", 2) == 0);

    err_set(&s->why, refused ? ERR_INPUT : ERR_UNAVAILABLE, "the database: %.300s",
            text ? text : "no reason given");
}

static void take_result(struct store_postgres *s, const PGresult *res)
{
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        end_batch(s);
        break;
    case PGRES_FATAL_ERROR:
        note_failure(s, res);
        break;
    default: /* a row written, or passed over after a failure: the sync decides */
        break;
    }
}

static void read_answers(struct store_postgres *s)
{
    PGconn *conn = db_conn(s->db);
    bool last_was_null = false;

    if (!PQconsumeInput(conn)) {
        lose(s, "the result store's connection");
        return;
    }
    /* A pipeline has a NULL between the results of two statements: two are its end for now. */
    while (!PQisBusy(conn)) {
        AUTO(pg_clearp) PGresult *res = PQgetResult(conn);

        if (!res && (last_was_null || !s->batch.first))
            break;
        last_was_null = !res;
        if (res)
            take_result(s, res);
    }
    if (PQstatus(conn) == CONNECTION_BAD)
        lose(s, "the result store's connection");
}

/* ---- the store ---- */

static bool postgres_pollfd(const struct result_store *store, struct pollfd *ret)
{
    const struct store_postgres *s = of(store);

    if (!db_connected(s->db))
        return false;
    *ret = (struct pollfd){PQsocket(db_conn(s->db)), s->flushing ? POLLIN | POLLOUT : POLLIN, 0};
    return true;
}

static int postgres_timeout_ms(const struct result_store *store)
{
    const struct store_postgres *s = of(store);

    if (s->batch.first)
        return clock_until_ms(s->deadline_mono_ms);
    return s->queue.first ? 0 : 60000;
}

static void postgres_service(struct result_store *store)
{
    struct store_postgres *s = of(store);

    if (db_connected(s->db) && s->flushing)
        flush(s);
    if (db_connected(s->db))
        read_answers(s);
    if (s->batch.first && clock_until_ms(s->deadline_mono_ms) == 0)
        lose(s, "no answer from the database");
    if (!s->batch.first && s->queue.first)
        send_batch(s);
}

static void postgres_free(struct result_store *store)
{
    struct store_postgres *s = of(store);

    put_queue_free_all(&s->batch);
    put_queue_free_all(&s->queue);
    db_free(s->db);
    free(s);
}

struct result_store *store_postgres_new(const struct settings *settings, struct err *e)
{
    static const struct store_kind kind = {.put = postgres_put,
                                           .cancel = postgres_cancel,
                                           .address = store_path_address,
                                           .pollfd = postgres_pollfd,
                                           .timeout_ms = postgres_timeout_ms,
                                           .service = postgres_service,
                                           .free = postgres_free};
    const struct db_options options = {.url = settings->database_url,
                                       .application = "imageresize-resize",
                                       .connect_timeout_s = CONNECT_TIMEOUT_S};
    struct store_postgres *s;

    if (!settings->database_url) {
        err_set(e, ERR_INPUT, "DATABASE_URL: must be set when outputs go to postgres:");
        return NULL;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_NOMEM, "a result store");
        return NULL;
    }
    s->base.kind = &kind;
    put_queue_init(&s->queue);
    put_queue_init(&s->batch);
    s->db = db_new(&options, e);
    if (!s->db) {
        postgres_free(&s->base);
        return NULL;
    }
    return &s->base;
}
