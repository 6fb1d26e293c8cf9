#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *log_prefix = "";
static enum log_level log_least = LOG_INFO;

void log_init(const char *prefix, enum log_level least)
{
    log_prefix = prefix;
    log_least = least;
}

/* How much of what a printf wanted to write to size bytes, a NUL among them, is there. */
static size_t told(int wanted, size_t size)
{
    if (wanted < 0)
        return 0;
    return (size_t)wanted < size ? (size_t)wanted : size - 1;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char line[LOG_LINE_MAX];
    va_list args;
    size_t len;

    if (level < log_least)
        return;
    len = told(snprintf(line, sizeof line, "level=%s %s%sevent=%s ", names[level], log_prefix,
                        log_prefix[0] ? " " : "", event),
               sizeof line);
    va_start(args, fmt);
    len += told(vsnprintf(line + len, sizeof line - len, fmt, args), sizeof line - len);
    va_end(args);
    line[len++] = '\n';
    if (write(STDOUT_FILENO, line, len) < 0) {
        /* nobody reads the log: nothing better to do than to go on */
    }
}

#define QUOTE_SLOTS 8
#define QUOTE_SIZE 1010

static char *next_slot(void)
{
    static _Thread_local char slots[QUOTE_SLOTS][QUOTE_SIZE];
    static _Thread_local unsigned turn;

    return slots[turn++ % QUOTE_SLOTS];
}

const char *log_quote(const char *text)
{
    char *out = next_slot(), *p = out;

    *p++ = '"';
    for (; *text && p < out + QUOTE_SIZE - 8; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = (char)c;
        } else if (c == '\n') {
            *p++ = '\\';
            *p++ = 'n';
        } else if (c < 0x20 || c == 0x7f) {
            p += snprintf(p, 7, "\\u%04x", c);
        } else {
            *p++ = (char)c;
        }
    }
    *p++ = '"';
    *p = '\0';
    return out;
}

const char *log_url(const char *url)
{
    const char *scheme = strstr(url, "://"), *start, *end, *at = NULL, *colon;
    char *out = next_slot();

    start = scheme ? scheme + 3 : url;
    end = start + strcspn(start, "/?#");
    for (const char *p = start; p < end; p++)
        if (*p == '@')
            at = p; /* the last one: a password may hold one unescaped */
    colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon)
        snprintf(out, QUOTE_SIZE, "%.*s:xxx%s", (int)(colon - url), url, at);
    else
        snprintf(out, QUOTE_SIZE, "%s", url);
    return out;
}
