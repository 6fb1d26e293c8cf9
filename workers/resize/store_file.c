/*
 * store_file.c - outputs as files of a folder that web sees too. A file appears under its name
 * only when all of it is on the disk. Writing blocks the loop: this store is for one machine.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/uuid.h"
#include "store_backend.h"

struct store_file {
    struct result_store base;
    int dir_fd;
    struct put_queue queue;
};

static struct store_file *of(const struct result_store *store)
{
    return (struct store_file *)(uintptr_t)store;
}

static int file_put(struct store_put *put, struct err *e)
{
    (void)e;
    put_queue_append(&of(put->store)->queue, put);
    return 0;
}

static void file_cancel(struct store_put *put)
{
    put_queue_remove(&of(put->store)->queue, put);
    free(put);
}

static int file_timeout_ms(const struct result_store *store)
{
    return of(store)->queue.first ? 0 : 60000;
}

/* Returns 0, or -1 with errno. */
static int copy_bytes(int from, int64_t len, int to)
{
    off_t at = 0;

    while (at < len) {
        ssize_t n = sendfile(to, from, &at, (size_t)(len - at));

        if (n == 0)
            errno = EIO;
        if (n <= 0 && errno != EINTR)
            return -1;
    }
    return 0;
}

/* Returns 0, or -1 with errno; the temporary name is then to be removed. */
static int write_file(int dir_fd, const struct store_item *item, const char *temporary)
{
    int fd = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), failed;

    if (fd < 0)
        return -1;
    failed = copy_bytes(item->fd, item->bytes, fd) || fsync(fd);
    if (close(fd) || failed)
        return -1;
    return renameat(dir_fd, temporary, dir_fd, item->name) || fsync(dir_fd) ? -1 : 0;
}

static void put_one(struct store_file *s, struct store_put *put)
{
    /* A process id would not tell containers apart that share the folder. */
    char unique[UUID_SIZE], temporary[OUTPUT_NAME_SIZE + UUID_SIZE + 2], detail[200];

    uuid_make(unique);
    snprintf(temporary, sizeof temporary, ".%s.%s", put->item.name, unique);
    if (write_file(s->dir_fd, &put->item, temporary) == 0) {
        store_put_end(put, STORE_OK, NULL);
        return;
    }
    snprintf(detail, sizeof detail, "the output folder: %s", strerror(errno));
    (void)unlinkat(s->dir_fd, temporary, 0);
    store_put_end(put, STORE_AWAY, detail);
}

static void file_service(struct result_store *store)
{
    struct store_put *put = put_queue_take(&of(store)->queue);

    if (put)
        put_one(of(store), put);
}

static void file_free(struct result_store *store)
{
    struct store_file *s = of(store);

    put_queue_free_all(&s->queue);
    if (s->dir_fd >= 0)
        close(s->dir_fd);
    free(s);
}

struct result_store *store_file_new(const struct output_target *target, struct err *e)
{
    static const struct store_kind kind = {.put = file_put,
                                           .cancel = file_cancel,
                                           .address = store_path_address,
                                           .timeout_ms = file_timeout_ms,
                                           .service = file_service,
                                           .free = file_free};
    struct store_file *s;

    s = calloc(1, sizeof *s);
    if (!s) {
        err_set(e, ERR_NOMEM, "a result store");
        return NULL;
    }
    s->base.kind = &kind;
    put_queue_init(&s->queue);
    s->dir_fd = open(target->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir_fd < 0 || faccessat(s->dir_fd, ".", W_OK | X_OK, AT_EACCESS)) {
        err_set(e, ERR_INPUT, "IMAGERESIZE_OUTPUT: the folder %s: %s", target->dir,
                strerror(errno));
        file_free(&s->base);
        return NULL;
    }
    return &s->base;
}
