#include "live/platform.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/utf8.h"

#define VERSION_TEXT "guv/" PROJECT_VERSION

/* ---- beginning and end ---- */

int platform_init(struct platform *p, const char *base_url, const char *token, struct err *e)
{
    size_t len;

    *p = (struct platform){.rate_remaining = (double)NAN};
    for (const char *c = token ? token : ""; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return err_set(e, ERR_INPUT, "the platform's token has a blank or a line's end in it");
    p->base_url = strdup(base_url ? base_url : HEROKU_URL);
    p->apps = calloc(PLATFORM_APPS_MAX, sizeof(*p->apps));
    if (token) {
        struct buf header = BUF_INIT;

        buf_printf(&header, "Authorization: Bearer %s", token);
        p->authorization = buf_detach(&header);
    }
    if (!p->base_url || !p->apps || (token && !p->authorization)) {
        platform_release(p);
        return err_set(e, ERR_NOMEM, "no memory for the platform");
    }
    for (len = strlen(p->base_url); len && p->base_url[len - 1] == '/'; len--)
        p->base_url[len - 1] = '\0';
    snprintf(p->agent, sizeof(p->agent), "User-Agent: " VERSION_TEXT);
    return 0;
}

void platform_release(struct platform *p)
{
    for (size_t i = 0; i < p->n_apps; i++) {
        http_call_release(&p->apps[i].call);
        heroku_formation_release(&p->apps[i].shown);
        buf_release(&p->apps[i].url);
        buf_release(&p->apps[i].body);
        free(p->apps[i].types);
    }
    free(p->apps);
    free(p->base_url);
    free(p->authorization);
    *p = (struct platform){.apps = NULL};
}

/* BASE/apps/APP/formation; an app's name is of a path's plain characters. */
static int set_url(const struct platform *p, struct app *a, struct err *e)
{
    if (!*a->name || strspn(a->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789-_.") != strlen(a->name))
        return err_set(e, ERR_INPUT, "'%s' is no name of an app", a->name);
    if (buf_printf(&a->url, "%s/apps/%s/formation", p->base_url, a->name))
        return err_set(e, ERR_NOMEM, "no memory for an app");
    return 0;
}

static struct app *find_or_add_app(struct platform *p, const char *name, struct err *e)
{
    struct app *a;

    for (size_t i = 0; i < p->n_apps; i++)
        if (strcmp(p->apps[i].name, name) == 0)
            return &p->apps[i];
    if (p->n_apps == PLATFORM_APPS_MAX) {
        err_set(e, ERR_LIMIT, "more than %d apps", PLATFORM_APPS_MAX);
        return NULL;
    }
    a = &p->apps[p->n_apps++];
    a->name = name;
    return set_url(p, a, e) ? NULL : a;
}

int platform_add(struct platform *p, const char *app, const char *type, size_t *ret_app,
                 size_t *ret_type, struct err *e)
{
    struct app *a = find_or_add_app(p, app, e);
    struct scaled_type *grown;

    if (!a)
        return -1;
    for (size_t i = 0; i < a->n_types; i++)
        if (strcmp(a->types[i].name, type) == 0)
            return err_set(e, ERR_INPUT, "two roles scale '%s' of the app '%s'", type, app);
    grown = realloc(a->types, (a->n_types + 1) * sizeof(*grown));
    if (!grown)
        return err_set(e, ERR_NOMEM, "no memory for a type");
    a->types = grown;
    a->types[a->n_types] =
        (struct scaled_type){.name = type, .current = -1, .wanted = -1, .limit = -1};
    *ret_app = (size_t)(a - p->apps);
    *ret_type = a->n_types++;
    return 0;
}

/* ---- what failed ---- */

static unsigned random_number(void)
{
    unsigned n = 0;

    if (getrandom(&n, sizeof(n), GRND_NONBLOCK) < 0)
        n = 0; /* without jitter, then */
    return n;
}

static void set_trouble(struct app *a, const char *what)
{
    const struct http_call *call = &a->call;
    struct heroku_error error;

    a->errors++;
    if (call->status == 0) {
        snprintf(a->trouble, sizeof(a->trouble), "%s: %.200s", what, call->err.text);
        return;
    }
    heroku_read_error(call->answer.data ? call->answer.data : "", call->answer.len, &error);
    snprintf(a->trouble, sizeof(a->trouble), "%s: status %ld%s%s%s%s", what, call->status,
             *error.id ? " " : "", error.id, *error.message ? ": " : "", error.message);
    utf8_repair(a->trouble, strlen(a->trouble)); /* it may have been cut within a character */
}

/* A call brought no success: when may it be tried again? */
static void fail(struct platform *p, struct app *a, struct backoff *b, const char *what,
                 int64_t now_mono_ms)
{
    const struct http_call *call = &a->call;

    set_trouble(a, what);
    backoff_failed(b, now_mono_ms, call->retry_after_s, random_number());
    if (call->status == 429)
        backoff_failed(&p->all, now_mono_ms, call->retry_after_s, random_number());
}

static void take_rate(struct platform *p, const struct http_call *call)
{
    if (call->status != 0 && !isnan(call->rate_remaining))
        p->rate_remaining = call->rate_remaining;
    if (call->status >= 200 && call->status <= 299)
        backoff_worked(&p->all);
}

bool platform_is_rate_low(const struct platform *p)
{
    return p->rate_remaining < PLATFORM_RATE_LOW; /* never for a NAN */
}

/* ---- calls ---- */

static struct http_call *prepare(const struct platform *p, struct app *a, const char *method)
{
    size_t n = 0;

    a->is_running = true;
    a->call.method = method;
    a->call.url = a->url.data;
    a->call.body = NULL;
    a->call.max_bytes = HEROKU_ANSWER_MAX_BYTES;
    memset(a->call.headers, 0, sizeof(a->call.headers));
    a->call.headers[n++] = "Accept: " HEROKU_ACCEPT;
    a->call.headers[n++] = p->agent;
    if (p->authorization)
        a->call.headers[n++] = p->authorization;
    if (a->range[0])
        a->call.headers[n++] = a->range;
    return &a->call;
}

/* ---- reading ---- */

/* Whether the platform is to be asked for another number of this type now. */
static bool is_due(const struct platform *p, const struct scaled_type *t)
{
    return !t->is_missing && t->current >= 0 && t->wanted >= 0 && t->wanted != t->current &&
           (t->wanted > t->current || !platform_is_rate_low(p));
}

static bool has_open_wishes(const struct platform *p, const struct app *a)
{
    for (size_t i = 0; i < a->n_types; i++)
        if (is_due(p, &a->types[i]))
            return true;
    return false;
}

/* Whether what is known is new enough, when few requests are left. */
static bool may_wait(const struct platform *p, const struct app *a, int64_t now_mono_ms)
{
    return platform_is_rate_low(p) && a->read_mono_ms > 0 && !a->trouble[0] &&
           now_mono_ms - a->read_mono_ms < PLATFORM_RATE_LOW_READ_MS;
}

/* Forgets what the last round wanted; this one decides anew. A write that failed and is not wanted
 * any more is no trouble any more. */
static void begin_round(const struct platform *p, struct app *a)
{
    if (a->is_read && !has_open_wishes(p, a)) {
        a->trouble[0] = '\0';
        backoff_worked(&a->writes);
    }
    for (size_t i = 0; i < a->n_types; i++)
        a->types[i].wanted = a->types[i].current;
    a->is_running = a->was_written = false;
}

size_t platform_reads(struct platform *p, struct http_call **ret, int64_t now_mono_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_apps; i++) {
        struct app *a = &p->apps[i];

        begin_round(p, a);
        a->is_read = may_wait(p, a, now_mono_ms);
        if (a->is_read || !backoff_is_due(&a->reads, now_mono_ms) ||
            !backoff_is_due(&p->all, now_mono_ms))
            continue;
        heroku_formation_release(&a->shown);
        a->pages = 0;
        a->range[0] = '\0';
        ret[n++] = prepare(p, a, "GET");
    }
    return n;
}

static void take_formation(struct app *a, int64_t now_mono_ms)
{
    for (size_t i = 0; i < a->n_types; i++) {
        int quantity = heroku_quantity(&a->shown, a->types[i].name);

        a->types[i].is_missing = quantity < 0;
        if (quantity >= 0)
            a->types[i].current = a->types[i].wanted = quantity;
    }
    a->is_read = true;
    a->read_mono_ms = now_mono_ms;
    if (a->writes.delay_ms ==
        0) /* else what it told stands until a write is taken, or not wanted */
        a->trouble[0] = '\0';
    backoff_worked(&a->reads);
}

static struct http_call *next_page(struct platform *p, struct app *a, int64_t now_mono_ms)
{
    if (a->pages++ < PLATFORM_PAGES_MAX) {
        snprintf(a->range, sizeof(a->range), "Range: %s", a->call.next_range);
        return prepare(p, a, "GET");
    }
    a->call.status = 0; /* each costs a request, and they would have no end */
    err_set(&a->call.err, ERR_LIMIT, "more than %d pages", PLATFORM_PAGES_MAX);
    fail(p, a, &a->reads, "reading the formation", now_mono_ms);
    return NULL;
}

/* Returns the call for the next page, or NULL: that was all. */
static struct http_call *take_read(struct platform *p, struct app *a, int64_t now_mono_ms)
{
    struct http_call *call = &a->call;

    a->is_running = false;
    take_rate(p, call);
    if (call->status != 200 && call->status != 206) {
        fail(p, a, &a->reads, "reading the formation", now_mono_ms);
        return NULL;
    }
    if (heroku_read_formation(call->answer.data ? call->answer.data : "", call->answer.len,
                              &a->shown, &call->err)) {
        call->status = 0; /* an answer of which nothing can be made */
        fail(p, a, &a->reads, "reading the formation", now_mono_ms);
        return NULL;
    }
    if (call->status == 206 && call->next_range[0])
        return next_page(p, a, now_mono_ms);
    take_formation(a, now_mono_ms);
    return NULL;
}

size_t platform_take_reads(struct platform *p, struct http_call **ret, int64_t now_mono_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_apps; i++)
        if (p->apps[i].is_running && (ret[n] = take_read(p, &p->apps[i], now_mono_ms)))
            n++;
    return n;
}

/* ---- writing ---- */

int platform_limited(const struct scaled_type *t, int n, int64_t now_mono_ms)
{
    bool is_limited = t->limit >= 0 && now_mono_ms < t->limit_until_mono_ms && n > t->limit;

    if (!is_limited)
        return n;
    return t->limit > t->current ? t->limit : t->current; /* it refuses more, but runs these */
}

static bool takes_away(const struct platform *p, const struct app *a)
{
    for (size_t i = 0; i < a->n_types; i++)
        if (is_due(p, &a->types[i]) && a->types[i].wanted < a->types[i].current)
            return true;
    return false;
}

/* What is taken away first. */
static size_t list_updates(const struct platform *p, const struct app *a, bool down,
                           struct heroku_update *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n_types; i++) {
        const struct scaled_type *t = &a->types[i];

        if (is_due(p, t) && (t->wanted < t->current) == down)
            ret[n++] = (struct heroku_update){t->name, t->wanted};
    }
    return n;
}

/* The call that makes it so; NULL: there is nothing to do, or no memory for it. */
static struct http_call *prepare_write(const struct platform *p, struct app *a)
{
    struct heroku_update *updates = calloc(a->n_types + 1, sizeof(*updates));
    struct http_call *call = NULL;
    size_t n = 0;

    if (!updates)
        return NULL;
    n += list_updates(p, a, true, updates);
    n += list_updates(p, a, false, updates + n);
    buf_clear(&a->body);
    if (n > 0 && heroku_write_updates(updates, n, &a->body) == 0) {
        size_t header = 0;

        a->range[0] = '\0';
        call = prepare(p, a, "PATCH");
        while (call->headers[header])
            header++;
        call->headers[header] = "Content-Type: application/json";
        call->body = a->body.data;
    }
    free(updates);
    return call;
}

size_t platform_writes(struct platform *p, enum platform_phase phase, struct http_call **ret,
                       int64_t now_mono_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_apps; i++) {
        struct app *a = &p->apps[i];

        a->is_running = a->is_retried = false;
        if (!backoff_is_due(&a->writes, now_mono_ms) || !backoff_is_due(&p->all, now_mono_ms) ||
            takes_away(p, a) != (phase == PLATFORM_FIRST_DOWN))
            continue;
        if ((ret[n] = prepare_write(p, a)))
            n++;
        else if (has_open_wishes(p, a)) /* no memory, that is: later */
            backoff_failed(&a->writes, now_mono_ms, (double)NAN, random_number());
    }
    return n;
}

/* The platform runs no more than so many of a type. It does not say of which: of those that ask
 * for more. Returns whether that changes what is asked for. */
static bool take_limit(const struct platform *p, struct app *a, int limit, int64_t now_mono_ms)
{
    bool changed = false;

    for (size_t i = 0; i < a->n_types; i++) {
        struct scaled_type *t = &a->types[i];

        if (!is_due(p, t) || t->wanted <= limit || t->wanted < t->current)
            continue;
        t->limit = limit;
        t->limit_until_mono_ms = now_mono_ms + PLATFORM_LIMIT_MS;
        t->wanted = platform_limited(t, t->wanted, now_mono_ms);
        changed = true;
    }
    return changed;
}

static void take_success(const struct platform *p, struct app *a)
{
    for (size_t i = 0; i < a->n_types; i++)
        if (is_due(p, &a->types[i]))
            a->types[i].current = a->types[i].wanted;
    a->was_written = true;
    a->trouble[0] = '\0';
    backoff_worked(&a->writes);
}

/* Returns the call that tries again within the limit that was told, or NULL. */
static struct http_call *take_write(struct platform *p, struct app *a, int64_t now_mono_ms)
{
    struct http_call *call = &a->call;
    struct heroku_error error = {.limit = -1};

    a->is_running = false;
    if (call->status >= 200 && call->status <= 299) {
        take_success(p, a);
        take_rate(p, call); /* after it: the rate decides what was sent */
        return NULL;
    }
    take_rate(p, call);
    if (call->status == 422)
        heroku_read_error(call->answer.data ? call->answer.data : "", call->answer.len, &error);
    if (strcmp(error.id, "cannot_run_above_limit") == 0 && error.limit >= 0 && !a->is_retried &&
        take_limit(p, a, error.limit, now_mono_ms)) {
        a->is_retried = true;
        a->errors++;
        return prepare_write(p, a); /* NULL: what runs is all that may run */
    }
    fail(p, a, &a->writes, "changing the formation", now_mono_ms);
    return NULL;
}

size_t platform_take_writes(struct platform *p, struct http_call **ret, int64_t now_mono_ms)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_apps; i++)
        if (p->apps[i].is_running && (ret[n] = take_write(p, &p->apps[i], now_mono_ms)))
            n++;
    return n;
}

void platform_forget_wishes(struct platform *p)
{
    for (size_t i = 0; i < p->n_apps; i++)
        for (size_t k = 0; k < p->apps[i].n_types; k++)
            p->apps[i].types[k].wanted = p->apps[i].types[k].current;
}

bool platform_retry_at(const struct platform *p, int64_t *ret_mono_ms)
{
    bool found = false;

    for (size_t i = 0; i < p->n_apps; i++) {
        const struct app *a = &p->apps[i];
        int64_t due = a->writes.due_mono_ms;

        if (!has_open_wishes(p, a))
            continue;
        if (p->all.due_mono_ms > due)
            due = p->all.due_mono_ms;
        if (!found || due < *ret_mono_ms)
            *ret_mono_ms = due;
        found = true;
    }
    return found;
}
