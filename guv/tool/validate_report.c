#include "tool/validate_report.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/table.h"
#include "config/dyno.h"

/* Jobs a minute that so many workers do when they are busy all the time. */
static double jobs_per_minute(const struct role_settings *role, int workers)
{
    return workers * role->concurrency / role->processing_s * 60;
}

static double month_usd(const struct role_settings *role, int workers)
{
    return workers * dyno_month_usd(role->dynosize);
}

/* --- text -------------------------------------------------------------------------------- */

static void print_settings(const struct guv_settings *s, struct table *t)
{
    for (size_t i = 0; i < s->n_roles; i++) {
        const struct role_settings *role = &s->roles[i];

        table_cell(t, "%s", role->name);
        table_cell(t, "%.6g", role->deadline_s);
        table_cell(t, "%.6g", role->target_s);
        table_cell(t, "%.6g", role->processing_s);
        table_cell(t, "%.6g", role->stddev_s);
        table_cell(t, "%d", role->concurrency);
        table_cell(t, "%.6g", role->boot_s);
        table_cell(t, "%.6g", role->slack);
        table_cell(t, "%s", policy_kind_name(role->policy));
        table_cell(t, "%s", role->queue);
        table_cell(t, "%s", role->worker);
        table_cell(t, "%s", role->app ? role->app : "-");
    }
}

static void cost_cell(struct table *t, double usd)
{
    if (isnan(usd))
        table_cell(t, "-");
    else
        table_cell(t, "%.0f", usd);
}

struct total {
    int minimum, maximum;
    double minimum_usd, maximum_usd; /* NAN: a role's cost is not known */
};

static void print_role_capacity(const struct role_settings *role, struct table *t,
                                struct total *total)
{
    double minimum_usd = month_usd(role, role->minimum);
    double maximum_usd = month_usd(role, role->maximum);

    table_cell(t, "%s", role->name);
    table_cell(t, "%d", role->minimum);
    table_cell(t, "%d", role->maximum);
    table_cell(t, "%.6g", jobs_per_minute(role, role->minimum));
    table_cell(t, "%.6g", jobs_per_minute(role, role->maximum));
    table_cell(t, "%s", role->dynosize ? role->dynosize : "-");
    cost_cell(t, minimum_usd);
    cost_cell(t, maximum_usd);
    total->minimum += role->minimum;
    total->maximum += role->maximum;
    total->minimum_usd += minimum_usd;
    total->maximum_usd += maximum_usd;
}

static void print_capacity(const struct guv_settings *s, struct table *t)
{
    struct total total = {0};

    for (size_t i = 0; i < s->n_roles; i++)
        print_role_capacity(&s->roles[i], t, &total);
    if (s->n_roles < 2)
        return;
    table_cell(t, "(all)");
    table_cell(t, "%d", total.minimum);
    table_cell(t, "%d", total.maximum);
    table_cell(t, "-"); /* jobs of one role are not those of another */
    table_cell(t, "-");
    table_cell(t, "-");
    cost_cell(t, total.minimum_usd);
    cost_cell(t, total.maximum_usd);
}

static int print_tables(const struct guv_settings *s, struct buf *out)
{
    static const struct table_column settings[] = {
        {"ROLE", false},   {"DEADLINE", true}, {"TARGET", true},  {"PROCESSING", true},
        {"STDDEV", true},  {"CONC", true},     {"BOOT", true},    {"SLACK", true},
        {"POLICY", false}, {"QUEUE", false},   {"WORKER", false}, {"APP", false}};
    static const struct table_column capacity[] = {
        {"ROLE", false},  {"MIN", true},   {"MAX", true},       {"JOBS/MIN", true},
        {"AT MAX", true}, {"SIZE", false}, {"USD/MONTH", true}, {"AT MAX", true}};
    struct table first = TABLE_INIT(settings), second = TABLE_INIT(capacity);
    int rc;

    print_settings(s, &first);
    print_capacity(s, &second);
    rc = table_print(&first, 0, out);
    buf_text(out, "\n");
    rc |= table_print(&second, 0, out);
    table_release(&first);
    table_release(&second);
    return rc;
}

static void print_warnings(const struct guv_settings *s, struct buf *out)
{
    const char *from = s->warnings.data, *end;

    if (s->warnings.len)
        buf_text(out, "\n");
    for (; from && (end = strchr(from, '\n')); from = end + 1)
        buf_printf(out, "warning: %.*s\n", (int)(end - from), from);
}

int validate_report_text(const struct guv_settings *s, struct buf *out)
{
    if (s->n_roles && print_tables(s, out))
        return -1;
    buf_printf(out, s->n_roles ? "\n" : "no roles\n");
    if (s->n_roles)
        buf_printf(out, "decides every %.4g s%s\n", s->poll_s,
                   s->poll_is_set ? "" : " (of the shortest deadline: pollinterval is not set)");
    if (s->budget)
        buf_printf(out, "budget: %d workers\n", s->budget);
    print_warnings(s, out);
    return out->failed ? -1 : 0;
}

/* --- JSON -------------------------------------------------------------------------------- */

/* Texts may be NULL, costs NAN: then null. Values of the file are UTF-8: its parser sees to it. */
static json_t *text_json(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *cost_json(double usd)
{
    return isnan(usd) ? json_null() : json_real(usd);
}

static json_t *role_json(const struct role_settings *role)
{
    return json_pack(
        "{s:s, s:i, s:f, s:f, s:f, s:f, s:f, s:i, s:f, s:f, s:i, s:i, s:f, s:i, s:f, s:s, s:s, s:s,"
        " s:o, s:o, s:o, s:o, s:f, s:f, s:o, s:o}",
        "role", role->name, "line", role->line, "processing", role->processing_s, "stddev",
        role->stddev_s, "deadline", role->deadline_s, "percentile", role->percentile, "target",
        role->target_s, "concurrency", role->concurrency, "boot", role->boot_s, "shutdown",
        role->shutdown_s, "minimum", role->minimum, "maximum", role->maximum, "slack", role->slack,
        "priority", role->priority, "billing", role->billing_s, "policy",
        policy_kind_name(role->policy), "worker", role->worker, "queue", role->queue, "app",
        text_json(role->app), "dynosize", text_json(role->dynosize), "jobs",
        text_json(role->jobs_query), "boots", text_json(role->boots_query),
        "jobs_per_minute_at_minimum", jobs_per_minute(role, role->minimum),
        "jobs_per_minute_at_maximum", jobs_per_minute(role, role->maximum), "month_usd_at_minimum",
        cost_json(month_usd(role, role->minimum)), "month_usd_at_maximum",
        cost_json(month_usd(role, role->maximum)));
}

static json_t *lines_json(const struct buf *lines)
{
    json_t *list = json_array();
    const char *from = lines->data, *end;

    for (; list && from && (end = strchr(from, '\n')); from = end + 1)
        if (json_array_append_new(list, json_stringn(from, (size_t)(end - from)))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *roles_json(const struct guv_settings *s)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < s->n_roles; i++)
        if (json_array_append_new(list, role_json(&s->roles[i]))) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static int put_json(json_t *json, struct buf *out)
{
    AUTO(text_freep) char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;

    json_decref(json);
    if (!text)
        return -1;
    buf_text(out, text);
    return buf_text(out, "\n");
}

int validate_report_json(const struct guv_settings *s, struct buf *out)
{
    return put_json(json_pack("{s:o, s:f, s:b, s:f, s:i, s:o}", "roles", roles_json(s),
                              "pollinterval", s->poll_s, "pollinterval_is_set", (int)s->poll_is_set,
                              "history", s->history_s, "budget", s->budget, "warnings",
                              lines_json(&s->warnings)),
                    out);
}

int validate_report_problems_json(const struct buf *lines, struct buf *out)
{
    return put_json(json_pack("{s:o}", "problems", lines_json(lines)), out);
}
