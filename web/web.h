/*
 * web.h - what the threads of this process share. Made by main.c before they start and constant
 * after, but for what says otherwise; each thing pointed to says which threads may use it.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include <stdatomic.h>

#include "job/output_target.h"
#include "job/settings.h"
#include "web/job_create.h"
#include "web/job_publisher.h"
#include "web/queue.h"
#include "web/streams.h"
#include "web/waiters.h"

/* So many requests may be in hand; each is in one queue at most. */
#define CONNECTIONS_MAX 4000
/* Outbox rows in the publisher's hands at once. */
#define PUBLISHER_ITEMS 500
/* Bytes of request bodies, jobs and outputs that are held at once; one more request gets 503. */
#define HELD_BYTES_MAX (INT64_C(128) * MEBIBYTE)
/* A suspended request is answered by then even if the database hangs, and one that waits for a job
 * (WAIT_MAX_S at most) so long after its wait: Heroku's router gives up after 30 s. */
#define GIVE_UP_MS 20000
#define AFTER_WAIT_MS 4000
#define STATEMENT_TIMEOUT_MS 8000
/* Bytes that the kernel keeps for the reader of a stream. */
#define STREAM_UNSENT_BYTES (64 * 1024)

struct notes;
struct sampler;

struct web {
    struct settings settings;
    struct new_job_limits limits;
    struct output_target target;
    struct waiters *waiters;
    struct streams *streams;
    struct queue *to_write;   /* requests for the writer */
    struct queue *to_read;    /* requests for the reader */
    struct queue *to_control; /* requests of the demonstration */
    struct notes *notes;
    struct sampler *sampler;  /* NULL: there is no graph, and */
    struct err graph_trouble; /* why */
    struct job_publisher *publisher;
    atomic_bool stopping;    /* answers close their connections */
    atomic_llong held_bytes; /* now */
};

#endif
