#include "tool/graph_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "graph/fbp.h"
#include "graph/graph_json.h"
#include "tool/files.h"

#define NEW_FILE_MODE 0666 /* less the umask, as of any file that is made */

static bool ends_in(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);

    return len > n && strcmp(path + len - n, ending) == 0;
}

bool graph_file_is_named_well(const char *path)
{
    return ends_in(path, ".fbp") || ends_in(path, ".json");
}

/* ---- the text */

static int write_json(const struct graph *g, struct buf *out)
{
    json_t *json = graph_to_json(g);
    AUTO(text_freep) char *text = json ? graph_value_text(json, JSON_INDENT(2)) : NULL;

    json_decref(json);
    return text ? buf_printf(out, "%s\n", text) : -1;
}

/* Editors may send more, and deeper, than a file may have. */
static int check_readable(const char *path, const struct buf *text, struct err *e)
{
    struct graph *g = NULL;
    json_t *json;
    int rc;

    if (text->len > FILE_MAX_BYTES)
        return err_set(e, ERR_LIMIT, "longer than %d bytes", FILE_MAX_BYTES);
    if (ends_in(path, ".fbp")) {
        rc = fbp_parse(text->data, text->len, NULL, &g, NULL, NULL, e);
    } else {
        json = json_loadb(text->data, text->len, JSON_ALLOW_NUL, NULL);
        rc = json ? graph_from_json(json, &g, e) : err_set(e, ERR_INPUT, "no JSON");
        json_decref(json);
    }
    graph_free(g);
    return rc;
}

static int write_text(const char *path, const struct graph *g, struct buf *out, struct err *e)
{
    struct err why = ERR_INIT;
    size_t at;
    int rc;

    if (!graph_file_is_named_well(path))
        return err_set(e, ERR_INPUT, "%s: a graph's file ends in .fbp or .json", path);
    rc = graph_check(g, &at, &why);
    if (rc == 0)
        rc = ends_in(path, ".fbp") ? fbp_write(g, out, &why) : write_json(g, out);
    if (rc == 0 && !out->failed)
        rc = check_readable(path, out, &why);
    if (rc && why.code != ERR_NONE)
        return err_set(e, why.code, "%s: %s", path, why.text);
    return rc || out->failed ? err_set(e, ERR_NOMEM, "%s: no memory", path) : 0;
}

/* ---- the file */

static int fail(const char *path, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s: %s: %s", path, what, strerror(errno));
}

/* The file that path stands for in the end, so that a link to it is not replaced; new. */
static char *real_path(const char *path)
{
    char *real = realpath(path, NULL);

    return real || errno != ENOENT ? real : strdup(path);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    mode_t mask;

    if (stat(path, &st) == 0)
        return st.st_mode & 07777;
    mask = umask(0);
    umask(mask);
    return NEW_FILE_MODE & ~mask;
}

static int write_all(int fd, const struct buf *text)
{
    size_t done = 0;

    while (done < text->len) {
        ssize_t n = write(fd, text->data + done, text->len - done);

        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* The text on the disk, in a new file whose name mkstemp() makes of `name`. */
static int write_new(char *name, mode_t mode, const struct buf *text)
{
    int fd = mkstemp(name), error;

    if (fd < 0)
        return -1;
    if (fchmod(fd, mode) || write_all(fd, text) || fsync(fd)) {
        error = errno;
        close(fd);
        unlink(name);
        errno = error;
        return -1;
    }
    return close(fd);
}

/* A new name is on the disk once its folder is. */
static int sync_folder(char *path)
{
    int fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd < 0 ? -1 : fsync(fd);

    if (fd >= 0)
        close(fd);
    return rc;
}

int graph_file_save(const char *path, const struct graph *g, struct err *e)
{
    AUTO(buf_release) struct buf text = BUF_INIT, name = BUF_INIT;
    AUTO(text_freep) char *real = real_path(path);

    if (!real)
        return fail(path, "cannot be found", e);
    if (write_text(path, g, &text, e))
        return -1;
    if (buf_printf(&name, "%s.XXXXXX", real))
        return err_set(e, ERR_NOMEM, "%s: no memory", path);
    if (write_new(name.data, mode_of(real), &text))
        return fail(path, "cannot be written", e);
    if (rename(name.data, real)) {
        fail(path, "cannot be replaced", e);
        unlink(name.data);
        return -1;
    }
    return sync_folder(real) ? fail(path, "its folder cannot be synced", e) : 0;
}
