#include "reader.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "db/db.h"
#include "reader_sql.h"
#include "web/job_query.h"
#include "web/job_rows.h"
#include "web/outage.h"
#include "web/outputs.h"
#include "web/request.h"
#include "web/stats_reader.h"
#include "web/streams.h"

#define TAKE_MAX 64
#define SLICE_BYTES (512 * 1024)

struct reader {
    pthread_t thread;
    struct web *web;
    struct db *db;
    struct outage outage;
    struct stats_reader *stats;
    atomic_bool stopping;
};

static void note_err(struct reader *reader, const char *request_id, const struct err *e)
{
    if (e->code == ERR_UNAVAILABLE)
        outage_begins(&reader->outage, e);
    else
        log_error("database_error", "thread=reader request_id=%s code=%s message=%s", request_id,
                  err_code_name(e->code), log_quote(e->text));
}

static void settle_err(struct reader *reader, struct request *r, const struct err *e)
{
    struct answer a = ANSWER_INIT;

    note_err(reader, r->id, e);
    answer_err(&a, e);
    request_settle(r, &a);
}

static void settle_not_found(struct request *r, const char *what)
{
    struct answer a = ANSWER_INIT;

    answer_problem(&a, 404, "there is no such %s", what);
    request_settle(r, &a);
}

/* ---- jobs */

/* The job and its images; NULL where that cannot be read, or is not there: then it is answered. */
static PGresult *rows_of_job(struct reader *reader, struct request *r)
{
    struct err e = ERR_INIT;
    PGresult *res = db_exec(reader->db, web_job_sql, 1, (const char *[]){r->waiter.job}, &e);

    if (!res) {
        settle_err(reader, r, &e);
    } else if (PQntuples(res) == 0) {
        settle_not_found(r, "job");
        PQclear(res);
        res = NULL;
    }
    return res;
}

static void etag_of_version(const char *version, char ret[ETAG_SIZE])
{
    snprintf(ret, ETAG_SIZE, "W/\"%.24s\"", version);
}

/* What is answered beside the body: the same for 200, 202 and 304. */
static void describe_job(struct answer *a, const struct request *r, const char *version, bool ended)
{
    etag_of_version(version, a->etag);
    a->cache_control = "private, no-cache";
    a->retry_after_s = ended ? 0 : 1;
    a->waited_s = r->waiter.waits ? r->wait_s : -1;
}

/* A client that is slow to read an answer holds it for long. */
static void reserve_answer(struct reader *reader, struct request *r, struct answer *a)
{
    if (request_reserve(r, &reader->web->held_bytes, a->body_len, HELD_BYTES_MAX) == 0)
        return;
    answer_release(a);
    answer_problem(a, 503, "too much is in hand already");
}

static void answer_job(struct reader *reader, struct request *r)
{
    AUTO(pg_clearp) PGresult *res = rows_of_job(reader, r);
    struct answer a = ANSWER_INIT;
    struct job_row job;
    bool ended;

    if (!res)
        return;
    job = job_row_of(res, 0);
    ended = job_has_ended(&job);
    answer_json(&a, r->route.id == ROUTE_CREATE_JOB && !ended ? 202 : 200,
                job_text_of(res, r->base_url));
    reserve_answer(reader, r, &a);
    if (a.status < 300 && r->route.id == ROUTE_CREATE_JOB)
        snprintf(a.location, sizeof a.location, "%s/jobs/%s", r->base_url, r->waiter.job);
    if (a.status < 300)
        describe_job(&a, r, PQgetvalue(res, 0, JOB_ROWS_VERSION), ended);
    request_settle(r, &a);
}

static void answer_not_modified(struct request *r, const char *version, bool ended)
{
    struct answer a = ANSWER_INIT;

    a.status = 304;
    describe_job(&a, r, version, ended);
    request_settle(r, &a);
}

/* A cheap look decides whether to wait on, and whether the client has this version already. */
static void read_job(struct reader *reader, struct request *r)
{
    for (;;) {
        AUTO(pg_clearp) PGresult *res = NULL;
        struct err e = ERR_INIT;
        char etag[ETAG_SIZE];
        bool ended, may_wait;

        if (!r->waiter.waits && !r->if_none_match)
            break;
        res = db_exec(reader->db, web_job_version_sql, 1, (const char *[]){r->waiter.job}, &e);
        if (!res) {
            settle_err(reader, r, &e);
            return;
        }
        if (PQntuples(res) == 0)
            break;
        ended = PQgetvalue(res, 0, 1)[0] == 't';
        may_wait = r->waiter.waits && !ended && clock_mono_ms() < r->waiter.wait_until_mono_ms &&
                   !atomic_load(&reader->web->stopping);
        if (may_wait) {
            if (waiters_park(reader->web->waiters, &r->waiter))
                return;
            if (!request_is_settled(r))
                continue; /* it changed meanwhile */
        }
        etag_of_version(PQgetvalue(res, 0, 0), etag);
        if (header_none_match(r->if_none_match, etag)) {
            answer_not_modified(r, PQgetvalue(res, 0, 0), ended);
            return;
        }
        break;
    }
    answer_job(reader, r);
}

/* The page; a row more than its limit tells that there is another. New, or NULL at no memory. */
static char *page_of(const PGresult *res, const struct job_query *q)
{
    AUTO(buf_release) struct buf text = BUF_INIT;
    const int rows = PQntuples(res), n = rows < q->limit ? rows : q->limit;
    char cursor[CURSOR_SIZE];

    buf_text(&text, "{\"jobs\":[");
    for (int i = 0; i < n; i++) {
        const struct job_row job = job_row_of(res, i);
        AUTO(text_freep) char *summary = job_summary_json(&job);

        if (!summary)
            return NULL;
        buf_printf(&text, "%s%s", i ? "," : "", summary);
    }
    if (rows > n) {
        job_query_next(q, job_row_of(res, n - 1).id, cursor);
        buf_printf(&text, "],\"next\":\"%s\"}", cursor);
    } else {
        buf_text(&text, "],\"next\":null}");
    }
    return buf_detach(&text);
}

static void list_jobs(struct reader *reader, struct request *r)
{
    const struct job_query *q = r->list;
    AUTO(pg_clearp) PGresult *res = NULL;
    struct answer a = ANSWER_INIT;
    struct err e = ERR_INIT;
    char rows[12];

    snprintf(rows, sizeof rows, "%d", q->limit + 1);
    res = db_exec(reader->db, web_list_jobs_sql, 5,
                  (const char *[]){q->statuses, q->priorities, q->from, q->before, rows}, &e);
    if (!res) {
        settle_err(reader, r, &e);
        return;
    }
    answer_json(&a, 200, page_of(res, q));
    reserve_answer(reader, r, &a);
    request_settle(r, &a);
}

/* ---- streams */

/* A client that comes back with the last version of a job that has ended has been told all: 204
 * keeps an EventSource from coming back again. */
static void begin_events(struct reader *reader, struct request *r)
{
    AUTO(pg_clearp) PGresult *res = rows_of_job(reader, r);
    struct answer a = ANSWER_INIT;
    struct err e = ERR_INIT;
    struct job_row job;
    const char *version;

    if (!res)
        return;
    job = job_row_of(res, 0);
    version = PQgetvalue(res, 0, JOB_ROWS_VERSION);
    answer_stream(&a);
    if (job_has_ended(&job) && r->last_event_id && strcmp(r->last_event_id, version) == 0)
        a = (struct answer){.status = 204, .fd = -1, .waited_s = -1};
    else if (r->stream && stream_begin(r->stream, job_text_of(res, r->base_url), job.version,
                                       job_has_ended(&job), &e)) {
        a.is_stream = false;
        answer_problem(&a, 503, "%s", e.text);
    }
    request_settle(r, &a);
}

/* ---- outputs */

enum { OUTPUT_SIZE, OUTPUT_SLICE };

/* An int4 in binary form. */
static size_t size_at(const PGresult *res, int column)
{
    uint32_t size;

    memcpy(&size, PQgetvalue(res, 0, column), sizeof size);
    return ntohl(size);
}

/* Appends the slice; the first one makes room for all. Returns 0, or -1 with *e. */
static int add_slice(struct reader *reader, struct request *r, const PGresult *res, struct err *e)
{
    const size_t len = (size_t)PQgetlength(res, 0, OUTPUT_SLICE);

    if (!r->bytes) {
        r->bytes_total = size_at(res, OUTPUT_SIZE);
        if (request_reserve(r, &reader->web->held_bytes, r->bytes_total, HELD_BYTES_MAX) ||
            !(r->bytes = malloc(r->bytes_total + 1)))
            return err_set(e, ERR_NOMEM, "output '%s' of %zu bytes", r->output, r->bytes_total);
    }
    if (len > r->bytes_total - r->bytes_read || (len == 0 && r->bytes_read < r->bytes_total))
        return err_set(e, ERR_BUG, "output '%s' changed while it was read", r->output);
    memcpy(r->bytes + r->bytes_read, PQgetvalue(res, 0, OUTPUT_SLICE), len);
    r->bytes_read += len;
    return 0;
}

static void answer_output(struct request *r, size_t size)
{
    struct answer a = ANSWER_INIT;

    a.status = 200;
    outputs_describe(&a, r->output);
    a.body_len = size;
    a.body = r->bytes; /* NULL for HEAD */
    r->bytes = NULL;
    request_settle(r, &a);
}

/* One statement: the next slice, or for HEAD the size alone. */
static void read_output(struct reader *reader, struct request *r)
{
    AUTO(pg_clearp) PGresult *res = NULL;
    char first[24], slice[24];
    struct err e = ERR_INIT;

    snprintf(first, sizeof first, "%zu", r->bytes_read);
    snprintf(slice, sizeof slice, "%d", r->route.head ? 0 : SLICE_BYTES);
    res = db_exec_binary(reader->db, web_output_sql, 3, (const char *[]){r->output, first, slice},
                         NULL, NULL, 1, &e);
    if (!res) {
        settle_err(reader, r, &e);
    } else if (PQntuples(res) == 0) {
        settle_not_found(r, "output");
    } else if (r->route.head) {
        answer_output(r, size_at(res, OUTPUT_SIZE));
    } else if (add_slice(reader, r, res, &e)) {
        settle_err(reader, r, &e);
    } else if (r->bytes_read == r->bytes_total) {
        answer_output(r, r->bytes_total);
    } else if (queue_push(reader->web->to_read, r)) {
        err_set(&e, ERR_NOMEM, "the queue of the reader is full");
        settle_err(reader, r, &e);
    }
}

/* ---- readiness */

static void answer_ready(struct reader *reader, struct request *r)
{
    AUTO(pg_clearp) PGresult *res = NULL;
    const bool broker = job_publisher_is_connected(reader->web->publisher);
    struct answer a = ANSWER_INIT;
    struct err e = ERR_INIT;
    struct buf body = BUF_INIT;
    const char *postgres = "up";

    res = db_exec(reader->db, web_ready_sql, 0, NULL, &e);
    if (!res && e.code == ERR_UNAVAILABLE)
        outage_begins(&reader->outage, &e);
    if (!res)
        postgres = "down";
    buf_printf(&body, "{\"status\":\"%s\",\"postgres\":\"%s\",\"broker\":\"%s\",\"reasons\":{",
               res ? "ready" : "unavailable", postgres, broker ? "up" : "down");
    if (!res)
        buf_printf(&body, "\"postgres\":\"%s\"%s",
                   e.code == ERR_UNAVAILABLE ? "it cannot be reached: no job can be taken or read"
                                             : "it answers with an error: is it migrated?",
                   broker ? "" : ",");
    if (!broker)
        buf_text(&body, "\"broker\":\"it cannot be reached: jobs are taken and wait\"");
    buf_text(&body, "}}");
    answer_json(&a, res ? 200 : 503, buf_detach(&body));
    if (!res)
        a.retry_after_s = 2;
    request_settle(r, &a);
}

/* ---- the thread */

static void read_request(struct reader *reader, struct request *r)
{
    if (request_is_settled(r)) {
        request_drop(r);
        return;
    }
    switch (r->route.id) {
    case ROUTE_GET_OUTPUT:
        read_output(reader, r);
        break;
    case ROUTE_LIST_JOBS:
        list_jobs(reader, r);
        break;
    case ROUTE_STATS:
        stats_reader_ask(reader->stats, r);
        break;
    case ROUTE_JOB_EVENTS:
        begin_events(reader, r);
        break;
    case ROUTE_READY:
        answer_ready(reader, r);
        break;
    default:
        read_job(reader, r);
        break;
    }
    if (db_connected(reader->db))
        outage_ends(&reader->outage);
}

static void make_stats(struct reader *reader)
{
    struct err e = ERR_INIT;

    if (!stats_reader_has_work(reader->stats))
        return;
    if (stats_reader_step(reader->stats, reader->db, &e))
        note_err(reader, "-", &e);
    else if (db_connected(reader->db))
        outage_ends(&reader->outage);
}

static void *run(void *arg)
{
    struct reader *reader = arg;
    struct err e = ERR_INIT;
    void *taken[TAKE_MAX];

    if (db_connect(reader->db, &e))
        outage_begins(&reader->outage, &e);
    while (!atomic_load(&reader->stopping)) {
        struct pollfd fd = {queue_fd(reader->web->to_read), POLLIN, 0};
        size_t n;

        poll(&fd, 1, stats_reader_has_work(reader->stats) ? 0 : -1);
        n = queue_take(reader->web->to_read, taken, TAKE_MAX);
        for (size_t i = 0; i < n; i++)
            read_request(reader, taken[i]);
        make_stats(reader);
    }
    return NULL;
}

struct reader *reader_start(struct web *web, struct err *e)
{
    struct reader *reader = calloc(1, sizeof *reader);
    const struct db_options options = {.url = web->settings.database_url,
                                       .application = "imageresize-web reader",
                                       .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                       .settings = READER_SETTINGS};

    if (!reader) {
        err_set(e, ERR_NOMEM, "the reader");
        return NULL;
    }
    reader->web = web;
    reader->outage.who = "reader";
    reader->db = db_new(&options, e);
    reader->stats = stats_reader_new(web, e);
    if (reader->db && reader->stats && pthread_create(&reader->thread, NULL, run, reader) == 0)
        return reader;
    err_set(e, ERR_UNAVAILABLE, "the reader's thread cannot be started");
    stats_reader_free(reader->stats);
    db_free(reader->db);
    free(reader);
    return NULL;
}

void reader_stop(struct reader *reader)
{
    atomic_store(&reader->stopping, true);
    queue_wake(reader->web->to_read);
    pthread_join(reader->thread, NULL);
    stats_reader_free(reader->stats);
    db_free(reader->db);
    free(reader);
}
