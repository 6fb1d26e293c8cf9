#include "tool/top_view.h"

#include <stdio.h>
#include <string.h>

#include "base/table.h"

void top_view_release(struct top_view *v)
{
    free(v->rows);
    *v = (struct top_view){0};
}

/* --- rows -------------------------------------------------------------------------------- */

static const struct queue_stats *stats_of(const struct queue_stats_list *queues, const char *name)
{
    for (size_t i = 0; queues && i < queues->n; i++)
        if (strcmp(queues->queues[i].name, name) == 0)
            return &queues->queues[i];
    return NULL;
}

static int add_row(struct top_view *v, const struct top_row *row, struct err *e)
{
    struct top_row *grown = reallocarray(v->rows, v->n + 1, sizeof(*grown));

    if (!grown)
        return err_set(e, ERR_NOMEM, "no memory for a table");
    v->rows = grown;
    v->rows[v->n++] = *row;
    v->ready += row->stats ? row->stats->ready : 0;
    return 0;
}

/* The processes of the role of the i-th one. */
static void count_role(const struct seen *seen, size_t i, int64_t now_ms, struct top_row *row)
{
    for (size_t j = 0; j < seen_count(seen); j++) {
        if (strcmp(seen_at(seen, j)->role, seen_at(seen, i)->role) != 0)
            continue;
        row->instances++;
        row->stale += participant_is_stale(seen_at(seen, j), now_ms);
    }
}

static bool begins_a_role(const struct seen *seen, size_t i)
{
    return i == 0 || strcmp(seen_at(seen, i)->role, seen_at(seen, i - 1)->role) != 0;
}

int top_view_queues(const struct seen *seen, int64_t now_ms, struct name_list *ret, struct err *e)
{
    for (size_t i = 0; i < seen_count(seen); i++) {
        const struct participant *p;

        if (!begins_a_role(seen, i))
            continue;
        p = seen_role(seen, seen_at(seen, i)->role, now_ms);
        for (size_t j = 0; j < p->n_inports; j++)
            if (p->inports[j].queue && name_list_add(ret, p->inports[j].queue, e))
                return -1;
    }
    return 0;
}

/* The rows of the role that seen has at i, from the process heard last. */
static int add_role(struct top_view *v, const struct seen *seen,
                    const struct queue_stats_list *queues, size_t i, int64_t now_ms, struct err *e)
{
    const struct participant *p = seen_role(seen, seen_at(seen, i)->role, now_ms);
    struct top_row row = {.role = p->role, .component = p->component};

    v->n_roles++;
    count_role(seen, i, now_ms, &row);
    for (size_t j = 0; j < p->n_inports; j++) {
        if (!p->inports[j].queue)
            continue;
        row.queue = p->inports[j].queue;
        row.stats = stats_of(queues, row.queue);
        if (add_row(v, &row, e))
            return -1;
    }
    return row.queue ? 0 : add_row(v, &row, e);
}

static bool has_queue(const struct top_view *v, const char *name)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->rows[i].queue && strcmp(v->rows[i].queue, name) == 0)
            return true;
    return false;
}

/* Discovery's queue, and those that MsgFlo's tools and clients make for themselves: ours, then
 * npm's. */
static bool is_private(const char *name)
{
    static const char *const prefixes[] = {"msgflo-watch-", ".msgflo-", "msgflo-export-", "amq."};

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return strcmp(name, "fbp") == 0 || strcmp(name, "fbp.recent") == 0;
}

int top_view_make(const struct seen *seen, const struct queue_stats_list *queues,
                  bool rates_are_known, int64_t now_ms, struct top_view *ret, struct err *e)
{
    *ret = (struct top_view){.rates_are_known = rates_are_known};
    for (size_t i = 0; i < seen_count(seen); i++)
        if (begins_a_role(seen, i) && add_role(ret, seen, queues, i, now_ms, e))
            goto fail;
    for (size_t i = 0; queues && i < queues->n; i++) {
        const struct queue_stats *stats = &queues->queues[i];
        struct top_row row = {.queue = stats->name, .stats = stats};

        if (!is_private(stats->name) && !has_queue(ret, stats->name) && add_row(ret, &row, e))
            goto fail;
    }
    return 0;
fail:
    top_view_release(ret);
    return -1;
}

/* --- as text ----------------------------------------------------------------------------- */

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void put_counts(struct table *t, const struct top_view *v, const struct queue_stats *stats)
{
    if (!stats) {
        for (int i = 0; i < 5; i++)
            table_cell(t, "-");
        return;
    }
    table_cell(t, "%llu", (unsigned long long)stats->ready);
    if (v->rates_are_known) {
        table_cell(t, "%llu", (unsigned long long)stats->unacked);
        table_cell(t, "%llu", (unsigned long long)stats->consumers);
        table_cell(t, "%.1f", stats->published_per_s);
        table_cell(t, "%.1f", stats->taken_per_s);
    } else {
        table_cell(t, "-");
        table_cell(t, "%llu", (unsigned long long)stats->consumers);
        table_cell(t, "-");
        table_cell(t, "-");
    }
}

static void put_row(struct table *t, const struct top_view *v, size_t i)
{
    const struct top_row *row = &v->rows[i];
    bool is_next = i && row->role && v->rows[i - 1].role &&
                   strcmp(row->role, v->rows[i - 1].role) == 0; /* another inport */

    table_cell(t, "%s", is_next ? "" : or_dash(row->role));
    table_cell(t, "%s", is_next ? "" : or_dash(row->component));
    if (is_next)
        table_cell(t, "%s", "");
    else if (row->stale)
        table_cell(t, "%zu (%zu silent)", row->instances, row->stale);
    else if (row->role)
        table_cell(t, "%zu", row->instances);
    else
        table_cell(t, "-");
    table_cell(t, "%s", or_dash(row->queue));
    put_counts(t, v, row->stats);
}

void top_view_print(const struct top_view *v, size_t max_width, struct buf *out)
{
    static const struct table_column columns[] = {
        {"ROLE", false},     {"COMPONENT", false}, {"INSTANCES", true},
        {"QUEUE", false},    {"READY", true},      {"UNACKED", true},
        {"CONSUMERS", true}, {"IN/S", true},       {"TAKEN/S", true}};
    AUTO(table_release) struct table t = TABLE_INIT(columns);

    for (size_t i = 0; i < v->n; i++)
        put_row(&t, v, i);
    if (table_print(&t, max_width, out))
        out->failed = true;
}

/* --- as JSON ----------------------------------------------------------------------------- */

static json_t *row_json(const struct top_view *v, const struct top_row *row)
{
    json_t *json = json_pack("{s:s?, s:s?, s:I, s:I, s:s?}", "role", row->role, "component",
                             row->component, "instances", (json_int_t)row->instances, "silent",
                             (json_int_t)row->stale, "queue", row->queue);

    if (!row->stats)
        return json;
    json_object_set_new(json, "ready", json_integer((json_int_t)row->stats->ready));
    json_object_set_new(json, "consumers", json_integer((json_int_t)row->stats->consumers));
    if (!v->rates_are_known)
        return json;
    json_object_set_new(json, "unacked", json_integer((json_int_t)row->stats->unacked));
    json_object_set_new(json, "in_per_s", json_real(row->stats->published_per_s));
    json_object_set_new(json, "taken_per_s", json_real(row->stats->taken_per_s));
    return json;
}

json_t *top_view_json(const struct top_view *v)
{
    json_t *rows = json_array();

    for (size_t i = 0; rows && i < v->n; i++)
        if (json_array_append_new(rows, row_json(v, &v->rows[i]))) {
            json_decref(rows);
            return NULL;
        }
    return rows ? json_pack("{s:o}", "rows", rows) : NULL;
}
