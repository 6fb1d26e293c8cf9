#include "apply.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/clock.h"
#include "image_state.h"
#include "job/image_error.h"
#include "store_sql.h"

/* An image of the batch. */
struct row {
    char id[UUID_SIZE];
    char job[UUID_SIZE];
    bool known; /* it is in the database */
    struct image_state state;
};

/* What one transaction works on: the batch's images, each once, by id. */
struct batch {
    struct row *rows;
    size_t count;
};

void outcome_release(struct outcome *o)
{
    for (size_t i = 0; i < o->ended_count; i++)
        free(o->ended[i].document);
    free(o->ended);
    memset(o, 0, sizeof *o);
}

static void batch_release(struct batch *b)
{
    free(b->rows);
}

static int compare_rows(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

static int batch_init(struct batch *b, const struct event *const *events, size_t n, struct err *e)
{
    size_t count = 0;

    b->rows = calloc(n ? n : 1, sizeof *b->rows);
    if (!b->rows)
        return err_set(e, ERR_NOMEM, "a batch of %zu events", n);
    for (size_t i = 0; i < n; i++)
        memcpy(b->rows[i].id, events[i]->image, UUID_SIZE);
    qsort(b->rows, n, sizeof *b->rows, compare_rows);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(b->rows[i].id, b->rows[count - 1].id) != 0)
            b->rows[count++] = b->rows[i];
    b->count = count;
    return 0;
}

static struct row *batch_find(const struct batch *b, const char *image)
{
    struct row key;

    snprintf(key.id, sizeof key.id, "%s", image);
    return bsearch(&key, b->rows, b->count, sizeof *b->rows, compare_rows);
}

/* ---- parameters ---- */

/* Adds an id to the text of a uuid[]. */
static void add_id(struct buf *list, const char *id)
{
    buf_printf(list, "%s%s", list->len ? "," : "{", id);
}

static void end_list(struct buf *list)
{
    buf_text(list, list->len ? "}" : "{}");
}

static PGresult *exec_list(struct db *db, const char *sql, struct buf *list, struct err *e)
{
    if (list->failed) {
        err_set(e, ERR_NOMEM, "a statement's parameters");
        return NULL;
    }
    return db_exec(db, sql, 1, (const char *[]){list->data}, e);
}

static int run_list(struct db *db, const char *sql, struct buf *list, struct err *e)
{
    PGresult *res = exec_list(db, sql, list, e);

    if (!res)
        return -1;
    PQclear(res);
    return 0;
}

/* Runs sql with a JSON array, if that holds anything. json NULL: no memory. */
static int run_json(struct db *db, const char *sql, const json_t *json, struct err *e)
{
    AUTO(text_freep) char *text = NULL;
    PGresult *res;

    if (json && json_array_size(json) == 0)
        return 0;
    if (!json || !(text = json_dumps(json, JSON_COMPACT)))
        return err_set(e, ERR_NOMEM, "a statement's parameters");
    res = db_exec(db, sql, 1, (const char *[]){text}, e);
    if (!res)
        return -1;
    PQclear(res);
    return 0;
}

/* ---- reading ---- */

static int read_row(const PGresult *res, int i, struct batch *b, struct err *e)
{
    struct row *row = batch_find(b, PQgetvalue(res, i, 0));

    if (!row || image_status_find(PQgetvalue(res, i, 2), &row->state.status))
        return err_set(e, ERR_BUG, "image '%s': unreadable row", PQgetvalue(res, i, 0));
    row->known = true;
    snprintf(row->job, sizeof row->job, "%s", PQgetvalue(res, i, 1));
    row->state.attempts = (int)strtol(PQgetvalue(res, i, 3), NULL, 10);
    row->state.retried = (int)strtol(PQgetvalue(res, i, 4), NULL, 10);
    row->state.started = PQgetvalue(res, i, 5)[0] == 't';
    row->state.dead_lettered = row->state.status == IMAGE_STATUS_FAILED &&
                               strcmp(PQgetvalue(res, i, 6), "dead_lettered") == 0;
    row->state.cancel_asked = PQgetvalue(res, i, 7)[0] == 't';
    return 0;
}

static int lock_and_read(struct db *db, struct batch *b, struct err *e)
{
    AUTO(buf_release) struct buf ids = BUF_INIT;
    AUTO(pg_clearp) PGresult *res = NULL;

    for (size_t i = 0; i < b->count; i++)
        add_id(&ids, b->rows[i].id);
    end_list(&ids);
    if (run_list(db, store_lock_jobs_sql, &ids, e))
        return -1;
    res = exec_list(db, store_read_images_sql, &ids, e);
    if (!res)
        return -1;
    for (int i = 0; i < PQntuples(res); i++)
        if (read_row(res, i, b, e))
            return -1;
    return 0;
}

/* ---- writing ---- */

/* Adds a time where there is one. */
static int set_time(json_t *object, const char *member, int64_t wall_ms)
{
    char text[TIMESTAMP_SIZE];

    if (!wall_ms)
        return 0;
    clock_timestamp(wall_ms, text);
    return json_object_set_new(object, member, json_string(text));
}

static int set_json(json_t *object, const char *member, const json_t *lent)
{
    /* A reference more is no change of what is lent. */
    return lent ? json_object_set(object, member, (json_t *)(uintptr_t)lent) : 0;
}

/* A cancelled image says so; what its last try failed with is of no interest any more. */
static int set_error(json_t *object, const struct image_state *s)
{
    if (s->status == IMAGE_STATUS_CANCELLED)
        return json_object_set_new(object, "error", image_error_cancelled());
    return set_json(object, "error", s->error);
}

static json_t *changes_of(const struct row *row)
{
    const struct image_state *s = &row->state;
    json_t *object =
        json_pack("{s:s, s:s, s:i, s:i}", "id", row->id, "status", image_status_name(s->status),
                  "attempts", s->attempts, "retried", s->retried);

    if (object && set_time(object, "started_at", s->started_ms) == 0 &&
        set_time(object, "completed_at", s->completed_ms) == 0 &&
        set_time(object, "failed_at", s->failed_ms) == 0 &&
        set_time(object, "cancelled_at", s->cancelled_ms) == 0 &&
        set_json(object, "result", s->result) == 0 && set_error(object, s) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int write_images(struct db *db, const struct batch *b, struct err *e)
{
    json_auto_t *changes = json_array();

    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].state.changed && json_array_append_new(changes, changes_of(&b->rows[i])))
            return err_set(e, ERR_NOMEM, "a batch's changes");
    return run_json(db, store_write_images_sql, changes, e);
}

static json_t *retry_of(const struct row *row, int64_t first_ms)
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_ms();
    return json_pack("{s:s, s:s, s:I}", "job", row->job, "image", row->id, "delay_ms",
                     (json_int_t)image_retry_delay_ms(row->state.retried, first_ms, random));
}

static int queue_retries(struct db *db, const struct batch *b, int64_t first_ms, struct err *e)
{
    json_auto_t *retries = json_array();

    for (size_t i = 0; i < b->count; i++) {
        const struct image_state *s = &b->rows[i].state;

        if (!s->retry || (s->status != IMAGE_STATUS_QUEUED && s->status != IMAGE_STATUS_RUNNING))
            continue;
        if (json_array_append_new(retries, retry_of(&b->rows[i], first_ms)))
            return err_set(e, ERR_NOMEM, "a batch's retries");
    }
    return run_json(db, store_queue_retries_sql, retries, e);
}

/* Recounts and notifies; adds those that ended by it to ended. */
static int recount_jobs(struct db *db, struct buf *jobs, struct buf *ended, size_t *ret_changed,
                        struct err *e)
{
    AUTO(pg_clearp) PGresult *res = exec_list(db, store_recount_jobs_sql, jobs, e);

    if (!res)
        return -1;
    *ret_changed = (size_t)PQntuples(res);
    for (int i = 0; i < PQntuples(res); i++)
        if (PQgetvalue(res, i, 1)[0] == 't')
            add_id(ended, PQgetvalue(res, i, 0));
    return run_list(db, store_notify_sql, jobs, e);
}

static int read_ended(const PGresult *res, struct outcome *o, struct err *e)
{
    int n = PQntuples(res);

    o->ended = calloc((size_t)n + 1, sizeof *o->ended);
    if (!o->ended)
        return err_set(e, ERR_NOMEM, "%d jobs that ended", n);
    for (int i = 0; i < n; i++) {
        struct ended_job *job = &o->ended[i];

        snprintf(job->id, sizeof job->id, "%s", PQgetvalue(res, i, 0));
        snprintf(job->status, sizeof job->status, "%s", PQgetvalue(res, i, 1));
        job->total = (int)strtol(PQgetvalue(res, i, 2), NULL, 10);
        job->completed = (int)strtol(PQgetvalue(res, i, 3), NULL, 10);
        job->failed = (int)strtol(PQgetvalue(res, i, 4), NULL, 10);
        job->cancelled = (int)strtol(PQgetvalue(res, i, 5), NULL, 10);
        job->ended_now = PQgetvalue(res, i, 6)[0] == 't';
        job->took_ms = strtoll(PQgetvalue(res, i, 7), NULL, 10);
        job->document = strdup(PQgetvalue(res, i, 8));
        if (!job->document)
            return err_set(e, ERR_NOMEM, "job '%s': its message", job->id);
        o->ended_count++;
    }
    return 0;
}

static int find_ended(struct db *db, struct buf *jobs, struct buf *images, struct outcome *o,
                      struct err *e)
{
    AUTO(pg_clearp) PGresult *res = NULL;

    if (!jobs->len && !images->len)
        return 0;
    end_list(jobs);
    end_list(images);
    if (jobs->failed || images->failed)
        return err_set(e, ERR_NOMEM, "a statement's parameters");
    res = db_exec(db, store_ended_jobs_sql, 2, (const char *[]){jobs->data, images->data}, e);
    return res ? read_ended(res, o, e) : -1;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The jobs of the images that have changed, each once. */
static int list_changed_jobs(const struct batch *b, struct buf *list, struct err *e)
{
    const char **jobs = calloc(b->count + 1, sizeof *jobs);
    size_t n = 0;

    if (!jobs)
        return err_set(e, ERR_NOMEM, "a batch's jobs");
    for (size_t i = 0; i < b->count; i++)
        if (b->rows[i].state.changed)
            jobs[n++] = b->rows[i].job;
    qsort(jobs, n, sizeof *jobs, compare_ids);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(jobs[i], jobs[i - 1]) != 0)
            add_id(list, jobs[i]);
    free(jobs);
    return 0;
}

static int write_changes(struct db *db, const struct apply_rules *rules, const struct batch *b,
                         struct buf *ended, struct outcome *o, struct err *e)
{
    AUTO(buf_release) struct buf jobs = BUF_INIT;

    if (list_changed_jobs(b, &jobs, e))
        return -1;
    if (!jobs.len && !jobs.failed)
        return 0;
    end_list(&jobs);
    if (write_images(db, b, e) || queue_retries(db, b, rules->retry_delay_ms, e))
        return -1;
    return recount_jobs(db, &jobs, ended, &o->jobs_changed, e);
}

/* ---- the transaction ---- */

/* Applies the events to the rows. images gets those whose end may have been applied before. */
static void apply_in_order(struct batch *b, const struct apply_rules *rules,
                           const struct event *const *events, size_t n, struct buf *images)
{
    for (size_t i = 0; i < n; i++) {
        struct row *row = batch_find(b, events[i]->image);

        if (!row || !row->known)
            continue;
        image_state_apply(&row->state, events[i], rules->attempts_max);
        if (events[i]->again && events[i]->kind != EVENT_STARTED)
            add_id(images, row->id);
    }
}

static int in_transaction(struct db *db, const struct apply_rules *rules,
                          const struct event *const *events, size_t n, struct batch *b,
                          struct outcome *o, struct err *e)
{
    AUTO(buf_release) struct buf ended = BUF_INIT, again = BUF_INIT;

    if (lock_and_read(db, b, e))
        return -1;
    apply_in_order(b, rules, events, n, &again);
    for (size_t i = 0; i < b->count; i++) {
        o->unknown += !b->rows[i].known;
        o->images_changed += b->rows[i].state.changed;
    }
    if (write_changes(db, rules, b, &ended, o, e))
        return -1;
    return find_ended(db, &ended, &again, o, e);
}

/* Adds o, whose jobs it takes, to ret. */
static int outcome_add_take(struct outcome *ret, struct outcome *o, struct err *e)
{
    struct ended_job *grown;

    if (o->ended_count) {
        grown = realloc(ret->ended, (ret->ended_count + o->ended_count) * sizeof *grown);
        if (!grown) {
            outcome_release(o);
            return err_set(e, ERR_NOMEM, "jobs that ended");
        }
        memcpy(grown + ret->ended_count, o->ended, o->ended_count * sizeof *grown);
        ret->ended = grown;
        ret->ended_count += o->ended_count;
    }
    ret->images_changed += o->images_changed;
    ret->jobs_changed += o->jobs_changed;
    ret->unknown += o->unknown;
    free(o->ended);
    return 0;
}

int apply_events(struct db *db, const struct apply_rules *rules, const struct event *const *events,
                 size_t n, struct outcome *ret, struct err *e)
{
    AUTO(batch_release) struct batch b = {NULL, 0};
    struct outcome o = {NULL, 0, 0, 0, 0};

    if (batch_init(&b, events, n, e) || db_command(db, "BEGIN", e))
        return -1;
    if (in_transaction(db, rules, events, n, &b, &o, e) || db_command(db, "COMMIT", e)) {
        outcome_release(&o);
        if (db_connected(db)) {
            struct err ignored = ERR_INIT; /* the first error is the cause */

            if (db_command(db, "ROLLBACK", &ignored))
                return -1;
        }
        return -1;
    }
    return outcome_add_take(ret, &o, e);
}

/* ---- what web has ended ---- */

int apply_take_untold(struct db *db, struct outcome *ret, struct err *e)
{
    AUTO(pg_clearp) PGresult *res = db_exec(db, store_take_untold_sql, 0, NULL, e);
    AUTO(buf_release) struct buf jobs = BUF_INIT;
    AUTO(buf_release) struct buf no_images = BUF_INIT;

    if (!res)
        return -1;
    for (int i = 0; i < PQntuples(res); i++)
        add_id(&jobs, PQgetvalue(res, i, 0));
    return find_ended(db, &jobs, &no_images, ret, e);
}

int apply_forget_untold(struct db *db, const struct outcome *told, struct err *e)
{
    AUTO(buf_release) struct buf jobs = BUF_INIT;

    for (size_t i = 0; i < told->ended_count; i++)
        add_id(&jobs, told->ended[i].id);
    end_list(&jobs);
    return run_list(db, store_forget_untold_sql, &jobs, e);
}
