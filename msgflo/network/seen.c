/*
 * seen.c - see the header. Participants lie in one array, sorted by role and id; announcements come
 * every half minute or so, and thus a scan for an id is cheap enough at the limit.
 */
#include "network/seen.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

#define INTERVALS_A_PERIOD 2.2 /* announcements (msgflo-nodejs src/participant.js) */
#define INTERVAL_MIN_MS 1000
#define INTERVAL_MAX_MS 600000 /* a longer silence was an outage */
#define SPACINGS 3             /* the longest counts: one announced early says little */
#define TOGETHER_MS 250        /* heard so close, they had waited in a queue */
#define MISSED_STALE 2         /* intervals */
#define MISSED_GONE 3          /* periods */

struct heard {
    struct participant *p;
    int64_t spacings_ms[SPACINGS]; /* the last ones, 0: none yet */
    size_t next_spacing;
};

struct seen {
    struct heard *heard;
    size_t n, size;
};

/* --- one announcement -------------------------------------------------------------------- */

static void ports_free(struct seen_port *ports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(ports[i].id);
        free(ports[i].type);
        free(ports[i].queue);
        free(ports[i].description);
    }
    free(ports);
}

void participant_free(struct participant *p)
{
    if (!p)
        return;
    free(p->id);
    free(p->role);
    free(p->component);
    free(p->label);
    free(p->icon);
    ports_free(p->inports, p->n_inports);
    ports_free(p->outports, p->n_outports);
    free(p);
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "no memory for a participant");
}

static int get_text(const json_t *object, const char *where, const char *key, char **ret,
                    struct err *e)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value) || json_string_length(value) == 0)
        return err_set(e, ERR_INPUT, "%s.%s: must be a text that is not empty", where, key);
    *ret = strdup(json_string_value(value));
    return *ret ? 0 : no_memory(e);
}

/* What is absent, or no text, is NULL: peers differ in what they leave out. */
static int get_optional(const json_t *object, const char *key, char **ret, struct err *e)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_string(value) || json_string_length(value) == 0)
        return 0;
    *ret = strdup(json_string_value(value));
    return *ret ? 0 : no_memory(e);
}

static int get_port(const json_t *object, const char *where, struct seen_port *ret, struct err *e)
{
    if (!json_is_object(object))
        return err_set(e, ERR_INPUT, "%s: must hold objects", where);
    if (get_text(object, where, "id", &ret->id, e) || get_optional(object, "type", &ret->type, e) ||
        get_optional(object, "queue", &ret->queue, e) ||
        get_optional(object, "description", &ret->description, e))
        return -1;
    if (!ret->type)
        ret->type = strdup("any");
    return ret->type ? 0 : no_memory(e);
}

static int get_ports(const json_t *payload, const char *key, struct seen_port **ret, size_t *ret_n,
                     struct err *e)
{
    const json_t *list = json_object_get(payload, key);
    size_t n = json_array_size(list);

    if (!json_is_array(list))
        return err_set(e, ERR_INPUT, "payload.%s: must be a list", key);
    if (n > SEEN_MAX_PORTS)
        return err_set(e, ERR_LIMIT, "payload.%s: more than %d ports", key, SEEN_MAX_PORTS);
    *ret = calloc(n ? n : 1, sizeof(**ret));
    if (!*ret)
        return no_memory(e);
    *ret_n = n;
    for (size_t i = 0; i < n; i++)
        if (get_port(json_array_get(list, i), key, &(*ret)[i], e))
            return -1;
    return 0;
}

static int read_payload(const json_t *payload, struct participant *p, struct err *e)
{
    if (get_text(payload, "payload", "id", &p->id, e) ||
        get_text(payload, "payload", "role", &p->role, e) ||
        get_text(payload, "payload", "component", &p->component, e) ||
        get_optional(payload, "label", &p->label, e) ||
        get_optional(payload, "icon", &p->icon, e) ||
        get_ports(payload, "inports", &p->inports, &p->n_inports, e) ||
        get_ports(payload, "outports", &p->outports, &p->n_outports, e))
        return -1;
    return 0;
}

static bool member_is(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value && strcmp(value, text) == 0;
}

static int read_announcement(const json_t *json, struct participant **ret, struct err *e)
{
    const json_t *payload = json_object_get(json, "payload");
    struct participant *p;

    if (!member_is(json, "protocol", "discovery") || !member_is(json, "command", "participant"))
        return err_set(e, ERR_INPUT, "not a discovery message of a participant");
    if (!json_is_object(payload))
        return err_set(e, ERR_INPUT, "payload: must be an object");
    p = calloc(1, sizeof(*p));
    if (!p)
        return no_memory(e);
    if (read_payload(payload, p, e)) {
        participant_free(p);
        return -1;
    }
    p->interval_ms = (int64_t)(SEEN_PERIOD_DEFAULT_MS / INTERVALS_A_PERIOD);
    *ret = p;
    return 0;
}

int participant_parse(const char *text, size_t len, struct participant **ret, struct err *e)
{
    json_error_t where;
    json_t *json;
    int rc;

    if (len > SEEN_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "an announcement of %zu bytes: at most %d", len,
                       SEEN_MAX_BYTES);
    json = json_loadb(text, len, 0, &where);
    if (!json)
        return err_set(e, ERR_INPUT, "an announcement is no JSON object: %s", where.text);
    rc = read_announcement(json, ret, e);
    json_decref(json);
    return rc;
}

/* --- who is there ------------------------------------------------------------------------ */

struct seen *seen_new(void)
{
    return calloc(1, sizeof(struct seen));
}

void seen_free(struct seen *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        participant_free(s->heard[i].p);
    free(s->heard);
    free(s);
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_ports(const struct seen_port *a, const struct seen_port *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!same_text(a[i].id, b[i].id) || !same_text(a[i].type, b[i].type) ||
            !same_text(a[i].queue, b[i].queue) || !same_text(a[i].description, b[i].description))
            return false;
    return true;
}

static bool same_definition(const struct participant *a, const struct participant *b)
{
    return same_text(a->role, b->role) && same_text(a->component, b->component) &&
           same_text(a->label, b->label) && same_text(a->icon, b->icon) &&
           a->n_inports == b->n_inports && a->n_outports == b->n_outports &&
           same_ports(a->inports, b->inports, a->n_inports) &&
           same_ports(a->outports, b->outports, a->n_outports);
}

static bool is_gone(const struct participant *p, int64_t now_ms)
{
    double limit = (double)p->interval_ms * INTERVALS_A_PERIOD * MISSED_GONE;

    return (double)(now_ms - p->last_seen_ms) > limit;
}

bool participant_is_stale(const struct participant *p, int64_t now_ms)
{
    return now_ms - p->last_seen_ms > MISSED_STALE * p->interval_ms;
}

static size_t find_id(const struct seen *s, const char *id)
{
    size_t i = 0;

    while (i < s->n && strcmp(s->heard[i].p->id, id) != 0)
        i++;
    return i;
}

/* Where a participant belongs in the order of role, then id. */
static size_t find_place(const struct seen *s, const char *role, const char *id)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct participant *other = s->heard[middle].p;
        int order = strcmp(other->role, role);

        if (order < 0 || (order == 0 && strcmp(other->id, id) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert(struct seen *s, struct heard heard, struct err *e)
{
    size_t at = find_place(s, heard.p->role, heard.p->id);

    if (s->n == SEEN_MAX_PARTICIPANTS)
        return err_set(e, ERR_LIMIT, "more than %d participants", SEEN_MAX_PARTICIPANTS);
    if (s->n == s->size) {
        size_t size = s->size ? s->size * 2 : 16;
        struct heard *grown = reallocarray(s->heard, size, sizeof(*grown));

        if (!grown)
            return no_memory(e);
        s->heard = grown;
        s->size = size;
    }
    memmove(&s->heard[at + 1], &s->heard[at], (s->n - at) * sizeof(*s->heard));
    s->heard[at] = heard;
    s->n++;
    return 0;
}

static struct heard take_at(struct seen *s, size_t at)
{
    struct heard heard = s->heard[at];

    s->n--;
    memmove(&s->heard[at], &s->heard[at + 1], (s->n - at) * sizeof(*s->heard));
    return heard;
}

/* Its own interval: the longest of the last spacings between announcements. */
static void learn_interval(struct heard *heard, int64_t spacing_ms)
{
    int64_t longest = 0;

    if (spacing_ms < TOGETHER_MS)
        return;
    if (spacing_ms > INTERVAL_MAX_MS)
        spacing_ms = INTERVAL_MAX_MS;
    if (spacing_ms < INTERVAL_MIN_MS)
        spacing_ms = INTERVAL_MIN_MS;
    heard->spacings_ms[heard->next_spacing] = spacing_ms;
    heard->next_spacing = (heard->next_spacing + 1) % SPACINGS;
    for (size_t i = 0; i < SPACINGS; i++)
        if (heard->spacings_ms[i] > longest)
            longest = heard->spacings_ms[i];
    /* Until there are enough spacings, the default's interval is one of them. */
    if (!heard->spacings_ms[SPACINGS - 1] && longest < heard->p->interval_ms)
        longest = heard->p->interval_ms;
    heard->p->interval_ms = longest;
}

int seen_heard(struct seen *s, struct participant *p_take, int64_t now_ms, enum seen_change *ret,
               struct err *e)
{
    struct heard heard = {0};
    size_t at = find_id(s, p_take->id);

    *ret = SEEN_NEW;
    p_take->first_seen_ms = now_ms;
    if (at < s->n) {
        struct participant *old;

        heard = take_at(s, at);
        old = heard.p;
        if (now_ms < old->last_seen_ms) /* it was told late */
            now_ms = old->last_seen_ms;
        if (!is_gone(old, now_ms)) {
            *ret = same_definition(old, p_take) ? SEEN_SAME : SEEN_CHANGED;
            p_take->first_seen_ms = old->first_seen_ms;
        }
        p_take->interval_ms = old->interval_ms;
        heard.p = p_take;
        learn_interval(&heard, now_ms - old->last_seen_ms);
        participant_free(old);
    }
    heard.p = p_take;
    p_take->last_seen_ms = now_ms;
    if (insert(s, heard, e)) {
        participant_free(p_take);
        return -1;
    }
    return 0;
}

struct participant *seen_take_gone(struct seen *s, int64_t now_ms)
{
    for (size_t i = 0; i < s->n; i++)
        if (is_gone(s->heard[i].p, now_ms))
            return take_at(s, i).p;
    return NULL;
}

void seen_forget(struct seen *s, const char *role)
{
    for (size_t i = s->n; i-- > 0;)
        if (strcmp(s->heard[i].p->role, role) == 0)
            participant_free(take_at(s, i).p);
}

size_t seen_count(const struct seen *s)
{
    return s->n;
}

const struct participant *seen_at(const struct seen *s, size_t i)
{
    return s->heard[i].p;
}

const struct participant *seen_role(const struct seen *s, const char *role, int64_t now_ms)
{
    const struct participant *any = NULL;

    for (size_t i = find_place(s, role, ""); i < s->n && strcmp(s->heard[i].p->role, role) == 0;
         i++) {
        if (!participant_is_stale(s->heard[i].p, now_ms))
            return s->heard[i].p;
        if (!any)
            any = s->heard[i].p;
    }
    return any;
}

const char *participant_queue(const struct participant *p, bool is_inport, const char *port)
{
    const struct seen_port *ports = is_inport ? p->inports : p->outports;
    size_t n = is_inport ? p->n_inports : p->n_outports;

    for (size_t i = 0; i < n; i++)
        if (strcmp(ports[i].id, port) == 0)
            return ports[i].queue;
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(ports[i].id, port) == 0)
            return ports[i].queue;
    return NULL;
}
