#include "tool/ws_handshake.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/sha.h>

#define KEY_LEN 24 /* base64 of 16 bytes */

bool ws_has_token(const char *list, const char *token)
{
    size_t len = strlen(token);

    while (list && *list) {
        size_t n;

        list += strspn(list, ", \t");
        n = strcspn(list, ", \t");
        if (n == len && strncasecmp(list, token, len) == 0)
            return true;
        list += n;
    }
    return false;
}

void ws_accept_key(const char *key, char ret[WS_ACCEPT_SIZE])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, section 1.3 */
    unsigned char text[KEY_LEN + sizeof guid], hash[SHA_DIGEST_LENGTH];
    int len = snprintf((char *)text, sizeof text, "%.*s%s", KEY_LEN, key, guid);

    SHA1(text, (size_t)len, hash);
    EVP_EncodeBlock((unsigned char *)ret, hash, sizeof hash);
}

/* ---- origins */

/* Cuts the port off a Host field: "[::1]:80" gives "::1". False if that leaves nothing, or does not
 * fit. */
static bool host_name(const char *host, char *ret, size_t size)
{
    bool bracketed = host[0] == '[';
    const char *start = host + bracketed;
    size_t len = strcspn(start, bracketed ? "]" : ":");

    if (len == 0 || len >= size || (bracketed && start[len] != ']'))
        return false;
    memcpy(ret, start, len);
    ret[len] = '\0';
    return true;
}

/* Names that no stranger's name server can point at us. */
static bool is_own_name(const char *name, const char *configured)
{
    unsigned char address[sizeof(struct in6_addr)];

    return strcasecmp(name, "localhost") == 0 || strcasecmp(name, configured) == 0 ||
           inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

static bool is_own_page(const char *origin, const char *host, const char *configured)
{
    static const char scheme[] = "http://";
    char name[256];

    return host && strncasecmp(origin, scheme, sizeof scheme - 1) == 0 &&
           strcasecmp(origin + sizeof scheme - 1, host) == 0 &&
           host_name(host, name, sizeof name) && is_own_name(name, configured);
}

bool ws_origin_is_allowed(const char *origin, const char *host, const struct ws_origins *origins)
{
    for (size_t i = 0; i < origins->n_allowed; i++)
        if (strcmp(origins->allowed[i], "*") == 0 || strcasecmp(origins->allowed[i], origin) == 0)
            return true;
    return is_own_page(origin, host, origins->host);
}

/* ---- the request */

bool ws_is_upgrade(const struct ws_request *r)
{
    return r->upgrade || r->key || ws_has_token(r->connection, "upgrade");
}

static bool is_key(const char *key)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return strlen(key) == KEY_LEN && strspn(key, base64) == KEY_LEN - 2 &&
           strcmp(key + KEY_LEN - 2, "==") == 0;
}

static unsigned refuse(unsigned status, const char *why, const char **ret_why)
{
    *ret_why = why;
    return status;
}

unsigned ws_check_request(const struct ws_request *r, const struct ws_origins *origins,
                          const char **ret_why)
{
    if (strcmp(r->http_version, "HTTP/1.1") != 0)
        return refuse(400, "A WebSocket needs HTTP/1.1.", ret_why);
    if (!ws_has_token(r->upgrade, "websocket") || !ws_has_token(r->connection, "upgrade"))
        return refuse(400, "The only upgrade here is to websocket.", ret_why);
    if (!r->version || strcmp(r->version, "13") != 0)
        return refuse(426, "Sec-WebSocket-Version must be 13.", ret_why);
    if (!r->key || !is_key(r->key))
        return refuse(400, "Sec-WebSocket-Key must be 16 bytes as base64.", ret_why);
    if (r->origin && !ws_origin_is_allowed(r->origin, r->host, origins))
        return refuse(403, "Pages of that origin may not connect: see --origin.", ret_why);
    *ret_why = NULL;
    return 101;
}
