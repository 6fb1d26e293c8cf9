#include "broker_url.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define TEXTS_MAX 5 /* decoded ones: host, user, password, and vhost or client id */

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

struct slice {
    const char *at;
    size_t len;
};

static const struct scheme {
    const char *name;
    enum broker_url_kind kind;
    bool tls;
    int port;
} schemes[] = {
    {"amqp", BROKER_URL_AMQP, false, 5672},  {"amqps", BROKER_URL_AMQP, true, 5671},
    {"mqtt", BROKER_URL_MQTT, false, 1883},  {"mqtts", BROKER_URL_MQTT, true, 8883},
    {"direct", BROKER_URL_DIRECT, false, 0},
};

/* ---- slices ---- */

static const char *find(struct slice s, char c)
{
    return s.len ? memchr(s.at, c, s.len) : NULL;
}

static const char *find_last(struct slice s, char c)
{
    while (s.len)
        if (s.at[--s.len] == c)
            return s.at + s.len;
    return NULL;
}

/* Takes what is before `at` off *s, and the character there unless keep_it. */
static struct slice cut_at(struct slice *s, const char *at, bool keep_it)
{
    struct slice before = {s->at, (size_t)(at - s->at)};
    size_t gone = before.len + (keep_it ? 0 : 1);

    s->at += gone;
    s->len -= gone;
    return before;
}

/* Takes what is before the first c off *s, and c; all of it if there is none. */
static struct slice cut(struct slice *s, char c)
{
    const char *at = find(*s, c);
    struct slice all = *s;

    if (at)
        return cut_at(s, at, false);
    *s = (struct slice){s->at + s->len, 0};
    return all;
}

static bool is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

static bool consists_of(struct slice s, const char *characters)
{
    for (size_t i = 0; i < s.len; i++)
        if (!s.at[i] || !strchr(characters, s.at[i]))
            return false;
    return true;
}

/* Returns it, or -1: no number, or above max. */
static int number(struct slice s, int max)
{
    int n = 0;

    if (s.len == 0 || s.len > 9 || !consists_of(s, DIGITS))
        return -1;
    for (size_t i = 0; i < s.len; i++)
        n = 10 * n + (s.at[i] - '0');
    return n > max ? -1 : n;
}

/* ---- texts ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Copies s decoded to *to, with a NUL, and moves *to behind that. */
static int decode(struct slice s, const char *what, char **to, const char **ret,
                  struct msgflo_error *e)
{
    char *out = *to;

    for (size_t i = 0; i < s.len; i++) {
        int high = -1, low = -1;

        if (s.at[i] != '%') {
            *out++ = s.at[i];
            continue;
        }
        if (i + 2 < s.len) {
            high = hex_digit(s.at[i + 1]);
            low = hex_digit(s.at[i + 2]);
        }
        if (high < 0 || low < 0)
            return fail(e, MSGFLO_INVALID,
                        "the %s in the broker's URL has a %% without two hex digits (a %% itself "
                        "is written %%25)",
                        what);
        if (high + low == 0)
            return fail(e, MSGFLO_INVALID, "the %s in the broker's URL holds a NUL", what);
        *out++ = (char)(16 * high + low);
        i += 2;
    }
    *out++ = '\0';
    *ret = *to;
    *to = out;
    return 0;
}

static void copy(struct slice s, char **to, const char **ret)
{
    memcpy(*to, s.at, s.len);
    (*to)[s.len] = '\0';
    *ret = *to;
    *to += s.len + 1;
}

/* ---- parts ---- */

/* NULL with *e. */
static const struct scheme *take_scheme(struct slice *s, struct msgflo_error *e)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t len = strlen(schemes[i].name);

        if (s->len >= len + 3 && strncasecmp(s->at, schemes[i].name, len) == 0 &&
            memcmp(s->at + len, "://", 3) == 0) {
            (void)cut_at(s, s->at + len + 3, true);
            return &schemes[i];
        }
    }
    fail(e, MSGFLO_INVALID,
         "the broker's URL must start with amqp://, amqps://, mqtt:// or mqtts://");
    return NULL;
}

static int take_login(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    bool has_password = find(s, ':') != NULL;
    struct slice user = cut(&s, ':');

    if (decode(user, "user", to, &u->user, e))
        return -1;
    if (has_password)
        return decode(s, "password", to, &u->password, e);
    if (u->kind == BROKER_URL_AMQP)
        u->password = "";
    return 0;
}

static int take_ipv6(struct slice address, struct broker_url *u, char **to, struct msgflo_error *e)
{
    unsigned char bytes[16];

    if (address.len < INET6_ADDRSTRLEN) {
        copy(address, to, &u->host);
        if (inet_pton(AF_INET6, u->host, bytes) == 1)
            return 0;
    }
    return fail(e, MSGFLO_INVALID,
                "the broker's URL has something in brackets that is no IPv6 address");
}

static int take_name(struct slice name, struct broker_url *u, char **to, struct msgflo_error *e)
{
    if (name.len == 0)
        return fail(e, MSGFLO_INVALID, "the broker's URL has no host");
    if (name.len > BROKER_HOST_MAX_BYTES)
        return fail(e, MSGFLO_INVALID, "the host in the broker's URL is longer than %d bytes",
                    BROKER_HOST_MAX_BYTES);
    if (!consists_of(name, LETTERS DIGITS "-._"))
        return fail(e, MSGFLO_INVALID,
                    "the host in the broker's URL is no host name (an @ / ? # or : in a user or "
                    "password is written as %% and two hex digits)");
    copy(name, to, &u->host);
    return 0;
}

static int take_host(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    const char *bracket = s.len && s.at[0] == '[' ? find(s, ']') : NULL;

    if (bracket) {
        struct slice address = cut_at(&s, bracket, false);

        address.at++;
        address.len--;
        if (take_ipv6(address, u, to, e))
            return -1;
        if (s.len && s.at[0] != ':')
            return fail(e, MSGFLO_INVALID,
                        "the broker's URL has something between the IPv6 address and the port");
        (void)cut(&s, ':');
    } else if (take_name(cut(&s, ':'), u, to, e)) {
        return -1;
    }
    if (s.len)
        u->port = number(s, 65535);
    if (u->port < 1)
        return fail(e, MSGFLO_INVALID, "the port in the broker's URL is no number from 1 to 65535");
    return 0;
}

static int take_authority(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    const char *at = find_last(s, '@'); /* a password may hold one unescaped */

    if (at && take_login(cut_at(&s, at, false), u, to, e))
        return -1;
    return take_host(s, u, to, e);
}

/* The path without its first slash. */
static int take_path(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    if (u->kind == BROKER_URL_MQTT)
        return s.len == 0 ? 0
                          : fail(e, MSGFLO_INVALID,
                                 "the broker's URL has a path, but MQTT has no virtual hosts");
    if (s.len == 0)
        return 0;
    if (decode(s, "virtual host", to, &u->vhost, e))
        return -1;
    if (strlen(u->vhost) > BROKER_VHOST_MAX_BYTES)
        return fail(e, MSGFLO_INVALID,
                    "the virtual host in the broker's URL is longer than %d bytes",
                    BROKER_VHOST_MAX_BYTES);
    return 0;
}

static int take_clean_session(struct slice value, struct broker_url *u, struct msgflo_error *e)
{
    u->clean_session = is(value, "true") || is(value, "1");
    if (!u->clean_session && !is(value, "false") && !is(value, "0"))
        return fail(e, MSGFLO_INVALID,
                    "cleanSession in the broker's URL is neither true nor false");
    return 0;
}

static int take_keep_alive(struct slice value, struct broker_url *u, struct msgflo_error *e)
{
    u->keep_alive_s = number(value, BROKER_KEEP_ALIVE_MAX_S);
    if (u->keep_alive_s < 0)
        return fail(e, MSGFLO_INVALID,
                    "keepAlive in the broker's URL is no number of seconds from 0 to %d",
                    BROKER_KEEP_ALIVE_MAX_S);
    return 0;
}

static int take_query(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    while (s.len) {
        struct slice value = cut(&s, '&');
        struct slice name = cut(&value, '=');

        if (is(name, "clientId") && u->client_id)
            return fail(e, MSGFLO_INVALID, "the broker's URL has two clientIds");
        if (is(name, "clientId") && decode(value, "clientId", to, &u->client_id, e))
            return -1;
        if (is(name, "keepAlive") && take_keep_alive(value, u, e))
            return -1;
        if (is(name, "cleanSession") && take_clean_session(value, u, e))
            return -1;
    }
    if (u->client_id && !u->client_id[0])
        return fail(e, MSGFLO_INVALID, "the clientId in the broker's URL is empty");
    if (!u->clean_session && !u->client_id) /* a session is found again by that (MQTT-3.1.3-8) */
        return fail(e, MSGFLO_INVALID,
                    "cleanSession=false in the broker's URL needs a clientId, too");
    return 0;
}

static int take_parts(struct slice s, struct broker_url *u, char **to, struct msgflo_error *e)
{
    struct slice hierarchy = cut(&s, '?'), query = s;
    struct slice authority = cut(&hierarchy, '/'), path = hierarchy;

    if (u->kind == BROKER_URL_AMQP) {
        u->user = u->password = "guest"; /* RabbitMQ's, from the machine itself only */
        u->vhost = "/";
    }
    if (take_authority(authority, u, to, e) || take_path(path, u, to, e))
        return -1;
    return u->kind == BROKER_URL_MQTT ? take_query(query, u, to, e) : 0;
}

static int check_characters(struct slice s, struct msgflo_error *e)
{
    if (s.len > BROKER_URL_MAX_BYTES)
        return fail(e, MSGFLO_INVALID, "the broker's URL is longer than %d bytes",
                    BROKER_URL_MAX_BYTES);
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.at[i] <= ' ' || s.at[i] == 0x7f)
            return fail(e, MSGFLO_INVALID,
                        "the broker's URL holds a blank or control character: byte %zu", i + 1);
    if (find(s, '#'))
        return fail(e, MSGFLO_INVALID, "the broker's URL holds a #, which is to be written %%23");
    return 0;
}

int broker_url_parse(const char *url, size_t len, struct broker_url *ret, struct msgflo_error *e)
{
    struct slice s = {url, len};
    struct broker_url u = {.keep_alive_s = -1, .clean_session = true};
    const struct scheme *scheme = check_characters(s, e) ? NULL : take_scheme(&s, e);
    char *to;
    int failed;

    if (!scheme)
        return -1;
    u.kind = scheme->kind;
    u.tls = scheme->tls;
    u.port = scheme->port;
    u.texts = to = malloc(s.len + TEXTS_MAX);
    if (!to)
        return fail(e, MSGFLO_NOMEM, "no memory for the broker's URL");
    if (u.kind == BROKER_URL_DIRECT) {
        copy(s, &to, &u.host);
        failed = s.len ? 0 : fail(e, MSGFLO_INVALID, "direct:// is followed by no name");
    } else {
        failed = take_parts(s, &u, &to, e);
    }
    if (failed) {
        broker_url_release(&u);
        return -1;
    }
    *ret = u;
    return 0;
}

void broker_url_release(struct broker_url *u)
{
    free(u->texts);
    *u = (struct broker_url){.kind = BROKER_URL_AMQP};
}
