#include "loopback.h"

#include <string.h>

#include "base/config.h"

/* ":PORT", "" or either with a slash after it. */
static bool is_port(const char *text)
{
    char digits[8] = "";
    size_t len = strcspn(text, "/");
    int64_t port = 1;

    if (text[len] == '/' && text[len + 1])
        return false;
    if (len == 0)
        return true;
    if (*text != ':' || len > sizeof digits)
        return false;
    memcpy(digits, text + 1, len - 1);
    return config_parse_number(digits, &port) == 0 && port >= 1 && port <= 65535;
}

bool loopback_is_http(const char *url)
{
    static const char *const bases[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};

    for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
        const size_t len = strlen(bases[i]);

        if (strncmp(url, bases[i], len) == 0)
            return is_port(url + len);
    }
    return false;
}
