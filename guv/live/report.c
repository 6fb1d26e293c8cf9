#include "live/report.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/table.h"
#include "base/utf8.h"

#define UNKNOWN ((double)NAN)

double report_utilisation(const struct role_view *r)
{
    double consumers = r->seen.consumers, load = r->decided.load;

    if (isnan(load) || isnan(consumers) || consumers <= 0)
        return UNKNOWN;
    return load < consumers ? load / consumers : 1;
}

/* ---- metrics ---- */

struct gauge {
    const char *name, *help;
    double (*value)(const struct role_view *r);
};

static double get_messages(const struct role_view *r)
{
    return r->seen.messages;
}

static double get_unacked(const struct role_view *r)
{
    return r->seen.unacked;
}

static double get_consumers(const struct role_view *r)
{
    return r->seen.consumers;
}

static double get_workers(const struct role_view *r)
{
    return r->type->current < 0 ? UNKNOWN : r->type->current;
}

static double get_wanted(const struct role_view *r)
{
    return r->mood == MOOD_NEW ? UNKNOWN : r->decided.workers;
}

static double get_load(const struct role_view *r)
{
    return r->decided.load;
}

static double get_arrivals(const struct role_view *r)
{
    return r->decided.arrivals_s;
}

static double get_processing(const struct role_view *r)
{
    return r->decided.processing_s;
}

static double get_boot(const struct role_view *r)
{
    return r->decided.boot_s;
}

static double get_late(const struct role_view *r)
{
    return r->decided.late;
}

static double get_pinned(const struct role_view *r)
{
    return r->decided.pinned;
}

static double get_frozen(const struct role_view *r)
{
    return r->decided.is_frozen;
}

static double get_catch_up(const struct role_view *r)
{
    return r->decided.catch_up_s;
}

static const struct gauge gauges[] = {
    {"guv_messages", "Messages of the queue, waiting or in hand.", get_messages},
    {"guv_messages_unacked", "Messages in the hands of workers.", get_unacked},
    {"guv_consumers", "Workers that consume.", get_consumers},
    {"guv_workers", "Workers the platform is asked for.", get_workers},
    {"guv_workers_wanted", "Workers that guv wants.", get_wanted},
    {"guv_load_workers", "Workers that would be busy all the time.", get_load},
    {"guv_arrivals_per_second", "Jobs that arrive.", get_arrivals},
    {"guv_processing_seconds", "Mean service time of a job, as estimated.", get_processing},
    {"guv_boot_seconds", "Start of a worker, as estimated.", get_boot},
    {"guv_utilisation_ratio", "Busy part of the workers that consume, as estimated.",
     report_utilisation},
    {"guv_late", "1: some waiting jobs cannot make their deadline any more.", get_late},
    {"guv_pinned", "1: more workers than the maximum would be needed.", get_pinned},
    {"guv_frozen", "1: workers that were asked for never came, so no more are asked for.",
     get_frozen},
    {"guv_catch_up_seconds", "Late or pinned: until nothing waits, if it goes on like this.",
     get_catch_up},
};

/* A label's value, escaped as the format wants it. */
static void label(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n')
            buf_text(out, "\\n");
        else if (*text == '"' || *text == '\\')
            buf_printf(out, "\\%c", *text);
        else
            buf_append(out, text, 1);
    }
}

static void head(struct buf *out, const char *name, const char *help, const char *type)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void sample(struct buf *out, const char *name, const char *help, const char *type,
                   double value)
{
    if (isnan(value))
        return;
    head(out, name, help, type);
    buf_printf(out, "%s %.15g\n", name, value);
}

static void role_gauge(const struct view *v, const struct gauge *g, struct buf *out)
{
    head(out, g->name, g->help, "gauge");
    for (size_t i = 0; i < v->n_roles; i++) {
        double value = g->value(&v->roles[i]);

        if (isnan(value))
            continue;
        buf_printf(out, "%s{role=\"", g->name);
        label(out, v->roles[i].settings->name);
        buf_printf(out, "\"} %.15g\n", value);
    }
}

static void decisions(const struct view *v, struct buf *out)
{
    head(out, "guv_decisions_total", "Decisions since the start, by kind.", "counter");
    for (size_t i = 0; i < v->n_roles; i++)
        for (int kind = 0; kind < 2; kind++) {
            buf_text(out, "guv_decisions_total{role=\"");
            label(out, v->roles[i].settings->name);
            buf_printf(out, "\",kind=\"%s\"} %lu\n", kind ? "scale" : "hold",
                       kind ? v->roles[i].scaled : v->roles[i].held);
        }
}

static void apps(const struct view *v, struct buf *out)
{
    head(out, "guv_platform_errors_total", "Failed calls of the platform.", "counter");
    for (size_t i = 0; i < v->platform->n_apps; i++) {
        buf_text(out, "guv_platform_errors_total{app=\"");
        label(out, v->platform->apps[i].name);
        buf_printf(out, "\"} %u\n", v->platform->apps[i].errors);
    }
}

void report_metrics(const struct view *v, struct buf *out)
{
    for (size_t i = 0; i < sizeof(gauges) / sizeof(*gauges); i++)
        role_gauge(v, &gauges[i], out);
    decisions(v, out);
    apps(v, out);
    sample(out, "guv_leader", "1: this guv acts; 0: it waits for another one to go.", "gauge",
           v->is_leader);
    sample(out, "guv_broker_up", "1: the broker could be read in the last poll.", "gauge",
           v->source != QUEUES_NONE);
    sample(out, "guv_polls_total", "Polls since the start.", "counter", (double)v->polls);
    sample(out, "guv_poll_age_seconds", "Time since the last poll.", "gauge", v->polled_s_ago);
    sample(out, "guv_poll_duration_seconds", "What the last poll took.", "gauge", v->poll_took_s);
    sample(out, "guv_platform_requests_remaining", "Requests left, as the platform told last.",
           "gauge", v->platform->rate_remaining);
}

/* ---- JSON ---- */

/* A number, or null: not known. Rounded: what is shown is no place for a double's last digits. */
static json_t *number(double value)
{
    return isfinite(value) ? json_real(round(value * 1000) / 1000) : json_null();
}

static json_t *count(double value)
{
    return isfinite(value) ? json_integer((json_int_t)value) : json_null();
}

static json_t *role_json(const struct role_view *r)
{
    const struct role_settings *s = r->settings;
    const struct decision *d = &r->decided;

    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, "
        "s:b, s:o, s:s, s:s}",
        "role", s->name, "queue", s->queue, "app", r->app->name, "worker", s->worker, "workers",
        count(get_workers(r)), "minimum", s->minimum, "maximum", s->maximum, "wanted",
        count(get_wanted(r)), "messages", count(r->seen.messages), "unacked",
        count(r->seen.unacked), "consumers", count(r->seen.consumers), "load", number(d->load),
        "utilisation", number(report_utilisation(r)), "arrivals", number(d->arrivals_s),
        "processing", number(d->processing_s), "boot", number(d->boot_s), "late", d->late, "pinned",
        d->pinned, "catch_up", number(d->catch_up_s), "state", mood_name(r->mood), "reason",
        d->reason);
}

static json_t *app_json(const struct app *a)
{
    return json_pack("{s:s, s:b, s:s, s:i}", "app", a->name, "read", a->is_read, "trouble",
                     a->trouble, "errors", (int)a->errors);
}

static const char *source_name(enum queues_source source)
{
    static const char *const names[] = {"none", "management", "amqp"};

    return names[source];
}

json_t *report_status(const struct view *v)
{
    json_t *status = json_pack(
        "{s:s, s:b, s:s, s:b, s:o, s:o, s:i, s:{s:s, s:s}, s:o, s:[], s:[]}", "version",
        PROJECT_VERSION, "leader", v->is_leader, "leader_trouble", v->leader_trouble, "dry_run",
        v->dry_run, "poll", number(v->poll_s), "polled_ago", number(v->polled_s_ago), "budget",
        v->budget, "broker", "source", source_name(v->source), "trouble", v->broker_trouble,
        "requests_remaining", count(v->platform->rate_remaining), "apps", "roles");
    json_t *list = json_object_get(status, "apps");

    for (size_t i = 0; i < v->platform->n_apps; i++)
        json_array_append_new(list, app_json(&v->platform->apps[i]));
    list = json_object_get(status, "roles");
    for (size_t i = 0; i < v->n_roles; i++)
        json_array_append_new(list, role_json(&v->roles[i]));
    return status;
}

void report_decision(const struct role_view *r, int from, bool acts, int64_t wall_ms,
                     struct buf *out)
{
    const struct observation *o = &r->seen;
    const struct decision *d = &r->decided;
    char at[TIMESTAMP_SIZE];
    json_auto_t *line = NULL;
    AUTO(text_freep) char *text = NULL;

    clock_timestamp(wall_ms, at);
    line = json_pack(
        "{s:s, s:s, s:s, s:b, s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
        "s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}",
        "at", at, "role", r->settings->name, "decision",
        d->kind == DECISION_SCALE ? "scale" : "hold", "acts", acts, "from", from, "workers",
        d->workers, "state", mood_name(r->mood), "reason", d->reason, "messages",
        count(o->messages), "unacked", count(o->unacked), "consumers", count(o->consumers),
        "published", count(o->published), "acked", count(o->acked), "publish_rate",
        number(o->publish_rate), "ack_rate", number(o->ack_rate), "service_n", count(o->service_n),
        "service_mean", number(o->service_mean_s), "load", number(d->load), "arrivals",
        number(d->arrivals_s), "processing", number(d->processing_s), "boot", number(d->boot_s),
        "room", number(d->room_s), "late", d->late, "pinned", d->pinned, "catch_up",
        number(d->catch_up_s));
    text = json_dumps(line, JSON_COMPACT);
    buf_printf(out, "%s\n", text ? text : "{}");
}

/* ---- the table ---- */

static void cell(struct table *t, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (json_is_integer(value))
        table_cell(t, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        table_cell(t, "%.2f", json_real_value(value));
    else
        table_cell(t, "%s", json_is_string(value) ? json_string_value(value) : "-");
}

static void say(struct buf *out, const char *what, const char *name, const json_t *trouble)
{
    const char *text = json_string_value(trouble);
    size_t from = out->len;

    if (!text || !*text || buf_printf(out, "%s%s%s: %s", what, *name ? " " : "", name, text))
        return;
    utf8_tame(out->data + from, out->len - from); /* whoever answered at that port */
    buf_text(out, "\n");
}

int report_table(const json_t *status, size_t max_width, struct buf *out)
{
    static const struct table_column columns[] = {
        {"ROLE", false}, {"WORKERS", true}, {"WANTED", true},  {"MIN", true},
        {"MAX", true},   {"QUEUE", true},   {"IN HAND", true}, {"CONSUMERS", true},
        {"LOAD", true},  {"STATE", false},  {"REASON", false},
    };
    static const char *const keys[] = {"role",    "workers",  "wanted",  "minimum",
                                       "maximum", "messages", "unacked", "consumers",
                                       "load",    "state",    "reason"};
    struct table t = TABLE_INIT(columns);
    const json_t *item, *broker = json_object_get(status, "broker");
    size_t i;
    int rc;

    json_array_foreach(json_object_get(status, "roles"), i, item)
    {
        for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
            cell(&t, item, keys[k]);
    }
    rc = table_print(&t, max_width, out);
    table_release(&t);
    say(out, "broker", "", json_object_get(broker, "trouble"));
    say(out, "lock", "", json_object_get(status, "leader_trouble"));
    json_array_foreach(json_object_get(status, "apps"), i, item)
    {
        const char *name = json_string_value(json_object_get(item, "app"));

        say(out, "app", name ? name : "", json_object_get(item, "trouble"));
    }
    return out->failed ? -1 : rc;
}
