#include "outputs.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "job/image.h"

#define HASH_DIGITS 16

static const char *type_of(const char *name)
{
    const char *extension = strrchr(name, '.') + 1; /* a valid name has one */

    for (int format = FORMAT_JPEG; format <= FORMAT_AVIF; format++)
        if (strcmp(extension, image_format_extension((enum image_format)format)) == 0)
            return image_format_type((enum image_format)format);
    return "application/octet-stream";
}

void outputs_describe(struct answer *a, const char *name)
{
    snprintf(a->etag, sizeof a->etag, "\"%.*s\"", HASH_DIGITS, name + UUID_SIZE);
    a->content_type = type_of(name);
    a->cache_control = "public, max-age=31536000, immutable";
}

void outputs_open_file(struct answer *a, const struct output_target *target, const char *name)
{
    char path[OUTPUT_DIR_SIZE + OUTPUT_NAME_SIZE + 1];
    struct stat st;
    int fd;

    snprintf(path, sizeof path, "%s/%s", target->dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        answer_problem(a, 404, "there is no such output");
        return;
    }
    a->status = 200;
    outputs_describe(a, name);
    a->fd = fd;
    a->body_len = (size_t)st.st_size;
}
