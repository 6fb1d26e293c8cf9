#include "tool/config_source.h"

#include <string.h>

#include "base/config.h"
#include "config/settings.h"
#include "tool/file.h"

static int copy_text(const char *text, const char *name, struct buf *ret, struct err *e)
{
    ret->max_bytes = SETTINGS_MAX_BYTES;
    return buf_text(ret, text)
               ? err_set(e, ERR_LIMIT, "%s: more than %zu bytes", name, SETTINGS_MAX_BYTES)
               : 0;
}

/* A text is not told from a path by what files there are: a typing error would run another. */
static int read_environment(const char *value, struct config_source *ret, struct err *e)
{
    struct err cause = ERR_INIT;

    ret->name = "GUV_CONFIG";
    if (strchr(value, '\n') || strstr(value, ": "))
        return copy_text(value, ret->name, &ret->text, e);
    if (file_read(value, SETTINGS_MAX_BYTES, &ret->text, &cause) == 0) {
        ret->name = value;
        return 0;
    }
    return err_set(e, cause.code,
                   "GUV_CONFIG has no line break and no ': ' and so names a file: %s", cause.text);
}

static int read_default(struct config_source *ret, struct err *e)
{
    struct err cause = ERR_INIT;

    ret->name = CONFIG_SOURCE_DEFAULT;
    if (file_read(ret->name, SETTINGS_MAX_BYTES, &ret->text, &cause) == 0)
        return 0;
    return err_set(e, cause.code,
                   "%s; name a file with -f, give its text with --config or set "
                   "GUV_CONFIG",
                   cause.text);
}

static int read_source(const char *file, const char *text, struct config_source *ret, struct err *e)
{
    if (file && text)
        return err_set(e, ERR_INPUT, "--file and --config exclude each other");
    if (text) {
        ret->name = "--config";
        return copy_text(text, ret->name, &ret->text, e);
    }
    if (file) {
        ret->name = file;
        return file_read(file, SETTINGS_MAX_BYTES, &ret->text, e);
    }
    return config_env("GUV_CONFIG") ? read_environment(config_env("GUV_CONFIG"), ret, e)
                                    : read_default(ret, e);
}

int config_source_read(const char *file, const char *text, struct config_source *ret, struct err *e)
{
    *ret = (struct config_source)CONFIG_SOURCE_INIT;
    if (read_source(file, text, ret, e) == 0)
        return 0;
    config_source_release(ret);
    return -1;
}

void config_source_release(struct config_source *source)
{
    buf_release(&source->text);
    source->name = NULL;
}
