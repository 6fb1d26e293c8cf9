#include "outbox.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "job/message.h"
#include "outbox_sql.h"

/* ---- taking */

enum {
    ROW_ID,
    ROW_JOB,
    ROW_PRIORITY,
    ROW_DEFERRED,
    ROW_CREATED,
    ROW_IMAGE,
    ROW_INPUT,
    ROW_PARAMETERS,
    ROW_ATTEMPT
};

/* The item whose images stand in the rows from first to before end. */
static struct outbox_item *read_item(const PGresult *res, int first, int end, struct err *e)
{
    const bool all_ended = PQgetisnull(res, first, ROW_IMAGE);
    const size_t count = all_ended ? 0 : (size_t)(end - first);
    struct outbox_item *item = outbox_item_new(PQgetvalue(res, first, ROW_JOB),
                                               PQgetvalue(res, first, ROW_PRIORITY), count);

    if (!item) {
        err_set(e, ERR_NOMEM, "an outbox row");
        return NULL;
    }
    snprintf(item->id, sizeof item->id, "%s", PQgetvalue(res, first, ROW_ID));
    item->deferred = atoi(PQgetvalue(res, first, ROW_DEFERRED));
    for (size_t i = 0; i < count; i++) {
        const int row = first + (int)i;
        struct outbox_message *m = &item->messages[i];

        snprintf(m->image, sizeof m->image, "%s", PQgetvalue(res, row, ROW_IMAGE));
        m->text = message_todo(item->job, m->image, PQgetvalue(res, row, ROW_INPUT),
                               PQgetvalue(res, row, ROW_PARAMETERS),
                               atoi(PQgetvalue(res, row, ROW_ATTEMPT)),
                               PQgetvalue(res, row, ROW_CREATED), e);
        if (!m->text) {
            outbox_item_free(item);
            return NULL;
        }
    }
    return item;
}

int outbox_take(struct db *db, int64_t lease_s, struct outbox_item **items, size_t max,
                struct err *e)
{
    AUTO(pg_clearp) PGresult *res = NULL;
    char lease[24], limit[24];
    int taken = 0, rows, end;

    snprintf(lease, sizeof lease, "%lld", (long long)lease_s);
    snprintf(limit, sizeof limit, "%zu", max);
    res = db_exec(db, web_outbox_take_sql, 2, (const char *[]){lease, limit}, e);
    if (!res)
        return -1;
    rows = PQntuples(res);
    for (int first = 0; first < rows; first = end) {
        for (end = first + 1; end < rows; end++)
            if (strcmp(PQgetvalue(res, end, ROW_ID), PQgetvalue(res, first, ROW_ID)) != 0)
                break;
        items[taken] = read_item(res, first, end, e);
        if (!items[taken])
            break; /* those that are read go on; the lease brings back the others */
        taken++;
    }
    return taken;
}

/* ---- finishing */

static int delete_rows(struct db *db, struct outbox_item *const *items, size_t n, struct err *e)
{
    AUTO(buf_release) struct buf ids = BUF_INIT;
    PGresult *res;

    for (size_t i = 0; i < n; i++)
        if (outbox_item_is_confirmed(items[i]))
            buf_printf(&ids, "%c%s", ids.len ? ',' : '{', items[i]->id);
    if (!ids.len)
        return 0;
    buf_text(&ids, "}");
    if (ids.failed)
        return err_set(e, ERR_NOMEM, "a list of outbox rows");
    res = db_exec(db, web_outbox_delete_sql, 1, (const char *[]){ids.data}, e);
    PQclear(res);
    return res ? 0 : -1;
}

/* The ids of what is not confirmed, as an array of Postgres within an array. */
static void put_rest(struct buf *b, const struct outbox_item *item)
{
    const char *separator = "\"{";

    for (size_t i = 0; i < item->count; i++) {
        if (item->messages[i].confirmed)
            continue;
        buf_printf(b, "%s%s", separator, item->messages[i].image);
        separator = ",";
    }
    buf_text(b, "}\"");
}

static int give_back_rows(struct db *db, struct outbox_item *const *items, size_t n, struct err *e)
{
    AUTO(buf_release)
    struct buf ids = BUF_INIT, images = BUF_INIT, delays = BUF_INIT, refused = BUF_INIT;
    PGresult *res;

    for (size_t i = 0; i < n; i++) {
        const char separator = ids.len ? ',' : '{';

        if (outbox_item_is_confirmed(items[i]))
            continue;
        buf_printf(&ids, "%c%s", separator, items[i]->id);
        buf_printf(&delays, "%c%d", separator, outbox_item_delay_ms(items[i]));
        buf_printf(&refused, "%c%d", separator, items[i]->refused);
        buf_append(&images, &separator, 1);
        put_rest(&images, items[i]);
    }
    if (!ids.len)
        return 0;
    buf_text(&ids, "}");
    buf_text(&delays, "}");
    buf_text(&refused, "}");
    buf_text(&images, "}");
    if (ids.failed || delays.failed || refused.failed || images.failed)
        return err_set(e, ERR_NOMEM, "a list of outbox rows");
    res = db_exec(db, web_outbox_defer_sql, 4,
                  (const char *[]){ids.data, images.data, delays.data, refused.data}, e);
    PQclear(res);
    return res ? 0 : -1;
}

int outbox_finish(struct db *db, struct outbox_item *const *items, size_t n, struct err *e)
{
    return delete_rows(db, items, n, e) || give_back_rows(db, items, n, e) ? -1 : 0;
}
