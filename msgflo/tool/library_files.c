#include "tool/library_files.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tool/files.h"

#define DEFAULT_FILE "package.json"

struct names {
    struct dirent **entries; /* of scandir() */
    const char **names;
    size_t n;
};

static void names_release(struct names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entries[i]);
    free(l->entries);
    free(l->names);
}

/* In the order of their names, so that a list of components is the same everywhere. */
static int read_names(const char *folder, struct names *ret, struct err *e)
{
    int n = scandir(folder, &ret->entries, NULL, alphasort);

    if (n < 0 && errno == ENOENT)
        return 0;
    if (n < 0)
        return err_set(e, ERR_INPUT, "%s: %s", folder, strerror(errno));
    ret->n = (size_t)n;
    ret->names = calloc(ret->n + 1, sizeof(*ret->names));
    if (!ret->names)
        return err_set(e, ERR_NOMEM, "no memory for a component library");
    for (size_t i = 0; i < ret->n; i++)
        ret->names[i] = ret->entries[i]->d_name;
    return 0;
}

static json_t *read_config(const char *file, struct err *e)
{
    if (!file && access(DEFAULT_FILE, F_OK))
        return json_object();
    return file_read_json(file ? file : DEFAULT_FILE, e);
}

int library_load(const char *file, const char *folder, struct library **ret, struct err *e)
{
    AUTO(names_release) struct names names = {0};
    struct library_folder files = {folder, NULL, 0};
    struct err cause = ERR_INIT;
    json_t *config;
    int rc;

    if (folder && *folder && read_names(folder, &names, e))
        return -1;
    files.names = names.names;
    files.n = names.n;
    config = read_config(file, e);
    if (!config)
        return -1;
    rc = library_from_json(config, &files, ret, &cause);
    json_decref(config);
    return rc ? err_set(e, cause.code, "%s: %s", file ? file : DEFAULT_FILE, cause.text) : 0;
}
