#include "canceller.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "canceller_sql.h"
#include "job/image_error.h"

static void write_ids(struct buf *list, const char *const *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(list, "%c%s", i ? ',' : '{', ids[i]);
    buf_text(list, n ? "}" : "{}");
}

/* The ids in the first column of a result, as a list. */
static void write_rows(struct buf *list, const PGresult *res)
{
    for (int i = 0; i < PQntuples(res); i++)
        buf_printf(list, "%c%s", i ? ',' : '{', PQgetvalue(res, i, 0));
    buf_text(list, PQntuples(res) ? "}" : "{}");
}

static int run(struct db *db, const char *sql, const struct buf *jobs, struct err *e)
{
    PGresult *res = db_exec(db, sql, 1, (const char *[]){jobs->data}, e);

    PQclear(res);
    return res ? 0 : -1;
}

/* Ends the queued images; ret is the list of their jobs. */
static int end_images(struct db *db, const struct buf *jobs, struct buf *ret, struct err *e)
{
    json_auto_t *error = image_error_cancelled();
    AUTO(text_freep) char *text = error ? json_dumps(error, JSON_COMPACT) : NULL;
    AUTO(pg_clearp) PGresult *res = NULL;

    if (!text)
        return err_set(e, ERR_NOMEM, "the error of a cancelled image");
    res = db_exec(db, web_cancel_images_sql, 2, (const char *[]){jobs->data, text}, e);
    if (!res)
        return -1;
    write_rows(ret, res);
    return ret->failed ? err_set(e, ERR_NOMEM, "a list of jobs") : 0;
}

/* Recounts the jobs; ret is the list of those that have ended by it. */
static int recount(struct db *db, const struct buf *jobs, struct buf *ret, struct err *e)
{
    AUTO(pg_clearp)
    PGresult *res = db_exec(db, store_recount_jobs_sql, 1, (const char *[]){jobs->data}, e);

    if (!res)
        return -1;
    for (int i = 0; i < PQntuples(res); i++)
        if (PQgetvalue(res, i, 1)[0] == 't')
            buf_printf(ret, "%c%s", ret->len ? ',' : '{', PQgetvalue(res, i, 0));
    buf_text(ret, ret->len ? "}" : "{}");
    return ret->failed ? err_set(e, ERR_NOMEM, "a list of jobs") : 0;
}

static int in_transaction(struct db *db, const struct buf *jobs, struct err *e)
{
    AUTO(buf_release) struct buf changed = BUF_INIT;
    AUTO(buf_release) struct buf ended = BUF_INIT;

    if (run(db, web_cancel_lock_sql, jobs, e) || end_images(db, jobs, &changed, e))
        return -1;
    if (changed.len == strlen("{}"))
        return 0; /* ended, or all in work: nothing that anybody could see */
    if (run(db, web_cancel_outbox_sql, &changed, e) || recount(db, &changed, &ended, e) ||
        run(db, web_cancel_untold_sql, &ended, e))
        return -1;
    return run(db, store_notify_sql, &changed, e);
}

int cancel_jobs(struct db *db, const char *const *jobs, size_t n, int lock_ms, struct err *e)
{
    AUTO(buf_release) struct buf list = BUF_INIT;
    char begin[60];

    write_ids(&list, jobs, n);
    if (list.failed)
        return err_set(e, ERR_NOMEM, "a list of jobs");
    snprintf(begin, sizeof begin, "BEGIN; SET LOCAL lock_timeout = %d", lock_ms);
    if (db_command(db, begin, e))
        return -1;
    if (in_transaction(db, &list, e) || db_command(db, "COMMIT", e)) {
        struct err ignored = ERR_INIT; /* the first error is the cause */

        if (db_connected(db) && db_command(db, "ROLLBACK", &ignored))
            return -1;
        return -1;
    }
    return 0;
}
