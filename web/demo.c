#include "demo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WEB "web" /* the type that serves the page */
#define GUV "guv"

/* ---- who sends ---- */

/* A host with its port, without them. Returns -1 when it is none that fits. */
static int host_name(const char *host, char *ret, size_t size)
{
    const bool brackets = *host == '[';
    const char *rest;
    size_t len;

    host += brackets;
    len = strcspn(host, brackets ? "]" : ":");
    if (brackets && host[len] != ']')
        return -1;
    rest = host + len + brackets;
    if (*rest && (*rest != ':' || rest[1 + strspn(rest + 1, "0123456789")]))
        return -1;
    return (size_t)snprintf(ret, size, "%.*s", (int)len, host) < size ? 0 : -1;
}

/* What comes after "http://" or "https://"; NULL: it is neither. */
static const char *after_scheme(const char *url)
{
    if (strncasecmp(url, "http://", 7) == 0)
        return url + 7;
    return strncasecmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

/* Whether nobody else's name can stand for it: see demo_refusal(). */
static bool is_own_host(const char *host, const char *public_url)
{
    unsigned char address[sizeof(struct in6_addr)];
    const char *public_host = public_url ? after_scheme(public_url) : NULL;
    char name[256];

    if (host_name(host, name, sizeof name))
        return false;
    if (strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1 ||
        inet_pton(AF_INET6, name, address) == 1)
        return true;
    return public_host && strncasecmp(public_host, host, strlen(host)) == 0 &&
           strchr("/", public_host[strlen(host)]);
}

const char *demo_refusal(const struct demo_sender *s)
{
    const char *origin = s->origin ? after_scheme(s->origin) : NULL;

    if (!s->host || !is_own_host(s->host, s->public_url))
        return "header Host must name this machine by its address, localhost or "
               "IMAGERESIZE_PUBLIC_URL";
    if (s->origin && (!origin || strcasecmp(origin, s->host) != 0))
        return "header Origin is another site's: only this service's own page may do this";
    if (s->fetch_site && strcmp(s->fetch_site, "same-origin") != 0 &&
        strcmp(s->fetch_site, "none") != 0)
        return "header Sec-Fetch-Site is another site's: only this service's own page may do this";
    return NULL;
}

/* ---- what is asked ---- */

static void read_type(const json_t *value, struct demo_order *ret, struct problems *problems)
{
    const char *type = json_string_value(value);

    if (!type || !*type || strlen(type) >= sizeof ret->type ||
        type[strspn(type, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")])
        problems_add(problems, "/type", "must be the name of a process type, such as \"resize\"");
    else
        snprintf(ret->type, sizeof ret->type, "%s", type);
}

static void read_bool(const json_t *value, const char *pointer, bool *ret,
                      struct problems *problems)
{
    if (json_is_boolean(value))
        *ret = json_is_true(value);
    else
        problems_add(problems, pointer, "must be true or false");
}

static void read_quantity(const json_t *value, struct demo_order *ret, struct problems *problems)
{
    const json_int_t quantity = json_integer_value(value);

    if (json_is_integer(value) && quantity >= 0 && quantity <= DEMO_QUANTITY_MAX)
        ret->quantity = (int)quantity;
    else
        problems_add(problems, "/quantity", "must be 0..%d", DEMO_QUANTITY_MAX);
}

static bool takes(enum demo_verb verb, const char *member)
{
    static const char *const members[][2] = {
        [DEMO_LOOK] = {NULL, NULL},
        [DEMO_KILL] = {"type", "all"},
        [DEMO_SCALE] = {"type", "quantity"},
        [DEMO_GUV] = {"on", NULL},
    };

    for (size_t i = 0; i < 2; i++)
        if (members[verb][i] && strcmp(members[verb][i], member) == 0)
            return true;
    return false;
}

int demo_parse(enum demo_verb verb, const char *bytes, size_t len, struct demo_order *ret,
               struct problems *problems, struct err *e)
{
    json_error_t where;
    json_auto_t *body = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &where);
    const char *member;
    const json_t *value;

    *ret = (struct demo_order){.verb = verb};
    if (!body)
        return err_set(e, ERR_INPUT, "the body is not JSON: %s, line %d, column %d", where.text,
                       where.line, where.column);
    if (!json_is_object(body))
        return err_set(e, ERR_INPUT, "the body must be a JSON object");
    json_object_foreach(body, member, value)
    {
        if (!takes(verb, member)) {
            char *pointer = problems_pointer("", member);

            problems_add(problems, pointer, "unknown member");
            free(pointer);
        }
    }
    if (verb == DEMO_GUV)
        read_bool(json_object_get(body, "on"), "/on", &ret->on, problems);
    else
        read_type(json_object_get(body, "type"), ret, problems);
    if (verb == DEMO_KILL && json_object_get(body, "all"))
        read_bool(json_object_get(body, "all"), "/all", &ret->all, problems);
    if (verb == DEMO_SCALE)
        read_quantity(json_object_get(body, "quantity"), ret, problems);
    return problems->count > 0 ? -1 : 0;
}

/* ---- how things are ---- */

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static int count_up(const json_t *dynos, const char *type)
{
    const json_t *dyno;
    size_t i;
    int n = 0;

    json_array_foreach(dynos, i, dyno)
    {
        const char *of = text_of(dyno, "type"), *state = text_of(dyno, "state");

        n += of && state && strcmp(of, type) == 0 && strcmp(state, "up") == 0;
    }
    return n;
}

json_t *demo_state(const json_t *formation, const json_t *dynos)
{
    json_auto_t *types = json_array(), *processes = json_array();
    const json_t *item;
    size_t i;
    bool guv = false;

    if (!json_is_array(formation) || !json_is_array(dynos))
        return NULL;
    json_array_foreach(formation, i, item)
    {
        const char *type = text_of(item, "type");
        const json_int_t quantity = json_integer_value(json_object_get(item, "quantity"));

        if (!type)
            return NULL;
        guv |= strcmp(type, GUV) == 0 && quantity > 0;
        json_array_append_new(types, json_pack("{s:s, s:I, s:i}", "type", type, "quantity",
                                               quantity, "up", count_up(dynos, type)));
    }
    json_array_foreach(dynos, i, item)
    {
        const char *name = text_of(item, "name"), *type = text_of(item, "type");
        const char *state = text_of(item, "state");

        if (!name || !type || !state)
            return NULL;
        json_array_append_new(processes,
                              json_pack("{s:s, s:s, s:s, s:O*}", "name", name, "type", type,
                                        "state", state, "pid", json_object_get(item, "pid")));
    }
    return json_pack("{s:O, s:O, s:b}", "formation", types, "dynos", processes, "guv", guv);
}

int demo_quantity(const json_t *state, const char *type)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(state, "formation"), i, item)
    {
        if (strcmp(text_of(item, "type"), type) == 0)
            return (int)json_integer_value(json_object_get(item, "quantity"));
    }
    return -1;
}

const char *demo_running(const json_t *state, const char *type)
{
    const json_t *item;
    size_t i;

    json_array_foreach(json_object_get(state, "dynos"), i, item)
    {
        if (strcmp(text_of(item, "type"), type) == 0 && strcmp(text_of(item, "state"), "up") == 0)
            return text_of(item, "name");
    }
    return NULL;
}

int demo_check(const struct demo_order *order, const json_t *state, struct problems *problems)
{
    if (order->verb == DEMO_LOOK)
        return 0;
    if (order->verb == DEMO_GUV)
        return demo_quantity(state, GUV) >= 0
                   ? 0
                   : problems_add(problems, "/on", "cannot be: there is no process type " GUV);
    if (demo_quantity(state, order->type) < 0)
        return problems_add(problems, "/type", "must be a process type that there is, is '%s'",
                            order->type);
    if (strcmp(order->type, WEB) == 0)
        return problems_add(problems, "/type", "must not be " WEB ", which serves the page");
    if (order->verb == DEMO_SCALE && strcmp(order->type, GUV) == 0)
        return problems_add(problems, "/type", "must not be " GUV ": see POST /demo/guv");
    return 0;
}
