#include "parameters.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

#define MOMENT_SIZE 48
#define MOMENT_MAX_MS INT64_C(253402300799999) /* the last of the year 9999, as RFC 3339 has it */
#define SPAN_DIGITS_MAX 10                     /* so many fit when they are days */

void parameters_init(struct parameters *p, const char *const *names)
{
    memset(p, 0, sizeof *p);
    for (; names[p->count]; p->count++)
        p->list[p->count].name = names[p->count];
}

void parameters_release(struct parameters *p)
{
    problems_release(&p->problems);
}

static void add_unknown(struct parameters *p, const char *name)
{
    AUTO(buf_release) struct buf names = BUF_INIT;

    for (size_t i = 0; i < p->count; i++)
        buf_printf(&names, "%s%s", i ? ", " : "", p->list[i].name);
    problems_add_parameter(&p->problems, name, "unknown parameter; there are %s",
                           names.failed ? "others" : names.data);
}

static struct parameter *find(struct parameters *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return &p->list[i];
    return NULL;
}

static bool is_clean(const char *text, size_t len)
{
    return strlen(text) == len && !strchr(text, '%');
}

void parameters_take(struct parameters *p, const char *name, size_t name_len, const char *value,
                     size_t value_len)
{
    struct parameter *known;

    if (name_len == 0 && !value)
        return; /* "?" and "&&" */
    known = strlen(name) == name_len ? find(p, name) : NULL;
    if (!value)
        value = "";
    if (!known)
        add_unknown(p, name);
    else if (known->value)
        problems_add_parameter(&p->problems, name, "is given more than once");
    else if (!is_clean(value, value_len))
        problems_add_parameter(&p->problems, name, "holds a percent-escape that is none");
    else
        known->value = value;
}

const char *parameters_value(const struct parameters *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->list[i].name, name) == 0)
            return p->list[i].value;
    return NULL;
}

int parameters_span(const char *value, int64_t *ret_ms)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    const size_t digits = strspn(value, "0123456789");
    const char *unit = value[digits] ? strchr(units, value[digits]) : NULL;
    int64_t n = 0;

    if (digits < 1 || digits > SPAN_DIGITS_MAX || !unit || value[digits + 1])
        return -1;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (value[i] - '0');
    *ret_ms = n * unit_ms[unit - units];
    return n > 0 ? 0 : -1;
}

/* "2026-01-02T03:04:05 02:00" was written with a "+". */
static void restore_plus(char *text)
{
    const size_t len = strlen(text);

    if (len > 6 && text[len - 6] == ' ' && text[len - 3] == ':')
        text[len - 6] = '+';
}

int parameters_moment(struct parameters *p, const char *name, const char *value, int64_t now_ms,
                      int64_t *ret_wall_ms)
{
    char text[MOMENT_SIZE];
    int64_t span_ms, moment_ms;

    if (parameters_span(value, &span_ms) == 0) {
        if (span_ms > now_ms)
            return problems_add_parameter(&p->problems, name, "must not be before 1970");
        *ret_wall_ms = now_ms - span_ms;
        return 0;
    }
    snprintf(text, sizeof text, "%s", value);
    restore_plus(text);
    if (strlen(value) >= sizeof text || clock_parse_timestamp(text, &moment_ms) || moment_ms < 0 ||
        moment_ms > MOMENT_MAX_MS)
        return problems_add_parameter(
            &p->problems, name,
            "must be a time from 1970 to 9999, as 2026-01-02T03:04:05Z, or a "
            "span back from now, as 90s, 15m, 24h or 7d");
    *ret_wall_ms = moment_ms;
    return 0;
}
