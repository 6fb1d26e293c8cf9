#include "news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "news_sql.h"
#include "web/job_rows.h"

#define IMAGE_VERSION JOB_ROWS_COLUMNS

/* Stands for the address of outputs until the event is written to a reader: nothing that a client
 * may say, because nobody but this thread has seen it. */
static const char *base(void)
{
    static _Thread_local char text[UUID_SIZE];

    if (!*text)
        uuid_make(text);
    return text;
}

static struct event event_of(enum event_kind kind, const struct job_row *job, int64_t version,
                             char *text_take)
{
    struct event event = {.kind = kind, .version = version, .text = text_take};

    snprintf(event.job, sizeof event.job, "%s", job->id);
    if (event.text)
        event.len = event_mark_base(event.text, base());
    return event;
}

static bool has_image(const PGresult *res, int row)
{
    return !PQgetisnull(res, row, IMAGE_VERSION);
}

/* The events of the job whose rows are from first to before end. */
static void tell_job(struct streams *streams, const PGresult *res, int first, int end)
{
    const struct job_row job = job_row_of(res, first);
    struct event *events = calloc((size_t)(end - first) + 1, sizeof *events);
    size_t n = 0;

    if (!events) {
        streams_missed(streams, clock_mono_ms());
        return;
    }
    for (int i = first; i < end && has_image(res, i); i++) {
        const struct image_row image = image_row_of(res, i);
        const int64_t version = strtoll(PQgetvalue(res, i, IMAGE_VERSION), NULL, 10);

        events[n++] =
            event_of(EVENT_IMAGE, &job, version, image_event_json(job.id, version, &image, base()));
    }
    events[n] = event_of(EVENT_JOB, &job, job.version, job_summary_json(&job));
    events[n++].ends = job_has_ended(&job);
    streams_tell(streams, events, n, clock_mono_ms());
    free(events);
}

static void tell_rows(struct streams *streams, const PGresult *res)
{
    const int n = PQntuples(res);

    for (int first = 0, end; first < n; first = end) {
        const char *id = job_row_of(res, first).id;

        end = first + 1;
        while (end < n && strcmp(job_row_of(res, end).id, id) == 0)
            end++;
        tell_job(streams, res, first, end);
    }
}

/* Reads and tells some of the jobs that have changed. */
static int tell_changed(struct db *db, struct streams *streams, int *ret_wait_ms, struct err *e)
{
    struct changed_job jobs[NEWS_JOBS];
    AUTO(buf_release) struct buf ids = BUF_INIT;
    AUTO(buf_release) struct buf versions = BUF_INIT;
    AUTO(pg_clearp) PGresult *res = NULL;
    const size_t n = streams_take(streams, clock_mono_ms(), jobs, NEWS_JOBS, ret_wait_ms);

    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        buf_printf(&ids, "%s%s", i ? "," : "{", jobs[i].job);
        buf_printf(&versions, "%s%" PRId64, i ? "," : "{", jobs[i].version);
    }
    buf_text(&ids, "}");
    buf_text(&versions, "}");
    if (ids.failed || versions.failed)
        return err_set(e, ERR_NOMEM, "the jobs that have changed");
    res = db_exec(db, web_changed_jobs_sql, 2, (const char *[]){ids.data, versions.data}, e);
    if (!res)
        return -1;
    tell_rows(streams, res);
    return 0;
}

/* Tells the others of jobs that are new here. */
static int tell_created(struct db *db, struct streams *streams, int *ret_wait_ms, struct err *e)
{
    char ids[STREAM_CREATED_BYTES];
    PGresult *res;

    if (!streams_take_created(streams, clock_mono_ms(), ids, ret_wait_ms))
        return 0;
    res = db_exec(db, web_tell_created_sql, 1, (const char *[]){ids}, e);
    if (!res)
        return -1;
    PQclear(res);
    *ret_wait_ms = 0;
    return 0;
}

/* A notification that comes in with the answer to a statement is in libpq's hands, and its socket
 * is not readable for it any more: after each statement the caller listens again before it sleeps.
 */
int news_tell(struct db *db, struct streams *streams, int *ret_wait_ms, struct err *e)
{
    int created_ms;

    if (tell_created(db, streams, &created_ms, e) || tell_changed(db, streams, ret_wait_ms, e))
        return -1;
    if (*ret_wait_ms < 0 || (created_ms >= 0 && created_ms < *ret_wait_ms))
        *ret_wait_ms = created_ms;
    return 0;
}
