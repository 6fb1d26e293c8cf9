#include "headers.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/uuid.h"

#define ALPHANUMERICS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char *skip_blanks(const char *p)
{
    return p + strspn(p, " \t");
}

/* The seconds in `=N` or `="N"`, clamped; -1 for another text. */
static int wait_seconds(const char *p)
{
    int seconds = 0;
    bool quoted;
    size_t digits;

    p = skip_blanks(p);
    if (*p++ != '=')
        return -1;
    p = skip_blanks(p);
    quoted = *p == '"';
    p += quoted;
    digits = strspn(p, "0123456789");
    if (digits == 0)
        return -1;
    for (size_t i = 0; i < digits && seconds <= WAIT_MAX_S; i++)
        seconds = seconds * 10 + (p[i] - '0');
    p += digits;
    if (quoted && *p++ != '"')
        return -1;
    p = skip_blanks(p);
    if (*p && *p != ',' && *p != ';')
        return -1;
    return seconds > WAIT_MAX_S ? WAIT_MAX_S : seconds;
}

int header_prefer_wait(const char *prefer)
{
    while (prefer && *prefer) {
        size_t name;

        prefer += strspn(prefer, " \t,");
        name = strspn(prefer, ALPHANUMERICS "!#$%&'*+-.^_`|~");
        if (name == 4 && strncasecmp(prefer, "wait", 4) == 0)
            return wait_seconds(prefer + name); /* RFC 7240, 2: the first one counts */
        prefer += strcspn(prefer, ",");
    }
    return -1;
}

static const char *opaque_tag(const char *etag)
{
    return strncmp(etag, "W/", 2) == 0 ? etag + 2 : etag;
}

bool header_none_match(const char *if_none_match, const char *etag)
{
    const char *p = if_none_match, *wanted = opaque_tag(etag);
    const size_t len = strlen(wanted);

    if (!p)
        return false;
    if (strcmp(skip_blanks(p), "*") == 0)
        return true;
    while (*(p += strspn(p, " \t,"))) {
        const char *end;

        p = opaque_tag(p);
        end = *p == '"' ? strchr(p + 1, '"') : NULL;
        if (!end)
            return false; /* no list of tags: as if it had none of ours */
        if ((size_t)(end + 1 - p) == len && strncmp(p, wanted, len) == 0)
            return true;
        p = end + 1;
    }
    return false;
}

void header_request_id(const char *given, char ret[REQUEST_ID_SIZE])
{
    const size_t len = given ? strlen(given) : 0;

    if (len >= 8 && len < REQUEST_ID_SIZE && strspn(given, ALPHANUMERICS "._-+/=") == len)
        memcpy(ret, given, len + 1);
    else
        uuid_make(ret);
}

bool header_is_json(const char *content_type)
{
    static const char type[] = "application/json", charset[] = "charset=";
    const char *p = content_type;

    if (!p || strncasecmp(p, type, sizeof type - 1) != 0)
        return false;
    p = skip_blanks(p + sizeof type - 1);
    if (*p == '\0')
        return true;
    if (*p != ';')
        return false;
    p = skip_blanks(p + 1);
    if (strncasecmp(p, charset, sizeof charset - 1) != 0)
        return true;
    p += sizeof charset - 1;
    return strcasecmp(p, "utf-8") == 0 || strcasecmp(p, "\"utf-8\"") == 0;
}

int header_base_url(const char *public_url, const char *forwarded_proto, const char *host,
                    char ret[BASE_URL_SIZE])
{
    const char *scheme = "http";
    size_t len;
    int written;

    if (public_url) {
        len = strlen(public_url);
        while (len > 0 && public_url[len - 1] == '/')
            len--;
        written = snprintf(ret, BASE_URL_SIZE, "%.*s", (int)len, public_url);
        return written < BASE_URL_SIZE ? 0 : -1;
    }
    if (!host || !*host || host[strspn(host, ALPHANUMERICS ".-_:[]")])
        return -1;
    if (forwarded_proto && strncasecmp(forwarded_proto, "https", 5) == 0 &&
        (forwarded_proto[5] == '\0' || forwarded_proto[5] == ','))
        scheme = "https"; /* the first proxy's word: it is the one the client reached */
    written = snprintf(ret, BASE_URL_SIZE, "%s://%s", scheme, host);
    return written < BASE_URL_SIZE ? 0 : -1;
}
