/*
 * Design notes. The states of an image in hand, and what moves it:
 *
 *     delivery -> FETCHING -> DECODING -> STORING -> REPORTING -> ack
 *                     |           |          | ^         | ^
 *                     |           |          `-'         `-'  away, returned, nacked: again
 *                     `-----------+----------+---------->|    any failure: reported on ERROR
 *
 *     FETCHING   the fetcher has it; STARTED was sent, and may be lost without harm
 *     DECODING   the pool has it: waiting for a decoder, for memory, or being decoded
 *     STORING    each output is put; one that the store cannot take now is put again with growing
 *                delay, for IMAGERESIZE_STORE_PATIENCE in all. Past it the retry through Postgres,
 *                with longer delays, takes over
 *     REPORTING  the result (OUT) or failure (ERROR) is sent, mandatory and confirmed; one that no
 *                queue takes is kept and sent again with growing delay
 *
 * The input is acked once the broker has confirmed the report, and never before: so a crash here
 * makes the message come again, and at worst an image is done twice. Doing it again is harmless,
 * since outputs are named by their bytes and an ended image never changes.
 *
 * A lost connection ends all deliveries on it, so what is in hand is dropped at once rather than
 * finished for nothing. A report still awaiting its fate is kept until it is told (MSGFLO_LOST).
 */
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "decode_request.h"
#include "image_failure.h"
#include "job/message.h"
#include "job/output_target.h"
#include "result.h"
#include "sha256.h"

#define RETRY_FIRST_MS 250
#define RETRY_MOST_MS 10000

enum work_state { FETCHING, DECODING, STORING, REPORTING };

struct output {
    struct work *work;
    char name[OUTPUT_NAME_SIZE];
    char sha256_hex[SHA256_HEX_SIZE];
    int fd;                /* memfd; -1: none */
    struct store_put *put; /* under way, or NULL */
    bool stored;
};

struct work {
    struct workshop *shop;
    struct work *prev, *next;
    struct msgflo_participant *participant;
    struct msgflo_delivery *delivery; /* ours to end */
    unsigned connection;              /* of the delivery */
    enum work_state state;
    struct message message;
    struct image_request request;

    int64_t started_wall_ms, began_mono_ms, stretch_mono_ms;
    struct timings timings;

    struct fetch *fetch;      /* FETCHING */
    struct decode_task *task; /* DECODING */
    int source_fd;            /* -1: none */
    int64_t source_bytes;
    int64_t held_bytes; /* of the fetcher's budget */

    struct decode_done done;
    struct output outputs[DECODE_MAX_OUTPUTS];

    bool failed;
    struct image_failure failure;
    char *report; /* the message for OUT or ERROR */
    bool awaiting_fate;

    int retry_delay_ms;
    int64_t retry_mono_ms;  /* STORING, REPORTING: when to try again; 0: not to */
    char store_detail[200]; /* STORING: why the last put that failed did */
};

struct workshop {
    struct workshop_tools tools;
    struct work *first;
    size_t in_hand;
    unsigned connection;
    uint64_t rejected;
    bool draining;
    bool unwanted_told; /* that reports find no queue is in the log */
};

/* ---- a work's end ---- */

static void close_source(struct work *w)
{
    if (w->source_fd >= 0)
        close(w->source_fd);
    w->source_fd = -1;
    if (w->held_bytes > 0)
        fetcher_release_bytes(w->shop->tools.fetcher, w->held_bytes);
    w->held_bytes = 0;
}

static void close_outputs(struct work *w)
{
    for (size_t i = 0; i < DECODE_MAX_OUTPUTS; i++) {
        struct output *o = &w->outputs[i];

        store_put_cancel(o->put);
        o->put = NULL;
        if (o->fd >= 0)
            close(o->fd);
        o->fd = -1;
    }
}

/* All but its delivery, which the caller has ended. */
static void work_free(struct work *w)
{
    struct workshop *shop = w->shop;

    if (w->fetch)
        fetch_cancel(w->fetch);
    decode_task_cancel(w->task);
    close_source(w);
    close_outputs(w);
    free(w->report);
    image_request_release(&w->request);
    message_release(&w->message);
    if (w->prev)
        w->prev->next = w->next;
    else
        shop->first = w->next;
    if (w->next)
        w->next->prev = w->prev;
    shop->in_hand--;
    free(w);
}

/* Its message goes back to the queue; where the connection is gone, it is there already. */
static void drop(struct work *w)
{
    msgflo_requeue(w->delivery);
    work_free(w);
}

static void log_end(const struct work *w)
{
    int64_t took_ms = clock_mono_ms() - w->began_mono_ms;
    uint64_t bytes = 0;

    if (w->failed) {
        log_info("image_failed",
                 "job=%s image=%s attempt=%d took_ms=%lld code=%s retryable=%s message=%s",
                 w->message.job, w->message.image, w->message.attempt, (long long)took_ms,
                 image_error_kind(w->failure.code)->code, w->failure.retryable ? "true" : "false",
                 log_quote(w->failure.message));
        return;
    }
    for (uint32_t i = 0; i < w->done.output_count; i++)
        bytes += w->done.outputs[i].bytes;
    log_info("image_done",
             "job=%s image=%s attempt=%d took_ms=%lld fetch_ms=%lld decode_ms=%lld store_ms=%lld "
             "bytes=%llu",
             w->message.job, w->message.image, w->message.attempt, (long long)took_ms,
             (long long)w->timings.fetch_ms, (long long)w->timings.decode_ms,
             (long long)w->timings.store_ms, (unsigned long long)bytes);
}

/* ---- trying again ---- */

/* While the worker drains there is no later: another one shall do it. */
static void retry_later(struct work *w)
{
    if (w->shop->draining) {
        drop(w);
        return;
    }
    w->retry_delay_ms = w->retry_delay_ms ? 2 * w->retry_delay_ms : RETRY_FIRST_MS;
    if (w->retry_delay_ms > RETRY_MOST_MS)
        w->retry_delay_ms = RETRY_MOST_MS;
    w->retry_mono_ms = clock_mono_ms() + w->retry_delay_ms;
}

/* ---- REPORTING ---- */

static void report_again(struct work *w, const char *why)
{
    if (!w->shop->unwanted_told)
        log_warn("report_not_taken", "port=%s message=%s", w->failed ? "error" : "out",
                 log_quote(why));
    w->shop->unwanted_told = true;
    retry_later(w);
}

static void on_fate(struct msgflo_participant *p, enum msgflo_fate fate, void *user)
{
    struct work *w = user;

    (void)p;
    w->awaiting_fate = false;
    switch (fate) {
    case MSGFLO_CONFIRMED:
        if (w->shop->unwanted_told)
            log_info("report_taken", "job=%s image=%s", w->message.job, w->message.image);
        w->shop->unwanted_told = false;
        log_end(w);
        msgflo_ack(w->delivery);
        work_free(w);
        break;
    case MSGFLO_RETURNED:
        report_again(w, "no queue is bound to the port: is the graph set up?");
        break;
    case MSGFLO_NACKED:
        report_again(w, "the broker could not keep it");
        break;
    case MSGFLO_LOST:
        drop(w);
        break;
    }
}

static void send_report(struct work *w)
{
    const struct msgflo_message message = {
        .body = w->report, .size = strlen(w->report), .mandatory = true};
    struct msgflo_error e;

    w->retry_mono_ms = 0;
    w->awaiting_fate = true;
    if (msgflo_send(w->participant, w->failed ? "error" : "out", &message, on_fate, w, &e) == 0)
        return;
    w->awaiting_fate = false;
    if (e.code == MSGFLO_UNAVAILABLE)
        drop(w); /* not connected: the delivery is gone with the connection */
    else
        report_again(w, e.text);
}

/* Nothing is needed any more but the report. Without memory for it, the message is given back:
 * there is no way to say less. */
static void report(struct work *w, char *text)
{
    close_source(w);
    close_outputs(w);
    w->state = REPORTING;
    w->retry_delay_ms = 0;
    w->report = text;
    if (!text)
        drop(w);
    else
        send_report(w);
}

static void report_failure(struct work *w)
{
    char started[TIMESTAMP_SIZE], failed[TIMESTAMP_SIZE];

    w->failed = true;
    clock_timestamp(w->started_wall_ms, started);
    clock_timestamp(clock_wall_ms(), failed);
    report(w, message_failed(&w->message, started, failed, w->failure.code, w->failure.retryable,
                             w->failure.message));
}

static void fail_of_ours(struct work *w)
{
    image_failure_of_ours(&w->failure);
    report_failure(w);
}

static void report_result(struct work *w)
{
    char *addresses[DECODE_MAX_OUTPUTS] = {NULL};
    char started[TIMESTAMP_SIZE], completed[TIMESTAMP_SIZE], *text = NULL;
    json_t *result = NULL;
    bool complete = true;

    for (uint32_t i = 0; i < w->done.output_count; i++) {
        addresses[i] = result_store_address(w->shop->tools.store, w->outputs[i].name);
        complete = complete && addresses[i];
    }
    if (complete)
        result = result_make(&w->request, &w->done, (const char *const *)addresses, w->source_bytes,
                             &w->timings);
    clock_timestamp(w->started_wall_ms, started);
    clock_timestamp(clock_wall_ms(), completed);
    if (result)
        text = message_done(&w->message, started, completed, result);
    json_decref(result);
    for (size_t i = 0; i < DECODE_MAX_OUTPUTS; i++)
        free(addresses[i]);
    report(w, text);
}

/* ---- STORING ---- */

static bool all_stored(const struct work *w)
{
    for (uint32_t i = 0; i < w->done.output_count; i++)
        if (!w->outputs[i].stored)
            return false;
    return true;
}

static void fail_of_store(struct work *w, const char *why)
{
    log_warn("store_failed", "job=%s image=%s message=%s", w->message.job, w->message.image,
             log_quote(why));
    image_failure_of_store(&w->failure);
    report_failure(w);
}

static int64_t store_end_mono_ms(const struct work *w)
{
    return w->stretch_mono_ms + w->shop->tools.settings->store_patience_s * 1000;
}

static void on_stored(enum store_outcome outcome, const char *detail, void *user)
{
    struct output *o = user;
    struct work *w = o->work;

    o->put = NULL;
    o->stored = outcome == STORE_OK;
    if (outcome == STORE_REFUSED) {
        fail_of_store(w, detail);
    } else if (outcome == STORE_AWAY) {
        snprintf(w->store_detail, sizeof w->store_detail, "%s", detail);
        if (w->retry_mono_ms == 0)
            retry_later(w);
    } else if (all_stored(w)) {
        w->timings.store_ms = clock_mono_ms() - w->stretch_mono_ms;
        report_result(w);
    }
}

/* Puts each output that is neither stored nor on its way. */
static void put_outputs(struct work *w)
{
    w->retry_mono_ms = 0;
    for (uint32_t i = 0; i < w->done.output_count; i++) {
        struct output *o = &w->outputs[i];
        const struct store_item item = {
            .name = o->name,
            .type = image_format_type(decode_request_format(w->done.outputs[i].format)),
            .sha256_hex = o->sha256_hex,
            .fd = o->fd,
            .bytes = (int64_t)w->done.outputs[i].bytes};

        if (o->stored || o->put)
            continue;
        o->put = result_store_put(w->shop->tools.store, &item, on_stored, o, NULL);
        if (!o->put) {
            fail_of_ours(w);
            return;
        }
    }
}

static int name_output(const struct work *w, uint32_t i, struct output *o)
{
    struct err e = ERR_INIT;

    if (sha256_of_fd(o->fd, (int64_t)w->done.outputs[i].bytes, o->sha256_hex, &e)) {
        log_error("output_unreadable", "image=%s message=%s", w->message.image, log_quote(e.text));
        return -1;
    }
    output_name_make(w->message.image, o->sha256_hex,
                     image_format_extension(decode_request_format(w->done.outputs[i].format)),
                     o->name);
    return 0;
}

static void begin_storing(struct work *w)
{
    w->state = STORING;
    w->stretch_mono_ms = clock_mono_ms();
    for (uint32_t i = 0; i < w->done.output_count; i++)
        if (name_output(w, i, &w->outputs[i])) {
            fail_of_ours(w);
            return;
        }
    put_outputs(w);
}

/* ---- DECODING ---- */

static void on_decoded(const struct decode_result *result, void *user)
{
    struct work *w = user;

    w->task = NULL;
    w->timings.decode_ms = result->took_ms;
    if (result->outcome != DECODE_SUCCEEDED) {
        image_failure_of_decode(result, w->shop->tools.settings->resize_timeout_s, &w->failure);
        report_failure(w);
        return;
    }
    w->done = *result->done;
    for (uint32_t i = 0; i < w->done.output_count; i++)
        w->outputs[i].fd = result->output_fds[i];
    close_source(w);
    begin_storing(w);
}

static void begin_decoding(struct work *w)
{
    struct decode_work work;

    w->state = DECODING;
    decode_request_make(&w->request, w->source_bytes, w->shop->tools.settings, &work);
    w->task = decoder_pool_submit(w->shop->tools.decoders, &work, w->source_fd, on_decoded, w);
    if (!w->task)
        fail_of_ours(w);
}

/* ---- FETCHING ---- */

static void on_fetched(struct fetch *f, const struct fetch_result *result, void *user)
{
    struct work *w = user;

    (void)f;
    w->fetch = NULL;
    w->timings.fetch_ms = clock_mono_ms() - w->began_mono_ms;
    if (result->outcome != FETCH_OK) {
        image_failure_of_fetch(result, &w->failure);
        report_failure(w);
        return;
    }
    w->source_fd = result->source_fd;
    w->source_bytes = w->held_bytes = result->bytes;
    begin_decoding(w);
}

/* Losing it is harmless: the image then goes from queued to ended. */
static void tell_started(const struct work *w)
{
    char started[TIMESTAMP_SIZE];
    AUTO(text_freep) char *text = NULL;
    struct msgflo_message message = {.transient = true};

    clock_timestamp(w->started_wall_ms, started);
    text = message_started(&w->message, started);
    if (!text)
        return;
    message.body = text;
    message.size = strlen(text);
    (void)msgflo_send(w->participant, "started", &message, NULL, NULL, NULL);
}

static void begin_fetching(struct work *w)
{
    const char *created = json_string_value(json_object_get(w->message.document, "created_at"));
    int64_t created_wall_ms;

    w->state = FETCHING;
    w->began_mono_ms = clock_mono_ms();
    w->started_wall_ms = clock_wall_ms();
    if (created && clock_parse_timestamp(created, &created_wall_ms) == 0)
        w->timings.wait_ms = w->started_wall_ms - created_wall_ms;
    tell_started(w);
    w->fetch = fetcher_get(w->shop->tools.fetcher, w->request.input, on_fetched, w, NULL);
    if (!w->fetch)
        fail_of_ours(w);
}

/* ---- deliveries ---- */

static int read_request(struct work *w, struct err *e)
{
    /* No limit of sides here: it may have been lowered since, and the decoder names that fault. */
    const struct image_limits limits = {.allow_unknown = true};
    struct problems problems = PROBLEMS_INIT;
    const json_t *first;
    int failed;

    if (w->message.kind != MESSAGE_TODO)
        return err_set(e, ERR_INPUT, "message: its image has begun or ended already");
    failed = image_request_parse(json_object_get(w->message.document, "payload"), &limits,
                                 "/payload", &problems, &w->request);
    if (failed) {
        first = json_array_get(problems.list, 0);
        if (!first)
            err_set(e, ERR_NOMEM, "what is wrong with a message");
        err_set(e, ERR_INPUT, "message: %s %s",
                json_string_value(json_object_get(first, "pointer")),
                json_string_value(json_object_get(first, "detail")));
    }
    problems_release(&problems);
    return failed ? -1 : 0;
}

static struct work *work_new(struct workshop *shop, struct msgflo_participant *p,
                             struct msgflo_delivery *d)
{
    struct work *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->shop = shop;
    w->participant = p;
    w->delivery = d;
    w->connection = shop->connection;
    w->source_fd = -1;
    for (size_t i = 0; i < DECODE_MAX_OUTPUTS; i++) {
        w->outputs[i].work = w;
        w->outputs[i].fd = -1;
    }
    w->next = shop->first;
    if (w->next)
        w->next->prev = w;
    shop->first = w;
    shop->in_hand++;
    return w;
}

/* A message that can be read by nobody goes to the dead letters; one that merely found no memory
 * here is given back. */
static void refuse(struct workshop *shop, struct msgflo_delivery *d, const struct err *e)
{
    if (e->code == ERR_NOMEM) {
        msgflo_requeue(d);
        return;
    }
    shop->rejected++;
    log_warn("message_rejected", "rejected=%llu message=%s", (unsigned long long)shop->rejected,
             log_quote(e->text));
    msgflo_reject(d);
}

void workshop_take(struct workshop *shop, struct msgflo_participant *p, struct msgflo_delivery *d)
{
    struct err e = ERR_INIT;
    struct work *w = work_new(shop, p, d);

    if (!w) {
        err_set(&e, ERR_NOMEM, "an image in hand");
        refuse(shop, d, &e);
        return;
    }
    if (message_parse(msgflo_delivery_body(d), msgflo_delivery_size(d), &w->message, &e) ||
        read_request(w, &e)) {
        refuse(shop, d, &e);
        work_free(w);
        return;
    }
    begin_fetching(w);
}

/* ---- the workshop ---- */

struct workshop *workshop_new(const struct workshop_tools *tools, struct err *e)
{
    struct workshop *w = calloc(1, sizeof *w);

    if (w)
        w->tools = *tools;
    else
        err_set(e, ERR_NOMEM, "the images in hand");
    return w;
}

void workshop_free(struct workshop *shop)
{
    if (!shop)
        return;
    workshop_give_back(shop);
    free(shop);
}

void workshop_disconnected(struct workshop *shop)
{
    shop->connection++;
}

void workshop_drain(struct workshop *shop)
{
    struct work *w, *next;

    shop->draining = true;
    for (w = shop->first; w; w = next) {
        next = w->next;
        if (w->retry_mono_ms)
            drop(w);
    }
}

/* One that awaits its fate stays until msgflo_free() tells it. */
void workshop_give_back(struct workshop *shop)
{
    struct work *w, *next;

    for (w = shop->first; w; w = next) {
        next = w->next;
        if (!w->awaiting_fate)
            drop(w);
    }
}

size_t workshop_in_hand(const struct workshop *shop)
{
    return shop->in_hand;
}

uint64_t workshop_rejected(const struct workshop *shop)
{
    return shop->rejected;
}

static bool is_stale(const struct work *w)
{
    return w->connection != w->shop->connection && !w->awaiting_fate;
}

static void shorten(int *timeout_ms, int64_t until_mono_ms)
{
    int until_ms = clock_until_ms(until_mono_ms);

    if (until_ms < *timeout_ms)
        *timeout_ms = until_ms;
}

int workshop_timeout_ms(const struct workshop *shop)
{
    int timeout_ms = 60000;

    for (const struct work *w = shop->first; w; w = w->next) {
        if (is_stale(w))
            return 0;
        if (w->retry_mono_ms)
            shorten(&timeout_ms, w->retry_mono_ms);
        if (w->state == STORING)
            shorten(&timeout_ms, store_end_mono_ms(w));
    }
    return timeout_ms;
}

static void try_again(struct work *w)
{
    if (w->state == STORING)
        put_outputs(w);
    else
        send_report(w);
}

void workshop_service(struct workshop *shop)
{
    struct work *w, *next;

    for (w = shop->first; w; w = next) {
        next = w->next;
        if (is_stale(w))
            drop(w);
        else if (w->state == STORING && clock_until_ms(store_end_mono_ms(w)) == 0)
            fail_of_store(w, w->store_detail[0] ? w->store_detail : "the result store is too slow");
        else if (w->retry_mono_ms && clock_until_ms(w->retry_mono_ms) == 0)
            try_again(w);
    }
}
