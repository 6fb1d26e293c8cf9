/*
 * settings.c - see the header.
 *
 * Design notes. Every key is a row of a table. A map is read into one value a row; a role starts
 * with a copy of the values of '*', so that every key is inherited, and then sets its own. Only
 * when all values of a role are known are they put in its struct, with defaults that depend on each
 * other. A key that is there without a value (or with an empty text) takes the default, even if '*'
 * has a value for it: so it is in the original.
 */
#include "config/settings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/check.h"
#include "config/normal.h"
#include "config/note.h"
#include "config/tree.h"

_Static_assert(SETTINGS_MAX_TEXT == TREE_MAX_TEXT, "the tree holds the limit of a value");
_Static_assert(SETTINGS_MAX_ROLES < TREE_MAX_PAIRS, "the tree has room for all roles and '*'");

#define EVERYONE "*"

#define SHORTEST_S 1e-6 /* a microsecond: what stands for "above 0" */
#define FASTEST_POLL_S 0.1
#define LEAST_PERCENTILE 0.001
#define MOST_PERCENTILE 99.999999
#define LEAST_SLACK 0.01
#define MAX_PRIORITY 1000

#define DEFAULT_STDDEV 0.5  /* of the processing time */
#define TARGET_ABOVE_S 0.01 /* above processing: the original's least target */

/* Without pollinterval: so many polls in the shortest deadline, within these bounds. */
#define POLLS_PER_DEADLINE 24
#define SHORTEST_POLL_S 2.0
#define LONGEST_POLL_S 30.0
#define ORIGINAL_POLL_S 30.0 /* the original's */

/* --- keys -------------------------------------------------------------------------------- */

enum key_id {
    KEY_PROCESSING,
    KEY_STDDEV,
    KEY_DEADLINE,
    KEY_PERCENTILE,
    KEY_TARGET,
    KEY_CONCURRENCY,
    KEY_BOOT,
    KEY_SHUTDOWN,
    KEY_MINIMUM,
    KEY_MAXIMUM,
    KEY_SLACK,
    KEY_PRIORITY,
    KEY_BILLING,
    KEY_POLICY,
    KEY_WORKER,
    KEY_QUEUE,
    KEY_APP,
    KEY_DYNOSIZE,
    KEY_JOBS,
    KEY_BOOTS,
    KEY_METRIC,
    KEY_POLLINTERVAL,
    KEY_HISTORY,
    KEY_BUDGET,
    KEY_BROKER,
    KEY_APIKEY,
    KEY_STATUSPAGE,
    N_KEYS
};

enum key_kind {
    KIND_NUMBER,
    KIND_COUNT, /* a whole number */
    KIND_TEXT,  /* a name: no control characters */
    KIND_QUERY, /* any text */
    KIND_POLICY
};

struct key {
    const char *name, *brief;
    enum key_kind kind;
    const char *unit; /* " of seconds"; "" */
    double min, max, value_default;
    bool is_global; /* only the one of '*' counts */
    bool is_secret; /* its value is in no message */
};

#define NUMBER(of, from, to, otherwise)                                                            \
    .kind = KIND_NUMBER, .unit = (of), .min = (from), .max = (to), .value_default = (otherwise)
#define COUNT(of, from, to, otherwise)                                                             \
    .kind = KIND_COUNT, .unit = (of), .min = (from), .max = (to), .value_default = (otherwise)
#define SECONDS(from, otherwise) NUMBER(" of seconds", from, SETTINGS_MAX_S, otherwise)
#define WORKERS(otherwise) COUNT(" of workers", 0, SETTINGS_MAX_WORKERS, otherwise)
#define NAME .kind = KIND_TEXT
#define QUERY .kind = KIND_QUERY
#define GLOBAL .is_global = true
#define SECRET .is_secret = true

/* The defaults of 0 stand for what is worked out from others, or for "none". */
static const struct key keys[N_KEYS] = {
    [KEY_PROCESSING] = {"processing", "p", SECONDS(SHORTEST_S, 10)},
    [KEY_STDDEV] = {"stddev", NULL, SECONDS(0, 0)},
    [KEY_DEADLINE] = {"deadline", "d", SECONDS(SHORTEST_S, 60)},
    [KEY_PERCENTILE] = {"percentile", NULL,
                        NUMBER(" of percent", LEAST_PERCENTILE, MOST_PERCENTILE, 99)},
    [KEY_TARGET] = {"target", NULL, SECONDS(0, 0)},
    [KEY_CONCURRENCY] = {"concurrency", NULL, COUNT(" of jobs", 1, SETTINGS_MAX_CONCURRENCY, 1)},
    [KEY_BOOT] = {"boot", NULL, SECONDS(0, 30)},
    [KEY_SHUTDOWN] = {"shutdown", NULL, SECONDS(0, 30)},
    [KEY_MINIMUM] = {"minimum", "min", WORKERS(1)},
    [KEY_MAXIMUM] = {"maximum", "max", WORKERS(5)},
    [KEY_SLACK] = {"slack", NULL, NUMBER("", LEAST_SLACK, 1, 1)},
    [KEY_PRIORITY] = {"priority", NULL, COUNT("", -MAX_PRIORITY, MAX_PRIORITY, 0)},
    [KEY_BILLING] = {"billing", NULL, SECONDS(0, 0)},
    [KEY_POLICY] = {"policy", NULL, .kind = KIND_POLICY, .value_default = POLICY_TUBE},
    [KEY_WORKER] = {"worker", "w", NAME},
    [KEY_QUEUE] = {"queue", "q", NAME},
    [KEY_APP] = {"app", NULL, NAME},
    [KEY_DYNOSIZE] = {"dynosize", NULL, NAME},
    [KEY_JOBS] = {"jobs", NULL, QUERY},
    [KEY_BOOTS] = {"boots", NULL, QUERY},
    [KEY_METRIC] = {"metric", NULL, NAME},
    [KEY_POLLINTERVAL] = {"pollinterval", NULL, SECONDS(FASTEST_POLL_S, 0), GLOBAL},
    [KEY_HISTORY] = {"history", NULL, SECONDS(0, 120), GLOBAL},
    [KEY_BUDGET] = {"budget", NULL, WORKERS(0), GLOBAL},
    [KEY_BROKER] = {"broker", NULL, NAME, GLOBAL, SECRET},
    [KEY_APIKEY] = {"apikey", NULL, NAME, GLOBAL, SECRET},
    [KEY_STATUSPAGE] = {"statuspage", NULL, NAME, GLOBAL},
};

/* name is a key's or its shorthand, len bytes of it. N_KEYS: it is none. */
static enum key_id find_key(const char *name, size_t len)
{
    enum key_id id = 0;

    for (; id < N_KEYS; id++) {
        const struct key *key = &keys[id];

        if ((strlen(key->name) == len && memcmp(key->name, name, len) == 0) ||
            (key->brief && strlen(key->brief) == len && memcmp(key->brief, name, len) == 0))
            break;
    }
    return id;
}

/* --- one value --------------------------------------------------------------------------- */

struct value {
    bool is_set;
    bool is_own;    /* said in the role itself, be it that it has no value */
    int line;       /* 0: nowhere */
    const char *as; /* the name it was given by */
    double number;
    const char *text;
};

struct reader {
    struct guv_settings *s;
    struct buf *problems;
    bool is_strict, has_failed;
    const char *const *allowed;
    size_t n_allowed;
    const char *role; /* whose map is read */
};

#define PROBLEM(r, ...) ((r)->has_failed = true, note((r)->problems, __VA_ARGS__))
#define WARNING(r, ...) note(&(r)->s->warnings, __VA_ARGS__)

#define SHOWN_BYTES 60

struct shown {
    char text[SHOWN_BYTES + 20];
};

/* What a wrong value is, for its message. */
static struct shown show(const struct key *key, const struct tree_node *node)
{
    struct shown shown;

    if (node->kind == TREE_LIST || node->kind == TREE_MAP)
        snprintf(shown.text, sizeof(shown.text), "a %s", node->kind == TREE_LIST ? "list" : "map");
    else if (key->is_secret)
        snprintf(shown.text, sizeof(shown.text), "not");
    else
        snprintf(shown.text, sizeof(shown.text), node->kind == TREE_TEXT ? "'%.*s'" : "%.*s",
                 SHOWN_BYTES, node->text);
    return shown;
}

static void refuse_number(struct reader *r, const struct key *key, const struct tree_node *node)
{
    bool is_above_0 = key->min > 0 && key->min <= SHORTEST_S;

    PROBLEM(r, node->line, r->role, key->name, "must be a %snumber%s %s %.10g %s %.10g, is %s",
            key->kind == KIND_COUNT ? "whole " : "", key->unit, is_above_0 ? "above" : "from",
            is_above_0 ? 0 : key->min, is_above_0 ? "and at most" : "to", key->max,
            show(key, node).text);
}

static bool read_number(struct reader *r, const struct key *key, const struct tree_node *node,
                        double *ret)
{
    /* Written so that no number (.nan) is refused. */
    if (node->kind != TREE_NUMBER || !(node->number >= key->min && node->number <= key->max) ||
        (key->kind == KIND_COUNT && floor(node->number) != node->number)) {
        refuse_number(r, key, node);
        return false;
    }
    if (node->is_odd_number)
        WARNING(r, node->line, r->role, key->name, "'%s' is read as %.10g, as YAML 1.1 has it",
                node->text, node->number);
    *ret = node->number + 0.0; /* no -0 */
    return true;
}

static bool is_name(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* Numbers are names, too ("queue: 2016"), as they are to the original. */
static bool read_text(struct reader *r, const struct key *key, const struct tree_node *node,
                      const char **ret)
{
    if (node->kind != TREE_TEXT && node->kind != TREE_NUMBER) {
        PROBLEM(r, node->line, r->role, key->name, "must be a text%s, is %s",
                node->kind == TREE_BOOL ? " (in quotes)" : "", show(key, node).text);
        return false;
    }
    if (key->kind == KIND_TEXT && !is_name(node->text)) {
        PROBLEM(r, node->line, r->role, key->name, "must have no control characters or lines");
        return false;
    }
    if (key->kind == KIND_TEXT && !key->is_secret && strlen(node->text) > SETTINGS_MAX_NAME) {
        PROBLEM(r, node->line, r->role, key->name, "must have at most %d bytes, has %zu",
                SETTINGS_MAX_NAME, strlen(node->text));
        return false;
    }
    if (node->kind == TREE_NUMBER)
        WARNING(r, node->line, r->role, key->name, "a number is read as a text: put it in quotes");
    *ret = node->text;
    return true;
}

static const char *const policy_names[] = {[POLICY_TUBE] = "tube", [POLICY_ORIGINAL] = "guv"};

const char *policy_kind_name(enum policy_kind kind)
{
    return policy_names[kind];
}

int policy_kind_find(const char *name, enum policy_kind *ret)
{
    for (size_t i = 0; i < sizeof(policy_names) / sizeof(*policy_names); i++)
        if (strcmp(policy_names[i], name) == 0) {
            *ret = (enum policy_kind)i;
            return 0;
        }
    return -1;
}

static bool read_policy(struct reader *r, const struct key *key, const struct tree_node *node,
                        double *ret)
{
    enum policy_kind kind;

    if (node->kind != TREE_TEXT || policy_kind_find(node->text, &kind)) {
        PROBLEM(r, node->line, r->role, key->name, "must be tube or guv, is %s",
                show(key, node).text);
        return false;
    }
    *ret = kind;
    return true;
}

static void read_value(struct reader *r, const struct key *key, const struct tree_node *node,
                       struct value *ret)
{
    bool is_empty = node->kind == TREE_NULL || (node->kind == TREE_TEXT && !*node->text);

    ret->is_set = false;
    if (node->kind == TREE_NULL ||
        (is_empty && key->kind != KIND_NUMBER && key->kind != KIND_COUNT))
        return;
    switch (key->kind) {
    case KIND_NUMBER:
    case KIND_COUNT:
        ret->is_set = read_number(r, key, node, &ret->number);
        break;
    case KIND_TEXT:
    case KIND_QUERY:
        ret->is_set = read_text(r, key, node, &ret->text);
        break;
    case KIND_POLICY:
        ret->is_set = read_policy(r, key, node, &ret->number);
        break;
    }
}

/* --- the keys of a map ------------------------------------------------------------------- */

/* text as a part of a JSON pointer (RFC 6901), which is how the original says where a key is. */
static void put_pointer(struct buf *to, const char *text)
{
    buf_text(to, "/");
    for (; *text; text++)
        if (*text == '~' || *text == '/')
            buf_text(to, *text == '~' ? "~0" : "~1");
        else
            buf_append(to, text, 1);
}

/* {p:60}: the colon without a blank makes one key of it all. The bytes before it, if they are the
 * name of a key; else 0. */
static size_t glued_key(const struct tree_pair *pair)
{
    size_t len = strcspn(pair->key, ":");

    return pair->key[len] && pair->value->kind == TREE_NULL && find_key(pair->key, len) != N_KEYS
               ? len
               : 0;
}

static void read_unknown(struct reader *r, const struct tree_pair *pair)
{
    size_t glued = glued_key(pair);
    bool is_secret = glued && keys[find_key(pair->key, glued)].is_secret;
    const char *value = is_secret ? "..." : pair->key + glued + 1;
    AUTO(buf_release) struct buf where = BUF_INIT;

    for (size_t i = 0; i < r->n_allowed; i++)
        if (strcmp(r->allowed[i], pair->key) == 0)
            return;
    put_pointer(&where, r->role);
    if (is_secret)
        buf_printf(&where, "/%.*s:...", (int)glued, pair->key);
    else
        put_pointer(&where, pair->key);
    if (glued)
        buf_printf(&where, ", which sets nothing: a blank is missing, write '%.*s: %.60s'",
                   (int)glued, pair->key, value);
    r->has_failed |= r->is_strict || where.failed;
    note(r->is_strict ? r->problems : &r->s->warnings, pair->line, NULL, NULL,
         "Unknown property (not in schema) for %.500s", where.failed ? "" : where.data);
}

static void read_known(struct reader *r, const struct tree_pair *pair, enum key_id id,
                       struct value *value)
{
    const struct key *key = &keys[id];

    if (key->is_global && strcmp(r->role, EVERYONE) != 0) {
        WARNING(r, pair->line, r->role, key->name, "counts in '*' only, is ignored here");
        return;
    }
    if (value->is_own)
        WARNING(r, pair->line, r->role, key->name,
                "is given as '%s' and as '%s': the latter counts", value->as, pair->key);
    if (id == KEY_METRIC || id == KEY_STATUSPAGE)
        WARNING(r, pair->line, r->role, key->name,
                "has no effect: nothing is sent to a status page");
    *value = (struct value){.is_own = true, .line = pair->line, .as = pair->key};
    read_value(r, key, pair->value, value);
}

/* Sets in values what the map says; the rest stays as it is. */
static void read_map(struct reader *r, const struct tree_node *map, struct value values[N_KEYS])
{
    size_t n = 0;

    for (const struct tree_pair *pair = map->pairs; pair; pair = pair->next) {
        enum key_id id = find_key(pair->key, strlen(pair->key));

        if (++n > SETTINGS_MAX_KEYS) {
            PROBLEM(r, pair->line, r->role, NULL, "more than %d keys", SETTINGS_MAX_KEYS);
            return;
        }
        if (pair->again_line)
            PROBLEM(r, pair->again_line, r->role, id == N_KEYS ? NULL : keys[id].name,
                    "the key is given twice, first in line %d", pair->line);
        if (id == N_KEYS)
            read_unknown(r, pair);
        else
            read_known(r, pair, id, &values[id]);
    }
}

/* A role's or '*': a map, or nothing. */
static void read_pair(struct reader *r, const struct tree_pair *pair, struct value values[N_KEYS])
{
    r->role = pair->key;
    if (pair->again_line)
        PROBLEM(r, pair->again_line, pair->key, NULL, "is there twice, first in line %d",
                pair->line);
    if (pair->value->kind == TREE_MAP)
        read_map(r, pair->value, values);
    else if (pair->value->kind != TREE_NULL)
        PROBLEM(r, pair->value->line, pair->key, NULL, "must be a map of settings, is %s",
                show(&keys[KEY_WORKER], pair->value).text);
}

/* --- a role ------------------------------------------------------------------------------ */

static double number_of(const struct value values[N_KEYS], enum key_id id)
{
    return values[id].is_set ? values[id].number : keys[id].value_default;
}

static const char *text_of(const struct value values[N_KEYS], enum key_id id,
                           const char *text_default)
{
    return values[id].is_set ? values[id].text : text_default;
}

/*
 * The original takes the maximum where the bounds cross. In one map that is a mistake; where one is
 * inherited or a default it is how its files switch a role off (max: 0) or down.
 */
static void check_bounds(struct reader *r, const char *role, const struct value *min,
                         const struct value *max)
{
    if (min->is_own && min->is_set && max->is_own && max->is_set && min->number > max->number)
        PROBLEM(r, min->line, role, "minimum", "%.10g is above the maximum, %.10g", min->number,
                max->number);
}

static void set_bounds(struct reader *r, const struct value values[N_KEYS],
                       struct role_settings *role)
{
    const struct value *min = &values[KEY_MINIMUM], *max = &values[KEY_MAXIMUM];

    role->minimum = (int)number_of(values, KEY_MINIMUM);
    role->maximum = (int)number_of(values, KEY_MAXIMUM);
    if (role->minimum <= role->maximum)
        return;
    check_bounds(r, role->name, min, max);
    if (min->is_set)
        WARNING(r, min->is_own ? min->line : role->line, role->name, "minimum",
                "%d is above the %smaximum, %d, which counts", role->minimum,
                max->is_set ? "" : "default ", role->maximum);
    role->minimum = role->maximum;
}

static void set_times(struct reader *r, const struct value values[N_KEYS],
                      struct role_settings *role)
{
    role->processing_s = number_of(values, KEY_PROCESSING);
    role->stddev_s = number_of(values, KEY_STDDEV);
    role->deadline_s = number_of(values, KEY_DEADLINE);
    role->percentile = number_of(values, KEY_PERCENTILE);
    role->target_s = number_of(values, KEY_TARGET);
    if (role->stddev_s == 0)
        role->stddev_s = DEFAULT_STDDEV * role->processing_s;
    if (role->target_s == 0)
        role->target_s =
            role->deadline_s - normal_quantile(role->percentile / 100) * role->stddev_s;
    if (role->target_s > role->processing_s)
        return;
    WARNING(r, role->line, role->name, "target",
            "Target %.2fs is lower than processing time %.2fs. Attempted deadline %.15gs.",
            role->target_s, role->processing_s, role->deadline_s);
    role->target_s = role->processing_s + TARGET_ABOVE_S;
}

static void set_role(struct reader *r, const struct value values[N_KEYS],
                     struct role_settings *role)
{
    set_times(r, values, role);
    set_bounds(r, values, role);
    role->concurrency = (int)number_of(values, KEY_CONCURRENCY);
    role->boot_s = number_of(values, KEY_BOOT);
    role->shutdown_s = number_of(values, KEY_SHUTDOWN);
    role->slack = number_of(values, KEY_SLACK);
    role->priority = (int)number_of(values, KEY_PRIORITY);
    role->billing_s = number_of(values, KEY_BILLING);
    role->policy = (enum policy_kind)number_of(values, KEY_POLICY);
    role->worker = text_of(values, KEY_WORKER, role->name);
    role->queue = text_of(values, KEY_QUEUE, role->name);
    role->app = text_of(values, KEY_APP, NULL);
    role->dynosize = text_of(values, KEY_DYNOSIZE, NULL);
    role->jobs_query = text_of(values, KEY_JOBS, NULL);
    role->boots_query = text_of(values, KEY_BOOTS, NULL);
}

/* Its name is what its queue and its worker are called if it says nothing else. */
static void check_name(struct reader *r, const struct tree_pair *pair)
{
    if (!*pair->key || !is_name(pair->key))
        PROBLEM(r, pair->line, pair->key, NULL,
                "its name must be a text without control characters");
    else if (strlen(pair->key) > SETTINGS_MAX_NAME)
        PROBLEM(r, pair->line, pair->key, NULL, "its name must have at most %d bytes",
                SETTINGS_MAX_NAME);
}

static void read_role(struct reader *r, const struct tree_pair *pair,
                      const struct value everyones[N_KEYS])
{
    struct role_settings *role = &r->s->roles[r->s->n_roles++];
    struct value values[N_KEYS];

    for (size_t i = 0; i < N_KEYS; i++) {
        values[i] = everyones[i];
        values[i].is_own = false;
    }
    role->name = pair->key;
    role->line = pair->line;
    check_name(r, pair);
    read_pair(r, pair, values);
    set_role(r, values, role);
}

/* --- the file ---------------------------------------------------------------------------- */

static bool is_everyone(const struct tree_pair *pair)
{
    return strcmp(pair->key, EVERYONE) == 0;
}

/* '*' comes first wherever it stands. */
static void read_roles(struct reader *r, const struct tree_node *root,
                       struct value everyones[N_KEYS])
{
    size_t n = 0;

    for (const struct tree_pair *pair = root->pairs; pair; pair = pair->next)
        if (is_everyone(pair))
            read_pair(r, pair, everyones);
        else
            n++;
    check_bounds(r, EVERYONE, &everyones[KEY_MINIMUM], &everyones[KEY_MAXIMUM]);
    if (n > SETTINGS_MAX_ROLES) {
        PROBLEM(r, root->line, NULL, NULL, "%zu roles, more than %d", n, SETTINGS_MAX_ROLES);
        return;
    }
    r->s->roles = calloc(n + 1, sizeof(*r->s->roles));
    if (!r->s->roles) {
        PROBLEM(r, root->line, NULL, NULL, "no memory for %zu roles", n);
        return;
    }
    for (const struct tree_pair *pair = root->pairs; pair; pair = pair->next)
        if (!is_everyone(pair))
            read_role(r, pair, everyones);
}

double settings_default_poll_s(const struct guv_settings *s)
{
    double shortest = LONGEST_POLL_S * POLLS_PER_DEADLINE;

    for (size_t i = 0; i < s->n_roles; i++)
        shortest = fmin(shortest, s->roles[i].deadline_s);
    return fmax(shortest / POLLS_PER_DEADLINE, SHORTEST_POLL_S);
}

double settings_poll_s(const struct guv_settings *s, enum policy_kind policy)
{
    return policy == POLICY_ORIGINAL && !s->poll_is_set ? ORIGINAL_POLL_S : s->poll_s;
}

static void set_globals(struct guv_settings *s, const struct value values[N_KEYS])
{
    s->poll_is_set = values[KEY_POLLINTERVAL].is_set;
    s->poll_s = s->poll_is_set ? values[KEY_POLLINTERVAL].number : settings_default_poll_s(s);
    s->history_s = number_of(values, KEY_HISTORY);
    s->budget = (int)number_of(values, KEY_BUDGET);
    s->budget_line = values[KEY_BUDGET].line;
    s->broker = text_of(values, KEY_BROKER, NULL);
    s->apikey = text_of(values, KEY_APIKEY, NULL);
    s->statuspage = text_of(values, KEY_STATUSPAGE, NULL);
    s->metric = text_of(values, KEY_METRIC, NULL);
}

static void read_root(struct reader *r, const struct tree_node *root)
{
    struct value everyones[N_KEYS] = {{0}};

    if (root && root->kind == TREE_MAP)
        read_roles(r, root, everyones);
    else if (root && root->kind != TREE_NULL)
        PROBLEM(r, root->line, NULL, NULL, "the file must be a map of roles, is %s",
                show(&keys[KEY_WORKER], root).text);
    set_globals(r->s, everyones);
}

static int parse(struct reader *r, const char *bytes, size_t len)
{
    struct err e = ERR_INIT;
    struct tree tree;

    if (len > SETTINGS_MAX_BYTES) {
        buf_printf(r->problems, "longer than %zu bytes\n", SETTINGS_MAX_BYTES);
        return -1;
    }
    if (tree_parse(bytes, len, &tree, &e)) {
        buf_printf(r->problems, "%s\n", e.text);
        return -1;
    }
    r->s->texts = tree.memory;
    read_root(r, tree.root);
    if (!r->has_failed)
        settings_check(r->s);
    if (r->s->warnings.failed) {
        buf_text(r->problems, "no memory for the warnings\n");
        return -1;
    }
    return r->has_failed ? -1 : 0;
}

int settings_parse_strictly(const char *bytes, size_t len, const char *const *allowed,
                            size_t n_allowed, struct guv_settings *ret, struct buf *problems)
{
    struct reader r = {.s = ret,
                       .problems = problems,
                       .is_strict = true,
                       .allowed = allowed,
                       .n_allowed = n_allowed};
    int rc;

    *ret = (struct guv_settings){0};
    rc = parse(&r, bytes, len);
    if (rc)
        settings_release(ret);
    return rc;
}

int settings_parse(const char *bytes, size_t len, struct guv_settings *ret, struct buf *problems)
{
    struct reader r = {.s = ret, .problems = problems};
    int rc;

    *ret = (struct guv_settings){0};
    rc = parse(&r, bytes, len);
    if (rc)
        settings_release(ret);
    return rc;
}

void settings_release(struct guv_settings *s)
{
    struct tree tree = {NULL, s->texts};

    free(s->roles);
    buf_release(&s->warnings);
    tree_release(&tree);
    *s = (struct guv_settings){0};
}

const struct role_settings *settings_role(const struct guv_settings *s, const char *name)
{
    for (size_t i = 0; i < s->n_roles; i++)
        if (strcmp(s->roles[i].name, name) == 0)
            return &s->roles[i];
    return NULL;
}
