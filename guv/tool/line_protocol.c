#include "line_protocol.h"

#include <string.h>

#include <jansson.h>

#include "policy/policy.h"

struct line_role {
    struct role_settings settings; /* the file's, with the policy asked for */
    struct policy *policy;
};

struct line_protocol {
    const struct guv_settings *settings;
    struct line_role *roles; /* as many, in the same order */
    size_t lines;            /* that have come */
};

/* ---- start */

static int open_role(const struct guv_settings *s, const char *policy, struct line_role *r,
                     struct err *e)
{
    if (policy && policy_kind_find(policy, &r->settings.policy))
        return err_set(e, ERR_INPUT, "there is no policy '%s': it is tube or guv", policy);
    return policy_new(&r->settings, settings_poll_s(s, r->settings.policy), s->history_s,
                      &r->policy, e);
}

int line_protocol_new(const struct guv_settings *s, const char *policy, struct line_protocol **ret,
                      struct err *e)
{
    struct line_protocol *p = calloc(1, sizeof *p);

    if (p)
        p->roles = calloc(s->n_roles + 1, sizeof *p->roles);
    if (!p || !p->roles) {
        free(p);
        return err_set(e, ERR_NOMEM, "no memory for %zu roles", s->n_roles);
    }
    p->settings = s;
    for (size_t i = 0; i < s->n_roles; i++) {
        p->roles[i].settings = s->roles[i];
        if (open_role(s, policy, &p->roles[i], e)) {
            line_protocol_free(p);
            return -1;
        }
    }
    *ret = p;
    return 0;
}

void line_protocol_free(struct line_protocol *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->settings->n_roles; i++)
        policy_free(p->roles[i].policy);
    free(p->roles);
    free(p);
}

/* ---- what comes in */

/* A number from 0, or null or absent: not known. */
static int read_number(const json_t *object, const char *key, double *ret, struct err *e)
{
    const json_t *value = json_object_get(object, key);

    *ret = NAN;
    if (!value || json_is_null(value))
        return 0;
    if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
        json_number_value(value) > OBSERVATION_MAX)
        return err_set(e, ERR_INPUT, "'%s' must be a number from 0 to %g, or null", key,
                       OBSERVATION_MAX);
    *ret = json_number_value(value);
    return 0;
}

static int read_observation(const json_t *object, struct observation *ret, struct err *e)
{
    const json_t *t = json_object_get(object, "t"), *workers = json_object_get(object, "workers");
    struct observation o;
    const struct {
        const char *key;
        double *to;
    } numbers[] = {{"messages", &o.messages},
                   {"unacked", &o.unacked},
                   {"consumers", &o.consumers},
                   {"publish_rate", &o.publish_rate},
                   {"ack_rate", &o.ack_rate},
                   {"published", &o.published},
                   {"acked", &o.acked},
                   {"oldest", &o.oldest_s},
                   {"service_n", &o.service_n},
                   {"service_mean", &o.service_mean_s},
                   {"service_sd", &o.service_sd_s},
                   {"boot_n", &o.boot_n},
                   {"boot_mean", &o.boot_mean_s}};

    if (!json_is_number(t) || !(fabs(json_number_value(t)) <= OBSERVATION_MAX))
        return err_set(e, ERR_INPUT, "'t' must be a number of seconds");
    if (!json_is_integer(workers) || json_integer_value(workers) < 0 ||
        json_integer_value(workers) > SETTINGS_MAX_WORKERS)
        return err_set(e, ERR_INPUT, "'workers' must be 0..%d", SETTINGS_MAX_WORKERS);
    o = observation_of(json_number_value(t), (int)json_integer_value(workers));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (read_number(object, numbers[i].key, numbers[i].to, e))
            return -1;
    *ret = o;
    return 0;
}

static struct line_role *find_role(struct line_protocol *p, const json_t *object, struct err *e)
{
    const char *name = json_string_value(json_object_get(object, "role"));

    for (size_t i = 0; name && i < p->settings->n_roles; i++)
        if (strcmp(p->roles[i].settings.name, name) == 0)
            return &p->roles[i];
    err_set(e, ERR_INPUT, name ? "there is no role '%s'" : "'role' must be a text", name);
    return NULL;
}

/* ---- what goes out */

static void set_number(json_t *object, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(object, key, json_real(value));
}

static json_t *decision_json(const struct role_settings *role, const struct observation *o,
                             const struct decision *d)
{
    bool is_known = !isnan(o->messages) && !isnan(o->consumers);
    bool is_hold = d->kind == DECISION_HOLD && !is_known;
    json_t *json = json_pack("{s:s, s:o, s:s}", "role", role->name, "workers",
                             is_hold ? json_null() : json_integer(d->workers), "reason", d->reason);

    if (!json)
        return NULL;
    set_number(json, "load", d->load);
    set_number(json, "arrivals", d->arrivals_s);
    set_number(json, "processing", d->processing_s);
    set_number(json, "boot", d->boot_s);
    set_number(json, "room", d->room_s);
    if (d->late)
        json_object_set_new(json, "late", json_true());
    if (d->pinned)
        json_object_set_new(json, "pinned", json_true());
    set_number(json, "catch_up", d->catch_up_s);
    return json;
}

/* ---- one line */

/* The roles of one moment, all checked before any is decided on. */
struct moment {
    struct line_role **roles;
    const struct role_settings **settings;
    struct observation *observations;
    struct decision *decisions;
    int *current;
};

static void release(struct moment *m)
{
    free(m->roles);
    free(m->settings);
    free(m->observations);
    free(m->decisions);
    free(m->current);
}

static int read_moment(struct line_protocol *p, json_t *const *objects, size_t n, struct moment *m,
                       struct err *e)
{
    m->roles = calloc(n + 1, sizeof *m->roles);
    m->settings = calloc(n + 1, sizeof *m->settings);
    m->observations = calloc(n + 1, sizeof *m->observations);
    m->decisions = calloc(n + 1, sizeof *m->decisions);
    m->current = calloc(n + 1, sizeof *m->current);
    if (!m->roles || !m->settings || !m->observations || !m->decisions || !m->current)
        return err_set(e, ERR_NOMEM, "no memory for %zu observations", n);
    for (size_t i = 0; i < n; i++) {
        m->roles[i] = find_role(p, objects[i], e);
        if (!m->roles[i] || read_observation(objects[i], &m->observations[i], e))
            return -1;
        for (size_t k = 0; k < i; k++)
            if (m->roles[k] == m->roles[i])
                return err_set(e, ERR_INPUT, "role '%s' stands there twice",
                               m->roles[i]->settings.name);
        m->settings[i] = &m->roles[i]->settings;
        m->current[i] = m->observations[i].workers;
    }
    return 0;
}

/* The answer, new; NULL with *e. */
static json_t *decide(struct line_protocol *p, json_t *const *objects, size_t n, struct err *e)
{
    struct moment m = {0};
    json_t *list = json_array();

    if (!list || read_moment(p, objects, n, &m, e)) {
        json_decref(list);
        release(&m);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        policy_decide(m.roles[i]->policy, &m.observations[i], &m.decisions[i]);
    if (budget_share(p->settings->budget, m.settings, m.current, m.decisions, n, e)) {
        json_decref(list);
        list = NULL;
    }
    for (size_t i = 0; list && i < n; i++)
        json_array_append_new(list,
                              decision_json(m.settings[i], &m.observations[i], &m.decisions[i]));
    release(&m);
    return list;
}

static json_t *answer(struct line_protocol *p, json_t *json, struct err *e)
{
    json_t **objects, *list, *one;
    size_t n = json_array_size(json);

    if (json_is_object(json)) {
        list = decide(p, &json, 1, e);
        one = json_incref(json_array_get(list, 0));
        json_decref(list);
        return one;
    }
    objects = calloc(n + 1, sizeof *objects);
    if (!objects) {
        err_set(e, ERR_NOMEM, "no memory for %zu observations", n);
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        objects[i] = json_array_get(json, i);
    list = decide(p, objects, n, e);
    free(objects);
    return list;
}

int line_protocol_answer(struct line_protocol *p, const char *line, size_t len, struct buf *out)
{
    struct err e = ERR_INIT;
    json_error_t where;
    json_auto_t *json = NULL, *ret = NULL;
    AUTO(text_freep) char *text = NULL;

    p->lines++;
    if (len <= LINE_MAX_BYTES)
        json = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (len > LINE_MAX_BYTES)
        err_set(&e, ERR_LIMIT, "longer than %zu bytes", LINE_MAX_BYTES);
    else if (!json)
        err_set(&e, ERR_INPUT, "not JSON: %s", where.text);
    else if (!json_is_object(json) && !json_is_array(json))
        err_set(&e, ERR_INPUT, "must be an object or a list of objects");
    else
        ret = answer(p, json, &e);
    if (!ret)
        ret = json_pack("{s:o}", "error",
                        json_sprintf("line %zu: %s", p->lines, *e.text ? e.text : "no memory"));
    text = json_dumps(ret, JSON_COMPACT | JSON_REAL_PRECISION(6));
    if (!text)
        return buf_text(out, "{\"error\":\"no memory\"}\n");
    buf_text(out, text);
    return buf_text(out, "\n");
}
