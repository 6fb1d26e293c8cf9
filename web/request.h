/*
 * request.h - one request on its way through the threads.
 *
 * The HTTP thread makes it, and hands it over, suspended, to at most one other thread at a time;
 * whoever has it then settles it or hands it on. Apart from that the deadline of its waiter may
 * settle it at any moment. The first to settle gives the answer and has the connection resumed;
 * later ones change nothing. So it is counted: libmicrohttpd's side holds one reference from start
 * to completion, the thread that works on it another.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "job/output_target.h"
#include "web/answer.h"
#include "web/headers.h"
#include "web/router.h"
#include "web/waiters.h"

struct job_query;
struct stats_query;
struct outbox_item;
struct stream;

struct request {
    struct waiter waiter; /* first, so that a waiter leads to its request */
    struct waiters *waiters;
    struct MHD_Connection *connection;
    atomic_int references;
    atomic_bool settled;
    struct answer answer; /* written once, by who settles; read once it is resumed */

    /* owner: the HTTP thread until it is handed over, then whoever has it; not written after */
    struct route route;
    char id[REQUEST_ID_SIZE];
    char *method, *path; /* as asked, for the log */
    char base_url[BASE_URL_SIZE];
    char *if_none_match; /* NULL: none */
    int wait_s;          /* -1: answers at once */
    int64_t started_mono_ms;
    bool arriving; /* its body is not whole yet */
    bool handed_over;

    atomic_llong *held_in; /* the process's account of memory; NULL: nothing was reserved */
    long long held_bytes;

    /* POST /jobs */
    struct buf body;
    unsigned refusal; /* a status already decided while the body still comes in; 0: none */
    char *row;        /* the job for web_create_jobs.sql */
    char *job_text;   /* the job as answered */
    struct outbox_item *item;

    struct job_query *list;      /* GET /jobs */
    struct stats_query *stats;   /* GET /stats */
    struct request *next_asking; /* owner: the reader's statistics */
    /* GET /events and /jobs/{id}/events; passes to the response */
    struct stream *stream;
    char *last_event_id; /* NULL: none */
    bool streaming;      /* its answer has begun, and goes on */

    /* GET /outputs: what has been read of it */
    char output[OUTPUT_NAME_SIZE];
    char *bytes;
    size_t bytes_read, bytes_total;
};

/* New, with one reference; NULL at no memory. The texts are copied. */
struct request *request_new(struct waiters *waiters, struct MHD_Connection *connection,
                            const char *method, const char *path);
void request_hold(struct request *r);
void request_drop(struct request *r); /* the last one frees it */

/* Reserves bytes of the process's memory for this request until it is freed. Returns 0, or -1 when
 * the account would pass max. */
int request_reserve(struct request *r, atomic_llong *account, size_t bytes, int64_t max) MUST_CHECK;

/* The request of a waiter. */
struct request *request_of(struct waiter *w);

/* Gives the answer, which is taken, and resumes; a request that has one already keeps it. Only for
 * a request that has been suspended. Drops the caller's reference. */
void request_settle(struct request *r, struct answer *a_taken);

/* Whether somebody has settled it: further work would be for nobody. */
bool request_is_settled(struct request *r);

#endif
