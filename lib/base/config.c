#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *config_env(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int config_parse_number(const char *text, int64_t *ret)
{
    const char *digits = *text == '-' ? text + 1 : text;
    int64_t n;

    if (!*digits || digits[strspn(digits, "0123456789")])
        return -1;
    errno = 0;
    n = strtoll(text, NULL, 10);
    if (errno)
        return -1;
    *ret = n;
    return 0;
}

static int load_number(const struct config_setting *s, const char *name, const char *value,
                       char *field, struct buf *problems)
{
    int64_t n;

    if (config_parse_number(value, &n) || n < s->min || n > s->max) {
        buf_printf(problems, "%s: must be %" PRId64 "..%" PRId64 "%s%s, is '%.60s'\n", name, s->min,
                   s->max, *s->unit ? " " : "", s->unit, value);
        return -1;
    }
    memcpy(field, &n, sizeof n);
    return 0;
}

static int load_text(const struct config_setting *s, const char *name, const char *value,
                     char *field, struct buf *problems)
{
    AUTO(buf_release) struct buf why = BUF_INIT;

    if (s->check && s->check(value, &why)) {
        buf_printf(problems, "%s: %s\n", name, why.data ? why.data : "not valid");
        return -1;
    }
    memcpy(field, &value, sizeof value);
    return 0;
}

static int load_one(const struct config_setting *s, char *base, struct buf *problems)
{
    const char *name = s->name, *value = config_env(s->name), *none = NULL;
    char *field = base + s->offset;

    if (!value && s->fallback && config_env(s->fallback)) {
        name = s->fallback;
        value = config_env(s->fallback);
    }
    if (!value)
        value = s->value_default;
    if (value && s->kind == CONFIG_NUMBER)
        return load_number(s, name, value, field, problems);
    if (value)
        return load_text(s, name, value, field, problems);
    if (s->kind == CONFIG_TEXT)
        memcpy(field, &none, sizeof none);
    return 0;
}

int config_load(const struct config_setting *table, size_t n, unsigned program, void *ret,
                struct buf *problems)
{
    int bad = 0;

    for (size_t i = 0; i < n; i++)
        if (table[i].used_by & program)
            bad |= load_one(&table[i], ret, problems);
    return bad ? -1 : 0;
}
